"""A project with our set-up and other answers, or newer templates: what changes, and what stays."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePosixPath

from celeryize.brokers import PROFILES, find_broker, question_data
from celeryize.commands.init.answers import Answers
from celeryize.commands.init.block_facts import (
    ANY_CELERY,
    URLS,
    Home,
    dump,
    find_block,
    in_draft,
    rendered_pieces,
    without_block,
    written_before,
)
from celeryize.commands.init.block_plan import BlockPlan, Versions, plan_block, shown
from celeryize.commands.init.change_around import change_around
from celeryize.commands.init.django_tasks import needed_by_tasks
from celeryize.commands.init.generated_files import write_answers
from celeryize.commands.init.settings import prepare_result_backend, require_variables
from celeryize.commands.init.settings_block import render_block
from celeryize.commands.init.setup import Setup, Wiring
from celeryize.commands.init.task_limits import forbidden_limits
from celeryize.commands.init.template_changes import OLD_COMMENTS
from celeryize.commands.init.written_values import written_values
from celeryize.detect.answers import recorded_settings
from celeryize.detect.celery import CeleryApp
from celeryize.detect.project import Project
from celeryize.detect.settings import settings_files
from celeryize.patch.block_change import change_block, comment_lines, without_import
from celeryize.patch.imports import with_imports
from celeryize.render import ANSWERS_FILE

QUEUE = "CELERY_TASK_DEFAULT_QUEUE"


def answers_before(stored: Mapping[str, object]) -> Answers | None:
    """The answers of the file; None where one is missing, or is none that init ever took."""
    broker, backend = stored.get("broker"), stored.get("result_backend")
    profile, beat = stored.get("profile"), stored.get("beat")
    if not (isinstance(broker, str) and broker and isinstance(backend, str) and backend):
        return None
    if profile not in PROFILES or not isinstance(beat, bool):
        return None
    return Answers(broker, backend, str(profile), beat)


def wished_answers(
    project: Project, stored: Mapping[str, object], flags: Mapping[str, object]
) -> tuple[dict[str, object], tuple[str, ...]]:
    """The answers that count for a set-up of ours, and notes about those that do not.

    A result backend that was the default of the old broker follows the new one. A URL that the user
    changed stays, and with it the answer that it stands for.
    """
    known = {**stored, **flags}
    before = answers_before(stored)
    if before is None:
        return known, ()
    home, was = _block_before(project, before)
    notes = _keep_changed_url(project, home, was, "broker", known, stored)
    defaults = question_data()["result_backend_by_scheme"]
    assert isinstance(defaults, dict)
    moves = known["broker"] != before.broker
    follows = before.result_backend == defaults.get(_scheme(before.broker), "none")
    if moves and "result_backend" not in flags and follows:
        known["result_backend"] = defaults.get(_scheme(str(known["broker"])), "none")
        kept = _keep_changed_url(project, home, was, "result_backend", known, stored)
        notes += kept
        if not kept and known["result_backend"] != before.result_backend:
            notes.append(
                f"The result backend follows the broker: {known['result_backend']}, not "
                f"{before.result_backend}. --result-backend {before.result_backend} keeps it."
            )
    else:
        notes += _keep_changed_url(project, home, was, "result_backend", known, stored)
    return known, tuple(notes)


def _keep_changed_url(
    project: Project,
    home: Home | None,
    was: Mapping[str, frozenset[str]],
    question: str,
    known: dict[str, object],
    stored: Mapping[str, object],
) -> list[str]:
    """Put the stored answer back into `known` where the user changed its URL; a note if so."""
    name = URLS[question]
    if home is None or known[question] == stored[question]:
        return []
    text = ""
    where = project.settings.assigned.get(name)
    if name in home.settings:
        value = home.value_of(name)
        if dump(value) in was.get(name, ()):
            return []
        where, text = home.where(name), f" = {shown(value)}"
    if where is None:
        return []
    known[question] = stored[question]
    return [
        f"{where}: {name}{text} is not as celeryize would have written it, and stays: "
        f"--{question.replace('_', '-')} changed nothing. Edit that line to change it."
    ]


def change_set_up(setup: Setup, wiring: Wiring, app: CeleryApp, before: Answers) -> Wiring:
    """Bring a set-up of ours from the answers `before` to those of `setup`, by the templates of
    today.
    """
    project, answers = setup.project, setup.answers
    home, was = _block_before(project, before)
    if home is None:
        setup.draft.add_note("The settings that celeryize wrote were not found; nothing changed.")
        return wiring
    recorded = _recorded(project)
    versions = Versions(
        was=was,
        old=rendered_pieces(project, before, ANY_CELERY),
        new=rendered_pieces(project, answers, ANY_CELERY),
        fits=_fitting_names(setup, before, answers),
    )
    broker = find_broker(answers.broker)
    written = frozenset(f"CELERY_{name.upper()}" for name, _ in app.conf_writes)
    plan = plan_block(
        project,
        home,
        versions,
        answers=answers,
        recorded=recorded,
        needs_options=broker is not None and broker.needs_options,
        elsewhere=written,
        kept=needed_by_tasks(project),
    )
    with setup.attempt():
        _write_block(setup, home, versions, plan, before)
    for note in plan.notes:
        setup.draft.add_note(note)
    if any(piece.name == QUEUE for piece in plan.added):
        setup.draft.add_note(
            f"{QUEUE} names another default queue: tasks that wait in the one of before (celery) "
            "are run by nobody. Let its workers finish them first, or start one with -Q celery."
        )
    rendered = render_block(without_block(project), answers)
    names = {*plan.replaced, *(piece.name for piece in plan.added)}
    secrets = [(rendered.prefix + n, url) for n, url in rendered.secrets if n in names]
    require_variables(setup, secrets)
    if answers.result_backend != before.result_backend:
        prepare_result_backend(setup)
    change_around(setup, before)
    for file in setup.rendered.files:
        if file.path.name == ANSWERS_FILE:
            write_answers(setup, file, plan.recorded.items())
    lines = "\n".join([p.statement for p in (*plan.replaced.values(), *plan.added)])
    values = [
        value
        for value in written_values(project, lines)
        if value.name not in project.settings.overridden
    ]
    return replace(
        wiring,
        wrote=tuple(dict.fromkeys((*wiring.wrote, *sorted(names)))),
        environment=(*wiring.environment, *secrets),
        read_by_path=wiring.read_by_path or project.settings.split is not None,
        values=(*wiring.values, *values),
        replaced=frozenset(plan.replaced),
    )


def _write_block(
    setup: Setup, home: Home, versions: Versions, plan: BlockPlan, before: Answers
) -> None:
    """Write what becomes of the block into its file."""
    project, answers = setup.project, setup.answers
    home = in_draft(home, setup.draft, frozenset(versions.was))
    path = home.source.path
    margin = " " * home.body[0].col_offset
    comments = set(OLD_COMMENTS)
    for those in (before, answers):
        text = render_block(without_block(project), those, ANY_CELERY).text
        comments |= comment_lines(home.source, text, margin)
    change = plan.change(versions, frozenset(comments), answers.profile)
    after = change_block(home.source, home.body, change)
    if after == home.source:
        return
    rendered = render_block(without_block(project), answers)
    used = " ".join(p.statement for p in (*plan.replaced.values(), *plan.added))
    imports = [line for line in rendered.imports if line.split()[-1] in used]
    after = with_imports(after, imports)
    gone = set(render_block(without_block(project), before).imports) - set(rendered.imports)
    for line in sorted(gone):
        if not _used_elsewhere(project, path, line.split()[-1]):
            after = without_import(after, line)
    setup.draft.write(path, after, f"the CELERY_* settings, {_words(plan, answers)}")


def _used_elsewhere(project: Project, path: PurePosixPath, name: str) -> bool:
    """Whether another settings file, which may star-import this one, uses a name."""
    files = {*project.settings.reachable, *settings_files(project.layout, project.modules)}
    for other in files - {path}:
        source = project.modules.source(other)
        if source is not None and re.search(rf"\b{name}\b", source.text):
            return True
    return False


def _words(plan: BlockPlan, answers: Answers) -> str:
    counts = (
        (len(plan.replaced), "changed"),
        (len(plan.added), "added"),
        (len(plan.removed), "removed"),
    )
    parts = [f"{count} {word}" for count, word in counts if count] or ["comments"]
    return f"profile {answers.profile}: {', '.join(parts)}"


def _block_before(
    project: Project, before: Answers
) -> tuple[Home | None, Mapping[str, frozenset[str]]]:
    """The block in its file, and what its settings were when celeryize wrote them."""
    was = written_before(project, before, _recorded(project))
    return find_block(project, frozenset(was)), was


def _fitting_names(setup: Setup, before: Answers, answers: Answers) -> frozenset[str]:
    """The settings of the answers that the project's Celery has and its tasks allow; a note for
    each that a task forbids."""
    pieces = rendered_pieces(setup.project, answers)
    block = "\n".join(piece.statement for piece in pieces.values())
    forbidden = forbidden_limits(setup.project, block)
    known = rendered_pieces(setup.project, before)
    for name, own in forbidden.items():
        # what was left out once is not reported again
        if name not in setup.project.settings.assigned and name not in known:
            setup.draft.add_note(f"{name} is not added: {own.conflict}.")
    return frozenset(pieces) - forbidden.keys()


def _recorded(project: Project) -> dict[str, str]:
    return recorded_settings(project.root / project.base, ANSWERS_FILE)


def _scheme(broker: str) -> str:
    return broker.split(":")[0].split("+")[0]
