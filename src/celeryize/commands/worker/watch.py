"""The health module: heartbeats of the worker and of Beat, imported by the app file."""

from __future__ import annotations

from pathlib import PurePosixPath

from celeryize.detect.project import Project
from celeryize.draft import Draft
from celeryize.errors import CannotPatch
from celeryize.model import Where
from celeryize.patch.imports import add_import, has_import, leading_imports, place_import
from celeryize.patch.source import Source, statements
from celeryize.render import snippet

MODULE = "celery_health"
# The file is the one that nobody expects of a worker: the steps say what it is and who runs it.
WHAT_IT_DOES = "touches files while worker and Beat live; the health checks look at them"
WHO_CALLS_IT = f"imports {MODULE}, which does nothing in a web process"


def plan_health(project: Project, draft: Draft) -> None:
    """Plan the module beside the app file, and its import there."""
    app = project.celery[0]
    path = app.where.path.parent / f"{MODULE}.py"
    package = app.module.rpartition(".")[0]
    if app.where.path.name == "__init__.py":
        package = app.module
    code = snippet("worker/health.py.jinja")
    old = draft.read(path)
    if old is None:
        newline = draft.source(app.where.path).newline
        draft.write(path, code.replace("\n", newline).encode(), WHAT_IT_DOES)
    elif b"CELERY_HEALTH_DIR" not in old:
        raise CannotPatch(
            f"{path} is something else",
            hint="Rename it, or pass --no-health.",
            where=Where(PurePosixPath(path)),
        )
    line = f"import {MODULE}"
    if package:
        line = f"from {package} import {MODULE}"
    source = draft.source(app.where.path)
    if has_import(source, line):
        return
    draft.write(app.where.path, _with_import(source, line), WHO_CALLS_IT)


def _with_import(source: Source, line: str) -> Source:
    """The app file with the import among its other ones, on a line of its own for its comment."""
    written = f"{line}  # noqa: F401"
    block = leading_imports(source)
    if not block:
        return source.splice(*add_import(source, written))
    return source.splice(place_import(source, block, statements(line)[0], written))
