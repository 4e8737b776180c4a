"""A set-up that is not ours, brought to a profile: what is missing is added, and nothing else.

app.config_from_object("django.conf:settings", namespace="CELERY")   CELERY_TASK_ACKS_LATE = True
app.config_from_object("config.celeryconfig")                        task_acks_late = True
app.conf.update(timezone="UTC")                                      app.conf.task_acks_late = True
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, replace

from celeryize.brokers import find_broker, find_result_backend
from celeryize.celery_facts import OLD_NAMES
from celeryize.commands.init.block_facts import (
    Home,
    dump,
    find_block,
    in_draft,
    rendered_pieces,
    without_block,
)
from celeryize.commands.init.block_plan import shown
from celeryize.commands.init.generated_files import write_answers
from celeryize.commands.init.missing_broker import add_after_configuration, config_module
from celeryize.commands.init.settings_block import render_block
from celeryize.commands.init.settings_in_use import answer_in_use
from celeryize.commands.init.settings_place import write_settings
from celeryize.commands.init.setup import Setup, Wiring
from celeryize.commands.init.task_limits import forbidden_limits
from celeryize.commands.init.written_values import written_values
from celeryize.detect.celery import CeleryApp
from celeryize.detect.project import Project
from celeryize.detect.tasks import find_tasks
from celeryize.model import Where
from celeryize.patch.block_change import BlockChange, Piece, change_block
from celeryize.patch.imports import with_imports
from celeryize.patch.settings import add_block
from celeryize.patch.source import Source
from celeryize.render import ANSWERS_FILE

# What a setting changes for tasks that were written without it.
NEW_CONDUCT = {
    "CELERY_TASK_TIME_LIMIT": (
        "is for the tasks that are there, too: what runs longer is killed, unless its decorator "
        "has a time_limit of its own"
    ),
    "CELERY_TASK_ACKS_LATE": (
        "is for the tasks that are there, too: they run again where their worker is gone; one that "
        "must not run twice needs acks_late=False in its decorator"
    ),
}
# What a worker and its broker agree on: to change them strands messages, or hides results.
_AGREED = {
    "CELERY_TASK_DEFAULT_QUEUE": "messages that wait in the queue of today would be left there",
    "CELERY_TASK_IGNORE_RESULT": "results that the project reads would be gone",
    "CELERY_RESULT_BACKEND": "the project decides whether it keeps results",
    "CELERY_BROKER_URL": "",
    "CELERY_BEAT_SCHEDULE": "",
}
_OF_QUEUE = ("CELERY_TASK_DEFAULT_", "CELERY_TASK_CREATE_MISSING_QUEUE")
_OF_RESULTS = ("CELERY_RESULT_EX", "CELERY_TASK_STORE_ERRORS", "CELERY_TASK_TRACK_STARTED")
# Formats: a project that sends pickle, or reads it, stops where only JSON is accepted.
_FORMATS = ("CELERY_ACCEPT_CONTENT", "CELERY_TASK_SERIALIZER", "CELERY_RESULT_SERIALIZER")


@dataclass(frozen=True, slots=True)
class Present:
    """A setting that the set-up has: its value, where the text shows it, and its place."""

    where: Where | None
    value: ast.expr | None = None


def adopt_profile(setup: Setup, wiring: Wiring, app: CeleryApp) -> Wiring:
    """Add the settings of the profile that the set-up does not have, where it keeps its own; a note
    for each that it has with another value.
    """
    project, profile = setup.project, setup.answers.profile
    if _has_old_names(project, app):
        setup.draft.add_note(
            f"The settings have pre-Celery 4 names, so nothing of the profile {profile} is added "
            "beside them. `celeryize init --modernize` renames them first."
        )
        return wiring
    pieces = rendered_pieces(project, setup.answers)
    if not app.reads_django_settings:
        # a name of the settings, such as TIME_ZONE, is not known elsewhere
        pieces = {name: piece for name, piece in pieces.items() if not _reads_settings(piece)}
    there = _present(project, app)
    missing: list[Piece] = []
    for name, piece in pieces.items():
        if name in there:
            _report_other(setup, there[name], piece)
        elif not _is_left_out(setup, piece, there):
            missing.append(piece)
    statements = "\n".join(piece.statement for piece in missing)
    for name, own in forbidden_limits(project, statements).items():
        missing = [piece for piece in missing if piece.name != name]
        setup.draft.add_note(f"{name} is not added: {own.conflict}.")
    if missing:
        _report_new_conduct(setup, missing)
        with setup.attempt():
            wiring = _add_missing(setup, wiring, app, missing)
    else:
        setup.draft.add_note(f"Every setting of the profile {profile} that fits here is there.")
    return wiring


def _report_new_conduct(setup: Setup, missing: list[Piece]) -> None:
    """A note for what a new setting changes for the tasks that are there already."""
    project = setup.project
    if not find_tasks(project.modules, project.apps, project.celery):
        return
    names = {piece.name: piece.value for piece in missing}
    for name, sentence in NEW_CONDUCT.items():
        value = names.get(name)
        if value is not None:
            setup.draft.add_note(f"{name} = {shown(value)} {sentence}.")


def _has_old_names(project: Project, app: CeleryApp) -> bool:
    """Whether the app reads settings by their pre-Celery 4 names."""
    old = [name for name in project.settings.assigned if name in OLD_NAMES]
    if app.config_source != "django.conf:settings":
        return False
    return not app.reads_django_settings or bool(old)


def _present(project: Project, app: CeleryApp) -> dict[str, Present]:
    """What the set-up has, by the name that it would have in the Django settings."""
    found: dict[str, Present] = {}
    if app.reads_django_settings:
        for name, where in project.settings.assigned.items():
            if name.startswith("CELERY_"):
                found[name] = Present(where, _value_at(project, where, name))
        for name in project.settings.taken:
            if name.startswith("CELERY_"):
                found.setdefault(name, Present(None))
    config = config_module(project, app)
    if config is not None:
        source = project.modules.source(config)
        for node in source.tree.body if source else ():
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and source:
                name = f"CELERY_{node.targets[0].id.upper()}"
                found[name] = Present(source.where(node), node.value)
    for name, value, where in _of_app_file(project, app):
        found[f"CELERY_{name.upper()}"] = Present(where, value)
    return found


def _value_at(project: Project, where: Where, name: str) -> ast.expr | None:
    source = project.modules.source(where.path)
    for node in ast.walk(source.tree) if source else ():
        match node:
            case ast.Assign(targets=[ast.Name(id=found)], value=value) if found == name:
                if node.lineno == where.line:
                    return value
    return None


def _of_app_file(project: Project, app: CeleryApp) -> Iterator[tuple[str, ast.expr, Where]]:
    """What the app file sets: by `app.conf.name = ...`, by `app.conf.update(...)`, or in
    `Celery(broker=...)`.
    """
    source = project.modules.source(app.where.path)
    constructor = {"broker": "broker_url", "backend": "result_backend"}
    for node in ast.walk(source.tree) if source else ():
        assert source is not None
        match node:
            case ast.Assign(
                targets=[ast.Attribute(value=ast.Attribute(attr="conf"), attr=name)], value=value
            ):
                yield name, value, source.where(node)
            case ast.Call(func=ast.Attribute(value=ast.Attribute(attr="conf"), attr="update")):
                for keyword in node.keywords:
                    if keyword.arg:
                        yield keyword.arg, keyword.value, source.where(keyword)
                for argument in node.args:
                    if isinstance(argument, ast.Dict):
                        for key, item in zip(argument.keys, argument.values, strict=True):
                            if isinstance(key, ast.Constant):
                                yield str(key.value), item, source.where(item)
            case ast.Call(keywords=keywords) if node.lineno == app.where.line:
                for keyword in keywords:
                    if keyword.arg in constructor:
                        yield constructor[keyword.arg], keyword.value, source.where(keyword)


def _report_other(setup: Setup, present: Present, piece: Piece) -> None:
    """A note for a setting that says something else than the profile."""
    if present.value is not None and dump(present.value) == dump(piece.value):
        return
    if piece.name in {"CELERY_BROKER_URL", "CELERY_RESULT_BACKEND", "CELERY_BEAT_SCHEDULE"}:
        return
    now = "a value that the text does not show"
    if present.value is not None:
        now = shown(present.value)
    place = f"{present.where}: " if present.where else ""
    setup.draft.add_note(
        f"{place}{piece.name} = {now} stays; profile {setup.answers.profile} would set it to "
        f"{shown(piece.value)}."
    )


def _is_left_out(setup: Setup, piece: Piece, there: dict[str, Present]) -> bool:
    """Whether a setting of the profile is not for us to add to a set-up that runs; a note why."""
    name, why = piece.name, _AGREED.get(piece.name)
    if why is not None:
        if why:
            setup.draft.add_note(
                f"{name} is not added ({shown(piece.value)} in profile {setup.answers.profile}): "
                f"{why}."
            )
        return True
    if name.startswith(_OF_QUEUE):
        return True
    results = "CELERY_RESULT_BACKEND" in there
    if name.startswith((*_OF_RESULTS, "CELERY_RESULT_BACKEND_", "CELERY_REDIS_")) and not results:
        return True
    if name == "CELERY_TIMEZONE" and "CELERY_ENABLE_UTC" in there:
        return True
    if name.startswith("CELERY_BROKER_TRANSPORT_OPTIONS"):
        known = answer_in_use(setup.project, "broker")
        return known is None or find_broker(known) is None
    # a set-up with one format of its own has decided the others, too
    return name in _FORMATS and any(other in there for other in _FORMATS)


def _add_missing(setup: Setup, wiring: Wiring, app: CeleryApp, missing: list[Piece]) -> Wiring:
    """Write the missing settings where the set-up keeps its own."""
    project, draft = setup.project, setup.draft
    missing = [_without_prefix(piece) for piece in missing]
    words = f"{len(missing)} settings of the profile {setup.answers.profile} that were missing"
    rendered = render_block(without_block(project), setup.answers)
    used = "\n".join(piece.statement for piece in missing)
    imports = tuple(line for line in rendered.imports if line.split()[-1] in used)
    config = config_module(project, app)
    if app.reads_django_settings:
        names = frozenset(n for n in project.settings.assigned if n.startswith("CELERY_"))
        home = find_block(project, names) if names else None
        by_path = project.settings.split is not None
        if home is not None and home.settings:
            after = _below_like(in_draft(home, setup.draft, names), missing, names)
            draft.write(home.source.path, with_imports(after, imports), words)
        else:
            block = "\n".join("\n".join([*p.comment, p.statement]) for p in missing) + "\n"
            by_path = write_settings(setup, block, imports, words)
        _write_answers(setup, wiring, missing)
        return replace(
            wiring,
            wrote=(*wiring.wrote, *(piece.name for piece in missing)),
            read_by_path=wiring.read_by_path or by_path,
            values=(*wiring.values, *written_values(project, used)),
        )
    lower = [_lowered(piece) for piece in missing]
    if config is not None:
        block = "\n".join("\n".join([*p.comment, p.statement]) for p in lower) + "\n"
        draft.write(config, add_block(draft.source(config), block, list(imports)), words)
        return wiring
    lines = []
    for piece in lower:
        lines += [*piece.comment, f"{app.variable}.conf.{piece.statement}"]
    source = draft.source(app.where.path)
    after = add_after_configuration(source, app, "\n".join(lines), list(imports))
    draft.write(app.where.path, after, words)
    return wiring


def _below_like(home: Home, missing: list[Piece], names: frozenset[str]) -> Source:
    """The file with the missing settings below the last one that it has."""
    there = [name for name in home.settings if name in names]
    last = max(there, key=lambda name: home.settings[name].lineno)
    pieces = tuple(replace(piece, spaced=False) for piece in missing)
    order = (last, *(piece.name for piece in pieces))
    return change_block(home.source, home.body, BlockChange(added=pieces, order=order))


def _without_prefix(piece: Piece) -> Piece:
    """A piece without the headline of the whole block."""
    comment = tuple(line for line in piece.comment if not line.startswith("# Celery"))
    return replace(piece, comment=comment)


def _reads_settings(piece: Piece) -> bool:
    return any(isinstance(n, ast.Name) and n.id.isupper() for n in ast.walk(piece.value))


def _lowered(piece: Piece) -> Piece:
    name = piece.name.removeprefix("CELERY_").lower()
    return replace(piece, name=name, statement=name + piece.statement.removeprefix(piece.name))


def _write_answers(setup: Setup, wiring: Wiring, missing: list[Piece]) -> None:
    """The answers file, so that `celeryize update` knows what was written; none where the broker or
    the result backend is not known.
    """
    added = "CELERY_BROKER_URL" in wiring.wrote
    if not added and answer_in_use(setup.project, "broker") is None:
        return
    backend = answer_in_use(setup.project, "result_backend")
    if backend is not None and find_result_backend(backend) is None and "://" not in backend:
        return
    recorded = {piece.name: ast.unparse(piece.value) for piece in missing}
    for file in setup.rendered.files:
        if file.path.name == ANSWERS_FILE:
            write_answers(setup, file, recorded.items())
