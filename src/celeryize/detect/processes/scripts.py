"""Shell scripts that start Celery, and the processes whose command they are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from celeryize.detect.command import CeleryCommand, shell_words
from celeryize.detect.processes.branches import branch_lines
from celeryize.detect.processes.process import Process, Script, unwrapped
from celeryize.model import Where
from celeryize.reading import read_text

SHEBANG = re.compile(r"#!\s*\S*?(?:/env\s+(?:-\S+\s+)?)?(?:/|\b)(?:ba|da|a|z|k)?sh\b")
COPY = re.compile(r"^\s*(?:COPY|ADD)\s+(?:--\S+\s+)*(.+?)\s+(\S+)\s*$", re.M)
# What an image starts by itself, over as many lines as it has.
STARTS = re.compile(r"^\s*(?:CMD|ENTRYPOINT)\s+(.*(?:\\\n.*)*)$", re.M | re.I)
ENTRYPOINT = re.compile(r"^\s*ENTRYPOINT\s+(.*)$", re.M | re.I)
# Words before `celery` in a line that starts it: exec, a runner, assignments.
RUNNERS = re.compile(
    r"^(?:exec\s+|(?:poetry|pipenv|uv|pdm|hatch)\s+run\s+"
    r"|gosu\s+\S+\s+|su-exec\s+\S+\s+|\w+=\S*\s+)*"
    r"(?:\S*/)?celery\s"
)
LAST = re.compile(r"(?:^|;|&&|\bthen\b|\belse\b|\bdo\b)\s*exec\s[^;&|]*\bcelery\s")


def is_script(path: Path, head: str) -> bool:
    """Whether a file is a shell script."""
    return path.suffix in {".sh", ".bash"} or bool(SHEBANG.match(head))


def read_scripts(root: Path, paths: Iterable[Path]) -> Iterator[Script]:
    """The lines of shell scripts that start a worker or Beat."""
    for path in paths:
        try:
            text = read_text(path)
        except OSError:
            continue
        if "celery" not in text or not is_script(path, text[:200]):
            continue
        relative = PurePosixPath(path.relative_to(root).as_posix())
        yield from _commands_of(relative, text)


def _commands_of(path: PurePosixPath, text: str) -> Iterator[Script]:
    for line in branch_lines(text):
        if not RUNNERS.match(line.text):
            continue
        words = shell_words(line.text)
        if words is None:
            continue
        command = CeleryCommand(words, Where(path, line.number), line.text)
        if command.subcommand in {"worker", "beat"}:
            waits = "trap " not in text and not line.text.endswith("&")
            yield Script(path, command, bool(LAST.search(line.text)), waits, line.guards)


def reached_text(text: str, arguments: Sequence[str] | None, environment: Mapping[str, str]) -> str:
    """The commands of a script that may run with these arguments; None: they are not known."""
    lines = branch_lines(text)
    if arguments is None:
        return "\n".join(line.text for line in lines)
    return "\n".join(
        line.text
        for line in lines
        if all(guard.lets_in(arguments, environment) for guard in line.guards)
    )


def link_script(process: Process, scripts: Iterable[Script], copies: dict[str, str]) -> Process:
    """The process with the script of the project that is its command, where it is one."""
    words = unwrapped(process.words)
    environment = {name: item.text for name, item in process.environment.items()}
    for index, word in enumerate(words[:3]):
        if "/" not in word and not word.endswith(".sh"):
            continue
        # what a Dockerfile copies to this place, else the same end of the path
        source = copies.get(word, word)
        tail = PurePosixPath(source.removeprefix("./")).parts
        tail = tuple(part for part in tail if part != "/")
        own = [
            script
            for script in scripts
            if _ends_alike(script.path.parts, tail, exact=word in copies)
            and all(guard.lets_in(words[index + 1 :], environment) for guard in script.guards)
        ]
        if len(own) == 1:
            return process.with_script(own[0])
    return process


def entry_words(text: str) -> tuple[str, ...]:
    """The ENTRYPOINT of a Dockerfile as words; empty where it has none."""
    found = ENTRYPOINT.findall(text)
    if not found:
        return ()
    last = found[-1].strip()
    if last.startswith("["):
        return tuple(re.findall(r"\"([^\"]*)\"", last))
    # in the shell form it is given no arguments
    return ()


def _ends_alike(path: tuple[str, ...], tail: tuple[str, ...], *, exact: bool) -> bool:
    if exact:
        return path[-len(tail) :] == tail
    return path == tail[-len(path) :] or path[-len(tail) :] == tail


def copied_files(text: str) -> dict[str, str]:
    """What a Dockerfile copies to an absolute place: the source by the place."""
    found: dict[str, str] = {}
    for source, place in COPY.findall(text):
        if place.startswith("/") and " " not in source:
            target = place
            if place.endswith("/"):
                target = place + source.rpartition("/")[2]
            found[target] = source
    return found
