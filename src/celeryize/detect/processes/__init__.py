"""The processes that the deployment files start: a small reader for each kind of file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from celeryize.detect.processes.compose import read_compose
from celeryize.detect.processes.kubernetes import read_kubernetes
from celeryize.detect.processes.process import Process, Script
from celeryize.detect.processes.procfile import read_procfile
from celeryize.detect.processes.scripts import copied_files, link_script
from celeryize.detect.processes.sections import read_supervisor, read_unit
from celeryize.reading import read_text

SERVICES = re.compile(r"^services\s*:", re.M)
WORKLOADS = re.compile(r"^kind\s*:", re.M)
# What Helm, Jinja or cookiecutter fill in: not the text that will be run.
TEMPLATE = re.compile(r"\{\{|\{%")

__all__ = ["Process", "Script", "read_processes"]


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
        for process in _read_file(relative, text):
            if scripts and process.celery is None:
                process = link_script(process, scripts, _copies_for(process, path.parent))
            yield process


def _read_file(path: PurePosixPath, text: str) -> Iterator[Process]:
    if path.name.startswith("Procfile"):
        return read_procfile(path, text)
    if path.suffix == ".service":
        return read_unit(path, text)
    if path.suffix in {".conf", ".ini"}:
        return read_supervisor(path, text)
    if TEMPLATE.search(text):
        return iter(())
    if SERVICES.search(text):
        return read_compose(path, text)
    if WORKLOADS.search(text):
        return read_kubernetes(path, text)
    return iter(())


def _copies_for(process: Process, folder: Path) -> dict[str, str]:
    """What the Dockerfile of a service copies."""
    item = process.options.get("dockerfile")
    if item is None:
        return {}
    try:
        return copied_files(read_text(folder / item.text))
    except OSError:
        return {}
