"""How a project's Python is written: what its formatter and its linter would have of new lines."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass

# The default of Black and of Ruff.
LINE_LENGTH = 88
STANDARD, THIRD, FIRST, LOCAL = range(4)


@dataclass(frozen=True, slots=True)
class Style:
    """`own` are the packages and modules of the project itself, at the top level of sys.path.

    `mixed`: `import x` and `from x import y` are sorted together. `quote` and `indent` are those of
    new files, and `header` is the comment that they begin with: a licence, say, which all files
    have. `typed`: a type checker reads the code.
    """

    line_length: int = LINE_LENGTH
    own: frozenset[str] = frozenset()
    mixed: bool = False
    quote: str = '"'
    typed: bool = False
    indent: str = "    "
    header: str = ""

    def section_of(self, module: str, level: int = 0) -> int:
        """isort's section of an imported module."""
        top = module.split(".")[0]
        if level:
            return LOCAL
        if top in self.own:
            return FIRST
        if top in sys.stdlib_module_names:
            return STANDARD
        return THIRD


DEFAULT = Style()


def reflowed(text: str, width: int) -> str:
    """A snippet of ours (LF, four spaces) in lines of at most `width`, broken as Black breaks them.

    Comments are wrapped; a statement that ends with a bracket has its last pair opened. What cannot
    be broken stays.
    """
    lines: list[str] = []
    rest = text.split("\n")
    while rest:
        line = rest.pop(0)
        if len(line) <= width:
            lines.append(line)
        elif line.lstrip().startswith("#"):
            # with the lines that go on with it, or one of them would be left ragged
            while rest and _goes_on(rest[0], line):
                line = f"{line} {rest.pop(0).lstrip(' #')}"
            lines += _wrapped_comment(line, width)
        else:
            lines += _opened(line, width)
    return "\n".join(lines)


def _goes_on(following: str, comment: str) -> bool:
    margin = comment[: comment.index("#")]
    return following.startswith(f"{margin}# ")


def _wrapped_comment(line: str, width: int) -> list[str]:
    margin = line[: len(line) - len(line.lstrip())]
    words = line.strip().lstrip("#").split()
    lines: list[str] = []
    current = f"{margin}#"
    for word in words:
        if len(current) + 1 + len(word) > width and current != f"{margin}#":
            lines.append(current)
            current = f"{margin}#"
        current += f" {word}"
    return [*lines, current]


def _opened(line: str, width: int) -> list[str]:
    """A line with its last pair of brackets on lines of their own."""
    margin = line[: len(line) - len(line.lstrip())]
    # a call, an element of one, or the parameters of a function
    found = re.search(r"(\))( -> [^()]*:|:)$", line) or re.search(r"([)\]}])(,?)$", line)
    start = _opening(line[: found.end(1)]) if found else None
    if found is None or start is None:
        return [line]
    inside = line[start + 1 : found.start()]
    head, tail = line[: start + 1], f"{margin}{found[1]}{found[2]}"
    if not inside.strip():
        return [line]
    deeper = f"{margin}    "
    parts = _parts(inside)
    # a dict, a list or a tuple is one element a line, a call is first tried on one line
    is_call = bool(re.search(r"[\w)\]]\($", head))
    if len(deeper) + len(inside) <= width and line[start] == "(" and (is_call or len(parts) == 1):
        return [head, f"{deeper}{inside.strip()}", tail]
    return [head, *(f"{deeper}{part}," for part in parts), tail]


def _opening(line: str) -> int | None:
    """The bracket that the last one of a line closes; None where that is on another line."""
    stack: list[int] = []
    last: int | None = None
    for index, character in _code(line):
        if character in "([{":
            stack.append(index)
        elif character in ")]}":
            if not stack:
                return None
            last = stack.pop()
    return last if not stack else None


def _parts(inside: str) -> Sequence[str]:
    """The elements between two brackets."""
    depth, start = 0, 0
    parts: list[str] = []
    for index, character in _code(inside):
        if character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        elif character == "," and not depth:
            parts.append(inside[start:index].strip())
            start = index + 1
    parts.append(inside[start:].strip())
    return [part for part in parts if part]


def _code(text: str) -> list[tuple[int, str]]:
    """The characters of a line that are outside of its strings, with their places."""
    found: list[tuple[int, str]] = []
    quote = ""
    skip = False
    for index, character in enumerate(text):
        if skip:
            skip = False
        elif quote:
            skip = character == "\\"
            if character == quote:
                quote = ""
        elif character in "\"'":
            quote = character
        else:
            found.append((index, character))
    return found
