"""How long `celeryize dev` takes from a save to a worker and a web server that run the new code.

A small project on a Redis of its own, driven through a terminal. Prints the medians in seconds; the tests assert none.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import pexpect

from celeryize.live.servers import private_server
from tests.conftest import make_tree, small_project
from tests.services import free_port

CELERY = """import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
app = Celery("config")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
"""
TASKS = "from celery import shared_task\n\n\n@shared_task\ndef greet():\n    return {number}\n"


def main() -> None:
    """Save a tasks module some times, and wait for both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--saves", type=int, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, private_server("redis", Path(name)) as url:
        tree = {
            **small_project(),
            "config/__init__.py": "from .celery import app\n",
            "config/celery.py": CELERY,
            "doctors/tasks.py": TASKS.format(number=0),
        }
        root = make_tree(Path(name) / "project", tree)
        with (root / "config/settings.py").open("a") as settings:
            settings.write(f'\nCELERY_BROKER_URL = "{url}"\n')
        times = measure(root, options.saves)
    print("| from a save to | median | slowest |\n| --- | --- | --- |")
    for what, seconds in times.items():
        print(f"| {what} | {statistics.median(seconds):.2f} s | {max(seconds):.2f} s |")


def measure(root: Path, saves: int) -> dict[str, list[float]]:
    """The seconds of each save, by what was waited for."""
    times: dict[str, list[float]] = {"the web server": [], "the worker": []}
    patterns = ["Quit the server", r"ready\."]
    dev = pexpect.spawn(
        sys.executable,
        ["-m", "celeryize", "dev", "--port", str(free_port())],
        cwd=root,
        env={**os.environ, "NO_COLOR": "1"},
        timeout=60,
    )
    seen: set[int] = set()
    while len(seen) < 2:
        seen.add(dev.expect(patterns))
    for number in range(1, saves + 1):
        time.sleep(1)
        begun = time.monotonic()
        (root / "doctors/tasks.py").write_text(TASKS.format(number=number))
        seen = set()
        while len(seen) < 2:
            found = dev.expect(patterns)
            seen.add(found)
            list(times.values())[found].append(time.monotonic() - begun)
    dev.sendintr()
    dev.expect(pexpect.EOF)
    return times


if __name__ == "__main__":
    main()
