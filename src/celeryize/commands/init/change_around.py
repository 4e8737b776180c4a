"""What follows other answers beside the settings: extras, .gitignore, folders, deployment files."""

from __future__ import annotations

import re

from celeryize.brokers import extra_for, find_broker, find_result_backend
from celeryize.commands.beat_files import ignore_beat_files
from celeryize.commands.init.answers import DATA_FOLDER, Answers
from celeryize.commands.init.dependency import declare_dependency, refresh_locks
from celeryize.commands.init.deployed_urls import follow_deployment
from celeryize.commands.init.generated_files import write_data_folders
from celeryize.commands.init.setup import Setup
from celeryize.errors import CannotPatch
from celeryize.patch.dependencies import change_extras
from celeryize.patch.gitignore import BEAT_FILES, COMMENT, unignore
from celeryize.reading import read_file

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
    follow_deployment(setup, before)
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
            refresh_locks(setup.project, setup.draft)
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
