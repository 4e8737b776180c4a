"""`make bench`: our commands beside their peers, interleaved in one run, on byte-compiled installs, as ratios.

Prints a table and writes it as JSON. Times depend on the machine, so nothing here asserts one; the ratios are
what the README shows. PYTHONDONTWRITEBYTECODE is taken out of the environment: it doubles every import.
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
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

IMPORT_APP = (
    "from celery.app.utils import find_app; app = find_app('config');"
    "app.loader.import_default_modules(); app.finalize()"
)

TASK = ("doctors.greet", "name:str", "--bind", "--max-retries", "3")
ENTRY = ("nightly", "doctors.tasks.greet", "--cron", "0 3 * * *")


@dataclass
class Case:
    """One command: what is measured, in which folder (made fresh each time), beside what it is set."""

    name: str
    command: list[str]
    prepare: Callable[[Path], None]
    times: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """Seconds."""
        return statistics.median(self.times)


@dataclass(frozen=True)
class Target:
    """A ratio that should hold: the median of `case` to the sum of the medians of `peers`."""

    case: str
    peers: tuple[str, ...]
    most: float


TARGETS = (
    Target("celeryize --version", ("python -c pass",), 1.3),
    Target("init --no-verify", ("startapp",), 2.5),
    Target("init", ("init --no-verify", "import of the app"), 1.5),
    Target("add-task --no-verify", ("startapp",), 0.9),
    Target("add-schedule --no-verify", ("startapp",), 0.9),
    Target("schedule, 2,000 entries", ("import of 2,000 entries",), 2.0),
)


def environment() -> dict[str, str]:
    """The machine's environment without what would change the figures."""
    drop = ("PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV", "DJANGO_SETTINGS_MODULE")
    return {k: v for k, v in os.environ.items() if k not in drop and not k.startswith(("CELERY", "COVERAGE"))}


def install(folder: Path) -> Path:
    """A fresh environment with the wheel of this tree, byte-compiled; its interpreter."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin/python"
    quiet = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    # the console script that pip 23 writes imports re, which alone makes --version 1.7 x `pass`
    subprocess.run([*quiet, "--upgrade", "pip"], check=True, env=environment())
    subprocess.run([*quiet, f"{ROOT}[demo]"], check=True, env=environment())
    subprocess.run([python, "-m", "compileall", "-q", folder / "lib"], check=False, env=environment())
    return python


def cases(python: Path, work: Path) -> list[Case]:
    """Everything that is measured."""
    plain, wired = work / "plain", work / "wired"
    plain.mkdir()
    run = {"check": True, "env": environment(), "capture_output": True}
    subprocess.run([python, "-m", "django", "startproject", "config", "."], cwd=plain, **run)
    subprocess.run([python, "manage.py", "startapp", "doctors"], cwd=plain, **run)
    shutil.copytree(plain, wired)
    subprocess.run([python, "-m", "celeryize", "init", "--yes", "--no-verify"], cwd=wired, **run)
    settings = wired / "config/settings.py"
    settings.write_text(settings.read_text().replace("INSTALLED_APPS = [", "INSTALLED_APPS = [\n    'doctors',"))
    long, busy = work / "long", work / "busy"
    shutil.copytree(wired, long)
    one = "@shared_task\ndef task_{}(a, b):\n    total = a + b\n    return total\n\n"
    tasks = "from celery import shared_task\n\n" + "".join(one.format(n) for n in range(1000))
    (long / "doctors/tasks.py").write_text(tasks)
    shutil.copytree(wired, busy)
    (busy / "doctors/tasks.py").write_text("from celery import shared_task\n\n" + one.format(0))
    entry = '    "e{0}": {{"task": "doctors.tasks.task_0", "schedule": crontab(minute={1}), "args": [1, 2]}},\n'
    lines = "".join(entry.format(n, n % 60) for n in range(2000))
    with (busy / "config/settings.py").open("a") as stream:
        stream.write(f"\nfrom celery.schedules import crontab\n\nCELERY_BEAT_SCHEDULE = {{\n{lines}}}\n")
    # the project's own bytecode is part of a byte-compiled state
    subprocess.run([python, "-m", "compileall", "-q", plain, wired, long, busy], **run)

    def empty(folder: Path) -> None:
        folder.mkdir()

    def copy(source: Path) -> Callable[[Path], None]:
        def prepare(folder: Path) -> None:
            shutil.copytree(source, folder)

        return prepare

    celeryize = [str(python.with_name("celeryize"))]
    return [
        Case("python -c pass", [str(python), "-c", "pass"], empty),
        Case("celeryize --version", [*celeryize, "--version"], empty),
        Case("celeryize --help", [*celeryize, "--help"], empty),
        Case("startapp", [str(python), "-m", "django", "startapp", "shop"], empty),
        Case("import of the app", [str(python), "-c", IMPORT_APP], copy(wired)),
        Case("init --no-verify", [*celeryize, "init", "--yes", "--no-verify"], copy(plain)),
        Case("init", [*celeryize, "init", "--yes"], copy(plain)),
        Case("add-task --no-verify", [*celeryize, "add-task", *TASK, "--yes", "--no-verify"], copy(wired)),
        Case("add-task", [*celeryize, "add-task", *TASK, "--yes"], copy(wired)),
        Case("add-task, 5,000 lines", [*celeryize, "add-task", *TASK, "--yes", "--no-verify"], copy(long)),
        Case(
            "add-schedule --no-verify", [*celeryize, "add-schedule", *ENTRY, "--yes", "--no-verify"], copy(wired)
        ),
        Case("import of 2,000 entries", [str(python), "-c", f"{IMPORT_APP}; app.conf.beat_schedule"], copy(busy)),
        Case("schedule, 2,000 entries", [*celeryize, "schedule"], copy(busy)),
    ]


def measure(found: list[Case], rounds: int, work: Path) -> None:
    """Run all cases in turn, `rounds` times after one warm-up."""
    for turn in range(rounds + 1):
        for number, case in enumerate(found):
            folder = work / f"{turn}-{number}"
            case.prepare(folder)
            started = time.perf_counter()
            ended = subprocess.run(case.command, cwd=folder, env=environment(), capture_output=True, text=True)
            seconds = time.perf_counter() - started
            if ended.returncode:
                sys.exit(f"{case.name} failed:\n{ended.stderr}")
            if turn:
                case.times.append(seconds)
            shutil.rmtree(folder)


def table(found: list[Case]) -> list[dict[str, object]]:
    """A row a case: milliseconds, spread, and the ratios to the two yardsticks."""
    by_name = {case.name: case for case in found}
    base, startapp = by_name["python -c pass"].median, by_name["startapp"].median
    rows = []
    for case in found:
        spread = (max(case.times) - min(case.times)) / case.median
        rows.append(
            {
                "command": case.name,
                "ms": round(case.median * 1000, 1),
                "spread": round(spread, 2),
                "to pass": round(case.median / base, 2),
                "to startapp": round(case.median / startapp, 2),
            }
        )
    return rows


def ratios(found: list[Case]) -> list[dict[str, object]]:
    """A row a target: the ratio measured and the one aimed at."""
    by_name = {case.name: case.median for case in found}
    return [
        {
            "command": target.case,
            "to": " + ".join(target.peers),
            "ratio": round(by_name[target.case] / sum(by_name[p] for p in target.peers), 2),
            "target": target.most,
        }
        for target in TARGETS
        if target.case in by_name
    ]


def show(rows: list[dict[str, object]]) -> str:
    """Rows as a Markdown table."""
    head = list(rows[0])
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(str(row[k]) for k in head) + " |" for row in rows)])


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", type=Path, default=ROOT / "dist/bench.json")
    parser.add_argument("--python", type=Path, help="an environment that is installed already")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="celeryize-bench-") as name:
        work = Path(name)
        python = arguments.python or install(work / "env")
        found = cases(python, work)
        measure(found, arguments.rounds, work)
    result = {
        "cases": table(found),
        "ratios": ratios(found),
        "rounds": arguments.rounds,
        "python": sys.version.split()[0],
    }
    arguments.json.parent.mkdir(exist_ok=True)
    arguments.json.write_text(json.dumps(result, indent=2) + "\n")
    print(show(result["cases"]), show(result["ratios"]), sep="\n\n")


if __name__ == "__main__":
    main()
