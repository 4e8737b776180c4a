"""How it is started: command lines of Procfiles, compose files and service units, queues, pools."""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from celeryize.checks.check import Occurrence, check
from celeryize.checks.facts import Facts
from celeryize.checks.facts.code import Code
from celeryize.checks.facts.literals import text_of
from celeryize.checks.facts.processes.given import given_to
from celeryize.checks.facts.processes.reads import SETTINGS
from celeryize.checks.facts.processes.where_it_runs import workdir_for
from celeryize.checks.fixes import add_queue
from celeryize.checks.schedule import may_exist
from celeryize.checks.settings import PREFIX
from celeryize.detect.command import CeleryCommand
from celeryize.model import Where
from celeryize.patch.nodes import dotted
from celeryize.reading import readable_text

# Where a deployment file may name the app, or its configuration, by a variable.
NAMES_APP = re.compile(r"\bAPP\b|CELERY_APP|LOADER|CONFIG_MODULE|env_file|envFrom|EnvironmentFile")
DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")


@check("celery.E110", unless_there=("celery.E942",))
def app_argument_wrong(facts: Facts) -> Iterator[Occurrence]:
    """A command line names an app that does not exist.

    What happens: Its process, be it a worker or Beat, does not start.
    How it looks: Unable to load celery application. The module confg was not found.
    Why: -A takes a dotted module name that can be imported from the working directory.
    Fix: The package or module of the app, with dots: -A config
    Source: celery/app/utils.py, find_app
    """
    for command in facts.deployment.commands:
        spec = command.option("-A", "--app")
        # a variable, or another working directory, may make it right
        if not spec or "$" in spec or "{" in spec or command.option("--workdir"):
            continue
        module = spec.split(":")[0]
        if "/" in spec:
            right = spec.replace("/", ".").removesuffix(".py")
            hint = f"Write {command.as_written('-A', right)}."
            if facts.project.celery and facts.project.base.name:
                # below the folder that the process starts in, the path is not a module either
                hint = _right_app(facts, command)
            yield Occurrence(f"-A {spec} is a path, not a module", command.where, hint)
            continue
        if _module_exists(facts, module):
            continue
        # `-A config.app` may also name the variable that holds the app
        parent, _, attribute = module.rpartition(".")
        if (
            parent
            and _module_exists(facts, parent)
            and any(app.variable == attribute for app in facts.project.celery)
        ):
            continue
        hint = ""
        if facts.project.celery:
            hint = _right_app(facts, command)
        # the command may run somewhere else
        if "cd " in command.text or "working" in command.text.lower():
            continue
        yield Occurrence(
            f"-A {spec}: there is no module {module}",
            command.where,
            hint,
        )


def _module_exists(facts: Facts, module: str) -> bool:
    if facts.modules.find(module) or facts.modules.folder(module):
        return True
    path = facts.project.root.joinpath(*module.split("."))
    if path.is_dir() or path.with_suffix(".py").is_file():
        return True
    # a container, a unit or a script may work in any folder of the repository, and under any name
    head, _, rest = module.partition(".")
    if facts.deployment.places(head):
        return True
    return facts.deployment.has_module(head) and not _is_lost_in_package(facts, head, rest)


def _is_lost_in_package(facts: Facts, head: str, rest: str) -> bool:
    """Whether a package of the project, the only one of its name in the repository, has nothing of
    this name: no module, and in the last package that is there no attribute."""
    folder = _only_folder_of(facts, head)
    if not rest or folder is None:
        return False
    *inner, last = rest.split(".")
    parent = folder.joinpath(*inner)
    if (parent / last).exists() or (parent / f"{last}.py").is_file():
        return False
    if not inner:
        holder = folder / "__init__.py"
    else:
        holder = next(
            (one for one in (parent / "__init__.py", parent.with_suffix(".py")) if one.is_file()),
            parent,
        )
    text = readable_text(holder)
    # `from .celery import *`, and `__getattr__`, may bring any name
    return re.search(rf"\b{re.escape(last)}\b|import \*|__getattr__", text) is None


def _only_folder_of(facts: Facts, head: str) -> Path | None:
    """The folder of a package of the project; None where the repository has others of its name."""
    package = facts.modules.find(head)
    if package is None or package.name != "__init__.py":
        return None
    places = [place for place, _, _ in facts.deployment.folders if place.name == head]
    same = any(f"{head}.py" in files for _, _, files in facts.deployment.folders)
    folder = (facts.project.root / package).parent
    if same or places != [folder]:
        return None
    return folder


@check("celery.E812", unless=("celery.E110",))
def module_without_app(facts: Facts) -> Iterator[Occurrence]:
    """A command line names a module in which no app is.

    What happens: The process does not start.
    How it looks: Unable to load celery application. Module 'doctors' has no attribute 'celery'
    Why: -A looks for an app in the module, and in its submodule celery.
    Fix: The package that holds celery.py: -A config
    Source: celery/app/utils.py, find_app
    """
    for command in facts.deployment.commands:
        spec = command.option("-A", "--app")
        if spec and facts.project.celery and _names_nothing(facts, spec):
            module, _, name = spec.partition(":")
            message = f"-A {spec}: {facts.modules.find(module)} has no {name}"
            yield Occurrence(message, command.where, _right_app(facts, command))
            continue
        if not spec or not re.fullmatch(r"[A-Za-z_][\w.]*", spec):
            continue
        # a project without an app may have other command lines that begin like this
        if not facts.project.celery and command.subcommand not in {"worker", "beat"}:
            continue
        path = facts.modules.find(spec)
        if path is None and facts.project.celery and _is_plain_folder(facts, spec):
            yield Occurrence(
                f"-A {spec}: the folder {spec}/ is not a package, and has no app in it",
                command.where,
                _right_app(facts, command),
            )
            continue
        if path is None or facts.modules.find(f"{spec}.celery") is not None:
            continue
        code = facts.code.parsed(path)
        if code is None or _may_hold_app(facts, code.source.tree):
            continue
        hint = "`celeryize init` sets Celery up."
        if facts.project.celery:
            hint = _right_app(facts, command)
        yield Occurrence(f"-A {spec}: no app is in {path}", command.where, hint)


def _names_nothing(facts: Facts, spec: str) -> bool:
    """Whether `module:name` names what its module certainly does not have."""
    module, colon, name = spec.partition(":")
    path = facts.modules.find(module) if colon and name.isidentifier() else None
    code = facts.code.parsed(path) if path is not None else None
    if code is None or code.names(name, "*", "__getattr__", "globals", "setattr"):
        return False
    return not any(alias.name == "*" for alias in code.of(ast.alias))


def _right_app(facts: Facts, command: CeleryCommand) -> str:
    """What to write for -A, with the folder from which it is found, where it lacks that, too."""
    spec = facts.project.celery[0].spec(facts.project.package.name)
    for process in facts.deployment.processes:
        if process.where == command.where:
            way = workdir_for(facts, process, re.split(r"[.:]", spec)[0])
            if way:
                return f"Write {command.as_written('--workdir', way, '-A', spec)}."
    return f"Write {command.as_written('-A', spec)}."


def _is_plain_folder(facts: Facts, name: str) -> bool:
    """Whether a name is that of folders alone that Python takes for empty packages: no app is in
    one, from wherever it is found."""
    found = False
    for place, names, files in facts.deployment.folders:
        if f"{name}.py" in files:
            return False
        if place.name == name:
            found = True
            # `celery.py` in it is an app of its own
            if {"__init__.py", "celery.py"} & {*files} or "celery" in names:
                return False
    return found and not facts.deployment.renames_to(name)


def _may_hold_app(facts: Facts, module: ast.Module) -> bool:
    """Whether a module makes an app, or may have one by an import of any kind."""
    names = {"app", "celery", *(app.variable for app in facts.project.celery)}
    for node in ast.walk(module):
        match node:
            case ast.ImportFrom(module=source, names=aliases):
                bound = {name for alias in aliases for name in (alias.name, alias.asname)}
                # `from .celery import x`; of the library itself only what makes an app
                of_celery = (source or "").rpartition(".")[2] == "celery" and source != "celery"
                if of_celery or node.level or bound & {*names, "*", "Celery"}:
                    return True
            case ast.Import(names=aliases):
                if any((alias.asname or alias.name) in names for alias in aliases):
                    return True
            case ast.Name(id=name, ctx=ast.Store()) if name in names:
                return True
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if "elery" in name:
                return True
            case ast.Call(func=ast.Name(id="globals" | "setattr")):
                return True
    return False


def _module_to_name(facts: Facts) -> str:
    """Which settings the app file is to name: those of the web server, which imports it before it
    sets its own; manage.py does so afterwards."""
    own = facts.project.settings.module
    for entry in facts.project.web:
        if entry.certain and not entry.stale and len(entry.names) == 1:
            name = entry.names[0]
            if name != own and facts.modules.find(name) is not None:
                return f"Name {name} there, as {entry.where.path} does."
    return f"Name {own} there, as manage.py does."


@check("celery.E113", unless=("celery.E111",))
def no_app_named(facts: Facts) -> Iterator[Occurrence]:
    """A worker or Beat is started without -A.

    What happens: It starts, with no task and no setting of the project.
    How it looks: Received unregistered task of type 'doctors.tasks.greet', or
        Cannot connect to amqp://guest:**@127.0.0.1:5672//
    Why: Without -A (or the variable APP) Celery makes an app of its own.
    Fix: celery -A config worker
    Source: celery/bin/celery.py (-A, envvar APP)
    """
    if not facts.project.celery:
        return
    right = facts.project.celery[0].spec(facts.project.package.name)
    for process in facts.deployment.processes:
        command = process.celery
        if command is None or command.subcommand not in {"worker", "beat"}:
            continue
        if command.option("-A", "--app") is not None or "$" in command.text:
            continue
        # by the environment, wherever that is written
        paths = {process.where.path, process.written.path}
        if any(NAMES_APP.search(readable_text(facts.deployment.root / path)) for path in paths):
            continue
        yield Occurrence(
            f"`celery {command.subcommand}` has no -A: it does not load this project",
            process.written,
            f"Write {command.as_written('celery', '-A', right, command.subcommand)}.",
        )


@check("celery.E111")
def old_command_order(facts: Facts) -> Iterator[Occurrence]:
    """A command line has -A after the subcommand.

    What happens: The worker does not start.
    How it looks: Error: No such option: -A
    Why: Since Celery 5, -A belongs to `celery`, not to `worker`.
    Fix: celery -A config worker
    Source: https://docs.celeryq.dev/en/stable/history/whatsnew-5.0.html
    """
    if facts.is_before_celery(5):
        return
    for command in facts.deployment.commands:
        if command.subcommand is None or command.subcommand == "multi":
            continue
        # `celery multi start w1 -A config` is right
        index = command.words.index(command.subcommand)
        behind = command.words[index + 1 :]
        if any(w == "-A" or w.startswith(("--app=", "--app ")) or w == "--app" for w in behind):
            right = ("celery", "-A", _app_behind(behind), command.subcommand)
            yield Occurrence(
                f"-A must come before the subcommand {command.subcommand}",
                command.where,
                f"Write {command.as_written(*right)}, then the rest.",
            )


def _app_behind(words: Sequence[str]) -> str:
    """The app that some words of a command line name."""
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word in {"-A", "--app"} and following:
            return following
        if word.startswith("--app="):
            return word.partition("=")[2]
    return "<project>"


@check("celery.E986")
def settings_of_a_process_missing(facts: Facts) -> Iterator[Occurrence]:
    """A deployment file gives a process a settings module that does not exist.

    What happens: Neither the worker nor Beat starts.
    How it looks: ModuleNotFoundError: No module named 'config.settings.prod'
    Why: DJANGO_SETTINGS_MODULE of the environment beats what celery.py falls back to.
    Fix: The dotted name of a settings module that is there, as it is imported
    Source: https://docs.djangoproject.com/en/stable/topics/settings/#designating-the-settings
    """
    reported = set()
    for process in facts.deployment.processes:
        item = given_to(facts, process).variables.get(SETTINGS)
        if process.subcommand not in {"worker", "beat"} or item is None or item.where in reported:
            continue
        reported.add(item.where)
        if _is_no_module_of_ours(facts, item.text):
            yield Occurrence(
                f"{SETTINGS} is {item.text}, which does not exist",
                item.where,
                _settings_to_name(facts, item.text),
            )


def _is_no_module_of_ours(facts: Facts, name: str) -> bool:
    """Whether a package of the project, the only one of its name, has no such module; one that Git
    ignores, or that an image gets from elsewhere, may be there all the same."""
    if not DOTTED.fullmatch(name) or facts.modules.find(name) or facts.modules.folder(name):
        return False
    head, *inner, last = name.split(".")
    folder = _only_folder_of(facts, head)
    if folder is None or any(facts.deployment.renames_to(part) for part in inner):
        return False
    parent = folder.joinpath(*inner)
    if (parent / last).exists() or any(parent.glob(f"{last}.*")):
        return False
    root = facts.deployment.root
    places = [root / ".gitignore", root / facts.project.base / ".gitignore"]
    places += [root / path for path in (*facts.deployment.dockerfiles, *facts.deployment.files)]
    file = re.compile(rf"\b{re.escape(last)}(?:\*|\.py|\.)")
    return not any(_has_line(place, file, name) for place in places)


def _has_line(place: Path, file: re.Pattern[str], name: str) -> bool:
    """Whether a file speaks of the file of a module, in other lines than those that name it."""
    lines = readable_text(place).split("\n")
    return any(file.search(line) and name not in line for line in lines)


def _settings_to_name(facts: Facts, name: str) -> str:
    """The settings module that was meant, or that of the project."""
    parent, _, last = name.rpartition(".")
    path = facts.modules.find(parent)
    meant = facts.project.settings.module
    if path is not None and path.name == "__init__.py":
        folder = facts.project.root / path.parent
        beside = sorted(one.stem for one in folder.glob("*.py") if one.stem != "__init__")
        near = [one for one in beside if one.startswith(last) or last.startswith(one)]
        near += difflib.get_close_matches(last, beside, 1)
        if near:
            meant = f"{parent}.{near[0]}"
    return f"Write {meant}, or add that module."


@check("celery.E120")
def settings_module_missing(facts: Facts) -> Iterator[Occurrence]:
    """The app file names a settings module that does not exist.

    What happens: The worker does not start, unless DJANGO_SETTINGS_MODULE is exported; nor does the
        web server, where the project package imports the app file before wsgi.py has set its own.
    How it looks: ModuleNotFoundError: No module named 'config.setings'
    Why: `celery -A ...` does not run manage.py; the line in the app file decides.
    Fix: The module that wsgi.py names; manage.py sets its own before anything is imported.
    Source: https://docs.celeryq.dev/en/stable/django/first-steps-with-django.html
    """
    for code, call, name in _settings_of_app(facts):
        if facts.modules.find(name) is None and facts.modules.folder(name) is None:
            yield Occurrence(
                f"the app file names the settings module {name}, which does not exist",
                code.where(call),
                _module_to_name(facts),
            )


@check("celery.W121", unless=("celery.E021",))
def settings_differ(facts: Facts) -> Iterator[Occurrence]:
    """The worker and the web process fall back to different settings.

    What happens: Where DJANGO_SETTINGS_MODULE is not exported, the worker runs with other settings
        (another database, another broker) than the web process.
    How it looks: A task that does not find what the web process has just saved.
    Why: celery.py and wsgi.py each name their own settings module as a fallback.
    Fix: Export DJANGO_SETTINGS_MODULE for every process, or name the same module in both.
    Source: https://docs.djangoproject.com/en/stable/topics/settings/
    """
    web = [n for n, w in _web_settings(facts)]
    if not web or facts.deployment.exports("DJANGO_SETTINGS_MODULE"):
        return
    for code, call, name in _settings_of_app(facts):
        if name not in web and name != facts.project.settings.module and facts.modules.find(name):
            yield Occurrence(
                f"without DJANGO_SETTINGS_MODULE the worker takes {name}, the web process {web[0]}",
                code.where(call),
                "Export the variable for both.",
            )


def _settings_of_app(facts: Facts) -> Iterator[tuple[Code, ast.Call, str]]:
    code = facts.app_code
    for call in code.calls if code else ():
        if code and dotted(call.func).endswith("environ.setdefault") and len(call.args) == 2:
            name = text_of(call.args[1])
            if text_of(call.args[0]) == "DJANGO_SETTINGS_MODULE" and name:
                yield code, call, name


def _web_settings(facts: Facts) -> list[tuple[str, Where]]:
    found = []
    # what a web server imports, and not manage.py, decides for web processes
    for name in ("wsgi.py", "asgi.py"):
        code = facts.code.parsed(facts.project.package.folder / name)
        for call in code.calls if code else ():
            if code and dotted(call.func).endswith("environ.setdefault") and len(call.args) == 2:
                value = text_of(call.args[1])
                if value and text_of(call.args[0]) == "DJANGO_SETTINGS_MODULE":
                    found.append((value, code.where(call)))
    return found


def _workers(facts: Facts) -> list[CeleryCommand]:
    return [c for c in facts.deployment.commands if c.subcommand == "worker"]


def _declared_queues(facts: Facts) -> bool:
    return facts.settings.is_set("task_queues") or facts.settings.first("CELERY_QUEUES") is not None


@check("celery.E180", unless=("celery.E942",))
def queue_not_consumed(facts: Facts) -> Iterator[Occurrence]:
    """Tasks are routed to a queue that no worker consumes.

    What happens: The tasks that are sent to it are never run.
    How it looks: (nothing: the state stays PENDING)
    Why: A worker without -Q consumes the default queue only; routing creates the queue, but no
        worker consumes it.
    Fix: -Q celery,slow on a worker, or CELERY_TASK_QUEUES.
    Source: https://docs.celeryq.dev/en/stable/userguide/routing.html
    """
    workers = _workers(facts)
    if (
        not workers
        or _declared_queues(facts)
        or any("$" in c.text or "{" in c.text for c in workers)
    ):
        return
    usual: str | None = "celery"
    default = facts.settings.first("CELERY_TASK_DEFAULT_QUEUE", "CELERY_DEFAULT_QUEUE")
    if default:
        usual = text_of(default.value)
    if usual is None:
        # a name that code computes
        return
    # a worker without -Q consumes the default queue
    consumed = {
        # as Celery reads them: a blank is a part of the name
        queue
        for command in workers
        for queue in (command.option("-Q", "--queues") or usual).split(",")
    }
    reported: set[str] = set()
    for name, where in routed_queues(facts):
        if name not in consumed and name not in reported:
            reported.add(name)
            yield Occurrence(
                f"no worker consumes the queue {name!r} ({workers[0].where}: "
                f"{', '.join(sorted(consumed))})",
                where,
                f"Add it: {add_queue(workers[0], consumed, name)}",
            )


def routed_queues(facts: Facts) -> Iterator[tuple[str, Where]]:
    """The queues that routes and task decorators name, with the place of each."""
    for setting in facts.settings.named(f"{PREFIX}TASK_ROUTES", "CELERY_ROUTES"):
        for node in ast.walk(setting.value):
            if isinstance(node, ast.Dict):
                for key, value in zip(node.keys, node.values, strict=True):
                    if text_of(key) == "queue" and (name := text_of(value)):
                        yield name, setting.code.where(value)
    for task in facts.tasks:
        name = text_of(task.options.get("queue"))
        if name:
            yield name, task.code.where(task.options["queue"])


@check("celery.W182", grouped=True)
def route_without_task(facts: Facts) -> Iterator[Occurrence]:
    """A route matches no task.

    What happens: Nothing: the task that was meant is sent to the default queue.
    How it looks: (nothing)
    Why: Routes are looked up by the name of the task.
    Fix: The registered name, or a pattern such as "shop.tasks.*".
    Source: https://docs.celeryq.dev/en/stable/userguide/routing.html
    """
    if any(not task.name for task in facts.tasks):
        return
    for setting in facts.settings.named(f"{PREFIX}TASK_ROUTES", "CELERY_ROUTES"):
        if not isinstance(setting.value, ast.Dict):
            continue
        for key in setting.value.keys:
            name = text_of(key)
            if key is None or name is None or name.split(".")[0] not in facts.code.own_packages:
                continue
            # routes are globs (fnmatch), where only * and ? are common
            pattern = re.compile(re.escape(name).replace(r"\*", ".*").replace(r"\?", "."))
            # a class with `name =`, or a decorator that was not recognised, may make that task
            if not any(pattern.fullmatch(task) for task in facts.task_names) and not (
                facts.worker is None and may_exist(facts, name)
            ):
                yield Occurrence(f"the route {name!r} matches no task", setting.code.where(key))


@check("celery.W260")
def beat_in_a_worker(facts: Facts) -> Iterator[Occurrence]:
    """A worker runs Beat inside itself.

    What happens: With a second such worker, or another Beat, every periodic task is sent twice.
    How it looks: (nothing: tasks run twice)
    Why: Each Beat sends every entry; they are not aware of each other.
    Fix: One process `celery -A ... beat` of its own, and no -B.
    Source: https://docs.celeryq.dev/en/stable/userguide/periodic-tasks.html#starting-the-scheduler
    """
    for command in _workers(facts):
        if starts_beat(command):
            beat = _beat_beside(facts, command)
            if beat is None:
                message = "with a second worker, everything is sent twice"
                app = command.option("-A", "--app") or "<project>"
                hint = f"Delete -B, and start one process of its own: celery -A {app} beat."
            else:
                message = f"{beat.where} starts another one, so everything is sent twice"
                hint = f"Delete -B: {beat.where} starts Beat."
            yield Occurrence(f"-B starts Beat inside the worker: {message}", command.where, hint)


def starts_beat(worker: CeleryCommand) -> bool:
    """Whether a worker runs Beat inside itself: -B, alone or among other letters."""
    return any(w in {"-B", "--beat"} or re.fullmatch(r"-[A-Z]*B", w) for w in worker.words)


def _beat_beside(facts: Facts, worker: CeleryCommand) -> CeleryCommand | None:
    """The Beat of the same app that is started together with a worker: another file is for another
    place, unless the files of its folder are deployed as one."""
    processes = facts.deployment.processes
    scopes = {process.scope for process in processes if process.celery == worker}
    together = [process.celery for process in processes if process.scope in scopes]
    app = worker.option("-A", "--app")
    for command in facts.deployment.commands:
        if command.subcommand != "beat" or command.option("-A", "--app") not in (app, None):
            continue
        if command.where.path == worker.where.path or command in together:
            return command
    return None


@check("celery.W280")
def schedule_file_in_the_way(facts: Facts) -> Iterator[Occurrence]:
    """Beat keeps its schedule file in the working directory.

    What happens: celerybeat-schedule is created among the sources; in a read-only container Beat
        does not start.
    How it looks: FileNotFoundError / PermissionError: 'celerybeat-schedule'
    Why: The default is a relative path.
    Fix: celery -A ... beat -s /var/lib/.../celerybeat-schedule (a volume, where intervals matter).
    Source: https://docs.celeryq.dev/en/stable/userguide/periodic-tasks.html#starting-the-scheduler
    """
    if facts.settings.is_set("beat_scheduler") or facts.settings.is_set("beat_schedule_filename"):
        return
    for command in facts.deployment.commands:
        if command.subcommand == "beat" and not command.option(
            "-s", "--schedule", "-S", "--scheduler"
        ):
            yield Occurrence(
                "Beat keeps its schedule file in the working directory",
                command.where,
                f"Add {command.as_written('-s', '/var/tmp/celerybeat-schedule')}, for example.",
            )


@check("celery.W460")
def limits_without_effect(facts: Facts) -> Iterator[Occurrence]:
    """The worker pool ignores time limits.

    What happens: A task runs without a limit.
    How it looks: (nothing)
    Why: The pools threads and solo have no way to interrupt a task; gevent and eventlet have the
        hard limit only.
    Fix: The prefork pool, or time limits inside the task (timeouts of its requests).
    Source: https://docs.celeryq.dev/en/stable/userguide/workers.html#time-limits
    """
    limits = [
        facts.settings.first(f"{PREFIX}TASK_TIME_LIMIT"),
        facts.settings.first(f"{PREFIX}TASK_SOFT_TIME_LIMIT"),
    ]
    named = next((s for s in limits if s), None)
    in_tasks = any({"time_limit", "soft_time_limit"} & set(t.options) for t in facts.tasks)
    if named is None and not in_tasks:
        return
    for command in _workers(facts):
        pool = command.option("-P", "--pool")
        if pool in {"threads", "solo"}:
            yield Occurrence(
                f"the pool {pool} ignores time limits{f' ({named.where})' if named else ''}",
                command.where,
            )
