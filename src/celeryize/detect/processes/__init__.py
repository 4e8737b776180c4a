"""The processes that the deployment files start: a small reader for each kind of file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import chain
from pathlib import Path, PurePosixPath

from celeryize.detect.processes.branches import Guard, branch_lines
from celeryize.detect.processes.compose import read_compose
from celeryize.detect.processes.fly import NAMES as FLY_NAMES
from celeryize.detect.processes.fly import read_fly
from celeryize.detect.processes.images import (
    instructions_of,
    stage_of,
    start_of,
    variables_of,
)
from celeryize.detect.processes.kubernetes import read_kubernetes
from celeryize.detect.processes.process import Item, Process, Script
from celeryize.detect.processes.procfile import read_procfile
from celeryize.detect.processes.render import NAMES as RENDER_NAMES
from celeryize.detect.processes.render import read_render
from celeryize.detect.processes.scripts import copied_files, entry_words, link_script
from celeryize.detect.processes.sections import read_supervisor, read_unit
from celeryize.model import Where
from celeryize.reading import read_text, readable_text

CELERY = re.compile(r"(?:^|[\s/])celery\s.*\b(?:worker|beat)\b", re.S)
# also in quotes, and in a file of JSON
SERVICES = re.compile(r"^(?:services|'services'|(?:\{?\s*)?\"services\")\s*:", re.M)
# Whose command is what the entry point of the image is given, and is that of the image without one.
FROM_AN_IMAGE = frozenset({"compose", "fly", "render"})
WORKLOADS = re.compile(r"^kind\s*:", re.M)
# What Helm, Jinja or cookiecutter fill in: not the text that will be run.
TEMPLATE = re.compile(r"\{\{|\{%")

# `CMD ["celery", "-A", "config", "worker"]`
EXEC_FORM = re.compile(r"\s*\w+\s+\[")
# What Docker itself fills in when it runs the file: names of logs and hosts.
OF_DOCKER = re.compile(
    r"\{\{\s*\.(?:Node|Service|Task|Name|ID|FullID|ImageName|ImageID|ImageFullID|DaemonName)\b"
    r"[^}]*\}\}"
)

__all__ = ["Process", "Script", "is_of_platform", "processes_in", "read_processes"]


def read_processes(
    root: Path, paths: Iterable[Path], scripts: Iterable[Script]
) -> Iterator[Process]:
    """The processes of the deployment files of a project, file by file."""
    scripts = tuple(scripts)
    for path in paths:
        try:
            text = read_text(path)
        except OSError:
            continue
        relative = PurePosixPath(path.relative_to(root).as_posix())
        for process in processes_in(relative, text):
            if process.celery is None:
                process = _linked(process, scripts, root, path.parent)
            yield process


def _linked(process: Process, scripts: tuple[Script, ...], root: Path, folder: Path) -> Process:
    """The process with the script that it, or the entry point of its image, runs."""
    place, image = _image_of(process, root, folder)
    started = _started(process, place, image, root)
    if started is not None:
        return started
    if not scripts:
        return process
    copies = copied_files(image)
    linked = link_script(process, scripts, copies)
    if linked.script or "entrypoint" in process.options or process.kind not in FROM_AN_IMAGE:
        return linked
    # the command of a service is what the entry point of its image is given
    begun = replace(process, words=(*entry_words(image), *process.words))
    return process.with_script(link_script(begun, scripts, copies).script)


def _started(process: Process, place: Path, image: str, root: Path) -> Process | None:
    """The process with what its image starts, where that is Celery."""
    if "celery" not in image or process.kind not in FROM_AN_IMAGE:
        return None
    if "entrypoint" in process.options:
        return None
    target = process.options.get("target")
    stage = stage_of(image, target.text if target else None)
    start = start_of(stage, process.words)
    if start is None:
        return None
    words = _chosen_words(start.words, process, variables_of(stage))
    if not CELERY.search(" ".join(words)):
        return None
    try:
        shown = PurePosixPath(place.resolve().relative_to(root.resolve()).as_posix())
    except ValueError:
        return None
    line = image.count("\n", 0, image.rfind(start.text)) + 1
    options, listed = dict(process.options), process.listed
    # a command of the service is written there
    if not process.words:
        options["started"] = Item(start.text, Where(shown, line))
        listed = EXEC_FORM.match(start.text) is not None
    return replace(process, words=words, options=options, listed=listed)


def _chosen_words(
    words: tuple[str, ...], process: Process, image: Mapping[str, str]
) -> tuple[str, ...]:
    """The words of an image without the branches that the variables of a service, or of the image,
    do not lead into: `if [ "$ROLE" = worker ]; then ...` in the shell form of CMD."""
    shell = replace(process, words=words)
    if not shell.shell:
        return words
    lines = branch_lines(shell.shell_text)
    given = dict(image)
    if process.sealed and "passed" not in process.options:
        # a variable that nothing gives is empty
        subjects = {guard.subject for line in lines for guard in line.guards}
        given = dict.fromkeys(subjects, "") | given
    given |= {name: item.text for name, item in process.environment.items()}
    run = [line for line in lines if all(_leads_into(guard, given) for guard in line.guards)]
    if len(run) == len(lines):
        return words
    return (*words[:2], "; ".join(line.text for line in run), *words[3:])


def _leads_into(guard: Guard, given: Mapping[str, str]) -> bool:
    known = given
    # "${ROLE:-web}" of an empty one
    if guard.default and not given.get(guard.subject):
        known = {guard.subject: guard.default}
    return guard.lets_in((), known)


def processes_in(path: PurePosixPath, text: str) -> Iterator[Process]:
    """The processes of one deployment file; of a text that no reader understands, none."""
    if path.name.startswith("Procfile"):
        return read_procfile(path, text)
    if path.suffix == ".service":
        return read_unit(path, text)
    if path.suffix in {".conf", ".ini"}:
        return read_supervisor(path, text)
    if is_template(text):
        return iter(())
    if FLY_NAMES.fullmatch(path.name):
        return read_fly(path, text)
    # a compose file may be called so, too: its services are a mapping
    if RENDER_NAMES.fullmatch(path.name):
        return chain(read_render(path, text), read_compose(path, text))
    if SERVICES.search(text):
        return read_compose(path, text)
    if WORKLOADS.search(text):
        return read_kubernetes(path, text)
    return iter(())


def is_of_platform(path: PurePosixPath) -> bool:
    """Whether a file is that of Fly or Render, by its name."""
    return bool(FLY_NAMES.fullmatch(path.name) or RENDER_NAMES.fullmatch(path.name))


def is_template(text: str) -> bool:
    """Whether a text is rendered by Helm, Jinja or cookiecutter before anything reads it."""
    return bool(TEMPLATE.search(OF_DOCKER.sub("", text)))


def _image_of(process: Process, root: Path, folder: Path) -> tuple[Path, str]:
    """The Dockerfile that a service is built from, and its text; empty where there is none."""
    context = process.options.get("context") or process.options.get("build")
    if context is None and "dockerfile" not in process.options:
        return folder, ""
    named = process.options.get("dockerfile")
    name = named.text if named else "Dockerfile"
    # a variable in front is most often the root of the repository
    beside = re.sub(r"^\$\{?\w+(?::?-[^}]*)?\}?", ".", context.text if context else ".")
    for place in (folder / beside / name, folder / name, root / beside / name, root / name):
        text = readable_text(place)
        if text:
            return place, instructions_of(text)
    return folder, ""
