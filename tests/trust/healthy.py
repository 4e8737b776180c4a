"""`verify --static --fix --yes` on projects in which nothing is wrong: no byte of any of them changes."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path

from tests.conftest import make_tree
from tests.trust.ground import Tally, celeryize, place, snapshot
from tests.unit import checks
from tests.unit.checks.projects import Mistake, healthy

FIX = ("verify", "--static", "--fix", "--yes")
# Options and signatures that are not where the decorator or the call is.
UNSEEN: dict[str, dict[str, str]] = {
    "options by a name": {
        "doctors/tasks.py": "from celery import shared_task\nOPTIONS = {'bind': True}\n\n\n"
        "@shared_task(**OPTIONS)\ndef greet(self, name):\n    self.retry()\n",
    },
    "options by a call": {
        "doctors/tasks.py": "from celery import shared_task\n\n\ndef common():\n    return {'bind': True}\n"
        "\n\n@shared_task(**common())\ndef greet(self, name):\n    self.retry()\n",
    },
    "a decorator that binds": {
        "doctors/tasks.py": "from functools import partial\nfrom celery import shared_task\n"
        "bound = partial(shared_task, bind=True)\n\n\n@bound()\ndef greet(self, name):\n    self.retry()\n",
    },
    "a base class that retries": {
        "doctors/tasks.py": "from celery import Task, shared_task\n\n\nclass Kind(Task):\n    max_retries = 3\n"
        "\n\n@shared_task(base=Kind, bind=True)\ndef greet(self, name):\n    self.retry()\n",
    },
    "arguments by a name": {
        "doctors/views.py": "from doctors.tasks import greet\nSENT = {'countdown': 3}\n\n\n"
        "def view(request, *values):\n    greet.apply_async(values, **SENT)\n",
    },
}


def run(*, most: int | None) -> Tally:
    """The healthy twin of each check, and the scenes above; with `most`, each so-manieth twin."""
    tally = Tally("healthy", "healthy projects that --fix was run on")
    every = dict(_twins())
    step = 1
    if most is not None:
        step = max(1, len(every) // most)
    chosen = {name: every[name] for name in list(every)[::step]} | UNSEEN
    with place() as root:
        for number, (name, files) in enumerate(chosen.items()):
            project = make_tree(root / str(number), {**healthy(), **files})
            before = snapshot(project)
            ran = celeryize(project, *FIX)
            tally.tried += 1
            tally.lose(f"{name}: {ran.said[-200:]}", unless=snapshot(project) == before)
    return tally


def _twins() -> Iterator[tuple[str, dict[str, str]]]:
    """The healthy twins of all families, named by check and number."""
    for file in sorted(Path(checks.__file__).parent.glob("test_*.py")):
        module = importlib.import_module(f"{checks.__name__}.{file.stem}")
        for number, mistake in enumerate(_mistakes_in(module)):
            if mistake.twin:
                yield f"{file.stem} {number}: {mistake.id}", mistake.twin


def _mistakes_in(module: object) -> Iterator[Mistake]:
    """Every Mistake that a family's module holds."""
    for value in vars(module).values():
        if isinstance(value, list | tuple):
            yield from (one for one in value if isinstance(one, Mistake))
