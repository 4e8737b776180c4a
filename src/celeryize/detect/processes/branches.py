"""Which lines of a start script run: those of `case "$1" in worker)` and of `if [ "$1" = worker ]`.

One script often starts all processes of a project, by its first argument or by a variable. Only the
usual forms are read; a line in a branch that nobody understands may always run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

# "$1", "${1:-web}", $ROLE: the name, and the default
VARIABLE = r"[\"']?\$\{?(\w+)(?::?-([^}]*))?\}?[\"']?"
CASE = re.compile(rf"case\s+{VARIABLE}\s+in\b\s*(.*)")
BRANCH = re.compile(r"\(?\s*([^()\s$`;&]+(?:\s*\|\s*[^()\s$`;&]+)*)\s*\)\s*(.*)")
TEST = re.compile(
    rf"\[\[?\s+{VARIABLE}\s+(==?|!=)\s+[\"']?([\w.:-]+)[\"']?\s+\]\]?\s*(?:;\s*then\b\s*(.*))?$"
)
ALIAS = re.compile(rf"(?:export\s+|local\s+|readonly\s+)*(\w+)={VARIABLE}$")
FUNCTION = re.compile(r"(?:function\s+)?([\w-]+)\s*\(\)\s*\{?\s*$")


@dataclass(frozen=True, slots=True)
class Guard:
    """A branch: the argument (`1`) or variable that decides, and the values that lead into it.

    `default` is the value where it is not given, and `others`: all but these values do.
    """

    subject: str
    values: frozenset[str]
    default: str = ""
    others: bool = False

    def lets_in(self, arguments: Sequence[str], environment: Mapping[str, str]) -> bool:
        """Whether a process with these arguments and variables may get here."""
        if self.subject.isdigit():
            index = int(self.subject) - 1
            value = arguments[index] if 0 <= index < len(arguments) else self.default
        elif self.subject in environment:
            value = environment[self.subject]
        elif self.default:
            value = self.default
        else:
            # an env_file may give it
            return True
        return (value in self.values) is not self.others


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a script, without the words of the branch that begins or ends in it."""

    number: int
    text: str
    guards: tuple[Guard, ...]
    function: str = ""


@dataclass(slots=True)
class _Frame:
    """An open `case`, `if` or function; `guard` is that of the branch that is read just now."""

    kind: str
    subject: str = ""
    default: str = ""
    seen: set[str] = field(default_factory=set)
    guard: Guard | None = None


def branch_lines(lines: Iterator[tuple[int, str]]) -> tuple[Line, ...]:
    """The lines of a script with what decides about each; functions where they are called."""
    read = tuple(_Reader().read(lines))
    called = {line.function for line in read if line.function}
    found = []
    for line in read:
        if not line.function:
            found.append(line)
            continue
        callers = [one for one in read if one.text.split(" ")[0].rstrip(";") == line.function]
        found += [replace(line, guards=(*one.guards, *line.guards)) for one in callers] or [line]
    return tuple(line for line in found if line.text not in called)


class _Reader:
    """Reads a script line by line; the branches that are open are a stack."""

    def __init__(self) -> None:
        self._open: list[_Frame] = []
        self._aliases: dict[str, tuple[str, str]] = {}

    def read(self, lines: Iterator[tuple[int, str]]) -> Iterator[Line]:
        """The lines that are commands."""
        for number, raw in lines:
            text = self._without_branches(raw.strip())
            if text and not text.startswith("#"):
                guards = tuple(frame.guard for frame in self._open if frame.guard)
                function = next((f.subject for f in self._open if f.kind == "function"), "")
                ends = text.endswith(";;")
                yield Line(number, text.removesuffix(";;").strip().rstrip(";"), guards, function)
                if ends:
                    self._end_branch()

    def _without_branches(self, text: str) -> str:
        """What is left of a line when the branch that it opens or closes is read."""
        case = CASE.match(text)
        if case:
            subject, default = self._subject(case[1], case[2])
            self._open.append(_Frame("case", subject, default))
            return self._without_branches(case[3])
        if self._open and self._open[-1].kind == "case" and self._open[-1].guard is None:
            return self._in_case(text)
        return self._of_if(text)

    def _in_case(self, text: str) -> str:
        frame = self._open[-1]
        if text.startswith("esac"):
            self._open.pop()
            return ""
        branch = BRANCH.match(text)
        if branch is None:
            return ""
        values = {value.strip().strip("\"'") for value in branch[1].split("|")}
        if any("*" in value or "?" in value for value in values):
            frame.guard = Guard(frame.subject, frozenset(frame.seen), frame.default, others=True)
        else:
            frame.guard = Guard(frame.subject, frozenset(values), frame.default)
        frame.seen |= values
        if branch[2].strip() == ";;":
            self._end_branch()
            return ""
        return branch[2]

    def _of_if(self, text: str) -> str:
        alias = ALIAS.match(text)
        if alias:
            self._aliases[alias[1]] = self._subject(alias[2], alias[3])
        head, _, rest = text.partition(" ")
        match head.rstrip(";"):
            case "if":
                self._open.append(_Frame("if"))
                return self._test(rest)
            case "elif" if self._is_in("if"):
                return self._test(rest)
            case "else" if self._is_in("if"):
                self._otherwise()
                return rest.strip()
            case "fi" if self._is_in("if"):
                self._open.pop()
                return ""
            case "}" if self._is_in("function"):
                self._open.pop()
                return ""
            case "then":
                return rest.strip()
            case ";;":
                self._end_branch()
                return ""
        function = FUNCTION.match(text)
        if function:
            self._open.append(_Frame("function", function[1]))
            return ""
        return text

    def _test(self, text: str) -> str:
        """The guard of a condition; none where it is not a comparison of one variable."""
        frame = self._open[-1]
        test = TEST.match(text.strip())
        if test is None:
            frame.guard, frame.subject = None, "?"
            return ""
        subject, default = self._subject(test[1], test[2])
        if frame.subject not in {"", subject}:
            subject_of_all = "?"
        else:
            subject_of_all = subject
        frame.subject, frame.default = subject_of_all, default
        frame.guard = Guard(subject, frozenset({test[4]}), default, others=test[3] == "!=")
        if test[3] == "!=":
            frame.subject = "?"
        frame.seen.add(test[4])
        return test[5] or ""

    def _otherwise(self) -> None:
        frame = self._open[-1]
        frame.guard = None
        if frame.subject not in {"", "?"}:
            frame.guard = Guard(frame.subject, frozenset(frame.seen), frame.default, others=True)

    def _subject(self, name: str, default: str | None) -> tuple[str, str]:
        """The argument or variable that a name stands for, and its default."""
        known = self._aliases.get(name)
        if known:
            return known
        return name, (default or "").strip("\"'")

    def _is_in(self, kind: str) -> bool:
        return bool(self._open) and self._open[-1].kind == kind

    def _end_branch(self) -> None:
        for frame in reversed(self._open):
            if frame.kind == "case":
                frame.guard = None
                return
