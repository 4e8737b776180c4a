"""Another version of Celery in the line that declares it, without the pins that went with the old
one.

"celery==3.1.18",          "celery==5.7.0",
"kombu==3.0.37",      ->
celery = "^3.1"            celery = "^5.4"
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import PurePosixPath

from celeryize.errors import CannotPatch
from celeryize.model import Where
from celeryize.patch.dependencies import entries
from celeryize.patch.dependencies.requirement import Form, Requirement, normalised, written

_TABLES = (Form.POETRY_TABLE, Form.PIPFILE)
# An element of a list, alone on its line: its name, its extras, its versions, its marker.
_ELEMENT = re.compile(
    r"""^(?P<lead>\s*)(?P<quote>["']?)(?P<name>[A-Za-z][\w.-]*)\s*(?P<extras>\[[^\]]*\])?"""
    r"""(?P<spec>\s*\(?\s*(?:[<>=!~^][^"';#\r]*?)?\)?)(?P<marker>\s*;[^"'#]*)?(?P=quote)"""
    r"""(?P<tail>\s*,?\s*(?:#.*)?\r?)$"""
)
# An entry of a table, alone on its line.
_KEY = re.compile(
    r"""^(?P<lead>\s*["']?(?P<name>[A-Za-z][\w.-]*)["']?\s*=\s*)"""
    r"""(?P<value>"[^"]*"|'[^']*'|\{[^{}]*\})(?P<tail>\s*(?:#.*)?\r?)$"""
)
_VERSION = re.compile(r"""(\bversion\s*=\s*)(?:"[^"]*"|'[^']*')""")


def raise_celery(
    data: bytes, path: PurePosixPath, form: Form, wanted: Requirement, gone: Collection[str]
) -> bytes:
    """The file with Celery as `wanted`, and without the requirements of `gone`.

    The extras that Celery has stay; those of `wanted` count where it has none. Raises CannotPatch
    where one of them is not alone on its line: every other byte stays.
    """
    before = entries(data, form)
    lines = data.decode("utf-8").split("\n")
    numbers = {name: before[name].line for name in ("celery", *gone)}
    for name, number in numbers.items():
        if _name_of(lines[number - 1], form) != name:
            raise _refusal(path, number, form, wanted)
    at = numbers["celery"] - 1
    lines[at] = _line_of(lines[at], form, wanted)
    for number in sorted((numbers[name] for name in gone), reverse=True):
        del lines[number - 1]
    after = "\n".join(lines).encode()
    there = entries(after, form)
    same = {name: entry.text for name, entry in before.items() if name not in numbers}
    kept = {name: entry.text for name, entry in there.items() if name != "celery"}
    # what cannot be parsed declares nothing
    if same != kept or "celery" not in there:
        raise _refusal(path, numbers["celery"], form, wanted)
    return after


def _name_of(line: str, form: Form) -> str:
    pattern = _KEY if form in _TABLES else _ELEMENT
    found = pattern.match(line)
    return normalised(found["name"]) if found else ""


def _line_of(line: str, form: Form, wanted: Requirement) -> str:
    """The line that declares Celery with other versions, and the rest of it as it was."""
    if form in _TABLES:
        found = _KEY.match(line)
        assert found is not None
        new = written(wanted, form).partition(" = ")[2]
        value = found["value"]
        if value.startswith("{"):
            bound = re.search(r'"([^"]*)"\s*\}?$', new)
            assert bound is not None
            # other keys, such as extras and markers, stay
            new = _VERSION.sub(lambda one: f'{one[1]}"{bound[1]}"', value)
        return f"{found['lead']}{new}{found['tail']}"
    found = _ELEMENT.match(line)
    assert found is not None
    extras = found["extras"] or wanted.full_name.removeprefix(wanted.name)
    spec = wanted.specifier
    if "(" in found["spec"]:
        spec = f" ({spec})"
    quote, marker = found["quote"], found["marker"] or ""
    return f"{found['lead']}{quote}{found['name']}{extras}{spec}{marker}{quote}{found['tail']}"


def _refusal(path: PurePosixPath, number: int, form: Form, wanted: Requirement) -> CannotPatch:
    return CannotPatch(
        f"{path} declares what goes with the old Celery in a way that cannot be changed safely",
        hint="Raise it manually, then refresh the lock file.",
        snippet=f"{written(wanted, form)}\n",
        where=Where(path, number),
    )
