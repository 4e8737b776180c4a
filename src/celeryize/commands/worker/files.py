"""The deployment files of a project that may get a worker, and why others do not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import filterfalse
from pathlib import Path, PurePosixPath

from celeryize.commands.worker.web import find_web, starts_server_too, starts_worker
from celeryize.detect.deployment import (
    HERE,
    PROCESS_FILES,
    find_scripts,
    folders_of_others,
    manages_of_others,
    matching_files,
    own_folders,
)
from celeryize.detect.owners import is_of_others
from celeryize.detect.processes import TEMPLATE, Process, is_template, read_processes
from celeryize.detect.processes.process import PLATFORMS
from celeryize.errors import CannotPatch
from celeryize.model import Where
from celeryize.patch.yaml_tree import parse_yaml, repeated_keys
from celeryize.reading import read_file

OVERRIDE = re.compile(r"override", re.I)
COMPOSE = re.compile(r"(?:docker-)?compose[\w.-]*\.ya?ml|[\w.-]*[-.](?:docker-)?compose\.ya?ml")
ELSEWHERE = re.compile(r"(?:^|/)(?:tests?|docs?|examples?|fixtures|samples?)/")
GENERATED = re.compile(
    r"^\s*#.*(?:auto-?generated|generated (?:by|with|from|file)|do not (?:edit|modify))",
    re.I | re.M,
)
# What an example says where a path has to be.
PLACEHOLDER = re.compile(r"(?<![\w.])/path/to(?:/[\w.-]+)*")
WORKLOAD = re.compile(r"^kind\s*:\s*[\"']?(?:Deployment|StatefulSet|DaemonSet|Pod)\b", re.M)
HELM_KIND = re.compile(r"^\s*kind\s*:\s*(?:Deployment|StatefulSet)\b", re.M)
# A name that says what a service with an unknown command is, and what is no Celery for certain.
CALLED_WORKER = re.compile(r"(?:^|[-_])(?:celery\w*|workers?|beat|scheduler)(?:[-_\d]|$)")
OTHER_QUEUES = re.compile(
    r"\brqworker\b|\brq worker\b|\bqcluster\b|huey|dramatiq|process_tasks|\brunworker\b|\bnode\b"
    r"|\bnpm\b|\byarn\b|\bbundle\b|sidekiq|artisan|\bdb_worker\b|procrastinate|temporal|\barq\b"
)


@dataclass(frozen=True, slots=True)
class DeploymentFile:
    """A file, or the folder of systemd units, with its text and its processes.

    `skipped` says why it needs no worker, `refusal` why it cannot be edited. `base` is the compose
    file that it is the override of, `others` are processes of other Django projects in it.
    """

    kind: str
    path: PurePosixPath
    text: str
    processes: tuple[Process, ...]
    skipped: str = ""
    refusal: CannotPatch | None = None
    base: PurePosixPath | None = None
    others: tuple[Process, ...] = ()


def find_files(root: Path, base: PurePosixPath = HERE) -> list[DeploymentFile]:
    """The deployment files of a project, in the order of their paths; those without Celery and
    without a web process are `skipped`, and those of another project of the repository."""
    folders = own_folders(root)
    others = folders_of_others(root, base, folders)
    manages = manages_of_others(root, base, folders)
    is_other = partial(is_of_others, root, base, manages)
    scripts = find_scripts(root, folders)
    found: list[DeploymentFile] = []
    units: dict[PurePosixPath, list[Process]] = {}
    matching = [
        path
        for path in matching_files(folders, PROCESS_FILES)
        if not ELSEWHERE.search(path.relative_to(root).as_posix())
    ]
    own = {path.resolve(): path for path in matching if not path.is_symlink()}
    for path in matching:
        relative = PurePosixPath(path.relative_to(root).as_posix())
        processes = tuple(
            _without_guess(root, process) for process in read_processes(root, [path], scripts)
        )
        why = ""
        if path.is_symlink() and path.resolve() in own:
            why = f"it is a link to {own[path.resolve()].relative_to(root).as_posix()}"
        if not others.keys().isdisjoint(path.parents):
            why = "it is of another Django project"
        if path.suffix == ".service":
            if not why:
                units.setdefault(relative.parent, []).extend(filterfalse(is_other, processes))
            continue
        file = _read_deployment(root, path, relative, processes)
        if file is not None:
            found.append(_without_others(root, file, is_other, why))
    for folder, members in units.items():
        if any(process.subcommand for process in members) or find_web(root, members):
            skipped = _why_example(members)
            found.append(DeploymentFile("systemd", folder, "", tuple(members), skipped))
    found = [_as_override(root, file, found) for file in found]
    # two files of one environment: the one that builds the web service, and what it adds to it
    return sorted(found, key=lambda file: str(file.path))


def _as_override(root: Path, file: DeploymentFile, files: list[DeploymentFile]) -> DeploymentFile:
    """A compose file that only adds to another one: Compose merges the two, so a worker in both
    would be one of two minds."""
    if file.kind != "compose":
        return file
    if OVERRIDE.search(file.path.name):
        return _as_override_by_name(root, file, files)
    base = _base_elsewhere(root, file, files)
    if base is None:
        return file
    return replace(file, skipped=file.skipped or f"it only adds to {base}", base=base)


def _as_override_by_name(
    root: Path, file: DeploymentFile, files: list[DeploymentFile]
) -> DeploymentFile:
    """One that is called so, as what adds to the one beside it, whatever its web service says."""
    webs = [web.process.name for web in find_web(root, list(file.processes))]
    for other in files:
        if other.kind != "compose" or other.path.parent != file.path.parent:
            continue
        if OVERRIDE.search(other.path.name):
            continue
        names = {process.name for process in other.processes}
        shared = [name for name in webs if name in names]
        if not shared and (not webs or other.skipped or other.refusal):
            continue
        skipped = file.skipped
        if not skipped and not any(process.subcommand for process in file.processes):
            skipped = f"it only adds to {other.path}"
            if shared:
                skipped = f"its service {shared[0]} only adds to the one of another file"
        return replace(file, skipped=skipped, base=other.path)
    return file


def _base_elsewhere(
    root: Path, file: DeploymentFile, files: list[DeploymentFile]
) -> PurePosixPath | None:
    """The compose file, in a folder above, that a file is applied with, as its paths show: they are
    found from there alone. `docker compose -f compose.yaml -f deploy/compose.prod.yaml up`."""
    webs = {web.process.name for web in find_web(root, list(file.processes))}
    if not webs or any(process.subcommand for process in file.processes):
        return None
    beside = file.path.parent
    lost = [path for path in _paths_named(file) if not (root / beside / path).exists()]
    for other in files:
        above = other.path.parent
        if other.kind != "compose" or above == beside or above not in beside.parents:
            continue
        if other.refusal or other.skipped or OVERRIDE.search(other.path.name):
            continue
        if not webs <= {process.name for process in other.processes}:
            continue
        if any((root / above / path).exists() for path in lost):
            return other.path
    return None


def _paths_named(file: DeploymentFile) -> Iterator[str]:
    """The Dockerfiles and the volumes of the services of a compose file, as they are written."""
    for process in file.processes:
        options = process.options
        if "dockerfile" in options:
            folder = options["context"].text if "context" in options else "."
            yield f"{folder}/{options['dockerfile'].text}"
        for volume in options["volumes"].text.split() if "volumes" in options else ():
            if volume.startswith("./"):
                yield volume.partition(":")[0]


def _without_others(
    root: Path, file: DeploymentFile, is_other: Callable[[Process], bool], why: str
) -> DeploymentFile:
    """A file without the processes of other Django projects, which share it; without any where
    there is a reason why it is left alone."""
    if why:
        return replace(file, processes=(), skipped=why, refusal=None)
    others = tuple(filter(is_other, file.processes))
    if not others:
        return file
    own = tuple(filterfalse(is_other, file.processes))
    skipped = ""
    if file.refusal is None:
        skipped = _why_skipped(root, file.kind, own)
    return replace(file, processes=own, others=others, skipped=skipped)


def _without_guess(root: Path, process: Process) -> Process:
    """A process that may be the web server as well as a worker is not to be changed as a worker."""
    if starts_server_too(root, process):
        return process.with_script(None)
    return process


def _read_deployment(
    root: Path, path: Path, relative: PurePosixPath, processes: tuple[Process, ...]
) -> DeploymentFile | None:
    """A file that is not a unit; None for one that deploys nothing, and for that of a platform."""
    if any(process.kind in PLATFORMS for process in processes):
        return None
    try:
        data = read_file(path)
        text = data.decode("utf-8-sig")
    except OSError:
        return None
    except UnicodeDecodeError:
        if not processes and not COMPOSE.fullmatch(path.name):
            return None
        return _undecoded(relative, processes)
    kind = _kind_of(path, text, processes)
    if kind is None:
        return None
    refusal = _refusal_of(path, relative, kind, text)
    skipped = ""
    if refusal is None:
        skipped = _why_skipped(root, kind, processes)
    return DeploymentFile(kind, relative, text, processes, skipped, refusal)


def _undecoded(relative: PurePosixPath, processes: tuple[Process, ...]) -> DeploymentFile:
    """A file that is refused because it is in another encoding."""
    kind = processes[0].kind if processes else "compose"
    refusal = CannotPatch(
        f"{relative} is not UTF-8",
        hint="Save it as UTF-8, then run the command again.",
        where=Where(relative),
    )
    return DeploymentFile(kind, relative, "", processes, "", refusal)


def _kind_of(path: Path, text: str, processes: tuple[Process, ...]) -> str | None:
    if processes:
        return processes[0].kind
    if COMPOSE.fullmatch(path.name):
        return "compose"
    if path.name == "Procfile":
        return "procfile"
    # a chart, or a manifest that does not parse
    if path.suffix in {".yml", ".yaml"} and HELM_KIND.search(text) and "containers:" in text:
        return "kubernetes"
    return None


def _refusal_of(path: Path, relative: PurePosixPath, kind: str, text: str) -> CannotPatch | None:
    """Why lines cannot be added to a file; None where they can."""
    where = Where(relative, 1)
    if kind in {"compose", "kubernetes"}:
        if is_template(text):
            first = TEMPLATE.search(text)
            line = text[: first.start() if first else 0].count("\n") + 1
            name = "a Helm chart" if _is_chart(path) else "a template"
            return CannotPatch(
                f"{relative} is {name}: what it will be is only known when it is rendered",
                hint="Add the process manually.",
                where=Where(relative, line),
            )
        try:
            documents = parse_yaml(relative, text)
        except CannotPatch as refusal:
            return refusal
        again = next((key for one in documents for key in repeated_keys(one)), None)
        if kind == "compose" and again is not None:
            return CannotPatch(
                f"{relative} has {again.text} a second time in the same block, which Compose "
                "rejects",
                hint="Remove one of the two, then run the command again.",
                where=Where(relative, again.line),
            )
    if kind == "kubernetes" and any(
        (path.parent / name).is_file() for name in ("kustomization.yaml", "kustomization.yml")
    ):
        return CannotPatch(
            f"{relative} belongs to a Kustomize folder: its patches may change what is added",
            hint="Add the process manually.",
            where=where,
        )
    head = "\n".join(text.split("\n")[:15])
    match = GENERATED.search(head)
    if match:
        return CannotPatch(
            f"{relative} was generated by a tool, which would overwrite the change",
            hint="Change what it is generated from.",
            where=Where(relative, head[: match.end()].count("\n") + 1),
        )
    return None


def _is_chart(path: Path) -> bool:
    return any((folder / "Chart.yaml").is_file() for folder in path.parents[:3])


def _why_skipped(root: Path, kind: str, processes: tuple[Process, ...]) -> str:
    """Why a file needs no worker; empty where it does, or has one."""
    example = _why_example(processes)
    if example:
        return example
    if any(process.subcommand in {"worker", "beat"} for process in processes):
        return ""
    unknown = [process for process in processes if is_unknown_worker(process)]
    if unknown:
        return f"what {unknown[0].name} runs is not known to be Celery ({unknown[0].where})"
    web = find_web(root, list(processes))
    if not web:
        return "it starts no web process that is known as one"
    inside = [one.process for one in web if starts_worker(root, one.process)]
    if inside:
        return f"{inside[0].name} may start a worker inside ({inside[0].where})"
    if kind == "compose" and all(_is_partial(one.process) for one in web):
        return f"its service {web[0].process.name} only adds to the one of another file"
    return ""


def _why_example(processes: Iterable[Process]) -> str:
    """Why processes are an example that nobody starts as it is; empty where they are none."""
    for process in processes:
        match = PLACEHOLDER.search(" ".join((process.folder or "", *process.words)))
        if match:
            return f"it is an example: {process.name} is in {match[0]}"
    return ""


def is_unknown_worker(process: Process) -> bool:
    """Whether only the name of a process says that it is a worker, or Beat."""
    return bool(
        CALLED_WORKER.search(process.name)
        and (process.words or {"build", "context"} & set(process.options))
        and not OTHER_QUEUES.search(" ".join(process.words))
        and process.subcommand is None
    )


def _is_partial(process: Process) -> bool:
    return not {"image", "build", "context", "extends"} & set(process.options)
