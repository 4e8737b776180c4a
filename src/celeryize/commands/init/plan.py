"""`celeryize init`: the app file, the package import, the CELERY_* block, the dependency.

A project without Celery is set up (here); one that has it gets what is missing (adopt.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from celeryize.brokers import find_broker
from celeryize.commands.beat_files import ignore_beat_files
from celeryize.commands.init.adopt import adopt_app, report_uninstalled_apps
from celeryize.commands.init.answers import Answers, Existing, answers_of, ask
from celeryize.commands.init.app_settings import environment_of_proof
from celeryize.commands.init.celery_fit import refuse_old_celery
from celeryize.commands.init.dependency import declare_dependency
from celeryize.commands.init.deployed_urls import follow_deployment
from celeryize.commands.init.django_tasks import (
    add_to_existing,
    declare_backend,
    refuse_unfit,
    report_overrides,
    report_state,
)
from celeryize.commands.init.env_example import show_variables
from celeryize.commands.init.generated_files import (
    refuse_app_of_tasks,
    refuse_shadows,
    write_app_file,
    write_other_files,
)
from celeryize.commands.init.lines_to_paste import WholePlan, lines_of_plan
from celeryize.commands.init.modernize import modernize, report_old_names
from celeryize.commands.init.other_queues import report_other_queues
from celeryize.commands.init.package_import import add_package_import
from celeryize.commands.init.production import (
    report_other_settings,
    report_settings_class,
    report_unfollowed_settings,
)
from celeryize.commands.init.settings import add_settings
from celeryize.commands.init.setup import Setup, Wiring
from celeryize.detect.project import Project
from celeryize.draft import Draft
from celeryize.errors import CannotPatch
from celeryize.model import Plan
from celeryize.render import Rendered

__all__ = ["Answers", "Existing", "Init", "Wiring", "answers_of", "ask", "plan"]


@dataclass(frozen=True, slots=True)
class Init:
    """The outcome of planning."""

    plan: Plan
    draft: Draft
    answers: Answers
    wiring: Wiring


def plan(
    project: Project,
    rendered: Rendered,
    *,
    module_name: str,
    partial: bool = False,
    existing: Existing = Existing.REFUSE,
    modernized: bool = False,
    stored: Mapping[str, object] | None = None,
    flags: Mapping[str, object] | None = None,
    notes: tuple[str, ...] = (),
    updates: bool = False,
    django_tasks: bool = False,
) -> Init:
    """Everything that has to change.

    Raises CannotPatch at the first step that is needed and not possible. Where lines could be
    pasted instead, the error holds them for the whole plan. With `partial`, such a step becomes a
    manual one. `stored` are the answers of an earlier run, `flags` those of this command line:
    where they differ and the project is set up, that is reported, and nothing is changed.
    """

    def attempt(module_name: str, *, partial: bool) -> tuple[Setup, Wiring]:
        draft = project.draft()
        if modernized:
            today = modernize(project, draft, partial=partial)
        else:
            today = report_old_names(project, draft)
        # the settings under their current names: what comes next must not add a second one
        setup = Setup(
            project=today.project,
            draft=draft,
            answers=answers_of(rendered),
            rendered=rendered,
            module_name=module_name,
            existing=existing,
            partial=partial,
            updates=updates,
            django_tasks=django_tasks,
        )
        if django_tasks:
            refuse_unfit(setup.project)
        for note in notes:
            draft.add_note(note)
        wiring = _new_wiring(setup, today.names)
        if setup.project.celery:
            app = setup.project.celery[0]
            wiring = adopt_app(setup, wiring, app, stored=stored or {}, flags=flags or {})
            if django_tasks:
                with setup.attempt():
                    wiring = add_to_existing(setup, wiring)
        else:
            wiring = _create_setup(setup, wiring)
        show_variables(setup, wiring)
        return setup, wiring

    try:
        setup, wiring = attempt(module_name, partial=partial)
    except CannotPatch as refusal:
        if not refusal.snippet or isinstance(refusal, WholePlan):
            raise
        # Planned again with every refusal as a manual step, so that the lines are those of the
        # whole plan.
        try:
            whole, _ = attempt(_free_name(project, module_name), partial=True)
        except CannotPatch:
            raise refusal from None
        lines = lines_of_plan(whole.draft, project.dependencies.file)
        raise WholePlan(
            refusal.message, hint=refusal.hint, snippet=lines, where=refusal.where
        ) from refusal
    return Init(setup.draft.plan(), setup.draft, setup.answers, wiring)


def _create_setup(setup: Setup, wiring: Wiring) -> Wiring:
    """A project without Celery: every step, in the order in which a person would take them."""
    refuse_shadows(setup.project)
    refuse_app_of_tasks(setup.project)
    refuse_old_celery(setup.project)
    write_app_file(setup)
    with setup.attempt():
        add_package_import(setup, setup.module_name, wiring.variable)
    with setup.attempt():
        wiring = add_settings(setup, wiring)
    declare_dependency(setup, setup.answers.broker, setup.answers.result_backend)
    if setup.django_tasks:
        declare_backend(setup)
        report_state(setup)
        report_overrides(setup)
    if setup.answers.beat:
        ignore_beat_files(setup.project, setup.draft)
    write_other_files(setup, wiring)
    report_uninstalled_apps(setup)
    report_other_queues(setup)
    report_other_settings(setup)
    report_unfollowed_settings(setup)
    report_settings_class(setup)
    follow_deployment(setup)
    broker = find_broker(setup.answers.broker)
    if broker is not None:
        for note in broker.notes:
            setup.draft.add_note(note)
    return wiring


def _new_wiring(setup: Setup, names: tuple[str, ...]) -> Wiring:
    """The wiring of an app file of ours."""
    package = setup.project.package.name
    environment: tuple[tuple[str, str], ...] = ()
    if not setup.project.celery:
        environment = environment_of_proof(setup.project)
    return Wiring(f"{package}.{setup.module_name}", "app", setup.start_spec, names, environment)


def _free_name(project: Project, module_name: str) -> str:
    """A name for the app file that nothing has, or the given one."""
    for name in (module_name, "celery_app", "celery_main"):
        path = project.root / project.package.folder / name
        if not (path.is_dir() or path.with_suffix(".py").exists()):
            return name
    return module_name
