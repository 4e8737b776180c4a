"""Lock files, and files that are compiled, without what the dependency file declares for Celery."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from celeryize.checks.check import Occurrence, check
from celeryize.checks.clients import APPS, CLIENTS
from celeryize.checks.facts import Facts
from celeryize.checks.installed import line_of
from celeryize.detect.install_line import install_line
from celeryize.model import Where
from celeryize.patch.dependencies import Form, entries
from celeryize.patch.dependencies.requirement import normalised
from celeryize.reading import parse_toml, readable_text

# What runs the tasks, and Celery's own apps.
NAMES = ("celery", *APPS.values())
# Managers whose lock files have every group and every extra, chosen or not.
LOCKS_ALL = frozenset({"uv", "poetry", "pipenv"})
# A requirement that may be about another machine, or that is optional there.
CONDITIONAL = re.compile(r";|markers|python|platform")
EXTRAS = re.compile(r"\[([^]]*)\]")
LOCKED = re.compile(r'^name = "([^"]+)"', re.M)
INCLUDES = re.compile(r"^[ \t]*(?:-r|--requirement)[ =]*(\S+)", re.M)


@check("celery.W166")
def lock_without_celery(facts: Facts) -> Iterator[Occurrence]:
    """A lock file lacks Celery, which the dependency file declares.

    What happens: An image, or a machine, that is installed from the lock has no Celery; here it may
        be installed manually.
    How it looks: ModuleNotFoundError: No module named 'celery'
    Why: The dependency file was changed, and the lock file was not made anew.
    Fix: Refresh the lock file with the tool that writes it, and commit both.
    Source: https://pip-tools.readthedocs.io/en/stable/#workflow-for-layered-requirements
    """
    dependencies = facts.project.dependencies
    wanted = _wanted(facts)
    if not wanted:
        return
    lacking = {lock: _lacking(facts, lock, wanted) for lock in dependencies.locks}
    yield from _stale(facts, lacking, install_line(facts.project))
    included = [lock for lock in dependencies.dependents if _is_made_of(facts, lock)]
    for lock in included:
        command = install_line(facts.project, (dependencies.dependents[lock],))
        yield from _stale(facts, {lock: _lacking(facts, lock, wanted)}, command)


def _stale(
    facts: Facts, lacking: dict[PurePosixPath, list[str]], command: str
) -> Iterator[Occurrence]:
    """One finding for the lock files that one line refreshes."""
    found = {lock: names for lock, names in lacking.items() if names}
    if not found:
        return
    first, names = next(iter(found.items()))
    # an extra is declared in the line of celery
    declared = names[0] if names[0] in NAMES else "celery"
    verb = "lack" if len(found) > 1 else "lacks"
    yield Occurrence(
        f"{' and '.join(map(str, found))} {verb} {' and '.join(names)}, which "
        f"{line_of(facts, declared)} asks for: what is installed from the lock has no "
        f"{names[0]}",
        Where(first),
        f"Refresh it: {command}" if command else "Refresh it with the tool that writes it.",
    )


def _wanted(facts: Facts) -> tuple[str, ...]:
    """What the dependency file itself declares of Celery, and the clients of its extras."""
    dependencies = facts.project.dependencies
    if dependencies.file is None:
        return ()
    data = readable_text(facts.project.root / dependencies.file).encode()
    own = {name: entry.text for name, entry in entries(data, dependencies.form).items()}
    if dependencies.file.suffix == ".toml" and dependencies.manager not in LOCKS_ALL:
        own = {name: text for name, text in own.items() if name in _always_installed(data)}
    wanted = [name for name in NAMES if name in own and not CONDITIONAL.search(own[name])]
    if "celery" in wanted:
        extras = set(re.findall(r"[\w-]+", " ".join(EXTRAS.findall(own["celery"]))))
        wanted += sorted({client for client, extra in CLIENTS.values() if extra in extras})
    return tuple(wanted)


def _always_installed(data: bytes) -> set[str]:
    """The names in [project].dependencies: groups and extras are not always locked."""
    try:
        project = parse_toml(data.decode()).get("project")
    except ValueError:
        return set()
    listed = project.get("dependencies") if isinstance(project, dict) else None
    if not isinstance(listed, list):
        return set()
    return {normalised(re.split(r"[^\w.-]", str(text).strip())[0]) for text in listed}


def _lacking(facts: Facts, lock: PurePosixPath, wanted: Sequence[str]) -> list[str]:
    """What a lock file lacks; nothing where it is another kind of file, or cannot be read."""
    text = readable_text(facts.project.root / lock)
    locked = _names_in(lock, text)
    if "django" not in locked:
        return []
    return [name for name in wanted if name not in locked]


def _names_in(lock: PurePosixPath, text: str) -> set[str]:
    if lock.name == "Pipfile.lock":
        return _names_in_json(text)
    if lock.suffix == ".lock":
        return {normalised(name) for name in LOCKED.findall(text)}
    # the rest of it is in another file
    if INCLUDES.search(text):
        return set()
    return set(entries(text.encode(), Form.REQUIREMENTS))


def _names_in_json(text: str) -> set[str]:
    try:
        document = json.loads(text)
    except ValueError:
        return set()
    tables = list(document.values()) if isinstance(document, dict) else []
    return {normalised(name) for table in tables if isinstance(table, dict) for name in table}


def _is_made_of(facts: Facts, lock: PurePosixPath) -> bool:
    """Whether a file is compiled of one that includes the dependency file by `-r`: what is only
    constrained by it, by `-c`, need not have Celery."""
    dependencies = facts.project.dependencies
    ends = {dependencies.file, *dependencies.locks}
    for word in dependencies.dependents[lock]:
        source = dependencies.folder / word
        if source.suffix != ".in":
            continue
        text = readable_text(facts.project.root / source)
        for name in INCLUDES.findall(text):
            if PurePosixPath(posixpath.normpath(source.parent / name)) in ends:
                return True
    return False
