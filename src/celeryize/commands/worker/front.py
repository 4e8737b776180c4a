"""What stands before the program of a process, and what of it another program needs as well.

uv run --env-file .env gunicorn shop.wsgi   ->   uv run --env-file .env celery -A shop worker
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from posixpath import join

from celeryize.detect.command import shell_commands
from celeryize.detect.processes.process import SHELLS, Process, split_command

SERVERS = r"(?:gunicorn|uvicorn|daphne|hypercorn|uwsgi|granian|waitress-serve|mod_wsgi-express)"
SERVER = re.compile(rf"(?:\S*/)?{SERVERS}")
CELERY = re.compile(r"(?:\S*/)?celery")
PYTHON = re.compile(r"(?:\S*/)?python[\d.]*")
MANAGE = re.compile(r"(?:\S*/)?(?:manage\.py|django-admin)")
RUNSERVER = re.compile(r"run(?:server(?:_plus)?|sslserver)")
ACTIVATE = re.compile(r"(?:(.*)/)?bin/activate")
# They start a program again after a change, or look into it: of no use to a process beside it.
WATCHERS = re.compile(
    r"(?:\S*/)?(?:watchmedo|watchfiles|nodemon|watchexec|reflex|entr|hupper|coverage|debugpy)"
)
OPERATORS = frozenset({"&&", "||", ";", "|", "&"})
# Commands of a shell that change what comes after them.
SET_UP = frozenset({"source", ".", "export", "eval", "ulimit", "umask"})


@dataclass(frozen=True, slots=True)
class Front:
    """`words` stand before the program; `folder` is that of an environment which is activated.

    `lost` are commands that are run first, and whose effect the program alone is without.
    """

    words: tuple[str, ...] = ()
    folder: str = ""
    lost: tuple[str, ...] = ()


def front_of(process: Process) -> Front:
    """What is in front of Celery in the command of a worker, of the server in that of another."""
    runs_celery = process.celery and process.script is None
    words = _own_words(process)
    front = None if runs_celery else front_in(words, SERVER)
    front = front or front_in(words, CELERY)
    if front is None:
        return Front()
    # a variable of the shell, where none is any more
    if process.shell and any("$" in word for word in front.words):
        return replace(front, words=(), lost=(*front.lost, " ".join(front.words)))
    return front


def _own_words(process: Process) -> tuple[str, ...]:
    """The command of a process without its entry point, which is one of the keys it shares."""
    entry = process.options.get("entrypoint")
    if process.kind != "compose" or entry is None:
        return process.words
    count = len(split_command(entry.text))
    rest = process.words[count:]
    if entry.text == " ".join(process.words[:count]) and rest:
        return rest
    return process.words


def front_in(words: Sequence[str], wanted: re.Pattern[str]) -> Front | None:
    """What is in front of a program in the words of a command; None where it is not in them."""
    if any(word in OPERATORS or word.endswith(";") for word in words):
        return _front_in_shell(" ".join(words), wanted)
    for index, word in enumerate(words):
        given = words[index + 1 : index + 3]
        is_shell = word in SHELLS and len(given) == 2 and re.match("-.*c$", given[0])
        if is_shell or (" " in word and _is_watched(words[:index])):
            inner = _front_in_shell(given[1] if is_shell else word, wanted)
            if inner is not None:
                return replace(inner, words=(*_kept(words[:index]), *inner.words))
    place = _place_of(words, wanted)
    if place is not None:
        return Front(_kept(words[:place]))
    # `su app -c "gunicorn shop.wsgi"`: a program that is given all of it in one word
    for index, word in enumerate(words):
        if " " in word and index and _front_in_shell(word, wanted) is not None:
            return Front(lost=(" ".join(words[:index]),))
    return None


def _front_in_shell(text: str, wanted: re.Pattern[str]) -> Front | None:
    """The same in the text that a shell is given."""
    lost: list[str] = []
    place = folder = ""
    for command in shell_commands(text):
        front = front_in(command, wanted)
        if front is not None:
            return replace(front, folder=front.folder or folder, lost=(*lost, *front.lost))
        activated = ACTIVATE.fullmatch(command[-1])
        if command[0] == "cd" and len(command) == 2:
            place = join(place, command[1])
        elif command[0] in {"source", "."} and activated:
            folder = join(place, activated[1] or ".", "bin/")
        elif command[0] in SET_UP or command[:2] == ["set", "-a"]:
            lost.append(" ".join(command))
    return None


def _place_of(words: Sequence[str], wanted: re.Pattern[str]) -> int | None:
    """Where the program begins: at its interpreter, if that is named."""
    places = [index for index, word in enumerate(words) if wanted.fullmatch(word)]
    # `--with gunicorn` is a value
    named = [i for i in places if not i or not re.match(r"--?\w", words[i - 1])]
    by_module = [i for i in places if i and words[i - 1] in {"-m", "--module"}]
    found = [*named, *by_module] or places
    if not found and wanted is SERVER:
        found = [
            index
            for index, word in enumerate(words)
            if MANAGE.fullmatch(word) and any(map(RUNSERVER.fullmatch, words[index + 1 :]))
        ]
    if not found:
        return None
    place = min(found)
    pythons = [index for index in range(place) if PYTHON.fullmatch(words[index])]
    return pythons[-1] if pythons else place


def _is_watched(words: Sequence[str]) -> bool:
    return any(WATCHERS.fullmatch(word) for word in words)


def _kept(words: Sequence[str]) -> tuple[str, ...]:
    """The words before a program without what only starts it again, and without `exec`."""
    kept = list(words)
    watched = next((i for i, word in enumerate(kept) if WATCHERS.fullmatch(word)), None)
    if watched is not None:
        behind = kept[kept.index("--", watched) + 1 :] if "--" in kept[watched:] else []
        kept = kept[:watched] + behind
    while kept and kept[0] in {"exec", "time", "then", "else", "do", "("}:
        kept.pop(0)
    if kept and re.match(r"\w+=", kept[0]):
        kept.insert(0, "env")
    return tuple(kept)
