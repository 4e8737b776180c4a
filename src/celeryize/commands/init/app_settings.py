"""Which settings module the app file names: that of the web process, which imports it first."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from celeryize.detect.layout import CONFIGURATION, named_by
from celeryize.detect.project import Project
from celeryize.detect.web_entries import VARIABLE, WebEntry
from celeryize.detect.web_settings import deciding_entries, entries_below
from celeryize.errors import CannotPatch
from celeryize.patch.source import python_literal

COMMENT = "# The settings that {} names; the environment variable wins over them.\n"
MANAGE_COMMENT = COMMENT.format("manage.py")


@dataclass(frozen=True, slots=True)
class AppSettings:
    """The lines of the app file that choose the settings, and the imports that they need; `note`
    says why, where it has to be."""

    lines: str
    note: str = ""
    imports: tuple[str, ...] = ()


def choose_app_settings(project: Project) -> AppSettings:
    """What a new app file puts into DJANGO_SETTINGS_MODULE.

    Importing `config.wsgi` runs `config/__init__.py`, and so the app file, before wsgi.py sets its
    own default: the two have to agree. manage.py sets its own before it imports the package.
    Raises CannotPatch where wsgi.py and asgi.py do not agree, or cannot be read.
    """
    # a manage.py that chooses by the environment names several: then another file decides
    where = project.layout.settings_where
    comment = MANAGE_COMMENT
    if where is not None and (where.path.suffix == ".py" or where.path == project.layout.manage):
        comment = COMMENT.format(where.path.name)
    default = AppSettings(
        comment + _setdefault(project.settings.module),
        _note_of_stale(project) or _note_of_choice(project),
    )
    entries = deciding_entries(project.web, project.package.name)
    names = tuple(dict.fromkeys(entry.names[0] for entry in entries if entry.certain))
    uncertain = [entry for entry in entries if not entry.certain]
    if uncertain:
        return _follow(uncertain[0], entries)
    if not names or names == (project.settings.module,):
        return default
    if len(names) > 1:
        listed = "\n".join(f"  {entry.where}: {entry.names[0]}" for entry in entries)
        raise CannotPatch(
            f"the web processes have different settings modules:\n{listed}\n"
            f"A Celery app in {project.package.name} would give one of them the settings of the "
            "other, because importing it sets DJANGO_SETTINGS_MODULE first",
            hint="Have them name the same module, and run init again; or name a package for the "
            "app that Django imports later, an app for example: --package NAME.",
            where=entries[0].where,
        )
    path = entries[0].path
    comment = (
        f"# The settings that {path.name} names, because a web process imports this file before\n"
        "# that line runs. manage.py has set its own by then; the environment variable wins.\n"
    )
    manage = project.layout.settings_where or project.layout.manage
    note = (
        f"The app file names the settings of the web server, {names[0]} ({entries[0].where}): a "
        "web process imports it first, and has to keep its own. A worker gets them, too. One with "
        f"those of manage.py ({manage}) is started with "
        f"DJANGO_SETTINGS_MODULE={project.settings.module}."
    )
    if _is_empty(project, names[0]):
        note += f" {names[0]} holds no settings, so a web server has to set that variable, too."
    return AppSettings(comment + _setdefault(names[0]), note)


def _is_empty(project: Project, module: str) -> bool:
    """Whether a settings module has no statement."""
    path = project.modules.find(module)
    source = project.modules.source(path) if path else None
    return source is not None and all(
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        for node in source.tree.body
    )


def choose_configuration(project: Project) -> str:
    """The class of django-configurations that a new app file names: as the settings, that of the
    web process."""
    for entry in entries_below(project.web, project.package.name):
        for name, _ in named_by(project.modules, entry.path, CONFIGURATION):
            return name
    return project.layout.configuration or ""


def environment_of_proof(project: Project) -> tuple[tuple[str, str], ...]:
    """What a worker needs in its environment to have the settings of manage.py.

    The settings of production may not import on this machine, so the proof has those of manage.py.
    """
    found = []
    if has_other_default(project):
        found.append((VARIABLE, project.settings.module))
    own = project.layout.configuration
    if own and own != choose_configuration(project):
        found.append((CONFIGURATION, own))
    return tuple(found)


def has_other_default(project: Project) -> bool:
    """Whether a worker that is started without the variable has other settings than manage.py."""
    return any(
        not (entry.certain and entry.names == (project.settings.module,))
        for entry in deciding_entries(project.web, project.package.name)
    )


def _note_of_stale(project: Project) -> str:
    """The web entry that names no settings, which is for the user to fix."""
    for entry in entries_below(project.web, project.package.name):
        if entry.stale:
            return (
                f"{entry.where} names {entry.names[0]}, which does not exist: a web server runs it "
                "only with DJANGO_SETTINGS_MODULE set. The app file names "
                f"{project.settings.module}, as manage.py does."
            )
    return ""


def _note_of_choice(project: Project) -> str:
    """Which settings a worker has where manage.py chooses among several, and another file decided;
    empty where manage.py names them."""
    layout = project.layout
    where = layout.settings_where
    if where is None or where.path == layout.manage:
        return ""
    others = dict.fromkeys(
        name
        for name, _ in layout.environments
        if name != layout.settings and project.modules.find(name) is not None
    )
    if not others:
        return ""
    return (
        f"{layout.manage} chooses the settings module by the environment. The app file names "
        f"{layout.settings}, as {where} does. For a worker with other settings, set "
        f"DJANGO_SETTINGS_MODULE={' or '.join(others)}."
    )


def _follow(entry: WebEntry, entries: list[WebEntry]) -> AppSettings:
    """The lines of an entry whose choice depends on the environment, where all have the same."""
    if entry.prelude is None or any(other.prelude != entry.prelude for other in entries):
        listed = "\n".join(f"  {other.where}: {' or '.join(other.names)}" for other in entries)
        raise CannotPatch(
            "the settings module of the web process depends on its environment in a way that the "
            f"app file cannot repeat:\n{listed}\n"
            "Importing the app would set DJANGO_SETTINGS_MODULE before that line runs",
            hint="Put the choice into a function of a module of its own, call it in "
            f"{entry.path.name}, and run init again: the app file will call it, too.",
            where=entry.where,
        )
    comment = (
        f"# The settings are chosen as in {entry.path.name}: a web process imports this file "
        "before\n# those lines run. The environment variable wins.\n"
    )
    note = (
        f"{entry.where} chooses the settings module by the environment. The app file has the same "
        f"lines, because importing {entry.module} runs it first."
    )
    imports, lines = _apart(entry.prelude)
    return AppSettings(f"{comment}{lines}\n", note, imports)


def _apart(code: str) -> tuple[tuple[str, ...], str]:
    """The imports at the head of some statements, and the lines below them. An import below another
    statement may need what that has done."""
    imports: list[str] = []
    last = 0
    for node in ast.parse(code).body:
        if not isinstance(node, ast.Import | ast.ImportFrom):
            break
        # they go into a sorted block
        node.names.sort(key=lambda alias: alias.name)
        imports.append(ast.unparse(node))
        last = node.end_lineno or last
    return tuple(imports), "\n".join(code.split("\n")[last:])


def _setdefault(module: str) -> str:
    return f'os.environ.setdefault("DJANGO_SETTINGS_MODULE", {python_literal(module)})\n'
