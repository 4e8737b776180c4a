"""What a process of `dev` does before it becomes the web, the worker or Beat."""

import subprocess
import sys
from pathlib import Path

import pytest

from celeryize.commands.dev import starter

PROGRAM = """
import runpy
import sys

starter = runpy.run_path(sys.argv[1])
starter["import_libraries"](of_celery=sys.argv[2] == "celery")
print(sorted({"django.conf", "django.test"} & set(sys.modules)))
"""


@pytest.mark.parametrize(
    ("process", "imported"),
    [("celery", "['django.conf']"), ("web", "['django.conf', 'django.test']")],
)
def test_the_libraries_of_a_start_are_imported_from_the_script_of_the_live_proof(
    process: str, imported: str, tmp_path: Path
) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(starter.__file__), process],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (ran.stderr, ran.stdout.strip()) == ("", imported)
