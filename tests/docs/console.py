"""The `console` blocks of a page, run one after the other on a project of their own.

    <!-- console: not run: installs from an index -->      before a block: why it is only read
    <!-- console: exit 1 -->                               before a block: how its last command ends
    <!-- console: until Ctrl-C -->                         before a block: each runs, and is interrupted
    <!-- console: needs redis-server -->                   before a block: read where there is none
    <!-- console: in celery with old names -->             before a block: on a project of its own
    <!-- project: celery, dry run -->                      in a page: which project; see scratch.py

A line that begins with `$ ` is a command, a line `> ` continues it. What follows is its output,
which is compared where there is some; `...` stands for any number of lines.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from tests.docs.scratch import (
    clinic,
    clinic_with_celery,
    environment,
    set_up,
    with_deployment_files,
    with_old_names,
    with_stored_schedule,
    with_template,
)
from tests.services import free_port

BLOCK = re.compile(
    r"(?:^<!-- console: (?P<marker>.+?) -->\n)?^```console\n(?P<body>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
PROJECT = re.compile(r"^<!-- project: (.+?) -->$", re.MULTILINE)
PROJECTS: dict[str, Callable[[Path], Path]] = {
    "clinic": clinic,
    "celery": clinic_with_celery,
    "celery without tasks": lambda folder: clinic_with_celery(folder, 0),
    "celery without nightly": lambda folder: clinic_with_celery(folder, 3),
    "celery made here": lambda folder: set_up(folder, 0),
    "celery with a template": with_template,
    "celery with deployment files": with_deployment_files,
    "celery with a stored schedule": with_stored_schedule,
    "celery with old names": with_old_names,
}
# Seconds for one command; a live proof takes ten.
LONG = 240
# Seconds that one runs which does not end by itself, and what `timeout` then exits with.
RUNNING, INTERRUPTED = 6, 124


@dataclass(frozen=True)
class Command:
    """A line that is typed, and what it shows; `skipped` is why it is not run.

    `endless`: it runs until Ctrl-C. `needs`: a program that it has to find on PATH. `project`: the
    kind it runs on, where that is not the one of its page.
    """

    line: str
    output: tuple[str, ...] = ()
    code: int = 0
    skipped: str = ""
    endless: bool = False
    needs: str = ""
    project: str = ""

    @property
    def is_run(self) -> bool:
        """Whether it is run on this machine."""
        return not self.skipped and not (self.needs and shutil.which(self.needs) is None)

    def __str__(self) -> str:
        return self.line


@dataclass(frozen=True)
class Ran:
    """What a command did: its output without what differs from run to run."""

    code: int
    output: tuple[str, ...]


def commands_of(text: str) -> list[Command]:
    """All commands of a page, in order."""
    return [command for block in BLOCK.finditer(text) for command in _commands(block)]


def _commands(block: re.Match[str]) -> list[Command]:
    found: list[Command] = []
    marker = block["marker"] or ""
    needs = re.search(r"needs ([\w-]+)$", marker)
    own = re.search(r"(?:^|; )in (.+)$", marker)
    for line in block["body"].splitlines():
        if line.startswith("$ "):
            found.append(
                Command(
                    line[2:],
                    skipped=marker.partition("not run: ")[2],
                    endless=marker.startswith("until Ctrl-C"),
                    needs=needs[1] if needs and "not run" not in marker else "",
                    project=own[1] if own and "not run" not in marker else "",
                )
            )
        elif line.startswith("> "):
            found[-1] = replace(found[-1], line=f"{found[-1].line}\n{line[2:]}")
        else:
            found[-1] = replace(found[-1], output=(*found[-1].output, line))
    code = re.fullmatch(r"exit (\d+)", marker)
    if code and found:
        found[-1] = replace(found[-1], code=int(code[1]))
    return found


class Session:
    """A project, and the folder in which the next command of a page runs."""

    def __init__(self, page: str) -> None:
        kind = PROJECT.search(page)
        self.kind = kind[1] if kind else "clinic"
        # a short name: a long one moves the columns of what is shown
        self._temporary = tempfile.TemporaryDirectory(prefix="cz-", dir="/tmp")
        self.above = Path(self._temporary.name)
        self.root = self.above / "clinic"
        PROJECTS[self.kind.partition(",")[0]](self.root)
        self.folder = self.root
        self.env = environment(self.above / "state") | {"HOME": str(self.above)}
        # other pages run a web server at the same time
        self.env["CELERYIZE_PORT"] = str(free_port())
        # the confirmation of each writer; a person presses y
        if "read only" not in self.kind:
            self.env["CELERYIZE_YES"] = "1"
        if "dry run" in self.kind:
            self.env |= {"CELERYIZE_DRY_RUN": "1", "CELERYIZE_NO_VERIFY": "1"}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._temporary.cleanup()

    def run(self, command: Command) -> Ran:
        """Run a command as a shell does, where the last one has left off."""
        if command.project:
            with Session(f"<!-- project: {command.project} -->") as other:
                return other.run(replace(command, project=""))
        here = self.above / "pwd"
        line = command.line
        if command.endless:
            line = f"timeout --signal=INT --kill-after=20 {RUNNING} bash -c {shlex.quote(line)}"
        script = f"{{ {line}\n}}\ncode=$?\npwd > '{here}'\nexit $code\n"
        ran = subprocess.run(
            ["bash", "-o", "pipefail", "-c", script],
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LONG,
        )
        if here.exists():
            self.folder = Path(here.read_text().strip())
        if "," in self.kind:
            self._clean()
        code = ran.returncode
        if command.endless:
            # it ran until it was interrupted; what ends by itself has failed
            code = 0 if code == INTERRUPTED else code or 1
        return Ran(code, self._tidy(ran.stdout))

    def _clean(self) -> None:
        """The project as it was: some lines write a picture, or apply a patch."""
        for words in (["checkout", "-q", "."], ["clean", "-fdq"]):
            subprocess.run(["git", *words], cwd=self.root, check=True)

    def _tidy(self, text: str) -> tuple[str, ...]:
        text = named_home(text, self.root)
        lines = [line.rstrip() for line in text.strip("\n").splitlines()]
        return tuple(lines)


def named_home(text: str, folder: Path) -> str:
    """A text with `~/clinic` for a folder; the next column stays where it is."""
    name = re.escape(str(folder))
    text = re.sub(rf"{name}(\S*  +)", lambda m: f"{'~/clinic' + m[1].rstrip():<{len(m[0])}}", text)
    return text.replace(str(folder), "~/clinic")


def steady(line: str) -> str:
    """A line without versions, seconds and moments, which differ from run to run."""
    line = re.sub(r"\b[A-Z][a-z]{2} \d{4}-\d\d-\d\d \d\d:\d\d [+-]\d\d:\d\d", "MOMENT", line)
    line = re.sub(r"\b\d+(\.\d+)+(?=s?\b)", "N", line)
    # a column is as wide as the folder's name
    line = re.sub(r" {2,}", "  ", line)
    return re.sub(r"\b(N|\d+) (s|seconds|checks)\b", r"N \2", line)


def without_redis(lines: Sequence[str]) -> list[str]:
    """The lines without the step that starts Redis: whether it is there depends on the machine."""
    kept = [line for line in lines if not line.strip().startswith("Start Redis")]
    return [line for line in kept if line.strip() != "redis-server"]


def matches(expected: Sequence[str], shown: Sequence[str]) -> bool:
    """Whether an output is what the page shows; `...` there is any number of lines."""
    wanted = tuple(steady(line).rstrip() for line in without_redis(expected))
    pieces = [re.escape(line) + "\n" if line != "..." else "(?:.*\n)*?" for line in wanted]
    text = "".join(f"{steady(line)}\n" for line in without_redis(shown))
    return re.fullmatch("".join(pieces), text) is not None


def with_outputs(text: str, ran: dict[int, Ran]) -> str:
    """A page with what its commands show now, where it shows something without `...`."""
    number = -1

    def block(found: re.Match[str]) -> str:
        nonlocal number
        lines = []
        for command in _commands(found):
            number += 1
            lines += ["$ " + command.line.replace("\n", "\n> ")]
            output = command.output
            if output and number in ran and "..." not in output:
                output = ran[number].output
            lines += output
        marker = f"<!-- console: {found['marker']} -->\n" if found["marker"] else ""
        return f"{marker}```console\n" + "\n".join(lines) + "\n```"

    return BLOCK.sub(block, text)
