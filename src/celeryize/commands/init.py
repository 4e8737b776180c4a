"""`celeryize init`: the app file, the package import, the CELERY_* block, the dependency."""

from __future__ import annotations

import ast
import re
import shlex
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import PurePosixPath

from celeryize import __version__
from celeryize.celery_facts import CELERY_LIBRARIES
from celeryize.commands.gaps import Gap, Style, after_configuration, broker_gap, named_by
from celeryize.commands.lines_to_paste import WholePlan, headed, lines_of
from celeryize.commands.modernize import Modernized, left_old, modernize
from celeryize.detect.celery import CeleryApp
from celeryize.detect.project import Project
from celeryize.detect.settings import Reader, ReaderKind, reader_of
from celeryize.draft import Draft
from celeryize.errors import CannotPatch, UsageError
from celeryize.model import Plan, Status, Step, Todo, Where
from celeryize.patch.components import component
from celeryize.patch.dependencies import declare, needed
from celeryize.patch.gitignore import BEAT_FILES, IGNORES_BEAT, ignore
from celeryize.patch.installed_apps import install_app
from celeryize.patch.package_init import import_app
from celeryize.patch.settings import add_attributes, add_block, without
from celeryize.patch.source import Source, is_identifier, python_literal
from celeryize.render import ANSWERS_FILE, Rendered, render_init, snippet
from celeryize.urls import holds_password

DATA_FOLDER = ".celery"
BROKERS = {
    "redis": "redis://localhost:6379/0",
    "rabbitmq": "amqp://localhost:5672//",
    "filesystem": "filesystem://localhost/",
}
# Django's own modules of a project package: an app file never takes their place.
DJANGO_MODULES = frozenset(
    {"__init__", "asgi", "manage", "settings", "urls", "wsgi", "models", "apps", "admin", "views"}
)
GENERIC = frozenset(
    {"app", "apps", "backend", "conf", "config", "core", "django", "mysite", "project", "server", "site"}
)
BROKER_NAMES = frozenset({"CELERY_BROKER_URL", "CELERY_BROKER_TRANSPORT_OPTIONS"})
BACKENDS = {"redis": "redis://localhost:6379/0", "rpc": "rpc://", "django-db": "django-db", "none": ""}


@dataclass(frozen=True, slots=True)
class Answers:
    """What the user chose; the four questions of templates/init/copier.yml."""

    broker: str
    result_backend: str
    profile: str
    beat: bool


@dataclass(frozen=True, slots=True)
class Wiring:
    """The Celery app as it will be: what a proof has to find, and what `celery -A` is given.

    `environment` holds the variables without which the settings would not import. `read_by_path`: the project
    reads what was written by its path, so that only a proof after writing can see it.
    """

    module: str
    variable: str
    spec: str
    wrote: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    read_by_path: bool = False


class Existing(StrEnum):
    """What becomes of a file that stands where a whole file of ours would go."""

    REFUSE = "refuse"
    OVERWRITE = "overwrite"
    SKIP = "skip"

    @classmethod
    def of(cls, *, overwrite: bool, skip: bool) -> Existing:
        """From the two flags. Raises UsageError for both."""
        if overwrite and skip:
            raise UsageError("--overwrite and --skip-existing exclude each other", hint="Choose one.")
        return cls.OVERWRITE if overwrite else cls.SKIP if skip else cls.REFUSE


@dataclass(frozen=True, slots=True)
class Init:
    """The outcome of planning."""

    plan: Plan
    draft: Draft
    answers: Answers
    wiring: Wiring


def ask(project: Project, known: dict[str, object], *, module_name: str, interactive: bool) -> Rendered:
    """Settle the answers and render the whole files. `known` is not asked again."""
    if not is_identifier(module_name):
        raise UsageError(f"--module-name {module_name} is not a Python identifier", hint="For example celery_app.")
    if module_name in DJANGO_MODULES or project.settings.file.stem == module_name:
        raise UsageError(
            f"{module_name}.py is Django's, or the settings", hint="For example --module-name celery_app."
        )
    return render_init(
        {
            **known,
            "package": project.package.name,
            "package_path": str(project.package.folder),
            "module_name": module_name,
            "settings_module": project.settings.module,
            "data_path": str(project.base / DATA_FOLDER),
            "version": __version__,
            "configuration": project.layout.configuration or "" if project.settings.class_based else "",
        },
        ask=interactive,
    )


def answers_of(rendered: Rendered) -> Answers:
    """The four answers out of everything copier knows."""
    found = rendered.answers
    return Answers(str(found["broker"]), str(found["result_backend"]), str(found["profile"]), bool(found["beat"]))


def plan(
    project: Project,
    rendered: Rendered,
    *,
    module_name: str,
    partial: bool = False,
    existing: Existing = Existing.REFUSE,
    modernized: bool = False,
    stored: dict[str, object] | None = None,
    flags: dict[str, object] | None = None,
) -> Init:
    """Everything that has to change. Raises CannotPatch at the first step that is needed and not possible.

    Where lines could be pasted instead, the error holds them for the whole plan. With `partial`, such a step
    becomes a manual one. `stored` are the answers of an earlier run, `flags` those of this command line: what they
    say otherwise of a project that is set up is told, not done.
    """

    def written(module_name: str, partial: bool) -> _Writer:
        draft = project.draft()
        today = modernize(project, draft, partial=partial) if modernized else left_old(project)
        writer = _Writer(today, draft, answers_of(rendered), rendered, module_name, partial, existing)
        if project.celery:
            writer.adopt(project.celery[0], stored or {}, flags or {})
        else:
            writer.create()
        return writer

    try:
        writer = written(module_name, partial)
    except CannotPatch as error:
        if not error.snippet or isinstance(error, WholePlan):
            raise
        names = (module_name, "celery_app", "celery_main")
        free = next((name for name in names if not _taken(project, name)), module_name)
        try:
            lines = written(free, partial=True).lines_to_paste()
        except CannotPatch:
            raise error from None
        raise WholePlan(error.message, hint=error.hint, snippet=lines, where=error.where) from error
    return Init(writer.result(), writer.draft, writer.answers, writer.wiring)


def _taken(project: Project, module_name: str) -> bool:
    """Whether something stands where the app file would go."""
    path = project.root / project.package.folder / module_name
    return path.is_dir() or path.with_suffix(".py").exists()


class _Writer:
    """Collects the edits of one plan, step by step, in the order in which a person would make them."""

    def __init__(
        self,
        today: Modernized,
        draft: Draft,
        answers: Answers,
        rendered: Rendered,
        module_name: str,
        partial: bool,
        existing: Existing,
    ) -> None:
        self.project = project = today.project
        self.today = today
        self.answers = answers
        self.rendered = rendered
        self.module_name = module_name
        self.partial = partial
        self.existing = existing
        self.draft = draft
        self.steps: list[Step] = list(today.steps)
        self.todos: list[Todo] = list(today.todos)
        self.notes: list[str] = list(today.notes)
        self.refused: list[CannotPatch] = []
        # variables whose values hold a password, and those values
        self.secrets: dict[str, str] = {}
        package = project.package.name
        spec = package if module_name == "celery" else f"{package}.{module_name}"
        self.wiring = Wiring(f"{package}.{module_name}", "app", spec, today.names)

    def create(self) -> None:
        """A project without Celery."""
        self._refuse_shadows()
        self._app_file()
        self._needed(self._package_import, "celery" if self.module_name == "celery" else self.module_name, "app")
        self._needed(self._settings)
        self._dependency(self.answers.broker, self.answers.result_backend)
        self._ignored()
        self._rest_of_the_files()
        self._uninstalled_apps()

    def adopt(self, app: CeleryApp, stored: dict[str, object], flags: dict[str, object]) -> None:
        """A project with Celery: its gaps are filled, nothing is set up twice."""
        package = self.project.package.name
        self.wiring = Wiring(app.module, app.variable, app.spec(package), self.today.names)
        self.steps.append(Step(app.where.path, Status.IDENTICAL, f"the Celery app {app.module}:{app.variable}"))
        for other in self.project.celery[1:]:
            self.notes.append(f"There is a second Celery app at {other.where}; only {app.where} was looked at.")
        if app.imported is None:
            self._adopt_import(app)
        else:
            self.steps.append(
                Step(app.imported.path, Status.IDENTICAL, f"imports the app (line {app.imported.line})")
            )
        if not app.reads_django_settings:
            source = app.config_source or "no config_from_object"
            namespace = f"namespace {app.namespace!r}" if app.namespace else "no namespace"
            self.notes.append(
                f"{app.where}: the app does not read CELERY_* from the Django settings ({source}, "
                f"{namespace}), so no block of CELERY_* settings was planned: it would be ignored."
            )
        chosen = {name: str(stored.get(name, "")) for name in ("broker", "result_backend")}
        undone = dict(flags)
        if app.reads_django_settings and not self._configured(app):
            self._needed(self._settings)
            chosen = {"broker": self.answers.broker, "result_backend": self.answers.result_backend}
            undone = {}
        elif app.reads_django_settings and stored and not self._has_broker(app):
            self._needed(self._settings, BROKER_NAMES)
        else:
            if self._needed(self._fill_broker, app, "broker" in flags):
                chosen["broker"] = self.answers.broker
                undone.pop("broker", None)
        if "celery" not in self.project.dependencies.declared:
            # what the app names needs its library; an app that declares Celery already has been running
            chosen["broker"] = chosen["broker"] or named_by(self.project, app, "broker")
            chosen["result_backend"] = chosen["result_backend"] or named_by(self.project, app, "backend")
        self._dependency(chosen["broker"], chosen["result_backend"])
        self._uninstalled_apps()
        self._not_done(app, stored, undone)

    def _fill_broker(self, app: CeleryApp, asked: bool) -> bool:
        """A broker, in the style of the set-up, where it names none; whether that was needed."""
        gap = broker_gap(self.project, app)
        if isinstance(gap, str):
            self.notes.append(gap)
        if not isinstance(gap, Gap):
            return False
        imports: list[str] = []
        reader = reader_of(self.project.modules, gap.path)
        if reader.kind is ReaderKind.LITERAL:
            reader = Reader(ReaderKind.OS, "os.environ.get")
        if reader.kind is ReaderKind.OS and reader.call.startswith("os."):
            imports.append("import os")
        url = self._url(
            reader, "CELERY_BROKER_URL", BROKERS.get(self.answers.broker, self.answers.broker), imports
        )
        lines = f"{gap.name} = {url}\n"
        file = self.project.dependencies.file
        why = (
            "as asked"
            if asked
            else f"as {file} has celery[redis]"
            if self.answers.broker == "redis"
            else "as before"
        )
        self.notes.append(
            f"No broker was set, so Celery took amqp on localhost. {gap.name} goes into {gap.style}; it reads "
            f"CELERY_BROKER_URL from the environment, else it is {self.answers.broker} on localhost, {why}."
        )
        if gap.style is Style.SETTINGS:
            self._into_settings(lines, imports, f"the broker, {gap.name}")
            self.wiring = replace(self.wiring, wrote=(*self.wiring.wrote, gap.name))
            return True
        source = Source.decode(gap.path, self.draft.read(gap.path) or b"")
        if gap.style is Style.MODULE:
            after = add_block(source, lines, imports)
        else:
            after = after_configuration(source, app, lines.rstrip("\n"), imports)
        self._write(gap.path, after.encode(), f"the broker, {gap.name}")
        return True

    def _not_done(self, app: CeleryApp, stored: dict[str, object], flags: dict[str, object]) -> None:
        """What this command line asks for and an existing set-up decides already."""
        other = [name for name, value in flags.items() if stored.get(name) != value]
        names = [f"--{name.replace('_', '-')}" for name in other]
        if self.module_name not in {"celery", app.module.rsplit(".", 1)[-1]}:
            names.append("--module-name")
        if names:
            self.notes.append(
                f"Celery is set up here already ({app.where}), so {', '.join(names)} changed nothing. "
                "Edit the settings, or take the set-up back first: celeryize undo."
            )

    def _has_broker(self, app: CeleryApp) -> bool:
        named = {"CELERY_BROKER_URL", "BROKER_URL", "CELERY_BROKER_READ_URL", "CELERY_BROKER_HOST", "BROKER_HOST"}
        written = {"broker_url", "update"} & {key for key, _ in app.conf_writes}
        constructed = {"broker", "broker_url"} & set(app.constructor)
        return bool(named & set(self.project.settings.assigned) or written or constructed)

    def result(self) -> Plan:
        """The plan so far."""
        return Plan(self.draft.edits(), tuple(self.steps), tuple(self.todos), tuple(self.notes))

    def _configured(self, app: CeleryApp) -> bool:
        assigned = self.project.settings.assigned
        named = any(name.startswith("CELERY_") for name in assigned) or "BROKER_URL" in assigned
        return named or bool({"broker", "broker_url"} & set(app.constructor)) or bool(app.conf_writes)

    def _needed(self, step: object, *arguments: object) -> bool:
        try:
            return bool(step(*arguments))  # type: ignore[operator]
        except CannotPatch as error:
            if not self.partial:
                raise
            self._manual(error)
        return False

    def lines_to_paste(self) -> str:
        """The whole plan as lines for a person; a refused step goes where its error says, or last."""
        edits = [e for e in self.draft.edits() if e.path.name != ANSWERS_FILE]
        sections: list[str] = []
        for error in self.refused:
            place = "at the end"
            if error.in_place and error.where:
                place = f"in place of line {error.where.line}"
            elif error.where and error.where.path == self.project.dependencies.file:
                place = f"by hand: {error.hint}"
            sections.append(headed(error.where.path if error.where else "", place, error.snippet))
        sections += lines_of(edits)
        sections += [f"==> {todo.what} <==\n{todo.snippet}" for todo in self.todos if todo.path is None]
        return "\n".join(sections)

    def _manual(self, error: CannotPatch) -> None:
        self.refused.append(error)
        path = error.where.path if error.where else None
        self.todos.append(Todo(error.message, error.hint, error.snippet, path))
        if path is not None:
            self.steps.append(Step(path, Status.MANUAL, error.message))

    def _write(self, path: PurePosixPath, data: bytes, what: str) -> None:
        before = self.draft.read(path)
        self.draft.write(path, data)
        status = Status.CREATE if before is None else Status.IDENTICAL if before == data else Status.UPDATE
        self.steps.append(Step(path, status, what))

    def _refuse_shadows(self) -> None:
        for base in self.project.layout.paths:
            for name in CELERY_LIBRARIES:
                for candidate in (base / f"{name}.py", base / name / "__init__.py"):
                    if (self.project.root / candidate).is_file():
                        raise CannotPatch(
                            f"{candidate} hides the library {name} from every import in this project",
                            hint="Rename it; `import " + name + "` finds it before the installed package.",
                            where=Where(candidate),
                        )

    def _app_file(self) -> None:
        path = self.project.package.folder / f"{self.module_name}.py"
        folder = self.project.root / path.with_suffix("")
        rendered = next(data for name, data in self.rendered.files.items() if name.suffix == ".py")
        existing = self.draft.read(path)
        differs = existing not in (None, rendered)
        if differs and self.existing is Existing.SKIP:
            self.steps.append(Step(path, Status.IDENTICAL, "left as it is (--skip-existing)"))
            return
        if folder.is_dir() or (differs and self.existing is Existing.REFUSE):
            what = path.with_suffix("") if folder.is_dir() else path
            raise CannotPatch(
                f"{what} exists and is not a Celery app",
                hint="Give the app file another name (--module-name celery_app), or replace it (--overwrite).",
                snippet=rendered.decode(),
                where=Where(what),
            )
        newline = self._project_newline()
        self._write(path, rendered.replace(b"\n", newline.encode()), "the Celery app")

    def _project_newline(self) -> str:
        source = self.project.modules.source(self.project.layout.manage)
        return source.newline if source else "\n"

    def _package_import(self, module: str, variable: str) -> None:
        package = self.project.package
        data = self.draft.read(package.init)
        if data is None:
            self.notes.append(
                f"{package.init} did not exist; it is created, because the import has to stand there."
            )
        source = Source.decode(package.init, data or b"")
        after = import_app(source, module, variable)
        if not source.text and self._project_newline() == "\r\n":
            after = replace(after, text=after.text.replace("\n", "\r\n"))
        self._write(package.init, after.encode(), "imports the app, so that web processes know it")

    def _adopt_import(self, app: CeleryApp) -> None:
        package = self.project.package
        relative = app.module.removeprefix(f"{package.name}.")
        if relative == app.module:
            self._manual(
                CannotPatch(
                    f"{package.init} does not import the Celery app, so web processes use Celery's default app",
                    hint=f"The app lives in another package ({app.module}). If it does not import {package.name} "
                    "in turn, paste these lines at the end.",
                    snippet=f"from {app.module} import {app.variable} as celery_app\n\n"
                    '__all__ = ("celery_app",)\n',
                    where=Where(package.init),
                )
            )
            return
        self._needed(self._package_import, relative, app.variable)

    def _settings(self, only: frozenset[str] | None = None) -> None:
        settings = self.project.settings
        block, imports = self._block()
        block = without(block, set(settings.assigned))
        if only is not None:
            block = without(block, _assigned_names(block) - only)
        imports = imports if block else []
        self._into_settings(block, imports, f"the CELERY_* settings, profile {self.answers.profile}")
        names = tuple(
            n.id for n in ast.walk(ast.parse(block)) if isinstance(n, ast.Name) and n.id.startswith("CELERY_")
        )
        required = {name: url for name, url in self.secrets.items() if name in names}
        wrote = tuple(dict.fromkeys((*self.today.names, *names)))
        self.wiring = replace(self.wiring, wrote=wrote, environment=tuple(required.items()))
        for name, url in required.items():
            what = "The settings do not hold the password. Without the variable, manage.py does not start."
            self.todos.append(Todo(f"set {name} in the environment", what, f"{name}={shlex.quote(url)}\n"))
        if self.answers.result_backend == "django-db":
            self._needed(self._install, "django_celery_results")
            self.todos.append(
                Todo(
                    "create the tables of the results",
                    "django-db keeps them in the database",
                    "python manage.py migrate\n",
                )
            )

    def _into_settings(self, block: str, imports: list[str], what: str) -> None:
        """A block where the settings take it: at their end, in their class, or in a component of its own."""
        settings = self.project.settings
        source = Source.decode(settings.file, self.draft.read(settings.file) or b"")
        if settings.split and block:
            relative, includes = component(source)
            path = settings.file.parent / relative
            if includes != source:
                self._write(settings.file, includes.encode(), f"includes {relative}")
            there = self.draft.read(path)
            if there is None:
                text = "\n".join([*imports, *([""] if imports else []), block])
                self._write(path, text.replace("\n", source.newline).encode(), what)
            else:
                self._write(path, add_block(Source.decode(path, there), block, imports).encode(), what)
            self.wiring = replace(self.wiring, read_by_path=True)
        elif settings.class_based:
            after = add_attributes(source, block, imports, settings.class_based.line or 0)
            self._write(settings.file, after.encode(), f"{what}, in the class at line {settings.class_based.line}")
        else:
            after = add_block(source, block, imports, settings.last.line if settings.last else None)
            self._write(settings.file, after.encode(), what)

    def _install(self, app: str) -> None:
        if app in self.project.settings.installed_apps:
            return
        where = self.project.settings.installed_apps_where
        path = where.path if where else self.project.settings.file
        source = Source.decode(path, self.draft.read(path) or b"")
        self._write(path, install_app(source, app).encode(), f"{app} in INSTALLED_APPS")

    def _block(self) -> tuple[str, list[str]]:
        """The settings block and the imports it needs."""
        settings, answers = self.project.settings, self.answers
        imports: list[str] = []
        reader = settings.reader
        if answers.profile == "minimal" or answers.broker == "filesystem":
            reader = Reader(ReaderKind.LITERAL)
        elif reader.kind is ReaderKind.LITERAL:
            reader = Reader(ReaderKind.OS, "os.environ.get")
        if reader.kind is ReaderKind.OS and reader.call.startswith("os."):
            imports.append("import os")
        broker = BROKERS.get(answers.broker, answers.broker)
        folder, folder_imports = self._data_folder()
        if answers.broker == "filesystem" or answers.result_backend == "file":
            imports += folder_imports
        if answers.result_backend == "file":
            backend = f'"file://" + str({folder} / "results")'
        else:
            value = BACKENDS.get(answers.result_backend, answers.result_backend)
            if answers.result_backend == "redis" and re.match(r"(rediss?|sentinel)://", broker):
                value = broker
            backend = value and self._url(reader, "CELERY_RESULT_BACKEND", value, imports)
        context = {
            "broker": answers.broker,
            "broker_url": self._url(reader, "CELERY_BROKER_URL", broker, imports),
            "result_backend_url": backend,
            "data_folder": folder,
            "data_path": str(self.project.base / DATA_FOLDER),
            "beat": answers.beat and "CELERY_BEAT_SCHEDULE" not in settings.assigned,
            # Without the line Celery follows TIME_ZONE, as it is in each environment.
            "time_zone": "" if settings.split or "TIME_ZONE" in settings.overridden else self._time_zone(),
            "celery": self.project.celery_version or (5, 4),
            "queue": python_literal(self._own_name()),
            "key_prefix": python_literal(f"{self._own_name()}:"),
            "has_logging": "LOGGING" in settings.visible,
            "broker_is_redis": broker.startswith(("redis:", "rediss:", "sentinel:")),
            "broker_is_amqp": broker.startswith(("amqp:", "amqps:", "pyamqp:")),
            "backend_is_redis": answers.result_backend.startswith(("redis", "sentinel:")),
        }
        return snippet(f"settings/{answers.profile}.py.jinja", **context), imports

    def _own_name(self) -> str:
        """A name that another project on the same broker hardly has; half of all packages are called config."""
        name = self.project.package.name.split(".")[0]
        if name not in GENERIC:
            return name
        return re.sub(r"\W+", "-", self.project.root.name.lower(), flags=re.ASCII).strip("-") or name

    def _time_zone(self) -> str:
        return "TIME_ZONE" if "TIME_ZONE" in self.project.settings.visible else ""

    def _url(self, reader: Reader, name: str, url: str, imports: list[str]) -> str:
        """The expression for a URL: read from the environment, or a literal; a password is never a literal."""
        if not holds_password(url):
            return reader.read(python_literal(name), python_literal(url))
        self.secrets[name] = url
        if reader.kind in {ReaderKind.LITERAL, ReaderKind.OS}:
            if "import os" not in imports:
                imports.append("import os")
            return f"os.environ[{python_literal(name)}]"
        return f"{reader.call}({python_literal(name)})"

    def _data_folder(self) -> tuple[str, list[str]]:
        """The expression for the folder of the filesystem broker, always below the folder of manage.py."""
        settings = self.project.settings
        where = settings.assigned.get("BASE_DIR")
        if where and "BASE_DIR" in settings.visible and self._is_base_dir(where):
            return f'BASE_DIR / "{DATA_FOLDER}"', []
        levels = len(settings.file.relative_to(self.project.base).parts) - 1
        return f'Path(__file__).resolve().parents[{levels}] / "{DATA_FOLDER}"', ["from pathlib import Path"]

    def _is_base_dir(self, where: Where) -> bool:
        """Whether `BASE_DIR = Path(__file__).resolve().parent.parent` is the folder of manage.py."""
        source = self.project.modules.source(where.path)
        for node in source.tree.body if source else ():
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "BASE_DIR":
                match = re.fullmatch(
                    r"(?:pathlib\.)?Path\(__file__\)\.(?:resolve|absolute)\(\)((?:\.parent)+)",
                    ast.unparse(node.value),
                )
                if match:
                    folder = where.path
                    for _ in range(match[1].count(".parent")):
                        folder = folder.parent
                    return folder == self.project.base
        return False

    def _dependency(self, broker: str = "", result_backend: str = "") -> None:
        """What the broker and the result backend need, declared; for an existing app, Celery alone."""
        dependencies = self.project.dependencies
        wanted = needed(dependencies.declared, broker=broker, result_backend=result_backend)
        if not wanted:
            if dependencies.file:
                self.steps.append(Step(dependencies.file, Status.IDENTICAL, "declares Celery"))
            return
        names = ", ".join(str(need) for need in wanted)
        if dependencies.file is None:
            snippet = "".join(f"{need}\n" for need in wanted)
            self.todos.append(Todo(f"declare {names}", "No file declares the project's dependencies.", snippet))
            return
        data = self.draft.read(dependencies.file) or b""
        try:
            for need in wanted:
                data = declare(data, dependencies.file, dependencies.form, need)
        except CannotPatch as error:
            self._manual(error)
            return
        self._write(dependencies.file, data, f"declares {names}")
        for lock in dependencies.locks:
            what = "It does not know the new dependency yet."
            self.todos.append(Todo(f"refresh {lock}", what, f"{dependencies.sync}\n"))

    def _ignored(self) -> None:
        if not self.answers.beat:
            return
        path = self.project.gitignore
        self._write(path, ignore(self.draft.read(path), BEAT_FILES), IGNORES_BEAT)

    def _rest_of_the_files(self) -> None:
        """The answers file, and the folders of the filesystem broker."""
        for path, data in self.rendered.files.items():
            if path == PurePosixPath(ANSWERS_FILE):
                path = self.project.base / ANSWERS_FILE
                what = "what was chosen"
            elif path.name == ".gitignore":
                what = "a folder for messages, its content git-ignored"
            else:
                continue
            if self.draft.read(path) is None:
                self._write(path, data, what)

    def _uninstalled_apps(self) -> None:
        for app in self.project.apps:
            if not app.installed and self.project.settings.installed_apps_where:
                self.notes.append(
                    f"{app.name} is not in INSTALLED_APPS: a worker will not find the tasks in {app.folder}."
                )


def _assigned_names(block: str) -> set[str]:
    """The names that a settings block assigns."""
    targets = [t for n in ast.parse(block).body if isinstance(n, ast.Assign) for t in n.targets]
    return {target.id for target in targets if isinstance(target, ast.Name)}
