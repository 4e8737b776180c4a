"""The wheel is whole: installed into a fresh environment, `celeryize init` works from it."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment that sees our dependencies, but our package only as the wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    if subprocess.run([*pip, "--version"], capture_output=True).returncode:
        pytest.skip("this environment has no pip")
    subprocess.run(
        [*pip, "wheel", "--no-deps", "-w", folder, ROOT], check=True, capture_output=True
    )
    (wheel,) = folder.glob("celeryize-*.whl")
    venv.create(folder / "env", with_pip=False)
    python = folder / "env/bin/python"
    subprocess.run(
        [*pip, "--python", python, "install", "--no-deps", wheel], check=True, capture_output=True
    )
    (packages,) = (folder / "env/lib").glob("python*/site-packages")
    ours = next(p for p in map(Path, sys.path) if (p / "copier").is_dir())
    (packages / "dependencies.pth").write_text(f"{ours}\n")
    return folder / "env"


def test_init_works_from_the_wheel(installed: Path, project: Path):
    where = subprocess.run(
        [installed / "bin/python", "-c", "import celeryize.render as r; print(r.templates())"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert str(installed) in where.stdout
    ran = subprocess.run(
        [installed / "bin/celeryize", "init", "--yes", "--python", sys.executable],
        cwd=project,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    assert "proved" in ran.stderr
    assert (project / "config/celery.py").exists()


def test_no_bytecode_of_a_template_reaches_a_project(installed: Path, project: Path):
    subprocess.run(
        [installed / "bin/python", "-m", "compileall", "-q", installed / "lib"], capture_output=True
    )
    subprocess.run(
        [installed / "bin/celeryize", "init", "--yes", "--no-verify"],
        cwd=project,
        check=True,
        capture_output=True,
    )
    assert not [p for p in project.rglob("*.py[co]") if "templates" in str(p)]
    assert not list(project.rglob("__pycache__"))
