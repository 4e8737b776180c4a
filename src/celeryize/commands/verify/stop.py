"""The stop proof: what a stop does to the tasks of each worker that the deployment files start."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from celeryize.checks.facts import Facts
from celeryize.checks.facts.processes.stop import is_development, is_remapped, soft_timeout
from celeryize.checks.stopping import CONTAINERS, GRACES, REMAP_LINE, STAYING
from celeryize.commands.start_command import start_place
from celeryize.commands.start_up import target_of
from celeryize.detect.command import shell_commands
from celeryize.detect.processes import Process
from celeryize.detect.project import Project
from celeryize.detect.web_entries import VARIABLE
from celeryize.errors import CeleryizeError
from celeryize.live.servers import private_server
from celeryize.live.stop import (
    SINGLE_POOLS,
    TASK,
    Outcome,
    StopCase,
    StopResult,
    kept_words,
    longer_times,
    prove_stop,
)
from celeryize.live.stop_report import RehearsedStop
from celeryize.reading import readable_text
from celeryize.scratch import Scratch
from celeryize.ui.view import View

# As many at once as two processors can start in time: most of it is waiting.
AT_ONCE = 4
# Of so many workers a task that outlasts the stop is tried as well: each takes some seconds.
OUTLASTED = 2
# Where a file does not say it, and another file may: compose's, the shortest.
SHORTEST_GRACE = 10.0
AMQP = frozenset({"amqp", "amqps", "pyamqp", "librabbitmq"})
# The time until Redis delivers again what nobody has acknowledged: Celery's default.
VISIBILITY_TIMEOUT = 3600.0
# Soft shutdown exists since this version.
SOFT_SINCE = (5, 5)


def run_stop(
    project: Project, facts: Facts, view: View, *, configured: bool = False
) -> tuple[RehearsedStop, ...]:
    """Stop every worker and Beat of the deployment files as they are stopped there.

    With `configured`, on the project's broker, with queues and keys of our own; else on a server
    of our own. Raises CeleryizeError where there is nothing to stop, or no broker for it.
    """
    processes = refuse_no_process(facts)
    cases = [case_of(project, facts, process) for process in processes]
    names = ", ".join(dict.fromkeys(process.name for process in processes))
    with (
        view.working(f"stopping {names} while a task runs"),
        Scratch() as scratch,
        _broker(facts, scratch.path, configured=configured) as url,
    ):
        # services that differ in their name alone are stopped once
        unique = list(dict.fromkeys(cases))
        cancelled = threading.Event()

        def rehearse(case: StopCase) -> tuple[tuple[StopResult, ...], str]:
            folder = scratch.path / f"stop-{unique.index(case)}"
            return _rehearse(project, case, url, folder, configured, cancelled)

        def outlast(case: StopCase) -> tuple[StopResult, ...]:
            folder = scratch.path / f"longer-{unique.index(case)}"
            folder.mkdir()
            times = longer_times(case)
            python = project.interpreter.path
            return prove_stop(
                case, python, url, folder, scaled=times, cleans=configured, cancelled=cancelled
            )

        workers = [case for case in unique if case.role == "worker"][:OUTLASTED]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            try:
                short = pool.map(rehearse, unique)
                longer = dict(zip(workers, pool.map(outlast, workers), strict=True))
                found = dict(zip(unique, short, strict=True))
            except BaseException:
                # Ctrl-C is heard here, while the others wait for their processes
                cancelled.set()
                pool.shutdown(cancel_futures=True)
                raise
    default = _default_mode(facts)
    return tuple(
        replace(
            report_of(process, case, *found[case]),
            default=default,
            longer=longer.get(case, ()),
        )
        for process, case in zip(processes, cases, strict=True)
    )


def refuse_no_process(facts: Facts) -> list[Process]:
    """The processes to stop. Raises CeleryizeError where there are none."""
    if processes := stopped_processes(facts):
        return processes
    raise CeleryizeError(
        "no deployment file here starts a worker or Beat, so there is no stop to try",
        hint="Write one with `celeryize add-worker`; compose files, Procfiles, systemd units, "
        "supervisor programs, Kubernetes manifests, fly.toml and render.yaml are read.",
    )


def _default_mode(facts: Facts) -> str:
    """When tasks that say nothing about it are acknowledged: "early" or "late"."""
    found = facts.worker.configuration.get("task_acks_late") if facts.worker else None
    return "late" if found is not None and found.value else "early"


def _rehearse(
    project: Project,
    case: StopCase,
    url: str,
    folder: Path,
    cleans: bool,
    cancelled: threading.Event,
) -> tuple[tuple[StopResult, ...], str]:
    """The results of a stop, and the settings module that had to stand in for the file's."""
    python = project.interpreter.path
    folder.mkdir()
    results = prove_stop(case, python, url, folder, cleans=cleans, cancelled=cancelled)
    own, named = project.settings.module, dict(case.environment).get(VARIABLE, "")
    if named in {"", own} or any(one.outcome is not Outcome.UNPROVED for one in results):
        return results, ""
    # the settings of production often need secrets that are not here; a stop does not
    other = tuple((name, own if name == VARIABLE else value) for name, value in case.environment)
    second = folder / "other"
    second.mkdir()
    again = prove_stop(
        replace(case, environment=other), python, url, second, cleans=cleans, cancelled=cancelled
    )
    if any(one.outcome is Outcome.UNPROVED for one in again):
        return results, ""
    return again, own


def stopped_processes(facts: Facts) -> list[Process]:
    """The workers and Beats of production; those of development where there are no others."""
    found = [p for p in facts.deployment.processes if p.subcommand in {"worker", "beat"}]
    production = [process for process in found if not is_development(process.where.path)]
    return production or found


def case_of(project: Project, facts: Facts, process: Process) -> StopCase:
    """The process as it is started and stopped there, with what is known of its environment."""
    command = process.celery
    assert command is not None
    spec = command.option("-A", "--app") or ""
    if not spec or "$" in spec:
        spec = project.start_spec(project.celery[0])
    folder, paths = start_place(project, spec)
    soft: float | None = None
    version = project.celery_version
    if version is None or version >= SOFT_SINCE:
        soft = soft_timeout(facts)[0] or 0.0
    return StopCase(
        role=str(process.subcommand),
        spec=spec,
        words=kept_words(_known_words(command.words), str(process.subcommand)),
        folder=folder,
        paths=paths,
        environment=tuple(sorted(_environment_of(project, facts, process).items())),
        signal=process.signal,
        group=process.group,
        grace=process.stop or SHORTEST_GRACE,
        soft=soft,
        shell=shell_between(facts, process),
        visibility_timeout=_visibility_timeout(facts),
    )


def _known_words(words: tuple[str, ...]) -> tuple[str, ...]:
    """The words of a command line without those that a variable gives, and their options."""
    kept: list[str] = []
    for word in words:
        if "$" not in word:
            kept.append(word)
        elif kept and kept[-1].startswith("-") and "=" not in kept[-1]:
            kept.pop()
    return tuple(kept)


def _environment_of(project: Project, facts: Facts, process: Process) -> dict[str, str]:
    found = dict(target_of(project).environment)
    if project.settings.where is None:
        found[VARIABLE] = project.settings.module
    for name in ("env_file", "EnvironmentFile"):
        item = process.options.get(name)
        if item:
            folder = (project.root / process.where.path).parent
            for file in item.text.split():
                found |= _variables_in(folder / file.lstrip("-"))
    found |= {name: item.text for name, item in process.environment.items()}
    known = {name: value for name, value in found.items() if "$" not in value}
    known.pop("REMAP_SIGTERM", None)
    if is_remapped(facts, process):
        # also where the command line or the image gives it
        known["REMAP_SIGTERM"] = process.variable("REMAP_SIGTERM") or "SIGQUIT"
    return known


def _variables_in(file: Path) -> dict[str, str]:
    """The variables of an env_file; none where it is not here, as secrets are not."""
    found: dict[str, str] = {}
    if not file.is_file():
        return found
    for line in readable_text(file).splitlines():
        name, sign, value = line.strip().removeprefix("export ").partition("=")
        if sign and name.isidentifier():
            found[name] = _unquoted(value.strip())
    return found


def _unquoted(value: str) -> str:
    """A value of an env_file without the quotes around it."""
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        return value[1:-1]
    return value


def shell_between(facts: Facts, process: Process) -> str:
    """What a shell that stays in front of celery does with the signal: "ignores", "dies", or ""."""
    script = process.script
    stays = script is not None and not script.execs and script.ends_there
    if process.shell in STAYING and not facts.deployment.uses_busybox:
        commands = shell_commands(process.shell_text)
        stays = bool(commands) and commands[-1][0] != "exec" and "trap" not in process.shell_text
    if not stays:
        return ""
    init = process.options.get("init")
    if process.kind in CONTAINERS and not (init and init.text.lower() in {"true", "yes", "on"}):
        return "ignores"
    return "dies"


def _visibility_timeout(facts: Facts) -> float:
    options = None
    if facts.worker and "broker_transport_options" in facts.worker.configuration:
        options = facts.worker.configuration["broker_transport_options"].value
    if isinstance(options, dict):
        value = options.get("visibility_timeout")
        if isinstance(value, (int, float)) and value > 0:
            return float(value)
    return VISIBILITY_TIMEOUT


@contextmanager
def _broker(facts: Facts, folder: Path, *, configured: bool) -> Iterator[str]:
    """The URL of the broker for the proof."""
    transport = ""
    if facts.worker:
        transport = facts.worker.broker_transport or ""
    if not configured:
        kind = "amqp" if transport.lower() in AMQP else "redis"
        with private_server(kind, folder) as url:
            yield url
        return
    url = os.environ.get("CELERY_BROKER_URL") or ""
    if not url and facts.worker and "broker_url" in facts.worker.configuration:
        url = str(facts.worker.configuration["broker_url"].value)
    if not url.startswith(("redis://", "rediss://", "amqp://", "amqps://", "pyamqp://")):
        raise CeleryizeError(
            f"the stop proof needs Redis or RabbitMQ, and this project's broker is "
            f"{transport or 'unknown'}",
            hint="Without --broker configured it starts a server of its own.",
        )
    yield url


def report_of(
    process: Process, case: StopCase, results: tuple[StopResult, ...], settings: str
) -> RehearsedStop:
    """The results of a process, with its name, its place, and what would change them.

    `settings` is the module that had to stand in for the one of the file, or empty.
    """
    bad = any(result.outcome in {Outcome.LOST, Outcome.STUCK, Outcome.KILLED} for result in results)
    change = ""
    if bad:
        change = change_of(process, case)
    how = _how_stopped(case)
    if settings:
        named = dict(case.environment)[VARIABLE]
        how = f"{how}; with {settings}, because {named} does not start here"
    return RehearsedStop(
        name=process.name,
        role=case.role,
        kind=process.kind,
        where=process.where,
        how=how,
        task=TASK,
        soft=case.soft if case.remapped else None,
        grace=case.grace,
        visibility_timeout=case.visibility_timeout,
        change=change,
        results=results,
    )


def _how_stopped(case: StopCase) -> str:
    whom = "the main process"
    if case.group:
        whom = "all processes"
    elif case.shell:
        whom = "the shell in front of it"
    return f"{case.signal} to {whom}, SIGKILL after {case.grace:g} s"


def change_of(process: Process, case: StopCase) -> str:
    """The one line that would change a bad outcome: the first thing that is in the way."""
    if case.shell:
        return "exec in front of celery, or the command as a list, without a shell"
    if case.role == "beat":
        return _raise_grace(process, "what Beat takes to end")
    if case.pool in SINGLE_POOLS:
        return _change_of_solo(process, case)
    if case.soft is None:
        return _change_without_soft(process, case)
    if not case.remapped:
        return _add_remap(process, case)
    if not case.soft:
        return _soft_below(case.grace)
    if case.soft >= case.grace:
        return _raise_grace(process, f"the soft timeout ({case.soft:g} s)")
    if process.kind == "procfile":
        return f"shorter tasks, or acks_late: {GRACES['procfile']} are the most that there are"
    soft = f"raise the soft timeout ({case.soft:g} s) above the longest task"
    return f"{soft}, and {GRACES[process.kind]} above it"


def _change_of_solo(process: Process, case: StopCase) -> str:
    longer = _raise_grace(process, "the longest task")
    if case.remapped:
        return f"no {REMAP_LINE} with -P solo, whose task it cuts off; and {longer}"
    return longer


def _change_without_soft(process: Process, case: StopCase) -> str:
    """What helps before Celery 5.5, which has brought the soft shutdown."""
    longer = _raise_grace(process, "the longest task")
    alone = {"systemd": "KillMode=mixed", "supervisor": "stopasgroup=false"}
    if case.group and process.kind not in alone:
        return f"Celery 5.5, for its soft shutdown; then {REMAP_LINE} and {_soft_below(case.grace)}"
    if case.group:
        return f"{alone[process.kind]}, no {REMAP_LINE}, and {longer}"
    if case.remapped:
        return f"no {REMAP_LINE} (the soft shutdown needs Celery 5.5), and {longer}"
    return longer


def _add_remap(process: Process, case: StopCase) -> str:
    below = _soft_below(case.grace)
    if case.group and process.kind == "systemd":
        return f"KillMode=mixed; and Environment={REMAP_LINE} with {below}"
    if case.group and process.kind == "supervisor":
        return f"stopasgroup=false; and {REMAP_LINE} in environment= with {below}"
    if process.kind == "fly":
        signal = "" if process.signal == "SIGTERM" else 'kill_signal = "SIGTERM", '
        return f"{signal}{REMAP_LINE} in [env], with {below}"
    if process.signal == "SIGINT":
        return f"SIGTERM in place of SIGINT, {REMAP_LINE} in its environment, with {below}"
    return f"{REMAP_LINE} in its environment, with {below}"


def _raise_grace(process: Process, what: str) -> str:
    if process.kind == "procfile":
        return f"keep {what} below {GRACES['procfile']}"
    return f"raise {GRACES[process.kind]} above {what}"


def _soft_below(grace: float) -> str:
    """A soft timeout that leaves Celery the time to end, or a longer grace where none would."""
    if grace <= TASK + 2:
        return f"CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 20, and a grace above it ({grace:g} s now)"
    return f"CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = {max(grace - 10, 1):g}"
