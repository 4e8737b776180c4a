"""Which lines of a start script run: those of `case "$1" in worker)` and of `if [ "$1" = worker ]`.

One script often starts all processes of a project, by its first argument or by a variable. Only the
usual forms are read; a line in a branch that nobody understands may always run. What comes below a
branch that ends the script (`if [ "$1" = web ]; then exec ...; fi`) runs for all others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from celeryize.detect.processes.statements import (
    NotUnderstood,
    Statement,
    is_printed,
    split_statements,
)

# "$1", "${1:-web}", $ROLE: the name, and the default
VARIABLE = r"[\"']?\$\{?(\w+)(?::?-([^}]*))?\}?[\"']?"
CASE = re.compile(r"case\s+(.+?)\s+in(?:\s+(.*))?$", re.S)
SUBJECT = re.compile(rf"{VARIABLE}$")
BRANCH = re.compile(r"\(?\s*([^()\s$`;&]+(?:\s*\|\s*[^()\s$`;&]+)*)\s*\)\s*(.*)", re.S)
OTHER_BRANCH = re.compile(r"\(?(?:\\.|'[^']*'|\"[^\"]*\"|[^()'\"\\])+\)\s*(.*)", re.S)
COMPARISON = rf"(?:\[\[?|test)\s+{VARIABLE}\s+(==?|!=)\s+[\"']?([\w.:-]+)[\"']?(?:\s+\]\]?)?"
TEST = re.compile(rf"{COMPARISON}\s*$")
# [ "$1" = web ] && exec gunicorn config.wsgi
SHORT = re.compile(rf"{COMPARISON}\s*&&\s*([^&|{{]+)$")
ALIAS = re.compile(rf"(?:export\s+|local\s+|readonly\s+)*(\w+)={VARIABLE}$")
ASSIGNED = re.compile(r"(?:export\s+|local\s+|readonly\s+)*(\w+)=\S*$|read\s+(?:-\S+\s+)*(\w+)$")
FUNCTION = re.compile(r"(?:function\s+([\w-]+)\s*(?:\(\))?|([\w-]+)\s*\(\))\s*(\{)?\s*(.*)", re.S)
GROUP = re.compile(r"(?:^|\|\||&&)\s*\{(?:\s+|$)")
LOOP = re.compile(r"(?:for|while|until|select)\s")
# a redirection alone goes on
ENDS = re.compile(r"(?:exec\s+(?!\d*[<>]|&>)[^|&]+|(?:exit|return)(?:\s+[^\s()|&]+)?)$", re.S)
SHIFTS = re.compile(r"(?:shift|set\s+--)(?:\s|$)")
UNKNOWN = ("?", "")


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
        if "$" in value:
            return True
        return (value in self.values) is not self.others


@dataclass(frozen=True, slots=True)
class Line:
    """A command of a script, without the words of the branch that begins or ends in it."""

    number: int
    text: str
    guards: tuple[Guard, ...]
    function: str = ""


@dataclass(slots=True)
class _Frame:
    """What is open: the script, a `case`, `if`, loop, group or function.

    `guard` is that of the branch that is read just now. `sure`: the guards of its branches are all
    there is to know. `ends`: the branch ends the script. `below` are the guards of what follows in
    the branch, and `behind` those of what follows the frame.
    """

    kind: str
    subject: str = ""
    default: str = ""
    seen: set[str] = field(default_factory=set)
    guard: Guard | None = None
    inside: bool = False
    sure: bool = True
    ends: bool = False
    all_end: bool = True
    has_rest: bool = False
    below: list[Guard] = field(default_factory=list)
    behind: list[Guard] = field(default_factory=list)
    shifted: bool = False
    shifts: bool = False


def branch_lines(text: str) -> tuple[Line, ...]:
    """The commands of a script with what decides about each; functions where they are called."""
    try:
        read = tuple(_Reader().read(split_statements(text)))
    except NotUnderstood:
        return _all_lines(text)
    called = {line.function for line in read if line.function}
    found: list[Line] = []
    for line in read:
        if not line.function:
            found.append(line)
            continue
        callers = [one for one in read if one.text.split(" ")[0] == line.function]
        found += [_called_by(one, line) for one in callers if _may_call(one, line)]
        if not callers:
            found.append(line)
    return tuple(line for line in found if line.text not in called)


def _all_lines(text: str) -> tuple[Line, ...]:
    """Each line as one that may run; a backslash joins two."""
    found: list[Line] = []
    number = 1
    for joined in re.split(r"(?<!\\)\n", text):
        line = joined.replace("\\\n", " ").strip()
        if line[:1] not in {"", "#"}:
            found.append(Line(number, line.removesuffix(";;").strip().rstrip(";"), ()))
        number += joined.count("\n") + 1
    return tuple(found)


def _parted(text: str) -> tuple[str, ...]:
    """`celery worker || { ...` as a command, and the group behind it."""
    group = GROUP.search(text)
    if group is None or re.match(r"(?:\{|\[|test\s)", text) or "(" in text[: group.start()]:
        return (text,)
    return text[: group.start()].strip(), text[group.start() :]


def _may_call(caller: Line, line: Line) -> bool:
    """Whether a function that is called with these words gets to a line of it."""
    words = caller.text.split()[1:]
    if not words or "$" in words[0]:
        return True
    given = [word.strip("\"'") for word in words]
    return all(guard.lets_in(given, {}) for guard in line.guards if guard.subject.isdigit())


def _called_by(caller: Line, line: Line) -> Line:
    """A line of a function with what decides about its call."""
    words = caller.text.split()[1:]
    own = line.guards
    if not words or words[0].strip("\"'") not in {"$@", "$*", "$1", "${1}"}:
        # its $1 is another
        own = tuple(guard for guard in own if not guard.subject.isdigit())
    return replace(line, guards=(*caller.guards, *own))


class _Reader:
    """Reads a script command by command; the branches that are open are a stack."""

    def __init__(self) -> None:
        self._open: list[_Frame] = [_Frame("script")]
        self._aliases: dict[str, tuple[str, str]] = {}
        self._ending: set[str] = set()
        self._shifted = False

    def read(self, statements: Iterator[Statement]) -> Iterator[Line]:
        """The commands. Raises NotUnderstood where what is open is not closed."""
        for one in statements:
            for part in _parted(one.text):
                text = self._without_branches(part)
                if text:
                    yield self._line(one.number, text)
            if one.end == ";;":
                if self._top.kind != "case":
                    raise NotUnderstood
                self._end_branch()
        if len(self._open) > 1:
            raise NotUnderstood

    @property
    def _top(self) -> _Frame:
        return self._open[-1]

    def _line(self, number: int, text: str) -> Line:
        guards = [frame.guard for frame in self._open if frame.guard]
        guards += [guard for frame in self._open for guard in frame.below]
        function = next((f.subject for f in self._open if f.kind == "function"), "")
        short = SHORT.match(text)
        if short:
            guard = self._compared(short)
            if guard:
                guards.append(guard)
                if self._is_end(short[5].strip()):
                    self._top.below.append(replace(guard, others=not guard.others))
            text = short[5].strip()
        else:
            self._note(text)
        if is_printed(text):
            text = ":"
        return Line(number, text, tuple(guards), function)

    def _note(self, text: str) -> None:
        """What a command does to the rest of the script."""
        top = self._top
        alias, assigned = ALIAS.match(text), ASSIGNED.match(text)
        plain = all(frame.kind in {"script", "function"} for frame in self._open)
        if alias and plain:
            self._aliases[alias[1]] = self._subject(alias[2], alias[3])
        elif alias:
            self._aliases[alias[1]] = UNKNOWN
        elif assigned:
            self._aliases[assigned[1] or assigned[2]] = UNKNOWN
        if SHIFTS.match(text):
            self._shifted = True
        if self._is_end(text):
            top.ends = True

    def _is_end(self, text: str) -> bool:
        return bool(ENDS.match(text)) or text.split(" ")[0] in self._ending

    def _without_branches(self, text: str) -> str:
        """What is left of a command when the branch that it opens or closes is read."""
        if self._top.kind == "case" and not self._top.inside:
            return self._in_case(text)
        head, _, rest = text.partition(" ")
        rest = rest.strip()
        if head in {"then", "do"}:
            return self._without_branches(rest)
        if head in {"if", "elif", "else", "case"} or LOOP.match(text):
            return self._opened(head, text, rest)
        if head in {"fi", "done", "esac", "}"} or text == ")":
            return self._closed(head)
        return self._grouped(text)

    def _opened(self, head: str, text: str, rest: str) -> str:
        if head in {"elif", "else"}:
            if self._top.kind != "if":
                raise NotUnderstood
            self._end_branch()
        match head:
            case "if":
                self._push(_Frame("if"))
                self._test(rest)
            case "elif":
                self._test(rest)
            case "else":
                self._otherwise()
                return self._without_branches(rest)
            case "case":
                case = CASE.match(text)
                if case is None:
                    raise NotUnderstood
                known = SUBJECT.match(case[1])
                subject, default = UNKNOWN
                if known:
                    subject, default = self._subject(known[1], known[2])
                self._push(_Frame("case", subject, default))
                return self._in_case((case[2] or "").strip())
            case _:
                self._push(_Frame("loop"))
                # it may shift the arguments in each turn
                self._shifted = self._shifted or head in {"while", "until"}
        return ""

    def _closed(self, head: str) -> str:
        kinds = {"fi": "if", "done": "loop", "esac": "case", "}": "group"}
        kind = kinds.get(head, "subshell")
        if self._top.kind == "function" and head == "}":
            kind = "function"
        if self._top.kind != kind:
            raise NotUnderstood
        self._pop()
        return ""

    def _grouped(self, text: str) -> str:
        """What is left of a command behind the beginning of a function or of a group."""
        if self._top.kind == "function" and not self._top.inside:
            if not text.startswith("{"):
                raise NotUnderstood
            self._top.inside = True
            return self._without_branches(text[1:].strip())
        function = FUNCTION.match(text)
        if function:
            self._push(_Frame("function", function[1] or function[2], inside=bool(function[3])))
            return self._without_branches(function[4]) if function[4] else ""
        if text == "(":
            self._push(_Frame("subshell"))
            return ""
        group = GROUP.search(text)
        if group:
            self._push(_Frame("group"))
            return self._without_branches(text[group.end() :].strip())
        return text

    def _in_case(self, text: str) -> str:
        frame = self._top
        if not text:
            return ""
        if text.split(" ")[0] == "esac":
            self._pop()
            return ""
        branch = BRANCH.match(text)
        if branch is None:
            other = OTHER_BRANCH.match(text)
            if other is None:
                raise NotUnderstood
            # for values that are not read: it may run
            frame.inside, frame.sure = True, False
            return self._without_branches(other[1].strip())
        frame.inside = True
        values = {value.strip().strip("\"'") for value in branch[1].split("|")}
        if frame.subject == "?":
            frame.sure = False
        elif any(re.search(r"[*?\[]", value) for value in values):
            frame.guard = Guard(frame.subject, frozenset(frame.seen), frame.default, others=True)
            frame.has_rest = "*" in values
            frame.sure = frame.sure and frame.has_rest
        else:
            frame.guard = Guard(frame.subject, frozenset(values - frame.seen), frame.default)
        frame.seen |= {value for value in values if not re.search(r"[*?\[]", value)}
        return self._without_branches(branch[2].strip())

    def _test(self, text: str) -> None:
        """The guard of a condition; none where it is not a comparison of one variable."""
        frame = self._top
        test = TEST.match(text)
        guard = self._compared(test) if test else None
        if guard is None or frame.subject not in {"", guard.subject}:
            frame.subject, frame.sure = "?", False
            frame.guard = guard
            return
        frame.subject, frame.default, frame.guard = guard.subject, guard.default, guard
        frame.seen |= guard.values

    def _otherwise(self) -> None:
        frame = self._top
        frame.guard, frame.has_rest = None, True
        if frame.subject not in {"", "?"}:
            frame.guard = Guard(frame.subject, frozenset(frame.seen), frame.default, others=True)

    def _compared(self, test: re.Match[str]) -> Guard | None:
        subject, default = self._subject(test[1], test[2])
        if subject == "?":
            return None
        return Guard(subject, frozenset({test[4]}), default, others=test[3] == "!=")

    def _subject(self, name: str, default: str | None) -> tuple[str, str]:
        """The argument or variable that a name stands for, and its default."""
        if name.isdigit() and self._shifted:
            return UNKNOWN
        subject, known = self._aliases.get(name, (name, ""))
        return subject, known or (default or "").strip("\"'")

    def _push(self, frame: _Frame) -> None:
        frame.shifted = self._shifted
        self._open.append(frame)

    def _end_branch(self) -> None:
        frame = self._top
        guard = frame.guard
        if frame.ends and guard and frame.sure:
            frame.behind.append(replace(guard, others=not guard.others))
        frame.all_end = frame.all_end and frame.ends
        if guard and guard.others and frame.kind == "if" and not frame.has_rest:
            # behind `!=`, the rest of the branches is about one value
            frame.subject, frame.sure = "?", False
        frame.shifts = frame.shifts or self._shifted
        self._shifted = frame.shifted
        frame.guard, frame.inside, frame.ends, frame.below = None, False, False, []

    def _pop(self) -> None:
        frame = self._top
        if frame.kind == "function" and frame.ends:
            self._ending.add(frame.subject)
        if frame.kind in {"if", "case"} and (frame.kind == "if" or frame.inside):
            self._end_branch()
        self._shifted = self._shifted or frame.shifts
        self._open.pop()
        if frame.kind in {"if", "case"}:
            self._top.below += frame.behind
            self._top.ends = self._top.ends or (frame.has_rest and frame.all_end)
