"""The commands as tests call them: in this process, with their options as keywords."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

from celeryize.commands import templates as templates_command
from celeryize.commands import undo as undo_command
from celeryize.commands.init import run as init_command
from celeryize.commands.options import RunOptions, WriteOptions
from celeryize.commands.schedule import plan as schedule_plan
from celeryize.commands.schedule import run as schedule_command
from celeryize.commands.task import plan as task_plan
from celeryize.commands.task import run as task_command
from celeryize.commands.verify import run_fix as fix_command
from celeryize.commands.verify.options import VerifyOptions
from celeryize.commands.worker import request as worker_request
from celeryize.commands.worker import run as worker_command
from celeryize.commands.writing.runner import Written
from celeryize.ui.view import View


def init(folder: Path, view: View, **options: Any) -> Written:
    run, write, own = split(folder, options)
    return init_command.run(run, write, view, init_command.InitOptions(**own))


def update(folder: Path, view: View, **options: Any) -> Written:
    run, write, own = split(folder, options)
    return init_command.run(run, write, view, init_command.InitOptions(updates=True, **own))


def add_task(folder: Path, view: View, request: task_plan.Request, **options: Any) -> Written:
    run, write, own = split(folder, options)
    return task_command.add_task(run, write, view, request, **own)


def remove_task(folder: Path, view: View, target: str, **options: Any) -> Written:
    run, write, own = split(folder, options)
    return task_command.remove_task(run, write, view, target, **own)


def add_schedule(
    folder: Path, view: View, request: schedule_plan.Request, **options: Any
) -> Written:
    run, write, own = split(folder, options)
    return schedule_command.add_schedule(run, write, view, request, **own)


def remove_schedule(folder: Path, view: View, name: str, **options: Any) -> Written:
    run, write, own = split(folder, options)
    return schedule_command.remove_schedule(run, write, view, name, **own)


def add_worker(
    folder: Path, view: View, request: worker_request.Request, **options: Any
) -> Written:
    run, write, own = split(folder, options)
    return worker_command.add_worker(run, write, view, request, **own)


def fix(folder: Path, view: View, **options: Any) -> fix_command.Fixed:
    run, write, own = split(folder, options)
    return fix_command.run(run, write, view, VerifyOptions(fix=True, **own))


def undo(folder: Path, view: View, **options: Any) -> undo_command.Undone:
    run, write, own = split(folder, options)
    return undo_command.run(run, write, view, **own)


def copy_template(folder: Path, view: View, name: str, **options: Any) -> Written:
    run, write, own = split(folder, options)
    return templates_command.copy_template(run, write, view, name, **own)


def list_templates(folder: Path, view: View) -> tuple[tuple[str, str], ...]:
    return templates_command.list_templates(RunOptions(folder), view)


def split(folder: Path, options: dict[str, Any]) -> tuple[RunOptions, WriteOptions, dict[str, Any]]:
    """The shared options by their records, and what is left: those of the command alone."""
    left = dict(options)
    run = {field.name: left.pop(field.name) for field in fields(RunOptions) if field.name in left}
    write = {
        field.name: left.pop(field.name) for field in fields(WriteOptions) if field.name in left
    }
    return RunOptions(folder, **run), WriteOptions(**write), left
