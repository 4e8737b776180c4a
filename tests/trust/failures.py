"""Every call that changes the disk, of every writing command, fails once in every way."""

from __future__ import annotations

import errno
import os
import random
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from celeryize.apply import recover, state_dir
from tests.trust.ground import (
    SEED,
    Ran,
    Tally,
    celeryize,
    fresh,
    made,
    place,
    small_project,
    snapshot,
    state_of,
)

INIT = ("init", "--yes", "--no-verify", "--beat")
TASK = ("add-task", "doctors.greet", "name:str", "--yes", "--no-verify")
ENTRY = (
    "add-schedule",
    "nightly",
    "doctors.tasks.greet",
    "--cron",
    "0 3 * * *",
    "--yes",
    "--no-verify",
)
PRODUCTION = ("init", "--profile", "production", "--yes", "--no-verify")
UNDO = ("undo", "--yes")
MAIL = ("add-task", "doctors.welcome", "--kind", "email", "--model", "doctors.Doctor", "--test")
MAIL = (*MAIL, "--trigger", "post_save:doctors.Doctor", "--yes", "--no-verify")
CALLS = ("rename", "remove", "mkdir", "rmdir", "chmod", "chown", "truncate", "link", "symlink")
AUDITED = frozenset(f"os.{call}" for call in CALLS)
WRITING = os.O_WRONLY | os.O_RDWR
ERRORS = (errno.ENOSPC, errno.EACCES, errno.EIO, errno.EROFS)


@dataclass(frozen=True)
class Scene:
    """A command, what ran before it, and where its journal is kept.

    `old`: what ran before it was an older celeryize, so that there is something to bring up to date.
    """

    command: tuple[str, ...]
    before: tuple[tuple[str, ...], ...] = ()
    git: bool = True
    old: bool = False

    @property
    def name(self) -> str:
        """For the message."""
        return " ".join(self.command[:2]) + ("" if self.git else " (no git)")


SCENES = (
    Scene(TASK, (INIT,)),
    Scene(MAIL, (INIT, TASK)),
    Scene(ENTRY, (INIT, TASK), git=False),
    Scene((*ENTRY, "--create"), (INIT,)),
    Scene(("remove-schedule", "nightly", "--yes", "--no-verify"), (INIT, TASK, ENTRY)),
    Scene(("remove-task", "doctors.greet", "--yes", "--no-verify"), (INIT, TASK)),
    Scene(("templates", "--copy", "task/plain", "--yes"), (INIT,), git=False),
    Scene(UNDO, (INIT,)),
    Scene(UNDO, (INIT, MAIL), git=False),
    Scene(INIT),
    Scene((*INIT, "--broker", "filesystem"), git=False),
    Scene(("update", "--yes", "--no-verify"), (PRODUCTION,), git=False, old=True),
    Scene(("init", "--broker", "rabbitmq", "--yes", "--no-verify"), (INIT, TASK)),
    Scene(("add-worker", "--to", "compose", "--yes", "--no-verify"), (INIT,)),
    Scene(UNDO, (INIT, ("add-worker", "--to", "compose", "--yes", "--no-verify")), git=False),
)


class Disk:
    """Counts the calls that change the disk, whoever makes them, and lets `fate` come over one of them."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.at = 0
        self.fate: Callable[[], None] = lambda: None
        self.watching = False
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.watching and (
            event in AUDITED or (event == "open" and int(str(arguments[2])) & WRITING)
        ):
            self._step(f"{event} {arguments[0]}")

    def _step(self, name: str) -> None:
        self.log.append(name)
        if len(self.log) == self.at:
            self.fate()

    @contextmanager
    def watched(self, at: int, fate: Callable[[], None]) -> Iterator[list[str]]:
        """The calls of the block; the one with the number `at`, from 1, has the fate."""
        write, fsync = os.write, os.fsync

        def half(descriptor: int, data: bytes) -> int:
            if len(self.log) + 1 == self.at:
                write(descriptor, bytes(data)[: len(data) // 2])
            self._step("write")
            return write(descriptor, data)

        def synced(descriptor: int) -> None:
            self._step("fsync")
            fsync(descriptor)

        self.log, self.at, self.fate = [], at, fate
        with patch.object(os, "write", half), patch.object(os, "fsync", synced):
            self.watching = True
            try:
                yield self.log
            finally:
                self.watching = False


DISK = Disk()


def _make_old(project: Path) -> None:
    """What celeryize 0.1.0 would have written: another soft shutdown, as the answers recorded it."""
    changes = {
        "config/settings.py": "_SHUTDOWN_TIMEOUT = ",
        ".celeryize.yml": '_SHUTDOWN_TIMEOUT: "',
    }
    for name, text in changes.items():
        file = project / name
        before = file.read_text()
        assert f"{text}20" in before, name
        file.write_text(before.replace(f"{text}20", f"{text}30"))


def refusal(number: int) -> Callable[[], None]:
    """The system says no."""

    def fate() -> None:
        raise OSError(number, os.strerror(number))

    return fate


def interrupt() -> None:
    """Ctrl-C."""
    raise KeyboardInterrupt


def kill() -> None:
    """No chance to clean up."""
    os.kill(os.getpid(), signal.SIGKILL)


FATES = {
    **{errno.errorcode[number]: refusal(number) for number in ERRORS},
    "Ctrl-C": interrupt,
    "SIGKILL": kill,
}


def run(*, most: int | None) -> Tally:
    """All fates at all calls of all scenes; with `most`, at so many of the (call, fate) pairs of each scene."""
    tally = Tally("failures", "failures injected")
    chosen = random.Random(SEED)
    for scene in SCENES:
        with place() as folder:
            project, state = folder / "project", state_of(folder)
            made(project, small_project(), *scene.before, git=scene.git)
            if scene.old:
                _make_old(project)
            fresh(project, state)
            old = snapshot(project)
            with DISK.watched(0, kill) as log:
                ran = celeryize(project, *scene.command)
            assert ran.code == 0, ran.said
            new = snapshot(project)
            cases = [(at, name) for at in range(1, len(log) + 1) for name in FATES]
            for at, name in chosen.sample(cases, most) if most else cases:
                fresh(project, state)
                case = f"{scene.name}: {name} at call {at}, {log[at - 1]}"
                tally.tried += 1
                for wrong in _attack(project, scene, at, name, old, new):
                    tally.losses.append(f"{case}: {wrong}")
    return tally


def _attack(
    project: Path, scene: Scene, at: int, name: str, old: object, new: object
) -> Iterator[str]:
    """What is wrong after the failure, and after the next start."""
    if name == "SIGKILL":
        child = os.fork()
        if child == 0:
            with DISK.watched(at, kill):
                celeryize(project, *scene.command)
            os._exit(0)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if status not in (0, -signal.SIGKILL):
            yield f"the child ended with {status}"
    else:
        with DISK.watched(at, FATES[name]):
            ran = celeryize(project, *scene.command)
        yield from _wrong_words(ran, name)
        if snapshot(project) != (new if ran.code == 0 or "is done" in ran.said else old):
            yield f"exit {ran.code}, but the tree is another one"
    left = snapshot(project)
    ran = celeryize(project, "templates")
    if ran.code:
        yield f"the next start: {ran.said}"
    if snapshot(project) != left:
        yield "a command that only shows something has written"
    recover(project)
    if snapshot(project) not in (old, new):
        yield "neither the old tree nor the new one"
    if (state_dir(project) / "journal.json").exists():
        yield "the journal is still there"


def _wrong_words(ran: Ran, name: str) -> Iterator[str]:
    if ran.code not in ((0, 130) if name == "Ctrl-C" else (0, 3)) or "Traceback" in ran.said:
        yield f"exit {ran.code}: {ran.said[-1500:]}"
    elif ran.code == 3 and os.strerror(getattr(errno, name)) not in ran.said:
        yield f"the reason is not said: {ran.said}"
