"""`exec` in the start script of a worker: without it the shell gets the signal of a stop.

celery -A config worker    ->    exec celery -A config worker
"""

from __future__ import annotations

import re

from celeryize.commands.worker.target import Target
from celeryize.detect.processes.process import Process, Script
from celeryize.detect.processes.scripts import RUNNERS
from celeryize.detect.processes.statements import QUOTED
from celeryize.model import Todo

# Shells whose -c waits for what it starts; bash execs the last command.
WAITING = frozenset({"sh", "dash"})
BEFORE = re.compile(r"\s*(?:\(?[\w\"'|* .-]+\)\s*|then\s+|else\s+)?")
CLOSES = re.compile(r"(?:;;|esac|fi|else|elif)(?!\w)")


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
    place = _place_of_command(line)
    if re.match(r"exec\s", line[place:]):
        # by the plan of another file that starts the same script
        return
    # an assignment cannot follow exec, and what comes behind or below would never run
    if not _is_alone(line[place:]) or not _is_last(script, lines, index):
        _leave_to_user(target, process, f"exec in front of celery in {script.command.where}")
        return
    lines[index] = f"{line[:place]}exec {line[place:]}"
    text = "\n".join(lines)
    target.draft.write(script.path, text.encode("utf-8"), "exec, so that a stop reaches Celery")


def _place_of_command(line: str) -> int:
    """Where the command of a line begins: behind the margin and a pattern of `case`."""
    match = BEFORE.match(line)
    return match.end() if match else 0


def _is_alone(text: str) -> bool:
    """Whether a line from this place on is one command that starts Celery."""
    command = re.sub(r"\s*;{0,2}\s*(?:\s#.*)?$", "", text)
    if re.match(r"\w+=", command) or not RUNNERS.match(f"{command} "):
        return False
    return not re.search(r"[;|]|&&", QUOTED.sub("''", command))


def _is_last(script: Script, lines: list[str], index: int) -> bool:
    """Whether nothing is left to do for the script once its command has ended."""
    indented = lines[index][:1] in {" ", "\t"}
    while lines[index].rstrip().endswith("\\") and index + 1 < len(lines):
        index += 1
    rest = [one.strip() for one in lines[index + 1 :]]
    rest = [one for one in rest if one and not one.startswith("#")]
    if not rest and not indented:
        return True
    if not script.guards:
        # indented, it is in something that nobody has understood
        return False
    # in a branch: the last command of it, and nothing behind all of them
    ends = lines[index].rstrip().endswith(";;") or bool(rest and CLOSES.match(rest[0]))
    return ends and bool(rest) and rest[-1] in {"esac", "fi"}


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
