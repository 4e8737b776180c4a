"""`make bench`: our commands beside their peers, interleaved in one run, on byte-compiled installs, as ratios.

Prints three tables and writes them as JSON: each command, the ratios aimed at, and how a command grows with
what it is given, with the most memory that one process held. Times depend on the machine, so nothing here asserts
one; the ratios are what the docs/performance.md shows. PYTHONDONTWRITEBYTECODE is taken out of the environment: it doubles
every import.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench import projects

ROOT = Path(__file__).parents[2]

IMPORT_APP = (
    "from celery.app.utils import find_app; app = find_app('config');"
    "app.loader.import_default_modules(); app.finalize()"
)
TASK = ("doctors.greet", "name:str", "--bind", "--max-retries", "3")
ENTRY = ("nightly", "doctors.tasks.task_0", "--cron", "0 3 * * *")
PEERS = ("cookiecutter", "django-upgrade")


@dataclass
class Case:
    """One command: what is measured, and the project it runs in, copied for each run where it would change it."""

    name: str
    command: list[str]
    project: Path | None = None
    changes: bool = True
    times: list[float] = field(default_factory=list)
    # bytes; the most that one process held: this one, or one that it started
    memory: int = 0

    @property
    def median(self) -> float:
        """Seconds."""
        return statistics.median(self.times)

    def run(self, folder: Path) -> float:
        """Run once, in `folder` or in the project itself; the seconds it took."""
        place = folder
        if self.project is None:
            folder.mkdir()
        elif self.changes:
            shutil.copytree(self.project, folder)
        else:
            place = self.project
        with tempfile.TemporaryFile() as output:
            started = time.perf_counter()
            process = subprocess.Popen(
                self.command, cwd=place, env=environment(), stdout=output, stderr=subprocess.STDOUT
            )
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - started
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode:
                output.seek(0)
                sys.exit(f"{self.name} failed:\n{output.read().decode()}")
        if folder.exists():
            shutil.rmtree(folder)
        self.memory = max(self.memory, usage.ru_maxrss * 1024)
        return seconds


@dataclass(frozen=True)
class Target:
    """A ratio that should hold: the median of `case` to the sum of the medians of `peers`."""

    case: str
    peers: tuple[str, ...]
    most: float


@dataclass(frozen=True)
class Growth:
    """One command on projects that differ in one measure: a case a size."""

    what: str
    cases: dict[int, Case]


TARGETS = (
    Target("celeryize --version", ("python -c pass",), 1.3),
    Target("init --no-verify", ("startapp",), 2.5),
    Target("init", ("init --no-verify", "import of the app"), 1.5),
    Target("add-task --no-verify", ("startapp",), 0.9),
    Target("add-schedule --no-verify", ("startapp",), 0.9),
    Target("verify", ("import of the app",), 1.25),
    Target("schedule, 2,000 entries", ("import of 2,000 entries",), 2.0),
)


def environment() -> dict[str, str]:
    """The machine's environment without what would change the figures."""
    drop = ("PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV", "DJANGO_SETTINGS_MODULE")
    return {
        k: v
        for k, v in os.environ.items()
        if k not in drop and not k.startswith(("CELERY", "COVERAGE"))
    }


def install(folder: Path) -> Path:
    """A fresh environment with the wheel of this tree and the peers, byte-compiled; its interpreter."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin/python"
    quiet = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    # the console script that pip 23 writes imports re, which alone makes --version 1.7 x `pass`
    subprocess.run([*quiet, "--upgrade", "pip"], check=True, env=environment())
    subprocess.run([*quiet, f"{ROOT}[demo]", *PEERS], check=True, env=environment())
    subprocess.run(
        [python, "-m", "compileall", "-q", folder / "lib"], check=False, env=environment()
    )
    return python


def beside_peers(python: Path, made: projects.Projects) -> list[Case]:
    """Our commands on a small project, and what a developer knows the speed of."""
    ours = str(python.with_name("celeryize"))
    plain, wired, busy = made.plain(), made.wired(), made.with_entries(2000)
    template, cookie = made.copier_template(), made.cookiecutter_template()
    return [
        Case("python -c pass", [str(python), "-c", "pass"]),
        Case("celeryize --version", [ours, "--version"]),
        Case("celeryize --help", [ours, "--help"]),
        Case("startapp", [str(python), "-m", "django", "startapp", "shop"]),
        Case(
            "copier copy",
            [str(python.with_name("copier")), "copy", "--defaults", str(template), "."],
        ),
        Case("cookiecutter", [str(python.with_name("cookiecutter")), "--no-input", str(cookie)]),
        Case(
            "django-upgrade", [str(python.with_name("django-upgrade")), "config/settings.py"], plain
        ),
        Case("celery report", [str(python.with_name("celery")), "-A", "config", "report"], wired),
        Case("import of the app", [str(python), "-c", IMPORT_APP], wired),
        Case("init --no-verify", [ours, "init", "--yes", "--no-verify"], plain),
        Case("init", [ours, "init", "--yes"], plain),
        Case("add-task --no-verify", [ours, "add-task", *TASK, "--yes", "--no-verify"], wired),
        Case("add-task", [ours, "add-task", *TASK, "--yes"], wired),
        Case(
            "add-schedule --no-verify",
            [ours, "add-schedule", *ENTRY, "--yes", "--no-verify"],
            wired,
        ),
        Case("verify --static", [ours, "verify", "--static"], wired),
        Case("verify", [ours, "verify"], wired),
        Case(
            "import of 2,000 entries",
            [str(python), "-c", f"{IMPORT_APP}; app.conf.beat_schedule"],
            busy,
        ),
        Case("schedule, 2,000 entries", [ours, "schedule"], busy),
    ]


def growing(python: Path, made: projects.Projects) -> list[Growth]:
    """What each command does with more of what it reads. Nothing is written, so that no copy is measured."""
    ours = str(python.with_name("celeryize"))
    look = ["--dry-run", "--no-verify"]
    entries = {n: made.with_entries(n) for n in (10, 2000)}

    def cases(name: str, command: list[str], sized: dict[int, Path]) -> Growth:
        return Growth(
            name,
            {
                size: Case(f"{name} {size}", [ours, *command], p, changes=False)
                for size, p in sized.items()
            },
        )

    return [
        cases(
            "init: settings, lines",
            ["init", *look],
            {n: made.with_settings(n) for n in (60, 600, 6000)},
        ),
        cases(
            "add-task: tasks",
            ["add-task", *TASK, *look],
            {n: made.with_tasks(n) for n in (10, 100, 1000)},
        ),
        cases(
            "init: files", ["init", *look], {n: made.with_files(n) for n in (100, 10_000, 50_000)}
        ),
        # a repository of real code, of which hardly a file concerns the command
        cases("init: code", ["init", *look], {n: made.with_code(n) for n in (100, 4338)}),
        cases(
            "add-task: code",
            ["add-task", *TASK, *look],
            {n: made.with_code(n, celery=True) for n in (100, 4338)},
        ),
        cases(
            "add-schedule: code",
            ["add-schedule", *ENTRY, *look],
            {n: made.with_code(n, celery=True) for n in (100, 4338)},
        ),
        cases(
            "verify --static: code",
            ["verify", "--static"],
            {n: made.with_code(n, celery=True) for n in (100, 4338)},
        ),
        cases("add-schedule: entries", ["add-schedule", *ENTRY, *look], entries),
        cases("schedule: entries", ["schedule"], entries),
        cases(
            "verify --static: modules",
            ["verify", "--static"],
            {n: made.with_modules(n) for n in (100, 1000)},
        ),
        cases(
            "verify --static: files",
            ["verify", "--static"],
            {50_000: made.with_files(50_000, celery=True)},
        ),
    ]


def measure(cases: list[Case], rounds: int, work: Path) -> None:
    """Run all cases in turn, `rounds` times after one warm-up."""
    for turn in range(rounds + 1):
        for case in cases:
            seconds = case.run(work / "run")
            if turn:
                case.times.append(seconds)


def commands(cases: list[Case]) -> Iterator[dict[str, object]]:
    """A row a case: milliseconds, spread, the ratios to the two yardsticks, and the peak of memory."""
    by_name = {case.name: case for case in cases}
    base, startapp = by_name["python -c pass"].median, by_name["startapp"].median
    for case in cases:
        yield {
            "command": case.name,
            "ms": round(case.median * 1000, 1),
            "spread": round((max(case.times) - min(case.times)) / case.median, 2),
            "to pass": round(case.median / base, 2),
            "to startapp": round(case.median / startapp, 2),
            "MB": round(case.memory / 1e6),
        }


def ratios(cases: list[Case]) -> Iterator[dict[str, object]]:
    """A row a target: the ratio measured and the one aimed at."""
    by_name = {case.name: case.median for case in cases}
    for target in TARGETS:
        yield {
            "command": target.case,
            "to": " + ".join(target.peers),
            "ratio": round(by_name[target.case] / sum(by_name[peer] for peer in target.peers), 2),
            "target": target.most,
        }


def growth(found: list[Growth]) -> Iterator[dict[str, object]]:
    """A row a size: milliseconds, the ratio to the smallest, and the peak of memory."""
    for one in found:
        smallest = next(iter(one.cases.values())).median
        for size, case in one.cases.items():
            yield {
                "what grows": one.what,
                "size": size,
                "ms": round(case.median * 1000, 1),
                "to the smallest": round(case.median / smallest, 2),
                "MB": round(case.memory / 1e6),
            }


def markdown(rows: list[dict[str, object]]) -> str:
    """Rows as a table."""
    head = list(rows[0])
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return "\n".join(
        [*lines, *("| " + " | ".join(str(row[k]) for k in head) + " |" for row in rows)]
    )


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--short", action="store_true", help="leave out what grows")
    parser.add_argument("--json", type=Path, default=ROOT / "dist/bench.json")
    parser.add_argument("--python", type=Path, help="an environment that is installed already")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="celeryize-bench-") as name:
        work = Path(name)
        python = arguments.python or install(work / "env")
        made = projects.Projects(python, work, environment())
        cases = beside_peers(python, made)
        measure(cases, arguments.rounds, work)
        tables = {"commands": list(commands(cases)), "ratios": list(ratios(cases))}
        if not arguments.short:
            grown = growing(python, made)
            measure(
                [case for one in grown for case in one.cases.values()],
                max(3, arguments.rounds // 3),
                work,
            )
            tables["growth"] = list(growth(grown))
    result = {**tables, "rounds": arguments.rounds, "python": sys.version.split()[0]}
    arguments.json.parent.mkdir(exist_ok=True)
    arguments.json.write_text(json.dumps(result, indent=2) + "\n")
    print("\n\n".join(markdown(rows) for rows in tables.values()))


if __name__ == "__main__":
    main()
