"""`celeryize demo` works from nothing, and says where the project is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.conftest import Run


def test_the_demo_ends_with_a_task_run_by_a_real_worker(tmp_path: Path, celeryize: Run):
    ran = celeryize(tmp_path, "demo", "--keep", "here")
    assert ran.returncode == 0, ran.stderr
    assert "'Good morning, Dr. Curie'" in ran.stderr
    assert str(tmp_path / "here") in ran.stderr
    assert "proved: " in ran.stderr
    subprocess.run([sys.executable, "manage.py", "check"], cwd=tmp_path / "here", check=True, capture_output=True)


def test_the_demo_does_not_build_into_a_folder_in_use(tmp_path: Path, celeryize: Run):
    (tmp_path / "mine.txt").write_text("x")
    ran = celeryize(tmp_path, "demo", "--keep", ".")
    assert (ran.returncode, "is not empty" in ran.stderr) == (3, True)
