"""Which file declares the project's dependencies, with which tool, and what it declares."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from celeryize.detect.requirements_files import (
    Compilation,
    RequirementsFile,
    compiled_from_pyproject,
    distant_files,
    is_for_developers,
    requirements_files,
)
from celeryize.model import Where
from celeryize.patch.dependencies import Entry, Form, entries
from celeryize.reading import is_file, list_folder, read_file

_Commands = tuple[tuple[str, ...], ...]

_MANAGERS: Mapping[str, _Commands] = {
    "poetry": (("poetry", "lock"), ("poetry", "install")),
    "uv": (("uv", "sync"),),
    "pdm": (("pdm", "install"),),
}
_INSTALL_IN_PLACE: _Commands = (("pip", "install", "-e", "."),)
_BUILDS = (Form.SETUP_CFG, Form.SETUP_PY, Form.PEP621)
# Folders, and packages of settings, of a project that only shows or tests a published library.
_EXAMPLES = re.compile(r"(example|demo|sandbox|sample|test)(s|[-_]?(project|app|site))?$")
# The reason where nothing is known at all.
UNDECLARED = "no file declares dependencies"
_OTHER_FORMS = re.compile(
    r"(environment|conda)[\w.-]*\.ya?ml$|[\w.-]*(Docker|Container)file[\w.-]*$"
)
_DJANGO = re.compile(r"(?i)(?:^|[\s'\"\[-])django(?=[\s'\"=<>~!,\]]|$)")
_POETRY_TABLE = ("tool", "poetry", "dependencies")


@dataclass(frozen=True, slots=True)
class Dependencies:
    """The file that a requirement of the running project goes into; `file` is None where there is
    none.

    `declared` maps normalised names to requirements as written, of the file and of all those it is
    installed together with (`-r`, either way): a second line for a name would contradict the first.
    `own` are the requirements of the file itself. `group` is the path of the list or table in a
    TOML file, where that is not the usual one. `left` maps the names that other files declare,
    which are left as they are, to those files. `commands` are what installs the result, to be run
    in `folder`, one after the other; `dependents` are files that are compiled of it, too, each with
    the command that does it there. `constraints` are versions that a constraints file has for
    what is installed, each with the place of its line.
    """

    manager: str
    file: PurePosixPath | None
    form: Form
    where: Where | None = None
    declared: Mapping[str, str] = field(default_factory=dict)
    locks: tuple[PurePosixPath, ...] = ()
    commands: _Commands = ()
    folder: PurePosixPath = field(default_factory=PurePosixPath)
    why: str = ""
    own: tuple[str, ...] = ()
    group: tuple[str, ...] = ()
    left: Mapping[str, PurePosixPath] = field(default_factory=dict)
    constraints: Mapping[str, tuple[str, Where]] = field(default_factory=dict)
    dependents: Mapping[PurePosixPath, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Candidate:
    """One file that may be the one. `own` is what it declares, `related` what the files
    beside it declare."""

    manager: str
    file: PurePosixPath
    form: Form
    folder: PurePosixPath
    own: Mapping[str, Entry]
    related: Mapping[str, str]
    locks: tuple[PurePosixPath, ...] = ()
    commands: _Commands = ()
    group: tuple[str, ...] = ()
    installs_project: bool = False
    constraints: Mapping[str, tuple[str, Where]] = field(default_factory=dict)
    dependents: Mapping[PurePosixPath, tuple[str, ...]] = field(default_factory=dict)

    @property
    def builds_project(self) -> bool:
        """Whether the file describes a package that can be installed, by `-e .` for example."""
        return self.form in _BUILDS

    @property
    def django(self) -> int:
        """2: the file declares Django; 1: something that brings Django along; 0: neither."""
        if "django" in self.own:
            return 2
        return int(any(re.match(r"django|wagtail", name) for name in self.own))

    @property
    def for_developers(self) -> bool:
        """Whether it is a requirements file that the running project is not installed from."""
        of_requirements = self.form is Form.REQUIREMENTS
        return of_requirements and self.django < 2 and is_for_developers(self.file)


def find_dependencies(root: Path, base: PurePosixPath, settings: str = "") -> Dependencies:
    """The declaring file of the project whose manage.py is in `base`, a folder relative to
    `root`; `settings` is its settings module.

    The file that declares Django itself wins, nearest folder first, then the tool with the
    strictest file (Poetry, uv, PDM, Pipenv, PEP 621, pip-tools, pip, setuptools). Reads only; a
    file that cannot be read declares nothing.
    """
    folders = (base, *base.parents)
    found = [candidate for folder in folders for candidate in _candidate_files(root, folder)]
    if not any(candidate.django == 2 for candidate in found):
        found += _distant_candidates(root, folders, {candidate.file for candidate in found})
    if not found:
        why = _place_of_another_form(root, folders) or UNDECLARED
        return Dependencies("pip", None, Form.REQUIREMENTS, why=why)
    # max takes the first of equals: the nearest folder, the strictest tool
    best = max(found, key=lambda candidate: (not candidate.for_developers, candidate.django))
    if best.for_developers:
        why = f"{best.file} is for developers, and no other file declares dependencies"
        return Dependencies("pip", None, Form.REQUIREMENTS, why=why)
    if _is_library(root, base, settings, best):
        why = f"{best.file} declares what the published library needs, not its example project"
        return Dependencies("pip", None, Form.REQUIREMENTS, why=why)
    django = best.own.get("django")
    return Dependencies(
        manager=best.manager,
        file=best.file,
        form=best.form,
        where=Where(best.file, django.line if django else None),
        declared={
            **_installed_beside(best, found),
            **best.related,
            **{name: entry.text for name, entry in best.own.items()},
        },
        locks=best.locks,
        commands=best.commands,
        dependents=best.dependents,
        folder=best.folder,
        why=_reason_for(best, [c for c in found if c.file not in {best.file, *best.locks}]),
        own=tuple(entry.text for entry in best.own.values()),
        group=best.group,
        left={name: other.file for other in reversed(found) for name in other.own},
        constraints=best.constraints,
    )


def _place_of_another_form(root: Path, folders: Sequence[PurePosixPath]) -> str:
    """Where Django is installed from a file that is not edited here: Conda's, a container's; empty
    where that is not known."""
    for folder in folders:
        for file in list_folder(root / folder):
            if not _OTHER_FORMS.match(file.name) or not is_file(file):
                continue
            text = (_read_bytes(file) or b"").decode("utf-8", "replace")
            for number, line in enumerate(text.splitlines(), start=1):
                # `conda install` or `pip install`, in a container file
                installs = file.suffix in {".yml", ".yaml"} or "install" in line
                if installs and _DJANGO.search(line.split("#")[0]):
                    place = Where(folder / file.name, number)
                    return f"{place} installs Django, in a form that celeryize does not edit"
    return ""


def _installed_beside(best: _Candidate, found: Sequence[_Candidate]) -> dict[str, str]:
    """What is installed together with the best file, by a `-e .` in it, or in another one."""
    declared: dict[str, str] = {}
    for other in found:
        if other is best:
            continue
        together = (best.installs_project and other.builds_project) or (
            other.installs_project and best.builds_project
        )
        if together:
            declared |= {name: entry.text for name, entry in other.own.items()}
            declared |= other.related
    return declared


def _is_library(root: Path, base: PurePosixPath, settings: str, best: _Candidate) -> bool:
    """Whether a file describes a published library, and the project is only its example.

    What such a file declares, every user of the library installs.
    """
    if not best.builds_project:
        return False
    below = base.relative_to(best.folder).parts
    if not any(_EXAMPLES.match(part) for part in (*below, settings.split(".")[0])):
        return False
    if best.form is not Form.PEP621:
        return True
    data = _read_bytes(root / best.file) or b""
    return b"[build-system]" in data


def _distant_candidates(
    root: Path, folders: Sequence[PurePosixPath], known: set[PurePosixPath]
) -> Iterator[_Candidate]:
    """The requirements files of other names and folders, where the usual ones do not declare
    Django.
    """
    # the outermost folder holds the others
    outermost = folders[-1]
    distant = [path for path in distant_files(root, outermost) if path not in known]
    if not distant:
        return
    for file in requirements_files(root, outermost, distant):
        if file.path in distant:
            yield _requirements_candidate(outermost, file)


def _reason_for(best: _Candidate, others: Sequence[_Candidate]) -> str:
    """One line that says why this file; empty where there was no choice."""
    if not others:
        return ""
    reason = "declares Django" if best.django == 2 else f"is what {best.manager} installs from"
    # the user should know of other files that would have been as plausible
    rivals = sorted({str(other.file) for other in others if other.django == 2})
    if best.django == 2 and rivals:
        return f"{best.file} {reason}; left as they are, though they do too: {', '.join(rivals)}"
    left = sorted({str(other.file) for other in others})
    return f"{best.file} {reason}; left as they are: {', '.join(left)}"


def _candidate_files(root: Path, folder: PurePosixPath) -> Iterator[_Candidate]:
    """The files of one folder, the strictest tool first."""
    yield from _pyproject_candidate(root, folder)
    yield from _pipfile_candidate(root, folder)
    for file in requirements_files(root, folder):
        yield _requirements_candidate(folder, file)
    for name, form in (("setup.cfg", Form.SETUP_CFG), ("setup.py", Form.SETUP_PY)):
        data = _read_bytes(root / folder / name)
        if data is not None and b"install_requires" in data:
            command = ("pip", "install", "-e", ".")
            yield _Candidate(
                "setuptools",
                folder / name,
                form,
                folder,
                entries(data, form),
                {},
                commands=(command,),
            )


def _pyproject_candidate(root: Path, folder: PurePosixPath) -> Iterator[_Candidate]:
    """The pyproject.toml, if it declares dependencies; one with only tool sections does not."""
    data = _read_bytes(root / folder / "pyproject.toml")
    if data is None:
        return
    from celeryize.patch.dependencies.toml import group_with, value_at

    tools = value_at(data, "tool")
    tools = tools if isinstance(tools, dict) else {}
    listed = isinstance(value_at(data, "project", "dependencies"), list)
    manager, lock, commands = _manager_of(root, folder, tools)
    form = Form.PEP621
    if manager == "poetry":
        in_table = not listed and value_at(data, *_POETRY_TABLE) is not None
        form = Form.POETRY_PEP621
        if in_table:
            form = Form.POETRY_TABLE
    group: tuple[str, ...] = ()
    if "django" not in _names_in_usual_place(data, form):
        group = group_with(data, "django")
    if group:
        form = Form.GROUP
        if manager == "poetry" and group[0] == "tool":
            form = Form.POETRY_TABLE
        commands = _commands_of_group(manager, group, commands)
    elif not listed and form is not Form.POETRY_TABLE and not _may_declare(data, manager):
        return
    locks: tuple[PurePosixPath, ...] = (lock,) if lock else ()
    if commands == _INSTALL_IN_PLACE and not _can_be_built(root, folder, data):
        commands = ()
    own = entries(data, form)
    for path, command in compiled_from_pyproject(root, folder).items():
        locks += (path,)
        commands = (*commands, command)
        if manager == "pip":
            # what is installed is the file that is compiled
            commands = (command, ("pip", "install", "-r", str(path.relative_to(folder))))
    yield _Candidate(
        manager, folder / "pyproject.toml", form, folder, own, {}, locks, commands, group
    )


def _may_declare(data: bytes, manager: str) -> bool:
    """Whether a pyproject.toml without a list of dependencies could have one: not one of tool
    sections alone, nor one whose dependencies are computed."""
    from celeryize.patch.dependencies.toml import value_at

    dynamic = value_at(data, "project", "dynamic")
    computed = isinstance(dynamic, list) and "dependencies" in dynamic
    project = value_at(data, "project")
    return project is not None and not computed and manager in ("poetry", "uv", "pdm")


def _names_in_usual_place(data: bytes, form: Form) -> set[str]:
    """The normalised names in [project].dependencies, or in Poetry's own table."""
    from celeryize.patch.dependencies.requirement import name_in, normalised
    from celeryize.patch.dependencies.toml import value_at

    if form is Form.POETRY_TABLE:
        table = value_at(data, *_POETRY_TABLE)
        return {normalised(name) for name in table} if isinstance(table, dict) else set()
    listed = value_at(data, "project", "dependencies")
    names = [name_in(str(text)) for text in listed] if isinstance(listed, list) else []
    return {normalised(name) for name in names if name}


def _commands_of_group(manager: str, group: tuple[str, ...], commands: _Commands) -> _Commands:
    """What installs a group, or an extra, which is not installed by itself."""
    name = group[-1]
    if group[0] == "project":
        if manager == "uv":
            return (("uv", "sync", "--extra", name),)
        if manager == "pip":
            return (("pip", "install", "-e", f".[{name}]"),)
    if group[0] == "dependency-groups":
        if manager == "uv":
            return (("uv", "sync", "--group", name),)
        if manager == "pip":
            return (("pip", "install", "--group", name),)
    return commands


def _manager_of(
    root: Path, folder: PurePosixPath, tools: Mapping[str, object]
) -> tuple[str, PurePosixPath | None, _Commands]:
    """The tool that installs a pyproject.toml, its lock file if there is one, and its commands."""
    for manager, commands in _MANAGERS.items():
        # the members of a uv workspace share the lock file of the folder above
        locks = [above / f"{manager}.lock" for above in (folder, *folder.parents)]
        lock = next((lock for lock in locks if (root / lock).is_file()), None)
        if manager in tools or lock:
            return manager, lock, commands
    hatch = tools.get("hatch")
    if isinstance(hatch, dict) and "envs" in hatch:
        return "hatch", None, (("hatch", "env", "create"),)
    return "pip", None, _INSTALL_IN_PLACE


def _can_be_built(root: Path, folder: PurePosixPath, data: bytes) -> bool:
    """Whether `pip install -e .` works: without a word about the build, setuptools refuses a folder
    with several packages side by side, which every Django project of two apps is."""
    if b"[build-system]" in data or b"[tool.setuptools" in data:
        return True
    return any((root / folder / name).is_file() for name in ("setup.py", "setup.cfg"))


def _pipfile_candidate(root: Path, folder: PurePosixPath) -> Iterator[_Candidate]:
    data = _read_bytes(root / folder / "Pipfile")
    if data is None:
        return
    lock = folder / "Pipfile.lock"
    locks: tuple[PurePosixPath, ...] = ()
    if (root / lock).exists():
        locks = (lock,)
    own = entries(data, Form.PIPFILE)
    command = ("pipenv", "install")
    yield _Candidate("pipenv", folder / "Pipfile", Form.PIPFILE, folder, own, {}, locks, (command,))


def _requirements_candidate(folder: PurePosixPath, file: RequirementsFile) -> _Candidate:
    """A requirements file; one that is compiled to a .txt is compiled again, and that is
    installed."""
    where = folder if file.path.is_relative_to(folder) else PurePosixPath()
    if file.compilations and file.compilations[0].command:
        # as it was compiled before: the file names the paths of that folder
        where = file.compilations[0].folder
    return _Candidate(
        "pip-tools" if file.compilations else "pip",
        file.path,
        Form.REQUIREMENTS,
        where,
        file.own,
        file.related,
        tuple(compilation.target for compilation in file.compilations[:1]),
        _commands_of(file, where),
        installs_project=file.installs_project,
        constraints=file.constraints,
        dependents={
            compilation.target: _compile_command(compilation, where)
            for compilation in file.compilations[1:]
        },
    )


def _commands_of(file: RequirementsFile, where: PurePosixPath) -> _Commands:
    """What compiles and installs a requirements file. Nothing that is in the environment goes:
    `pip-sync` would remove the tools of the developers."""
    if not file.compilations:
        return (("pip", "install", "-r", str(file.path.relative_to(where))),)
    first, *_ = file.compilations
    output = posixpath.relpath(first.target, where)
    pip = ("uv", "pip") if first.by_uv else ("pip",)
    return (_compile_command(first, where), (*pip, "install", "-r", output))


def _compile_command(compilation: Compilation, where: PurePosixPath) -> tuple[str, ...]:
    if compilation.command and compilation.folder == where:
        return compilation.command
    source = posixpath.relpath(compilation.source, where)
    output = posixpath.relpath(compilation.target, where)
    if compilation.by_uv:
        return ("uv", "pip", "compile", source, "-o", output)
    return ("pip-compile", "-o", output, source)


def _read_bytes(file: Path) -> bytes | None:
    try:
        return read_file(file)
    except OSError:
        return None
