"""The settings module of a project whose manage.py does not name one: who else does, and which
modules could be meant."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from celeryize.detect.modules import Modules, is_foreign
from celeryize.detect.variables import assigned_in
from celeryize.model import Where
from celeryize.reading import list_folder, read_file, read_text, readable_text

VARIABLE = "DJANGO_SETTINGS_MODULE"
SERVER_FILES = ("wsgi.py", "asgi.py", "*/wsgi.py", "*/asgi.py", "*/*/wsgi.py", "*/*/asgi.py")
IN_ENV_FILE = re.compile(rf"(?m)^\s*(?:export\s+)?{VARIABLE}\s*=\s*[\"']?([\w.]+)")
# The same as a YAML key, in JSON, in a list of compose, after ENV, on a command line.
IN_ANY_FILE = re.compile(rf"\b{VARIABLE}\b[\"']?\s*[:=\s]\s*[\"']?([A-Za-z_]\w*(?:\.\w+)+)")
STARTS_PROJECT = re.compile(
    r"\.env(rc|[.\-_].*)?|.*\.env|\.?devcontainer(\.json)?|Procfile.*|(docker-)?compose.*\.ya?ml"
    r"|.*[Dd]ockerfile.*|Containerfile|[Mm]akefile|[Jj]ustfile|app\.json|fly\.toml|render\.yaml|.*\.sh"
)
FOR_TESTS = re.compile(r"(?:^|[._])(?:tests?|testing|pytest|ci)(?:[._]|$)")
SETS_APPS = re.compile(r"(?m)^\s*INSTALLED_APPS\b[^=\n]*=")
TAKES_ALL = re.compile(r"(?m)^from\s+\S+\s+import\s+\*")
# Folders and files that hold settings, in the projects that we know.
USUAL = re.compile(r"settings|conf|environ|local|dev|prod|base|common|django", re.IGNORECASE)
DEPTH = 4


def settings_of_servers(modules: Modules) -> tuple[str, Where] | None:
    """The settings module that wsgi.py, else asgi.py, always names, where there is only one."""
    for base in modules.roots:
        found: dict[str, Where] = {}
        for path in _server_files(modules, base):
            source = modules.source(path)
            for one in assigned_in(source, VARIABLE) if source else ():
                if one.certain and modules.find(one.values[0]) is not None:
                    found.setdefault(one.values[0], one.where)
        if len(found) == 1:
            return next(iter(found.items()))
    return None


def configuration_of_servers(modules: Modules) -> str | None:
    """The class of django-configurations that wsgi.py or asgi.py names."""
    for base in modules.roots:
        for path in _server_files(modules, base):
            source = modules.source(path)
            for one in assigned_in(source, "DJANGO_CONFIGURATION") if source else ():
                if one.values:
                    return one.values[0]
    return None


def _server_files(modules: Modules, base: PurePosixPath) -> Iterator[PurePosixPath]:
    folder = modules.root / base
    for pattern in SERVER_FILES:
        for file in sorted(folder.glob(pattern)):
            path = PurePosixPath(file.relative_to(modules.root).as_posix())
            if not any(is_foreign(modules.root / parent) for parent in path.parents if parent.name):
                yield path


def settings_in_env_file(
    modules: Modules, folders: tuple[PurePosixPath, ...]
) -> tuple[str, Where] | None:
    """What .env sets, which manage.py reads."""
    for folder in dict.fromkeys(folders):
        path = folder / ".env"
        try:
            text = read_text(modules.root / path)
        except OSError:
            continue
        match = IN_ENV_FILE.search(text)
        if match and modules.find(match[1]) is not None:
            return match[1], Where(path, text.count("\n", 0, match.start(1)) + 1)
    return None


def settings_of_tools(
    modules: Modules, folders: tuple[PurePosixPath, ...]
) -> tuple[str, Where] | None:
    """The one settings module, of those that are there, that the files which start the project put
    into its environment: compose and container files, a Procfile, the example of an .env."""
    found: dict[str, Where] = {}
    for folder in dict.fromkeys(folders):
        for file in list_folder(modules.root / folder):
            if not STARTS_PROJECT.fullmatch(file.name) or not file.is_file():
                continue
            path = folder / file.name
            # a file with secrets may be another user's
            text = readable_text(file)
            for match in IN_ANY_FILE.finditer(text):
                begin = text.rfind("\n", 0, match.start()) + 1
                # what is commented out, or for tests alone, starts nothing
                if "#" in text[begin : match.start()] or FOR_TESTS.search(match[1]):
                    continue
                if modules.find(match[1]) is not None:
                    line = text.count("\n", 0, match.start(1)) + 1
                    found.setdefault(match[1], Where(path, line))
    if len(found) == 1:
        return next(iter(found.items()))
    return None


def starts_project(folder: Path) -> bool:
    """Whether a folder has a file that starts processes, or a folder for such files."""
    names = [entry.name for entry in list_folder(folder)]
    return any(STARTS_PROJECT.fullmatch(name) for name in names) or bool(
        {"deploy", "deployment", "docker", "k8s", "kubernetes", "ops", "etc"} & set(names)
    )


def candidate_modules(modules: Modules) -> tuple[tuple[str, Where], ...]:
    """The modules of the project that look like the settings of one of its environments."""
    found: dict[str, Where] = {}
    for base in modules.roots:
        for path in modules.python_files(base, DEPTH):
            name = modules.name_of(path)
            if name is None or not USUAL.search(name) or "test" in name or "example" in name:
                continue
            line = _line_of_settings(modules.root / path)
            # `clever-cloud.py` cannot be imported by its name
            if line and all(part.isidentifier() for part in name.split(".")):
                found.setdefault(name, Where(path, line))
    return tuple(found.items())


def _line_of_settings(file: Path) -> int | None:
    """The line that makes a file a settings module: it sets INSTALLED_APPS, or takes all of another
    one."""
    try:
        text = read_file(file).decode("utf-8", "replace")
    except OSError:
        return None
    match = SETS_APPS.search(text)
    if match is None and "settings" in str(file):
        match = TAKES_ALL.search(text)
    if match is None:
        return None
    return text.count("\n", 0, match.end()) + 1


def as_options(found: tuple[tuple[str, Where], ...]) -> Iterator[str]:
    """A line for each: the option that chooses it, and its place."""
    for name, where in found:
        yield f"  --settings {name}  ({where})"
