"""What a person pastes into fly.toml and render.yaml, which nothing of ours writes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from celeryize.commands.worker.compose_service import BEAT_FILE
from celeryize.commands.worker.paste import lines_to_paste
from celeryize.commands.worker.platforms import Platform
from celeryize.commands.worker.timing import setting_name
from celeryize.commands.worker.wanted import REMAP, Job, Wanted, shell_line
from celeryize.detect.processes.fly import FlyLines, parse_fly
from celeryize.detect.processes.process import seconds_of
from celeryize.detect.project import Project
from celeryize.errors import CannotPatch
from celeryize.model import Where
from celeryize.reading import readable_text

# The indent of the services that are there: what is pasted beside them needs the same.
SERVICES = re.compile(r"^services:[ \t]*(?:#.*)?\n(?:[ \t]*(?:#.*)?\n)*( *)- ", re.M)
# What a message says first.
YOURS = "{} is yours to edit: add these lines to its"


def what_to_paste(project: Project, platform: Platform, wanted: Wanted) -> tuple[str, str, str]:
    """What is to be done with the file of a platform, what else is, and the lines to paste.

    Raises CannotPatch for a fly.toml that Fly cannot read either.
    """
    # it is a step of its own, and no line of this file
    lines_of = replace(wanted, soft_is_missing=False)
    text = readable_text(project.root / platform.file)
    steps = list(_other_steps(project, platform, wanted))
    if platform.kind == "fly":
        document = _read_fly(platform, text)
        lines = "".join(_lines_of_fly(lines_of, document, FlyLines(_path(platform), text)))
        tables = "[processes]"
        if wanted.workers and wanted.soft is not None:
            tables = "[env] and [processes]"
        return f"{YOURS.format(platform.file)} {tables}", " ".join(steps), lines
    if platform.kind == "render":
        lines = "".join(_lines_of_render(lines_of, text))
        return f"{YOURS.format(platform.file)} `services`", " ".join(steps), lines
    todo = f"{platform.name} starts each process as a service of its own: make one for each line"
    return todo, " ".join(steps), lines_to_paste(platform.kind, lines_of)


def _path(platform: Platform) -> PurePosixPath:
    return PurePosixPath(platform.file)


def _other_steps(project: Project, platform: Platform, wanted: Wanted) -> Iterator[str]:
    """What is to be done besides, a sentence each."""
    if wanted.soft_is_missing and wanted.workers:
        app = project.celery[0]
        if app.config_source == "django.conf:settings":
            line = f"{setting_name(app)} = {wanted.soft} in the Django settings"
        else:
            line = f"{app.variable}.conf.worker_soft_shutdown_timeout = {wanted.soft} in "
            line += str(app.where.path)
        yield f"Then write {line}: without it {REMAP} cuts the tasks off at once."
    if wanted.beat:
        yield f"Of Beat, {platform.name} may run exactly one."


def _read_fly(platform: Platform, text: str) -> Mapping[str, Any]:
    document, problem = parse_fly(text)
    if problem is not None:
        raise CannotPatch(
            f"this is no TOML: {problem.message}",
            hint="Mend that first: Fly does not read it either.",
            where=Where(_path(platform), problem.line),
        )
    return document


def _lines_of_fly(wanted: Wanted, there: Mapping[str, Any], lines: FlyLines) -> Iterator[str]:
    """What the file lacks: a table that it has already is a comment, because TOML takes no second
    one."""
    if wanted.workers:
        yield from _stop_of_fly(wanted, there, lines)
    pairs = {pair for job in wanted.jobs for pair in wanted.stop_variables(job)}
    given = there.get("env")
    known = given if isinstance(given, dict) else {}
    for name, value in sorted(pairs):
        if name not in known:
            yield f'{_header("env", there, lines)}  {name} = "{value}"\n\n'
        elif known[name] != value:
            line = lines.find("env", name).line
            yield f'# in place of line {line}, in [env]:\n  {name} = "{value}"\n\n'
    yield _header("processes", there, lines)
    groups = there.get("processes")
    taken = groups if isinstance(groups, dict) else {}
    if not taken:
        yield "  # the web server, too: without its line Fly starts it no longer\n"
        yield '  # app = "the command of your web server"\n'
        web = there.get("http_service")
        if isinstance(web, dict) and "processes" not in web:
            yield '  # and in [http_service]: processes = ["app"]\n'
    for job in wanted.jobs:
        words = ("celery", *wanted.celery_words(job, BEAT_FILE)[1:])
        name = job.name
        if name in taken:
            name = f"celery-{name}"
        # a string of JSON is one of TOML, too
        yield f"  {name} = {json.dumps(shell_line(words))}\n"


def _stop_of_fly(wanted: Wanted, there: Mapping[str, Any], lines: FlyLines) -> Iterator[str]:
    """The keys at the top of the file that give the tasks time at a stop."""
    new, old = [], []
    patience = seconds_of(str(there.get("kill_timeout", "")))
    for key, line, right in (
        ("kill_signal", 'kill_signal = "SIGTERM"', there.get("kill_signal") == "SIGTERM"),
        ("kill_timeout", f"kill_timeout = {wanted.grace}", (patience or 0) >= wanted.grace),
    ):
        if key in there and not right:
            old.append(f"# in place of line {lines.find('', key).line}:\n{line}\n")
        elif not right:
            new.append(f"{line}\n")
    if new:
        yield "# above the first [table]; without these Fly sends SIGINT, and kills after 5 s\n"
        yield from (*new, "\n")
    if old:
        yield from (*old, "\n")


def _header(table: str, there: Mapping[str, Any], lines: FlyLines) -> str:
    """The head of a table, or in which one of the file the lines belong."""
    if table not in there:
        return f"[{table}]\n"
    return f"# in [{table}], which is in line {lines.find_table(table)}:\n"


def _lines_of_render(wanted: Wanted, text: str) -> Iterator[str]:
    """A service for each job, as far to the right as those that are there."""
    found = SERVICES.search(text)
    indent = found[1] if found else ""
    if found is None:
        # `services: []` is a list that nothing can be added to
        empty = re.search(r"^services:.*$", text, re.M)
        if empty:
            line = text.count("\n", 0, empty.start()) + 1
            yield f"# in place of line {line}:\n"
        yield "services:\n"
    for job in wanted.jobs:
        yield from (f"{indent}{line}\n" for line in _service_of_render(wanted, job))


def _service_of_render(wanted: Wanted, job: Job) -> Iterator[str]:
    words = ("celery", *wanted.celery_words(job, BEAT_FILE)[1:])
    yield "- type: worker"
    yield f"  name: {job.name}"
    yield "  # runtime, buildCommand, envVars as the web service"
    yield f"  startCommand: {json.dumps(shell_line(words))}"
    if job.is_beat:
        yield "  numInstances: 1"
    else:
        yield f"  maxShutdownDelaySeconds: {wanted.grace}"
    pairs = list(wanted.stop_variables(job))
    if pairs:
        yield "  envVars:"
    for name, value in pairs:
        yield f"    - key: {name}"
        yield f"      value: {value}"
