"""Values of a compose file as Compose makes them of `${NAME:-default}`, one in another as well.

Source: https://docs.docker.com/reference/compose-file/interpolation/
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

REFERENCE = re.compile(r"\$\$|\$(\w+)|\$\{(\w+)(:?[-+?])?")
# Of values that lead to other variables.
DEPTH = 5

Given = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Reference:
    """A variable in a value: where it is and what it is as a whole, its name, what follows that
    (`:-`, `-`, `:+`, `?` ...) and the rest. `$$`, a dollar sign, has no name."""

    start: int
    end: int
    whole: str
    name: str
    sign: str
    rest: str


def references_in(value: str) -> Iterator[Reference]:
    """The variables of a value; those in the default of another one are a part of that."""
    position = 0
    while match := REFERENCE.search(value, position):
        end, rest = match.end(), ""
        if match[2]:
            end = _end_of_braces(value, match.end())
            rest = value[match.end() : end].removesuffix("}")
        whole = value[match.start() : end]
        yield Reference(match.start(), end, whole, match[1] or match[2] or "", match[3] or "", rest)
        position = end


def interpolated(value: str, given: Given, depth: int = DEPTH) -> str:
    """The value with what `given` knows of its variables, else with their defaults; a variable that
    has neither stays as it is written, and so does what is no reference."""
    found: list[str] = []
    position = 0
    for reference in references_in(value):
        found.append(value[position : reference.start])
        found.append(_chosen(reference, given, depth))
        position = reference.end
    return "".join((*found, value[position:]))


def _chosen(reference: Reference, given: Given, depth: int) -> str:
    """What stands for one variable."""
    sign, rest = reference.sign, reference.rest
    # `${A.b}` is nothing that Compose knows
    if not reference.name or not depth or (rest and not sign):
        return reference.whole
    text = given(reference.name)
    # with a colon, an empty value is none
    is_set = bool(text) or (text is not None and sign in {"-", "+"})
    if "+" in sign:
        return interpolated(rest, given, depth - 1) if is_set else ""
    if is_set:
        return interpolated(text or "", given, depth - 1)
    if "-" in sign:
        return interpolated(rest, given, depth - 1)
    return reference.whole


def _end_of_braces(value: str, position: int) -> int:
    """The place behind the brace that closes an open one; the end of the text without it."""
    depth = 1
    for index in range(position, len(value)):
        if value[index] == "{" and value[index - 1] == "$":
            depth += 1
        elif value[index] == "}":
            depth -= 1
            if depth == 0:
                return index + 1
    return len(value)


def variable_in(text: str, name: str) -> str | None:
    """The value of a variable in the text of a .env file; None where it has none of that name."""
    found = re.search(rf"^\s*(?:export\s+)?{re.escape(name)}\s*=[ \t]*(.*)$", text, re.M)
    if found is None:
        return None
    value = found[1].strip()
    if value[:1] in {'"', "'"}:
        return value[1:].partition(value[0])[0]
    return re.split(r"\s#", value)[0].strip()
