"""A `celery` command line: its subcommand, and the values of its options."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from celeryize.model import Where

SUBCOMMANDS = frozenset(
    {
        "worker",
        "beat",
        "flower",
        "events",
        "inspect",
        "control",
        "multi",
        "status",
        "purge",
        "call",
    }
)
# `celery -A config worker`, also with the path of an environment in front of it.
SHELL_FORM = re.compile(r"(?<![\w./-])(?:\S*/)?celery\s+(?=-|worker\b|beat\b)(.*)")
# `["celery", "-A", "config", "worker"]`, the exec form of a compose file.
EXEC_FORM = re.compile(r"""["']celery["']\s*,(.*)""")


@dataclass(frozen=True, slots=True)
class CeleryCommand:
    """A `celery` command line of a Procfile, a compose file or a service unit.

    `listed`: it is written as a list, `["celery", "-A", "config"]`, whose items nothing splits.
    """

    words: tuple[str, ...]
    where: Where
    text: str
    listed: bool = False

    @property
    def subcommand(self) -> str | None:
        """worker, beat, ..."""
        return next((word for word in self.words if word in SUBCOMMANDS), None)

    def as_written(self, *words: str) -> str:
        """Words for this command line in the form that it has: as items, where it is a list."""
        return as_written(words, listed=self.listed)

    def option(self, *names: str) -> str | None:
        """The value of an option, in any of its spellings."""
        for index, word in enumerate(self.words):
            # `-A config`, `--app=config` and `-Aconfig` are the same
            following = self.words[index + 1 : index + 2]
            for name in names:
                if word == name and following:
                    return following[0]
                value = _attached_value(word, name)
                if value is not None:
                    return value
        return None


def as_written(words: Sequence[str], *, listed: bool) -> str:
    """Words of a command line, as they are written in a list, or in a text."""
    if not listed:
        return " ".join(words)
    items = ", ".join(json.dumps(word, ensure_ascii=False) for word in words)
    return f"{items} (an item each)" if len(words) > 1 else items


def _attached_value(word: str, name: str) -> str | None:
    """The value in `--queues=slow` or `-Qslow`."""
    if name.startswith("--"):
        if word.startswith(f"{name}="):
            return word.partition("=")[2]
        return None
    if word.startswith(name) and len(word) > len(name):
        return word[len(name) :].removeprefix("=")
    return None


def command_words(line: str) -> tuple[str, ...] | None:
    """The words after `celery` in a line of a deployment file; None where it runs something
    else."""
    if line.lstrip().startswith("#"):
        return None
    match = SHELL_FORM.search(line) or EXEC_FORM.search(line)
    if match is None:
        return None
    words = match[1].replace('", "', " ").replace('","', " ").strip(" []\"',")
    # what follows in the same line is another command
    words = re.split(r"&&|\|\||;", words)[0]
    try:
        return tuple(shlex.split(words))
    except ValueError:
        return None


def celery_words(words: Sequence[str]) -> tuple[str, ...] | None:
    """The words after `celery` in the words of a command; None where it runs something else."""
    for index, word in enumerate(words):
        if word.rpartition("/")[2] == "celery" and index + 1 < len(words):
            rest = tuple(words[index + 1 :])
            # what follows in the same line is another command
            end = next((i for i, w in enumerate(rest) if w in {"&&", "||", ";", "|", "&"}), None)
            rest = rest[:end] or ("",)
            if rest[0].startswith("-") or rest[0] in SUBCOMMANDS:
                return rest
    return None


def shell_commands(text: str) -> list[list[str]]:
    """The simple commands of a shell's text, as words; none where a quote is not closed."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars="&|;\n")
    lexer.whitespace = " \t\r"
    lexer.whitespace_split = True
    commands: list[list[str]] = [[]]
    try:
        for word in lexer:
            if word.strip("&|;\n"):
                commands[-1].append(word)
            else:
                commands.append([])
    except ValueError:
        return []
    return [command for command in commands if command]


def shell_words(text: str) -> tuple[str, ...] | None:
    """The words after the last `celery` of a shell's text."""
    found = [words for words in map(celery_words, shell_commands(text)) if words]
    if found:
        return found[-1]
    return None
