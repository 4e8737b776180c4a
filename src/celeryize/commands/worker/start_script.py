"""`exec` in the start script of a worker: without it the shell gets the signal of a stop.

celery -A config worker    ->    exec celery -A config worker
"""

from __future__ import annotations

import re

from celeryize.commands.worker.target import Target
from celeryize.detect.processes.process import Process
from celeryize.model import Todo

# Shells whose -c waits for what it starts; bash execs the last command.
WAITING = frozenset({"sh", "dash"})


def exec_in_script(target: Target, process: Process) -> None:
    """Plan `exec` where the worker is the last command of its script; else a manual step."""
    script = process.script
    if process.shell in WAITING and not re.search(r"\bexec\s", process.shell_text):
        _leave_to_user(target, process, f"exec in front of celery in {process.where}")
    if script is None or script.execs or not script.ends_there:
        return
    source = target.draft.source(script.path)
    lines = source.text.split("\n")
    index = (script.command.where.line or 1) - 1
    line = lines[index]
    margin = line[: len(line) - len(line.lstrip())]
    rest = [one for one in lines[index + 1 :] if one.strip() and not one.lstrip().startswith("#")]
    continued = line.rstrip().endswith("\\")
    # an assignment cannot follow exec, and what comes below would never run
    if re.match(r"\s*\w+=", line) or margin or (rest and not continued):
        _leave_to_user(target, process, f"exec in front of celery in {script.command.where}")
        return
    lines[index] = f"exec {line}"
    text = "\n".join(lines)
    target.draft.write(script.path, text.encode("utf-8"), "exec, so that a stop reaches Celery")


def _leave_to_user(target: Target, process: Process, what: str) -> None:
    target.todo(
        Todo(
            what,
            f"The shell that starts {process.name} gets the signal of a stop, and passes it on to "
            "nobody: after the grace the worker is killed.",
            "exec celery ...\n",
            process.where.path,
        )
    )
