"""Declares a requirement in the file that a project declares its dependencies in.

dependencies = [              dependencies = [
    "django>=5.2",       ->       "django>=5.2",
]                                 "celery[redis]>=5.4",
                              ]
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import NoReturn, assert_never

from celeryize.errors import CannotPatch
from celeryize.model import Where
from celeryize.patch.dependencies.requirement import (
    Entry,
    Form,
    Requirement,
    missing,
    needed,
    normalised,
    written,
)

__all__ = [
    "Entry",
    "Form",
    "Requirement",
    "change_extras",
    "declare",
    "entries",
    "missing",
    "needed",
    "normalised",
    "written",
]


def declare(
    data: bytes,
    path: PurePosixPath,
    form: Form,
    requirement: Requirement,
    group: tuple[str, ...] = (),
) -> bytes:
    """The file with one requirement more.

    The same bytes if it declares that name already, in any spelling. Every old byte stays, in
    order. Raises CannotPatch, with the line to paste, where a line of ours would break the file or
    would be lost: hash-pinned, compiled, UTF-16, computed. `group` is the path of the list or
    table of a TOML file, where that is not the usual one.
    """
    before = entries(data, form)
    if normalised(requirement.name) in before:
        return data
    try:
        after = _declare_by_form(data, path, form, requirement, group)
    except CannotPatch as error:
        raise CannotPatch(
            error.message,
            snippet=written(requirement, form),
            hint=error.hint or "Add the line manually, where the dependencies are.",
            where=error.where or Where(path),
        ) from error
    if entries(after, form).keys() != before.keys() | {normalised(requirement.name)}:
        raise CannotPatch(
            f"the edit of {path} would change more than was planned",
            snippet=written(requirement, form),
            hint="Add the line manually, where the dependencies are.",
            where=Where(path),
        )
    return after


# Each editor is loaded when a file of its kind is met: every command reads the dependencies, most
# projects have one kind, and all four cost as much as the rest of a small command's own code.
def _declare_by_form(
    data: bytes, path: PurePosixPath, form: Form, requirement: Requirement, group: tuple[str, ...]
) -> bytes:
    line = written(requirement, form)
    match form:
        case Form.PEP621 | Form.GROUP | Form.POETRY_PEP621 | Form.POETRY_TABLE | Form.PIPFILE:
            from celeryize.patch.dependencies import toml

            return toml.declare(data, path, form, requirement, group)
        case Form.REQUIREMENTS:
            from celeryize.patch.dependencies import requirements

            return requirements.declare(data, path, line)
        case Form.SETUP_CFG:
            from celeryize.patch.dependencies import setup_cfg

            return setup_cfg.declare(data, path, line)
        case Form.SETUP_PY:
            from celeryize.patch.dependencies import setup_py

            return setup_py.declare(data, path, line)
        case _:
            assert_never(form)


def change_extras(
    data: bytes, path: PurePosixPath, form: Form, gone: set[str], more: set[str]
) -> bytes:
    """The file with other extras of Celery: less those of `gone`, and with those of `more`.

    The same bytes where it has none of `gone`, and `more` are there. Raises CannotPatch where the
    line of Celery cannot be changed safely.
    """
    entry = entries(data, form).get("celery")
    if entry is None:
        return data
    from celeryize.patch.dependencies.extras import line_with_extras

    if form is Form.REQUIREMENTS:
        from celeryize.patch.dependencies import requirements

        requirements.refuse_change(data, path)

    lines = data.split(b"\n")
    # a table over several lines, or an encoding that is not ours
    place = entry.line - 1
    if place >= len(lines) or b"celery" not in lines[place].lower():
        return _cannot_change(form)
    lines[place] = line_with_extras(lines[place], gone, more)
    after = b"\n".join(lines)
    if entries(after, form).keys() != entries(data, form).keys():
        return _cannot_change(form)
    return after


def _cannot_change(form: Form) -> NoReturn:
    raise CannotPatch(
        f"the extras of celery are declared in a way that cannot be changed safely ({form})",
        hint="Change them there manually.",
    )


def entries(data: bytes, form: Form) -> Mapping[str, Entry]:
    """What a file declares: normalised name -> the requirement as written, and its line.

    Never raises. A file that cannot be read declares nothing here; `declare` says what is wrong
    with it.
    """
    match form:
        case Form.PEP621 | Form.GROUP | Form.POETRY_PEP621 | Form.POETRY_TABLE | Form.PIPFILE:
            from celeryize.patch.dependencies import toml

            return toml.entries(data)
        case Form.REQUIREMENTS:
            from celeryize.patch.dependencies import requirements

            return requirements.entries(data)
        case Form.SETUP_CFG:
            from celeryize.patch.dependencies import setup_cfg

            return setup_cfg.entries(data)
        case Form.SETUP_PY:
            from celeryize.patch.dependencies import setup_py

            return setup_py.entries(data)
        case _:
            assert_never(form)
