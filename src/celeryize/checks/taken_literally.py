"""What a deployment file makes of a line before Celery sees it: quotes, blanks, percent signs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from celeryize.checks.check import Occurrence, check
from celeryize.checks.facts import Facts
from celeryize.checks.facts.processes.where_it_runs import dockerfile_of
from celeryize.checks.left_out import is_from_plain_image
from celeryize.detect.processes import Process
from celeryize.reading import readable_text

QUOTED = re.compile(r"([\"'])(?!https?:)[a-z+]+://.*\1")
# What is a host, or a module, is never quoted either.
QUOTED_WORD = re.compile(r"([\"'])[\w.:-]+\1")
WORD_NAMES = re.compile(r"DJANGO_SETTINGS_MODULE|\w+_HOST")
ENTRY_POINT = re.compile(r"^\s*ENTRYPOINT\b", re.M | re.I)
CELERY_WORD = re.compile(r"(\S*/)?celery\s.*\b(worker|beat)\b")
# A percent sign that supervisor cannot expand: %(name)s and %% are what it knows.
LONE_PERCENT = re.compile(r"(?<!%)(?:%%)*%(?![%(])")
# What celery puts the host or the name in place of, and systemd takes for its own.
NODE_PERCENT = re.compile(r"(?<!%)(?:%%)*%([hnd])")


@check("celery.E936", grouped=True)
def quotes_in_value(facts: Facts) -> Iterator[Occurrence]:
    """The quotes of a URL, a host, or a module are part of its value.

    What happens: The worker does not start, or does not find its broker.
    How it looks: KeyError: '"redis'; No such transport: "redis; or: No module named '"config'
    Why: In a list of `NAME=value`, YAML takes quotes behind the `=` for a part of the text, and
        Compose gives it to the container as it is.
    Fix: - CELERY_BROKER_URL=redis://redis:6379/0, or quotes around the whole: "NAME=value"
    Source: https://docs.docker.com/reference/compose-file/services/#environment
    """
    for process in facts.deployment.processes:
        if process.kind != "compose":
            continue
        for name, item in process.environment.items():
            value = item.text.strip()
            is_word = WORD_NAMES.fullmatch(name) and QUOTED_WORD.fullmatch(value)
            if QUOTED.fullmatch(value) or is_word:
                yield Occurrence(
                    f"the value of {name} begins and ends with {value[0]}: the quotes"
                    " are a part of it",
                    item.where,
                    'Leave the quotes out, or put them around the whole: - "NAME=value".',
                )


@check("celery.E937")
def command_is_one_word(facts: Facts) -> Iterator[Occurrence]:
    """A command that is a list has all of its words in one element.

    What happens: The container does not start.
    How it looks: exec: "celery -A config worker": executable file not found in $PATH
    Why: Each element of the list is one word, and nothing splits it: the program would have to be
        called `celery -A config worker`.
    Fix: ["celery", "-A", "config", "worker"]; in a compose file also a plain text
    Source: https://kubernetes.io/docs/tasks/inject-data-application/define-command-argument-container/;
        https://docs.docker.com/reference/dockerfile/#exec-form
    """
    for process in facts.deployment.processes:
        first = process.words[0] if process.words else ""
        if CELERY_WORD.match(first) and _is_executed(facts, process):
            words = ", ".join(f'"{word}"' for word in first.split())
            yield Occurrence(
                f"{process.name} starts a program of the name {first!r}, which does not exist",
                process.where,
                f"Write [{words}].",
            )


def _is_executed(facts: Facts, process: Process) -> bool:
    """Whether the first word is the program, and no entry point takes it as an argument."""
    if process.kind == "kubernetes":
        return "args_only" not in process.options
    if process.kind != "compose" or not {"build", "context"} & set(process.options):
        return False
    file = facts.deployment.root / process.where.path
    dockerfile = dockerfile_of(process, file.parent)
    # an image of somebody's may have an entry point of its own
    if "dockerfile_inline" in readable_text(file) or not is_from_plain_image(dockerfile):
        return False
    return ENTRY_POINT.search(dockerfile) is None


@check("celery.E938")
def percent_of_supervisor(facts: Facts) -> Iterator[Occurrence]:
    """A command of supervisor has a percent sign that is not doubled.

    What happens: supervisord does not start, with none of its programs.
    How it looks: Error: Format string '... -n worker@%h' for 'program:worker.command' is badly
        formatted
    Why: supervisor puts values in place of %(name)s in its file, and fails at any other %.
    Fix: -n worker@%%h
    Source: https://supervisord.org/configuration.html#program-x-section-settings
    """
    for process in facts.deployment.processes:
        text = " ".join(process.words)
        if process.kind == "supervisor" and LONE_PERCENT.search(text):
            yield Occurrence(
                f"the % in the command of {process.name} is read by supervisor, which fails",
                process.where,
                "Double it: %%h.",
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
        node = command.option("-n", "--hostname") or ""
        found = NODE_PERCENT.search(node)
        # %n@%H: who writes the host as systemd does means the name of the unit
        if found and not re.search(r"(?<!%)(?:%%)*%[Hl]", node):
            yield Occurrence(
                f"systemd puts {meant[found[1]]} in place of %{found[1]} in the node name",
                process.where,
                f"Double it: %%{found[1]}.",
            )
