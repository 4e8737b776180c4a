"""What follows other answers beside the settings: extras, .gitignore, folders, deployment files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from celeryize.brokers import (
    extra_for,
    find_broker,
    find_result_backend,
    url_of_broker,
    url_of_result_backend,
)
from celeryize.commands.beat_files import ignore_beat_files
from celeryize.commands.init.answers import DATA_FOLDER, Answers
from celeryize.commands.init.dependency import declare_dependency, refresh_locks
from celeryize.commands.init.generated_files import write_data_folders
from celeryize.commands.init.setup import Setup
from celeryize.errors import CannotPatch
from celeryize.model import Todo
from celeryize.patch.dependencies import change_extras
from celeryize.patch.gitignore import BEAT_FILES, COMMENT, unignore
from celeryize.reading import read_file, readable_text
from celeryize.urls import redacted

_DEPLOYMENT = ("*compose*.y*ml", ".env*", "*.env", ".envs/**/*", "Procfile*", "deploy/**/*")
_URL = re.compile(rb"(CELERY_BROKER_URL|CELERY_RESULT_BACKEND)[\"']?\s*[:=]\s*[\"']?([\w+]+)://")
_REDIS = re.compile(rb"(?m)^\s*(?:import|from)\s+redis\b|cache\.backends\.redis")


def change_around(setup: Setup, before: Answers) -> None:
    """Have the dependency, .gitignore, the folders and the deployment files follow the answers."""
    answers = setup.answers
    if (answers.broker, answers.result_backend) != (before.broker, before.result_backend):
        _change_dependency(setup, before)
    elif setup.project.dependencies.file is not None:
        setup.draft.keep(setup.project.dependencies.file, "declares what the answers need")
    if answers.beat != before.beat:
        path = setup.project.gitignore
        data = setup.draft.read(path)
        if answers.beat:
            ignore_beat_files(setup.project, setup.draft)
        elif data is not None and (less := unignore(data, BEAT_FILES, COMMENT)) != data:
            setup.draft.write(path, less, "no longer ignores the file of Celery Beat")
    write_data_folders(setup)
    if answers.broker == before.broker and answers.result_backend == before.result_backend:
        return
    _remove_data_folder(setup, answers)
    _report_backend_app(setup, before)
    for todo in _deployment_steps(setup, answers):
        setup.draft.add_todo(todo)
    broker = find_broker(answers.broker)
    if broker is not None and answers.broker != before.broker:
        for note in broker.notes:
            setup.draft.add_note(note)
        setup.draft.add_note(
            "Messages that wait in the old broker stay there: let its workers finish them before "
            "they are stopped."
        )


def _change_dependency(setup: Setup, before: Answers) -> None:
    """The extras of Celery: those of the new answers in the place of those of the old ones."""
    project, answers = setup.project, setup.answers
    old = {extra_for(url) for url in (before.broker, before.result_backend)} - {None}
    new = {extra_for(url) for url in (answers.broker, answers.result_backend)} - {None}
    dependencies = project.dependencies
    if old != new and "celery" in dependencies.declared and dependencies.file is not None:
        gone = {extra for extra in old - new if extra}
        if "redis" in gone and (where := _other_use_of_redis(setup)):
            gone.discard("redis")
            setup.draft.add_note(f"celery[redis] keeps its extra: {where} uses redis, too.")
        data = setup.draft.read(dependencies.file) or b""
        more = {extra for extra in new - old if extra}
        more -= {extra for extra in more if extra in dependencies.declared}
        try:
            after = change_extras(data, dependencies.file, dependencies.form, gone, more)
        except CannotPatch as refusal:
            setup.draft.add_manual(refusal)
            return
        if after != data:
            setup.draft.write(dependencies.file, after, "the extras of celery")
            refresh_locks(setup)
            backend = find_result_backend(answers.result_backend)
            if not (backend and backend.distribution):
                return
            # what is left is the distribution of the result backend
            declare_dependency(setup, "", answers.result_backend)
            return
    declare_dependency(setup, answers.broker, answers.result_backend)


def _other_use_of_redis(setup: Setup) -> str:
    """The first file that uses the library without Celery."""
    project = setup.project
    for base in project.layout.paths:
        for path in project.modules.python_files(base, 8):
            if _REDIS.search(read_file(project.root / path)):
                return str(path)
    return ""


def _remove_data_folder(setup: Setup, answers: Answers) -> None:
    """Take the folders of messages and results out, where nothing is in them."""
    broker = find_broker(answers.broker)
    if broker is not None and broker.in_folder:
        return
    for name in ("broker", "results"):
        folder = setup.project.base / DATA_FOLDER / name
        full = setup.project.root / folder
        if not full.is_dir():
            continue
        there = [file.name for file in full.iterdir()]
        if not there:
            continue
        if there == [".gitignore"]:
            setup.draft.delete(folder / ".gitignore", "no folder of messages any more")
        else:
            setup.draft.add_note(f"{folder} holds files, so it stays; remove it when it is empty.")


def _report_backend_app(setup: Setup, before: Answers) -> None:
    backend = find_result_backend(before.result_backend)
    if backend is None or not backend.app or setup.answers.result_backend == backend.name:
        return
    setup.draft.add_note(
        f"{backend.app} stays in INSTALLED_APPS, because its tables hold the results so far. To "
        f"remove them: `python manage.py migrate {backend.app} zero`, then take it out there."
    )


def _with_url(line: str, url: str, service: str) -> str:
    """A line with another URL: on the broker's service, where the old one was on a service."""
    found = re.search(r"[\w+]+://[^\s\"']*", line)
    if found is None:
        return line
    local = re.search(r"(?:@|://)(?:localhost|127\.0\.0\.1)\b", found[0])
    if not local and service:
        url = url.replace("localhost", service)
    return line[: found.start()] + url + line[found.end() :]


def _deployment_steps(setup: Setup, answers: Answers) -> Iterator[Todo]:
    """A manual step for each line of a deployment file that names another server than the settings
    now."""
    broker = find_broker(answers.broker)
    in_folder = broker is not None and broker.in_folder
    broker_url = url_of_broker(answers.broker)
    wanted = {
        # a folder of one machine is no server for containers
        "CELERY_BROKER_URL": "" if in_folder else broker_url,
        "CELERY_RESULT_BACKEND": url_of_result_backend(answers.result_backend, broker_url),
    }
    chosen = {
        "CELERY_BROKER_URL": answers.broker,
        "CELERY_RESULT_BACKEND": answers.result_backend,
    }
    for path, number, name, line in _lines_with_urls(setup):
        url = wanted[name]
        found = _URL.search(line.encode())
        scheme = found[2].decode() if found else ""
        if scheme == url.partition(":")[0]:
            continue
        if "://" not in url:
            yield Todo(
                f"remove {name} in line {number}",
                f"The settings have {redacted(chosen[name])} now, and this line would win over "
                "them.",
                f"{redacted(line)}\n",
                path,
            )
            continue
        why = f"It still names the old server; the settings have {redacted(chosen[name])} now."
        service = ""
        if broker is not None and url == broker_url:
            service = broker.name
            why += " `celeryize add-worker` then adds its service."
        text = redacted(_with_url(line, url, service))
        yield Todo(f"change {name} in line {number}", why, f"{text}\n", path)


def _lines_with_urls(setup: Setup) -> Iterator[tuple[PurePosixPath, int, str, str]]:
    """The lines of the deployment files that give the broker or the result backend a URL."""
    project = setup.project
    seen: set[Path] = set()
    for folder in dict.fromkeys((project.root, project.root / project.base)):
        for pattern in _DEPLOYMENT:
            for file in sorted(folder.glob(pattern)):
                if file in seen or not file.is_file() or file.stat().st_size > 200_000:
                    continue
                seen.add(file)
                path = PurePosixPath(file.relative_to(project.root).as_posix())
                # a file with secrets may be another user's
                lines = readable_text(file).encode().split(b"\n")
                for number, line in enumerate(lines, start=1):
                    found = _URL.search(line)
                    if found is not None and not line.lstrip().startswith(b"#"):
                        text = line.decode("utf-8", "replace").strip()
                        yield path, number, found[1].decode(), text
