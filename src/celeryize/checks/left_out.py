"""What is here, and not where the worker runs: files that git, or the image, leaves out."""

from __future__ import annotations

import ast
import fnmatch
import json
import posixpath
import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath

from celeryize.checks.check import Occurrence, check
from celeryize.checks.facts import Facts
from celeryize.checks.facts.deployment import without_comments
from celeryize.checks.facts.processes.ignored import (
    dockerignore_of,
    ignoring_line,
    mounts_code,
)
from celeryize.checks.facts.processes.where_it_runs import dockerfile_path
from celeryize.checks.facts.tasks import Task
from celeryize.checks.registration import app_around
from celeryize.detect.processes import Process
from celeryize.detect.processes.images import instructions_of, lines_of_stage
from celeryize.git import ignored_files
from celeryize.model import Where
from celeryize.reading import readable_text

COPIES = re.compile(r"(?im)^[ \t]*(?:COPY|ADD)[ \t]+((?:[^\n\\]|\\[^\n]|\\\n)*)")
# What brings the code into an image by other means than COPY.
BRINGS_CODE = re.compile(
    r"git\s+clone|--mount=type=bind|ONBUILD|\.whl|\.tar|pip3?\s+install\s[^\n]*\s[\"']?[./]"
)
COPIES_STAGE = re.compile(r"(?im)^[ \t]*COPY[ \t]+(?:--[^\s=]+=\S+[ \t]+)*?--from=(\S+)[^\n]*")
LIBRARY_IMAGE = re.compile(
    r"ghcr\.io/astral-sh/|(?:docker\.io/)?(?:library/)?(?:node|python)(?:[:@]|$)"
)
DEPENDENCY_FILE = re.compile(
    r"(?:\./)?(?:\S*/)?(?:[\w.*-]*requirements?[\w.*-]*(?:\.(?:txt|in)|/|\*)?|pyproject\.toml"
    r"|setup\.(?:py|cfg)|[\w*.-]+\.lock\*?|Pipfile[\w.*]*|package[\w.*-]*\.json|README\S*)"
)
# An image that holds Python at most.
PLAIN_IMAGE = re.compile(r"(?:docker\.io/)?(?:library/)?(?:python|debian|ubuntu|alpine)(?:[:@]|$)")
PIP_DJANGO = re.compile(
    r"(?i)\bpip3?\s+install(?:[^\n\\;&|]|\\\n)*[\s\"']django(?=[\s\"'=<>~!\[]|$)"
)
RUNS = re.compile(r"(?im)^[ \t]*RUN[ \t]+((?:[^\n\\]|\\[^\n]|\\\n)*)")
# Celery itself, a list of requirements, the project, or another tool than pip.
MAY_INSTALL = re.compile(
    r"(?i)celery|flower|require|\s-[rce]\b|--group|\.whl|find-links|\s[\"']?[./]|python3-|py3-|\$"
    r"|<<|\b(?:uv|poetry|pipenv|pdm|conda|mamba|pip-sync|\w+\.py|git|curl|wget|make)\b"
)
# What many projects install beside Django; another name may bring Celery with it.
BRINGS_NO_CELERY = re.compile(
    r"(?i)django[\w-]*|djangorestframework|gunicorn|uvicorn|daphne|psycopg\w*(?:-binary)?|redis"
    r"|hiredis|pillow|whitenoise|dj-database-url|mysqlclient|requests|python-dotenv|sentry-sdk"
)
# Another stage, or a script that may install more.
BRINGS_MORE = re.compile(r"--from=|\.sh\b|<<|(?m:^\s*ADD\s)")
# The names of modules that a deployment may make.
MADE_THERE = re.compile(
    r"(?:^|_)(?:locals?|secrets?|cred\w*|private|keys?|passw\w*|env\w*|conf\w*|prod(?:uction)?"
    r"|stag\w*|dev\w*|version|build|generated|pb2)(?:_|$)"
)
# A name of git's that may be a folder of what was never committed.
EVERYTHING = frozenset({"*", "**", "/*", "*.*"})


def _needed_files(facts: Facts) -> dict[PurePosixPath, str]:
    """The files of the project without which a worker does less, each with what is in it."""
    return facts.code.once("needed files", lambda: _find_needed_files(facts))


def _find_needed_files(facts: Facts) -> dict[PurePosixPath, str]:
    found: dict[PurePosixPath, str] = {}
    for task in facts.tasks:
        # a playground that no worker imports is nobody's loss
        if _is_registered(facts, task):
            found.setdefault(task.code.path, f"the task {task.node.name}")
    # settings may be made on the machine where they are for
    for entry in facts.schedule.entries:
        if entry.code.path not in facts.settings.files:
            found.setdefault(entry.code.path, "the Beat schedule")
    for app in facts.project.celery[:1]:
        found[app.where.path] = "the Celery app"
    for path in [*found, *facts.settings.files[:1]]:
        for other in _imported_by(facts, path):
            found.setdefault(other, f"what {path} imports")
    return {path: what for path, what in found.items() if (facts.project.root / path).is_file()}


def _imported_by(facts: Facts, path: PurePosixPath) -> Iterator[PurePosixPath]:
    """The modules without which a module cannot be imported; what holds secrets, or is for one
    machine, may be made where it runs."""
    code = facts.code.parsed(path)
    for node in code.imports if code else ():
        # not in a function, a `try` or an `if`
        if code is None or not isinstance(code.parents.get(node), ast.Module):
            continue
        names = [alias.name for alias in node.names]
        if isinstance(node, ast.ImportFrom):
            module = facts.modules.absolute(node, path)
            names = [module, *(f"{module}.{name}" for name in names)]
        for name in names:
            found = facts.modules.find(name)
            if found is not None and found != path and not MADE_THERE.search(found.stem):
                yield found


def _is_registered(facts: Facts, task: Task) -> bool:
    """Whether a worker of this app certainly gets to a task: by discovery, in an installed app."""
    app = app_around(facts, task)
    names = facts.tasks.discovered_names
    return (
        app is not None
        and (app.installed or facts.installs(app.name))
        and task.code.path.relative_to(app.folder).parts[0].removesuffix(".py") in names
    )


@check("celery.E935", grouped=True)
def ignored_by_git(facts: Facts) -> Iterator[Occurrence]:
    """Git ignores a file that a worker needs.

    What happens: It is here, and not in the repository: a worker that is deployed from there does
        not have its tasks, or does not start.
    How it looks: Received unregistered task of type 'shop.tasks.notify'
    Why: A pattern of .gitignore matches the file, so that `git add .` passes over it.
    Fix: Remove the pattern, or write it more narrowly (/tasks.py); then git add the file.
    Source: https://git-scm.com/docs/gitignore
    """
    root = facts.project.root
    top = _repository_of(root)
    if top is None:
        return
    needed = _needed_files(facts)
    manage = facts.project.base / "manage.py"
    patterns = set(_patterns_of_git(top, root, needed))
    asked = [path for path in needed if any(_may_match(one, path, top, root) for one in patterns)]
    if not asked:
        return
    ignored = ignored_files(root, [*asked, manage])
    # a project inside of something that is ignored is deployed by other means
    if manage in ignored:
        return
    for path in asked:
        if path in ignored:
            where = ignored[path]
            yield Occurrence(
                f"git ignores {path}, so a deployment from the repository lacks {needed[path]}",
                _below_root(where, top, root),
                f"Remove the pattern, and `git add {path}`.",
            )


def _below_root(where: Where, top: Path, root: Path) -> Where:
    """The place of a pattern as the project sees it."""
    path = where.path
    if not path.is_absolute() and not (root / path).is_file():
        path = PurePosixPath(posixpath.relpath(top / path, root))
    return Where(path, where.line)


def _repository_of(root: Path) -> Path | None:
    """The folder of the repository that holds a folder."""
    for folder in (root, *root.parents):
        if (folder / ".git").exists():
            return folder
    return None


def _patterns_of_git(top: Path, root: Path, paths: Iterable[PurePosixPath]) -> Iterator[str]:
    """The patterns that may be about some files."""
    folders = {top, root}
    for path in paths:
        folders.update(root / parent for parent in path.parents)
    for file in [top / ".git/info/exclude", *(folder / ".gitignore" for folder in folders)]:
        for line in readable_text(file).split("\n"):
            if line.strip() and not line.startswith(("#", "!")):
                yield line.strip()


def _may_match(pattern: str, path: PurePosixPath, top: Path, root: Path) -> bool:
    """Whether the last part of a pattern is a part of a path: then git itself is asked."""
    last = pattern.strip("/").rpartition("/")[2]
    parts = (*root.relative_to(top).parts, *path.parts)
    return pattern in EVERYTHING or any(fnmatch.fnmatchcase(part, last) for part in parts)


@check("celery.E934", grouped=True)
def missing_in_image(facts: Facts) -> Iterator[Occurrence]:
    """The image of a worker lacks a file that the worker needs.

    What happens: The worker does not have its tasks, or does not start.
    How it looks: Received unregistered task of type 'shop.tasks.notify'; or ModuleNotFoundError
    Why: The Dockerfile copies some folders of the project and not this one, or .dockerignore keeps
        the file out of what COPY sees.
    Fix: COPY . . and a .dockerignore that names no code
    Source: https://docs.docker.com/build/concepts/context/#dockerignore-files
    """
    seen: set[tuple[Path, str | None]] = set()
    for process in facts.deployment.processes:
        if process.subcommand not in {"worker", "beat"}:
            continue
        found = None
        if process.kind == "kubernetes":
            found = _only_image(facts)
        # what is mounted hides what was copied
        elif process.is_built and _has_known_context(process) and not mounts_code(process):
            found = _dockerfile_of(facts, process, staged=True)
        target = process.options["target"].text if "target" in process.options else None
        if found is None or (found[0], target) in seen:
            continue
        seen.add((found[0], target))
        yield from _left_out(facts, process, *found, _needed_files(facts))


def _has_known_context(process: Process) -> bool:
    """Whether the folder is known that the COPY lines of an image see, with what it leaves out: of
    a file of Fly below the top it is where `fly deploy` is run."""
    if process.kind == "fly":
        return process.where.path.parent == PurePosixPath() and "ignorefile" not in process.options
    return process.kind == "compose"


@check("celery.E941")
def celery_not_in_image(facts: Facts) -> Iterator[Occurrence]:
    """The image of a worker installs the libraries one by one, and Celery is none of them.

    What happens: The container does not start.
    How it looks: exec: "celery": executable file not found in $PATH
    Why: The Dockerfile names what pip installs, and was not changed with the dependency file.
    Fix: RUN pip install -r requirements.txt; or celery[redis] beside django
    Source: https://docs.docker.com/reference/dockerfile/#run
    """
    reported: set[Path] = set()
    for process in facts.deployment.processes:
        if process.subcommand not in {"worker", "beat"} or not process.is_built:
            continue
        found = _dockerfile_of(facts, process)
        if found is None or found[0] in reported:
            continue
        line = _line_of_pip(readable_text(found[0]))
        if line is not None:
            reported.add(found[0])
            yield Occurrence(
                f"the image of {process.name} gets Django, and no Celery",
                Where(_shown(facts, found[0]), line),
                "Add celery here, or install the dependency file.",
            )


def _dockerfile_of(
    facts: Facts, process: Process, *, staged: bool = False
) -> tuple[Path, Path] | None:
    """The Dockerfile of a service and its context, where they are all that makes its image; with
    `staged`, also where a `target:` names one of its stages."""
    build = process.options.get("build")
    more = ["dockerfile_inline", "additional_contexts", "volumes_from"]
    # the other way to write a volume has a `target:`, too
    if not (staged and "target" in process.options):
        more.append("target")
    if build is not None and any(word in build.text for word in more):
        return None
    if any(name in process.options for name in more):
        return None
    text = without_comments(readable_text(facts.deployment.root / process.where.path))
    if any(word in text for word in more):
        return None
    return dockerfile_path(process, (facts.deployment.root / process.where.path).parent)


def _only_image(facts: Facts) -> tuple[Path, Path] | None:
    """The one Dockerfile of a repository, at its top, from which the image of a manifest is built,
    and its context."""
    root = facts.deployment.root
    if facts.deployment.dockerfiles == (PurePosixPath("Dockerfile"),):
        return root / "Dockerfile", root
    return None


def is_from_plain_image(dockerfile: str) -> bool:
    """Whether all stages begin at an image that holds Python at most."""
    bases = re.findall(r"(?im)^\s*FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?", dockerfile)
    stages = {name.lower() for _, name in bases}
    return all(base.lower() in stages or PLAIN_IMAGE.match(base) for base, _ in bases)


def _line_of_pip(dockerfile: str) -> int | None:
    """The line at which pip installs Django by its name, where nothing of a Dockerfile can bring
    Celery."""
    text = re.sub(r"(?m)^\s*#.*$", "", dockerfile)
    if not is_from_plain_image(text):
        return None
    runs = "\n".join(match[1] for match in RUNS.finditer(text))
    if MAY_INSTALL.search(runs) or BRINGS_MORE.search(text):
        return None
    found = PIP_DJANGO.search(text)
    if found is None or not _are_known(runs):
        return None
    return text.count("\n", 0, found.start()) + 1


def _are_known(runs: str) -> bool:
    """Whether all that pip installs is known to bring no Celery."""
    for line in re.findall(r"\bpip3?\s+install\s([^\n;&|]*)", runs.replace("\\\n", " ")):
        names = [word.strip("\"'") for word in line.split() if not word.startswith("-")]
        if not all(BRINGS_NO_CELERY.fullmatch(re.split(r"[=<>~!\[]", n)[0]) for n in names):
            return False
    return True


def _left_out(
    facts: Facts,
    process: Process,
    dockerfile: Path,
    context: Path,
    needed: dict[PurePosixPath, str],
) -> Iterator[Occurrence]:
    """The needed files that an image does not get."""
    target = process.options["target"].text if "target" in process.options else None
    copied = _copied_by(instructions_of(readable_text(dockerfile)), target)
    if not copied:
        return
    inside = {
        path: PurePosixPath(posixpath.relpath(facts.project.root / path, context))
        for path in (*needed, facts.project.base / "manage.py")
    }
    sources = [source for source, _ in copied]
    there = {path for path, relative in inside.items() if _is_copied(relative, sources)}
    # an image without any of the code gets it by other means
    if not there or any(relative.parts[:1] == ("..",) for relative in inside.values()):
        return
    uncopied = {path: what for path, what in needed.items() if path not in there}
    if uncopied:
        folders = dict.fromkeys(inside[path].parts[0] for path in uncopied)
        lines = " and ".join(f"COPY {folder} {folder}" for folder in folders)
        yield Occurrence(
            f"the image of {process.name} lacks {_named(uncopied)}: no COPY brings {_it(uncopied)}",
            Where(_shown(facts, dockerfile), copied[-1][1]),
            f"Copy {_it(uncopied)}, too: {lines}.",
        )
    ignore = dockerignore_of(dockerfile, context)
    if ignore is not None:
        brought = {path: what for path, what in needed.items() if path in there}
        yield from _kept_out(facts, process, ignore, brought, inside)


def _is_copied(relative: PurePosixPath, sources: Sequence[str]) -> bool:
    """Whether a COPY of one of the sources brings a file."""
    return any(_covers(source, relative) for source in sources)


def _kept_out(
    facts: Facts,
    process: Process,
    ignore: Path,
    brought: dict[PurePosixPath, str],
    inside: dict[PurePosixPath, PurePosixPath],
) -> Iterator[Occurrence]:
    """The needed files that a COPY would bring, and a pattern of .dockerignore keeps out."""
    lost: dict[int, dict[PurePosixPath, str]] = {}
    for path, what in brought.items():
        number = ignoring_line(ignore, inside[path])
        if number is not None:
            lost.setdefault(number, {})[path] = what
    for number, paths in sorted(lost.items()):
        behind = " and ".join(f"!{inside[path]}" for path in paths)
        yield Occurrence(
            f"the image of {process.name} lacks {_named(paths)}: this keeps {_it(paths)} out",
            Where(_shown(facts, ignore), number),
            f"Remove the pattern, or add behind it: {behind}",
        )


def _named(paths: dict[PurePosixPath, str]) -> str:
    """The files that are missing, the first with what is in it."""
    (first, what), *others = paths.items()
    if not others:
        return f"{first}, with {what}"
    if len(others) > 2:
        return f"{first} ({what}) and {len(others)} more files"
    return " and ".join(f"{path} ({inside})" for path, inside in paths.items())


def _it(paths: dict[PurePosixPath, str]) -> str:
    return "it" if len(paths) == 1 else "them"


def _copied_by(dockerfile: str, target: str | None) -> list[tuple[str, int]]:
    """What COPY brings into the image of a stage, with the lines; nothing where something else may
    bring code, too."""
    text = lines_of_stage(dockerfile, target)
    others = COPIES_STAGE.sub(lambda found: _without_libraries(found, dockerfile), text)
    if BRINGS_CODE.search(text) or BRINGS_MORE.search(others) or not is_from_plain_image(text):
        return []
    copied = list(_sources_of(text))
    if any("$" in source or "**" in source for source, _ in copied):
        return []
    return copied


def _without_libraries(found: re.Match[str], dockerfile: str) -> str:
    """A COPY from another stage, or another image, as it is; empty where that has no code of the
    project: a stage that installs libraries, or the image of uv."""
    if LIBRARY_IMAGE.match(found[1]):
        return ""
    stage = lines_of_stage(dockerfile, found[1])
    sources = [source for source, _ in _sources_of(stage)]
    # the dependency files alone
    if not stage or "--from=" in stage or BRINGS_CODE.search(stage):
        return found[0]
    if all(map(DEPENDENCY_FILE.fullmatch, sources)):
        return ""
    return found[0]


def _shown(facts: Facts, path: Path) -> PurePosixPath:
    return PurePosixPath(posixpath.relpath(path, facts.project.root))


def _sources_of(dockerfile: str) -> Iterator[tuple[str, int]]:
    """What the COPY lines of a Dockerfile take from the context, with the line."""
    for match in COPIES.finditer(dockerfile):
        text = match[1].replace("\\\n", " ").strip()
        line = dockerfile.count("\n", 0, match.start(1)) + 1
        words = text.split()
        flags = [word for word in words if word.startswith("--")]
        # what another stage, or another image, holds
        if any(flag.startswith("--from") for flag in flags):
            continue
        rest = text[text.find("[") :] if "[" in text else ""
        try:
            sources = json.loads(rest) if rest else shlex.split(text)
        except ValueError:
            sources = words
        for source in [str(word) for word in sources if not str(word).startswith("--")][:-1]:
            yield source, line


def _covers(source: str, path: PurePosixPath) -> bool:
    """Whether a COPY of a source brings a file: the file itself, or a folder above it."""
    source = source.removeprefix("/").removeprefix("./").rstrip("/")
    if source in {"", ".", "*"}:
        return True
    depth = len(PurePosixPath(source).parts)
    return fnmatch.fnmatchcase("/".join(path.parts[:depth]), source)
