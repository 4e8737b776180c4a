"""The health module: heartbeats of the worker and of Beat, imported by the app file."""

from __future__ import annotations

import ast
from pathlib import PurePosixPath

from celeryize.detect.project import Project
from celeryize.draft import Draft
from celeryize.errors import CannotPatch
from celeryize.model import Where
from celeryize.patch.imports import add_import, has_import, leading_imports
from celeryize.patch.source import Source, fitted, insertion, statements
from celeryize.render import snippet

MODULE = "celery_health"


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
        draft.write(path, code.replace("\n", newline).encode(), "heartbeats for the health checks")
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
    draft.write(app.where.path, _with_import(source, line), "imports the heartbeats")


def _with_import(source: Source, line: str) -> Source:
    """The app file with the import below its other ones."""
    written = f"{line}  # noqa: F401\n"
    block = leading_imports(source)
    if not block:
        return source.splice(*add_import(source, written.rstrip()))
    offset = source.after_line(block[-1])
    lead = "" if source.text[:offset].endswith("\n") else source.newline
    last = block[-1]
    # the project's own modules are a section of their own, as isort and ruff have it
    if source.style.section_of(*_module_of(last)) != source.style.section_of(line.split()[1], 0):
        lead += source.newline
    return source.splice(
        insertion(offset, lead + fitted(source, offset, written), statements(line))
    )


def _module_of(node: ast.Import | ast.ImportFrom) -> tuple[str, int]:
    """The module that an import names, and how many dots go before it."""
    if isinstance(node, ast.Import):
        return node.names[-1].name, 0
    return node.module or "", node.level
