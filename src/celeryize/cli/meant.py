"""What a misspelt command or option was meant to be; loaded for a wrong command line alone."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence

# How alike two words are that are the same one, misspelt.
ALIKE = 0.75
# What others call it.
CALLED = {
    "add": ("add-task", "add-schedule", "add-worker"),
    "beat": ("add-schedule", "dev"),
    "check": ("verify",),
    "create": ("add-task", "add-schedule", "add-worker"),
    "cron": ("add-schedule",),
    "delete": ("remove-task", "remove-schedule"),
    "diagnose": ("verify",),
    "doctor": ("verify",),
    "generate": ("add-task", "add-schedule"),
    "install": ("init",),
    "lint": ("verify",),
    "list": ("tasks", "schedule"),
    "new": ("add-task", "add-schedule"),
    "remove": ("remove-task", "remove-schedule"),
    "revert": ("undo",),
    "rollback": ("undo",),
    "run": ("dev",),
    "runserver": ("dev",),
    "runworker": ("dev",),
    "setup": ("init",),
    "start": ("dev", "add-worker"),
    "status": ("verify", "tasks"),
    "task": ("add-task", "tasks"),
    "test": ("verify",),
    "upgrade": ("update",),
    "validate": ("verify",),
    "worker": ("add-worker", "dev"),
}


def meant_command(name: str, options: Mapping[str, Sequence[str]]) -> str:
    """The sentence behind an unknown command; `options` are those of each command."""
    near = difflib.get_close_matches(name, [*options, *CALLED], 1, ALIKE)
    commands = CALLED.get(near[0], tuple(near)) if near else ()
    if not commands:
        owners = [verb for verb, names in options.items() if f"--{name.strip('-')}" in names]
        if owners:
            # one option of many commands says nothing of which
            return f"It is an option: celeryize {owners[0]} --{name.strip('-')}"
    if not commands:
        return "The commands are in celeryize --help."
    return f"Did you mean {_joined(f'celeryize {command}' for command in commands)}?"


def meant_option(name: str, verb: str, options: Mapping[str, Sequence[str]]) -> str:
    """The sentence behind an unknown option of a command."""
    word = name.partition("=")[0]
    near = difflib.get_close_matches(word, [o for o in options[verb] if o != "--help"], 1, ALIKE)
    if near:
        return f"Did you mean {near[0]}?"
    owners = [other for other, names in options.items() if word in names]
    if owners:
        return f"It is an option of {_joined(f'celeryize {owner}' for owner in owners[:3])}."
    return f"The options are in celeryize {verb} --help."


def _joined(names: Iterable[str]) -> str:
    *first, last = names
    if not first:
        return last
    return f"{', '.join(first)} or {last}"
