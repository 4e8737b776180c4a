"""The lines to paste where a file cannot be edited: a worker and Beat in the words of its kind."""

from __future__ import annotations

import json

from celeryize.commands.worker.compose_service import BEAT_FILE
from celeryize.commands.worker.wanted import REMAP, Wanted, shell_line


def lines_to_paste(kind: str, wanted: Wanted, program: tuple[str, ...] = ("celery",)) -> str:
    """The processes as lines of a kind of file; `program` is Celery with what is in front of it."""
    lines: list[str] = []
    if wanted.soft_is_missing:
        # with the variable alone, a stop cuts the tasks off at once
        needs = f"CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = {wanted.soft}"
        lines.append(f"# {REMAP} needs {needs} in the settings\n")
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
