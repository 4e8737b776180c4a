"""Where the project is: the repository, manage.py, what it puts on sys.path, the settings module it
names."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath

from celeryize.detect.answers import ANSWERS_FILE, stored_settings
from celeryize.detect.candidates import (
    FOR_TESTS,
    VARIABLE,
    as_options,
    candidate_modules,
    configuration_of_servers,
    settings_in_env_file,
    settings_of_servers,
    settings_of_tools,
)
from celeryize.detect.modules import Modules, called_modules, is_foreign
from celeryize.detect.path_changes import added_parts
from celeryize.detect.variables import assigned_in, assigned_in_text
from celeryize.errors import NoProject
from celeryize.model import Where
from celeryize.reading import is_file, is_folder, list_folder, read_text

MANAGE = "manage.py"
# Bytes.
LONGEST_SCRIPT = 65_536
LEVELS_BELOW = 2
# The class of django-configurations.
CONFIGURATION = "DJANGO_CONFIGURATION"
# `{{ cookiecutter.slug }}`, `{% if ... %}`, `{{ project_name }}`; an f-string may have a brace.
UNRENDERED = re.compile(r"\{\{ ?[A-Za-z_][\w.]* ?(?:\||\}\})|\{% ?\w+")
ROOT_MARKS = (
    ".git",
    ".hg",
    "pyproject.toml",
    "Pipfile",
    "requirements.txt",
    "setup.py",
    "setup.cfg",
)


@dataclass(frozen=True, slots=True)
class Layout:
    """The skeleton of a project. `base` (the folder of manage.py) and all paths are relative to
    `root`.

    `configuration` is the class of django-configurations that manage.py names.
    """

    root: Path
    base: PurePosixPath
    manage: PurePosixPath
    paths: tuple[PurePosixPath, ...]
    settings: str
    settings_where: Where | None
    environments: tuple[tuple[str, Where], ...]
    configuration: str | None = None


def find_layout(start: Path, settings: str | None = None) -> Layout:
    """The project that holds `start`, or the only one at most two levels below it (or its
    repository).

    `settings` overrides the module that manage.py names, and so does that of an earlier run, which
    the answers file has. Raises NoProject where there is none, or
    several.
    """
    root, manage = _find_place(start)
    _refuse_template(manage, root)
    base = PurePosixPath(manage.parent.relative_to(root).as_posix())
    relative = base / manage.name
    modules = _modules_of(root, relative)
    paths = modules.roots
    named = list(settings_named_by(modules, relative))
    chosen = None
    if not settings:
        # what an earlier command was told counts before what can be guessed
        chosen = stored_settings(root, root / base, ANSWERS_FILE)
        chosen = chosen or _choose_settings(named, relative, modules)
    module, where = chosen or (settings or "", None)
    if _is_in_its_package(root, base, paths, module):
        # manage.py in the package itself, which puts the folder above on sys.path
        base = base.parent
        paths = (base,)
        modules = Modules(root, paths)
    if manage.name != MANAGE and modules.find(module) is None:
        # a script of its own folder finds the project by an installation, or from above
        base = next((p for p in base.parents if Modules(root, (p,)).find(module)), base)
        paths = (base,)
        modules = Modules(root, paths)
    configuration = next(
        (name for name, _ in named_by(modules, relative, CONFIGURATION)), None
    ) or configuration_of_servers(modules)
    return Layout(root, base, relative, paths, module, where, tuple(named), configuration)


def find_root(start: Path) -> Path:
    """The root of the project around `start`, as find_layout gives it, whatever its settings
    are."""
    return _find_place(start)[0]


def find_manage_above(start: Path) -> Path | None:
    """The manage.py of the project that `start` is inside of; None where it is above projects."""
    return _manage_above(start.resolve())


def _find_place(start: Path) -> tuple[Path, Path]:
    """The root of the project around `start`, and its manage.py."""
    if not start.is_dir():
        raise NoProject(f"{start} is not a folder", hint="Pass the project's folder: -C DIR.")
    start = start.resolve()
    whole = repository(start) or start
    manage = (
        _manage_above(start)
        or _manage_below(start)
        or _manage_below(whole)
        or _manage_by_another_name(whole)
    )
    if manage is None:
        raise NoProject(
            f"no Django manage.py found in {start}, above it, or up to {LEVELS_BELOW} levels below",
            hint="Run inside the project, or pass its folder: -C DIR.",
        )
    return repository(manage.parent) or _unversioned_root(start, manage.parent), manage


def repository(folder: Path) -> Path | None:
    """The nearest folder, from `folder` upwards, that is a git work tree."""
    return next((d for d in (folder, *folder.parents) if (d / ".git").exists()), None)


def settings_named_by(modules: Modules, path: PurePosixPath) -> Iterator[tuple[str, Where]]:
    """The settings modules that a file puts into DJANGO_SETTINGS_MODULE, with the place of each."""
    return named_by(modules, path, "DJANGO_SETTINGS_MODULE")


def named_by(modules: Modules, path: PurePosixPath, variable: str) -> Iterator[tuple[str, Where]]:
    """What a file puts into an environment variable, with the place of each."""
    source = modules.source(path)
    if source is None:
        text = _read_text(modules.root / path)
        # Python 2 and other syntax that we cannot parse: the text has to do
        for name, line in assigned_in_text(text, variable):
            yield name, Where(path, line)
        return
    found = tuple(assigned_in(source, variable))
    for helper in () if found else called_modules(modules, source):
        found += tuple(assigned_in(helper, variable))
    for one in found:
        for name in one.values:
            yield name, one.where


def _manage_above(start: Path) -> Path | None:
    for folder in (start, *start.parents):
        if is_manage(folder / MANAGE):
            return folder / MANAGE
        # a manage.py above the repository belongs to another project
        if (folder / ".git").exists():
            return None
    return None


def _manage_below(start: Path) -> Path | None:
    level = [start]
    for _ in range(LEVELS_BELOW):
        level = [d for folder in level for d in _own_folders(folder)]
        found = [d / MANAGE for d in level if is_manage(d / MANAGE)]
        # which of several is meant is not ours to guess
        if len(found) > 1:
            names = "\n".join(f"  -C {m.parent.relative_to(start)}" for m in found)
            raise NoProject(
                f"several Django projects below {start}:\n{names}",
                hint="Choose one with -C DIR.",
                choices=tuple(m.parent for m in found),
            )
        if found:
            return found[0]
    return None


def _manage_by_another_name(start: Path) -> Path | None:
    """The only script of a project that does what manage.py does: `bin/manage`,
    `shop/__main__.py`."""
    # every script is read: not those of a home folder
    if not any((start / mark).exists() for mark in ROOT_MARKS):
        return None
    level, found = [start], []
    for _ in range(LEVELS_BELOW + 1):
        files = (file for folder in level for file in list_folder(folder))
        found += [file for file in files if _runs_commands(file)]
        level = [d for folder in level for d in _own_folders(folder)]
    return found[0] if len(found) == 1 else None


def _runs_commands(file: Path) -> bool:
    """Whether a script names the settings and runs Django's commands; one for tests is none."""
    if file.suffix not in {"", ".py"} or "test" in file.name or not is_file(file):
        return False
    # no script of that kind is longer, and a folder may hold anything
    try:
        if file.stat().st_size > LONGEST_SCRIPT:
            return False
    except OSError:
        return False
    text = _read_text(file)
    named = next(assigned_in_text(text, VARIABLE), None)
    runs = "execute_from_command_line" in text and "sys.argv" in text
    return named is not None and runs and not FOR_TESTS.search(named[0])


def _own_folders(folder: Path) -> list[Path]:
    return [d for d in list_folder(folder) if is_folder(d) and not is_foreign(d)]


def is_manage(file: Path) -> bool:
    """Whether a file is Django's manage.py and not another program of that name."""
    if not file.is_file():
        return False
    text = _read_text(file)
    if "DJANGO_SETTINGS_MODULE" in text or ("django" in text and "execute" in text):
        return True
    # `from shop.manage import main`: the one in the package does the work
    if re.search(r"(?m)^\s*(?:from|import)\s[\w.]*\bmanage\b", text):
        return True
    # so does `from shop.cli import main`, whatever it is called
    path = PurePosixPath(file.name)
    modules = _modules_of(file.parent, path)
    source = modules.source(path)
    helpers = called_modules(modules, source) if source else ()
    return any("execute_from_command_line" in helper.text for helper in helpers)


def _modules_of(root: Path, manage: PurePosixPath) -> Modules:
    """The modules that a manage.py finds: in its own folder, and in those that it adds."""
    modules = Modules(root, (manage.parent,))
    inserted = _inserted_paths(modules.tree(manage), manage.parent)
    modules.look_below(tuple(path for path in inserted if (root / path).is_dir()))
    return modules


def _unversioned_root(start: Path, folder: Path) -> Path:
    """Without git, the project reaches up to the folder that declares its dependencies, two levels
    at most."""
    if folder.is_relative_to(start):
        return start
    # further up it would be the home folder of the user
    near = (folder, *list(folder.parents)[:LEVELS_BELOW])
    return next((d for d in near if any((d / mark).exists() for mark in ROOT_MARKS)), folder)


def _choose_settings(
    named: list[tuple[str, Where]], manage: PurePosixPath, modules: Modules
) -> tuple[str, Where]:
    """The settings module that manage.py names; where it names none, or several, the one of
    wsgi.py, of .env, or the only one there is."""
    usual = [
        (name, where) for name, where in named if "test" not in name.rsplit(".", 1)[-1]
    ] or named
    if len({name for name, _ in usual}) == 1:
        return usual[0]
    # of several, those that are there
    there = [(name, where) for name, where in usual if modules.find(name) is not None]
    if len({name for name, _ in there}) == 1:
        return there[0]
    others = settings_of_servers(modules)
    if others is None and not usual:
        folders = (manage.parent, PurePosixPath("."))
        others = settings_in_env_file(modules, folders) or settings_of_tools(modules, folders)
    if others is not None:
        return others
    if usual:
        names = "\n".join(as_options(tuple(there or usual)))
        raise NoProject(
            f"{manage} sets several settings modules:\n{names}", hint="Choose one with --settings."
        )
    candidates = candidate_modules(modules)
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        names = "\n".join(as_options(candidates))
        raise NoProject(
            f"{manage} does not set a settings module. These look like settings:\n{names}",
            hint="Choose the one of your development environment with --settings.",
            where=Where(manage),
        )
    raise NoProject(
        f"{manage} does not set a settings module",
        hint="Pass it: --settings MODULE.",
        where=Where(manage),
    )


def _is_in_its_package(
    root: Path, base: PurePosixPath, paths: tuple[PurePosixPath, ...], module: str
) -> bool:
    """Whether manage.py is in the package of the settings, which only the folder above finds."""
    if not module or base == PurePosixPath(".") or not (root / base / "__init__.py").is_file():
        return False
    return (
        Modules(root, paths).find(module) is None
        and Modules(root, (base.parent,)).find(module) is not None
    )


def _refuse_template(manage: Path, root: Path) -> None:
    """Raise NoProject for a project that is still a template, which no Python can import."""
    path = manage.relative_to(root).as_posix()
    # an f-string may hold `{{x}}`: a placeholder stands where the settings module is named
    named = ("DJANGO_SETTINGS_MODULE", "cookiecutter", "copier")
    lines = _read_text(manage).split("\n")
    text = "\n".join(line for line in lines if any(word in line for word in named))
    if not (UNRENDERED.search(path) or UNRENDERED.search(text)):
        return
    maker = "its generator"
    for file, name in (("cookiecutter.json", "cookiecutter"), ("copier.yml", "copier")):
        if (root / file).exists() or name in path + text:
            maker = name
            break
    raise NoProject(
        f"{path} is part of a project template, not a project: its Python has placeholders",
        hint=f"Generate a project with {maker}, and run celeryize in that.",
        where=Where(PurePosixPath(path)),
    )


def _inserted_paths(tree: ast.Module, base: PurePosixPath) -> Iterator[PurePosixPath]:
    """What manage.py adds to sys.path, where that is literal: `join(dirname, "src")`,
    `BASE / "apps"`, `"src"`."""
    for parts in added_parts(tree):
        yield base.joinpath(*parts)


def _read_text(file: Path) -> str:
    try:
        found = file.stat()
        return _text_of(file, found.st_mtime_ns, found.st_size)
    except OSError:
        return ""


@lru_cache(maxsize=8)
def _text_of(file: Path, changed: int, size: int) -> str:
    """The text of a file in the version that the other two arguments mean."""
    del changed, size
    return read_text(file)
