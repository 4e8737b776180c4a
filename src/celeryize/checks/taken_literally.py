"""What a deployment file makes of a line before Celery sees it: quotes, blanks, percent signs."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator

from celeryize.checks.check import Occurrence, check
from celeryize.checks.facts import Facts
from celeryize.checks.facts.processes.where_it_runs import dockerfile_of
from celeryize.checks.left_out import is_from_plain_image
from celeryize.detect.command import CeleryCommand
from celeryize.detect.processes import Process
from celeryize.reading import readable_text

QUOTED = re.compile(r"([\"'])(?!https?:)[a-z+]+://.*\1")
# What is a host, or a module, is never quoted either.
QUOTED_WORD = re.compile(r"([\"'])[\w.:-]+\1")
IS_NAME = re.compile(r"[A-Z][A-Z0-9_]*\s+")
WORD_NAMES = re.compile(r"DJANGO_SETTINGS_MODULE|\w+_HOST")
ENTRY_POINT = re.compile(r"^\s*ENTRYPOINT\b", re.M | re.I)
CELERY_WORD = re.compile(r"(?:.*[\s/])?celery\s.*\b(worker|beat)\b")
# A percent sign that supervisor cannot expand: %(name)s and %% are what it knows.
LONE_PERCENT = re.compile(r"(?<!%)(?:%%)*%(?![%(])")
# What it fills in, and where: the first has no %%, and the value of `environment` no other rules.
FILLED = re.compile(r"(?<!%)(?:%%)*%\((?!ENV_)(\w+)\)")
KNOWN = frozenset(
    {"here", "host_node_name", "program_name", "group_name", "process_num", "numprocs"}
)
EXPANDED = (
    "command",
    "environment",
    "directory",
    "process_name",
    "stdout_logfile",
    "stderr_logfile",
    "user",
)
# What celery puts the host or the name in place of, and systemd takes for its own.
NODE_PERCENT = re.compile(r"(?<!%)(?:%%)*%([hnd])")


@check("celery.E936", grouped=True)
def quotes_in_value(facts: Facts) -> Iterator[Occurrence]:
    """The quotes of a URL, a host, or a module are part of its value, or a blank of its name.

    What happens: The worker does not start, or does not find its broker.
    How it looks: KeyError: '"redis'; No such transport: "redis; or: No module named '"config'
    Why: In a list of `NAME=value`, YAML takes quotes behind the `=` for a part of the text, and
        Compose gives it to the container as it is. A blank in front of the `=` is a part of the
        name, and nobody reads that variable. Of two pairs of quotes Kubernetes keeps the inner one.
    Fix: - CELERY_BROKER_URL=redis://redis:6379/0, or quotes around the whole: "NAME=value"
    Source: https://docs.docker.com/reference/compose-file/services/#environment
    """
    for process in facts.deployment.processes:
        if process.kind not in {"compose", "kubernetes"}:
            continue
        for name, item in process.environment.items():
            if process.kind == "compose" and name != name.rstrip() and IS_NAME.fullmatch(name):
                yield Occurrence(
                    f"the blank in front of = makes it another variable than {name.rstrip()}",
                    item.where,
                    f"Write {name.rstrip()}= without it.",
                )
            value = item.text.strip()
            hint = 'Leave the quotes out, or put them around the whole: - "NAME=value".'
            if process.kind == "kubernetes":
                hint = "Leave the inner quotes out."
            is_word = WORD_NAMES.fullmatch(name) and QUOTED_WORD.fullmatch(value)
            if QUOTED.fullmatch(value) or is_word:
                yield Occurrence(
                    f"the value of {name} begins and ends with {value[0]}: the quotes"
                    " are a part of it",
                    item.where,
                    hint,
                )


@check("celery.E937")
def command_is_one_word(facts: Facts) -> Iterator[Occurrence]:
    """A command that is a list has all of its words in one element.

    What happens: The container does not start.
    How it looks: exec: "celery -A config worker": executable file not found in $PATH
    Why: Each element of the list is one word, and nothing splits it: the program would have to be
        called `celery -A config worker`. A shell takes the element behind -c for its command, and
        all behind that for something else.
    Fix: ["celery", "-A", "config", "worker"]; in a compose file also a plain text;
        ["sh", "-c", "exec celery -A config worker"]
    Source: https://kubernetes.io/docs/tasks/inject-data-application/define-command-argument-container/;
        https://docs.docker.com/reference/dockerfile/#exec-form
    """
    for process in facts.deployment.processes:
        first = process.words[0] if process.words else ""
        if CELERY_WORD.match(first) and is_executed(facts, process):
            words = ", ".join(f'"{word}"' for word in first.split())
            hint = f"Write [{words}]."
            if re.search(r"[&;|]", first):
                hint = f'Write ["sh", "-c", "{first}"].'
            yield Occurrence(
                f"{process.name} starts a program of the name {first!r}, which does not exist",
                process.written,
                hint,
            )
        elif _is_alone(process):
            rest = " ".join(process.words[2:])
            yield Occurrence(
                f"{process.words[0]} -c runs {process.words[2]} alone: what stands behind it is"
                " no part of that command",
                process.written,
                f'Write ["{process.words[0]}", "-c", "exec {rest}"].',
            )


def _is_alone(process: Process) -> bool:
    """Whether a shell is given `celery`, and its arguments as further elements of the list."""
    if not process.shell or len(process.words) < 4 or process.kind == "supervisor":
        return False
    rest = set(process.words[3:])
    return bool(re.fullmatch(r"(?:\S*/)?celery", process.words[2]) and rest & {"worker", "beat"})


def is_executed(facts: Facts, process: Process) -> bool:
    """Whether the first word is the program, and no entry point takes it as an argument."""
    if process.kind == "kubernetes":
        return "args_only" not in process.options
    if not process.is_built:
        return False
    file = facts.deployment.root / process.where.path
    dockerfile = dockerfile_of(process, file.parent)
    # an image of somebody's may have an entry point of its own
    if "dockerfile_inline" in readable_text(file) or not is_from_plain_image(dockerfile):
        return False
    # `fly deploy` is run in a folder that nobody knows
    if process.kind != "compose" and not dockerfile:
        return False
    return ENTRY_POINT.search(dockerfile) is None


@check("celery.E938")
def percent_of_supervisor(facts: Facts) -> Iterator[Occurrence]:
    """A program of supervisor has a percent sign that is not doubled, or a name nobody knows.

    What happens: supervisord does not start, with none of its programs; or the value is another
        one: %40s in a URL is 40 characters of something else.
    How it looks: Error: Format string '... -n worker@%h' for 'program:worker.command' is badly
        formatted
    Why: supervisor puts values in place of %(name)s in its file, and fails at any other %.
    Fix: -n worker@%%h
    Source: https://supervisord.org/configuration.html#program-x-section-settings
    """
    for process in facts.deployment.processes:
        if process.kind != "supervisor":
            continue
        for key in EXPANDED:
            item = process.options.get(key)
            text = item.text.partition(" ;")[0] if item else ""
            found = FILLED.search(text)
            place = item.where if item else process.where
            if LONE_PERCENT.search(text):
                yield Occurrence(
                    f"the % in the {key} of {process.name} is read by supervisor, which fails",
                    place,
                    "Double it: %%.",
                )
            elif found and found[1] not in KNOWN:
                near = difflib.get_close_matches(found[1], KNOWN, 1, 0.5)
                hint = f"It knows {', '.join(sorted(KNOWN))}."
                if near:
                    hint = f"Write %({near[0]})."
                yield Occurrence(
                    f"supervisor has no value for %({found[1]}) in the {key} of {process.name}",
                    place,
                    hint,
                )


@check("celery.W939")
def percent_of_systemd(facts: Facts) -> Iterator[Occurrence]:
    """The node name in a unit has a percent sign that systemd takes for its own.

    What happens: The worker is called worker@/root, on each host the same.
    How it looks: DuplicateNodenameWarning; `inspect` and Flower show one worker for all hosts
    Why: In a unit %h is the home folder and %n the name of the unit. Celery, for which %h is the
        host, never sees it.
    Fix: -n worker@%%h
    Source: https://www.freedesktop.org/software/systemd/man/latest/systemd.unit.html#Specifiers
    """
    meant = {"h": "the home folder", "n": "the name of the unit", "d": "a folder of credentials"}
    for process in facts.deployment.processes:
        command = process.celery
        if process.kind != "systemd" or command is None:
            continue
        node = _node_name(process, command)
        found = NODE_PERCENT.search(node)
        # %n@%H: who writes the host as systemd does means the name of the unit
        if found and not re.search(r"(?<!%)(?:%%)*%[Hl]", node):
            yield Occurrence(
                f"systemd puts {meant[found[1]]} in place of %{found[1]} in the node name",
                process.where,
                f"Double it: %%{found[1]}.",
            )


def _node_name(process: Process, command: CeleryCommand) -> str:
    """The node name of a unit, also one in a variable of its own; the nodes of `multi`."""
    words = list(command.words)
    for word in command.words:
        name = re.fullmatch(r"\$\{?(\w+)\}?", word)
        item = process.environment.get(name[1]) if name else None
        if item:
            words += item.text.split()
    if command.subcommand == "multi":
        return " ".join(word for word in words if "@" in word and not word.startswith("-"))
    return CeleryCommand(tuple(words), command.where, command.text).option("-n", "--hostname") or ""


@check("celery.E947")
def relative_program(facts: Facts) -> Iterator[Occurrence]:
    """A unit starts its program by a relative path.

    What happens: systemd does not start it.
    How it looks: Neither a valid executable name nor an absolute path: venv/bin/celery
    Why: systemd looks for a program in folders of its own, before it enters WorkingDirectory=.
    Fix: ExecStart=/srv/shop/venv/bin/celery -A config worker
    Source: https://www.freedesktop.org/software/systemd/man/latest/systemd.service.html#Command%20lines
    """
    for process in facts.deployment.processes:
        start = process.options.get("ExecStart")
        if process.kind != "systemd" or start is None or process.celery is None:
            continue
        program = start.text.lstrip("-@:+!|").split(" ")[0]
        if "/" in program and re.match(r"[\w.~]", program):
            yield Occurrence(
                f"systemd starts no program by the relative path {program}",
                start.where,
                "Write it from / on.",
            )
