"""What the processes have to be, whatever kind of file starts them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from celeryize.commands.worker.broker import Server

REMAP = "REMAP_SIGTERM"
HEALTH_FOLDER = "CELERY_HEALTH_DIR"
# What no shell changes; shlex would quote `%h` and `=`.
PLAIN = re.compile(r"[\w@%+=:,./${}-]+")
# Seconds between the end of the soft shutdown and SIGKILL, in which unfinished tasks are put back.
MARGIN = 10


@dataclass(frozen=True, slots=True)
class Job:
    """A process of Celery: `worker` or `beat`, its name, the words behind its subcommand."""

    subcommand: str
    name: str
    options: tuple[str, ...] = ()

    @property
    def is_beat(self) -> bool:
        """Whether it is Beat."""
        return self.subcommand == "beat"


@dataclass(frozen=True, slots=True)
class Wanted:
    """The processes to be: `spec` is what `celery -A` is given, below `folder` of the repository.

    `home` is the folder of the repository that the app is found in: that of manage.py, or another
    one that manage.py puts on sys.path. `soft` is the soft shutdown in seconds, None where this
    Celery has none; `grace` is the time until SIGKILL. `database`: Beat's schedule is there, and it
    needs no file.
    """

    spec: str
    folder: str
    soft: int | None
    grace: int
    workers: tuple[Job, ...]
    beat: Job | None
    database: bool
    health: bool
    broker: Server
    backend: Server | None
    home: str = ""
    # whether the settings do not say `soft` yet
    soft_is_missing: bool = False
    # whether neither the command line nor the settings say how many tasks a worker runs at once
    slots_are_open: bool = False

    @property
    def jobs(self) -> tuple[Job, ...]:
        """All of them."""
        return (*self.workers, self.beat) if self.beat else self.workers

    def celery_words(
        self, job: Job, schedule: str = "", *, folder: str = "", host: str = "", app: str = ""
    ) -> tuple[str, ...]:
        """The command line of a job; `schedule` is the file that Beat writes.

        `host` is how a second worker of a machine spells the machine in its name: `%h`, or `%%h`.
        `app` is how a process that is there spells the app.
        """
        words = ["celery", "-A", app or self.spec]
        if folder:
            words += ["--workdir", folder]
        words += [job.subcommand, "-l", "INFO", *job.options]
        if host and not job.is_beat and job.name != "worker":
            words += ["-n", f"{job.name}@{host}"]
        if job.is_beat:
            words.append("--pidfile=")
            if schedule and not self.database:
                words += ["-s", schedule]
        return tuple(words)

    def stop_variables(self, job: Job) -> Iterator[tuple[str, str]]:
        """The environment variables that a job needs for its stop."""
        if self.soft is not None and not job.is_beat:
            yield REMAP, "SIGQUIT"

    def variables(self, job: Job) -> Iterator[tuple[str, str]]:
        """Those for its stop, and those for its health."""
        yield from self.stop_variables(job)
        if self.health:
            yield HEALTH_FOLDER, "/tmp"


def shell_line(words: tuple[str, ...]) -> str:
    """Words as a line that a shell, or a program that splits like one, reads."""
    return " ".join(word if PLAIN.fullmatch(word) else shlex.quote(word) for word in words)
