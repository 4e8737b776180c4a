"""The stop proof: a worker is stopped as its supervisor stops it, while a task runs.

outcome of the task     how it is known
finished                it has come to its end, in the worker that had begun it
run again               a new worker has begun it again
stuck                   Redis keeps it among what nobody has acknowledged
lost                    none of these
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise
from pathlib import Path

from celeryize.live.log import telling
from celeryize.supervised import SCRIPT as SUPERVISOR
from celeryize.supervisor import GROUP

SCRIPT = Path(__file__).with_name("stop_inside.py")
# The task that runs at the stop, in seconds: what DEPLOYMENT files are judged by, as measured.
TASK = 16.0
# Two numbers that are further apart than this are as if this far apart: it is longer than what
# Celery itself takes to stop.
STEP = 4.0
# Seconds until a worker has to be ready.
READY = 30.0
# Seconds that a task has been running when its worker is stopped: one that has begun this very
# moment can meet a worker that is not in its loop yet, and hangs in a cold shutdown.
RUNNING = 1.0
TICK = 0.02
MODES = ("early", "late")
WORDS = {"early": "acks_early", "late": "acks_late", "": ""}
# These run one task at a time.
SINGLE_POOLS = frozenset({"solo"})


class Outcome(StrEnum):
    """What a stop has done to a task or, of Beat, to the process itself."""

    FINISHED = "finished"
    AGAIN = "run again"
    STUCK = "stuck"
    LOST = "lost"
    ENDED = "ended"
    KILLED = "killed"
    UNPROVED = "not proved"


@dataclass(frozen=True, slots=True)
class StopCase:
    """A process as its deployment file starts and stops it.

    `words` is what follows `celery`, `spec` its app, `shell` "" or what a shell in between does
    with the signal: "ignores" it, or "dies" of it. `group`: the signal goes to all processes.
    `grace` are the seconds until SIGKILL, `soft` those of the soft shutdown; None: Celery has none.
    """

    role: str
    spec: str
    words: tuple[str, ...]
    folder: Path
    paths: tuple[Path, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    signal: str = "SIGTERM"
    group: bool = False
    grace: float = 10.0
    soft: float | None = None
    shell: str = ""
    visibility_timeout: float = 3600.0

    @property
    def remapped(self) -> bool:
        """Whether the signal starts the soft shutdown."""
        if self.signal == "SIGINT":
            return False
        return dict(self.environment).get("REMAP_SIGTERM") == "SIGQUIT" or self.signal == "SIGQUIT"

    @property
    def pool(self) -> str:
        """The pool that the command line names, prefork where it names none."""
        for index, word in enumerate(self.words):
            if word in {"-P", "--pool"} and index + 1 < len(self.words):
                return self.words[index + 1]
            if word.startswith(("--pool=", "-P")):
                return word.removeprefix("--pool=").removeprefix("-P")
        return "prefork"


@dataclass(frozen=True, slots=True)
class Scaled:
    """The seconds of a rehearsal: the same order as those of the project, closer together."""

    task: float
    soft: float | None
    grace: float


@dataclass(frozen=True, slots=True)
class StopResult:
    """What became of the task of a mode, "early" or "late"; the mode of Beat is empty.

    `seconds` is what the process took to end, `killed` whether it had to be. `log` has the lines
    that explain why nothing was proved.
    """

    mode: str
    outcome: Outcome
    seconds: float
    killed: bool
    scaled: Scaled
    log: tuple[str, ...] = ()

    @property
    def acknowledged(self) -> str:
        """When the task is acknowledged, in Celery's words; empty for Beat."""
        return WORDS[self.mode]


def scale_times(task: float, soft: float | None, grace: float) -> Scaled:
    """The times of a rehearsal: their order is kept, and distances up to STEP are."""
    # without a soft shutdown there is nothing to put in order
    values = sorted({0.0, task, grace, soft or 0.0})
    scaled = {0.0: 0.0}
    for before, value in pairwise(values):
        scaled[value] = scaled[before] + min(value - before, STEP)
    return Scaled(scaled[task], None if soft is None else scaled[soft], scaled[grace])


def longer_times(case: StopCase) -> Scaled:
    """The times of a rehearsal whose task ends neither before the soft timeout nor before the
    grace."""
    return scale_times(max(case.soft or 0.0, case.grace) + STEP, case.soft, case.grace)


def prove_stop(
    case: StopCase,
    python: Path,
    broker: str,
    folder: Path,
    *,
    task: float = TASK,
    scaled: Scaled | None = None,
    cleans: bool = False,
    cancelled: threading.Event | None = None,
) -> tuple[StopResult, ...]:
    """Rehearse the stop of one process on a broker; `folder` is empty, and ours.

    `scaled` are other times than the usual ones. `cleans`: the broker is not ours, so that our
    queues and keys are removed from it. Nothing is left running, even if this process is killed.
    Raises Cancelled soon after `cancelled` is set, by another thread.
    """
    cancelled = cancelled or threading.Event()
    scaled = scaled or scale_times(task, case.soft, case.grace)
    if case.role == "beat":
        rehearsal = _Rehearsal(case, python, broker, folder, scaled, (), cancelled)
        try:
            return (rehearsal.run_beat(),)
        finally:
            if cleans:
                rehearsal.clean()
    if case.pool in SINGLE_POOLS:
        found: list[StopResult] = []
        for mode in MODES:
            (folder / mode).mkdir()
            rehearsal = _Rehearsal(case, python, broker, folder / mode, scaled, (mode,), cancelled)
            try:
                found += rehearsal.run_worker()
            finally:
                if cleans:
                    rehearsal.clean()
        return tuple(found)
    rehearsal = _Rehearsal(case, python, broker, folder, scaled, MODES, cancelled)
    try:
        return rehearsal.run_worker()
    finally:
        if cleans:
            rehearsal.clean()


class Cancelled(Exception):
    """The proof was interrupted; what was started is ended."""


class _Rehearsal:
    """One stop of one process, with a new one after it."""

    def __init__(
        self,
        case: StopCase,
        python: Path,
        broker: str,
        folder: Path,
        scaled: Scaled,
        modes: tuple[str, ...],
        cancelled: threading.Event,
    ) -> None:
        self._case = case
        self._python = python
        self._broker = broker
        self._folder = folder
        self._scaled = scaled
        self._modes = modes
        self._cancelled = cancelled
        self._queue = f"celeryize-stop-{uuid.uuid4().hex[:12]}"

    def run_worker(self) -> tuple[StopResult, ...]:
        """The stop of a worker: what became of each of its tasks."""
        first = self._start("first", self._modes)
        try:
            if not self._await(first, "first.ready", *self._modes):
                return self._unproved("first")
            self._pass_time(RUNNING)
            seconds, killed = self._stop(first)
        finally:
            self._end(first)
        finished = {mode for mode in self._modes if "finished" in self._noted(mode)}
        left: Mapping[str, list[str]] = {"unacked": []}
        if finished != set(self._modes):
            second = self._start("second", ())
            try:
                if not self._await(second, "second.ready") or not self._await(second, "left"):
                    return self._unproved("second")
                left = json.loads((self._folder / "left").read_text())
            finally:
                self._end(second)
        results = []
        for mode in self._modes:
            outcome = Outcome.LOST
            if mode in finished:
                outcome = Outcome.FINISHED
            elif "again" in self._noted(mode):
                outcome = Outcome.AGAIN
            elif mode in left["unacked"]:
                outcome = Outcome.STUCK
            results.append(StopResult(mode, outcome, seconds, killed, self._scaled))
        return tuple(results)

    def run_beat(self) -> StopResult:
        """The stop of Beat, which holds no task: whether it ends in time."""
        first = self._start("first", ())
        try:
            if not self._await(first, "first.ready"):
                return replace(self._unproved("first")[0], mode="")
            seconds, killed = self._stop(first)
        finally:
            self._end(first)
        outcome = Outcome.KILLED if killed else Outcome.ENDED
        return StopResult("", outcome, seconds, killed, self._scaled)

    def clean(self) -> None:
        """Remove our queues and keys from a broker that is not ours, also after Ctrl-C."""
        self._cancelled = threading.Event()
        process = self._start("clean", ())
        try:
            self._await(process, "clean.ready")
        finally:
            self._end(process)

    # -- the process

    def _start(self, name: str, send: tuple[str, ...]) -> subprocess.Popen[bytes]:
        case = self._case
        job = {
            "spec": case.spec,
            "words": own_words(case, self._queue, self._folder),
            "paths": [str(path) for path in case.paths],
            "broker": self._broker,
            "transport_options": self._transport_options(),
            "queue": self._queue,
            "folder": str(self._folder),
            "soft": self._scaled.soft,
            "task": self._scaled.task + RUNNING,
            "send": send,
            "ready": f"{name}.ready",
            "clean": name == "clean",
        }
        path = self._folder / f"{name}.json"
        path.write_text(json.dumps(job))
        command = [str(self._python), "-u", str(SCRIPT), str(path)]
        with (self._folder / f"{name}.log").open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-I", "-S", str(SUPERVISOR), *in_shell(command, case.shell)],
                cwd=case.folder,
                env=own_environment(case, self._folder),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _transport_options(self) -> dict[str, object]:
        if self._broker.startswith("redis"):
            # our keys are ours alone, also in a Redis of the project
            prefix = f"{self._queue}:"
            timeout = self._case.visibility_timeout
            return {"visibility_timeout": timeout, "global_keyprefix": prefix}
        return {}

    def _stop(self, process: subprocess.Popen[bytes]) -> tuple[float, bool]:
        """Stop it as its supervisor does: the seconds until its end, and whether it was killed."""
        number = int(getattr(signal, self._case.signal, signal.SIGTERM))
        if self._case.group:
            number += GROUP
        begun = time.monotonic()
        self._send(process, number)
        while process.poll() is None and time.monotonic() < begun + self._scaled.grace:
            self._pass_time(TICK)
        killed = process.poll() is None
        self._end(process)
        return time.monotonic() - begun, killed

    def _send(self, process: subprocess.Popen[bytes], number: int) -> None:
        assert process.stdin is not None
        process.stdin.write(bytes([number]))
        process.stdin.flush()

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        """Kill what is left of it: the supervisor does so when its input is closed."""
        assert process.stdin is not None
        if not process.stdin.closed:
            process.stdin.close()
        process.wait()

    def _await(self, process: subprocess.Popen[bytes], *names: str) -> bool:
        """Whether some files appear before the process ends, or the time is up."""
        deadline = time.monotonic() + READY
        while not all((self._folder / name).exists() for name in names):
            if process.poll() is not None or time.monotonic() > deadline:
                return False
            self._pass_time(TICK)
        return True

    def _pass_time(self, seconds: float) -> None:
        """Wait. Raises Cancelled where the whole is to end."""
        if self._cancelled.wait(seconds):
            raise Cancelled

    def _noted(self, mode: str) -> list[str]:
        try:
            return (self._folder / mode).read_text().split("\n")
        except OSError:
            return []

    def _unproved(self, name: str) -> tuple[StopResult, ...]:
        text = (self._folder / f"{name}.log").read_text("utf-8", "replace")
        lines = telling(text, [self._case.folder, *self._case.paths])
        return tuple(
            StopResult(mode, Outcome.UNPROVED, 0.0, False, self._scaled, lines)
            for mode in self._modes or ("",)
        )


# Options of a command line that are about other files, users and brokers than ours.
WITH_VALUE = frozenset(
    {
        "-A",
        "--app",
        "-b",
        "--broker",
        "--result-backend",
        "--loader",
        "--config",
        "--workdir",
        "-Q",
        "--queues",
        "-X",
        "--exclude-queues",
        "-n",
        "--hostname",
        "-c",
        "--concurrency",
        "--autoscale",
        "-f",
        "--logfile",
        "--pidfile",
        "-s",
        "--schedule",
        "--schedule-filename",
        "-S",
        "--scheduler",
        "--scheduler-cls",
        "--statedb",
        "--uid",
        "--gid",
        "--umask",
        "--executable",
        "--max-tasks-per-child",
        "--max-memory-per-child",
    }
)
# Each of these takes a second or more at every start.
ALONE = ("--without-gossip", "--without-mingle", "--without-heartbeat")
WITHOUT_VALUE = frozenset({"-D", "--detach", "-B", "--beat", "-E", "--task-events", "--events"})


def own_words(case: StopCase, queue: str, folder: Path) -> list[str]:
    """The options of a command line with our app, queue and files: pool and signals stay."""
    kept = kept_words(case.words, case.role)
    own = ["-A", case.spec, case.role]
    if case.role == "beat":
        return [*own, *kept, "--pidfile=", "-s", str(folder / "schedule")]
    return [*own, *kept, "-Q", queue, "-n", f"{queue}@localhost", "-c", "2", *ALONE]


def kept_words(words: tuple[str, ...], role: str) -> tuple[str, ...]:
    """The words of a command line that have to do with a stop, and those that do no harm."""
    kept: list[str] = []
    skip = False
    for word in words:
        if skip:
            skip = False
            continue
        name = word.partition("=")[0]
        if name in WITH_VALUE:
            skip = "=" not in word
        elif name in WITHOUT_VALUE or _is_attached(word) or word in (role, *ALONE):
            continue
        else:
            kept.append(word)
    return tuple(kept)


def _is_attached(word: str) -> bool:
    """Whether a word is a short option with its value: `-Qmails`."""
    short = {name for name in WITH_VALUE if len(name) == 2}
    return len(word) > 2 and word[:2] in short and not word.startswith("--")


def in_shell(command: list[str], shell: str) -> list[str]:
    """The command below a shell that stays, as a start script without exec has it."""
    text = '"$@"; exit $?'
    match shell:
        case "":
            return command
        case "ignores":
            # process 1 of a container gets no signal that it has no handler for
            text = f"trap : TERM QUIT INT; {text}"
        case _:
            pass
    return ["/bin/sh", "-c", text, "sh", *command]


def own_environment(case: StopCase, folder: Path) -> dict[str, str]:
    """The environment of the file over ours, without what would beat our settings."""
    # the /tmp of a container is not that of this machine
    given = {name: str(folder) if value == "/tmp" else value for name, value in case.environment}
    merged = {**os.environ, **given}
    beating = ("BROKER_URL", "RESULT_BACKEND", "APP", "LOADER", "CONFIG_MODULE")
    for name in list(merged):
        beats = name in beating or name.startswith(("CELERY_WORKER_", "CELERY_BEAT_"))
        if beats or name.startswith(("CELERY_BROKER_", "CELERY_RESULT_BACKEND")):
            del merged[name]
    if "REMAP_SIGTERM" not in given:
        merged.pop("REMAP_SIGTERM", None)
    return {**merged, "PYTHONUNBUFFERED": "1", "TMPDIR": str(folder)}
