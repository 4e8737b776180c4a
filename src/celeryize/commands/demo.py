"""`celeryize demo`: a scratch project gets Celery, a task and a schedule, and runs them."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from celeryize.checks.facts import read_facts
from celeryize.commands.verify.live import run_live
from celeryize.commands.verify.stop import run_stop
from celeryize.detect.project import load_project
from celeryize.errors import CeleryizeError, Unproved
from celeryize.live.stop import Outcome
from celeryize.ui.view import View

# What the scratch project has beside startproject and startapp.
MODEL = """from django.db import models


class Doctor(models.Model):
    name = models.CharField(max_length=80)
    email = models.EmailField()

    def __str__(self):
        return self.name
"""
# The body of the task, as --body-from takes it.
GREET = """@{{ decorator }}
def {{ name }}({{ signature }}) -> str:
    return f"Good morning, Dr. {name}"
"""
# What a web process does: send the task, wait for its result.
CALL = """import django
django.setup()
from doctors.tasks import greet
print(greet.delay("Curie").get(timeout=20, interval=0.05))
"""
# Ends the worker when its own input closes: when the demo has finished, or was killed.
GUARD = """import select, subprocess, sys
worker = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
while worker.poll() is None and not select.select([0], [], [], 0.05)[0]:
    pass
worker.kill()
worker.wait()
"""
# How a project is deployed before it has a worker.
DOCKERFILE = """FROM python:3.13-slim
WORKDIR /code
COPY . .
RUN pip install --no-cache-dir gunicorn -r requirements.txt
"""
COMPOSE = """services:
  web:
    build: .
    command: gunicorn config.wsgi --bind 0.0.0.0:8000
    volumes:
      - .:/code
    ports:
      - "8000:8000"
"""
# What may become of a task at a stop, and of Beat.
GOOD_STOPS = frozenset({Outcome.FINISHED, Outcome.AGAIN, Outcome.ENDED})
# Seconds until the worker has to be ready.
READY = 30.0


def run(folder: Path | None, view: View) -> Path:
    """Build the project in `folder` (default: a new temporary one, which stays) and run the tour.

    Raises CeleryizeError where the folder is in use, Unproved at the first step that fails.
    """
    if folder is not None and folder.exists() and any(folder.iterdir()):
        raise CeleryizeError(
            f"{folder} is not empty", hint="Pass another folder, or remove this one."
        )
    if folder is None:
        root = Path(tempfile.mkdtemp(prefix="celeryize-demo-"))
    else:
        root = folder.absolute()
    root.mkdir(parents=True, exist_ok=True)
    view.show_line(f"A scratch project in {root}")
    _build_project(root, view)
    _run_celeryize(root, view, "init", "--broker", "filesystem", "--beat", "--yes")
    (root / "greet.py.jinja").write_text(GREET)
    _run_celeryize(
        root,
        view,
        "add-task",
        "doctors.greet",
        "name:str",
        "--body-from",
        "greet.py.jinja",
        "--yes",
    )
    entry = ("greet-every-morning", "doctors.tasks.greet", "--at", "07:30", "--args", '["Curie"]')
    _run_celeryize(root, view, "add-schedule", *entry, "--yes")
    view.show_line("\nThe task, run by a real worker:")
    with _running_worker(root, view):
        with view.working("sending the task"):
            answer = _run_python(root, "-c", CALL)
        view.show_line(f'  greet.delay("Curie").get()  ->  {answer.strip()!r}')
    _prove_live(root, view)
    _deploy(root, view)
    _prove_stops(root, view)
    view.show_line(f"Everything worked. Look around: {root}")
    return root


def _prove_live(root: Path, view: View) -> None:
    view.show_line("\nThe live proof, on a queue of its own:")
    report = run_live(load_project(root, python=sys.executable), view)
    if not report.passed:
        raise Unproved("the live proof failed", hint=f"See {root}.")
    view.show_line(f"  in {report.seconds:.1f} seconds; nothing of it is left running")


def _deploy(root: Path, view: View) -> None:
    """A compose file gets a worker and Beat; the Compose binary judges it, where it is there."""
    (root / "Dockerfile").write_text(DOCKERFILE)
    (root / "compose.yaml").write_text(COMPOSE)
    _run_celeryize(root, view, "add-worker", "--yes")
    judge = _compose_command()
    if judge is None:
        view.show_line("\nThe compose file is not judged: there is no Compose on this machine.")
        return
    command = [*judge, "-f", "compose.yaml", "config", "--services"]
    ended = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise Unproved(
            f"Compose refuses the file: {ended.stderr.strip()}", hint=f"See {root}/compose.yaml."
        )
    services = ", ".join(sorted(ended.stdout.split()))
    view.show_line(f"\nCompose takes the file, with the services {services}.")


def _prove_stops(root: Path, view: View) -> None:
    """Worker and Beat are stopped as Compose stops them: no task is lost."""
    if shutil.which("redis-server") is None:
        view.show_line("\nThe stop was not tried: there is no redis-server on this machine.\n")
        return
    view.show_line("\n$ celeryize verify --live --stop")
    project = load_project(root, python=sys.executable)
    stops = run_stop(project, read_facts(project), view)
    view.show_stops(stops)
    for stop in stops:
        for result in stop.results:
            if result.outcome not in GOOD_STOPS:
                raise Unproved(
                    f"{stop.name} loses its task at a stop: {result.outcome}", hint=f"See {root}."
                )


def _compose_command() -> list[str] | None:
    """How Compose is called here: as a program of its own, or as a plugin of docker."""
    beside = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    found = shutil.which("docker-compose", path=beside)
    if found:
        return [found]
    docker = shutil.which("docker")
    if docker is None:
        return None
    asked = subprocess.run([docker, "compose", "version"], capture_output=True, check=False)
    if asked.returncode:
        return None
    return [docker, "compose"]


def _build_project(root: Path, view: View) -> None:
    """startproject, two apps, a model, the apps installed: as everybody begins."""
    apps = ("doctors", "shop")
    view.show_line(
        " && ".join(
            [
                "$ django-admin startproject config .",
                *(f"python manage.py startapp {app}" for app in apps),
            ]
        )
    )
    with view.working("making the project"):
        _run_python(root, "-m", "django", "startproject", "config", ".")
        for app in apps:
            _run_python(root, "manage.py", "startapp", app)
    (root / "doctors/models.py").write_text(MODEL)
    settings = root / "config/settings.py"
    text = settings.read_text()
    settings.write_text(
        text.replace("INSTALLED_APPS = [\n", "INSTALLED_APPS = [\n    'doctors',\n    'shop',\n", 1)
    )
    (root / "requirements.txt").write_text("django\n")
    (root / ".gitignore").write_text("__pycache__/\ndb.sqlite3\n")


def _run_celeryize(root: Path, view: View, *arguments: str) -> None:
    view.show_line(f"\n$ celeryize {shlex.join(arguments)}")
    command = [sys.executable, "-m", "celeryize", *arguments, "--python", sys.executable]
    ended = subprocess.run(command, cwd=root, stdin=subprocess.DEVNULL, check=False)
    if ended.returncode:
        raise Unproved(
            f"celeryize {arguments[0]} ended with {ended.returncode}", hint=f"See {root}."
        )


def _run_python(root: Path, *arguments: str) -> str:
    """What our own interpreter prints. Raises Unproved, with its last lines, where it fails."""
    environment = _clean_environment()
    # startproject writes the settings module, so it cannot load one yet
    if "startproject" not in arguments:
        environment["DJANGO_SETTINGS_MODULE"] = "config.settings"
    ended = subprocess.run(
        [sys.executable, *arguments],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        tail = "\n".join((ended.stderr or ended.stdout).strip().splitlines()[-5:])
        raise Unproved(f"python {' '.join(arguments[:2])} failed:\n{tail}", hint=f"See {root}.")
    return ended.stdout


@contextmanager
def _running_worker(root: Path, view: View) -> Iterator[None]:
    """A worker that is ready; gone afterwards."""
    command = [
        "-m",
        "celery",
        "-A",
        "config",
        "worker",
        "-P",
        "solo",
        "-l",
        "INFO",
        "--without-gossip",
        "--without-mingle",
    ]
    view.show_line("$ celery -A config worker -P solo")
    log = root / "worker.log"
    with log.open("wb") as stream:
        worker = subprocess.Popen(
            [sys.executable, "-c", GUARD, sys.executable, *command],
            cwd=root,
            env=_clean_environment(),
            stdin=subprocess.PIPE,
            stdout=stream,
            stderr=stream,
            # Ctrl-C is for the demo; the guard ends the worker
            start_new_session=True,
        )
    try:
        with view.working("starting a worker"):
            _wait_until_ready(worker, log)
        yield
    finally:
        # closes its input, which ends the guard and with it the worker
        worker.communicate()


def _wait_until_ready(worker: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + READY
    while " ready." not in log.read_text("utf-8", "replace"):
        if worker.poll() is not None or time.monotonic() > deadline:
            tail = "\n".join(log.read_text("utf-8", "replace").strip().splitlines()[-5:])
            raise Unproved(f"the worker did not start:\n{tail}", hint=f"Its log: {log}")
        time.sleep(0.05)


def _clean_environment() -> dict[str, str]:
    # the shell's own project must not reach the scratch project
    drop = {"DJANGO_SETTINGS_MODULE", "BROKER_URL", "RESULT_BACKEND"}
    return {
        name: value
        for name, value in os.environ.items()
        if name not in drop and not name.startswith("CELERY_")
    }
