"""Two runs in one project at the same time, and an editor that saves a file in the middle of a run."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from unittest.mock import patch

from celeryize import exchange
from celeryize.apply import applied, recover, state_dir
from celeryize.errors import Unproved
from celeryize.model import Edit
from tests.trust.failures import ENTRY, INIT, MAIL, SCENES, TASK
from tests.trust.ground import (
    SEED,
    Tally,
    celeryize,
    fresh,
    made,
    place,
    small_project,
    snapshot,
    state_of,
)

OTHER_TASK = ("add-task", "doctors.leave", "reason:str", "--yes", "--no-verify")
OTHER_ENTRY = (
    "add-schedule",
    "hourly",
    "doctors.tasks.greet",
    "--every",
    "1h",
    "--yes",
    "--no-verify",
)
PAIRS = (
    (INIT, INIT, ()),
    (TASK, OTHER_TASK, (INIT,)),
    (TASK, TASK, (INIT,)),
    (ENTRY, OTHER_ENTRY, (INIT, TASK)),
    (TASK, ENTRY, (INIT,)),
    (MAIL, ("undo", "--yes"), (INIT, TASK)),
)
MINE = b"# saved by the editor\n"


def run(*, rounds: int, most: int | None) -> Tally:
    """`rounds` of each pair of runs; a save before each system call of each command, or before `most` of them."""
    tally = Tally("at once", "runs beside another run, or an editor")
    for first, second, before in PAIRS:
        _pair(tally, first, second, before, rounds)
    for scene in SCENES:
        _saves(tally, scene.command, scene.before, most)
    for save in (_write_in_place, _save_by_rename):
        _saves_while_rolling_back(tally, save, most)
    return tally


def _write_in_place(file: Path, data: bytes) -> None:
    file.write_bytes(data)


def _save_by_rename(file: Path, data: bytes) -> None:
    """As most editors do."""
    new = file.with_name(f"{file.name}.editor")
    new.write_bytes(data)
    new.rename(file)


def _saves_while_rolling_back(
    tally: Tally, save: Callable[[Path, bytes], None], most: int | None
) -> None:
    """A change fails its proof; each of its files is saved before each call of putting back."""
    with place() as folder:
        project = made(folder / "project", small_project())
        (project / "doctors/old.py").write_bytes(b"x = 1\n")
        settings = (project / "config/settings.py").read_bytes()
        edits = (
            Edit(PurePosixPath("config/settings.py"), settings, settings + b"X = 1\n"),
            Edit(PurePosixPath("config/celery.py"), None, b"app = 1\n"),
            Edit(PurePosixPath("doctors/old.py"), b"x = 1\n", None),
        )

        def roll_back(at: int, act: Callable[[], None]) -> list[str]:
            with contextlib.suppress(Unproved), applied(edits, root=project, command="init"):
                log_of = _calls(project, at, act)
                log = log_of.__enter__()
                try:
                    raise Unproved("no")
                finally:
                    leaving.callback(log_of.__exit__, None, None, None)
            return log

        with contextlib.ExitStack() as leaving:
            count = len(roll_back(0, lambda: None))
        cases = [(edit.path, at) for edit in edits for at in range(1, count + 1)]
        for path, at in random.Random(SEED).sample(cases, most) if most else cases:
            (project / "doctors/old.py").write_bytes(b"x = 1\n")
            (project / "config/settings.py").write_bytes(settings)
            (project / "config/celery.py").unlink(missing_ok=True)
            with contextlib.ExitStack() as leaving:
                roll_back(at, lambda path=path: save(project / path, MINE))
            recover(project)
            tally.tried += 1
            case = f"rolling back: {path} is saved by {save.__name__} before call {at}"
            found = (project / path).read_bytes() if (project / path).exists() else b""
            tally.lose(f"{case}: the save is lost", unless=found == MINE)
            left = [p.name for p in project.rglob(".celeryize-*")]
            tally.lose(f"{case}: {left} is left", unless=not left)


def _pair(
    tally: Tally,
    first: tuple[str, ...],
    second: tuple[str, ...],
    before: tuple[tuple[str, ...], ...],
    rounds: int,
) -> None:
    """Both at once: the tree is what one of them makes alone, or what both make one after the other."""
    with place() as folder:
        project = made(folder / "project", small_project(), *before)
        fresh(project, state_of(folder))
        ends = [snapshot(project)]
        for order in ((first,), (second,), (first, second), (second, first)):
            fresh(project, state_of(folder))
            for command in order:
                celeryize(project, *command)
            ends.append(snapshot(project))
        for number in range(rounds):
            fresh(project, state_of(folder))
            tally.tried += 2
            ran = [_started(project, command) for command in (first, second)]
            codes = [process.wait() for process in ran]
            case = f"{first[:2]} beside {second[:2]}, round {number}: exits {codes}"
            tally.refused += codes.count(3)
            said = [process.stderr.read() for process in ran if process.stderr]
            tally.lose(f"{case}: {said}", unless=set(codes) <= {0, 3} and 0 in codes)
            tally.lose(f"{case}: a tree that neither makes", unless=snapshot(project) in ends)
            tally.lose(
                f"{case}: a journal is left",
                unless=not (state_dir(project) / "journal.json").exists(),
            )


def _started(project: Path, command: tuple[str, ...]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "celeryize", *command],
        cwd=project,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def _saves(
    tally: Tally, command: tuple[str, ...], before: tuple[tuple[str, ...], ...], most: int | None
) -> None:
    """Each file that the command writes is saved by somebody else before each call that reads or writes."""
    with place() as folder:
        project = made(folder / "project", small_project(), *before)
        fresh(project, state_of(folder))
        old = snapshot(project)
        with _calls(project, 0, lambda: None) as log:
            celeryize(project, *command)
        written = [
            path
            for path, now in snapshot(project).items()
            if old.get(path) != now and now[0] == "file"
        ]
        gone = [path for path in old if path not in snapshot(project) and old[path][0] == "file"]
        cases = [(path, at) for path in (*written, *gone) for at in range(1, len(log) + 1)]
        for path, at in random.Random(SEED).sample(cases, min(most, len(cases))) if most else cases:
            fresh(project, state_of(folder))
            saved: list[bytes] = []

            def save(path: str = path, saved: list[bytes] = saved) -> None:
                file = project / path
                if file.parent.is_dir():
                    saved.append((file.read_bytes() if file.exists() else b"") + MINE)
                    file.write_bytes(saved[0])

            with _calls(project, at, save):
                ran = celeryize(project, *command)
            tally.tried += 1
            tally.refused += ran.code == 3
            case = f"{' '.join(command[:2])}: {path} is saved before call {at}"
            tally.lose(f"{case}: exit {ran.code}: {ran.said[-800:]}", unless=ran.code in (0, 3))
            there = (project / path).read_bytes() if (project / path).exists() else b""
            tally.lose(
                f"{case}: the save is lost (exit {ran.code})", unless=not saved or MINE in there
            )


@contextmanager
def _calls(project: Path, at: int, act: object) -> Iterator[list[str]]:
    """Count the calls of `os` that open, stat or change a file; before number `at`, `act`."""
    log: list[str] = []
    busy = False

    def counting(name: str, real: object) -> object:
        def call(*args: object, **kwargs: object) -> object:
            nonlocal busy
            if not busy:
                log.append(name)
                if len(log) == at:
                    busy = True
                    act()  # type: ignore[operator]
                    busy = False
            return real(*args, **kwargs)  # type: ignore[operator]

        return call

    with (
        patch.object(os, "open", counting("open", os.open)),
        patch.object(os, "replace", counting("replace", os.replace)),
        patch.object(os, "unlink", counting("unlink", os.unlink)),
        patch.object(os, "write", counting("write", os.write)),
        patch.object(os, "access", counting("access", os.access)),
        patch.object(os, "link", counting("link", os.link)),
        patch.object(exchange, "exchange_names", counting("exchange", exchange.exchange_names)),
    ):
        yield log
