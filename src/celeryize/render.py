"""Templates to text: copier for the whole files of `init`, Jinja2 for snippets. Neither sees the project."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from celeryize.errors import CeleryizeError, UsageError
from celeryize.scratch import Scratch, unusable

if TYPE_CHECKING:
    from jinja2 import Environment

ANSWERS_FILE = ".celeryize.yml"
TEMPLATE = ".py.jinja"


@dataclass(frozen=True, slots=True)
class Rendered:
    """The whole files of `init` by path, and the answers that led to them."""

    files: dict[PurePosixPath, bytes]
    answers: dict[str, object]


def templates() -> Path:
    """The folder of our templates: in the installed package, or at the top of a checkout."""
    here = Path(__file__).resolve()
    packaged = here.with_name("templates")
    return packaged if packaged.is_dir() else here.parents[2] / "templates"


def render_init(data: Mapping[str, object], *, ask: bool) -> Rendered:
    """Have copier ask its questions and render `templates/init` into a temporary folder.

    Isolated from the user's global copier settings; no tasks, no extensions. Raises UsageError for an answer that
    cannot be, WriteFailed where the temporary folder cannot be used.
    """
    try:
        with Scratch() as scratch:
            return _rendered(str(scratch.path), data, ask=ask)
    except OSError as error:
        raise unusable(error) from error


def _rendered(folder: str, data: Mapping[str, object], *, ask: bool) -> Rendered:
    import copier
    import copier.errors
    import plumbum

    try:
        # git is out of its sight: it would be asked, in five processes, whether our templates are a repository
        with plumbum.local.env(PATH=""):
            worker = copier.run_copy(
                str(templates() / "init"),
                folder,
                data=dict(data),
                answers_file=ANSWERS_FILE,
                settings=copier.Settings(),
                defaults=not ask,
                overwrite=True,
                quiet=True,
                skip_tasks=True,
                unsafe=False,
            )
    except (copier.errors.CopierAnswersInterrupt, EOFError) as error:
        raise KeyboardInterrupt from error
    except ValueError as error:
        raise UsageError(_as_option(_first_line(str(error))), hint="See `celeryize init --help`.") from error
    except copier.errors.CopierError as error:
        raise CeleryizeError(f"the templates of init cannot be rendered: {error}") from error
    found = {
        PurePosixPath(path.relative_to(folder).as_posix()): path.read_bytes()
        for path in sorted(Path(folder).rglob("*"))
        if path.is_file()
    }
    return Rendered(found, dict(worker.answers.combined))


def snippet(name: str, **context: object) -> str:
    """One template of ours as text, e.g. `settings/standard.py.jinja`. An unknown name in it is an error."""
    return _environment().get_template(name).render(**context)


def task_template(kind: str, own: Path | None, body_from: Path | None, **context: object) -> str:
    """A task as code. A template of the project's own (`own`/task/<kind>.py.jinja) goes before ours.

    Somebody else's templates are rendered in Jinja's sandbox. Raises CeleryizeError with file and line.
    """
    from jinja2 import ChoiceLoader, FileSystemLoader, StrictUndefined, TemplateSyntaxError
    from jinja2.sandbox import SandboxedEnvironment

    folders = [own, templates()] if own else [templates()]
    environment = SandboxedEnvironment(
        loader=ChoiceLoader([FileSystemLoader(folder) for folder in folders]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )
    name = f"task/{kind}.py.jinja"
    try:
        if body_from is not None:
            name = str(body_from)
            return environment.from_string(body_from.read_text("utf-8")).render(**context)
        return environment.get_template(name).render(**context)
    except TemplateSyntaxError as error:
        place = error.filename or name
        raise CeleryizeError(
            f"{place}:{error.lineno}: {error.message}", hint="Fix the template, or remove it to use ours."
        ) from error
    except Exception as error:  # A template of the project's own may raise anything.
        raise CeleryizeError(
            f"{name}{_template_line(error, name)}: {error}", hint="Fix the template, or remove it to use ours."
        ) from error


def task_templates(folder: Path | None) -> dict[str, Path]:
    """The templates of tasks in a folder of templates, by name, e.g. `task/plain`."""
    found = sorted((folder / "task").glob(f"*{TEMPLATE}")) if folder else []
    return {f"task/{file.name.removesuffix(TEMPLATE)}": file for file in found}


def _template_line(error: BaseException, name: str) -> str:
    """The line of a template at which its rendering failed, from the frames that Jinja rewrites."""
    found = ""
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename.endswith((name, "<template>")):
            found = f":{trace.tb_lineno}"
        trace = trace.tb_next
    return found


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(templates()),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )


def _as_option(text: str) -> str:
    """copier's complaint about a question as one about the option that answers it."""
    match = re.match(r"Validation error for question '(\w+)': (.*)", text)
    return f"--{match[1].replace('_', '-')}: {match[2]}" if match else text


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), text)
