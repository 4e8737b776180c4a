"""Values of a compose file as Compose makes them of `${NAME:-default}`, one in another as well.

Source: https://docs.docker.com/reference/compose-file/interpolation/
"""

from __future__ import annotations

import re
from collections.abc import Callable

REFERENCE = re.compile(r"\$\$|\$(\w+)|\$\{(\w+)(:?[-+?])?")
# Of values that lead to other variables.
DEPTH = 5

Given = Callable[[str], str | None]


def interpolated(value: str, given: Given, depth: int = DEPTH) -> str:
    """The value with what `given` knows of its variables, else with their defaults; a variable that
    has neither stays as it is written, and so does what is no reference."""
    found: list[str] = []
    position = 0
    for match in REFERENCE.finditer(value):
        if match.start() < position:
            # inside of a default
            continue
        end = match.end()
        if match[2]:
            end = _end_of_braces(value, match.end())
        found.append(value[position : match.start()])
        whole = value[match.start() : end]
        name, sign = match[1] or match[2] or "", match[3] or ""
        rest = whole[match.end() - match.start() : -1] if match[2] else ""
        # `$$` is a dollar sign, and `${A.b}` is nothing that Compose knows
        if not name or not depth or (rest and not sign):
            found.append(whole)
        else:
            found.append(_chosen(name, sign, rest, whole, given, depth))
        position = end
    return "".join((*found, value[position:]))


def _chosen(name: str, sign: str, rest: str, whole: str, given: Given, depth: int) -> str:
    """What stands for one variable; `sign` is what follows its name: `:-`, `-`, `:+`, `?` ..."""
    text = given(name)
    # with a colon, an empty value is none
    is_set = bool(text) or (text is not None and sign in {"-", "+"})
    if "+" in sign:
        return interpolated(rest, given, depth - 1) if is_set else ""
    if is_set:
        return interpolated(text or "", given, depth - 1)
    if "-" in sign:
        return interpolated(rest, given, depth - 1)
    return whole


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
