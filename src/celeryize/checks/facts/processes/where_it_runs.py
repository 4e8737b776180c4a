"""In which folder of the project a process runs, as far as its files say it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

from celeryize.checks.facts import Facts
from celeryize.checks.facts.processes.given import given_to
from celeryize.detect.processes.images import instructions_of
from celeryize.detect.processes.process import Item, Process
from celeryize.detect.processes.scripts import STARTS
from celeryize.reading import read_text, readable_text

WEB = re.compile(r"\b(gunicorn|uvicorn|daphne|hypercorn|uwsgi|granian|runserver)\b")
ENTRY_POINT = re.compile(r"^\s*ENTRYPOINT\s+(.+)", re.M | re.I)
WORKDIR = re.compile(r"^\s*WORKDIR\s+(\S+)", re.M | re.I)
COPY = re.compile(r"^\s*(?:COPY|ADD)\s+(?:--chown=\S+\s+)*(\S+)\s+(\S+)\s*$", re.M | re.I)
INSTALLS = re.compile(r"pip3? install\s[^\n]*(?:-e\b|\s\.(?:\s|$|\[))|PYTHONPATH|\.pth\b")
OF_PYTHON = re.compile(r"\bpython|\bpip3?\b|\bpoetry\b|\buv\b|manage\.py|gunicorn|celery", re.I)
# What of a Dockerfile may be a file, or a module: `requirements.txt`, `core.wsgi:application`
NAMED = re.compile(r"(?<![\w./$-])[A-Za-z_][\w.-]*(?:/[\w.-]+)*(?=[\s:\"',\]]|$)", re.M)
# `uv run --directory /app`, `poetry -C /app run`
ELSEWHERE = re.compile(r"\s(?:--directory|--project|--chdir|-C|-p)\b")


def missing_from_folder(facts: Facts, process: Process) -> str:
    """What is wrong with the folder that a process runs in; empty where nothing is known to be."""
    head = _module_head(process)
    given = {**given_to(facts, process).variables, **process.environment}
    if not head or "PYTHONPATH" in given or process.variable("PYTHONPATH") or _is_installed(facts):
        return ""
    if process.kind == "systemd":
        if "WorkingDirectory" in process.options or "chdir" in " ".join(process.words):
            return ""
        return f"without WorkingDirectory= it runs in /, where no module {head} is"
    elsewhere = _outside_of_code(facts, process)
    if elsewhere:
        return f"{elsewhere}, where no module {head} is"
    folder = _folder_of(facts, process)
    if folder is None or not folder.is_dir():
        return ""
    if (folder / head).is_dir() or (folder / f"{head}.py").is_file():
        return ""
    if not facts.deployment.has_module(head):
        return ""
    shown = PurePosixPath(folder.relative_to(facts.deployment.root).as_posix())
    return f"it runs in {shown}/, where no module {head} is"


def workdir_for(facts: Facts, process: Process, head: str) -> str:
    """The folder of manage.py as it is seen from where a process runs, for `--workdir`; empty where
    the module is found there, or the folder is not known."""
    command = process.celery
    text = f"{' '.join(process.words)} {process.shell_text}"
    if command is None or command.option("--workdir") or re.search(r"\bcd\s|--chdir|\$", text):
        return ""
    folder = _folder_of(facts, process)
    home = facts.project.root / facts.project.base
    if folder is None or not folder.is_dir() or _is_installed(facts):
        return ""
    if (folder / head).is_dir() or (folder / f"{head}.py").is_file():
        return ""
    return Path(os.path.relpath(home, folder)).as_posix()


def _outside_of_code(facts: Facts, process: Process) -> str:
    """That a compose service runs in a folder of its image to which no code is copied; empty where
    it may be otherwise."""
    given = process.options.get("working_dir")
    if process.kind != "compose" or given is None or "volumes" in process.options:
        return ""
    dockerfile = dockerfile_of(process, (facts.deployment.root / process.where.path).parent)
    if not dockerfile or INSTALLS.search(dockerfile) or "entrypoint" in process.options:
        return ""
    place = PurePosixPath(given.text)
    targets = [PurePosixPath(target) for _, target in _mounts(process, dockerfile)]
    # one COPY of the whole, and nothing else that may bring code
    copies = re.findall(r"^\s*(?:COPY|ADD)\s.*", dockerfile, re.M | re.I)
    whole = [line for line in copies if re.search(r"\s\./?\s+\S+\s*$", line)]
    if len(targets) != 1 or len(whole) != 1 or not place.is_absolute() or "$" in given.text:
        return ""
    near = place.is_relative_to(targets[0]) or targets[0].is_relative_to(place)
    # `RUN ln -s /app /srv/shop`
    if near or given.text.rstrip("/") in dockerfile or _enters_a_folder(facts, process):
        return ""
    return f"it runs in {place}, and the image has the project in {targets[0]}"


def _module_head(process: Process) -> str:
    """The top package of -A; empty where something else may decide where it runs."""
    command = process.celery
    if command is None or command.subcommand not in {"worker", "beat"} or process.script:
        return ""
    spec = command.option("-A", "--app") or ""
    text = f"{' '.join(process.words)} {process.shell_text}"
    if command.option("--workdir") or re.search(r"\bcd\s|--chdir|\$", text):
        return ""
    if ELSEWHERE.search(text.partition("celery")[0]):
        return ""
    if not re.fullmatch(r"[A-Za-z_][\w.:]*", spec):
        return ""
    return re.split(r"[.:]", spec)[0]


def entry_scripts(facts: Facts, process: Process) -> list[str] | None:
    """The scripts that the entry point of a compose service names; None where one of them is not
    in the repository."""
    entry = process.options.get("entrypoint")
    folder = (facts.deployment.root / process.where.path).parent
    found = ENTRY_POINT.findall(dockerfile_of(process, folder))
    text = entry.text if entry else " ".join(found[-1:])
    texts: list[str] = []
    for name in re.findall(r"([\w.-]+)(?=[\"'\s,\]]|$)", text):
        if "entry" not in name and not name.endswith((".sh", ".bash")):
            continue
        places = [place / name for place, _, files in facts.deployment.folders if name in files]
        if not places:
            return None
        texts += [readable_text(place) for place in places]
    return texts


def _enters_a_folder(facts: Facts, process: Process) -> bool:
    """Whether the entry point of an image may start the process in another folder."""
    texts = entry_scripts(facts, process)
    return texts is None or any(re.search(r"\b(?:cd|pushd)\s|PYTHONPATH", t) for t in texts)


def _is_installed(facts: Facts) -> bool:
    """Whether the project is a package that may be installed, or its path is set elsewhere."""
    root = facts.deployment.root
    if (root / "setup.py").is_file() or facts.deployment.exports("PYTHONPATH"):
        return True
    try:
        return "[build-system]" in read_text(root / "pyproject.toml")
    except OSError:
        return False


def app_in_folder(facts: Facts, process: Process) -> str:
    """The -A of the project's app, where it is found in the folder that a process runs in."""
    folder = _folder_of(facts, process)
    if folder is None or not facts.project.celery:
        return ""
    spec = facts.project.celery[0].spec(facts.project.package.name)
    head = re.split(r"[.:]", spec)[0]
    return spec if (folder / head).is_dir() or (folder / f"{head}.py").is_file() else ""


def _folder_of(facts: Facts, process: Process) -> Path | None:
    """The folder of the project that is the working directory; None where it cannot be told."""
    if process.kind == "kubernetes":
        return _folder_in_pod(facts, process)
    beside = (facts.deployment.root / process.where.path).parent
    if process.kind == "procfile":
        return beside
    if process.kind == "render" and "dockerfile" not in process.options:
        return None if "image" in process.options else beside / (process.folder or ".")
    # what is built for a file of Fly below the root depends on where `fly deploy` is run
    of_fly = process.kind == "fly" and beside == facts.deployment.root
    if process.kind != "compose" and not (of_fly and "dockerfile" in process.options):
        return None
    dockerfile = dockerfile_of(process, beside)
    if INSTALLS.search(dockerfile) or "entrypoint" in process.options:
        return None
    place = _working_directory(process, dockerfile)
    if not place or _enters_a_folder(facts, process):
        return None
    for source, target in _mounts(process, dockerfile):
        try:
            inner = PurePosixPath(place).relative_to(target)
        except ValueError:
            continue
        folder = (beside / source / inner).resolve()
        if folder.is_relative_to(facts.deployment.root.resolve()):
            return facts.deployment.root / folder.relative_to(facts.deployment.root.resolve())
        return None
    return None


def _folder_in_pod(facts: Facts, process: Process) -> Path | None:
    """The same for a container of Kubernetes: what all Dockerfiles that may make its image say."""
    built = [_as_built(facts, process, path) for path in dockerfiles_of_project(facts)]
    found = {_folder_of(facts, one) if one else None for one in built}
    return found.pop() if len(found) == 1 else None


def dockerfiles_of_project(facts: Facts) -> list[Path]:
    """The Dockerfiles that may make the image of the project: those with Python in them."""
    paths = [facts.deployment.root / path for path in facts.deployment.dockerfiles]
    return [path for path in paths if OF_PYTHON.search(readable_text(path))]


def _as_built(facts: Facts, process: Process, path: Path) -> Process | None:
    """A container of Kubernetes as a compose file would have it: with a Dockerfile, and the folder
    that it is built in; None where that is not known."""
    context = _context_of(facts, path)
    text = instructions_of(readable_text(path))
    # an entry point that is given the command may start it elsewhere
    if context is None or ("args_only" in process.options and ENTRY_POINT.search(text)):
        return None
    if re.search(rf"\b{re.escape(_module_head(process) or '-')}\b", text):
        return None
    beside = (facts.deployment.root / process.where.path).parent
    options = {
        "context": Item(os.path.relpath(context, beside), process.where),
        "dockerfile": Item(os.path.relpath(path, context), process.where),
    }
    if process.folder:
        options["working_dir"] = Item(process.folder, process.where)
    built = replace(process, kind="compose", options=options)
    place = PurePosixPath(_working_directory(built, text) or "/")
    mounts = process.options.get("mounts")
    for mount in map(PurePosixPath, mounts.text.split() if mounts else ()):
        # what is mounted there hides the code, or is a folder of the name that is looked for
        if place.is_relative_to(mount) or mount == place / (_module_head(process) or "."):
            return None
    return built


def _context_of(facts: Facts, dockerfile: Path) -> Path | None:
    """The folder that a Dockerfile is built in, by the files that it names: those of its own
    folder, or those of the root; None where that is open."""
    root, own = facts.deployment.root, dockerfile.parent
    if own == root:
        return root
    texts = [instructions_of(readable_text(dockerfile))]
    texts += [" ".join(one.words) for one in facts.deployment.processes if starts_web(facts, one)]
    words = {word for text in texts for word in NAMED.findall(text)}
    here = {word for word in words if _is_in(own, word)}
    there = {word for word in words if _is_in(root, word)}
    if here - there and not there - here:
        return own
    if there - here and not here - there:
        return root
    return None


def _is_in(folder: Path, word: str) -> bool:
    """Whether a word is a file of a folder, or the name of a module there."""
    module = word.partition(":")[0].replace(".", "/")
    return (folder / word).is_file() or (folder / f"{module}.py").is_file()


def _working_directory(process: Process, dockerfile: str) -> str:
    item = process.options.get("working_dir")
    if item:
        return item.text
    place = ""
    for found in WORKDIR.findall(dockerfile):
        place = str(PurePosixPath(place or "/") / found)
    return place


def _mounts(process: Process, dockerfile: str) -> Iterator[tuple[str, str]]:
    """What of the project is where in the container: bind mounts hide what was copied."""
    volumes = process.options.get("volumes")
    for volume in volumes.text.split() if volumes else ():
        source, _, rest = volume.partition(":")
        if source.startswith(".") and rest.startswith("/"):
            yield source, rest.partition(":")[0]
    workdir = _working_directory_of_copies(dockerfile)
    # what COPY sees is the folder that is built, and not that of the compose file
    context = process.options.get("context") or process.options.get("build")
    for source, target in COPY.findall(dockerfile):
        if source in {".", "./"}:
            yield context.text if context else ".", str(PurePosixPath(workdir) / target)


def _working_directory_of_copies(dockerfile: str) -> str:
    found = WORKDIR.findall(dockerfile)
    return found[0] if found else "/"


def dockerfile_of(process: Process, folder: Path) -> str:
    """The text of the Dockerfile that a service is built from; empty where there is none."""
    place, _ = _build_of(process, folder)
    try:
        return instructions_of(read_text(place))
    except OSError:
        return ""


def what_starts(facts: Facts, process: Process) -> str:
    """The command line of a process; for a service that leaves it to its image, what CMD and
    ENTRYPOINT of the Dockerfile are."""
    if process.kind == "kubernetes" and not process.words and _is_of_project(facts, process):
        (path,) = dockerfiles_of_project(facts)
        return "\n".join(STARTS.findall(instructions_of(readable_text(path))))
    if process.words or process.kind != "compose" or not {"build", "context"} & {*process.options}:
        return " ".join(process.words)
    folder = (facts.deployment.root / process.where.path).parent
    return "\n".join(STARTS.findall(dockerfile_of(process, folder)))


def _is_of_project(facts: Facts, process: Process) -> bool:
    """Whether a container has the image of the one Dockerfile: that of a worker, in any version."""
    if len(dockerfiles_of_project(facts)) != 1:
        return False
    images = {
        _name_of_image(other) for other in facts.deployment.processes if other.celery is not None
    }
    return _name_of_image(process) in images - {""}


def _name_of_image(process: Process) -> str:
    image = process.options.get("image")
    return re.sub(r"(?::[^/]*|@.*)$", "", image.text) if image else ""


def starts_web(facts: Facts, process: Process) -> bool:
    """Whether a process is a web server, that of development included."""
    return bool(WEB.search(what_starts(facts, process)))


def dockerfile_path(process: Process, folder: Path) -> tuple[Path, Path] | None:
    """The Dockerfile that a service is built from, and the folder that its COPY lines see; None
    where there is none."""
    place, base = _build_of(process, folder)
    if "$" in str(place) or not place.is_file():
        return None
    return place, base


def _build_of(process: Process, folder: Path) -> tuple[Path, Path]:
    item, build = process.options.get("dockerfile"), process.options.get("build")
    context = process.options.get("context")
    base = folder / (context.text if context else build.text if build else ".")
    return base / (item.text if item else "Dockerfile"), base
