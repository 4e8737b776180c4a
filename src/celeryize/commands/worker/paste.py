"""The lines to paste where a file cannot be edited: a worker and Beat in the words of its kind."""

from __future__ import annotations

import json
from collections.abc import Iterator

from celeryize.commands.worker.compose_service import BEAT_FILE
from celeryize.commands.worker.wanted import REMAP, Job, Wanted, shell_line


def lines_to_paste(kind: str, wanted: Wanted, program: tuple[str, ...] = ("celery",)) -> str:
    """The processes as lines of a kind of file; `program` is Celery with what is in front of it."""
    lines: list[str] = []
    if wanted.soft_is_missing:
        # with the variable alone, a stop cuts the tasks off at once
        needs = f"CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = {wanted.soft}"
        lines.append(f"# {REMAP} needs {needs} in the settings\n")
    if kind == "fly":
        return "".join([*lines, *_lines_of_fly(wanted, program)])
    for job in wanted.jobs:
        words = (*program, *wanted.celery_words(job, BEAT_FILE)[1:])
        # no health check: its module is not written where nothing is
        pairs = list(wanted.stop_variables(job))
        if kind == "procfile":
            given = "".join(f"{name}={value} " for name, value in pairs)
            lines.append(f"{job.name}: {given}{shell_line(words)}\n")
        elif kind == "systemd":
            lines += [f"# the unit of {job.name}\n", "[Service]\n"]
            # systemd starts nothing by its name alone
            place = "" if words[0].startswith("/") else "/path/to/"
            lines.append(f"ExecStart={place}{shell_line(words)}\n")
            lines += [f"Environment={name}={value}\n" for name, value in pairs]
            lines.append(f"KillMode=mixed\nTimeoutStopSec={wanted.grace}\nRestart=always\n")
        elif kind == "supervisor":
            lines.append(f"[program:{job.name}]\ncommand={shell_line(words)}\n")
            lines += [f'environment={name}="{value}"\n' for name, value in pairs]
            lines.append(f"stopwaitsecs={wanted.grace}\nstopasgroup=false\nkillasgroup=true\n")
        elif kind == "render":
            lines += _lines_of_render(wanted, job, words)
        elif kind == "kubernetes":
            lines.append(f"# {job.name}: terminationGracePeriodSeconds: {wanted.grace}\n")
            lines.append(f"command: {json.dumps(list(words))}\n")
            if pairs:
                lines.append("env:\n")
            lines += [f"  - name: {name}\n    value: {value}\n" for name, value in pairs]
        else:
            lines.append(
                f"{job.name}:\n  # image, env_file, environment, volumes as the web service\n"
            )
            lines.append(f"  command: {json.dumps(list(words))}\n  init: true\n")
            lines.append("  restart: unless-stopped\n")
            if not job.is_beat:
                lines.append(f"  stop_grace_period: {wanted.grace}s\n")
            if pairs:
                lines.append("  environment:\n")
            lines += [f"    {name}: {value}\n" for name, value in pairs]
    return "".join(lines)


def _lines_of_fly(wanted: Wanted, program: tuple[str, ...]) -> Iterator[str]:
    """A line of [processes] for each job, and what stops all of them."""
    pairs = {pair for job in wanted.jobs for pair in wanted.stop_variables(job)}
    if wanted.workers:
        yield "# at the top, unless it is there: without it Fly sends SIGINT, and kills after 5 s\n"
        yield f'kill_signal = "SIGTERM"\nkill_timeout = {wanted.grace}\n\n'
    if pairs:
        yield "[env]\n"
        yield from (f'  {name} = "{value}"\n' for name, value in sorted(pairs))
        yield "\n"
    yield "[processes]\n"
    for job in wanted.jobs:
        words = (*program, *wanted.celery_words(job, BEAT_FILE)[1:])
        # a string of JSON is one of TOML, too
        yield f"  {job.name} = {json.dumps(shell_line(words))}\n"


def _lines_of_render(wanted: Wanted, job: Job, words: tuple[str, ...]) -> Iterator[str]:
    """A service with a command of its own."""
    yield f"- type: worker\n  name: {job.name}\n"
    yield "  # runtime, buildCommand, envVars as the web service\n"
    yield f"  startCommand: {json.dumps(shell_line(words))}\n"
    if job.is_beat:
        yield "  numInstances: 1\n"
    else:
        yield f"  maxShutdownDelaySeconds: {wanted.grace}\n"
    pairs = list(wanted.stop_variables(job))
    if pairs:
        yield "  envVars:\n"
    yield from (f"    - key: {name}\n      value: {value}\n" for name, value in pairs)
