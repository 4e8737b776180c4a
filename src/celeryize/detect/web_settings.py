"""Whether importing a Celery app changes the settings of the web process.

Importing `config.wsgi` runs `config/__init__.py` first, and with it the app file that it imports.
What that puts into DJANGO_SETTINGS_MODULE comes before wsgi.py's own `setdefault`, and wins.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from celeryize.detect.celery import CeleryApp
from celeryize.detect.layout import Layout
from celeryize.detect.modules import Modules
from celeryize.detect.settings import files_of_module
from celeryize.detect.variables import Assigned
from celeryize.detect.web_entries import VARIABLE, WebEntry, settings_chosen_by
from celeryize.model import Where
from celeryize.reading import readable_text

# Files that give a process its environment; those of the tests do not.
EXPORTING = (
    ".env*",
    ".envs/**/.*",
    "Procfile*",
    "*ockerfile*",
    "*/*ockerfile*",
    "*compose*.y*ml",
    "*/*compose*.y*ml",
    "*.service",
    "*/*.service",
    "app.json",
    "fly.toml",
    "render.yaml",
    "*.sh",
)
EXPORTS = re.compile(rf"(?m)^[^#\n]*\b{VARIABLE}\b(?![^\n]*\btest)")


@dataclass(frozen=True, slots=True)
class SettingsChange:
    """A web process that gets other settings: `name`, and not those that `entry` chooses.

    `certain` is false where one of the two depends on the environment.
    """

    entry: WebEntry
    name: str
    where: Where
    certain: bool


def entries_below(entries: tuple[WebEntry, ...], package: str) -> tuple[WebEntry, ...]:
    """The web entries whose import runs the `__init__.py` of a package first."""
    return tuple(entry for entry in entries if f"{entry.module}.".startswith(f"{package}."))


def deciding_entries(entries: tuple[WebEntry, ...], package: str) -> list[WebEntry]:
    """The web entries that import a package first, less those that choose no settings."""
    return [
        entry
        for entry in entries_below(entries, package)
        if (entry.names or entry.prelude) and not entry.stale
    ]


def entries_agree(entries: list[WebEntry]) -> bool:
    """Whether one app file can choose the settings as all of these entries do."""
    if all(entry.certain for entry in entries):
        return len({entry.names[0] for entry in entries}) < 2
    return entries[0].prelude is not None and len({entry.prelude for entry in entries}) < 2


def settings_changes(
    modules: Modules, entries: tuple[WebEntry, ...], package: str, app_file: PurePosixPath
) -> Iterator[SettingsChange]:
    """What an import of the app file in a package's `__init__.py` changes for web processes."""
    chosen = settings_chosen_by(modules, app_file)
    if not chosen:
        return
    names = tuple(dict.fromkeys(name for one in chosen for name in one.values))
    sure = len(names) == 1 and all(one.certain for one in chosen)
    name = "other settings"
    if names:
        name = names[0]
    for entry in entries_below(entries, package):
        # one that sets nothing relies on its environment, which wins over the app file too; one
        # that names a module that is gone does not run without it either
        if entry.forced or entry.stale or not (entry.names or entry.prelude):
            continue
        certain = entry.certain and sure
        if certain and entry.names == names:
            continue
        if not certain and _same_choice(modules, entry.path, app_file):
            continue
        yield SettingsChange(entry, name, chosen[0].where, certain)


def missing_settings(modules: Modules, app_file: PurePosixPath) -> Assigned | None:
    """Where an app file names a settings module of the project that does not exist."""
    for one in settings_chosen_by(modules, app_file):
        if one.certain and modules.find(one.values[0]) is None:
            head = one.values[0].split(".")[0]
            # settings of an installed package are not in the tree
            if modules.find(head) is not None or modules.folder(head) is not None:
                return one
    return None


def exports_settings(root: Path) -> bool:
    """Whether a file of the deployment sets DJANGO_SETTINGS_MODULE for the web process."""
    files = (file for pattern in EXPORTING for file in root.glob(pattern))
    for file in files:
        try:
            if file.is_file() and EXPORTS.search(readable_text(file)):
                return True
        except OSError:
            continue
    return False


def own_settings_files(modules: Modules, app: CeleryApp) -> tuple[PurePosixPath, ...]:
    """The settings files that the app file names, with what they star-import."""
    chosen = settings_chosen_by(modules, app.where.path)
    names = dict.fromkeys(name for one in chosen for name in one.values)
    return tuple(dict.fromkeys(path for name in names for path in files_of_module(modules, name)))


def worker_environment(
    modules: Modules,
    entries: tuple[WebEntry, ...],
    layout: Layout,
    app_file: PurePosixPath,
) -> tuple[tuple[str, str], ...]:
    """The variable that gives a worker the settings of manage.py, where the app file follows
    wsgi.py, or where all of them leave the choice to the environment.

    The settings of production often need what a machine for development does not have.
    """
    settings = layout.settings
    names = {name for one in settings_chosen_by(modules, app_file) for name in one.values}
    followed = any(entry.names and names <= set(entry.names) for entry in entries)
    follows = any(
        entry.prelude and _same_choice(modules, entry.path, app_file) for entry in entries
    )
    # manage.py names none, and neither does the app file: whoever starts them sets the variable
    left_open = not names and not layout.environments
    if (names and settings not in names and followed) or follows or left_open:
        return ((VARIABLE, settings),)
    return ()


def entries_to_import(
    modules: Modules,
    entries: tuple[WebEntry, ...],
    settings: str,
    app_files: tuple[PurePosixPath, ...],
) -> tuple[str, ...]:
    """The web entries to import on their own: none where all files name one settings module."""
    chosen = [one for path in app_files for one in settings_chosen_by(modules, path)]
    # one that names no settings does not run without the variable: nothing can be compared
    entries = tuple(entry for entry in entries if not entry.stale)
    alike = all(entry.certain and entry.names == (settings,) for entry in entries)
    if alike and all(one.certain and one.values == (settings,) for one in chosen):
        return ()
    return tuple(entry.module for entry in entries)


def _same_choice(modules: Modules, one: PurePosixPath, other: PurePosixPath) -> bool:
    """Whether two files choose the settings module by the same statements."""
    first, second = _choice(modules.tree(one)), _choice(modules.tree(other))
    return bool(first) and first == second


def _choice(tree: ast.Module) -> list[str]:
    return [
        ast.unparse(node)
        for node in tree.body
        if VARIABLE in ast.unparse(node) and not isinstance(node, ast.FunctionDef | ast.ClassDef)
    ]
