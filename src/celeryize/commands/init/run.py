"""The run of `celeryize init`: which answers count, what is proved, what comes next."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field, replace

from celeryize.brokers import extra_for, modules_of
from celeryize.celery_facts import SETTING_NAMES
from celeryize.commands.init import plan as init
from celeryize.commands.init.install import plan_installation
from celeryize.commands.init.missing_broker import broker_in_use
from celeryize.commands.init.settings_in_use import settings_in_use
from celeryize.commands.init.written_values import name_suspect
from celeryize.commands.options import RunOptions, WriteOptions
from celeryize.commands.start_command import start_commands
from celeryize.commands.start_up import ImportRequest
from celeryize.commands.writing.carry_out import Around
from celeryize.commands.writing.runner import Planned, Written, run_writer
from celeryize.detect.answers import configured, stored_answers
from celeryize.detect.project import Project
from celeryize.detect.web_settings import worker_environment
from celeryize.model import Plan
from celeryize.probe.proof import Expected, Proof, Verdict
from celeryize.render import ANSWERS_FILE
from celeryize.ui.view import View
from celeryize.urls import holds_password

# The keys of [tool.celeryize] that answer a question of init, and those of all commands.
QUESTION_KEYS = frozenset({"broker", "result-backend", "result_backend", "profile", "beat"})
TABLE_KEYS = QUESTION_KEYS | {"settings", "silence", "templates"}

# What the settings may name beside Celery: installed with the dependencies, not by us.
OPTIONAL_APPS = ("django_celery_beat", "django_celery_results")


@dataclass(frozen=True, slots=True)
class InitOptions:
    """The options of init alone; `flags` are the answers given on the command line."""

    flags: dict[str, object] = field(default_factory=dict)
    module_name: str = "celery"
    partial: bool = False
    overwrite: bool = False
    skip_existing: bool = False
    modernize: bool = False
    install: bool = False


def run(options: RunOptions, write: WriteOptions, view: View, chosen: InitOptions) -> Written:
    """Set Celery up in a project."""

    def planned(project: Project) -> Planned:
        return _plan_set_up(project, write, view, chosen)

    # what the settings have, and their text does not show
    names = tuple(f"CELERY_{name.upper()}" for name in sorted(SETTING_NAMES))
    request = ImportRequest(settings=names)
    return run_writer(options, write, view, planned, brief=False, request=request)


def _plan_set_up(project: Project, write: WriteOptions, view: View, chosen: InitOptions) -> Planned:
    """Ask what is not known yet, and plan."""
    folder = project.root / project.base
    stored = stored_answers(folder, ANSWERS_FILE)
    table = configured(project.root, folder)
    _mention_unknown_keys(table, view)
    in_effect: dict[str, object] = {}
    if project.celery:
        in_effect = {"broker": broker_in_use(project)}
    # the later one wins, but for what the settings say already
    known = {**in_effect, **_answers_in(table), **stored, **chosen.flags}
    for kept in settings_in_use(project):
        if known.get(kept.question) not in (None, kept.answer):
            view.show_note(kept.note)
        known[kept.question] = kept.answer
    asked: View | None = None
    if view.interactive and write.asks and not project.celery:
        asked = view
    rendered = init.ask(project, known, module_name=chosen.module_name, view=asked)
    planned = init.plan(
        project,
        rendered,
        module_name=chosen.module_name,
        partial=chosen.partial,
        existing=init.Existing.of(overwrite=chosen.overwrite, skip=chosen.skip_existing),
        modernized=chosen.modernize,
        stored=stored,
        flags=chosen.flags,
    )
    # what was planned decides what is proved
    return _with_proof(project, planned, chosen, view)


def _with_proof(project: Project, planned: init.Init, chosen: InitOptions, view: View) -> Planned:
    """The plan with what it promises: the app that is imported and the settings that it has."""
    wiring = planned.wiring
    new_apps = [name for name in OPTIONAL_APPS if _is_new_import(name, planned.plan)]
    needs = (*new_apps, *modules_of(planned.answers.broker))
    # in a project that has Celery already nothing is asked, so there is nothing to repeat
    command_line = ""
    if not project.celery:
        command_line = _repeating_command(project, planned.answers, chosen.module_name)
    plan = planned.plan
    around: Around | None = None
    if chosen.install:
        around = plan_installation(project, view)
        # what the installation does is no step for the user
        done = f"{project.dependencies.sync}\n"
        plan = replace(plan, todos=tuple(todo for todo in plan.todos if todo.snippet != done))

    def next_steps(proof: Proof) -> tuple[str, ...]:
        return _next_steps(project, planned, proof, installed=chosen.install)

    return Planned(
        plan,
        "celeryize init",
        Expected(
            wiring.module,
            wiring.variable,
            wiring.wrote,
            needs=needs,
            values=wiring.values,
            suspect=name_suspect(project),
        ),
        ImportRequest(wiring.spec, wiring.wrote, wiring.environment),
        install_command=project.dependencies.sync or _install_command(planned.answers.broker),
        around=around,
        read_by_path=wiring.read_by_path,
        next_steps=next_steps,
        command_line=command_line,
    )


def _mention_unknown_keys(table: dict[str, object], view: View) -> None:
    unknown = sorted(set(table) - TABLE_KEYS)
    if unknown:
        view.show_note(
            f"[tool.celeryize] has unknown keys: {', '.join(unknown)}; "
            f"known are {', '.join(sorted(TABLE_KEYS))}."
        )


def _install_command(broker: str) -> str:
    """What installs Celery and the library of its broker where no manager is known."""
    extra = extra_for(broker)
    if not extra:
        return "pip install celery"
    return f"pip install 'celery[{extra}]'"


def _is_new_import(name: str, plan: Plan) -> bool:
    """Whether a plan has the project import a module that it did not name before."""
    # in the bytes: a comment counts too, which at worst excuses a missing library
    word = name.encode()
    return any(
        word in (edit.after or b"") and word not in (edit.before or b"") for edit in plan.edits
    )


def _answers_in(table: dict[str, object]) -> dict[str, object]:
    """What [tool.celeryize] answers of the questions of init."""
    return {key.replace("-", "_"): value for key, value in table.items() if key in QUESTION_KEYS}


def _next_steps(
    project: Project, planned: init.Init, proof: Proof, *, installed: bool
) -> tuple[str, ...]:
    """The commands that a user types next, in order."""
    spec = planned.wiring.spec
    settings = [pair for pair in planned.wiring.environment if pair[0].startswith("DJANGO_")]
    if project.celery:
        app = project.celery[0]
        spec = project.start_spec(app)
        settings += worker_environment(
            project.modules, project.web, project.settings.module, app.where.path
        )
    subcommands = ["worker"]
    # a project with an app of its own may have decided to go without Beat
    has_schedule = not project.celery or "CELERY_BEAT_SCHEDULE" in project.settings.assigned
    if planned.answers.beat and has_schedule:
        subcommands.append("beat")
    steps = list(start_commands(project, spec, tuple(subcommands), tuple(settings)))
    if proof.verdict is Verdict.NOT_RUN and not installed and project.dependencies.sync:
        # below the change of the folder, where the file of the dependencies may be meant
        steps.insert(len(steps) - len(subcommands), project.dependencies.sync)
    return tuple(steps)


def _repeating_command(project: Project, answers: init.Answers, module_name: str) -> str:
    """The command that gives the same without a question."""
    parts = ["celeryize", "init"]
    for flag, url in (("--broker", answers.broker), ("--result-backend", answers.result_backend)):
        if holds_password(url):
            # shown with asterisks, a password would be pasted as asterisks
            url = "URL"
        parts += [flag, url]
    parts += ["--profile", answers.profile]
    if answers.beat:
        parts.append("--beat")
    else:
        parts.append("--no-beat")
    if module_name != "celery":
        parts += ["--module-name", module_name]
    if project.layout.settings_where is None:
        parts += ["--settings", project.settings.module]
    return shlex.join([*parts, "--yes"])
