"""Templates to text: copier for the whole files of `init`, Jinja2 for snippets."""

from __future__ import annotations

import re
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from celeryize.errors import CeleryizeError, UsageError
from celeryize.reading import is_file, list_folder, read_file
from celeryize.scratch import Scratch, unusable

if TYPE_CHECKING:
    from jinja2 import BaseLoader, Environment, Template

ANSWERS_FILE = ".celeryize.yml"
TEMPLATE = ".py.jinja"
# Of a task's template: far more than any needs.
RENDER_SECONDS = 5.0
RENDER_LENGTH = 200_000


@dataclass(frozen=True, slots=True)
class GeneratedFile:
    """A whole file of `init`: its path from the root of the project, and why it is there.

    `keep`: where a file exists at that path, it stays as it is, whatever is in it.
    """

    path: PurePosixPath
    data: bytes
    what: str
    keep: bool


@dataclass(frozen=True, slots=True)
class Rendered:
    """The whole files of `init` in the order of their steps, and the answers that led to them."""

    files: tuple[GeneratedFile, ...]
    answers: dict[str, object]


def templates() -> Path:
    """The folder of our templates: in the installed package, or at the top of a checkout."""
    here = Path(__file__).resolve()
    packaged = here.with_name("templates")
    if packaged.is_dir():
        return packaged
    return here.parents[2] / "templates"


def render_init(data: Mapping[str, object]) -> Rendered:
    """Have copier check the answers and render `templates/init` into a temporary folder; what is
    not answered has its default.

    Isolated from the user's global copier settings; no tasks, no extensions. Raises UsageError for
    an answer that cannot be, WriteFailed where the temporary folder cannot be used.
    """
    try:
        with Scratch() as scratch:
            return _render_files(str(scratch.path), data)
    except OSError as error:
        raise unusable(error) from error


def _render_files(folder: str, data: Mapping[str, object]) -> Rendered:
    import copier
    import copier.errors
    import plumbum

    # beside manage.py; the one file that copier wants at the root of its templates
    answers_file = PurePosixPath(str(data["base_path"])) / ANSWERS_FILE
    try:
        # no PATH, no git: copier would ask it, in five processes, whether our templates are a
        # repository
        with plumbum.local.env(PATH=""):
            worker = copier.run_copy(
                str(templates() / "init"),
                folder,
                data=dict(data),
                answers_file=str(answers_file),
                settings=copier.Settings(),
                defaults=True,
                overwrite=True,
                quiet=True,
                skip_tasks=True,
                unsafe=False,
            )
    except ValueError as error:
        raise UsageError(
            _as_option(_first_line(str(error))), hint="See `celeryize init --help`."
        ) from error
    except copier.errors.CopierError as error:
        raise CeleryizeError(f"the templates of init cannot be rendered: {error}") from error
    found = {
        PurePosixPath(path.relative_to(folder).as_posix()): path.read_bytes()
        for path in sorted(Path(folder).rglob("*"))
        if path.is_file()
    }
    answers = dict(worker.answers.combined)
    return Rendered(_with_reasons(found, answers), answers)


def _with_reasons(
    found: dict[PurePosixPath, bytes], answers: dict[str, object]
) -> tuple[GeneratedFile, ...]:
    """Each rendered file with its entry of `_steps` in copier.yml.

    Raises CeleryizeError for one without. A file without an entry would otherwise be rendered and
    then left out, and nobody would notice.
    """
    import yaml
    from jinja2 import Environment, StrictUndefined

    # the paths are templates of the same answers, because the files' names are
    environment = Environment(undefined=StrictUndefined, autoescape=False)
    declared = yaml.safe_load((templates() / "init/copier.yml").read_text("utf-8"))["_steps"]
    files: list[GeneratedFile] = []
    for entry in declared:
        path = PurePosixPath(environment.from_string(entry["path"]).render(**answers))
        # not every file belongs to every answer
        if path in found:
            keep = bool(entry.get("keep", False))
            files.append(GeneratedFile(path, found.pop(path), entry["what"], keep))
    if found:
        unknown = ", ".join(map(str, sorted(found)))
        raise CeleryizeError(
            f"the templates of init give {unknown}, which has no entry in `_steps`",
            hint="Add its path and its reason to templates/init/copier.yml.",
        )
    return tuple(files)


def has_template(name: str) -> bool:
    """Whether there is a built-in template of this name."""
    return (templates() / name).is_file()


def snippet(name: str, **context: object) -> str:
    """A built-in template, such as `settings/standard.py.jinja`, as text.

    An unknown name in it is an error.
    """
    return _snippet_environment().get_template(name).render(**context)


def task_template(kind: str, own: Path | None, body_from: Path | None, **context: object) -> str:
    """A task as code. The project's own `<own>/task/<kind>.py.jinja` overrides the built-in one.

    Templates of somebody else are rendered in Jinja's sandbox, for a limited time and to a limited
    length, and none is read outside of `own`. Raises CeleryizeError with file and line.
    """
    from jinja2 import StrictUndefined, TemplateSyntaxError
    from jinja2.sandbox import SandboxedEnvironment

    environment = SandboxedEnvironment(
        loader=_template_loader(own),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )
    name = f"task/{kind}.py.jinja"
    try:
        with _time_limit(RENDER_SECONDS):
            if body_from is not None:
                name = str(body_from)
                template = environment.from_string(read_file(body_from).decode("utf-8"))
            else:
                template = environment.get_template(name)
            return _render_limited(template, context)
    except CeleryizeError:
        raise
    except TemplateSyntaxError as error:
        place = error.filename or name
        raise CeleryizeError(
            f"{place}:{error.lineno}: {error.message}",
            hint="Fix the template, or remove it to use ours.",
        ) from error
    except Exception as error:  # A template of the project's own may raise anything.
        raise CeleryizeError(
            f"{name}{_template_line(error, name)}: {error}",
            hint="Fix the template, or remove it to use ours.",
        ) from error


def _template_loader(own: Path | None) -> BaseLoader:
    """Looks for a template in the project's own folder, then among the built-in ones."""
    from jinja2 import ChoiceLoader, FileSystemLoader

    built_in = FileSystemLoader(templates())
    if own is None:
        return built_in
    return ChoiceLoader([_own_loader(own), built_in])


def _own_loader(own: Path) -> BaseLoader:
    """Reads regular files below a folder; a link that leads out of it is refused."""
    from jinja2 import FunctionLoader

    inside = own.resolve()

    def load(name: str) -> tuple[str, str, Callable[[], bool]] | None:
        file = own / name
        if not is_file(file):
            return None
        if not file.resolve().is_relative_to(inside):
            raise CeleryizeError(
                f"{file} leads out of the folder of templates, to {file.resolve()}",
                hint="Copy the template there instead of linking to it.",
            )
        return read_file(file).decode("utf-8"), str(file), lambda: True

    return FunctionLoader(load)


def _render_limited(template: Template, context: Mapping[str, object]) -> str:
    """Render a template. Raises CeleryizeError for a text that is longer than any task."""
    parts: list[str] = []
    length = 0
    for part in template.generate(**context):
        parts.append(part)
        length += len(part)
        if length > RENDER_LENGTH:
            raise CeleryizeError(
                f"{template.name or 'the template'} gives more than {RENDER_LENGTH:,} characters",
                hint="Fix the template, or remove it to use ours.",
            )
    return "".join(parts)


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Raise CeleryizeError in a block that takes longer, where the system can interrupt it."""
    # only the main thread gets signals, and Windows has no timers
    timer = getattr(signal, "setitimer", None)
    if timer is None or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> None:
        raise CeleryizeError(
            f"rendering the template took longer than {seconds:g} seconds",
            hint="Fix the template, or remove it to use ours.",
        )

    before = signal.signal(signal.SIGALRM, stop)
    timer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        timer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def task_templates(folder: Path | None) -> dict[str, Path]:
    """The templates of tasks in a folder of templates, by name, e.g. `task/plain`."""
    if folder is None:
        return {}
    found = [file for file in list_folder(folder / "task") if file.name.endswith(TEMPLATE)]
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
def _snippet_environment() -> Environment:
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
    if match:
        return f"--{match[1].replace('_', '-')}: {match[2]}"
    return text


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), text)
