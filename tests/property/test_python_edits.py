"""Edits of real Python files: every old byte is there, the tree grew as planned, twice is once.

The default run samples the standard library; CELERYIZE_LONG=1 takes all of it and the installed packages.
"""

from __future__ import annotations

import ast
import os
import random
import sysconfig
from pathlib import Path, PurePosixPath

from celeryize.errors import CannotPatch
from celeryize.patch.imports import add_import
from celeryize.patch.package_init import import_app
from celeryize.patch.settings import add_block
from celeryize.patch.source import Source
from celeryize.patch.tasks import add_task

BLOCK = 'CELERY_BROKER_URL = "redis://localhost:6379/0"\nCELERY_OPTIONS = {\n    "a": 1,\n}\n'
TASK = '@shared_task\ndef zz_celeryize(x: int) -> None:\n    """Work."""\n    print(x)\n'


def files() -> list[Path]:
    stdlib = Path(sysconfig.get_path("stdlib"))
    found = sorted(p for p in stdlib.rglob("*.py") if "site-packages" not in p.parts)
    if os.environ.get("CELERYIZE_LONG"):
        return found + sorted(Path(sysconfig.get_path("purelib")).rglob("*.py"))
    return random.Random(7).sample(found, 60)


def edits(source: Source):
    yield "block", lambda s: add_block(s, BLOCK, ["import os"])
    yield "import", lambda s: s.splice(*add_import(s, "from celery.schedules import crontab"))
    yield "package", lambda s: import_app(s, "celery")
    yield "task", lambda s: add_task(s, TASK, ["from celery import shared_task"])


def test_every_file_is_edited_losslessly_or_refused():
    done = refused = 0
    for path in files():
        data = path.read_bytes()
        try:
            source = Source.decode(PurePosixPath(path.name), data)
            before = ast.parse(source.text)
        except (CannotPatch, SyntaxError, ValueError):
            refused += 1
            continue
        for name, edit in edits(source):
            try:
                after = edit(source)
            except CannotPatch:
                refused += 1
                continue
            done += 1
            remaining = iter(after.encode())
            assert all(byte in remaining for byte in data), (path, name)
            tree = ast.parse(after.text)
            assert len(tree.body) >= len(before.body), (path, name)
            if name != "block":
                assert edit(after) == after, (path, name)
    print(f"{done} edits, {refused} refused")
    assert done > 200
