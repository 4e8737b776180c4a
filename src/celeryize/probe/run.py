"""Starts inside.py in the project's interpreter, has it import the project, and always ends it."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import select
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

from celeryize.celery_facts import PRELOADED_LIBRARIES
from celeryize.errors import CeleryizeError
from celeryize.model import Edit
from celeryize.probe.report import Failure, ImportReport, read_report
from celeryize.scratch import Scratch

SCRIPT = Path(__file__).with_name("inside.py")
MODES = ("worker", "web")
# How much of what the project prints is kept, in bytes.
OUTPUT = 4096
# Seconds beyond the time limit in which inside.py ends what hangs and answers.
GRACE = 15.0


@dataclass(frozen=True, slots=True)
class Preview:
    """When entries of the Beat schedule run: the one called `name`, with clock changes, or all of
    them.

    At most `count` runs each, within `hours` if given, from `now` (ISO; default: the present).
    """

    name: str | None = None
    count: int = 5
    hours: float | None = None
    now: str | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """What to import. `base` (the folder of manage.py) is the working folder; `paths` follow it on
    sys.path.

    `app_spec` is what `celery -A` gets; None imports a project without Celery. `settings_names` are
    settings whose values are wanted, from Django and from `app.conf`. `environment` is set for the
    project's import. `entry_points` are modules that web servers import (`config.wsgi`): each is
    imported once more, on its own.
    """

    python: Path
    base: Path
    paths: tuple[Path, ...]
    settings: str
    app_spec: str | None
    configuration: str | None = None
    settings_names: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    preview: Preview | None = None
    entry_points: tuple[str, ...] = ()


class Prober:
    """Imports one project in its own interpreter; a context manager, leaves no process behind."""

    def __init__(self, target: Target, *, timeout: float = 60) -> None:
        self._target = target
        self._timeout = timeout
        self._baseline: tuple[ImportReport, ImportReport] | None = None
        self._asked: list[list[dict[str, Any]]] = []
        self._count = 0

    def __enter__(self) -> Self:
        self._scratch = Scratch()
        self._folder = self._scratch.path
        self._errors = (self._folder / "errors").open("w+b")
        try:
            self._child = subprocess.Popen(
                [str(self._target.python), "-B", str(SCRIPT)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                cwd=self._target.base,
                # Ctrl-C in the terminal is for us; we end the child ourselves
                start_new_session=True,
            )
        except OSError as error:
            self._errors.close()
            self._scratch.remove()
            raise CeleryizeError(
                f"the project's interpreter {self._target.python} cannot be started: "
                f"{error.strerror}",
                hint="Pass another one with --python, or skip the proof with --no-verify.",
            ) from error
        places = [str(self._target.base), *map(str, self._target.paths)]
        # importing Django and Celery takes longest: it starts before we know what to import
        self._send_job(
            {"preload": places, "shadows": PRELOADED_LIBRARIES, "folder": str(self._folder)}
        )
        return self

    def __exit__(self, *exception: object) -> None:
        for stream in (self._child.stdin, self._child.stdout):
            with contextlib.suppress(OSError):
                stream.close() if stream else None
        self._end_child()
        self._errors.close()
        self._scratch.remove()

    def start_baseline(self, target: Target | None = None) -> None:
        """Begin to import the project as it is; the caller goes on meanwhile.

        `target` is for what was not known when the interpreter was started.
        """
        self._target = target or self._target
        self._ask_for(self._target, {})

    def baseline(self) -> tuple[ImportReport, ImportReport]:
        """The reports of the worker import and the web import of the project as it is."""
        if self._baseline is None:
            if not self._asked:
                self.start_baseline()
            self._baseline = self._read_answer()
        return self._baseline

    def prove(
        self, edits: Sequence[Edit], root: Path, target: Target | None = None
    ) -> tuple[ImportReport, ImportReport]:
        """The reports of both imports with `edits` laid over the project's files."""
        self.baseline()
        overlay: dict[str, str | None] = {}
        for edit in edits:
            data = None if edit.after is None else base64.b64encode(edit.after).decode()
            path = root / edit.path
            # a settings.py that is a symlink is imported by its own name, and maybe by that of its
            # target
            overlay[str(path.parent.resolve() / path.name)] = data
            overlay[str(path.resolve())] = data
        self._ask_for(target or self._target, overlay)
        return self._read_answer()

    def _ask_for(self, target: Target, overlay: dict[str, str | None]) -> None:
        imports = []
        for mode in MODES:
            self._count += 1
            stem = str(self._folder / str(self._count))
            imports.append(
                {
                    "mode": mode,
                    "base": os.path.realpath(target.base),
                    "paths": [os.path.realpath(p) for p in target.paths],
                    "settings": target.settings,
                    "app_spec": target.app_spec,
                    "configuration": target.configuration,
                    "settings_names": list(target.settings_names),
                    "environment": dict(target.environment),
                    "preview": asdict(target.preview) if target.preview else None,
                    "entry_points": list(target.entry_points),
                    "overlay": overlay,
                    "answer": f"{stem}.json",
                    "output": f"{stem}.out",
                    "phase": f"{stem}.phase",
                    "stacks": f"{stem}.stacks",
                }
            )
        self._asked.append(imports)
        self._send_job({"imports": imports, "timeout": self._timeout})

    def _send_job(self, job: dict[str, Any]) -> None:
        assert self._child.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._child.stdin.write(json.dumps(job).encode() + b"\n")
            self._child.stdin.flush()

    def _read_answer(self) -> tuple[ImportReport, ImportReport]:
        imports = self._asked[0]
        statuses = self._read_statuses()
        self._asked.pop(0)
        worker, web = (
            self._read_report(request, status)
            for request, status in zip(imports, statuses, strict=True)
        )
        return worker, web

    def _read_statuses(self) -> list[int]:
        assert self._child.stdout is not None
        deadline = time.monotonic() + self._timeout + GRACE
        line = b""
        while not line.endswith(b"\n"):
            ready, _, _ = select.select(
                [self._child.stdout], [], [], max(0.0, deadline - time.monotonic())
            )
            data = b""
            if ready:
                data = os.read(self._child.stdout.fileno(), 65536)
            # whatever prints something else is not a Python interpreter
            if not data or not (line or data.startswith(b"[")):
                self._end_child()
                self._errors.seek(0)
                lines = self._errors.read().decode("utf-8", "replace").strip().splitlines()[-3:]
                raise CeleryizeError(
                    f"the project's interpreter {self._target.python} exited without an answer"
                    + (": " + " ".join(lines) if lines else ""),
                    hint="Pass another one with --python, or skip the proof with --no-verify.",
                )
            line += data
        statuses: list[int] = json.loads(line)
        return statuses

    def _read_report(self, request: dict[str, Any], status: int) -> ImportReport:
        output = _read_head(Path(request["output"]))
        try:
            answer = json.loads(Path(request["answer"]).read_text("utf-8"))
        except (OSError, ValueError):
            return self._cut_short(request, status, output)
        return read_report(answer, output)

    def _cut_short(self, request: dict[str, Any], status: int, output: str) -> ImportReport:
        """The report of an import that hung or crashed: the phase it was in, and where."""
        phase = _read_head(Path(request["phase"])).strip() or "start"
        stacks = _read_head(Path(request["stacks"]))
        frames = tuple(
            f"{file}:{line} in {name}"
            for file, line, name in re.findall(r'File "([^"]+)", line (\d+) in (\S+)', stacks)
            if Path(file).is_relative_to(request["base"]) and "site-packages" not in file
        )
        place = None
        if frames:
            place = re.match(r"(.+):(\d+) in ", frames[0])
        # -1 is inside.py's own mark; all others are statuses of waitpid
        if status == -1:
            kind, message = (
                "Timeout",
                f"importing took longer than {self._timeout:g} seconds (--verify-timeout)",
            )
        elif os.WIFSIGNALED(status):
            name = signal.Signals(os.WTERMSIG(status)).name
            kind, message = "Crash", f"the interpreter crashed with {name}"
        else:
            kind, message = "Crash", f"the interpreter exited with code {os.WEXITSTATUS(status)}"
        where = None
        if place:
            where = (place[1], int(place[2]))
        return replace(
            ImportReport(request["mode"]),
            failures=(Failure(kind, message, phase, where, frames[:5]),),
            output=output,
        )

    def _end_child(self) -> None:
        """Ask the child to end by closing its input; else end it, and all of its session."""
        # closing its input is enough, unless it is busy with an import that nobody waits for
        deadline = time.monotonic() + 2
        while self._child.poll() is None and time.monotonic() < deadline and not self._asked:
            time.sleep(0.002)
        if self._child.poll() is None:
            imports = _child_imports(self._child.pid)
            self._child.kill()
            for pid in imports:
                with contextlib.suppress(OSError):
                    os.killpg(pid, signal.SIGKILL)
        self._child.wait()


def _child_imports(pid: int) -> list[int]:
    """The imports of a child that has to be killed, where the system knows them (Linux)."""
    try:
        return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (OSError, ValueError):
        return []


def _read_head(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            return stream.read(OUTPUT).decode("utf-8", "replace")
    except OSError:
        return ""
