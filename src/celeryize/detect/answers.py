"""What was chosen before: the answers file beside manage.py, and [tool.celeryize] in
pyproject.toml."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath

from celeryize.errors import CeleryizeError
from celeryize.model import Where
from celeryize.reading import file_mentions, parse_toml, read_file, read_text

ANSWERS_FILE = ".celeryize.yml"
QUESTIONS = ("broker", "result_backend", "profile", "beat")


def stored_answers(folder: Path, name: str) -> dict[str, object]:
    """The answers in the file `name` of `folder`; empty where there is none.

    Read as flat YAML with JSON scalars, which is what we write: PyYAML costs 20 ms at every start.
    """
    try:
        lines = read_file(folder / name).decode("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    found: dict[str, object] = {}
    for line in lines:
        key, colon, value = line.partition(":")
        if colon and key in QUESTIONS:
            # a line that was written manually may lack the quotes
            try:
                found[key] = json.loads(value)
            except (ValueError, RecursionError):
                found[key] = value.strip().strip("'\"")
    return found


def recorded_settings(folder: Path, name: str) -> dict[str, str]:
    """What init wrote into the settings: the source text of each by its name.

    Empty for a set-up by 0.1.0, which did not keep it.
    """
    try:
        lines = read_file(folder / name).decode("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    found: dict[str, str] = {}
    for line in lines:
        key, colon, value = line.partition(":")
        if not (colon and key.startswith("CELERY_")):
            continue
        try:
            text = json.loads(value)
        except (ValueError, RecursionError):
            continue
        # a line of an unfinished merge says nothing
        if isinstance(text, str):
            found[key] = text
    return found


def stored_settings(root: Path, folder: Path, name: str) -> tuple[str, Where] | None:
    """The settings module that an earlier --settings, or [tool.celeryize], names, and where."""
    try:
        lines = read_text(folder / name).splitlines()
    except (OSError, UnicodeDecodeError):
        lines = []
    for number, line in enumerate(lines, start=1):
        key, colon, value = line.partition(":")
        module = value.strip().strip("'\"")
        if key == "settings" and colon and module:
            path = PurePosixPath((folder / name).relative_to(root).as_posix())
            return module, Where(path, number)
    for place in (folder, *folder.parents):
        file = place / "pyproject.toml"
        # tomllib is loaded for a file that mentions us alone
        if file_mentions(file, b"tool.celeryize"):
            found = (_table_of(file, root) or {}).get("settings")
            if isinstance(found, str) and found:
                return found, Where(PurePosixPath(file.relative_to(root).as_posix()))
        if place == root:
            break
    return None


def configured(root: Path, folder: Path) -> dict[str, object]:
    """The table [tool.celeryize] of the nearest pyproject.toml from `folder` up to `root`; empty
    without one."""
    for place in (folder, *folder.parents):
        table = _table_of(place / "pyproject.toml", root)
        if table is not None:
            return table
        if place == root:
            break
    return {}


def _table_of(file: Path, root: Path) -> dict[str, object] | None:
    """[tool.celeryize] of one pyproject.toml."""
    if not file.is_file():
        return None
    try:
        data = parse_toml(read_file(file).decode("utf-8-sig"))
    except OSError:
        return None
    except ValueError as error:
        raise CeleryizeError(
            f"cannot read pyproject.toml: {error}",
            hint="Fix the file, then run the command again.",
            where=Where(PurePosixPath(file.relative_to(root).as_posix())),
        ) from error
    tools = data.get("tool")
    if not isinstance(tools, dict):
        return None
    table = tools.get("celeryize")
    if isinstance(table, dict):
        return table
    return None
