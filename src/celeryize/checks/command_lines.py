"""What Celery's command line does not accept: options that are gone, blanks in lists, values."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from celeryize.checks.check import Occurrence, check
from celeryize.checks.facts import Facts
from celeryize.checks.facts.literals import number_of
from celeryize.checks.facts.processes.given import scripts_of
from celeryize.checks.facts.processes.stop import is_development
from celeryize.checks.taken_literally import is_executed
from celeryize.detect.command import CeleryCommand
from celeryize.detect.processes import Process
from celeryize.reading import readable_text

# What `celery`, `worker` and `beat` of Celery 5 take: with a value, and without one.
COMMON = {"-l", "--loglevel", "-n", "--hostname", "-f", "--logfile", "--pidfile", "--uid", "--gid"}
COMMON |= {"--umask", "--executable"}
VALUED = {
    "celery": {"-A", "--app", "-b", "--broker", "--result-backend", "--loader", "--config"}
    | {"--workdir"},
    "worker": COMMON
    | {"-S", "--statedb", "-O", "--optimization", "--prefetch-multiplier", "-c", "--concurrency"}
    | {"-P", "--pool", "--time-limit", "--soft-time-limit", "--max-tasks-per-child"}
    | {"--pool-start-method", "--max-memory-per-child", "-Q", "--queues", "-X"}
    | {"--exclude-queues", "-I", "--include", "--heartbeat-interval", "--autoscale", "-s"}
    | {"--schedule-filename", "--schedule", "--scheduler"},
    "beat": COMMON | {"-s", "--schedule", "-S", "--scheduler", "--max-interval"},
}
FLAGS = {
    "celery": {"-C", "--no-color", "-q", "--quiet", "--version", "--skip-checks", "--help"},
    "worker": {"-D", "--detach", "--disable-prefetch", "-E", "--task-events", "--events"}
    | {"--purge", "--discard", "--without-gossip", "--without-mingle", "--without-heartbeat"}
    | {"-B", "--beat", "--help"},
    "beat": {"--detach", "--enable-remote-control", "--no-enable-remote-control", "--help"},
}
# The heirs of what Celery 3 and 4 took, and options that have none.
HEIRS = {
    "--maxtasksperchild": "--max-tasks-per-child",
    "--maxmemperchild": "--max-memory-per-child",
    "--soft-timelimit": "--soft-time-limit",
    "--autoreload": "",
    "--no-execv": "",
    "--workdir": "--workdir, in front of the subcommand",
    "--no-color": "--no-color, in front of the subcommand",
    "--broker": "--broker, in front of the subcommand",
}
# The options of a worker that take a number: seconds, processes, tasks, kilobytes.
NUMBERS = (
    ("--time-limit",),
    ("--soft-time-limit",),
    ("-c", "--concurrency"),
    ("--max-tasks-per-child",),
    ("--max-memory-per-child",),
    ("--prefetch-multiplier",),
)
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL", "FATAL")
LEVEL_HEIRS = {"WARN": "WARNING", "ERR": "ERROR", "VERBOSE": "DEBUG", "TRACE": "DEBUG"}
POOLS = ("prefork", "eventlet", "gevent", "solo", "processes", "threads", "custom")
VARIABLE = ("$", "{", "%(", "<", "`")
LISTS = ("-Q", "--queues", "-X", "--exclude-queues", "-I", "--include")


def _is_variable(word: str) -> bool:
    return any(sign in word for sign in VARIABLE)


def _checked(facts: Facts) -> Iterator[tuple[CeleryCommand, str, tuple[str, ...]]]:
    """The commands for workers and Beat, with what follows the subcommand."""
    if facts.is_before_celery(5):
        return
    for command in facts.deployment.commands:
        if command.subcommand in {"worker", "beat"}:
            index = command.words.index(command.subcommand)
            yield command, command.subcommand, command.words[index + 1 :]


def _own_options(facts: Facts) -> bool:
    """Whether the project adds options of its own to the command line."""
    return bool(facts.app_code and facts.app_code.names("user_options"))


@check("celery.E930", unless_there=("celery.E942",))
def unknown_option(facts: Facts) -> Iterator[Occurrence]:
    """A command line has an option that Celery does not know.

    What happens: The process ends at once.
    How it looks: Error: No such option '--maxtasksperchild'.
    Why: Celery 5 parses with Click: options of Celery 3 and 4 are gone, none may be abbreviated,
        and those of `celery` itself (--workdir, --no-color) stand in front of the subcommand.
    Fix: The option as `celery worker --help` lists it.
    Source: https://docs.celeryq.dev/en/stable/reference/cli.html
    """
    if _own_options(facts):
        return
    for command, subcommand, words in _checked(facts):
        known = VALUED[subcommand] | FLAGS[subcommand]
        for word in _options_in(words, subcommand):
            # -A behind the subcommand is E111
            if word in known or word in {"-A", "--app"} or _is_variable(word):
                continue
            yield Occurrence(
                f"celery {subcommand} has no option {word}", command.where, _heir_of(word, known)
            )


def _options_in(words: tuple[str, ...], subcommand: str) -> Iterator[str]:
    """The names of the options; values are left out."""
    valued = VALUED[subcommand]
    is_value = False
    for word in words:
        if is_value:
            is_value = False
            continue
        if _is_variable(word.partition("=")[0]) or word == "--":
            # a variable may hold anything, also an option that takes the next word
            return
        if word.startswith("--"):
            name = word.partition("=")[0]
            yield name
            is_value = name in valued and "=" not in word
        elif word.startswith("-") and len(word) > 1:
            name = word[:2]
            yield name
            is_value = name in valued and len(word) == 2


def _heir_of(word: str, known: set[str]) -> str:
    if word in HEIRS:
        heir = HEIRS[word]
        return f"Write {heir}." if heir else "It is gone, and nothing took its place."
    near = difflib.get_close_matches(word, known, 1)
    return f"Did you mean {near[0]}?" if near else ""


@check("celery.E940", unless_there=("celery.E942",))
def blank_in_a_list(facts: Facts) -> Iterator[Occurrence]:
    """A command line has a blank in a list, or a word too many.

    What happens: The process ends at once.
    How it looks: Error: Unable to parse extra configuration from command line.
    Why: A list is one word, with commas: the blank in `-Q celery, mail` ends it. What stands behind
        is taken for configuration.
    Fix: -Q celery,mail
    Source: celery/app/base.py (config_from_cmdline); celery/bin/worker.py
    """
    for command, subcommand, words in _checked(facts):
        stray = _first_stray_word(words, subcommand)
        if stray is None:
            continue
        before, word = stray
        message = f"{word!r} is one word too many"
        hint = "Remove it, or quote the value that it belongs to."
        if before.endswith(",") or word.startswith(","):
            message = f"the blank behind {before!r} ends the list: {word!r} is read as a setting"
            joined = command.as_written(f"{before.rstrip(',')},{word.lstrip(',')}")
            hint = f"Write {joined} without a blank."
        yield Occurrence(message, command.where, hint)


def _first_stray_word(words: tuple[str, ...], subcommand: str) -> tuple[str, str] | None:
    """The first word that is neither an option nor its value, with the word before it.

    None where a variable, an option that is not known, or a redirection hides what is meant.
    """
    is_value, before = False, ""
    for word in words:
        if is_value:
            is_value = False
        elif _is_variable(word) or ">" in word or word in {"--", "&"}:
            return None
        elif word.startswith("-"):
            name = word.partition("=")[0]
            if not word.startswith("--"):
                name = word[:2]
            if name not in VALUED[subcommand] | FLAGS[subcommand]:
                return None
            is_value = name in VALUED[subcommand] and word == name
        # `celery worker -- broker.x=y` and `worker.concurrency=2` are configuration
        elif "=" not in word:
            return before, word
        before = word
    return None


@check("celery.E942")
def value_in_the_word_of_its_option(facts: Facts) -> Iterator[Occurrence]:
    """An option and its value are one word of a command line.

    What happens: The value begins with a blank: the worker consumes a queue called " mail", which
        nobody sends to; or the process ends at once.
    How it looks: [queues] .>  mail; or: Invalid value for '-P' / '--pool': ' gevent' is not one of
        'prefork', ...; or: No such option: --concurrency 4
    Why: An item of a list is one word, and so is what stands in quotes. Celery takes all that is
        behind -Q in that word for the value.
    Fix: ["celery", "-A", "config", "worker", "-Q", "mail"], or "-Qmail"
    Source: https://click.palletsprojects.com/en/stable/options/; reproduced with Celery 5.7
    """
    for command in facts.deployment.commands:
        valued = VALUED["celery"] | VALUED.get(command.subcommand or "", set())
        for word in command.words:
            option, blank, value = word.partition(" ")
            value = value.strip()
            if not blank or not value or option not in valued or _is_variable(word):
                continue
            # `-c 4` in one word is a number, too
            if option in {"-c", "-s"} and value.isdigit():
                continue
            effect = f"its value begins with a blank: {f' {value}'!r}"
            if option.startswith("--"):
                effect = "Celery has no option of that name"
            if option in LISTS:
                value = re.sub(r"\s*,\s*", ",", value)
            right = command.as_written(option, *value.split())
            if not command.listed:
                right = f"{right}, without quotes around both"
            yield Occurrence(f"{word!r} is one word: {effect}", command.where, f"Write {right}.")


@check("celery.E950", unless_there=("celery.E942",))
def value_not_accepted(facts: Facts) -> Iterator[Occurrence]:
    """A command line gives an option a value that it does not take.

    What happens: The process ends at once.
    How it looks: Error: Invalid value for '-l' / '--loglevel': 'WARN' is not one of 'DEBUG',
        'INFO', 'WARNING', 'ERROR', 'CRITICAL', 'FATAL'.
    Why: Since Celery 5 the levels are names, and WARN is none of them; the pool is one of seven.
    Fix: -l WARNING
    Source: celery/bin/base.py (LogLevel), celery/bin/worker.py (WorkersPool)
    """
    for command, _, words in _checked(facts):
        behind = replace(command, words=words)
        level = behind.option("-l", "--loglevel")
        if level and not _is_variable(level) and level.upper() not in LEVELS:
            heir = LEVEL_HEIRS.get(level.upper())
            hint = f"Write one of {', '.join(LEVELS)}."
            if heir:
                hint = f"Write {command.as_written('-l', heir)}."
            yield Occurrence(f"invalid log level {level}", command.where, hint)
        pool = behind.option("-P", "--pool")
        if command.subcommand == "worker" and pool and _is_wrong_pool(pool):
            near = difflib.get_close_matches(pool, POOLS, 1)
            hint = f"Write one of {', '.join(POOLS)}."
            if near:
                hint = f"Write {command.as_written('-P', near[0])}."
            yield Occurrence(f"{pool} is no pool", command.where, hint)
        for option in NUMBERS:
            # `-c 4` in one word is 4, too
            number = (behind.option(*option) or "").strip()
            # since 5.7 as many as the pod, or the container, may use
            if number == "auto" and option[0] == "-c" and not facts.celery_below((5, 7)):
                continue
            # the end of `${OPTIONS:--c 4}`
            if number.endswith("}"):
                continue
            if number and not _is_variable(number) and not re.fullmatch(r"\d+(\.\d*)?", number):
                yield Occurrence(
                    f"{number} of {option[-1]} is no number", command.where, "Write a plain number."
                )


def _is_wrong_pool(pool: str) -> bool:
    # before 5.3 the class of a pool was taken, too
    return not _is_variable(pool) and "." not in pool and ":" not in pool and pool not in POOLS


@check("celery.E988")
def shell_without_a_shell(facts: Facts) -> Iterator[Occurrence]:
    """A command is written for a shell where there is none.

    What happens: The first program gets `&&` and the rest as arguments, or is none at all, such as
        `source`; Celery is never started.
    How it looks: manage.py: error: unrecognized arguments: && celery -A config worker; or:
        can't find command 'source'; or: Error: Unable to parse extra configuration from command
        line
    Why: Compose, systemd, supervisor and Fly split a command into words and start the first: they
        start no shell. Nor does Kubernetes, which takes each item of the list for one word.
    Fix: sh -c "python manage.py migrate && exec celery -A config worker"; in place of `source` the
        path of the program: /srv/venv/bin/celery; in place of `cd` WorkingDirectory= or directory=
    Source: https://docs.docker.com/reference/compose-file/services/#command;
        https://www.freedesktop.org/software/systemd/man/latest/systemd.service.html#Command%20lines
    """
    for process in facts.deployment.processes:
        if process.kind not in SHELL_LESS or not _is_started_alone(facts, process):
            continue
        first = process.words[0].rpartition("/")[2]
        joins = [word for word in process.words if word in SHELL_LESS[process.kind]]
        starter = STARTERS.get(process.kind, process.kind)
        if process.kind == "fly" and ASSIGNED.match(process.words[0]):
            yield Occurrence(
                f"{process.words[0]} is not a program: Fly starts no shell that sets a variable",
                process.where,
                f"Write {_as_toml(process.words[0])} in [env].",
            )
        elif first in BUILTINS:
            hint = BUILTINS[first]
            if process.kind in {"compose", "fly", "kubernetes"}:
                hint = _by_a_shell(facts, process)
            yield Occurrence(
                f"{first} is a word of the shell, and no program: {starter} starts no shell",
                process.where,
                hint,
            )
        elif joins:
            yield Occurrence(
                f"{joins[0]} is an argument here: {starter} starts no shell",
                process.where,
                _by_a_shell(facts, process),
            )


def _by_a_shell(facts: Facts, process: Process) -> str:
    """How a shell is started, in the form of the command."""
    if process.kind == "fly":
        return f"Write {_line_of_fly(facts, process)}."
    if process.listed:
        return 'Write "sh", "-c", "... && exec celery ...".'
    return 'Write sh -c "... && exec celery ...".'


def _line_of_fly(facts: Facts, process: Process) -> str:
    """The whole line of a fly.toml: the command is a string of TOML, which has quotes already."""
    written = readable_text(facts.deployment.root / process.where.path).split("\n")
    line = written[process.where.line - 1] if process.where.line else ""
    name = process.name
    # the command of [experimental] is under another name
    if not re.match(rf"\s*[\"']?{re.escape(name)}[\"']?\s*=", line):
        name = "cmd"
    command = _with_exec(process.words)
    if process.listed or name == "cmd" or not command:
        return f"{name} = \"sh -c '... && exec celery ...'\""
    return f"{name} = \"sh -c '{command}'\""


def _with_exec(words: Sequence[str]) -> str:
    """A command for a shell whose last program takes its place; empty where that is not certain."""
    if not all(word in JOINS_IN_ORDER or BARE.fullmatch(word) for word in words):
        return ""
    last = max((number for number, word in enumerate(words) if word in JOINS_IN_ORDER), default=-1)
    before, after = list(words[: last + 1]), list(words[last + 1 :])
    if not any(re.search(r"\bcelery\b", word) for word in after):
        return ""
    if before[:1] == ["source"]:
        # the `sh` of Debian knows the short word alone
        before[0] = "."
    if after[0] != "exec":
        after.insert(0, "exec")
    return " ".join([*before, *after])


def _is_started_alone(facts: Facts, process: Process) -> bool:
    """Whether the first word of a command with Celery in it is a program, as far as that is known:
    an entry point, or the image of a builder, may hand the words to a shell."""
    if not process.words or process.options.get("entrypoint") or "args_only" in process.options:
        return False
    # an entry point of the image may hand the words to a shell: `eval "$*"`
    if process.kind == "compose" and any(
        HANDS_ON.search(readable_text(script)) for script in scripts_of(facts)
    ):
        return False
    first = process.words[0].rpartition("/")[2]
    if first in SHELLS or not any(re.search(r"\bcelery\b", word) for word in process.words):
        return False
    if process.kind == "fly":
        return is_executed(facts, process)
    if process.kind != "compose" or first in PROGRAMS:
        return True
    return first in BUILTINS and is_executed(facts, process)


def _as_toml(assignment: str) -> str:
    name, _, value = assignment.partition("=")
    return f'{name} = "{value}"'


# What only a shell reads, by what starts the process without one; systemd knows a `;` of its own.
JOINS = ("&&", "||", "|", "&", ">", ">>", "2>&1")
# The joins that run one command behind the other, and a word that needs no quotes.
JOINS_IN_ORDER = ("&&", ";")
BARE = re.compile(r"[\w./:=@%+,-]+")
SHELL_LESS = {
    "compose": (*JOINS, ";"),
    "systemd": JOINS,
    "supervisor": (*JOINS, ";"),
    "fly": (*JOINS, ";"),
    "kubernetes": (*JOINS, ";"),
}
STARTERS = {"fly": "Fly", "kubernetes": "Kubernetes"}

HANDS_ON = re.compile(r"(?m)^[^#\n]*(?:\beval\b|\bsh\s+-\w*c)\s+[\"']?\$[*@]")
ASSIGNED = re.compile(r"[A-Za-z_]\w*=")
PROGRAMS = frozenset({"python", "python3", "celery", "gunicorn", "uvicorn", "daphne"})
SHELLS = frozenset({"sh", "bash", "dash", "ash", "zsh"})
BUILTINS = {
    "source": "Write the path of the program, such as /srv/venv/bin/celery.",
    ".": "Write the path of the program, such as /srv/venv/bin/celery.",
    "cd": "Name the folder in the file (WorkingDirectory=, directory=), and start celery itself.",
    "export": "Name the variable in the file (Environment=, environment=).",
}


# KiB; a bare worker with Django has 40 MB and more.
SMALLEST = 20_000
PREFORK = ("prefork", "processes")
CHILD_OPTIONS = ("--max-tasks-per-child", "--max-memory-per-child")


@check("celery.W951")
def memory_in_wrong_unit(facts: Facts) -> Iterator[Occurrence]:
    """A worker's memory limit is smaller than any worker.

    What happens: The child process is replaced after every task: each one pays for a fork.
    How it looks: (nothing, but for slow tasks; each runs in another process)
    Why: --max-memory-per-child counts in KiB; 500 is half a megabyte.
    Fix: --max-memory-per-child=500000 for 500 MB
    Source: https://docs.celeryq.dev/en/stable/userguide/workers.html#max-memory-per-child-setting
    """
    for command in facts.deployment.workers:
        value = command.option("--max-memory-per-child")
        if value and value.isdigit() and 0 < int(value) < SMALLEST:
            yield Occurrence(
                f"--max-memory-per-child is in KiB: {value} is less than any worker has",
                command.where,
                f"For {value} MB write {value}000.",
            )
    for setting in facts.settings.named("CELERY_WORKER_MAX_MEMORY_PER_CHILD"):
        limit = number_of(setting.value)
        if limit is not None and 0 < limit < SMALLEST:
            yield Occurrence(
                f"{setting.name} is in KiB: {limit:g} is less than any worker has",
                setting.where,
                f"For {limit:g} MB write {limit:g}_000.",
            )


@check("celery.W952")
def option_of_another_pool(facts: Facts) -> Iterator[Occurrence]:
    """A worker has an option that its pool ignores.

    What happens: No process is ever replaced: what leaks, leaks.
    How it looks: (nothing)
    Why: --max-tasks-per-child and --max-memory-per-child are for processes; the pools threads,
        gevent, eventlet and solo have one.
    Fix: The prefork pool, or a restart by the supervisor
    Source: https://docs.celeryq.dev/en/stable/userguide/concurrency/index.html
    """
    for command in facts.deployment.workers:
        pool = command.option("-P", "--pool")
        given = [name for name in CHILD_OPTIONS if command.option(name)]
        if given and pool in POOLS and pool not in (*PREFORK, "custom"):
            yield Occurrence(
                f"the pool {pool} ignores {given[0]}: it has no children", command.where
            )


@check("celery.W953")
def purged_at_each_start(facts: Facts) -> Iterator[Occurrence]:
    """A worker deletes all waiting messages when it starts.

    What happens: At every deploy and every restart, all tasks that wait are gone.
    How it looks: (nothing: tasks disappear)
    Why: --purge (--discard) empties the queues before the worker consumes.
    Fix: Remove it; `celery purge` once, where that is meant
    Source: https://docs.celeryq.dev/en/stable/reference/cli.html#celery-worker
    """
    for command in facts.deployment.workers:
        if {"--purge", "--discard"} & set(command.words) and not is_development(command.where.path):
            yield Occurrence(
                "each start of this worker deletes all tasks that wait",
                command.where,
                "Remove --purge.",
            )
