"""`init --modernize --install`: the new Celery is installed into a throw-away environment, and proved there first."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.conftest import snapshot
from tests.matrix.run import environment

BLOG = Path(__file__).parents[1] / "golden/modernize_blog_of_2016/before"


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's interpreter: with its Django, and without any Celery."""
    folder = tmp_path_factory.mktemp("blog") / "venv"
    problem = environment(Path(sys.executable), folder, "django>=4.2,<5.3", "pip")
    if problem:
        pytest.skip(f"Django cannot be installed here: {problem}")
    return folder / "bin/python"


@pytest.fixture
def blog(tmp_path: Path) -> Path:
    return Path(shutil.copytree(BLOG, tmp_path / "blog"))


def modernize(blog: Path, python: Path, *words: str) -> tuple[int, dict]:
    command = [sys.executable, "-m", "celeryize", "init", "--modernize", *words]
    command += ["--python", str(python), "--json"]
    ran = subprocess.run(command, cwd=blog, capture_output=True, text=True)
    return ran.returncode, json.loads(ran.stdout)


def has_celery(python: Path) -> bool:
    return not subprocess.run([python, "-c", "import celery"], capture_output=True).returncode


def test_it_is_proved_under_the_new_celery_before_anything_is_written(blog: Path, python: Path):
    before = snapshot(blog)
    code, told = modernize(blog, python, "--install", "--dry-run")
    assert (code, told["proof"]["verdict"]) == (0, "passed")
    assert "Celery 5." in told["proof"]["summary"]
    assert told["proof"]["summary"].endswith("in a throw-away environment")
    assert snapshot(blog) == before
    assert not has_celery(python)


def test_code_that_fails_under_the_new_celery_is_left_as_it_is(blog: Path, python: Path):
    tasks = blog / "posts/tasks.py"
    tasks.write_text(tasks.read_text() + "\nfrom celery.five import string_t\n")
    before = snapshot(blog)
    code, told = modernize(blog, python, "--install", "--yes")
    assert code == 4
    assert "celery.five" in told["error"]["message"]
    assert snapshot(blog) == before
    assert not has_celery(python)


def test_dependencies_that_cannot_be_installed_end_it(blog: Path, python: Path):
    requirements = blog / "requirements.txt"
    requirements.write_text(requirements.read_text().replace("pytz==2016.4", "pytz==1066.1"))
    before = snapshot(blog)
    code, told = modernize(blog, python, "--install", "--yes")
    assert (code, "throw-away environment" in told["error"]["message"]) == (3, True)
    assert snapshot(blog) == before


def test_without_install_it_is_said_what_was_not_proved(blog: Path, python: Path):
    code, told = modernize(blog, python, "--yes")
    assert code == 0
    notes = [note for note in told["notes"] if "--modernize --install" in note]
    assert len(notes) == 1
    assert "not proved under celery[redis]==5." in notes[0]


def test_the_blog_runs_under_a_worker_of_todays_celery(tmp_path: Path):
    """The process that production starts: the line of its Procfile, with a broker in memory."""
    blog = Path(shutil.copytree(BLOG.parent / "after", tmp_path / "blog"))
    line = (blog / "Procfile").read_text().split("worker:")[1].splitlines()[0].split()
    assert line[:3] == ["celery", "-A", "blog"]
    command = [sys.executable, "-m", "celery", "-A", "blog", "-b", "memory://", *line[3:]]
    command += ["--pool", "solo", "--without-mingle", "--without-gossip"]
    worker = subprocess.Popen(
        command, cwd=blog, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    # whatever happens, it does not outlive the test
    stopwatch = threading.Timer(60, worker.kill)
    stopwatch.start()
    told: list[str] = []
    assert worker.stdout is not None
    try:
        for line_of_log in worker.stdout:
            told.append(line_of_log.strip())
            if line_of_log.rstrip().endswith("ready."):
                break
    finally:
        stopwatch.cancel()
        worker.kill()
        worker.communicate()
    assert told[-1].endswith("ready."), "\n".join(told)
    listed = {text.removeprefix(". ") for text in told if text.startswith(". posts.")}
    assert listed == {"posts.ping", "posts.tasks.clean_up", "posts.tasks.send_digest"}
