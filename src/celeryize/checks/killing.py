"""Stops that give a worker no time, scripts that kill or empty it, and what never starts."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from celeryize.checks.check import Occurrence, check
from celeryize.checks.facts import Facts
from celeryize.checks.facts.processes.stop import is_development, soft_timeout, stopped_workers
from celeryize.checks.facts.processes.where_it_runs import dockerfile_of
from celeryize.detect.command import celery_words
from celeryize.detect.processes import Process
from celeryize.detect.processes.images import stage_of
from celeryize.detect.processes.process import signal_name
from celeryize.detect.processes.sequence import plain_chains
from celeryize.model import Where
from celeryize.reading import readable_text

SCRIPT = re.compile(r".*\.(sh|bash)|Makefile|Justfile|fabfile\.py|.*entrypoint.*|deploy.*", re.I)
WINDOWS = re.compile(r".*\.(bat|cmd|ps1)", re.I)
# What may stand before `celery` where it is started on the same machine.
LOCALLY = re.compile(
    r"&|call|cmd(\.exe)?|start|/\w+|\"[^\"]*\"|(.*[\\/])?(python3?|py|uv|poetry|pipenv|pdm)(\.exe)?"
    r"|run|-m|-\d[\d.]*",
    re.I,
)
STOPSIGNAL = re.compile(r"^\s*STOPSIGNAL\s+(\S+)", re.M | re.I)
# `pkill -9 -f celery`, `killall -KILL celery`, `ps | grep celery | xargs kill -9`
PIPED = r"(?:[^\n|;&]|(?<!\|)\|(?!\|)|(?<=>)&)*"
KILLS = re.compile(
    r"\b(?:pkill|killall)\b[^\n|;&]*\s-(?:9|KILL|SIGKILL|s\s+(?:9|KILL|SIGKILL))\b[^\n|;&]*celery"
    rf"|celery{PIPED}(?<!\|)\|(?!\|){PIPED}\bkill\s+-(?:9|KILL|SIGKILL)\b"
    rf"|\bkill\s+-(?:9|KILL|SIGKILL)\b{PIPED}celery",
    re.I,
)
PURGES = re.compile(r"\bcelery\s[^\n|;&]*\bpurge\b[^\n|;&]*\s(?:-f|--force)\b")
# A command that is a worker, Beat or a web server itself: no `timeout`, no `echo`.
SERVES = re.compile(
    r"(?:exec\s+|nohup\s+|\w+=\S*\s+|(?:poetry|pipenv|uv|pdm|hatch)\s+run\s+"
    r"|(?:gosu|su-exec)\s+\S+\s+|\S*python[\d.]*\s+(?:-\w\s+)*(?:-m\s+)?)*"
    r"(?:\S*/)?(celery|gunicorn|uvicorn|daphne|manage\.py\s+runserver)\s"
)
ENDING = frozenset({"-D", "--detach", "--daemon", "--help", "-h", "--version", "--check-config"})
# What stops a worker gently where SIGTERM is not the default.
SENDS_TERM = {"fly": 'Write kill_signal = "SIGTERM".'}
TWO = "two services, or two lines of the Procfile"
# How two processes are written where a Procfile is not what starts them.
APART = {
    "fly": "two lines of [processes]",
    "render": "two services, of `type: worker` where it is Celery",
}
# What of a script only runs when a person asks for it.
ENTRIES = re.compile(r"entry|start|run|launch|boot|docker", re.I)


@check("celery.W806")
def stopped_without_time(facts: Facts) -> Iterator[Occurrence]:
    """A stop kills the worker, or ends its tasks, at once.

    What happens: Every task that runs at a stop is lost; with acks_late on Redis it is stuck until
        the visibility timeout.
    How it looks: (nothing: the process is gone)
    Why: SIGKILL cannot be caught. SIGQUIT starts a cold shutdown, which ends the running tasks,
        unless worker_soft_shutdown_timeout gives them time.
    Fix: Leave the signal out: SIGTERM is the default, and finishes the running tasks. On Fly:
        kill_signal = "SIGTERM"
    Source: https://docs.celeryq.dev/en/stable/userguide/workers.html#worker-shutdown
    """
    soft = soft_timeout(facts)[0]
    for process in stopped_workers(facts):
        signal, where = _signal_of(facts, process)
        if signal == "SIGKILL" or (signal == "SIGQUIT" and soft == 0):
            what = "kills it at once"
            if signal == "SIGQUIT":
                what = "is a cold shutdown"
            yield Occurrence(
                f"a stop sends {signal} to {process.name}, which {what}: running tasks are lost",
                where,
                SENDS_TERM.get(process.kind, "Send SIGTERM, the default."),
            )


def _signal_of(facts: Facts, process: Process) -> tuple[str, Where]:
    """The signal of a stop, and the line that says so."""
    for key in ("stop_signal", "stopsignal", "KillSignal", "kill_signal"):
        item = process.options.get(key)
        if item:
            return signal_name(item.text), item.where
    # of an image that is built elsewhere nothing is known
    if process.kind == "compose" and {"build", "context"} & set(process.options):
        beside = (facts.deployment.root / process.where.path).parent
        target = process.options.get("target")
        name = target.text if target else None
        found = STOPSIGNAL.findall(stage_of(dockerfile_of(process, beside), name))
        if found:
            return signal_name(found[-1]), process.where
    return process.signal, process.where


def _script_lines(
    facts: Facts, names: re.Pattern[str], word: str
) -> Iterator[tuple[PurePosixPath, list[str]]]:
    """The lines of the files of these names that hold a word."""
    for place, _, files in facts.deployment.folders:
        for name in files:
            if not names.fullmatch(name):
                continue
            path = PurePosixPath(Path(place / name).relative_to(facts.deployment.root).as_posix())
            text = readable_text(place / name)
            if word in text and not is_development(path):
                yield path, text.split("\n")


def _is_only_said(before: str) -> bool:
    """Whether what follows a piece of a line is a comment, or printed."""
    for quote in ('"', "'"):
        # of a quoted text the command in front of it tells
        if before.count(quote) % 2:
            before = before.rpartition(quote)[0]
    command = re.split(r"[;|&]", before)[-1]
    return bool(re.match(r"[\s@({-]*(echo|printf|logger|read)\b|\s*:\s", command)) or bool(
        re.search(r"(^|\s)#", before)
    )


def _has_condition(above: list[str], before: str) -> bool:
    """Whether a command may not run each time: in a branch, a loop or a function, or behind a
    test."""
    if re.search(r"(^|\s)(if|while|case|until|for|test|\[\[?)\s.*(&&|\|\||;|\))", before):
        return True
    depth = 0
    for line in above:
        words = re.sub(r"#.*|\"[^\"]*\"|'[^']*'", "", line)
        depth += len(
            re.findall(r"(?:^|[;&|]|\b(?:then|else|do)\b)\s*(?:if|case|for|while|until)\s", words)
        )
        depth -= len(re.findall(r"(?:^|;|\s)(?:fi|esac|done)\b", words))
        depth += len(re.findall(r"\{\s*$", words)) - len(re.findall(r"^\s*\}", words))
    return depth > 0


@check("celery.W807")
def script_kills_worker(facts: Facts) -> Iterator[Occurrence]:
    """A script kills the worker with SIGKILL.

    What happens: Every task that runs is lost, at each deploy.
    How it looks: (nothing: the process is gone)
    Why: SIGKILL cannot be caught: the worker has no time to finish, or to give its messages back.
    Fix: pkill -TERM -f "celery -A <project> worker", and wait; or let systemd, supervisor or Docker
        stop it.
    Source: https://docs.celeryq.dev/en/stable/userguide/workers.html#stopping-the-worker
    """
    for path, lines in _script_lines(facts, SCRIPT, "celery"):
        for number, line in enumerate(lines, 1):
            match = KILLS.search(line)
            if match and not _is_only_said(line[: match.start()]):
                yield Occurrence(
                    "this kills the worker in the middle of its tasks, which are lost",
                    Where(path, number),
                    "Send TERM, and wait until the worker has ended.",
                )


@check("celery.W954")
def purged_by_script(facts: Facts) -> Iterator[Occurrence]:
    """A start script deletes all waiting messages.

    What happens: At every deploy and every restart, all tasks that wait are gone.
    How it looks: (nothing: tasks disappear)
    Why: `celery purge -f` empties the queues, whoever has sent what is in them.
    Fix: Remove it; run it once, where that is meant
    Source: https://docs.celeryq.dev/en/stable/reference/cli.html#celery-purge
    """
    for path, lines in _script_lines(facts, SCRIPT, "purge"):
        # a script of that name, or a target of a Makefile, is meant to purge
        if not ENTRIES.search(path.name):
            continue
        for number, line in enumerate(lines, 1):
            match = PURGES.search(line)
            if match is None or _is_only_said(line[: match.start()]):
                continue
            if not _has_condition(lines[: number - 1], line[: match.start()]):
                yield Occurrence(
                    "each start deletes all tasks that wait", Where(path, number), "Remove it."
                )


@check("celery.E955")
def prefork_on_windows(facts: Facts) -> Iterator[Occurrence]:
    """A worker is started on Windows with the prefork pool.

    What happens: Tasks are received, and fail.
    How it looks: ValueError: not enough values to unpack (expected 3, got 0)
    Why: The prefork pool, which is the default, needs fork(), and Celery has not supported Windows
        since 4.0.
    Fix: celery -A <project> worker --pool=threads, or --pool=solo
    Source: https://docs.celeryq.dev/en/stable/faq.html#does-celery-support-windows; celery#4081
    """
    if facts.settings.first("CELERY_WORKER_POOL") is not None or _chooses_pool(facts):
        return
    for path, lines in _script_lines(facts, WINDOWS, "celery"):
        if any("FORKED_BY_MULTIPROCESSING" in line for line in lines):
            continue
        for number, line in _joined_lines(path, lines):
            if any(map(_is_prefork_worker, re.split(r"&&?|\|\|?|;", line))):
                yield Occurrence(
                    "on Windows the prefork pool receives tasks and cannot run them",
                    Where(path, number),
                    "Add --pool=threads, or --pool=solo.",
                )


def _chooses_pool(facts: Facts) -> bool:
    """Whether the app, or the settings, may choose a pool, or make the prefork pool work."""
    places = list(facts.settings.files)
    if facts.app_code:
        places.append(facts.app_code.path)
    words = ("worker_pool", "WORKER_POOL", "FORKED_BY_MULTIPROCESSING")
    return any(facts.code.has(path, *words) for path in places)


def _joined_lines(path: PurePosixPath, lines: list[str]) -> Iterator[tuple[int, str]]:
    """The lines of a script of Windows, and those that go on in the next one as one."""
    mark = "^"
    if path.suffix.lower() == ".ps1":
        mark = "`"
    first, text = 1, ""
    for number, line in enumerate(lines, 1):
        if not text:
            first = number
        text += line.rstrip()
        if text.endswith(mark):
            text = text[:-1] + " "
            continue
        yield first, text
        text = ""
    if text:
        yield first, text


def _is_prefork_worker(command: str) -> bool:
    """Whether a command starts a worker on this machine, and nothing may give it another pool."""
    words = command.split()
    found = celery_words(words)
    # a piece of a quoted text is a command of something else
    if command.count('"') % 2 or command.count("'") % 2:
        return False
    # ssh, kubectl, docker, wsl: what they start runs elsewhere
    if found is None or not all(map(LOCALLY.fullmatch, words[: len(words) - len(found) - 1])):
        return False
    pooled = any(word.startswith(("-P", "--pool")) for word in found)
    # %POOL%, $opts, @args may hold it
    return "worker" in found and not pooled and not re.search(r"[%$@!]", " ".join(found))


@check("celery.E881")
def second_never_starts(facts: Facts) -> Iterator[Occurrence]:
    """A script starts a second process behind one that never ends.

    What happens: The second one starts when the first one has ended: never.
    How it looks: (nothing: no Beat, no web server)
    Why: `celery worker` stays in the foreground, and the shell waits for it.
    Fix: A service, a program, or a line of the Procfile for each of them
    Source: https://docs.docker.com/engine/containers/multi-service_container/
    """
    for path in dict.fromkeys(script.path for script in facts.deployment.scripts):
        text = readable_text(facts.deployment.root / path)
        for first, line in _waiting_for_ever(text):
            yield Occurrence(
                f"this never starts: the shell waits for the process of line {first}",
                Where(path, line),
                f"Start each of them on its own: {TWO}.",
            )
    for process in facts.deployment.processes:
        if process.shell and any(_waiting_for_ever(process.shell_text)):
            yield Occurrence(
                "the second command never starts: the shell waits for the first, which stays",
                process.where,
                f"Start each of them on its own: {APART.get(process.kind, TWO)}.",
            )


def _waiting_for_ever(text: str) -> Iterator[tuple[int, int]]:
    """The lines of a worker or Beat that stays, and of the first command that waits for it."""
    # a signal, or another process, may end what stays
    if re.search(r"\btrap\b|(?<![&>])&(?![&>])[^&]*\bkill|\bkill[^&\n]*&(?!&)", text):
        return
    stays: int | None = None
    for line, commands in plain_chains(text):
        for index, command in enumerate(commands):
            if stays is not None and _is_service(command):
                yield stays, line
                return
            # what is behind `test ... &&` only keeps what is behind it, too
            if _is_service(command) and "celery" in command and stays is None:
                rest = commands[index + 1 :]
                if any(_is_service(other) for other in rest):
                    yield line, line
                    return
                if index == 0:
                    stays = line


def _is_service(command: str) -> bool:
    """Whether a command starts a worker, Beat or a web server that stays in the foreground."""
    match = SERVES.match(command)
    if match is None:
        return False
    try:
        words = shlex.split(command)
    except ValueError:
        return False
    if not ENDING.isdisjoint(words):
        return False
    return match[1] != "celery" or not {"worker", "beat"}.isdisjoint(celery_words(words) or ())
