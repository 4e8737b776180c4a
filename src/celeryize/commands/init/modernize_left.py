"""`celeryize init --modernize`: the command lines of Celery 3 that are left for a person.

A list over several lines, a program in one key and its words in another, or the commands that ask a
worker (`celery inspect ping -A blog`): what starts them is known, their text is not rewritten.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from celeryize.detect.command import SUBCOMMANDS as ASKED
from celeryize.detect.deployment import (
    PROCESS_FILES,
    matching_files,
    own_folders,
    without_others,
)
from celeryize.detect.processes import Process, processes_in
from celeryize.detect.processes.process import split_command
from celeryize.detect.project import Project
from celeryize.draft import Draft
from celeryize.model import Todo, Where
from celeryize.patch.old_commands import RENAMED, SUBCOMMANDS

_APP = re.compile(r"-A(?P<short>[\w.:]+)|--app=(?P<long>.+)")
# https://docs.celeryq.dev/en/stable/reference/cli.html
TODAY = ASKED | {"amqp", "graph", "list", "logtool", "migrate", "report", "result", "shell"}
# What belongs to `celery` itself, as -A does, and stands in front of the subcommand.
GENERAL = frozenset({"-b", "--broker", "--result-backend", "--loader", "--config", "--workdir"})
_LISTS = frozenset({"compose", "kubernetes"})


@dataclass(frozen=True, slots=True)
class _Left:
    """An old command, the one of today, and the lines that take its place."""

    where: Where
    old: str
    lines: str


def add_left_commands(project: Project, draft: Draft, app: str, told: frozenset[Where]) -> None:
    """A manual step for each command that Celery 5 does not take, less those that are `told`.

    `app` is what a command without -A starts.
    """
    folders = without_others(project.root, project.base, own_folders(project.root))
    for file in matching_files(folders, PROCESS_FILES):
        path = PurePosixPath(file.relative_to(project.root).as_posix())
        data = draft.read(path) or b""
        if b"celery" not in data:
            continue
        text = data.decode("utf-8", "replace")
        for left in _left_in(path, text, app):
            if left.where in told:
                continue
            draft.add_todo(
                Todo(
                    f"write the command in line {left.where.line} as Celery 5 takes it",
                    f"{left.where}: `{left.old}` does not start with Celery 5. These lines take "
                    "the place of the whole command, with its entrypoint or args.",
                    left.lines,
                    path,
                    needed=True,
                )
            )


def _left_in(path: PurePosixPath, text: str, app: str) -> Iterator[_Left]:
    for process in processes_in(path, text):
        new = None if process.shell else modern_words(process.words, app)
        if new is not None:
            yield _Left(process.where, shlex.join(process.words), _lines_for(process, new, text))
        if process.probe is None:
            continue
        words = split_command(process.probe.text)
        marks = 1 if words[:1] in {("CMD",), ("CMD-SHELL",)} else 0
        new = modern_words(words[marks:], app)
        if new is not None:
            lines = f"{shlex.join(new)}\n"
            yield _Left(process.probe.where, shlex.join(words[marks:]), lines)


def _has_args_alone(text: str, where: Where) -> bool:
    """Whether the words at a place in a manifest are those of `args`, which an image is given."""
    line = where.line or 1
    # a list below its key begins in the line behind it
    last = [one for one in text.split("\n")[:line] if re.match(r"\s*-?\s*[\w-]+\s*:", one)]
    return bool(last) and re.match(r"\s*-?\s*args\s*:", last[-1]) is not None


def _lines_for(process: Process, new: Sequence[str], text: str) -> str:
    """The command as the kind of file has it."""
    if process.kind not in _LISTS:
        return f"{shlex.join(new)}\n"
    entry = process.options.get("entrypoint")
    if process.kind == "kubernetes":
        key = "args" if _has_args_alone(text, process.where) else "command"
        return f"{key}: {json.dumps(list(new))}\n"
    if entry is None:
        return f"command: {json.dumps(list(new))}\n"
    count = len(split_command(entry.text))
    # where all is in the entry point, there is nothing to be its command
    if list(new[:count]) != list(process.words[:count]) or count >= len(process.words):
        return f"entrypoint: {json.dumps(list(new))}\n"
    head, rest = json.dumps(list(new[:count])), json.dumps(list(new[count:]))
    return f"entrypoint: {head}\ncommand: {rest}\n"


def modern_words(words: Sequence[str], app: str) -> tuple[str, ...] | None:
    """The words of a command as Celery 5 takes them; None where they are right, or no command."""
    for place, word in enumerate(words):
        if _program(word) and not _is_value(words, place):
            # what is ahead may be another program (`tini --`), or a container that is called celery
            new = _modern_from(words, place, app)
            if new is not None:
                return new
    return None


def _modern_from(words: Sequence[str], place: int, app: str) -> tuple[str, ...] | None:
    folder, slash, program = words[place].rpartition("/")
    ahead, rest = list(words[:place]), list(words[place + 1 :])
    managed = bool(ahead) and ahead[-1].rpartition("/")[2] == "manage.py"
    if managed:
        del ahead[-1]
        if ahead and re.fullmatch(r"(?:.*/)?python[\d.]*", ahead[-1]):
            del ahead[-1]
    subcommand, found = SUBCOMMANDS.get(program, ""), 0
    old = managed or bool(subcommand)
    if not subcommand:
        position = _subcommand_at(rest)
        if position is None or rest[position] == "multi":
            return None
        found, subcommand = position, rest.pop(position)
        old = old or any(_is_app(word) for word in rest[found:])
    early, first = _without_apps(rest[:found])
    late, last = _without_apps(rest[found:])
    renamed = [new for word in late if (new := _renamed(word))]
    if not old and renamed == late:
        return None
    general, own = _split_general(renamed)
    named = last or first or app
    return (
        *(*ahead, f"{folder}{slash}celery", "-A", named),
        *(*early, *general, subcommand, *own),
    )


def _split_general(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The options of `celery` itself with their values, and the other words."""
    general: list[str] = []
    own: list[str] = []
    left = list(words)
    while left:
        word = left.pop(0)
        if word.partition("=")[0] not in GENERAL:
            own.append(word)
            continue
        general.append(word)
        if "=" not in word and left:
            general.append(left.pop(0))
    return general, own


def _program(word: str) -> bool:
    name = word.rpartition("/")[2]
    return name == "celery" or name in SUBCOMMANDS


def _is_value(words: Sequence[str], place: int) -> bool:
    """Whether the name of an old program is that of a user or of an app: `gosu celeryd celery`."""
    if words[place].rpartition("/")[2] not in SUBCOMMANDS:
        return False
    follows = words[place + 1 : place + 2]
    option = place > 0 and words[place - 1].startswith("-") and words[place - 1] != "--"
    return option or any(not word.startswith("-") for word in follows)


def _subcommand_at(rest: Sequence[str]) -> int | None:
    """Where the subcommand is; None where the word celery is no program, such as a name."""
    if not rest or not (rest[0].startswith("-") or rest[0] in TODAY):
        return None
    values = {i + 1 for i, word in enumerate(rest) if word in {"-A", "--app"}}
    places = (i for i, word in enumerate(rest) if word in TODAY and i not in values)
    return next(places, None)


def _is_app(word: str) -> bool:
    return word in {"-A", "--app"} or _APP.fullmatch(word) is not None


def _without_apps(words: Sequence[str]) -> tuple[list[str], str]:
    """The words without what names the app, and its name: the last one counts."""
    kept: list[str] = []
    named = ""
    left = list(words)
    while left:
        word = left.pop(0)
        found = _APP.fullmatch(word)
        if found is not None:
            named = found["short"] or found["long"]
        elif word in {"-A", "--app"} and left:
            named = left.pop(0)
        else:
            kept.append(word)
    return kept, named


def _renamed(word: str) -> str:
    text = f" {word}"
    for old, new in RENAMED:
        text = old.sub(new, text)
    return text[1:]
