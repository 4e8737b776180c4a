"""The run of `celeryize init`: detect, ask, plan, prove, carry out, say what comes next."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from celeryize.commands import init
from celeryize.commands.carry_out import Ended, View, carry_out
from celeryize.commands.gaps import in_use
from celeryize.commands.opening import Opening, opened, target_of
from celeryize.detect.answers import configured, stored_answers
from celeryize.detect.project import Project
from celeryize.errors import CeleryizeError
from celeryize.model import Plan
from celeryize.probe.proof import Expected, Proof, Verdict, judge
from celeryize.render import ANSWERS_FILE
from celeryize.urls import holds_password

# The keys of [tool.celeryize], of all commands.
TABLE = frozenset({"broker", "result-backend", "result_backend", "profile", "beat", "templates", "silence"})

# What the settings may name beside Celery: installed with the rest of the dependencies, not by us.
LIBRARIES = ("django_celery_beat", "django_celery_results")


class InitView(View, Opening, Protocol):
    """What init shows and asks; `interactive` says whether a person answers the questions."""

    interactive: bool


def run(
    start: Path,
    view: InitView,
    *,
    flags: dict[str, object],
    module_name: str = "celery",
    package: str | None = None,
    settings: str | None = None,
    python: str | None = None,
    dry_run: bool = False,
    yes: bool = False,
    check: bool = False,
    partial: bool = False,
    overwrite: bool = False,
    skip_existing: bool = False,
    modernize: bool = False,
    install: bool = False,
    no_verify: bool = False,
    timeout: float = 60,
) -> Ended:
    """Set Celery up in the project around `start`; `flags` are the answers given on the command line."""
    with opened(
        start,
        view,
        settings=settings,
        python=python,
        package=package,
        look_inside=not (no_verify or check),
        timeout=timeout,
    ) as (project, prober):
        folder = project.root / project.base
        stored = stored_answers(folder, ANSWERS_FILE)
        table = configured(project.root, folder)
        unknown = sorted(set(table) - TABLE)
        if unknown:
            view.show_note(f"[tool.celeryize] has no {', '.join(unknown)}; it knows {', '.join(sorted(TABLE))}.")
        meant = {"broker": in_use(project)} if project.celery else {}
        known = {**meant, **_only_questions(table), **stored, **flags}
        questions = view.interactive and not (yes or dry_run or check or project.celery)
        rendered = init.ask(project, known, module_name=module_name, interactive=questions)
        existing = init.Existing.of(overwrite=overwrite, skip=skip_existing)
        planned = init.plan(
            project,
            rendered,
            module_name=module_name,
            partial=partial,
            existing=existing,
            modernized=modernize,
            stored=stored,
            flags=flags,
        )
        wiring = planned.wiring

        def prove(*, written: bool) -> Proof:
            assert prober is not None
            target = target_of(project, spec=wiring.spec, names=wiring.wrote, environment=wiring.environment)
            before = prober.baseline()
            after = prober.prove(() if written else planned.plan.edits, project.root, target)
            needs = tuple(name for name in LIBRARIES if _comes_in(name, planned.plan))
            expected = Expected(wiring.module, wiring.variable, wiring.wrote, needs=needs)
            return judge(
                before,
                after,
                expected,
                project.root,
                fix=project.dependencies.sync or "pip install 'celery[redis]'",
            )

        result = carry_out(
            planned.plan,
            root=project.root,
            command="celeryize init",
            view=view,
            prove=prove if prober else None,
            dry_run=dry_run,
            check=check,
            yes=yes,
            installing=_installed(project) if install else None,
            read_by_path=wiring.read_by_path,
        )
    return Ended(
        result,
        planned.plan.todos,
        _next_steps(project, planned, result.proof, installed=install),
        "" if project.celery else _command_line(planned.answers, module_name),
    )


def _comes_in(name: str, plan: Plan) -> bool:
    """Whether a plan has the project import a module that it did not name before."""
    word = name.encode()
    return any(word in (edit.after or b"") and word not in (edit.before or b"") for edit in plan.edits)


def _only_questions(table: dict[str, object]) -> dict[str, object]:
    """Of [tool.celeryize], what answers a question of init."""
    names = {"broker", "result-backend", "result_backend", "profile", "beat"}
    return {key.replace("-", "_"): value for key, value in table.items() if key in names}


@contextmanager
def _installed(project: Project) -> Iterator[None]:
    """Run the project's own manager; its lock files come back if it fails, or the proof after it."""
    commands = project.dependencies.commands
    if not commands:
        raise CeleryizeError("there is no manager to install with", hint="Install the dependency by hand.")
    locks = {project.root / lock: (project.root / lock).read_bytes() for lock in project.dependencies.locks}
    try:
        for argv in commands:
            if argv[0] == "pip":
                argv = (str(project.interpreter.path), "-m", *argv)
            ended = subprocess.run(
                argv, cwd=project.root / project.dependencies.folder, capture_output=True, text=True, check=False
            )
            if ended.returncode:
                tail = "\n".join((ended.stdout + ended.stderr).strip().splitlines()[-8:])
                raise CeleryizeError(f"`{shlex.join(argv)}` failed:\n{tail}", hint="Everything was taken back.")
        yield
    except BaseException:
        for lock, data in locks.items():
            lock.write_bytes(data)
        raise


def _next_steps(project: Project, planned: init.Init, proof: Proof, *, installed: bool) -> tuple[str, ...]:
    """The commands that a user types next, in order."""
    steps: list[str] = []
    folder = os.path.relpath(project.root / project.base)
    if folder != ".":
        steps.append(f"cd {shlex.quote(folder)}")
    if proof.verdict is Verdict.NOT_RUN and not installed and project.dependencies.sync:
        steps.append(project.dependencies.sync)
    spec = planned.wiring.spec
    steps.append(f"celery -A {spec} worker -l INFO")
    if planned.answers.beat and (not project.celery or "CELERY_BEAT_SCHEDULE" in project.settings.assigned):
        steps.append(f"celery -A {spec} beat -l INFO")
    return tuple(steps)


def _command_line(answers: init.Answers, module_name: str) -> str:
    """The command that gives the same without a question."""
    parts = ["celeryize", "init"]
    for flag, url in (("--broker", answers.broker), ("--result-backend", answers.result_backend)):
        # shown with asterisks, a password would be pasted as asterisks
        parts += [flag, "URL" if holds_password(url) else url]
    parts += ["--profile", answers.profile, "--beat" if answers.beat else "--no-beat"]
    if module_name != "celery":
        parts += ["--module-name", module_name]
    return shlex.join([*parts, "--yes"])
