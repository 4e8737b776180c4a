"""`make stops`: what each kind of stop does to a running task, with Redis and with RabbitMQ.

Real workers, a task of 16 seconds, the real graces; beside it the rehearsal of `celeryize verify
--live --stop`, whose times are scaled. Ends with 1 where the two differ. STOPS=--write renews the
table of docs/stops.md; STOPS=--rehearsals leaves out the real times.
"""

from __future__ import annotations

import argparse
import datetime
import platform
import re
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from celeryize.live.servers import private_server
from celeryize.live.stop import TASK, Scaled, StopCase, StopResult, prove_stop
from tests.conftest import make_tree, small_project

PAGE = Path(__file__).parents[2] / "docs/stops.md"
REMAP = ("REMAP_SIGTERM", "SIGQUIT")
REJECT = ("REJECT_LOST", "1")
CELERY = """import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
app = Celery("config")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.task_reject_on_worker_lost = os.environ.get("REJECT_LOST") == "1"
"""


@dataclass(frozen=True)
class Row:
    """A line of the table: to whom the signal goes, the grace, and what is set."""

    whom: str
    grace: float
    what: str
    environment: tuple[tuple[str, str], ...] = ()
    soft: float = 0.0
    shell: str = ""

    def case(self, folder: Path) -> StopCase:
        return StopCase(
            role="worker",
            spec="config.celery",
            words=("worker", "-l", "INFO"),
            folder=folder,
            environment=self.environment,
            group=self.whom == "group",
            grace=self.grace,
            soft=self.soft,
            shell=self.shell,
        )


ROWS = (
    Row("main", 10, "nothing"),
    Row("main", 10, "soft timeout 6 alone", soft=6),
    Row("main", 10, "remap alone", (REMAP,)),
    Row("main", 10, "remap, soft timeout 6", (REMAP,), 6),
    Row("main", 10, "remap, soft timeout 30", (REMAP,), 30),
    Row("main", 30, "nothing"),
    Row("main", 30, "remap, soft timeout 20", (REMAP,), 20),
    Row("group", 30, "nothing"),
    Row("group", 30, "`task_reject_on_worker_lost`", (REJECT,)),
    Row("group", 30, "remap alone", (REMAP,)),
    Row("group", 30, "remap, soft timeout 20", (REMAP,), 20),
    Row("shell (process 1)", 10, "remap, soft timeout 6", (REMAP,), 6, "ignores"),
)
Results = tuple[StopResult, ...]


def main() -> None:
    """Measure every row, print the table, and what differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="renew docs/stops.md")
    parser.add_argument("--rehearsals", action="store_true", help="the scaled times alone")
    parser.add_argument("--brokers", default="redis,amqp")
    options = parser.parse_args()
    measured: dict[tuple[str, Row], tuple[Results, Results]] = {}
    with tempfile.TemporaryDirectory() as folder:
        root = make_tree(Path(folder) / "project", {**small_project(), "config/celery.py": CELERY})
        for kind in options.brokers.split(","):
            place = Path(folder) / kind
            place.mkdir()
            with private_server(kind, place) as url:
                measured |= measure(root, place, kind, url, real=not options.rehearsals)
    table = render(measured, options.brokers.split(","))
    print(table)
    if options.write:
        write_page(table)
    different = [
        f"{kind}, {row.whom} {row.grace:g} s, {row.what}: {verdicts(real)}, rehearsed {verdicts(scaled)}"
        for (kind, row), (real, scaled) in measured.items()
        if verdicts(real) != verdicts(scaled)
    ]
    print(*(f"DIFFERENT: {line}" for line in different), sep="\n")
    sys.exit(bool(different))


def measure(
    root: Path, place: Path, kind: str, url: str, *, real: bool
) -> dict[tuple[str, Row], tuple[Results, Results]]:
    """Each row in real time and as a rehearsal; some at once, which changes no verdict."""

    def attempt(number: int, row: Row, scaled: Scaled | None) -> Results:
        folder = place / f"row-{number}-{scaled is not None}"
        folder.mkdir()
        return prove_stop(row.case(root), Path(sys.executable), url, folder, scaled=scaled)

    with ThreadPoolExecutor(4) as pool:
        rehearsed = [pool.submit(attempt, n, row, None) for n, row in enumerate(ROWS)]
        for one in rehearsed:
            one.result()
        times = [Scaled(TASK, row.soft, row.grace) if real else None for row in ROWS]
        done = rehearsed
        if real:
            done = [pool.submit(attempt, n, row, times[n]) for n, row in enumerate(ROWS)]
        return {
            (kind, row): (done[n].result(), rehearsed[n].result()) for n, row in enumerate(ROWS)
        }


def verdicts(results: Results) -> str:
    return " / ".join(str(result.outcome) for result in results)


def render(measured: dict[tuple[str, Row], tuple[Results, Results]], kinds: list[str]) -> str:
    """The table of the documentation."""
    names = {"redis": "Redis", "amqp": "RabbitMQ"}
    heads = [f"{names[kind]}, {mode} | " for kind in kinds for mode in ("acks_early", "acks_late")]
    lines = [
        "| the signal goes to | grace | set | " + "".join(heads) + "end after |",
        "| --- | --- | --- | " + "--- | " * len(heads) + "--- |",
    ]
    for row in ROWS:
        cells = []
        for kind in kinds:
            for result in measured[kind, row][0]:
                word = str(result.outcome)
                bad = word in {"lost", "stuck", "not proved"}
                cells.append(f"**{word}**" if bad else word)
        last = measured[kinds[0], row][0][0]
        end = f"killed at {row.grace:g} s" if last.killed else f"{last.seconds:.0f} s"
        lines.append(f"| {row.whom} | {row.grace:g} s | {row.what} | {' | '.join(cells)} | {end} |")
    return "\n".join(lines)


def write_page(table: str) -> None:
    """Put the table, and today's date, into the page."""
    import celery

    today = datetime.datetime.now(datetime.UTC).date()
    head = f"Measured on {today} with Celery {celery.__version__}, Python "
    head += f"{platform.python_version()}, the prefork pool, and a task of {TASK:g} seconds."
    text = PAGE.read_text()
    made = re.sub(
        r"(<!-- stops -->\n).*?(<!-- /stops -->)",
        lambda found: f"{found[1]}{head}\n\n{table}\n{found[2]}",
        text,
        flags=re.DOTALL,
    )
    PAGE.write_text(made)


if __name__ == "__main__":
    main()
