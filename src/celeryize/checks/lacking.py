"""What is not there: a Beat for the schedule, a worker for a queue, a library that is declared."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from celeryize.celery_facts import words
from celeryize.checks.check import Occurrence, check
from celeryize.checks.clients import (
    BRINGS_CELERY,
    declares,
    how_to_declare,
    is_told_with_client,
    needed_clients,
)
from celeryize.checks.facts import Facts
from celeryize.checks.facts.literals import default_of, text_of
from celeryize.checks.facts.plain import HIDDEN_BINDINGS
from celeryize.checks.facts.processes.given import given_to, is_named_elsewhere
from celeryize.checks.facts.processes.start_up import dotenv_of, may_start_with
from celeryize.checks.facts.processes.where_it_runs import dockerfiles_of_project
from celeryize.checks.facts.settings import Setting
from celeryize.checks.fixes import add_queue
from celeryize.checks.left_out import is_from_plain_image
from celeryize.checks.settings import PREFIX, is_read
from celeryize.detect.answers import ANSWERS_FILE, stored_answers
from celeryize.detect.command import CeleryCommand
from celeryize.detect.install_line import install_line
from celeryize.detect.processes import Process
from celeryize.detect.processes.images import instructions_of
from celeryize.detect.processes.process import PLATFORMS
from celeryize.detect.project import distribution_folder
from celeryize.detect.requirements_files import is_for_developers
from celeryize.model import Where
from celeryize.patch.nodes import dotted
from celeryize.reading import readable_text

# So have these, with gevent.
BRINGS_GEVENT = frozenset({"grequests", "gevent-websocket", "locust", "geventhttpclient"})
# Commands of django-celery and of Celery 3, and what starts the same now.
GONE = {
    "celeryd": "celery -A <project> worker",
    "celerybeat": "celery -A <project> beat",
    "celerycam": "celery -A <project> events",
    "celeryev": "celery -A <project> events",
    "celeryd_multi": "celery multi",
    "celery": "celery -A <project> worker",
}
OLD_COMMAND = re.compile(
    r"manage\.py[\"', ]+(celery(?:d_multi|d|beat|cam|ev)?)\b"
    r"|(?:^|[:=]\s*|exec )(celeryd|celerybeat)\s"
)
# What may name a requirement of its own.
BRINGS_FLOWER = re.compile(
    r"require.*\.(txt|in|lock)|.*\.(toml|lock|cfg)|Pipfile|.*[Dd]ockerfile.*|setup\.py"
)
FLOWER = re.compile(r"^[^#\n]*\bflower\b", re.M | re.I)
INSTALLS_FLOWER = re.compile(r"\b(install|add|sync|--with)\b[^\n;&|]*\bflower\b", re.I)
REQUIREMENTS = re.compile(
    r"(^|/)(req\w*([/_.-][^/]*|/.*)?\.(txt|in)|[^/]*\.(toml|lock|cfg)|Pipfile|setup\.py"
    r"|[^/]*[Dd]ockerfile[^/]*)$"
)
# celery itself, or what brings it
CELERY_LINE = re.compile(
    rf"""(?:.*\binstall\b.*[\s"'])?[\s"']*(?:name\s*=\s*")?"""
    rf"(?:{'|'.join(sorted({'celery', *BRINGS_CELERY}))})(?![\w.-])",
    re.I,
)
# The kinds of files that add-worker edits.
WRITABLE = frozenset({"compose", "procfile", "systemd", "kubernetes", "supervisor"})
# Where the file that starts a process does not say which variables it has.
VARIABLES_ELSEWHERE = frozenset({"procfile", "supervisor"})
# `# beat:`, `#   command: celery beat`, `# celery -A shop beat`
OUT_OF_USE = re.compile(r"\s*#\s*(?:-\s+)?(?:[\w.-]+:(?:\s|$)|\S*celery\s+-)")
WEB_WORKERS = re.compile(r"--worker[\w-]*|(?:uvicorn|gunicorn)\S*\.\w*workers?\S*", re.I)
SAYS_BEAT = re.compile(r"\bbeat\b|celerybeat|redbeat", re.IGNORECASE)


@check("celery.W844")
def nothing_starts_beat(facts: Facts) -> Iterator[Occurrence]:
    """There is a schedule, and no deployment file starts Beat.

    What happens: No entry is ever sent.
    How it looks: (nothing)
    Why: A worker runs tasks. Only Beat sends those of the schedule.
    Fix: One process more, which celeryize add-worker writes: celery -A <project> beat
    Source: https://docs.celeryq.dev/en/stable/userguide/periodic-tasks.html#starting-the-scheduler
    """
    entries = facts.settings.first(f"{PREFIX}BEAT_SCHEDULE", "CELERYBEAT_SCHEDULE")
    if entries is None or not isinstance(entries.value, ast.Dict) or not entries.value.keys:
        return
    worker = worker_without_beat(facts)
    if worker is None:
        return
    yield Occurrence(
        f"{worker.where} starts a worker, and nothing starts Beat: no entry is ever sent",
        entries.where,
        _how_to_start_beat(facts, worker),
    )


def worker_without_beat(facts: Facts) -> CeleryCommand | None:
    """The first worker that a deployment file starts; None where there is none, or Beat, too."""
    workers = _production_workers(facts)
    if not workers or _mentions_beat(facts):
        return None
    return workers[0]


def _production_workers(facts: Facts) -> list[CeleryCommand]:
    """The command lines of workers in files that start processes; scripts alone say too little."""
    files = {process.where.path for process in facts.deployment.processes}
    return [command for command in facts.deployment.workers if command.where.path in files]


def _used_text(facts: Facts, path: PurePosixPath) -> str:
    """The text of a deployment file less the services and the command lines that are commented out.

    A remark stays: "Beat runs on another machine" is an answer.
    """
    lines = readable_text(facts.deployment.root / path).split("\n")
    return "\n".join(line for line in lines if not OUT_OF_USE.match(line))


def _mentions_beat(facts: Facts) -> bool:
    """Whether anything that starts processes speaks of Beat; a worker's -B is one, too."""
    deployment = facts.deployment
    if any({"-B", "--beat"} & set(command.words) for command in deployment.workers):
        return True
    places = {process.where.path for process in deployment.processes} | set(deployment.files)
    places |= {script.command.where.path for script in deployment.scripts}
    return any(SAYS_BEAT.search(_used_text(facts, path)) for path in places)


def _app_of(command: CeleryCommand) -> str:
    return command.option("-A", "--app") or "<project>"


@check("celery.W846")
def nothing_clears_results(facts: Facts) -> Iterator[Occurrence]:
    """Results are kept in a database, and nothing deletes the old ones.

    What happens: The table of results grows with every task, until the disk is full.
    How it looks: (nothing; slow pages of the admin)
    Why: Old results are deleted by the task celery.backend_cleanup, once a day, and Beat sends it.
        A database forgets nothing by itself, unlike Redis.
    Fix: Start Beat beside the worker; or ignore_result=True for what nobody asks for
    Source: https://docs.celeryq.dev/en/stable/userguide/configuration.html#result-expires
    """
    setting = results_to_clear(facts)
    worker = worker_without_beat(facts)
    if setting is None or worker is None:
        return
    yield Occurrence(
        f"results are kept in {text_of(default_of(setting.value))}, and nothing deletes them: no "
        "Beat is started",
        setting.where,
        _how_to_start_beat(facts, worker),
    )


def results_to_clear(facts: Facts) -> Setting | None:
    """The setting that keeps results in a database, where nothing but Beat deletes them."""
    setting = facts.settings.first(f"{PREFIX}RESULT_BACKEND")
    if setting is None or facts.settings.first(f"{PREFIX}RESULT_EXPIRES") is not None:
        return None
    backend = text_of(default_of(setting.value)) or ""
    if not backend.startswith(("django-db", "db+")):
        return None
    if any(code.has("backend_cleanup") for code in facts.code.relevant):
        return None
    return setting


def _how_to_start_beat(facts: Facts, worker: CeleryCommand) -> str:
    """The command that writes Beat beside a worker, and the process itself."""
    kinds = {p.kind for p in facts.deployment.processes if p.where.path == worker.where.path}
    line = f"celery -A {_app_of(worker)} beat"
    if not kinds <= WRITABLE:
        return f"Start it beside the worker ({worker.where}): {line}"
    return (
        f"`celeryize add-worker --to {min(kinds)} --beat` writes it beside the worker "
        f"({worker.where}); manually: {line}"
    )


@check("celery.W845")
def nothing_starts_a_worker(facts: Facts) -> Iterator[Occurrence]:
    """A deployment file starts Beat, and none starts a worker.

    What happens: The entries are sent, and wait in the broker for ever.
    How it looks: (nothing: the queue grows)
    Why: Beat sends tasks; it runs none.
    Fix: One process more: celery -A <project> worker
    Source: https://docs.celeryq.dev/en/stable/userguide/periodic-tasks.html#starting-the-scheduler
    """
    commands = facts.deployment.commands
    beats = [command for command in commands if command.subcommand == "beat"]
    if not beats or any(command.subcommand not in {"beat", "flower"} for command in commands):
        return
    # a file with Beat alone may have its worker in another repository
    path = beats[0].where.path
    others = [p for p in facts.deployment.processes if p.where.path == path and p.celery is None]
    # gunicorn has workers of its own
    if not others or "worker" in WEB_WORKERS.sub("", _used_text(facts, path)):
        return
    yield Occurrence(
        "Beat is started here, and nothing starts a worker: what Beat sends is never run",
        beats[0].where,
        f"Start one beside it: celery -A {_app_of(beats[0])} worker",
    )


@check("celery.E181", unless=("celery.E672", "celery.E942"))
def default_queue_not_consumed(facts: Facts) -> Iterator[Occurrence]:
    """No worker consumes the default queue.

    What happens: Tasks without a route are never run.
    How it looks: (nothing: the state stays PENDING)
    Why: A worker with -Q consumes the queues that it names, and no others.
    Fix: -Q celery,high, or a second worker without -Q.
    Source: https://docs.celeryq.dev/en/stable/userguide/routing.html#manual-routing
    """
    workers = facts.deployment.workers
    given = [command.option("-Q", "--queues") for command in workers]
    if not workers or any(not queues or set("${%<") & set(queues) for queues in given):
        return
    usual = _default_queue(facts)
    consumed = {name for queues in given for name in (queues or "").split(",")}
    if usual is None or usual in consumed:
        return
    lost = [task for task in facts.tasks if task.name and not _is_routed(facts, task.name)]
    lost = [task for task in lost if not {"queue", "base"} & set(task.options) and not task.hidden]
    if lost:
        yield Occurrence(
            f"no worker consumes the default queue {usual!r}, to which {lost[0].node.name} is sent",
            workers[0].where,
            f"Add it: {add_queue(workers[0], consumed, usual)}",
        )


def _default_queue(facts: Facts) -> str | None:
    """The queue of tasks without a route; None where code computes it."""
    found = facts.settings.first(f"{PREFIX}TASK_DEFAULT_QUEUE", "CELERY_DEFAULT_QUEUE")
    if found is None:
        return "celery"
    return text_of(default_of(found.value))


def _is_routed(facts: Facts, name: str) -> bool:
    """Whether a task has a queue of its own; where an import saw it, that knows."""
    for report in (facts.worker, facts.web):
        for task in report.tasks if report else ():
            if task.name == name:
                return task.queue not in {None, _default_queue(facts)}
    # a router may be anything: without an import nothing is certain
    names = (f"{PREFIX}TASK_ROUTES", "CELERY_ROUTES", f"{PREFIX}TASK_QUEUES", "CELERY_QUEUES")
    return facts.settings.first(*names) is not None


@check("celery.W156")
def celery_not_declared(facts: Facts) -> Iterator[Occurrence]:
    """The project uses Celery, and its dependency file does not declare it.

    What happens: It works where Celery is installed already, and fails after the next deploy.
    How it looks: ModuleNotFoundError: No module named 'celery'
    Why: A deploy installs what the file lists.
    Fix: celery[redis] in the dependency file; celery alone, where the broker is RabbitMQ.
    Source: reproduced with pip
    """
    dependencies = facts.project.dependencies
    if dependencies.file is None or not facts.project.celery or not declares(facts, "django"):
        return
    developers = _only_for_developers(facts)
    if developers is None and declares(facts, "celery", *BRINGS_CELERY):
        return
    if developers is not None:
        yield Occurrence(
            f"only {developers.path}, for developers, declares celery, which the project imports",
            developers,
            f"Declare it in {dependencies.file}, beside Django, which a deploy installs.",
        )
        return
    found = _developers_celery(facts)
    if found is None and is_told_with_client(facts):
        return
    place = Where(dependencies.file)
    message = f"{dependencies.file} does not declare celery, which the project imports"
    extras = sorted({extra for _, _, extra in needed_clients(facts)})
    bundle = f"celery[{','.join(extras)}]" if extras else "celery"
    hint = f"Add it: {bundle}."
    if found is not None:
        group, line = found
        place = Where(dependencies.file, line)
        message = f"the project imports celery, which only {group} declares: for developers"
        hint = "Declare it beside Django, which a deploy installs."
    yield Occurrence(message, place, hint)


def _only_for_developers(facts: Facts) -> Where | None:
    """The line of a requirements file for developers that alone declares celery."""
    dependencies = facts.project.dependencies
    if any(CELERY_LINE.match(written) for written in dependencies.own):
        return None
    found: Where | None = None
    for place, _, files in facts.deployment.folders:
        for name in files:
            path = PurePosixPath((place / name).relative_to(facts.deployment.root).as_posix())
            if not REQUIREMENTS.search(path.as_posix()):
                continue
            lines = readable_text(place / name).split("\n")
            number = next((n for n, line in enumerate(lines, 1) if CELERY_LINE.match(line)), None)
            if number is None:
                continue
            # a lock, an image, or a file for production
            if path.suffix not in {".txt", ".in"} or not is_for_developers(path):
                return None
            found = found or Where(path, number)
    return found


def _developers_celery(facts: Facts) -> tuple[str, int] | None:
    """The group for developers that declares celery, and the line."""
    file = facts.project.dependencies.file
    if file is None or (file.suffix != ".toml" and file.name != "Pipfile"):
        return None
    from celeryize.patch.dependencies.toml import developers_group_with

    text = readable_text(facts.project.root / file)
    return developers_group_with(text.encode("utf-8", "replace"), "celery")


@check("celery.E158", imports=True, unless=("celery.E002",))
def pool_not_there(facts: Facts) -> Iterator[Occurrence]:
    """A worker is started with a pool whose library is neither declared nor installed.

    What happens: It does not start.
    How it looks: ImportError: cannot import name 'gevent'. Or: ModuleNotFoundError: No module named
        'eventlet'
    Why: celery itself brings prefork, solo and threads alone.
    Fix: celery[gevent] in the dependency file.
    Source: https://docs.celeryq.dev/en/stable/userguide/concurrency/index.html
    """
    for where, pool in _undeclared_pools(facts):
        if distribution_folder(facts.project.interpreter.path, pool) is None:
            install = install_line(facts.project)
            then = f"`{install}`" if install else "install it"
            yield Occurrence(
                f"this worker needs {pool}, which is neither declared nor installed",
                where,
                f"{how_to_declare(facts, pool)}, then {then}.",
            )


@check("celery.W158", unless=("celery.E158",))
def pool_not_declared(facts: Facts) -> Iterator[Occurrence]:
    """A worker is started with a pool whose library the dependency file does not declare.

    What happens: It does not start, where the library is not installed by chance.
    How it looks: ImportError: cannot import name 'gevent'. Or: ModuleNotFoundError: No module named
        'eventlet'
    Why: celery itself brings prefork, solo and threads alone.
    Fix: celery[gevent] in the dependency file.
    Source: https://docs.celeryq.dev/en/stable/userguide/concurrency/index.html
    """
    for where, pool in _undeclared_pools(facts):
        yield Occurrence(
            f"this worker needs {pool}, which {facts.project.dependencies.file} does not declare",
            where,
            f"{how_to_declare(facts, pool)}.",
        )


def _undeclared_pools(facts: Facts) -> Iterator[tuple[Where, str]]:
    """The first worker whose pool needs a library that nothing declares."""
    dependencies = facts.project.dependencies
    written = dependencies.declared.get("celery")
    if dependencies.file is None or written is None or not declares(facts, "django"):
        return
    for where, pool in _pools(facts):
        if pool in {"gevent", "eventlet"} and pool not in written and not _has_pool(facts, pool):
            # an image may install it by itself
            if not _is_named_beside(facts, pool):
                yield where, pool
            return


def _has_pool(facts: Facts, pool: str) -> bool:
    """Whether a file that a deploy installs declares a library, or what brings it: an extra of its
    name, as in gunicorn[gevent]."""
    declared = facts.project.dependencies.declared
    if pool in declared or not BRINGS_GEVENT.isdisjoint(declared):
        return True
    if any(re.search(rf"\[[^\]]*\b{pool}\b", written) for written in declared.values()):
        return True
    file = facts.project.dependencies.left.get(pool)
    return file is not None and not is_for_developers(file)


def _pools(facts: Facts) -> Iterator[tuple[Where, str]]:
    """The pools that command lines and settings choose, where the project makes the image."""
    foreign = {
        process.celery.where
        for process in facts.deployment.processes
        if process.celery and not _is_built_here(facts, process)
    }
    for command in facts.deployment.workers:
        if command.where not in foreign:
            yield command.where, command.option("-P", "--pool") or ""
    for setting in facts.settings.named("CELERY_WORKER_POOL", "CELERYD_POOL"):
        if not setting.conditional:
            yield setting.where, text_of(setting.value) or ""


def _is_built_here(facts: Facts, process: Process) -> bool:
    """Whether what a process is started with is what the dependency file says: of an image of a
    registry nothing is known."""
    if process.kind in PLATFORMS:
        return "image" not in process.options
    if process.kind == "kubernetes":
        return _installs_dependencies(facts)
    if process.kind != "compose":
        return True
    image = _image_of(process)
    same = [p for p in facts.deployment.processes if image and _image_of(p) == image]
    return any({"build", "context", "extends"} & set(p.options) for p in (process, *same))


def _installs_dependencies(facts: Facts) -> bool:
    """Whether each Dockerfile of the project starts from a plain image, and installs what the
    dependency file says: its containers of Kubernetes are of such an image."""
    paths = dockerfiles_of_project(facts)
    return bool(paths) and all(_installs_file(facts, readable_text(path)) for path in paths)


def _installs_file(facts: Facts, dockerfile: str) -> bool:
    file, text = facts.project.dependencies.file, instructions_of(dockerfile)
    if file is None:
        return False
    by_tool = r"uv\s+sync|poetry\s+install|pdm\s+(?:sync|install)|pip3?\s+install\s+\.(?:\s|$)"
    installs = re.search(rf"\b(?:{re.escape(file.name)}|{by_tool})", text)
    return installs is not None and is_from_plain_image(text)


def _image_of(process: Process) -> str:
    image = process.options.get("image")
    return image.text if image else ""


def _is_named_beside(facts: Facts, pool: str) -> bool:
    """Whether an image, or a script, names a library on a line that starts no worker."""
    if not is_named_elsewhere(facts, pool):
        return False
    root = facts.deployment.root
    files = [root / path for path in facts.deployment.dockerfiles]
    files += [root / script.path for script in facts.deployment.scripts]
    lines = [line for file in files for line in readable_text(file).split("\n") if pool in line]
    chosen = re.compile(rf"(?:-P|--pool)[\s=\"',]*{pool}\b")
    return not lines or any(pool in chosen.sub("", line) for line in lines)


@check("celery.W159")
def flower_not_declared(facts: Facts) -> Iterator[Occurrence]:
    """Flower is started, and the dependency file does not declare it.

    What happens: It does not start, where it is not installed by chance.
    How it looks: Error: No such command 'flower'.
    Why: `celery flower` is a command of the package flower, which celery does not bring.
    Fix: flower in the dependency file; or the image mher/flower
    Source: https://flower.readthedocs.io/en/latest/install.html
    """
    dependencies = facts.project.dependencies
    if dependencies.file is None or not declares(facts, "celery") or declares(facts, "flower"):
        return
    # a file for production alone, or the image, may bring it
    for place, _, files in facts.deployment.folders:
        for name in files:
            if BRINGS_FLOWER.fullmatch(name) and FLOWER.search(readable_text(place / name)):
                return
            if name.endswith(".sh") and INSTALLS_FLOWER.search(readable_text(place / name)):
                return
    for process in facts.deployment.processes:
        image = process.options.get("image")
        if INSTALLS_FLOWER.search(" ".join(process.words)):
            continue
        if process.subcommand == "flower" and "flower" not in (image.text if image else ""):
            yield Occurrence(
                f"this needs flower, which {dependencies.file} does not declare",
                process.where,
                f"Add flower to {dependencies.file}.",
            )


@check("celery.W956")
def driver_blocks_greenlets(facts: Facts) -> Iterator[Occurrence]:
    """A worker with greenlets uses a database driver that blocks all of them.

    What happens: During each query all tasks of the worker stand still: a hundred greenlets are as
        fast as one.
    How it looks: (nothing: slow tasks, an idle database)
    Why: psycopg2 and mysqlclient wait in C, where gevent and eventlet cannot switch.
    Fix: psycopg 3, which is patched with the sockets; psycogreen for psycopg2; PyMySQL
    Source: https://github.com/psycopg/psycogreen; https://www.psycopg.org/psycopg3/docs/advanced/async.html
    """
    drivers = {"psycopg2": "postg", "psycopg2-binary": "postg", "mysqlclient": "mysql"}
    engines = " ".join(ast.unparse(setting.value) for setting in facts.settings.named("DATABASES"))
    found = [
        name for name, engine in drivers.items() if declares(facts, name) and engine in engines
    ]
    if not found or declares(facts, "psycogreen", "psycopg", "pymysql"):
        return
    if any(code.has("psycogreen") for code in facts.code.relevant):
        return
    for command in _production_workers(facts):
        pool = command.option("-P", "--pool")
        if pool in {"gevent", "eventlet"}:
            yield Occurrence(
                f"{found[0]} blocks all greenlets of this worker during each query",
                command.where,
                "Use psycopg 3 or psycogreen (PyMySQL for MySQL), or the pool threads.",
            )
            return


@check("celery.W169", unless=("celery.E001", "celery.E002", "celery.E003"))
def broker_not_set(facts: Facts) -> Iterator[Occurrence]:
    """No broker is set, and the project means another one than RabbitMQ on localhost.

    What happens: Worker and web process look for RabbitMQ on localhost.
    How it looks: consumer: Cannot connect to amqp://guest:**@127.0.0.1:5672//: Connection refused.
    Why: Without a broker URL, Celery takes amqp://guest@localhost//.
    Fix: CELERY_BROKER_URL = "redis://localhost:6379/0"
    Source: https://docs.celeryq.dev/en/stable/userguide/configuration.html#broker-url
    """
    # a setting that was meant for it is named itself (W060)
    if not facts.project.celery or _may_have_broker(facts) or meant_for_broker(facts):
        return
    meant = _sign_of_redis(facts)
    if meant:
        yield Occurrence(
            f"{PREFIX}BROKER_URL is not set: Celery looks for RabbitMQ on localhost, and {meant}",
            Where(facts.project.settings.file) if facts.project.settings.file else None,
            f'Set {PREFIX}BROKER_URL, such as "redis://localhost:6379/0".',
        )


# How projects call the setting that Celery reads as CELERY_BROKER_URL, or CELERY_RESULT_BACKEND.
FOR_BROKER = words(
    """
    BROKER BROKER_URI CELERY_BROKER CELERY_BROKER_URI CELERY_BROKER_ADDRESS CELERY_URL CELERY_URI
    CELERY_REDIS_URL CELERY_RABBITMQ_URL CELERY_AMQP_URL
    """
)
FOR_RESULTS = words(
    """
    CELERY_RESULT CELERY_RESULTS CELERY_BACKEND CELERY_BACKEND_URL CELERY_RESULT_URL
    CELERY_RESULTS_BACKEND CELERY_RESULT_BACKEND_URL
    """
)
# What the name of a variable, or a URL, has where a broker is meant.
OF_BROKER = re.compile(r"(?i)broker|redis|amqp|rabbit|celery")


def meant_for_broker(facts: Facts) -> list[Setting]:
    """The settings that were meant to name the broker, where nothing names one."""
    named = _unread_settings(facts, FOR_BROKER)
    if not named or not facts.project.celery or _may_have_broker(facts):
        return []
    return named


def meant_for_results(facts: Facts) -> list[Setting]:
    """The settings that were meant to name the result backend, where nothing names one."""
    name = f"{PREFIX}RESULT_BACKEND"
    named = _unread_settings(facts, FOR_RESULTS)
    if not named or not facts.project.celery or facts.settings.is_set("result_backend"):
        return []
    # `os.environ.setdefault("CELERY_RESULT_BACKEND", ...)`, or a file that exports it
    mentioned = any(code.names("result_backend", name) for code in facts.code.relevant)
    if mentioned or facts.deployment.exports("RESULT_BACKEND"):
        return []
    return named


def _unread_settings(facts: Facts, names: frozenset[str]) -> list[Setting]:
    """The first assignment of each name, unless the project reads it itself."""
    found: dict[str, Setting] = {}
    for setting in facts.settings.named(*names):
        said = ast.unparse(setting.value)
        if setting.name in found or is_read(facts, setting):
            continue
        # without the prefix the name may mean anything
        if setting.name.startswith(PREFIX) or OF_BROKER.search(said):
            found[setting.name] = setting
    return list(found.values())


def _may_have_broker(facts: Facts) -> bool:
    """Whether anything that can be seen names a broker, or what cannot be seen may do so."""
    names = ("broker_url", "broker_read_url", "broker_write_url")
    spelled = {f"{before}{name.upper()}" for name in names for before in ("", PREFIX)}
    if any(facts.settings.is_set(name) for name in names):
        return True
    # `os.environ.setdefault("CELERY_BROKER_URL", ...)`, a dict of the settings
    if any(code.names(*names, *spelled) for code in facts.code.relevant):
        return True
    worker = facts.worker
    if worker is None or worker.app is None:
        project = facts.project
        unseen = project.settings.split or bool(project.settings.unknown)
        if unseen or not project.celery[0].reads_django_settings or _may_be_computed(facts):
            return True
    else:
        given = {"broker_host", "broker_transport", *names} & worker.configuration.keys()
        if given or worker.conf.get("broker_url") or f"{PREFIX}BROKER_URL" in worker.environment:
            return True
    return _may_be_started_with(facts) or _is_exported(facts)


def _may_be_computed(facts: Facts) -> bool:
    """Whether settings come from where nobody can read them: names that are computed, a module
    that is not here, or a mapping that the app is updated with."""
    for path in facts.project.settings.reachable:
        code = facts.code.parsed(path)
        if code is None or code.names(*HIDDEN_BINDINGS) or "sys.modules" in code.bare:
            return True
        for node in code.of(ast.ImportFrom):
            if node.names[0].name == "*":
                if facts.modules.find(facts.modules.absolute(node, path)) is None:
                    return True
    code = facts.app_code
    if code is None:
        return False
    added = any(dotted(node.target).endswith(".conf") for node in code.of(ast.AugAssign))
    return added or any(_is_updated(call) for call in code.calls)


def _is_updated(call: ast.Call) -> bool:
    """`app.conf.update(load())`, `app.conf.update(**values)`."""
    if not dotted(call.func).endswith(("conf.update", "conf.add_defaults")):
        return False
    given = [*call.args, *(keyword.value for keyword in call.keywords if keyword.arg is None)]
    # a dict that is written out shows its keys
    return not all(isinstance(value, ast.Dict) and None not in value.keys for value in given)


def _may_be_started_with(facts: Facts) -> bool:
    """Whether a worker is given the broker on its command line, or variables that are not in the
    repository."""
    if any(command.option("-b", "--broker") for command in facts.deployment.commands):
        return True
    if dotenv_of(facts) is None:
        return True
    for process in facts.deployment.processes:
        if process.subcommand not in {"worker", "beat"}:
            continue
        if may_start_with(facts, process, "CELERY_BROKER_URL"):
            return True
        if process.kind not in VARIABLES_ELSEWHERE and not given_to(facts, process).complete:
            return True
    return False


def _is_exported(facts: Facts) -> bool:
    """Whether a file gives processes the variable, which Celery reads, whatever the settings
    say."""
    deployment = facts.deployment
    if not deployment.exports("BROKER_URL"):
        return False
    # beside the .env that is in use, an example of it gives nothing
    in_use = facts.worker is not None and (facts.project.root / ".env").is_file()
    return not in_use or deployment.exports("BROKER_URL", examples=False)


def _sign_of_redis(facts: Facts) -> str:
    """What shows that Redis is meant to be the broker; empty where nothing does."""
    if "redis" in facts.project.dependencies.declared.get("celery", ""):
        return "celery is declared with redis"
    for setting in facts.settings.named(f"{PREFIX}RESULT_BACKEND"):
        backend = text_of(default_of(setting.value)) or ""
        if backend.startswith(("redis", "rediss")):
            return f"the results are kept in Redis ({setting.where})"
    options = facts.settings.first(f"{PREFIX}BROKER_TRANSPORT_OPTIONS")
    # RabbitMQ has no such option
    if options is not None and "visibility_timeout" in ast.unparse(options.value):
        return f"{options.name} has an option that RabbitMQ does not know ({options.where})"
    folder = facts.project.root / facts.project.base
    answer = str(stored_answers(folder, ANSWERS_FILE).get("broker", ""))
    if answer.startswith("redis"):
        return f"{ANSWERS_FILE} names redis"
    return ""


@check("celery.E985")
def command_is_gone(facts: Facts) -> Iterator[Occurrence]:
    """A command line starts a command that Celery no longer has.

    What happens: The process ends at once.
    How it looks: Unknown command: 'celeryd', or celeryd: command not found
    Why: django-celery brought these commands, and Celery dropped its own in 4.0.
    Fix: celery -A <project> worker, celery -A <project> beat
    Source: https://docs.celeryq.dev/en/stable/history/whatsnew-4.0.html
    """
    if facts.is_before_celery(4):
        return
    deployment = facts.deployment
    places = {process.where.path for process in deployment.processes} | set(deployment.files)
    for path in sorted(places):
        for number, line in enumerate(readable_text(deployment.root / path).split("\n"), 1):
            found = OLD_COMMAND.search(line)
            if found is None or line.lstrip().startswith("#"):
                continue
            name = found[1] or found[2]
            # a project may have a management command of that name
            if found[1] and facts.code.has_management_command(name):
                continue
            yield Occurrence(
                f"there is no command {name} in Celery 4 and later",
                Where(path, number),
                f"Write {GONE[name]}.",
            )
