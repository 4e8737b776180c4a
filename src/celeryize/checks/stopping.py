"""What a stop of the worker does to its running tasks: signals, graces, shells in between.

What is measured: Celery 5.7, prefork, Redis 7, a task of 16 seconds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from celeryize.checks.check import Occurrence, check
from celeryize.checks.facts import Facts
from celeryize.checks.facts.literals import default_of, text_of
from celeryize.checks.facts.processes.stop import (
    REMAP,
    acknowledges_late,
    is_development,
    is_remapped,
    soft_timeout,
    stopped_workers,
)
from celeryize.detect.command import shell_commands
from celeryize.detect.processes import Process
from celeryize.detect.processes.fly import AT_THE_TOP, LOST
from celeryize.detect.processes.images import CMD, ENTRYPOINT, FROM, instructions_of
from celeryize.detect.processes.process import PLATFORMS, Item
from celeryize.model import Where
from celeryize.reading import readable_text

REMAP_LINE = "REMAP_SIGTERM=SIGQUIT"
# The verb that writes what a worker lacks for a safe stop, in each kind of file that it edits.
COMPLETED = "`celeryize add-worker` writes that."
# What each kind of file calls the time until SIGKILL.
GRACES = {
    "compose": "stop_grace_period",
    "kubernetes": "terminationGracePeriodSeconds",
    "systemd": "TimeoutStopSec",
    "supervisor": "stopwaitsecs",
    "procfile": "Heroku's 30 seconds",
    "fly": "kill_timeout",
    "render": "maxShutdownDelaySeconds",
}
# The kinds of file whose time is short where they do not say it.
SHORT = frozenset({"compose", "kubernetes", "fly", "render"})
# The seconds of a soft shutdown that we write, and those that Celery needs to end after it.
USUAL, MARGIN = 20.0, 10.0
SOFT_NAME = "CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT"
CONTAINERS = frozenset({"compose", "kubernetes", "docker"})
# These shells stay between the supervisor and what `-c` starts; bash 5 execs the last command.
STAYING = frozenset({"sh", "dash"})
# `CMD celery -A config worker`; what exec starts, and a list, has no shell. The second line of a
# HEALTHCHECK is a CMD, too.
SHELL_FORM_OF_CMD = re.compile(
    r"(?<!\\\n)^[ \t]*(CMD|ENTRYPOINT)[ \t]+(?!\[)(?:(?!\bexec\b)[^\n])*"
    r"\bcelery\b[^\n]*\b(?:worker|beat)\b",
    re.MULTILINE,
)


def _how_to_remap(worker: Process, soft: float | None, also: str = "") -> str:
    """How a stop starts a soft shutdown of a worker, in the words of its file; `soft` are the
    seconds of the settings, `also` is what has to be done besides."""
    if worker.kind == "fly":
        return f"Write {_lines_of_fly(worker, soft or USUAL)}{also}.{_lost_in_tables(worker)}"
    if worker.kind == "render":
        # what the Dashboard has, or a secret, is in no file
        return (
            "Add REMAP_SIGTERM with the value SIGQUIT to its envVars, unless the Dashboard has it"
            f"{also}."
        )
    if worker.signal == "SIGINT":
        return f"Stop it with SIGTERM, and put {REMAP_LINE} into its environment{also}."
    return f"Put {REMAP_LINE} into the environment of the worker{also}. {COMPLETED}"


def _how_to_give_time(worker: Process, soft: float | None) -> str:
    """How the tasks of a worker get time at a stop, in the words of its file."""
    if worker.kind not in PLATFORMS:
        return (
            f"Raise {GRACES[worker.kind]} above the longest task, put {REMAP_LINE} into the"
            f" environment, and set {SOFT_NAME} below that grace. {COMPLETED}"
        )
    how = _how_to_remap(worker, soft, f", and set {SOFT_NAME} below {_grace_then(worker)}")
    if worker.kind == "fly":
        return how
    return f"Raise {GRACES[worker.kind]} above the longest task. {how}"


def _lines_of_fly(worker: Process, soft: float) -> str:
    """What a fly.toml lacks for a soft shutdown."""
    top, parts = [], []
    if worker.signal != "SIGTERM":
        top.append('kill_signal = "SIGTERM"')
    if worker.stop is not None and worker.stop <= soft:
        top.append(f"kill_timeout = {soft + MARGIN:g}")
    if top:
        parts.append(f"{' and '.join(top)} above the first [table]")
    if worker.variable(REMAP) is None:
        parts.append('REMAP_SIGTERM = "SIGQUIT" in [env], unless it is a secret')
    return ", and ".join(parts)


def _lost_in_tables(worker: Process) -> str:
    """Which of these a fly.toml has where Fly does not look, as a sentence behind another one."""
    lost: dict[str, list[str]] = {}
    for key in AT_THE_TOP:
        item = worker.options.get(f"{key}{LOST}")
        if item is not None:
            lost.setdefault(item.text, []).append(f"{key} (line {item.where.line})")
    return "".join(
        f" In {table}, Fly does not look for {' and '.join(keys)}." for table, keys in lost.items()
    )


def _waits(facts: Facts, process: Process) -> bool:
    """Whether a soft shutdown gives the running tasks time."""
    soft, _ = soft_timeout(facts)
    return is_remapped(facts, process) and (soft is None or soft > 0)


@check("celery.W800")
def soft_shutdown_never_used(facts: Facts) -> Iterator[Occurrence]:
    """A soft shutdown timeout is set, and SIGTERM does not start a soft shutdown.

    What happens: The setting is never used: at the end of the grace the worker is killed. What ran
        is lost, with acks_late it is stuck until the visibility timeout (an hour).
    How it looks: "worker: Warm shutdown (MainProcess)", and exit code 137
    Why: Docker, Kubernetes, systemd, supervisor and Render send SIGTERM, which starts a warm
        shutdown: it waits for ever. So does SIGINT, which Fly sends. The soft shutdown begins with
        SIGQUIT.
    Fix: REMAP_SIGTERM=SIGQUIT in the environment of the worker's process: Celery reads it when it
        is imported, so the settings are too late. On Fly kill_signal = "SIGTERM", too, above
        the first [table].
    Source: https://docs.celeryq.dev/en/stable/userguide/workers.html#soft-shutdown
    """
    soft, place = soft_timeout(facts)
    if not soft or place is None:
        return
    workers = stopped_workers(facts)
    bare = [worker for worker in workers if not is_remapped(facts, worker)]
    if bare:
        # with the variable alone it would be killed too early, which is W801
        short = [one for one in bare if one.stop is not None and one.stop <= soft]
        # the lines for Fly have it
        short = [one for one in short if one.kind != "fly"]
        grace = ""
        if short:
            grace = f", and {_more_time(short[0], soft)}"
        yield Occurrence(
            f"{bare[0].where} stops the worker with {bare[0].signal}: this timeout is never used",
            place,
            _how_to_remap(bare[0], soft, grace),
        )


@check("celery.W801")
def soft_timeout_not_below_grace(facts: Facts) -> Iterator[Occurrence]:
    """The soft shutdown timeout is not below the grace of the deployment.

    What happens: The worker is killed while it waits: what ran is lost, or stuck until the
        visibility timeout.
    How it looks: exit code 137; a task that stays STARTED
    Why: The soft shutdown waits for that long before it puts unfinished tasks back; the supervisor
        kills earlier. Defaults: Fly 5 s, compose 10 s, supervisor 10 s, Kubernetes, Render and
        Heroku 30 s, systemd 90 s.
    Fix: longest task < soft timeout < grace
    Source: https://docs.celeryq.dev/en/stable/userguide/workers.html#soft-shutdown
    """
    soft, place = soft_timeout(facts)
    if not soft:
        return
    for worker in stopped_workers(facts):
        if worker.stop is None or soft < worker.stop or not is_remapped(facts, worker):
            continue
        of_kind = GRACES[worker.kind]
        default = "" if worker.stop_where else ", the default"
        time = _more_time(worker, soft)
        hint = f"{time[0].upper()}{time[1:]}."
        if worker.kind != "procfile":
            hint = f"Raise {of_kind} above {soft:g} s, or lower the timeout."
        if worker.kind == "fly" and not worker.stop_where:
            hint = (
                f"Write {of_kind} = {soft + MARGIN:g} above the first [table], or lower the"
                f" timeout.{_lost_in_tables(worker)}"
            )
        yield Occurrence(
            f"killed after {worker.stop:g} s ({of_kind}{default}); the soft shutdown"
            f" needs {soft:g} s ({place or 'the settings'})",
            worker.stop_where or worker.where,
            hint,
        )


def _more_time(worker: Process, soft: float) -> str:
    """What lets a soft shutdown end before the worker is killed."""
    if worker.kind == "procfile":
        return f"lower the timeout below {worker.stop:g} s, which is all that Heroku gives"
    return f"raise {GRACES[worker.kind]} ({worker.stop:g} s) above {soft:g} s"


@check("celery.W802", grouped=True)
def group_is_stopped(facts: Facts) -> Iterator[Occurrence]:
    """A stop reaches the worker's children at once.

    What happens: Every running task is lost at every stop and every deploy, also with acks_late.
    How it looks: WorkerLostError: Worker exited prematurely: signal 15 (SIGTERM)
    Why: systemd (KillMode=control-group, its default), supervisor (stopasgroup=true) and Heroku
        send SIGTERM to all processes; the children of the pool die of it while the main process
        still wants to wait for them. Measured: lost, with acks_late too, after 2 s.
    Fix: systemd: KillMode=mixed. supervisor: stopasgroup=false, killasgroup=true. Everywhere:
        REMAP_SIGTERM=SIGQUIT in the environment and CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT below the
        grace: then the children ignore it, and the task is finished.
    Source: https://www.freedesktop.org/software/systemd/man/latest/systemd.kill.html
    """
    for worker in stopped_workers(facts):
        if not worker.group or _waits(facts, worker) or _is_solo(worker):
            continue
        # `remap alone` is W803; a timeout alone is W800, whose remedy is the same on Heroku
        soft, place = soft_timeout(facts)
        told = worker.kind == "procfile" and soft and place is not None
        if is_remapped(facts, worker) or told:
            continue
        item = _group_option(worker)
        messages = {
            "systemd": (
                "systemd stops the pool's children together with the worker",
                "Write KillMode=mixed.",
            ),
            "supervisor": (
                "stopasgroup stops the pool's children together with the worker",
                "Write stopasgroup=false and killasgroup=true.",
            ),
        }
        message, hint = messages.get(
            worker.kind,
            (
                "Heroku stops the pool's children together with the worker",
                f"Write {worker.name}: {REMAP_LINE} celery ..., and set "
                "CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 20.",
            ),
        )
        if worker.kind == "procfile" and not _is_heroku(facts):
            continue
        yield Occurrence(
            f"{message}: running tasks are lost", item.where if item else worker.where, hint
        )


def _group_option(worker: Process) -> Item | None:
    return worker.options.get("KillMode") or worker.options.get("stopasgroup")


def _is_heroku(facts: Facts) -> bool:
    """Whether the Procfile is run by Heroku: honcho and foreman read one, too."""
    if any(process.kind in PLATFORMS for process in facts.deployment.processes):
        return False
    root = facts.deployment.root
    names = ("app.json", "runtime.txt", "heroku.yml", ".python-version", ".buildpacks")
    if any((root / name).is_file() for name in names):
        return True
    return any(p.kind == "procfile" and p.name == "release" for p in facts.deployment.processes)


def _is_solo(worker: Process) -> bool:
    command = worker.celery
    return command is not None and command.option("-P", "--pool") in {"solo", "threads"}


@check("celery.W803", grouped=True)
def remap_without_time(facts: Facts) -> Iterator[Occurrence]:
    """SIGTERM is remapped, and no soft shutdown timeout is set.

    What happens: At every stop the running tasks are cut off at once: lost, or with acks_late run
        again.
    How it looks: "worker: Cold shutdown (MainProcess)"
    Why: REMAP_SIGTERM=SIGQUIT starts a cold shutdown. Only CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT
        (Celery 5.5) gives the tasks time. Measured: lost after 2 s.
    Fix: CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 20, below the grace
    Source: https://docs.celeryq.dev/en/stable/userguide/workers.html#cold-shutdown
    """
    soft, _ = soft_timeout(facts)
    if soft != 0 or acknowledges_late(facts):
        return
    for worker in stopped_workers(facts):
        value = worker.variable("REMAP_SIGTERM")
        if value == "SIGQUIT" and worker.signal == "SIGTERM":
            item = worker.environment.get("REMAP_SIGTERM")
            yield Occurrence(
                "SIGTERM is a cold shutdown here: running tasks are lost at every stop",
                item.where if item else worker.where,
                "Set CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT (Celery 5.5) below the grace.",
            )


@check("celery.W804", grouped=True)
def late_and_killed(facts: Facts) -> Iterator[Occurrence]:
    """Tasks are acknowledged late, and the worker is killed before it can put them back.

    What happens: A task that is longer than the grace is neither finished nor run again: it is
        stuck until the visibility timeout, an hour with Redis.
    How it looks: exit code 137; the message stays in Redis' key `unacked`
    Why: SIGTERM and SIGINT start a warm shutdown, which waits for the task; after the grace the
        supervisor kills the worker, which has told the broker nothing.
    Fix: REMAP_SIGTERM=SIGQUIT in the environment of the worker, and
        CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT (Celery 5.5) below the grace
    Source: https://docs.celeryq.dev/en/stable/userguide/workers.html#soft-shutdown
    """
    soft, _ = soft_timeout(facts)
    if soft or not acknowledges_late(facts) or _broker(facts) not in {"redis", "rediss"}:
        return
    for worker in stopped_workers(facts):
        if worker.group or worker.stop is None or worker.stop > 30 or is_remapped(facts, worker):
            continue
        yield Occurrence(
            f"killed {worker.stop:g} s after {worker.signal}: a longer task with acks_late is stuck"
            " until the visibility timeout",
            worker.where,
            _how_to_remap(worker, soft, f", and set {SOFT_NAME} below {_grace_then(worker)}"),
        )


def _grace_then(worker: Process) -> str:
    """The time of a worker, with what it is told to have."""
    return "kill_timeout" if worker.kind == "fly" else f"{worker.stop:g}"


def _broker(facts: Facts) -> str:
    """The scheme of the broker's URL, as far as it is known."""
    if facts.worker and facts.worker.broker_transport:
        return facts.worker.broker_transport
    setting = facts.settings.first("CELERY_BROKER_URL")
    text = text_of(default_of(setting.value)) if setting else ""
    return (text or "").partition(":")[0]


@check("celery.I805", grouped=True, unless=("celery.W800", "celery.W804", "celery.W810"))
def short_grace(facts: Facts) -> Iterator[Occurrence]:
    """The worker is killed soon after a stop begins, and nothing gives its tasks time.

    What happens: A task that is longer than the grace is lost at every deploy.
    How it looks: exit code 137; a task that stays STARTED
    Why: Fly kills after 5 seconds, compose after 10, Kubernetes and Render after 30. Their signals
        (SIGTERM; SIGINT on Fly) start a warm shutdown, which waits for the task and no longer.
    Fix: A grace above the longest task; or REMAP_SIGTERM=SIGQUIT in the environment of the worker
        and CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT (Celery 5.5) below the grace
    Source: https://docs.celeryq.dev/en/stable/userguide/workers.html#stopping-the-worker
    """
    soft, _ = soft_timeout(facts)
    for worker in stopped_workers(facts):
        if worker.kind not in SHORT or worker.stop is None or worker.signal == "SIGKILL":
            continue
        if worker.stop <= 30 and not is_remapped(facts, worker):
            yield Occurrence(
                f"killed {worker.stop:g} s after {worker.signal}: a longer task is lost at every"
                " deploy",
                worker.stop_where or worker.where,
                _how_to_give_time(worker, soft),
            )


@check("celery.W810")
def shell_in_between(facts: Facts) -> Iterator[Occurrence]:
    """A shell stays between the supervisor and the worker.

    What happens: SIGTERM never reaches Celery: after the grace it is killed, and running tasks are
        lost.
    How it looks: A stop that takes the whole grace; exit code 137, and no "Warm shutdown"
    Why: The shell of a start script is the main process, and waits. `sh -c` of Debian (dash) does
        not exec what it starts; bash does so with the last command of -c, never in a script.
    Fix: exec celery -A config worker
    Source: https://docs.docker.com/reference/dockerfile/#shell-form-entrypoint-example
    """
    reported = set()
    for process in facts.deployment.processes:
        if process.kind not in CONTAINERS | {"supervisor", "fly"}:
            continue
        if is_development(process.where.path):
            continue
        # the shell of an image is W812
        if process.subcommand not in {"worker", "beat"} or "started" in process.options:
            continue
        script = process.script
        if script and is_development(script.path):
            continue
        if script and not script.execs and script.ends_there:
            place = script.command.where
            hint = f"exec {script.command.text}"
            message = f"without exec the shell of the script is what is stopped ({process.where})"
        elif _stays(facts, process):
            place, hint = process.where, "Write exec in front of celery, or use no shell."
            message = f"{process.shell} -c stays between: {process.signal} does not reach celery"
        else:
            continue
        if place not in reported:
            reported.add(place)
            yield Occurrence(message, place, hint)


@check("celery.W812", unless=("celery.W810",))
def shell_form_of_an_image(facts: Facts) -> Iterator[Occurrence]:
    """An image starts Celery by the shell form of CMD.

    What happens: SIGTERM never reaches Celery: after the grace it is killed, and running tasks are
        lost.
    How it looks: A stop that takes the whole grace; exit code 137, and no "Warm shutdown"
    Why: The shell form runs `sh -c`, and the `sh` of Debian does not exec what it starts.
    Fix: CMD ["celery", "-A", "config", "worker"], or exec in front of celery.
    Source: https://docs.docker.com/reference/dockerfile/#shell-and-exec-form
    """
    if facts.deployment.uses_busybox:
        return
    for path in facts.deployment.dockerfiles:
        text = instructions_of(readable_text(facts.deployment.root / path))
        if re.search(r"^\s*SHELL\b", text, re.MULTILINE):
            continue
        for found in SHELL_FORM_OF_CMD.finditer(text):
            if _is_replaced(text, found):
                continue
            line = text[found.start() :].partition("\n")[0]
            hint = f'Write the words as a list: {found[1]} ["celery", ...].'
            if re.search(r"(?<![&>])&(?![&>])", line):
                hint = "Start each of the two in a container of its own."
            elif re.search(r"&&|;", line):
                hint = "Put exec in front of celery."
            yield Occurrence(
                "sh -c stays between: SIGTERM does not reach celery",
                Where(path, text.count("\n", 0, found.start()) + 1),
                hint,
            )


def _is_replaced(dockerfile: str, command: re.Match[str]) -> bool:
    """Whether a CMD never runs: its stage has another one below it, which is E944."""
    kind = CMD if command[1].upper() == "CMD" else ENTRYPOINT
    below = kind.search(dockerfile, command.end())
    return below is not None and not FROM.search(dockerfile, command.end(), below.start())


def _stays(facts: Facts, process: Process) -> bool:
    """Whether the shell of `sh -c` waits for celery, and is the one that gets the signal."""
    if process.shell not in STAYING or facts.deployment.uses_busybox:
        return False
    commands = shell_commands(process.shell_text)
    # NAME=value exec celery ...
    last = [word for word in commands[-1] if "=" not in word] if commands else []
    return bool(last) and last[0] != "exec" and "trap" not in process.shell_text


@check("celery.E820")
def detached(facts: Facts) -> Iterator[Occurrence]:
    """A supervised process detaches itself.

    What happens: The command ends at once: the container stops, supervisor and systemd see a
        process that has failed, honcho ends all others. What was detached is not watched.
    How it looks: "exited with code 0"; "exited too quickly"
    Why: --detach (-D) and `celery multi start` leave a daemon behind and return; a supervisor
        watches the process that it has started.
    Fix: celery -A config worker, in the foreground
    Source: https://docs.celeryq.dev/en/stable/userguide/daemonizing.html
    """
    for process in facts.deployment.processes:
        command = process.celery
        if command is None or not _detaches(process):
            continue
        if process.kind == "systemd" and _unit_type(process) in {"forking", "oneshot"}:
            continue
        text = process.shell_text or (process.script and "script") or ""
        if text:
            # something else may keep it alive: the worker is unwatched all the same
            continue
        yield Occurrence(
            "it detaches and returns: what started it sees it end at once",
            process.where,
            "Start it in the foreground.",
        )


@check("celery.W821")
def detached_in_a_shell(facts: Facts) -> Iterator[Occurrence]:
    """A worker is detached in a container that something else keeps alive.

    What happens: When the worker dies, nothing restarts it; a stop kills it without a warning.
    How it looks: A container that is up, and no worker in it
    Why: The container's main process is what follows (`tail -f`, a server): Docker watches and
        stops that one alone.
    Fix: A container of its own for each process, in the foreground
    Source: https://docs.docker.com/engine/containers/multi-service_container/
    """
    reported = set()
    for process in facts.deployment.processes:
        if process.kind not in CONTAINERS or not _detaches(process):
            continue
        place = process.where
        if process.script:
            place = process.script.command.where
        if (process.shell or process.script) and place not in reported:
            reported.add(place)
            yield Occurrence(
                "nothing watches what --detach leaves behind: it is neither restarted nor stopped",
                place,
                "Start it in the foreground, in a service of its own.",
            )


def _detaches(process: Process) -> bool:
    command = process.celery
    if command is None:
        return False
    words = set(command.words)
    if command.subcommand == "multi":
        return bool({"start", "restart"} & words)
    return "--detach" in words or (command.subcommand == "worker" and "-D" in words)


def _unit_type(process: Process) -> str:
    item = process.options.get("Type")
    return item.text.lower() if item else "simple"


@check("celery.E832")
def forking_in_foreground(facts: Facts) -> Iterator[Occurrence]:
    """A systemd unit waits for a fork that never comes.

    What happens: systemd waits for TimeoutStartSec (90 s), kills the process, and calls it failed;
        with Restart=always for ever.
    How it looks: start operation timed out. Terminating.
    Why: With Type=forking the command has to return and leave a daemon; `celery worker` and
        `celery beat` stay in the foreground.
    Fix: Type=exec (or leave it out)
    Source: https://www.freedesktop.org/software/systemd/man/latest/systemd.service.html#Type=
    """
    for process in facts.deployment.processes:
        if process.kind != "systemd" or _unit_type(process) != "forking":
            continue
        # a shell may put it into the background
        if process.subcommand in {"worker", "beat"} and not process.shell and not process.script:
            if not _detaches(process):
                yield Occurrence(
                    "Type=forking, and celery stays in the foreground: the start times out",
                    process.options["Type"].where,
                    "Write Type=exec.",
                )
