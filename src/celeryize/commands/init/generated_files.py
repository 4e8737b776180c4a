"""The whole files that init writes: all that templates/init renders, each with its reason."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import replace
from pathlib import PurePosixPath

from celeryize.commands.init.answers import Existing
from celeryize.commands.init.app_settings import choose_app_settings
from celeryize.commands.init.recorded import lines_of, renewed_answers
from celeryize.commands.init.setup import Setup, Wiring
from celeryize.detect.celery import builds_app
from celeryize.detect.project import Project
from celeryize.errors import CannotPatch
from celeryize.model import Where
from celeryize.patch.imports import with_imports
from celeryize.patch.source import Source, fitted
from celeryize.render import ANSWERS_FILE, GeneratedFile

# A module of one of these names, beside the project's own, is imported in place of the library.
SHADOWED = ("celery", "kombu", "redis", "amqp", "billiard", "vine")


def refuse_shadows(project: Project) -> None:
    """Raise CannotPatch where a module of the project hides a library that Celery needs."""
    for base in project.layout.paths:
        for name in SHADOWED:
            for candidate in (base / f"{name}.py", base / name / "__init__.py"):
                if (project.root / candidate).is_file():
                    raise CannotPatch(
                        f"{candidate} hides the library {name} from every import in this project",
                        hint=f"Rename it; `import {name}` finds it before the installed package.",
                        where=Where(candidate),
                    )


def refuse_app_of_tasks(project: Project) -> None:
    """Raise CannotPatch where a tasks module builds an app for its tasks, as tutorials without
    Django do: a worker would have two."""
    for app in project.apps:
        source = project.modules.source(app.folder / "tasks.py")
        if source is None or not builds_app(source.text):
            continue
        for node in source.tree.body:
            if isinstance(node, ast.Assign) and builds_app(ast.unparse(node)):
                raise CannotPatch(
                    f"{source.path} builds a Celery app of its own, and a project has one",
                    hint="Take it out, have its tasks use @shared_task, and run init again:",
                    snippet="from celery import shared_task\n\n\n@shared_task\n",
                    where=source.where(node),
                )


def safe_module_name(project: Project, wanted: str) -> str:
    """The name of a new app file: another one where the wanted one would hide a library."""
    hides = wanted in SHADOWED and project.package.folder in project.layout.paths
    if project.celery or not hides:
        return wanted
    return f"{wanted}_app"


def write_app_file(setup: Setup) -> None:
    """The file of the Celery app. Raises CannotPatch where something else has its name."""
    rendered = next(file for file in setup.rendered.files if _is_app_file(setup, file))
    # lines to paste are planned under a free name, where the one that was rendered is taken
    file = replace(rendered, path=rendered.path.with_name(f"{setup.module_name}.py"))
    folder = file.path.with_suffix("")
    if (setup.project.root / folder).is_dir():
        raise CannotPatch(
            f"{folder} exists and is not a Celery app",
            hint="Choose another name for the app file (--module-name celery_app).",
            snippet=file.data.decode(),
            where=Where(folder),
        )
    _refuse_unknown_app(setup, file.path)
    chosen = choose_app_settings(setup.project)
    if chosen.note:
        setup.draft.add_note(chosen.note)
    if chosen.imports:
        source = Source(file.path, file.data.decode(), style=setup.draft.style)
        file = replace(file, data=with_imports(source, chosen.imports).encode())
    _write_file(
        setup,
        file,
        f"{file.path} exists and is not a Celery app",
        "Choose another name for the app file (--module-name celery_app), "
        "or overwrite it (--overwrite).",
    )


def _refuse_unknown_app(setup: Setup, path: PurePosixPath) -> None:
    """Raise CannotPatch where the file builds an app that was not recognised: --overwrite is for
    other files."""
    source = setup.project.modules.source(path)
    if setup.existing is not Existing.OVERWRITE or source is None:
        return
    # what is commented out is no app
    if builds_app(ast.unparse(source.tree)):
        raise CannotPatch(
            f"{path} builds a Celery app in a way that celeryize does not recognise",
            hint="It is never overwritten. Build the app at the top level of the module, or choose "
            "another name for the app file (--module-name celery_app).",
            where=Where(path),
        )


def write_other_files(setup: Setup, wiring: Wiring) -> None:
    """Every other file that was rendered; the answers file keeps what was written."""
    for file in setup.rendered.files:
        if file.path.name == ANSWERS_FILE:
            write_answers(setup, file, wiring.recorded)
        elif not _is_app_file(setup, file):
            with setup.attempt():
                _write_file(
                    setup,
                    file,
                    f"{file.path} exists and has other content",
                    "Overwrite it (--overwrite), or keep it (--skip-existing).",
                )


def write_data_folders(setup: Setup) -> None:
    """The folders of messages and results, where the answers have them."""
    for file in setup.rendered.files:
        if file.keep and file.path.name != ANSWERS_FILE and setup.draft.read(file.path) is None:
            setup.draft.write(file.path, file.data, file.what)


def write_answers(setup: Setup, file: GeneratedFile, recorded: Iterable[tuple[str, str]]) -> None:
    """The answers file: new, or with the answers and settings of today beside its own lines."""
    wanted = file.data + lines_of(dict(recorded)).encode()
    there = setup.draft.read(file.path)
    if there is None:
        setup.draft.write(file.path, wanted, file.what)
        return
    try:
        renewed = renewed_answers(there, wanted)
    except UnicodeDecodeError:
        renewed = wanted
    if renewed == there:
        setup.draft.keep(file.path, f"{file.what}, kept as it is")
        return
    setup.draft.write(file.path, renewed, file.what)


def project_newline(project: Project) -> str:
    """The newline of the project's Python files, as manage.py has it."""
    source = project.modules.source(project.layout.manage)
    if source is None:
        return "\n"
    return source.newline


def _is_app_file(setup: Setup, file: GeneratedFile) -> bool:
    """Whether it is the file of the Celery app, which is known by its path."""
    rendered_as = setup.rendered.answers["module_name"]
    return file.path == setup.project.package.folder / f"{rendered_as}.py"


def _head_of_empty(setup: Setup, path: PurePosixPath) -> bytes | None:
    """What stands in a file of blanks, comments or a docstring, with a blank line below it; None
    for any other file."""
    source = setup.project.modules.source(path)
    if source is None or any(not _is_text(node) for node in source.tree.body):
        return None
    text = source.encode()
    if not text.strip():
        return text
    return text.rstrip() + 2 * source.newline.encode()


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _write_file(setup: Setup, file: GeneratedFile, refusal: str, hint: str) -> None:
    """Write a rendered file; if another one is there, the user's choice decides."""
    draft = setup.draft
    there = draft.read(file.path)
    # a new Python file looks like the others of the project
    data = file.data
    if file.path.suffix == ".py":
        empty = Source(file.path, "", style=draft.style)
        text = fitted(empty, 0, data.decode())
        data = text.replace("\n", project_newline(setup.project)).encode()
    # kept whatever is in it: it is the user's by now
    if there is not None and file.keep:
        draft.keep(file.path, f"{file.what}, kept as it is")
        return
    head = None
    if file.path.suffix == ".py":
        head = _head_of_empty(setup, file.path)
    # a file that says nothing yet is no other file
    if head is not None and there is not None:
        newline = b"\r\n" if b"\r\n" in there else b"\n"
        data = head + data.replace(b"\r\n", b"\n").replace(b"\n", newline)
    elif there not in (None, file.data, data):
        if setup.existing is Existing.SKIP:
            draft.keep(file.path, "left as it is (--skip-existing)")
            return
        if setup.existing is Existing.REFUSE:
            raise CannotPatch(
                refusal, hint=hint, snippet=file.data.decode(), where=Where(file.path)
            )
    draft.write(file.path, data, file.what)
