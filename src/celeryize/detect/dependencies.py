"""Which file declares the project's dependencies, with which tool, and what it declares."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from celeryize.detect.requirements_files import RequirementsFile, requirements_files
from celeryize.model import Where
from celeryize.patch.dependencies import Entry, Form, entries
from celeryize.patch.dependencies.toml import value_at

_POETRY_TABLE = ("tool", "poetry", "dependencies")


@dataclass(frozen=True, slots=True)
class Dependencies:
    """The file that a requirement of the running project goes into; `file` is None where there is none.

    `declared` maps normalised names to requirements as written, of the file and of all those it is installed
    together with (`-r`, `-c`, either way): a second line for a name would contradict the first. `commands` are
    what installs the result, to be run in `folder`, one after the other.
    """

    manager: str
    file: PurePosixPath | None
    form: Form
    where: Where | None = None
    declared: Mapping[str, str] = field(default_factory=dict)
    locks: tuple[PurePosixPath, ...] = ()
    commands: tuple[tuple[str, ...], ...] = ()
    folder: PurePosixPath = PurePosixPath()
    why: str = ""

    @property
    def sync(self) -> str:
        """The commands as one line to paste."""
        return " && ".join(shlex.join(command) for command in self.commands)


@dataclass(frozen=True, slots=True)
class _Candidate:
    """One file that may be the one. `own` is what stands in it, `related` what stands in files beside it."""

    manager: str
    file: PurePosixPath
    form: Form
    folder: PurePosixPath
    own: Mapping[str, Entry]
    related: Mapping[str, str]
    locks: tuple[PurePosixPath, ...] = ()
    commands: tuple[tuple[str, ...], ...] = ()

    @property
    def django(self) -> int:
        """2: the file declares Django; 1: something that brings Django along; 0: neither."""
        if "django" in self.own:
            return 2
        return int(any(re.match(r"django|wagtail", name) for name in self.own))


def find_dependencies(root: Path, base: PurePosixPath) -> Dependencies:
    """The declaring file of the project whose manage.py lies in `base`, a folder relative to `root`.

    The file that declares Django itself wins, nearest folder first, then the tool with the strictest file
    (Poetry, uv, PDM, Pipenv, PEP 621, pip-tools, pip, setuptools). Reads only; a file that cannot be read
    declares nothing.
    """
    folders = [folder for folder in (base, *base.parents) if folder.is_relative_to(".")]
    found = [candidate for folder in folders for candidate in _candidates(root, folder)]
    if not found:
        return Dependencies("pip", None, Form.REQUIREMENTS, why="no file declares dependencies")
    best = max(found, key=lambda candidate: candidate.django)
    django = best.own.get("django")
    return Dependencies(
        manager=best.manager,
        file=best.file,
        form=best.form,
        where=Where(best.file, django.line if django else None),
        declared={**best.related, **{name: entry.text for name, entry in best.own.items()}},
        locks=best.locks,
        commands=best.commands,
        folder=best.folder,
        why=_why(best, [candidate for candidate in found if candidate is not best]),
    )


def _why(best: _Candidate, others: Sequence[_Candidate]) -> str:
    """One line that says why this file; empty where there was no choice."""
    if not others:
        return ""
    reason = "declares Django" if best.django == 2 else f"is what {best.manager} installs from"
    rivals = [str(other.file) for other in others if other.django == 2]
    if best.django == 2 and rivals:
        return f"{best.file} {reason}; so do {', '.join(rivals)}, which were left as they are"
    return f"{best.file} {reason}; left as they are: {', '.join(str(other.file) for other in others)}"


def _candidates(root: Path, folder: PurePosixPath) -> Iterator[_Candidate]:
    """The files of one folder, the strictest tool first."""
    yield from _pyproject(root, folder)
    yield from _pipfile(root, folder)
    files = requirements_files(root, folder)
    for file in files:
        yield _requirements(root, folder, file)
    for name, form in (("setup.cfg", Form.SETUP_CFG), ("setup.py", Form.SETUP_PY)):
        data = _bytes(root / folder / name)
        if data is not None and b"install_requires" in data and entries(data, form):
            command = ("pip", "install", "-e", ".")
            yield _Candidate(
                "setuptools", folder / name, form, folder, entries(data, form), {}, commands=(command,)
            )


def _pyproject(root: Path, folder: PurePosixPath) -> Iterator[_Candidate]:
    """The pyproject.toml, if it declares dependencies; one with only tool sections does not."""
    data = _bytes(root / folder / "pyproject.toml")
    if data is None:
        return
    tools = value_at(data, "tool")
    tools = tools if isinstance(tools, dict) else {}
    listed = isinstance(value_at(data, "project", "dependencies"), list)
    manager, lock, commands = _manager(root / folder, tools)
    form = Form.PEP621
    if manager == "poetry":
        in_table = not listed and value_at(data, *_POETRY_TABLE) is not None
        form = Form.POETRY_TABLE if in_table else Form.POETRY_PEP621
    if not listed and form is not Form.POETRY_TABLE:
        dynamic = value_at(data, "project", "dynamic")
        managed = lock or manager in ("uv", "poetry", "pdm")
        computed = isinstance(dynamic, list) and "dependencies" in dynamic
        if value_at(data, "project") is None or computed or not managed:
            return
    locks = (folder / lock,) if lock and (root / folder / lock).exists() else ()
    file = folder / "pyproject.toml"
    yield _Candidate(manager, file, form, folder, entries(data, form), {}, locks, commands)


def _manager(
    folder: Path, tools: Mapping[str, object]
) -> tuple[str, str | None, tuple[tuple[str, ...], ...]]:
    """The tool that installs a pyproject.toml, its lock file, and its commands."""
    if "poetry" in tools or (folder / "poetry.lock").exists():
        return "poetry", "poetry.lock", (("poetry", "lock"), ("poetry", "install"))
    if "uv" in tools or (folder / "uv.lock").exists():
        return "uv", "uv.lock", (("uv", "sync"),)
    if "pdm" in tools or (folder / "pdm.lock").exists():
        return "pdm", "pdm.lock", (("pdm", "install"),)
    hatch = tools.get("hatch")
    if isinstance(hatch, dict) and "envs" in hatch:
        return "hatch", None, (("hatch", "env", "create"),)
    return "pip", None, (("pip", "install", "-e", "."),)


def _pipfile(root: Path, folder: PurePosixPath) -> Iterator[_Candidate]:
    data = _bytes(root / folder / "Pipfile")
    if data is None:
        return
    lock = folder / "Pipfile.lock"
    locks = (lock,) if (root / lock).exists() else ()
    own = entries(data, Form.PIPFILE)
    command = ("pipenv", "install")
    yield _Candidate("pipenv", folder / "Pipfile", Form.PIPFILE, folder, own, {}, locks, (command,))


def _requirements(root: Path, folder: PurePosixPath, file: RequirementsFile) -> _Candidate:
    """A requirements file; one that is compiled to a .txt is compiled again and that is installed."""
    path = file.path.relative_to(folder) if file.path.is_relative_to(folder) else file.path
    where = folder if file.path.is_relative_to(folder) else PurePosixPath()
    if file.compiled_to is None:
        manager, locks = "pip", ()
        commands: tuple[tuple[str, ...], ...] = (("pip", "install", "-r", str(path)),)
    else:
        manager, locks = "pip-tools", (file.compiled_to,)
        output = str(file.compiled_to.relative_to(where))
        if file.by_uv:
            compiling = ("uv", "pip", "compile", str(path), "-o", output)
            commands = (compiling, ("uv", "pip", "sync", output))
        else:
            commands = (("pip-compile", "-o", output, str(path)), ("pip-sync", output))
    return _Candidate(manager, file.path, Form.REQUIREMENTS, where, file.own, file.related, locks, commands)


def _bytes(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except OSError:
        return None
