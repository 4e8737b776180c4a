"""What may give a process its variables when it starts, beside the file that starts it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from celeryize.checks.facts import Facts
from celeryize.checks.facts.deployment import without_comments
from celeryize.checks.facts.processes.given import is_named_elsewhere, read_variables
from celeryize.checks.facts.processes.ignored import is_kept_out
from celeryize.checks.facts.processes.where_it_runs import (
    ENTRY_POINT,
    dockerfiles_of_project,
    entry_scripts,
)
from celeryize.detect.processes.images import instructions_of
from celeryize.detect.processes.process import SHELLS, Item, Process
from celeryize.reading import is_file, readable_text

# `. /run/secrets/env`, `source`, `set -a`, `eval`, `export $(...)`
SOURCES = re.compile(
    r"(?:^|[;&|\s])(?:\.\s+\S|source\s|set\s+-a|set\s+-o\s+allexport|eval\s|export\s+[\"']?\$)",
    re.M,
)
# What of a kustomization changes the variables of a container, or what they are taken from.
PATCHES = re.compile(
    r"(?m)^(?:patch\w*|replacements|components|\w+Generator|transformers|vars|generators"
    r"|helm\w*|configurations|name(?:Prefix|Suffix))\s*:"
)
PATCH = re.compile(r"(?m)^[\s-]*(?:op|spec|containers)\s*:|kubectl|helm\b")
KIND = re.compile(r"(?m)^[\s-]*kind\s*:\s*[\"']?(\w+)")
HOLDERS = {"ConfigMap", "Secret", "SealedSecret", "ExternalSecret", "Service", "Ingress"}
# What loads a file of variables, with its arguments; and one that is not the .env of the project.
LOADER = re.compile(r".*(?:dotenv|read_env|decouple).*")
ELSEWHERE = re.compile(r"[\"'](?:/[^\"']*|[^\"']+\.env|\.env[^\"']+)[\"']")
# What stands in front of `celery` and gives it no variable.
PLAIN = re.compile(
    r"(?:.*/)?(?:exec|env|python[\d.]*|-m|-u|uv|poetry|pdm|run|tini|dumb-init|--|-g|nice|gosu|su-exec"
    r"|sh|bash|ash|dash|-[a-z]*c|\w+=\S*)"
)


def may_be_given(facts: Facts, process: Process, name: str) -> bool:
    """Whether an image, a script, a wrapper, the code before the settings, or what patches a
    manifest may give a process a variable."""
    return _is_set_by_code(facts, name) or may_start_with(facts, process, name)


def may_start_with(facts: Facts, process: Process, name: str) -> bool:
    """The same, less what the code sets."""
    if is_named_elsewhere(facts, name):
        return True
    if process.kind == "kubernetes":
        if _is_patched(facts, process, name) or _entry_may_give(facts, process):
            return True
    return _is_wrapped(process) or _sources_a_file(facts, process)


def start_texts(facts: Facts) -> Iterator[str]:
    """The modules beside the settings and the app file: what runs before the settings do."""
    paths = [*facts.settings.files]
    if facts.app_code is not None:
        paths.append(facts.app_code.path)
    folders = {(facts.project.root / path).parent for path in paths}
    for place, _, files in facts.deployment.folders:
        if place in folders:
            yield from (readable_text(place / file) for file in files if file.endswith(".py"))


def dotenv_of(facts: Facts, process: Process | None = None) -> Mapping[str, Item] | None:
    """The variables of the .env that is read before the settings are; None where it may be one
    that is not here. In the container of a `process` it may be kept out by .dockerignore."""
    calls = [call for text in start_texts(facts) for call in LOADER.findall(text)]
    if not calls:
        return {}
    # read_env("/run/secrets/shop.env")
    if any(ELSEWHERE.search(call) for call in calls):
        return None
    folders = dict.fromkeys((facts.deployment.root, facts.project.root / facts.project.base))
    if process is not None and is_kept_out(facts, process, [one / ".env" for one in folders]):
        return {}
    found: dict[str, Item] = {}
    known = False
    for folder in folders:
        if is_file(folder / ".env"):
            found.update(read_variables(facts, folder / ".env"))
            known = True
    return found if known else None


def _is_set_by_code(facts: Facts, name: str) -> bool:
    """`os.environ.setdefault("NAME", ...)`, `os.environ["NAME"] = ...`, or the default of a
    scheme: `{"NAME": (str, "...")}`."""
    quoted = rf"[\"']{re.escape(name)}[\"']"
    sets = re.compile(rf"(?:setdefault|putenv)\(\s*{quoted}|\[{quoted}\]\s*=[^=]|{quoted}\s*:\s*\(")
    return any(sets.search(text) for text in start_texts(facts))


def _is_patched(facts: Facts, process: Process, name: str) -> bool:
    """Whether kustomize, or a patch that is not a workload itself, may change the manifests.

    What a container takes of a ConfigMap or a Secret is known by what names it.
    """
    workloads = {
        facts.deployment.root / other.where.path
        for other in facts.deployment.processes
        if other.scope == process.scope
    }
    named = re.compile(rf"\b{re.escape(name)}\b")
    for place, _, files in facts.deployment.folders:
        for file in files:
            if not file.endswith((".yaml", ".yml")):
                continue
            other = place / file
            if file.startswith("kustomization"):
                if PATCHES.search(without_comments(readable_text(other))):
                    return True
            elif other not in workloads and named.search(readable_text(other)):
                if _may_patch(facts, other):
                    return True
    return False


def _entry_may_give(facts: Facts, process: Process) -> bool:
    """Whether the entry point of the image, which is given the args of a container, may read
    variables from somewhere."""
    if "args_only" not in process.options:
        return False
    paths = dockerfiles_of_project(facts)
    if len(paths) != 1:
        return True
    found = ENTRY_POINT.findall(instructions_of(readable_text(paths[0])))
    for word in re.findall(r"[^\s\[\]\"',]+", found[-1]) if found else ():
        name = word.rpartition("/")[2]
        places = [place for place, _, files in facts.deployment.folders if name in files]
        texts = [readable_text(place / name) for place in places]
        if not texts and not PLAIN.fullmatch(name):
            return True
        if any(SOURCES.search(text) for text in texts):
            return True
    return False


def _may_patch(facts: Facts, path: Path) -> bool:
    """Whether a YAML file may change a workload: a patch, the values of a chart, a pipeline that
    calls kubectl; a compose file, or one that only holds ConfigMaps and the like, does not."""
    relative = PurePosixPath(path.relative_to(facts.deployment.root).as_posix())
    others = (one for one in facts.deployment.processes if one.kind != "kubernetes")
    if any(one.where.path == relative for one in others):
        return False
    text = readable_text(path)
    kinds = set(KIND.findall(text))
    if kinds:
        return not kinds <= HOLDERS
    # no object of Kubernetes
    return PATCH.search(text) is not None or "values" in path.name


def _is_wrapped(process: Process) -> bool:
    """Whether another program starts Celery, or a shell that reads a file of variables."""
    if SOURCES.search(process.shell_text):
        return True
    words = process.shell_text.split() if process.shell else list(process.words)
    for word in words:
        if re.fullmatch(r"(?:.*/)?(?:celery|manage\.py)", word):
            return False
        if word not in SHELLS and not PLAIN.fullmatch(word):
            return bool(re.search(r"\bcelery\b", " ".join(words)))
    return False


def _sources_a_file(facts: Facts, process: Process) -> bool:
    """Whether the script of a process, or the entry point of its image, reads variables from
    somewhere, or is not in the repository."""
    if process.script is not None:
        text = readable_text(facts.deployment.root / process.script.path)
        return SOURCES.search(text) is not None
    if process.kind != "compose":
        return False
    texts = entry_scripts(facts, process)
    return texts is None or any(SOURCES.search(text) for text in texts)
