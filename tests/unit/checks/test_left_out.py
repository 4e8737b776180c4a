"""What git, or the image, leaves out: a broken project for each mistake, and a healthy twin."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from celeryize.checks.run_checks import run_checks
from tests.conftest import make_tree
from tests.unit.checks.projects import (
    TASKS,
    Mistake,
    facts_of,
    found_in,
    healthy,
    settings,
    with_twin,
)

BESIDE = settings("CELERY_BROKER_URL = 'redis://redis:6379/0'\n", instead="CELERY_BROKER_URL")
WORKER = (
    "services:\n  worker:\n    build: {0}\n    stop_grace_period: 600s\n"
    "    command: celery -A config worker\n{1}  redis:\n    image: redis:7\n"
)
ALL = "FROM python:3.13\nWORKDIR /app\nCOPY . .\n"
SOME = "FROM python:3.13\nWORKDIR /app\nCOPY manage.py .\nCOPY config ./config\n"
STAGES = (
    f"FROM python:3.13 AS base\nWORKDIR /app\nFROM base AS full\nCOPY . .\n"
    f"{SOME.replace('3.13', '3.13 AS worker')}FROM full AS other\nRUN true\n"
)
BUILDER = (
    "FROM python:3.13 AS builder\nWORKDIR /app\nCOPY requirements.txt .\nRUN python -m venv /venv\n"
)


def image(dockerfile: str, ignore: str = "", *, build: str = ".", more: str = "") -> dict[str, str]:
    files = {**BESIDE, "compose.yml": WORKER.format(build, more), "Dockerfile": dockerfile}
    if ignore:
        files[".dockerignore"] = ignore
    return files


PRICES = {
    "doctors/tasks.py": f"from doctors.prices import LIST\n{TASKS}",
    "doctors/prices.py": "LIST = 1\n",
}
LAZY = f"try:\n    from doctors.prices import LIST\nexcept ImportError:\n    LIST = 2\n{TASKS}"
CHOSEN = {
    "config/queues.py": "MAIN = 'celery'\n",
    "config/settings.py": f"from .queues import MAIN\n{BESIDE['config/settings.py']}",
}
LOCAL = {
    "config/local.py": "MAIN = 'celery'\n",
    "config/settings.py": f"from .local import MAIN\n{BESIDE['config/settings.py']}",
}
POD = """apiVersion: apps/v1
kind: Deployment
metadata: {name: it}
spec:
  template:
    spec:
      terminationGracePeriodSeconds: 600
      containers:
        - image: registry.example.com/shop:3
          command: [celery, -A, config, worker]
"""
MISTAKES = [
    Mistake(
        "celery.E934",
        image("FROM python:3.13\nWORKDIR /app\nCOPY config ./config\nCOPY manage.py .\n"),
        image("FROM python:3.13\nWORKDIR /app\nCOPY config ./config\nCOPY doctors doctors\n"),
        at="Dockerfile:4",
    ),
    Mistake(
        "celery.E934",
        image('FROM python:3.13\nWORKDIR /app\nCOPY --chown=1:1 ["manage.py", "config/", "./"]\n'),
        image(
            "FROM python:3.13 AS base\nWORKDIR /app\nCOPY --chown=1:1 manage.py \\\n"
            "    config/ ./\nFROM base\nCOPY ./doc* /app/\n"
        ),
        at="Dockerfile:3",
    ),
    Mistake(
        "celery.E934",
        image(ALL, "*.md\n**/tasks.py\n"),
        image(ALL, "*.md\n**/tasks.py\n!doctors/tasks.py\n"),
        at=".dockerignore:2",
    ),
    Mistake(
        "celery.E934",
        image(ALL, "doctors\n"),
        # only at the top of the context
        image(ALL, "tasks.py\n*/tests\n**/__pycache__\ndoc\n"),
        at=".dockerignore:1",
    ),
    Mistake(
        "celery.E934",
        image(ALL, "*\n!config\n!manage.py\n"),
        image(ALL, "*\n!config\n!manage.py\n!doctors/\n"),
        at=".dockerignore:1",
    ),
    Mistake(
        "celery.E934",
        image(ALL, "/doctors/*.py\n", build="{context: .}"),
        # the folder is mounted
        image(ALL, "/doctors/*.py\n", more="    volumes: ['.:/app']\n"),
        at=".dockerignore:1",
    ),
    # the stage that a service names, and what is copied from another one
    Mistake(
        "celery.E934",
        image(STAGES, build="{context: ., target: worker}"),
        image(STAGES, build="{context: ., target: full}"),
        at="Dockerfile:8",
    ),
    Mistake(
        "celery.E934",
        image(STAGES, build="{context: ., target: '2'}"),
        image(STAGES, build="{context: ., target: other}"),
        at="Dockerfile:8",
    ),
    # a stage that nothing is made from hides nothing
    Mistake(
        "celery.E934",
        image(f"{ALL}RUN pytest\n{SOME}"),
        image(f"{SOME}{ALL}RUN pytest\n"),
        at="Dockerfile:8",
    ),
    *(
        Mistake(
            "celery.E934",
            image(f"{BUILDER}{SOME}{line}\n"),
            image(f"{BUILDER.replace('requirements.txt', '.')}{SOME}{twin}\n"),
            at="Dockerfile:8",
        )
        for line, twin in (
            ("COPY --from=builder /venv /venv", "COPY --from=builder /app /app"),
            ("COPY --chown=1:1 --from=0 /venv /venv", "COPY --chown=1:1 --from=0 /app /app"),
            (
                "COPY --from=ghcr.io/astral-sh/uv:0.9 /uv /bin/",
                "COPY --from=example.org/shop:3 /app /app",
            ),
        )
    ),
    # what the tasks and the settings import; a manifest beside the one Dockerfile
    Mistake(
        "celery.E934",
        image(ALL, "*.md\n**/prices.py\n") | PRICES,
        image(ALL, "*.md\n**/prices.py\n")
        | {"doctors/tasks.py": LAZY, "doctors/prices.py": "LIST = 1\n"},
        at=".dockerignore:2",
    ),
    Mistake(
        "celery.E934",
        image(ALL, "config/queues.py\n") | CHOSEN,
        image(ALL, "config/local.py\n") | LOCAL,
        at=".dockerignore:1",
    ),
    Mistake(
        "celery.E934",
        {"Dockerfile": ALL, ".dockerignore": "**/tasks.py\n", "k8s/it.yaml": POD},
        {
            "Dockerfile": ALL,
            "deploy/Dockerfile": ALL,
            ".dockerignore": "**/tasks.py\n",
            "k8s/it.yaml": POD,
        },
        at=".dockerignore:1",
    ),
    Mistake(
        "celery.E934",
        image("FROM python:3.13\nCOPY config /app/config\n"),
        # the code comes from somewhere else
        image("FROM python:3.13\nCOPY requirements.txt .\nRUN git clone https://x.example/it\n"),
        at="Dockerfile:2",
    ),
    Mistake(
        "celery.E941",
        image("FROM python:3.13-slim\nCOPY . .\nRUN pip install Django==5.2 gunicorn\n"),
        image("FROM python:3.13-slim\nCOPY . .\nRUN pip install Django==5.2 'celery[redis]'\n"),
        at="Dockerfile:3",
    ),
    Mistake(
        "celery.E941",
        image("FROM python:3.13 AS it\nCOPY . .\nRUN pip3 install --no-cache-dir \\\n    django\n"),
        # what the base image holds is not known
        image("FROM shop/base:3\nCOPY . .\nRUN pip install django\n"),
        at="Dockerfile:3",
    ),
    Mistake(
        "celery.E941",
        image("FROM python:3.13\nCOPY . .\nRUN pip install django redis\n"),
        image("FROM python:3.13\nCOPY . .\nRUN pip install django\nRUN pip install -r more.txt\n"),
        at="Dockerfile:3",
    ),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_is_found_and_nothing_else(tmp_path, mistake):
    assert found_in(tmp_path, mistake.broken) == [(mistake.id, mistake.place)]


@pytest.mark.parametrize("mistake", with_twin(MISTAKES), ids=str)
def test_nothing_is_found_in_the_healthy_twin(tmp_path, mistake):
    assert found_in(tmp_path, mistake.twin) == []


READING = {"doctors/tasks.py": f"from doctors.models import Doctor\n{TASKS}"}
# what git ignores is seen in a repository alone
IGNORED = [
    Mistake(
        "celery.E935",
        {".gitignore": "*.pyc\ntasks.py\n"},
        {".gitignore": "*.pyc\n/tasks.py\n"},
        at=".gitignore:2",
    )
]


@pytest.mark.parametrize("mistake", IGNORED, ids=str)
def test_a_mistake_of_a_repository_is_found(tmp_path, mistake):
    broken, twin = (files[".gitignore"] for files in (mistake.broken, mistake.twin))
    found = found_in_repository(tmp_path / "broken", broken)
    assert [(name, place) for name, place, _ in found] == [(mistake.id, mistake.place)]
    assert found_in_repository(tmp_path / "twin", twin) == []


def found_in_repository(folder, ignore, *, force=False, inside="", files=READING):
    """What is found in a healthy project that is committed with a .gitignore."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    root = make_tree(folder / inside, {**healthy(), **files})
    (folder / ".gitignore").write_text(ignore)
    git = ["git", "-C", str(folder)]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", *(["-f"] if force else []), "."], check=True)
    return [
        (finding.id, str(finding.where), finding.message.split(",")[0])
        for finding in run_checks(facts_of(root)).findings
    ]


@pytest.mark.parametrize(
    ("ignore", "line", "file"),
    [
        ("*.pyc\ntasks.py\n", 2, "doctors/tasks.py"),
        ("doctors/*\n!doctors/models.py\n", 1, "doctors/tasks.py"),
        ("/doctors/\n", 1, "doctors/tasks.py"),
        ("# of the editor\n\n**/cel*y.py\n", 3, "config/celery.py"),
        ("models.py\n", 1, "doctors/models.py"),
    ],
)
def test_a_file_that_git_ignores_is_found(tmp_path, ignore, line, file):
    found = found_in_repository(tmp_path, ignore)
    assert found == [("celery.E935", f".gitignore:{line}", f"git ignores {file}")]


@pytest.mark.parametrize(
    "ignore",
    ["*.pyc\ntask.py\n", "/tasks.py\n", "tasks.py\n!doctors/tasks.py\n", "config/local.py\n"],
)
def test_a_pattern_beside_it_is_no_mistake(tmp_path, ignore):
    assert found_in_repository(tmp_path, ignore) == []


def test_a_file_that_was_added_all_the_same_is_deployed(tmp_path):
    assert found_in_repository(tmp_path, "tasks.py\n", force=True) == []


def test_a_project_inside_of_something_ignored_is_left_alone(tmp_path):
    assert found_in_repository(tmp_path, "build/\ntasks.py\n", inside="build/site") == []


def test_a_pattern_of_the_repository_above_is_found(tmp_path):
    found = found_in_repository(tmp_path, "tasks.py\n", inside="site")
    assert [(name, place) for name, place, _ in found] == [("celery.E935", ".gitignore:1")]


IMAGES = [
    "FROM shop/base:3\nCOPY manage.py .\n",
    "FROM python:3.13\nCOPY manage.py .\nCOPY dist/*.whl /tmp/\nRUN pip install /tmp/*.whl\n",
    "FROM python:3.13\nCOPY --from=code /app /app\nCOPY manage.py .\n",
    "FROM python:3.13\nCOPY manage.py .\nCOPY ./config/**/*.py config/\n",
    "FROM python:3.13\nCOPY . .\nRUN <<EOF\npip install django\npip install celery\nEOF\n",
    'FROM python:3.13\nCOPY . .\nRUN pip install "django~=5.1" ".[worker]"\n',
    "FROM python:3.13\nCOPY . /src\nRUN pip install django /src\n",
    "FROM python:3.13\nCOPY . .\nRUN pip install django --group worker\n",
    "FROM python:3.13\nCOPY . .\nRUN pip install django shop-platform\n",
    "FROM python:3.13\nCOPY . .\nRUN pip install django\nADD packages.tar.gz /usr/lib/\n",
]


@pytest.mark.parametrize("dockerfile", IMAGES)
def test_an_image_whose_content_is_not_known_lacks_nothing(tmp_path, dockerfile):
    found = found_in(tmp_path, image(dockerfile))
    assert not {identifier for identifier, _ in found} & {"celery.E934", "celery.E941"}


def test_an_image_that_the_compose_file_itself_describes_is_another_one(tmp_path):
    inline = "{context: ., dockerfile_inline: 'FROM shop/base'}"
    found = found_in(tmp_path, image("FROM python:3.13\nCOPY config .\n", build=inline))
    assert "celery.E934" not in {identifier for identifier, _ in found}


def test_tasks_that_no_worker_imports_may_be_ignored(tmp_path):
    task = "from celery import shared_task\n\n\n@shared_task\ndef tried():\n    pass\n"
    files = {
        "playground/__init__.py": "",
        "playground/tasks.py": task,
        **image(ALL, "playground\n"),
    }
    assert "celery.E934" not in {identifier for identifier, _ in found_in(tmp_path, files)}
