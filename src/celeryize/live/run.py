"""Starts inside.py in the project's interpreter, collects the result of each step, ends
everything."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import time
import uuid
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from celeryize.celery_facts import PRELOADED_LIBRARIES
from celeryize.errors import CeleryizeError
from celeryize.live.log import telling
from celeryize.live.report import LiveReport, StepOutcome, StepResult
from celeryize.probe.run import Target
from celeryize.scratch import Scratch

SCRIPT = Path(__file__).with_name("inside.py")
STEPS = ("worker", "ping", "registered", "round-trip", "retry", "time-limit", "beat")
NO_WORKER = "there is no worker"
# As inside.py says it; the reason is the last line of the log then.
EXITED = "the worker exited before it was ready"
# The steps after a worker is ready, if every one of them takes as long as inside.py lets it.
GRACE = 60.0
# Warm shutdown and cleaning of a configured broker, see inside.py.
ENDING = 20.0

Broker = Literal["filesystem", "configured"]


def live(
    target: Target,
    *,
    registered: Callable[[], Collection[str]] | None = None,
    broker: Broker = "filesystem",
    timeout: float = 60,
    progress: Callable[[StepResult], None] | None = None,
) -> LiveReport:
    """Run a worker and Beat on the app of `target` and try what they are for.

    `registered` gives the names of the tasks that an import found, called when the worker has
    reported its own; without it that step is skipped. `timeout` is how long the worker may take to
    be ready. "filesystem" keeps messages and results in a temporary folder; "configured" uses the
    project's broker with a queue of our own, removed at the end. No process is left, even if this
    one is killed. Raises CeleryizeError if the interpreter cannot be started.
    """
    started = time.monotonic()
    scratch = Scratch()
    folder = scratch.path
    results: list[StepResult] = []

    def add(result: StepResult) -> None:
        results.append(result)
        if progress:
            progress(result)

    with scratch, _host_process(target, folder, broker, timeout) as host:
        for answer in _read_answers(host, timeout + GRACE):
            result = _read_result(answer, target, folder, registered)
            # a step that failed may be reported again by what depends on it
            if all(result.step != other.step for other in results):
                add(result)
        for result in _missing_steps(results, target, folder):
            # without a worker the reason is shown once, with the step that failed
            if result.what == NO_WORKER:
                results.append(result)
                continue
            add(result)
        url = _broker_tried(folder)
    results.sort(key=lambda result: STEPS.index(result.step))
    return LiveReport(tuple(results), broker, time.monotonic() - started, url)


def _broker_tried(folder: Path) -> str:
    """The URL of the configured broker, as the worker has left it; empty where it did not get so
    far."""
    try:
        return str(json.loads((folder / "broker").read_text("utf-8"))["url"])
    except (OSError, ValueError, KeyError):
        return ""


@contextmanager
def _host_process(
    target: Target, folder: Path, broker: Broker, timeout: float
) -> Iterator[subprocess.Popen[bytes]]:
    """The process that hosts the worker, Beat and the caller; gone afterwards, with all of them."""
    for name in ("messages", "processed", "results"):
        (folder / name).mkdir()
    job = {
        "name": f"celeryize-live-{uuid.uuid4().hex[:12]}",
        "folder": str(folder),
        "spec": target.app_spec,
        "base": os.path.realpath(target.base),
        "paths": [os.path.realpath(path) for path in target.paths],
        "environment": dict(target.environment),
        "configured": broker == "configured",
        "shadows": PRELOADED_LIBRARIES,
        "timeout": timeout,
    }
    try:
        with (folder / "host.log").open("wb") as log:
            host = subprocess.Popen(
                [str(target.python), "-B", "-u", str(SCRIPT)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=target.base,
                env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": str(folder)},
                start_new_session=True,
            )
    except OSError as error:
        raise CeleryizeError(
            f"the project's interpreter {target.python} cannot be started: {error.strerror}",
            hint="Pass another one with --python.",
        ) from error
    assert host.stdin is not None and host.stdout is not None
    try:
        with contextlib.suppress(BrokenPipeError):
            host.stdin.write(json.dumps(job).encode() + b"\n")
            host.stdin.flush()
        yield host
    finally:
        # Closing is all that is needed, and it also works if we are killed.
        # the host takes the end of its input as the word to end everything
        with contextlib.suppress(OSError):
            host.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            host.wait(ENDING)
        host.kill()
        host.wait()
        host.stdout.close()


def _read_answers(host: subprocess.Popen[bytes], seconds: float) -> Iterator[dict[str, Any]]:
    """What the caller reports, until it ends or the time is up."""
    assert host.stdout is not None
    deadline = time.monotonic() + seconds
    unread = b""
    while select.select([host.stdout], [], [], max(0.0, deadline - time.monotonic()))[0]:
        data = os.read(host.stdout.fileno(), 65536)
        if not data:
            return
        *lines, unread = (unread + data).split(b"\n")
        yield from (json.loads(line) for line in lines)


def _read_result(
    answer: dict[str, Any],
    target: Target,
    folder: Path,
    registered: Callable[[], Collection[str]] | None,
) -> StepResult:
    result = StepResult(
        answer["step"], StepOutcome(answer["outcome"]), answer["what"], answer["seconds"]
    )
    if result.outcome is StepOutcome.FAILED:
        return _explain_failure(result, target, folder)
    if result.step == "registered" and result.outcome is StepOutcome.PASSED:
        return _compare_registries(answer["names"], registered, result.seconds)
    return result


def _compare_registries(
    names: Collection[str], registered: Callable[[], Collection[str]] | None, seconds: float
) -> StepResult:
    if registered is None:
        return StepResult(
            "registered",
            StepOutcome.SKIPPED,
            f"{_count_tasks(names)} registered; there is no import to compare with",
        )
    expected, found = set(registered()), set(names)
    if expected == found:
        return StepResult(
            "registered",
            StepOutcome.PASSED,
            f"{_count_tasks(found)} registered, as in the import",
            seconds,
        )
    differences = [
        f"{word} {', '.join(sorted(some))}"
        for word, some in (("missing:", expected - found), ("additional:", found - expected))
        if some
    ]
    return StepResult(
        "registered",
        StepOutcome.FAILED,
        "the worker's tasks differ from those of the import: " + "; ".join(differences),
        seconds,
    )


def _count_tasks(names: Collection[str]) -> str:
    if len(names) == 1:
        return "one task"
    return f"{len(names)} tasks"


def _missing_steps(results: list[StepResult], target: Target, folder: Path) -> list[StepResult]:
    """The steps without a result: the first one failed, the rest were not tried."""
    reported = {result.step for result in results}
    missing = [step for step in STEPS if step not in reported]
    if not missing:
        return []
    if any(r.step == "worker" and r.outcome is StepOutcome.FAILED for r in results):
        return [StepResult(step, StepOutcome.SKIPPED, NO_WORKER) for step in missing]
    first = StepResult(
        missing[0], StepOutcome.FAILED, "the process that calls the worker exited, or took too long"
    )
    rest = [StepResult(step, StepOutcome.SKIPPED, "not tried") for step in missing[1:]]
    return [_explain_failure(first, target, folder, "caller", "host"), *rest]


def _explain_failure(result: StepResult, target: Target, folder: Path, *roles: str) -> StepResult:
    """The failure with the lines that explain it: of Beat's log for Beat, of the worker's
    otherwise."""
    places = [Path(os.path.realpath(place)) for place in (target.base, *target.paths)]
    for role in roles or (("beat", "worker") if result.step == "beat" else ("worker",)):
        with contextlib.suppress(OSError):
            lines = telling((folder / f"{role}.log").read_text("utf-8", "replace"), places)
            if not lines:
                continue
            what = result.what
            # the exception is the answer, so it comes first; its frames follow
            if what == EXITED and result.step == "worker":
                what, lines = f"{what}: {lines[-1]}", lines[:-1]
            return StepResult(result.step, result.outcome, what, result.seconds, lines)
    return result
