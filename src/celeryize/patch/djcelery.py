"""Settings and entry points without django-celery, which Celery has been doing without since 3.1.

import djcelery                  ->
djcelery.setup_loader()
INSTALLED_APPS = ["djcelery"]    ->  INSTALLED_APPS = []
"""

from __future__ import annotations

import ast
import re

from celeryize.errors import CannotPatch
from celeryize.patch.block_change import removals
from celeryize.patch.replace import respelled
from celeryize.patch.source import Source, Splice, every_statement

# What its classes are called in the packages that took their place.
HEIRS = {
    "djcelery.schedulers.DatabaseScheduler": "django_celery_beat.schedulers:DatabaseScheduler",
    "djcelery.backends.database:DatabaseBackend": "django-db",
    "djcelery.backends.database.DatabaseBackend": "django-db",
    "djcelery.backends.cache:CacheBackend": "django-cache",
    "djcelery.backends.cache.CacheBackend": "django-cache",
}


def without_djcelery(source: Source) -> Source:
    """The module without django-celery. Raises CannotPatch for a use that has no heir."""
    if "djcelery" not in source.text:
        return source
    apps = [
        app
        for path, app in HEIRS.items()
        if re.search(rf"[\"']{re.escape(path)}[\"']", source.text)
    ]
    heir = ""
    if any("beat" in app for app in apps):
        heir = "django_celery_beat"
    elif apps:
        heir = "django_celery_results"
    splices: list[Splice] = []
    gone: list[ast.stmt] = []
    for node in every_statement(source.tree):
        if _is_set_up(node):
            gone.append(node)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("djcelery"):
            raise CannotPatch(
                f"{source.where(node)}: django-celery is gone; its tables are those of "
                "django-celery-beat and django-celery-results now",
                hint="Import the models from django_celery_beat.models, and move the rows there.",
                snippet=source.segment(node) + "\n",
                where=source.where(node),
                in_place=True,
            )
    gone = _with_whole_blocks(source.tree, gone)
    for found in ast.walk(source.tree):
        if isinstance(found, ast.List | ast.Tuple):
            splices += _without_app(source, found, heir)
        elif isinstance(found, ast.Constant) and found.value in HEIRS:
            splices.append(respelled(source, found, HEIRS[str(found.value)]))
    splices += removals(source, gone)
    if not splices:
        return source
    return source.splice(*splices)


def _with_whole_blocks(tree: ast.Module, gone: list[ast.stmt]) -> list[ast.stmt]:
    """The statements that go, with the whole `try` or `if` around them where it holds no other."""
    found = list(gone)
    for node in every_statement(tree):
        if isinstance(node, ast.Try):
            ends = [*node.orelse, *node.finalbody, *(s for h in node.handlers for s in h.body)]
        elif isinstance(node, ast.If):
            ends = node.orelse
        else:
            continue
        if all(s in gone for s in node.body) and all(isinstance(s, ast.Pass) for s in ends):
            found = [node, *(s for s in found if s not in node.body)]
    return found


def _is_set_up(node: ast.stmt) -> bool:
    """`import djcelery`, `djcelery.setup_loader()`, `from djcelery import setup_loader`."""
    match node:
        case ast.Import(names=[ast.alias(name="djcelery", asname=None)]):
            return True
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id="djcelery")))):
            return True
    return False


def _without_app(source: Source, node: ast.List | ast.Tuple, heir: str) -> list[Splice]:
    """The splice that takes "djcelery" out of a list, or puts its heir in its place."""
    for index, element in enumerate(node.elts):
        if not (isinstance(element, ast.Constant) and element.value == "djcelery"):
            continue
        if heir and not any(isinstance(e, ast.Constant) and e.value == heir for e in node.elts):
            return [respelled(source, element, heir)]
        start, end = source.start(element), source.end(element)
        comma = re.compile(r"[ \t]*,").match(source.text, end)
        if comma:
            end = comma.end()
        line = source.line_starts[element.lineno - 1]
        rest = re.compile(r"[ \t]*(?:#[^\n]*)?\r?\n").match(source.text, end)
        if not source.text[line:start].strip() and rest and comma:
            return [Splice(line, rest.end(), "", (), (element,))]
        if index:
            start = source.end(node.elts[index - 1])
            end = source.end(element)
        return [Splice(start, end, "", (), (element,))]
    return []
