"""What the checks look at: the project's own code, read at most once, and the looks from inside."""

from __future__ import annotations

import ast
import inspect
import os
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from celeryize.detect.celery import celery_classes
from celeryize.detect.modules import Modules, is_foreign
from celeryize.detect.project import Project
from celeryize.model import Where
from celeryize.patch.source import Source
from celeryize.probe.report import ImportReport

# A file without any of these words cannot hold a mistake that a check knows.
MATTERS = re.compile(
    rb"celery|CELERY|shared_task|crontab|\.delay\b|\.apply_async\b|delay_on_commit|tasks? import |import tasks"
)
TESTS = re.compile(r"(^|/)(tests?|testing)/|(^|/)(test_[^/]*|[^/]*_tests?|tests?|conftest)\.py$")
SETTINGS_FOLDERS = {"settings", "components", "environments", "conf"}
DEPLOYMENTS = (
    "Procfile*",
    "*compose*.y*ml",
    "*.service",
    "supervisord*.conf",
    "*/Procfile*",
    "*/*compose*.y*ml",
    "*/*.service",
    "*/supervisord*.conf",
)
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Code:
    """One parsed file of the project, with what the checks ask for most."""

    path: PurePosixPath
    module: str
    source: Source
    parents: Mapping[ast.AST, ast.AST]
    calls: tuple[ast.Call, ...]
    functions: tuple[Function, ...]
    classes: tuple[ast.ClassDef, ...]
    assigns: tuple[ast.Assign | ast.AnnAssign | ast.AugAssign, ...]
    imports: tuple[ast.Import | ast.ImportFrom, ...]

    def where(self, node: ast.AST) -> Where:
        """The place of a node."""
        return self.source.where(node)

    def around(self, node: ast.AST) -> Iterator[ast.AST]:
        """The nodes that hold a node, from the nearest to the module."""
        while node in self.parents:
            node = self.parents[node]
            yield node

    def at_top(self, node: ast.AST) -> bool:
        """Whether a node runs when the module is imported."""
        return not any(isinstance(outer, Function | ast.Lambda) for outer in self.around(node))

    def function_of(self, node: ast.AST) -> Function | None:
        """The function that a node stands in, if any."""
        return next((outer for outer in self.around(node) if isinstance(outer, Function)), None)


@dataclass(frozen=True, slots=True)
class Task:
    """A function under a task decorator: the name it gets, and the decorators above and below that one."""

    name: str
    node: Function
    code: Code
    decorator: ast.expr
    shared: bool
    options: Mapping[str, ast.expr]
    above: tuple[ast.expr, ...]
    below: tuple[ast.expr, ...]

    @property
    def where(self) -> Where:
        """The line of its `def`."""
        return self.code.where(self.node)

    @property
    def bound(self) -> bool:
        """Whether its first argument is the task itself."""
        return is_true(self.options.get("bind"))

    @property
    def holder(self) -> ast.ClassDef | None:
        """The class it is a method of."""
        outer = self.code.parents.get(self.node)
        return outer if isinstance(outer, ast.ClassDef) else None

    @property
    def signature(self) -> inspect.Signature | None:
        """What a caller has to pass; None where another decorator may change it."""
        if (
            self.below
            or is_false(self.options.get("typing"))
            or self.holder
            or "base" in self.options
        ):
            return None
        parameters = parameters_of(self.node)
        if self.bound:
            if not parameters or parameters[0].kind is inspect.Parameter.VAR_POSITIONAL:
                return None
            parameters = parameters[1:]
        try:
            return inspect.Signature(parameters)
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class Setting:
    """One assignment of a setting. `conditional`: it stands in an `if`, a `try` or a class."""

    name: str
    value: ast.expr
    where: Where
    code: Code
    conditional: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the Beat schedule that stands in the code as a dict."""

    name: str
    node: ast.Dict
    fields: Mapping[str, ast.expr]
    code: Code

    @property
    def where(self) -> Where:
        """The line of the entry."""
        return self.code.where(self.node)

    @property
    def task(self) -> str | None:
        """The name of its task, where it is a literal."""
        return text_of(self.fields.get("task"))


@dataclass(frozen=True, slots=True)
class Command:
    """A `celery` command line of a Procfile, a compose file or a service unit."""

    words: tuple[str, ...]
    where: Where
    text: str

    @property
    def verb(self) -> str | None:
        """worker, beat, ..."""
        return next((w for w in self.words if w in VERBS), None)

    def option(self, *names: str) -> str | None:
        """The value of an option, in any of its spellings."""
        for index, word in enumerate(self.words):
            for name in names:
                if word == name and index + 1 < len(self.words):
                    return self.words[index + 1]
                if name.startswith("--") and word.startswith(name + "="):
                    return word.partition("=")[2]
                if (
                    not name.startswith("--")
                    and word.startswith(name)
                    and len(word) > 2
                    and word[:2] == name
                ):
                    return word[2:].removeprefix("=")
        return None


VERBS = {
    "worker",
    "beat",
    "flower",
    "events",
    "inspect",
    "control",
    "multi",
    "status",
    "purge",
    "call",
}


class Facts:
    """The facts of one run. `worker` and `web` are None for --static."""

    def __init__(
        self, project: Project, worker: ImportReport | None = None, web: ImportReport | None = None
    ) -> None:
        self.project = project
        self.modules: Modules = project.modules
        self.worker = worker
        self.web = web
        self._codes: dict[PurePosixPath, Code | None] = {}
        self._bindings: dict[PurePosixPath, dict[str, tuple[str, str | None]]] = {}

    @cached_property
    def files(self) -> tuple[PurePosixPath, ...]:
        """Every Python file of the project's own that is not a test, in the order of its name."""
        found: set[PurePosixPath] = set()
        for base in self.modules.roots:
            for folder, names, files in os.walk(self.project.root / base):
                place = Path(folder)
                names[:] = [n for n in names if not is_foreign(place / n)]
                inside = PurePosixPath(place.relative_to(self.project.root).as_posix())
                found.update(inside / f for f in files if f.endswith(".py"))
        return tuple(sorted(path for path in found if not TESTS.search(str(path))))

    @cached_property
    def text(self) -> bytes:
        """Every Python file of the project's own, tests too, in one piece: to count where else a name stands."""
        found = {
            path for base in self.modules.roots for path in self.modules.python_files(base, 20)
        }
        return b"\n".join(self._bytes(path) for path in sorted(found | set(self.settings_files)))

    @cached_property
    def codes(self) -> tuple[Code, ...]:
        """The files that mention Celery, parsed."""
        paths = [*(p for p in self.files if self._matters(p)), *self.settings_files]
        return tuple(code for path in dict.fromkeys(paths) if (code := self.code(path)))

    def _matters(self, path: PurePosixPath) -> bool:
        return bool(MATTERS.search(self._bytes(path)))

    def _bytes(self, path: PurePosixPath) -> bytes:
        """The bytes of a file; none where it cannot be read."""
        try:
            return (self.project.root / path).read_bytes()
        except OSError:
            return b""

    def code(self, path: PurePosixPath) -> Code | None:
        """A file, parsed; None where it cannot be."""
        if path not in self._codes:
            source = self.modules.source(path)
            self._codes[path] = (
                read_code(source, self.modules.name_of(path) or "") if source else None
            )
        return self._codes[path]

    def line(self, where: Where) -> str:
        """The text of a line of the project."""
        if where.line is None:
            return ""
        try:
            lines = (self.project.root / where.path).read_text("utf-8", "replace").split("\n")
        except OSError:
            return ""
        return lines[where.line - 1].strip() if where.line <= len(lines) else ""

    @cached_property
    def app_code(self) -> Code | None:
        """The file that builds the Celery app."""
        return self.code(self.project.celery[0].where.path) if self.project.celery else None

    @cached_property
    def app_call(self) -> ast.Call | None:
        """The call of Celery() that builds the app."""
        if self.app_code is None:
            return None
        line = self.project.celery[0].where.line
        classes = celery_classes(self.app_code.source.tree)
        return next(
            (c for c in self.app_code.calls if c.lineno == line and dotted(c.func) in classes), None
        )

    @cached_property
    def own_packages(self) -> frozenset[str]:
        """The first parts of the names of the project's own modules."""
        return frozenset(
            (self.modules.name_of(path) or "").split(".")[0] for path in self.files
        ) - {""}

    # settings

    @cached_property
    def settings_files(self) -> tuple[PurePosixPath, ...]:
        """Every file that settings may come from: what is star-imported, and what lies beside it."""
        settings = self.project.settings
        names = [
            settings.module,
            *settings.environments,
            *(n for n, _ in self.project.layout.environments),
        ]
        found = [*settings.reachable, *(p for n in names if (p := self.modules.find(n)))]
        for path in found:
            for node in ast.walk(self.modules.tree(path)):
                if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
                    other = self.modules.find(self.modules.absolute(node, path))
                    if other is not None and other not in found:
                        found.append(other)
        folders = {p.parent for p in found if p.parent.name in SETTINGS_FOLDERS}
        for folder in sorted(folders):
            found += self.modules.python_files(folder, 1)
        return tuple(p for p in dict.fromkeys(found) if not TESTS.search(str(p)))

    @cached_property
    def settings(self) -> tuple[Setting, ...]:
        """Every assignment of a name at the level of a settings file (or in an `if`, `try` or class there)."""
        return tuple(
            Setting(
                target.id,
                node.value,
                code.where(node),
                code,
                not isinstance(code.parents[node], ast.Module),
            )
            for path in self.settings_files
            if (code := self.code(path))
            for node in code.assigns
            if isinstance(node, ast.Assign | ast.AnnAssign)
            and node.value is not None
            and code.at_top(node)
            for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
            if isinstance(target, ast.Name)
        )

    def setting(self, name: str) -> Setting | None:
        """The first assignment of a setting."""
        return next((s for s in self.settings if s.name == name), None)

    def named(self, *names: str) -> Iterator[Setting]:
        """Every assignment of some settings."""
        return (s for s in self.settings if s.name in names)

    @property
    def installed_apps(self) -> tuple[str, ...]:
        """INSTALLED_APPS: as the project has it when it runs, else as it can be read."""
        if self.worker and self.worker.installed_apps:
            return self.worker.installed_apps
        return self.project.settings.installed_apps

    def installs(self, app: str) -> bool:
        """Whether an app is installed, or may be: its name stands in the settings, or they are unknown."""
        if self.worker and self.worker.installed_apps:
            return app in self.worker.installed_apps
        if not self.installed_apps:
            return True
        return any(text == app or text.startswith(f"{app}.apps") for text in self._settings_texts)

    @cached_property
    def _settings_texts(self) -> frozenset[str]:
        """Every string of the settings files."""
        trees = (self.modules.tree(path) for path in self.settings_files)
        return frozenset(
            text for tree in trees for node in ast.walk(tree) if (text := text_of(node))
        )

    def is_set(self, key: str) -> bool:
        """Whether a Celery setting (`result_backend`) is set by any means that can be seen."""
        spellings = {f"CELERY_{key.upper()}", key.upper(), key}
        if any(s.name in spellings for s in self.settings):
            return True
        if any(
            key in {name, "update"} for app in self.project.celery for name, _ in app.conf_writes
        ):
            return True
        short = {"broker_url": "broker", "result_backend": "backend"}.get(key, key)
        return any({short, "config_source"} & set(app.constructor) for app in self.project.celery)

    # tasks

    @cached_property
    def tasks(self) -> tuple[Task, ...]:
        """Every function of the project under @shared_task or @app.task."""
        return tuple(task for code in self.codes for task in self._tasks_in(code))

    def _tasks_in(self, code: Code) -> Iterator[Task]:
        bound = self.bindings(code.path)
        for node in code.functions:
            for index, decorator in enumerate(node.decorator_list):
                call = decorator if isinstance(decorator, ast.Call) else None
                spelled = dotted(call.func if call else decorator)
                shared = self._is_shared(spelled, bound)
                if not shared and not self._is_app_task(spelled, code, bound):
                    continue
                options = {k.arg: k.value for k in call.keywords if k.arg} if call else {}
                name = text_of(options.get("name")) or f"{code.module}.{node.name}"
                if "name" in options and text_of(options["name"]) is None:
                    name = ""
                above = tuple(node.decorator_list[:index])
                below = tuple(node.decorator_list[index + 1 :])
                yield Task(name, node, code, decorator, shared, options, above, below)

    def _is_shared(self, spelled: str, bound: Mapping[str, tuple[str, str | None]]) -> bool:
        head, _, rest = spelled.partition(".")
        module, name = bound.get(head, ("", None))
        full = ".".join(part for part in (module, name, rest) if part)
        return full in {"celery.shared_task", "celery.app.shared_task"}

    def _is_app_task(
        self, spelled: str, code: Code, bound: Mapping[str, tuple[str, str | None]]
    ) -> bool:
        head, _, rest = spelled.rpartition(".")
        if rest != "task" or not head or head.split(".")[0] == "django":
            return False
        apps = {(app.module, app.variable) for app in self.project.celery}
        if (code.module, head) in apps:
            return True
        module, name = bound.get(head.split(".")[0], ("", None))
        if name is None:
            return False
        packages = {m for app, _ in apps for m in (app, app.rpartition(".")[0])}
        return module in packages or (
            module.split(".")[0] in self.own_packages and "celery" in module
        )

    @property
    def has_own_task_class(self) -> bool:
        """Whether the app's tasks are of a class of the project's own, which may call them in its own way."""
        return any("task_cls" in app.constructor for app in self.project.celery)

    @cached_property
    def task_names(self) -> frozenset[str]:
        """The names of the tasks in the code and, with a look from inside, of all that are registered."""
        seen = {task.name for sight in (self.worker, self.web) if sight for task in sight.tasks}
        return frozenset({task.name for task in self.tasks} | seen)

    @cached_property
    def _tasks_by_place(self) -> dict[tuple[PurePosixPath, str], Task]:
        return {(task.code.path, task.node.name): task for task in self.tasks}

    def bindings(self, path: PurePosixPath) -> dict[str, tuple[str, str | None]]:
        """What each imported name of a file stands for: a module, or a module and a name in it."""
        if path not in self._bindings:
            found: dict[str, tuple[str, str | None]] = {}
            code = self.code(path)
            for node in code.imports if code else ():
                if isinstance(node, ast.Import):
                    for alias in node.names:
                        found[alias.asname or alias.name.split(".")[0]] = (
                            alias.name if alias.asname else alias.name.split(".")[0],
                            None,
                        )
                    continue
                module = self.modules.absolute(node, path)
                found |= {alias.asname or alias.name: (module, alias.name) for alias in node.names}
            self._bindings[path] = found
        return self._bindings[path]

    @cached_property
    def related_names(self) -> frozenset[str]:
        """The modules that autodiscover_tasks() is told to look for besides tasks."""
        return frozenset(
            text_of(value) or "tasks"
            for code in self.codes
            if "autodiscover_tasks" in code.source.text
            for call in code.calls
            if dotted(call.func).endswith(".autodiscover_tasks")
            for value in (
                *call.args[1:2],
                *(k.value for k in call.keywords if k.arg == "related_name"),
            )
        )

    def imports_module(self, module: str) -> bool:
        """Whether any file of the project imports a module, by whatever spelling."""
        if module in self.imported_names:
            return True
        word = re.compile(rf"\bimport\b[^\n]*\b{re.escape(module.rpartition('.')[2])}\b".encode())
        line = re.compile(rf"\b{re.escape(module.rpartition('.')[2])}\s+import\b".encode())
        for path in self.files:
            data = (self.project.root / path).read_bytes()
            if (word.search(data) or line.search(data)) and any(
                module in {base, f"{base}.{name}"} for base, name in self.bindings(path).values()
            ):
                return True
        return False

    @cached_property
    def imported_names(self) -> frozenset[str]:
        """Every module, and every name in one, that a file which mentions Celery imports."""
        pairs = [pair for code in self.codes for pair in self.bindings(code.path).values()]
        return frozenset(
            {base for base, _ in pairs} | {f"{base}.{name}" for base, name in pairs if name}
        )

    def task_of(self, code: Code, node: ast.expr) -> Task | None:
        """The task that an expression names: a function of this module, or an imported one."""
        spelled = dotted(node)
        if not spelled:
            return None
        head, _, rest = spelled.partition(".")
        if not rest and (code.path, head) in self._tasks_by_place:
            return self._tasks_by_place[code.path, head]
        module, name = self.bindings(code.path).get(head, ("", None))
        full = ".".join(part for part in (module, name, rest) if part)
        return self._task_named(full, levels=4) if module else None

    def _task_named(self, full: str, levels: int) -> Task | None:
        module, _, name = full.rpartition(".")
        path = self.modules.find(module) if module else None
        if path is None or not levels:
            return None
        if (path, name) in self._tasks_by_place:
            return self._tasks_by_place[path, name]
        base, inner = self.bindings(path).get(name, ("", None))
        return self._task_named(f"{base}.{inner}", levels - 1) if inner else None

    # the Beat schedule

    @cached_property
    def schedules(self) -> tuple[tuple[Code, ast.Dict], ...]:
        """The dicts that are the Beat schedule: in the settings, and assigned to `app.conf` in the app file."""
        found = [
            (s.code, s.value)
            for s in self.named("CELERY_BEAT_SCHEDULE", "CELERYBEAT_SCHEDULE")
            if isinstance(s.value, ast.Dict)
        ]
        for code in self.codes:
            for node in code.assigns:
                if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict):
                    spelled = dotted(node.targets[0])
                    if spelled.endswith((".conf.beat_schedule", ".conf.CELERYBEAT_SCHEDULE")):
                        found.append((code, node.value))
        return tuple(found)

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        """The entries of the schedule that are dict literals."""
        return tuple(
            Entry(
                text_of(key) or (ast.unparse(key) if key else ""),
                value,
                {
                    t: v
                    for k, v in zip(value.keys, value.values, strict=True)
                    if k and (t := text_of(k))
                },
                code,
            )
            for code, schedule in self.schedules
            for key, value in zip(schedule.keys, schedule.values, strict=True)
            if isinstance(value, ast.Dict) and None not in value.keys
        )

    # how it is started

    @cached_property
    def deployment_files(self) -> tuple[PurePosixPath, ...]:
        """Procfiles, compose files and service units of the project."""
        found = {
            path
            for pattern in DEPLOYMENTS
            for path in self.project.root.glob(pattern)
            if path.is_file()
        }
        return tuple(
            sorted(
                PurePosixPath(p.relative_to(self.project.root).as_posix())
                for p in found
                if not any(
                    is_foreign(f)
                    for f in p.parents
                    if f.is_relative_to(self.project.root) and f.name
                )
                or p.parent == self.project.root
            )
        )

    @cached_property
    def commands(self) -> tuple[Command, ...]:
        """Every `celery` command line in them."""
        return tuple(
            command for path in self.deployment_files for command in self._commands_in(path)
        )

    def _commands_in(self, path: PurePosixPath) -> Iterator[Command]:
        try:
            text = (self.project.root / path).read_text("utf-8", "replace")
        except OSError:
            return
        for number, line in enumerate(text.split("\n"), 1):
            if line.lstrip().startswith("#"):
                continue
            match = re.search(r"(?<![\w./-])(?:\S*/)?celery\s+(?=-|worker\b|beat\b)(.*)", line)
            if match is None:
                match = re.search(r"""["']celery["']\s*,(.*)""", line)
            if match is None:
                continue
            words = match[1].replace('", "', " ").replace('","', " ").strip(" []\"',")
            try:
                parsed = tuple(shlex.split(re.split(r"&&|\|\||;", words)[0]))
            except ValueError:
                continue
            yield Command(parsed, Where(path, number), line.strip())


def read_code(source: Source, module: str) -> Code:
    """Walk a file once and sort its nodes."""
    parents: dict[ast.AST, ast.AST] = {}
    calls: list[ast.Call] = []
    functions: list[Function] = []
    classes: list[ast.ClassDef] = []
    assigns: list[ast.Assign | ast.AnnAssign | ast.AugAssign] = []
    imports: list[ast.Import | ast.ImportFrom] = []
    todo: list[ast.AST] = [source.tree]
    while todo:
        node = todo.pop()
        match node:
            case ast.Call():
                calls.append(node)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                functions.append(node)
            case ast.ClassDef():
                classes.append(node)
            case ast.Assign() | ast.AnnAssign() | ast.AugAssign():
                assigns.append(node)
            case ast.Import() | ast.ImportFrom():
                imports.append(node)
        # as ast.iter_child_nodes, less the contexts (Load, Store): a third of the nodes, never asked for
        for name in node._fields:
            if name == "ctx":
                continue
            value = getattr(node, name, None)
            if isinstance(value, ast.AST):
                parents[value] = node
                todo.append(value)
            elif isinstance(value, list):
                for child in value:
                    if isinstance(child, ast.AST):
                        parents[child] = node
                        todo.append(child)

    def line(node: ast.AST) -> tuple[int, int]:
        return node.lineno, node.col_offset  # type: ignore[attr-defined]

    return Code(
        source.path,
        module,
        source,
        parents,
        tuple(sorted(calls, key=line)),
        tuple(sorted(functions, key=line)),
        tuple(sorted(classes, key=line)),
        tuple(sorted(assigns, key=line)),
        tuple(sorted(imports, key=line)),
    )


def dotted(node: ast.AST | None) -> str:
    """`a.b.c` as text; empty for anything but names and attributes."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def text_of(node: ast.AST | None) -> str | None:
    """The value of a string literal."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def number_of(node: ast.AST | None) -> float | None:
    """The value of a number, of arithmetic with numbers, or the seconds of a `timedelta(...)`; else None."""
    match node:
        case ast.Constant(value=bool()):
            return None
        case ast.Constant(value=int(value) | float(value)):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            inner = number_of(operand)
            return None if inner is None else -inner
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            a, b = number_of(left), number_of(right)
            return None if a is None or b is None else a * b
        case ast.Call(func=func, args=[], keywords=keywords) if dotted(func).endswith("timedelta"):
            total = 0.0
            for keyword in keywords:
                part = number_of(keyword.value)
                if part is None or keyword.arg not in SECONDS:
                    return None
                total += part * SECONDS[keyword.arg]
            return total
    return None


SECONDS = {"weeks": 604800, "days": 86400, "hours": 3600, "minutes": 60, "seconds": 1}


def is_true(node: ast.AST | None) -> bool:
    """Whether a node is the literal True."""
    return isinstance(node, ast.Constant) and node.value is True


def is_false(node: ast.AST | None) -> bool:
    """Whether a node is the literal False."""
    return isinstance(node, ast.Constant) and node.value is False


def default_of(node: ast.expr) -> ast.expr:
    """The value itself, or what `env("NAME", default=...)`, `os.environ.get("NAME", ...)` falls back to."""
    if isinstance(node, ast.Call) and node.args and text_of(node.args[0]) is not None:
        named = next((k.value for k in node.keywords if k.arg == "default"), None)
        if named is not None:
            return named
        if len(node.args) == 2:
            return node.args[1]
    return node


def parameters_of(node: Function) -> list[inspect.Parameter]:
    """The parameters of a function as `inspect` has them."""
    args = node.args
    parameters: list[inspect.Parameter] = []
    positional = [*args.posonlyargs, *args.args]
    first_default = len(positional) - len(args.defaults)
    for index, arg in enumerate(positional):
        kind = (
            inspect.Parameter.POSITIONAL_ONLY
            if index < len(args.posonlyargs)
            else inspect.Parameter.POSITIONAL_OR_KEYWORD
        )
        default = inspect.Parameter.empty if index < first_default else None
        parameters.append(inspect.Parameter(arg.arg, kind, default=default))
    if args.vararg:
        parameters.append(inspect.Parameter(args.vararg.arg, inspect.Parameter.VAR_POSITIONAL))
    for arg, value in zip(args.kwonlyargs, args.kw_defaults, strict=True):
        default = inspect.Parameter.empty if value is None else None
        parameters.append(
            inspect.Parameter(arg.arg, inspect.Parameter.KEYWORD_ONLY, default=default)
        )
    if args.kwarg:
        parameters.append(inspect.Parameter(args.kwarg.arg, inspect.Parameter.VAR_KEYWORD))
    return parameters
