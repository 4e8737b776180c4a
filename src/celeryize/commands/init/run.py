"""The run of `celeryize init`: which answers count, what is proved, what comes next."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from celeryize.brokers import extra_for, modules_of
from celeryize.celery_facts import SETTING_NAMES
from celeryize.celery_versions import Range, range_of
from celeryize.commands.broker_step import broker_steps
from celeryize.commands.init import plan as init
from celeryize.commands.init.change import answers_before, wished_answers
from celeryize.commands.init.deployed_urls import platform_steps
from celeryize.commands.init.generated_files import safe_module_name
from celeryize.commands.init.install import plan_installation
from celeryize.commands.init.missing_broker import broker_in_use
from celeryize.commands.init.production import deployment_steps
from celeryize.commands.init.settings_in_use import answers_in_effect, settings_in_use
from celeryize.commands.init.trial import raises_celery, trial_environment
from celeryize.commands.init.written_values import name_suspect
from celeryize.commands.options import RunOptions, WriteOptions, repeated_options
from celeryize.commands.start_command import install_line, start_steps, worker_variables
from celeryize.commands.start_up import ImportRequest
from celeryize.commands.writing.carry_out import Around
from celeryize.commands.writing.runner import Planned, Written, keeping_answers, run_writer
from celeryize.detect.answers import configured, stored_answers
from celeryize.detect.django_tasks import CELERY_BACKENDS
from celeryize.detect.project import Project
from celeryize.errors import CannotPatch, NoCelery
from celeryize.model import NextStep, Plan
from celeryize.probe.proof import Expected, Proof, Verdict
from celeryize.render import ANSWERS_FILE
from celeryize.ui.view import View
from celeryize.urls import holds_password

# The keys of [tool.celeryize] that answer a question of init, and those of all commands.
SWITCHES = ("partial", "overwrite", "skip_existing", "modernize", "install", "django_tasks")
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
    django_tasks: bool = False
    # the verb `update`: the answers of the file, by the templates of today
    updates: bool = False


def run(options: RunOptions, write: WriteOptions, view: View, chosen: InitOptions) -> Written:
    """Set Celery up in a project."""

    def planned(project: Project) -> Planned:
        return _plan_set_up(project, options, write, view, chosen)

    # what the settings have, and their text does not show
    names = tuple(f"CELERY_{name.upper()}" for name in sorted(SETTING_NAMES))
    request = ImportRequest(settings=names)
    return run_writer(options, write, view, planned, brief=False, request=request)


def _plan_set_up(
    project: Project,
    options: RunOptions,
    write: WriteOptions,
    view: View,
    chosen: InitOptions,
) -> Planned:
    """Ask what is not known yet, and plan."""
    folder = project.root / project.base
    stored = _stored_answers(project)
    if chosen.updates:
        _require_own_set_up(project, stored)
    table = configured(project.root, folder)
    _mention_unknown_keys(table, view)
    in_effect: dict[str, object] = {}
    if project.celery:
        in_effect = {"broker": broker_in_use(project)}
        if "profile" in chosen.flags and answers_before(stored) is None:
            in_effect |= answers_in_effect(project)
    # the later one wins, but for what the settings say already
    known = {**in_effect, **_answers_in(table), **stored, **chosen.flags}
    notes: tuple[str, ...] = ()
    if project.celery and answers_before(stored) is not None:
        known, notes = wished_answers(project, stored, chosen.flags)
    for kept in settings_in_use(project):
        if known.get(kept.question) not in (None, kept.answer):
            view.show_note(kept.note)
        known[kept.question] = kept.answer
    asked: View | None = None
    if view.interactive and write.asks and not project.celery:
        asked = view
    module_name = safe_module_name(project, chosen.module_name)
    if module_name != chosen.module_name:
        notes += (
            f"{project.package.folder} is on sys.path, where a {chosen.module_name}.py would hide "
            f"the library: the app file is {module_name}.py.",
        )
    rendered = init.ask(project, known, module_name=module_name, view=asked)
    # in a project that has Celery already nothing is asked, so there is nothing to repeat
    command_line = ""
    if not project.celery:
        answers = init.answers_of(rendered)
        command_line = _repeating_command(project, options, write, answers, chosen)
    with keeping_answers(command_line if asked else ""):
        planned = init.plan(
            project,
            rendered,
            module_name=module_name,
            partial=chosen.partial,
            existing=init.Existing.of(overwrite=chosen.overwrite, skip=chosen.skip_existing),
            modernized=chosen.modernize,
            stored=stored,
            flags=chosen.flags,
            notes=notes,
            updates=chosen.updates,
            django_tasks=chosen.django_tasks,
        )
    # what was planned decides what is proved
    return replace(_with_proof(project, planned, chosen, view), command_line=command_line)


def _require_own_set_up(project: Project, stored: dict[str, object]) -> None:
    """Raise CeleryizeError where there is nothing that celeryize wrote."""
    if not project.celery:
        raise NoCelery
    if answers_before(stored) is None:
        raise CannotPatch(
            f"no answers of celeryize init are known ({project.base / ANSWERS_FILE}), so nothing "
            "shows what it wrote",
            hint="For a set-up that was made manually: `celeryize init --profile standard` offers "
            "the settings that are missing.",
        )


def _with_proof(project: Project, planned: init.Init, chosen: InitOptions, view: View) -> Planned:
    """The plan with what it promises: the app that is imported and the settings that it has."""
    wiring = planned.wiring
    new_apps = [name for name in OPTIONAL_APPS if _is_new_import(name, planned.plan)]
    needs = (*new_apps, *modules_of(planned.answers.broker))
    if chosen.django_tasks:
        needs += ("django.tasks", "django_tasks_celery")
    plan = planned.plan
    install_command = install_line(project, _install_commands(project, planned.answers.broker))
    around: Around | None = None
    if chosen.install:
        around = plan_installation(_installable(project, planned.answers.broker), view)
        # it is proved once that is done
        install_command = ""
        # what the installation does is no step for the user
        done = f"{project.dependencies.sync}\n"
        plan = replace(plan, todos=tuple(todo for todo in plan.todos if todo.snippet != done))

    trial: Callable[[], AbstractContextManager[Path]] | None = None
    raised = raises_celery(project, plan) if chosen.modernize else ""
    if raised and chosen.install:
        trial = partial(trial_environment, project, plan, view)
    elif raised and not _has_version(project, raised):
        plan = replace(plan, notes=(*plan.notes, _unproved_version(project, raised)))

    # of now: the answers file is written before the steps are shown
    of_platform = platform_steps(
        project, answers_before(_stored_answers(project)), planned.answers, planned.wiring
    )

    def next_steps(proof: Proof) -> tuple[NextStep, ...]:
        if chosen.updates and not planned.plan.edits:
            # nothing new has to be started
            return ()
        steps = _next_steps(project, planned, proof, installed=chosen.install)
        steps += tuple(of_platform)
        if not planned.plan.edits and answers_before(_stored_answers(project)) is not None:
            steps += (_change_of_answers(planned.answers),)
        return steps

    command = "celeryize update" if chosen.updates else "celeryize init"
    return Planned(
        plan,
        command,
        Expected(
            wiring.module,
            wiring.variable,
            wiring.wrote,
            needs=needs,
            values=wiring.values,
            suspect=name_suspect(project),
            replaced=wiring.replaced,
            task_backends=frozenset(CELERY_BACKENDS),
        ),
        ImportRequest(wiring.spec, wiring.wrote, wiring.environment),
        install_command=install_command,
        around=around,
        trial=trial,
        read_by_path=wiring.read_by_path,
        next_steps=next_steps,
    )


def _has_version(project: Project, requirement: str) -> bool:
    """Whether the project's environment has a Celery that a requirement allows already."""
    installed = project.celery_version
    if installed is None:
        return False
    major, minor = installed
    return range_of(requirement).overlaps(Range((major, minor), (major, minor + 1)))


def _unproved_version(project: Project, raised: str) -> str:
    """The note that nothing was proved under the Celery that is declared now."""
    has = "has no Celery"
    if project.celery_version is not None:
        has = "has Celery {}.{}".format(*project.celery_version)
    return (
        f"The project's environment {has}, so this is not proved under {raised}. "
        "`celeryize init --modernize --install` proves it in a throw-away environment first, and "
        "writes nothing if that fails."
    )


def _mention_unknown_keys(table: dict[str, object], view: View) -> None:
    unknown = sorted(set(table) - TABLE_KEYS)
    if unknown:
        view.show_note(
            f"[tool.celeryize] has unknown keys: {', '.join(unknown)}; "
            f"known are {', '.join(sorted(TABLE_KEYS))}."
        )


def _installable(project: Project, broker: str) -> Project:
    """The project with what --install runs: where its own file cannot be installed, Celery alone
    is."""
    dependencies = project.dependencies
    if dependencies.file is None or dependencies.commands:
        return project
    commands = _install_commands(project, broker)
    return replace(project, dependencies=replace(dependencies, commands=commands))


def _install_commands(project: Project, broker: str) -> tuple[tuple[str, ...], ...]:
    """What installs Celery and the library of its broker."""
    if project.dependencies.commands:
        return project.dependencies.commands
    extra = extra_for(broker)
    if not extra:
        return (("pip", "install", "celery"),)
    return (("pip", "install", f"celery[{extra}]"),)


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


def _has_schedule(project: Project) -> bool:
    """Whether a schedule is set where an app of the project, or its settings, say so by name."""
    names = {name for app in project.celery for name, _ in app.conf_writes}
    return "beat_schedule" in names or "CELERY_BEAT_SCHEDULE" in project.settings.assigned


def _next_steps(
    project: Project, planned: init.Init, proof: Proof, *, installed: bool
) -> tuple[NextStep, ...]:
    """What a user does next, in order: each line works when it is pasted."""
    spec = planned.wiring.spec
    settings = tuple(pair for pair in planned.wiring.environment if pair[0].startswith("DJANGO_"))
    if project.celery:
        spec = project.start_spec(project.celery[0])
        settings += worker_variables(project)
    subcommands = ["worker"]
    has_beat = planned.answers.beat
    if project.celery:
        # an app of its own may go without Beat, or have one that nobody answered for here
        has_beat = _has_schedule(project) or "CELERY_BEAT_SCHEDULE" in planned.wiring.wrote
    if has_beat:
        subcommands.append("beat")
    steps: list[NextStep] = []
    # what is installed is not what keeps a project from being imported for another reason
    absent = not proof.before or any("ModuleNotFoundError" in line for line in proof.before)
    unproved = proof.verdict is Verdict.NOT_RUN and not installed
    if unproved and absent and project.dependencies.sync:
        steps.append(NextStep("Install what is declared now", (install_line(project),)))
    steps += broker_steps(planned.answers.broker, _broker_variables(planned.wiring))
    steps += start_steps(project, spec, tuple(subcommands), settings)
    live = "Prove it with a real worker and Beat, which needs no server"
    steps.append(NextStep(live, ("celeryize verify --live",)))
    if not project.celery:
        steps += deployment_steps(project)
    app = _first_app(project)
    if app and not project.celery:
        steps.append(NextStep("Add a first task", (f"celeryize add-task {app}.hello",)))
    return tuple(steps)


def _stored_answers(project: Project) -> dict[str, object]:
    """The answers that init has kept in the project."""
    return stored_answers(project.root / project.base, ANSWERS_FILE)


def _change_of_answers(answers: init.Answers) -> NextStep:
    """How another answer is given to a project that is set up."""
    other = "production" if answers.profile != "production" else "standard"
    what = "Give another answer, a profile for example (celeryize init --help)"
    return NextStep(what, (f"celeryize init --profile {other}",))


def _broker_variables(wiring: init.Wiring) -> tuple[str, ...]:
    """The variables of the environment from which the new settings read the broker."""
    for value in wiring.values:
        if value.name == "CELERY_BROKER_URL":
            return value.variables
    return ()


def _first_app(project: Project) -> str:
    """An app of the project's own for a first task; empty where it has none."""
    for app in project.apps:
        if app.installed:
            return app.name
    return ""


def _repeating_command(
    project: Project,
    options: RunOptions,
    write: WriteOptions,
    answers: init.Answers,
    chosen: InitOptions,
) -> str:
    """The command that does the same without a question: every flag that was given, and every
    answer.
    """
    parts = ["celeryize", "init"]
    for flag, url in (("--broker", answers.broker), ("--result-backend", answers.result_backend)):
        if holds_password(url):
            # shown with asterisks, a password would be pasted as asterisks
            url = "URL"
        parts += [flag, url]
    parts += ["--profile", answers.profile]
    parts.append("--beat" if answers.beat else "--no-beat")
    if chosen.module_name != "celery":
        parts += ["--module-name", chosen.module_name]
    parts += [f"--{name.replace('_', '-')}" for name in SWITCHES if getattr(chosen, name)]
    if write.no_verify:
        parts.append("--no-verify")
    parts += repeated_options(options)
    if options.settings is None and project.layout.settings_where is None:
        parts += ["--settings", project.settings.module]
    return shlex.join([*parts, "--yes"])
