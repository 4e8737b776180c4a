"""What all attacks share: the command line in this process, projects to attack, and the count of what was lost."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

from celeryize.cli.main import run
from tests.conftest import Tree, make_tree, small_project, snapshot

SEED = 20261124

__all__ = [
    "SEED",
    "Ran",
    "Tally",
    "celeryize",
    "fresh",
    "made",
    "place",
    "small_project",
    "snapshot",
    "state_of",
]


@dataclass
class Tally:
    """One line of the table: what was tried, how often it was refused in words, and what was lost."""

    part: str
    what: str
    tried: int = 0
    refused: int = 0
    losses: list[str] = field(default_factory=list)

    def lose(self, case: str, *, unless: bool) -> None:
        """Note a loss, unless all is well."""
        if not unless:
            self.losses.append(case)


@dataclass(frozen=True)
class Ran:
    """How a run of the command line ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """Both streams."""
        return self.out + self.err

    @property
    def document(self) -> dict[str, object]:
        """The answer of --json; empty where there is none."""
        try:
            return dict(json.loads(self.out))
        except ValueError:
            return {}


def celeryize(folder: Path, *arguments: str) -> Ran:
    """Run the command line on a project in this process, as without a terminal."""
    # Python's own stderr writes what it cannot encode with backslashes.
    out, err = (
        io.TextIOWrapper(io.BytesIO(), "utf-8"),
        io.TextIOWrapper(io.BytesIO(), "utf-8", "backslashreplace"),
    )
    with (
        patch.object(sys, "argv", ["celeryize", arguments[0], "-C", str(folder), *arguments[1:]]),
        patch.object(sys, "stdin", io.StringIO()),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        code = run()
        return Ran(code, *(stream.detach().getvalue().decode() for stream in _flushed(out, err)))


def _flushed(*streams: io.TextIOWrapper) -> tuple[io.TextIOWrapper, ...]:
    for stream in streams:
        stream.flush()
    return streams


@contextlib.contextmanager
def place() -> Iterator[Path]:
    """A temporary folder; what celeryize remembers is in it too, and no disk is waited for."""
    with tempfile.TemporaryDirectory(prefix="trust-", dir=_memory()) as folder:
        root = Path(folder).resolve()
        with (
            patch.dict(os.environ, {"XDG_STATE_HOME": str(root / "state")}),
            patch.object(os, "fsync", lambda descriptor: None),
            patch.object(sys, "dont_write_bytecode", True),
        ):
            yield root


def _memory() -> str | None:
    """A file system in memory, where there is one: only the order of the calls matters here."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def made(root: Path, tree: Tree, *commands: tuple[str, ...], git: bool = False) -> Path:
    """A project in which some commands have run."""
    make_tree(root, tree)
    if git:
        make_tree(root, {".git/HEAD": "ref: refs/heads/main\n"})
    for command in commands:
        ran = celeryize(root, *command)
        assert ran.code == 0, ran.said
    return root


def fresh(project: Path, state: Path | None = None) -> None:
    """Put back `project` (and what is remembered of it) from the copy beside it, which the first call makes."""
    for folder in filter(None, (project, state)):
        copy = folder.with_name(f"{folder.name}.as-it-was")
        if not copy.exists():
            shutil.copytree(folder, copy, symlinks=True) if folder.exists() else copy.mkdir()
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(copy, folder, symlinks=True)


def state_of(root: Path) -> Path:
    """Where all that is remembered of projects without git lies."""
    return root / "state"
