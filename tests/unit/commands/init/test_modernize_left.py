"""`init --modernize`: an old command that is not rewritten is a manual step, never silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from celeryize.commands.init.modernize_left import modern_words
from tests import commands
from tests.conftest import make_tree, small_project
from tests.views import Recorder

SERVICE = "services:\n  one:\n    build: .\n{lines}"
POD = """apiVersion: v1
kind: Pod
metadata: {{name: a}}
spec:
  containers:
  - name: one
    image: x
{lines}"""
TODAY = '["celery", "-A", "blog", "worker"]'
LEFT = [
    (
        "compose.yaml",
        SERVICE,
        "    command:\n      - celery\n      - worker\n      # the app\n      - -A\n      - blog\n",
        5,
        f"command: {TODAY}\n",
    ),
    (
        "compose.yaml",
        SERVICE,
        '    command: ["celery", "worker",\n              "-A", "blog"]\n',
        4,
        f"command: {TODAY}\n",
    ),
    (
        "compose.yaml",
        SERVICE,
        '    entrypoint: ["celery"]\n    command: ["worker", "-A", "blog"]\n',
        5,
        'entrypoint: ["celery"]\ncommand: ["-A", "blog", "worker"]\n',
    ),
    (
        "compose.yaml",
        SERVICE,
        '    command: ["celery", "-A", "one", "worker", "-c", "2", "-A", "blog"]\n',
        4,
        'command: ["celery", "-A", "blog", "worker", "-c", "2"]\n',
    ),
    (
        "compose.yaml",
        SERVICE,
        '    command: ["celery", "flower", "-A", "blog", "--port=5555"]\n',
        4,
        'command: ["celery", "-A", "blog", "flower", "--port=5555"]\n',
    ),
    (
        "compose.yaml",
        SERVICE,
        '    command: ["celery", "inspect", "ping", "-A", "blog"]\n',
        4,
        'command: ["celery", "-A", "blog", "inspect", "ping"]\n',
    ),
    (
        "compose.yaml",
        SERVICE,
        '    healthcheck:\n      test: ["CMD", "celery", "inspect", "ping", "-A", "blog"]\n',
        5,
        "celery -A blog inspect ping\n",
    ),
    ("Procfile", "{lines}", "flower: celery flower -A blog\n", 1, "celery -A blog flower\n"),
    (
        "k8s/worker.yaml",
        POD,
        "    command: [celery]\n    args: [worker, -A, blog]\n",
        8,
        f"command: {TODAY}\n",
    ),
    (
        "k8s/worker.yaml",
        POD,
        "    args:\n    - celery\n    - worker\n    - -A\n    - blog\n",
        9,
        f"args: {TODAY}\n",
    ),
]


def told(folder: Path, name: str, text: str) -> list[tuple[str, str]]:
    tree = small_project()
    tree["requirements.txt"] = "django>=4.2\ncelery[redis]>=5.4\n"
    make_tree(folder, {**tree, name: text})
    written = commands.init(folder, Recorder(), flags={}, yes=True, no_verify=True, modernize=True)
    assert (folder / name).read_text() == text
    return [
        (todo.why, todo.snippet) for todo in written.todos if todo.path and str(todo.path) == name
    ]


@pytest.mark.parametrize(("name", "around", "lines", "line", "snippet"), LEFT)
def test_an_old_command_that_stays_is_a_manual_step(
    name: str, around: str, lines: str, line: int, snippet: str, tmp_path: Path
):
    [(why, shown)] = told(tmp_path, name, around.format(lines=lines))
    assert why.startswith(f"{name}:{line}: ")
    assert shown == snippet


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("compose.yaml", SERVICE.format(lines=f"    command: {TODAY}\n")),
        ("compose.yaml", SERVICE.format(lines="    command: [celery, multi, start, w, -A, x]\n")),
        ("compose.yaml", SERVICE.format(lines="    depends_on: [celery, worker]\n")),
        (
            "compose.yaml",
            SERVICE.format(lines='    entrypoint: [celery, -A, x]\n    command: ["beat"]\n'),
        ),
        ("k8s/worker.yaml", POD.format(lines="    command: [celery, -A, x, inspect, ping]\n")),
        ("Procfile", "flower: celery -A blog flower\n"),
    ],
)
def test_a_command_of_celery_5_is_none(name: str, text: str, tmp_path: Path):
    assert told(tmp_path, name, text) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("python manage.py celery worker -c 2", "celery -A site worker -c 2"),
        ("/env/bin/celeryd --app=x", "/env/bin/celery -A x worker"),
        ("tini -- celery beat -Ax", "tini -- celery -A x beat"),
        ("celery -A worker worker --autoreload -A x", "celery -A x worker"),
        ("celery -A x worker --maxtasksperchild=5", "celery -A x worker --max-tasks-per-child=5"),
        ("celery -b redis:// worker -A x", "celery -A x -b redis:// worker"),
        (
            "celery worker --workdir=/app -b redis:// -A x -c 2",
            "celery -A x --workdir=/app -b redis:// worker -c 2",
        ),
        ("docker exec celery celery status -A x", "docker exec celery celery -A x status"),
        ("celery report -A x", "celery -A x report"),
        ("celery -A x worker -n report -Q beat", None),
        ("chown celery /var", None),
        ("gosu celeryd celery -A x worker", None),
        ("celery -A celeryd worker", None),
        ("celery -A x call a.b", None),
        ("celery -A worker worker", None),
        ("celery --version", None),
        ("gunicorn site.wsgi", None),
    ],
)
def test_the_words_of_today(old: str, new: str | None):
    found = modern_words(old.split(), "site")
    assert found == (tuple(new.split()) if new else None)
