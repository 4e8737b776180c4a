"""Command lines of Celery 3 that are written as lists, as Celery 5 takes them.

command: ["celery", "worker", "-A", "blog"]    ->    command: ["celery", "-A", "blog", "worker"]

- celery        - celery
- worker        - -A
- -A       ->   - blog
- blog          - worker
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from celeryize.patch.old_commands import RENAMED, SUBCOMMANDS

_INLINE = re.compile(r"\[(?P<items>[^\[\]\n#]*\bcelery[^\[\]\n#]*)\]")
_TOKEN = re.compile(r"""\s*("[^"\\]*"|'[^']*'|[^\s,"'\[\]{}]+)\s*(?:,|$)""")
# A whole entry of a list in YAML; one with an anchor, a comment or a key of its own is another.
_ENTRY = re.compile(r"""^(\s*-\s+)("[^"\\]*"|'[^']*'|[^\s:#&*!|>{}\[\]"'][^\s:#]*)(\s*)$""")
_HEAD = re.compile(r"^\s*-?\s*[\"']?(?:command|args|entrypoint|CMD)[\"']?\s*:\s*$")


@dataclass(frozen=True, slots=True)
class _Word:
    """A word of a command, and how the file spells it."""

    text: str
    raw: str


def modern_lists(text: str, app: str) -> str:
    """A file with its list commands as Celery 5 takes them. `app` is what one without -A starts."""
    lines = text.split("\n")
    lines = [_modern_inline(line, app) for line in lines]
    return "\n".join(_modern_blocks(lines, app))


def _modern_inline(line: str, app: str) -> str:
    if line.lstrip().startswith(("#", "//")):
        return line

    def rewritten(found: re.Match[str]) -> str:
        words = _words_of(found["items"])
        if words is None:
            return found[0]
        new = _modern_words(words, app)
        if new is None:
            return found[0]
        blank = " " if re.search(r",\s", found["items"]) else ""
        inner = f",{blank}".join(word.raw for word in new)
        lead = " " if found["items"].startswith(" ") else ""
        end = " " if found["items"].endswith(" ") else ""
        if found["items"].rstrip().endswith(","):
            end = f",{end}"
        return f"[{lead}{inner}{end}]"

    return _INLINE.sub(rewritten, line)


def _words_of(items: str) -> list[_Word] | None:
    """The words of a list on one line; None where one of them is something else than a word."""
    words: list[_Word] = []
    position = 0
    while position < len(items) and items[position:].strip():
        found = _TOKEN.match(items, position)
        if found is None:
            return None
        words.append(_Word(found[1].strip("\"'"), found[1]))
        position = found.end()
    return words


def _modern_blocks(lines: list[str], app: str) -> list[str]:
    """Lists with an entry on each line, below `command:` or its like."""
    made: list[str] = []
    number = 0
    while number < len(lines):
        made.append(lines[number])
        number += 1
        if not _HEAD.match(lines[number - 1].rstrip("\r")):
            continue
        entries: list[re.Match[str]] = []
        while number + len(entries) < len(lines):
            found = _ENTRY.match(lines[number + len(entries)])
            if found is None or (entries and found[1] != entries[0][1]):
                break
            entries.append(found)
        new = None
        # an entry behind a comment belongs to the list, too: it is left to a person
        if entries and not _goes_on(lines[number + len(entries) :], entries[0][1]):
            new = _modern_words([_Word(e[2].strip("\"'"), e[2]) for e in entries], app)
        if new is not None:
            made += [f"{entries[0][1]}{word.raw}{entries[0][3]}" for word in new]
            number += len(entries)
    return made


def _goes_on(lines: list[str], lead: str) -> bool:
    """Whether another entry of a list that begins with `lead` is the next thing in a file."""
    for line in lines:
        text = line.strip()
        if text and not text.startswith("#"):
            margin = lead[: len(lead) - len(lead.lstrip())]
            return line.startswith(f"{margin}-")
    return False


def _modern_words(words: list[_Word], app: str) -> list[_Word] | None:
    """The words of a command as Celery 5 takes them; None where they are right, or no command."""
    how = _words_of_manage(words)
    if how is None or how >= len(words):
        return None
    folder, slash, program = words[how].text.rpartition("/")
    rest = words[how + 1 :]
    # the quotes of the list are those of its program
    quote = words[how].raw[:1] if words[how].raw[:1] in "\"'" else ""
    subcommand = None
    if program in SUBCOMMANDS:
        subcommand = _spelled(SUBCOMMANDS[program], quote)
    elif program == "celery":
        place = _place_of_subcommand(rest)
        if place is None or not (how or _is_old(rest, place)):
            return None
        subcommand = rest[place]
        rest = [*rest[:place], *rest[place + 1 :]]
    if subcommand is None:
        return None
    named, options = _without_app(rest)
    # which of two apps is meant, a person has to say
    if _without_app(options)[0]:
        return None
    kept = [_renamed(word, quote) for word in options]
    return [
        _spelled(f"{folder}{slash}celery", quote),
        *(named or [_spelled("-A", quote), _spelled(app, quote)]),
        subcommand,
        *(word for word in kept if word.text),
    ]


def _words_of_manage(words: list[_Word]) -> int | None:
    """How many words lead to a program by manage.py; None for another program of Python."""
    texts = [word.text for word in words]
    how = 0
    if texts[:1] and re.fullmatch(r"python[\d.]*", texts[0]):
        how = 1
    if texts[how : how + 1] in (["manage.py"], ["./manage.py"]):
        return how + 1
    return None if how else 0


def _place_of_subcommand(rest: list[_Word]) -> int | None:
    """Where worker, beat or events is, unless the command is another one, such as `inspect`."""
    if rest and not rest[0].text.startswith("-") and rest[0].text not in SUBCOMMANDS.values():
        return None
    return next((i for i, word in enumerate(rest) if word.text in SUBCOMMANDS.values()), None)


def _is_old(rest: list[_Word], place: int) -> bool:
    """Whether -A is behind the subcommand, or an option has the name of then."""
    late = any(word.text.startswith(("-A", "--app")) for word in rest[place + 1 :])
    return late or any(old.search(f" {word.text}") for word in rest for old, _ in RENAMED)


def _spelled(text: str, quote: str) -> _Word:
    return _Word(text, f"{quote}{text}{quote}")


def _without_app(words: list[_Word]) -> tuple[list[_Word], list[_Word]]:
    """What names the app, and the other words."""
    for place, word in enumerate(words):
        if word.text in {"-A", "--app"} and place + 1 < len(words):
            return words[place : place + 2], [*words[:place], *words[place + 2 :]]
        if word.text.startswith("--app=") or re.fullmatch(r"-A[\w.:]+", word.text):
            return [word], [*words[:place], *words[place + 1 :]]
    return [], words


def _renamed(word: _Word, quote: str) -> _Word:
    text = f" {word.text}"
    for old, new in RENAMED:
        text = old.sub(new, text)
    if text == f" {word.text}":
        return word
    return _spelled(text.strip(), quote)
