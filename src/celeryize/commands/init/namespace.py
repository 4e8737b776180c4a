"""The namespace of an app that reads the Django settings: with it, names begin with CELERY_."""

from __future__ import annotations

import ast

from celeryize.detect.celery import CeleryApp
from celeryize.draft import Draft
from celeryize.errors import CannotPatch
from celeryize.patch.source import fitted, insertion


def add_namespace(draft: Draft, app: CeleryApp) -> None:
    """Have the app read CELERY_* settings: `config_from_object("django.conf:settings")` gets its
    namespace."""
    source = draft.source(app.where.path)
    for call in ast.walk(source.tree):
        match call:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id=name), attr="config_from_object"),
                args=[argument],
                keywords=[],
            ) if name == app.variable:
                end = source.end(argument)
                text = fitted(source, end, ', namespace="CELERY"')
                keyword = ast.keyword("namespace", ast.Constant("CELERY"))
                after = source.splice(insertion(end, text, (keyword,)))
                what = "reads the CELERY_* settings, by its namespace"
                draft.write(app.where.path, after, what)
                return
    raise CannotPatch(
        f"{app.where.path} reads Celery's settings by their pre-Celery 4 names",
        hint='Give config_from_object namespace="CELERY", and run init again.',
        where=app.where,
    )
