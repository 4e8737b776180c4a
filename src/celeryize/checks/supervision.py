"""How many of a process there are, who watches them, and what is around them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from celeryize.checks.check import Occurrence, check
from celeryize.checks.deployment import starts_beat
from celeryize.checks.facts import Facts
from celeryize.checks.facts.literals import default_of, text_of
from celeryize.checks.facts.processes.brokers import (
    LOCAL,
    OWN,
    BrokerUrl,
    broker_of,
    is_local,
    is_same,
    variables_of,
    with_service,
)
from celeryize.checks.facts.processes.given import given_to
from celeryize.checks.facts.processes.hosts import definitions_of, is_given_beside
from celeryize.checks.facts.processes.pods import servers_beside, shares_nothing
from celeryize.checks.facts.processes.reads import reads_of
from celeryize.checks.facts.processes.start_up import PATCHES, dotenv_of, may_be_given
from celeryize.checks.facts.processes.stop import is_development
from celeryize.checks.facts.processes.where_it_runs import (
    WEB,
    app_in_folder,
    missing_from_folder,
    starts_web,
    workdir_for,
)
from celeryize.checks.facts.settings import Setting
from celeryize.checks.installed import how_to_add_app
from celeryize.detect.command import CeleryCommand, as_written, shell_commands
from celeryize.detect.processes import Process
from celeryize.detect.processes.process import Item
from celeryize.detect.processes.render import POLICY
from celeryize.model import Where
from celeryize.reading import readable_text
from celeryize.urls import redacted

ASKING = re.compile(r"celery\b.*?\b(?:status|inspect\s+ping)\b")
FIND = re.compile(r"\bfind\s.*-(?:newer|mmin|newermt|cmin|mtime)")
# The line of a script that starts a web server for production.
WEB_LINE = re.compile(r"^[^#\n]*\b(gunicorn|uvicorn|daphne|hypercorn|granian|uwsgi)\b", re.M)
# What supervises its own children, or passes signals on to them.
SUPERVISES = re.compile(r"^[^#\n]*(?<![\w-])(wait|trap)(?![\w-])", re.M)
EVICTING = re.compile(r"--maxmemory-policy[\s=]+[\"']?(allkeys-\w+)")
EVICTING_LINE = re.compile(r"^\s*maxmemory-policy\s+[\"']?(allkeys-\w+)", re.M)
# Rolls its own lock, so several are safe.
LOCKING = ("redbeat", "RedBeat")
# The programs that answer for one process alone.
DJANGO_SCHEDULERS = frozenset(
    {
        "django",
        "django_celery_beat.schedulers:DatabaseScheduler",
        "django_celery_beat.schedulers.DatabaseScheduler",
    }
)
# Celery itself reads this variable, and it beats the settings.
RESULTS = "CELERY_RESULT_BACKEND"
REDIS_URL = re.compile(r"(redis|rediss|valkey)://")
ROOT = frozenset({"root", "0", "0:0", "root:root"})


def _beats(facts: Facts) -> list[Process]:
    """The processes that run Beat, where it does not lock."""
    found = []
    for process in facts.deployment.processes:
        command = process.celery
        if command and command.subcommand == "beat" and not _locks(facts, command):
            found.append(process)
    return found


def _locks(facts: Facts, command: CeleryCommand) -> bool:
    if any(word in command.text or word in " ".join(command.words) for word in LOCKING):
        return True
    setting = facts.settings.first("CELERY_BEAT_SCHEDULER")
    if setting is None:
        return False
    name = text_of(default_of(setting.value))
    # a scheduler of the project's own may lock, too
    return name not in DJANGO_SCHEDULERS and name != "celery.beat.PersistentScheduler"


def _count(item: Item | None) -> int:
    if item and item.text.strip().isdigit():
        return int(item.text)
    return 1


@check("celery.W840")
def several_beats(facts: Facts) -> Iterator[Occurrence]:
    """Beat runs more than once.

    What happens: Every periodic task is sent once by each of them.
    How it looks: (nothing: tasks run twice)
    Why: Each Beat sends every entry; they are not aware of each other.
    Fix: One Beat: replicas: 1, numprocs=1, a Deployment and no DaemonSet
    Source: https://docs.celeryq.dev/en/stable/userguide/periodic-tasks.html#starting-the-scheduler
    """
    for beat in _beats(facts):
        count = _count(beat.replicas)
        kind = beat.options.get("kind")
        if count > 1 and beat.replicas:
            yield Occurrence(
                f"{count} Beat processes: every periodic task is sent {count} times",
                beat.replicas.where,
                "Write 1.",
            )
        elif kind and kind.text == "DaemonSet":
            yield Occurrence(
                "a DaemonSet runs a Beat on each node: every one sends every periodic task",
                kind.where,
                "Make it a Deployment with replicas: 1.",
            )


@check("celery.W841")
def beats_overlap(facts: Facts) -> Iterator[Occurrence]:
    """A rolling update runs two Beats for a while.

    What happens: What is due during a deploy is sent twice.
    How it looks: (nothing: a task runs twice, once in a while)
    Why: A Deployment without a strategy starts the new pod before it stops the old one.
    Fix: strategy: {type: Recreate} below the spec: of the Deployment, beside replicas and selector
    Source: https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#strategy
    """
    # a patch may set the strategy
    if PATCHES.search(facts.deployment.kustomizations):
        return
    for beat in _beats(facts):
        kind, strategy = beat.options.get("kind"), beat.options.get("strategy")
        surge = beat.options.get("surge")
        # the old pod is stopped first
        if surge and surge.text in {"0", "0%"}:
            continue
        if kind and kind.text == "Deployment" and _count(beat.replicas) < 2:
            if strategy is None or strategy.text != "Recreate":
                spec = beat.options.get("spec")
                place, hint = beat.where, "Write strategy: {type: Recreate}"
                if strategy:
                    place, hint = strategy.where, "Write type: Recreate, without rollingUpdate."
                elif spec:
                    place = spec.where
                    hint += f" below this line, the spec: of the Deployment {beat.name}."
                yield Occurrence(
                    f"a deploy of {beat.name} runs two Beats for a while: what is due then is"
                    " sent twice",
                    place,
                    hint,
                )


@check("celery.W842")
def beats_of_one_app(facts: Facts) -> Iterator[Occurrence]:
    """A file starts two Beats of one app.

    What happens: Every periodic task is sent twice.
    How it looks: (nothing: tasks run twice)
    Why: Each Beat sends every entry; -B in a worker is a Beat, too.
    Fix: One of them
    Source: https://docs.celeryq.dev/en/stable/userguide/periodic-tasks.html#starting-the-scheduler
    """
    first: dict[tuple[tuple[PurePosixPath, str], str | None, str | None], Process] = {}
    for process in facts.deployment.processes:
        command = process.celery
        # services of a profile are alternatives
        if command is None or "profiles" in process.options or _locks(facts, command):
            continue
        if command.subcommand != "beat" and not _has_beat(command):
            continue
        # a worker's -B beside a Beat is W260, which knows the one to take away
        key = process.scope, command.option("-A", "--app"), command.subcommand
        other = first.setdefault(key, process)
        if other is not process and other.name != process.name:
            yield Occurrence(
                f"a second Beat, beside {other.name} ({other.where}): everything is sent twice",
                process.where,
                _how_to_keep_one(process, other),
            )


def _how_to_keep_one(process: Process, other: Process) -> str:
    """What leaves one of two Beats; workers stay, without theirs."""
    if process.celery is not None and process.subcommand == "worker":
        app = process.celery.option("-A", "--app") or "<project>"
        return (
            f"Delete -B here and in {other.name} ({other.where}), and start one process for both: "
            f"celery -A {app} beat."
        )
    return f"Delete one of the two processes that start Beat: {process.name} or {other.name}."


def _has_beat(command: CeleryCommand) -> bool:
    return command.subcommand == "worker" and starts_beat(command)


@check("celery.W860")
def any_worker_answers(facts: Facts) -> Iterator[Occurrence]:
    """A worker's health check passes while any worker lives.

    What happens: A worker that hangs stays healthy as long as another one answers.
    How it looks: (nothing: fewer tasks are run)
    Why: `celery status`, and `inspect ping` without -d, ask all workers; one answer is enough.
    Fix: celery -A config inspect ping -d celery@$HOSTNAME
    Source: https://docs.celeryq.dev/en/stable/userguide/monitoring.html#commands
    """
    for process in facts.deployment.processes:
        probe = process.probe
        if process.subcommand != "worker" or probe is None or not ASKING.search(probe.text):
            continue
        if re.search(r"\s(?:-d|--destination)[\s=]", probe.text):
            continue
        right = "celery -A ... inspect ping -d celery@$HOSTNAME"
        if process.kind == "kubernetes":
            # only a shell puts the name of the pod there
            right = f'["sh", "-c", "{right}"]'
        yield Occurrence(
            "any worker that lives makes this one healthy", probe.where, f"Write {right}."
        )


@check("celery.W861")
def worker_answers_for_beat(facts: Facts) -> Iterator[Occurrence]:
    """Beat's health check is answered by a worker.

    What happens: A Beat that hangs or is gone is healthy while a worker lives; Beat is unhealthy
        while no worker runs.
    How it looks: (nothing: periodic tasks are not sent)
    Why: Beat answers no remote control: `celery status` and `inspect ping` are answered by workers.
    Fix: A file that the scheduler touches on each tick, and its age as the probe
    Source: https://docs.celeryq.dev/en/stable/userguide/workers.html#remote-control
    """
    for process in facts.deployment.processes:
        probe = process.probe
        if process.subcommand == "beat" and probe and ASKING.search(probe.text):
            yield Occurrence(
                "workers answer this: it says nothing about Beat",
                probe.where,
                "Probe a file that the scheduler touches on each tick.",
            )


@check("celery.W862")
def find_always_succeeds(facts: Facts) -> Iterator[Occurrence]:
    """A health check relies on the exit code of find.

    What happens: The process is healthy for ever, however old the file is.
    How it looks: (nothing)
    Why: find exits with 0 whether it finds something or not.
    Fix: test -n "$(find /tmp/alive -mmin -1)"
    Source: https://www.gnu.org/software/findutils/manual/html_mono/find.html#Exit-Status
    """
    for process in facts.deployment.processes:
        probe = process.probe
        if process.celery is None or probe is None or not FIND.search(probe.text):
            continue
        last = shell_commands(_inner(probe.text))
        if last and last[-1][0] == "find" and "-exec" not in last[-1]:
            yield Occurrence(
                "find exits with 0 also where it finds nothing: this probe never fails",
                probe.where,
                'Write test -n "$(find ...)".',
            )


def _inner(text: str) -> str:
    """What a shell is given by `sh -c ...`, in a list of words that was joined."""
    match = re.match(r"\s*(?:/bin/)?(?:ba|da)?sh\s+-\w*c\s+(.*)", text, re.S)
    if match is None:
        return text
    inner = match[1].strip()
    if inner[:1] in {"'", '"'}:
        inner = inner.strip(inner[0])
    return inner


@check("celery.W863")
def busy_solo_worker(facts: Facts) -> Iterator[Occurrence]:
    """A worker of the solo pool is probed by a ping.

    What happens: A busy worker is called dead, and killed in the middle of its task.
    How it looks: Error: No nodes replied within time constraint
    Why: The solo pool runs tasks in the process that answers remote control: it answers nobody
        while a task runs.
    Fix: The prefork pool with -c 1; or a file that a thread touches
    Source: https://docs.celeryq.dev/en/stable/userguide/workers.html#remote-control
    """
    for process in facts.deployment.processes:
        probe, command = process.probe, process.celery
        if probe is None or command is None or command.option("-P", "--pool") != "solo":
            continue
        if command.subcommand == "worker" and ASKING.search(probe.text):
            yield Occurrence(
                "the solo pool answers no ping while a task runs: it is called dead",
                probe.where,
                f"Use {command.as_written('-P', 'prefork', '-c', '1')}, or another probe.",
            )


@check("celery.W864")
def probe_has_no_time(facts: Facts) -> Iterator[Occurrence]:
    """A probe has less time than `celery` needs to start.

    What happens: The probe fails, and healthy workers are restarted again and again.
    How it looks: Liveness probe failed: command timed out after 1s
    Why: timeoutSeconds is 1 where it is not said; `inspect ping` waits a second for answers, after
        it has imported the project. Measured: 1.3 s for a bare project.
    Fix: timeoutSeconds: 30
    Source: https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/
    """
    for process in facts.deployment.processes:
        probe, timeout = process.probe, process.options.get("probe_timeout")
        if process.kind != "kubernetes" or probe is None or not ASKING.search(probe.text):
            continue
        seconds = timeout.text if timeout else "1"
        if seconds == "1":
            said = "" if timeout else ", the default,"
            yield Occurrence(
                f"timeoutSeconds: 1{said} is less than `celery` needs to answer",
                timeout.where if timeout else probe.where,
                "Write timeoutSeconds: 30.",
            )


@check("celery.E870")
def shared_pidfile(facts: Facts) -> Iterator[Occurrence]:
    """Two processes have one pidfile.

    What happens: The second does not start.
    How it looks: ERROR: Pidfile (/run/celery.pid) already exists. Seems we're already running?
    Why: A pidfile is the lock of one process.
    Fix: A file for each: --pidfile=/run/celery/%n.pid; or none, where a supervisor watches
    Source: https://docs.celeryq.dev/en/stable/userguide/daemonizing.html
    """
    first: dict[tuple[object, str], Process] = {}
    for process in facts.deployment.processes:
        command = process.celery
        # each container has its own files
        if command is None or process.kind not in {"procfile", "supervisor", "systemd"}:
            continue
        file = command.option("--pidfile")
        if not file or "%" in file or "$" in file or file == "/dev/null":
            continue
        scope: object = process.where.path
        if process.kind == "systemd":
            scope = process.where.path.parent
        other = first.setdefault((scope, file), process)
        if other is not process:
            yield Occurrence(
                f"the pidfile of {other.name} ({other.where}): only one of them starts",
                process.where,
                "Give each its own, or none.",
            )
        elif command.subcommand == "multi" and len(_nodes_of(command)) > 1:
            yield Occurrence(
                f"one pidfile for {len(_nodes_of(command))} nodes: only one of them runs",
                process.where,
                "Write %n into its name.",
            )
        elif process.kind == "supervisor" and _count(process.replicas) > 1:
            yield Occurrence(
                f"one pidfile for {_count(process.replicas)} processes: only one of them starts",
                process.where,
                "Remove --pidfile.",
            )


def _nodes_of(command: CeleryCommand) -> list[str]:
    """The names of the nodes of `celery multi start w1 w2 -A ...`."""
    names: list[str] = []
    for word in command.words[command.words.index("multi") + 2 :]:
        if word.startswith("-"):
            break
        names.append(word)
    return names


@check("celery.E880")
def doubled_process_type(facts: Facts) -> Iterator[Occurrence]:
    """A Procfile has two lines of one name.

    What happens: One of them never runs; honcho does not start at all.
    How it looks: [ERROR] process names must be unique within a Procfile
    Why: The name is the process type; there is one command for each.
    Fix: Two names: worker and mails
    Source: https://devcenter.heroku.com/articles/procfile#procfile-format
    """
    first: dict[tuple[object, str], Process] = {}
    for process in facts.deployment.processes:
        if process.kind != "procfile":
            continue
        other = first.setdefault((process.where.path, process.name), process)
        if other is not process:
            yield Occurrence(
                f"a second {process.name}: (the first is in line {other.where.line}): only one"
                " of them runs",
                process.where,
                "Give it a name of its own.",
            )


@check("celery.W890", unless=("celery.E110", "celery.E812"))
def different_apps(facts: Facts) -> Iterator[Occurrence]:
    """The worker and Beat are started with different apps.

    What happens: Beat sends to another broker, by another schedule, what the worker may not know.
    How it looks: (nothing: tasks are not run)
    Why: -A names the app; each has a configuration of its own.
    Fix: The same -A in both
    Source: https://docs.celeryq.dev/en/stable/userguide/application.html
    """
    modules = (facts.modules.name_of(app.where.path) or "" for app in facts.project.celery)
    makers = {name.split(".")[0] for name in modules}
    workers: dict[object, list[Process]] = {}
    for process in facts.deployment.processes:
        if process.subcommand == "worker":
            workers.setdefault(process.scope, []).append(process)
    for beat in facts.deployment.processes:
        if beat.subcommand != "beat":
            continue
        started = {_app_of(worker) for worker in workers.get(beat.scope, ())}
        own = _app_of(beat)
        if own is None or not started or None in started or own in started:
            continue
        # a package may import the app of another one: two apps have to be there
        if {own, *started} <= makers:
            other = workers[beat.scope][0]
            yield Occurrence(
                f"Beat runs {own}, the worker {_app_of(other)} ({other.where})",
                beat.where,
                "Use the same -A in both.",
            )


def _app_of(process: Process) -> str | None:
    """The package of the app that a process is started with; None where it is not said."""
    command = process.celery
    spec = command.option("-A", "--app") if command else None
    if not spec or "$" in spec or "{" in spec or "/" in spec:
        return None
    return re.split(r"[.:]", spec)[0]


@check("celery.E900")
def root_with_pickle(facts: Facts) -> Iterator[Occurrence]:
    """A worker that accepts pickle runs as root.

    What happens: It does not start.
    How it looks: Running a worker with superuser privileges when the worker accepts messages
        serialized with pickle is a very bad idea!
    Why: Whoever can write into the broker would be root; Celery refuses it.
    Fix: A user of its own (user:, User=, USER in the Dockerfile); or no pickle
    Source: celery/platforms.py, check_privileges
    """
    if not _accepts_pickle(facts):
        return
    for process in facts.deployment.processes:
        if process.subcommand == "worker" and _is_root(process) and not _forced(facts, process):
            yield Occurrence(
                "runs as root and accepts pickle: the worker refuses to start",
                process.where,
                "Give it a user of its own.",
            )


@check("celery.W901")
def root_is_forced(facts: Facts) -> Iterator[Occurrence]:
    """C_FORCE_ROOT lets a worker that accepts pickle run as root.

    What happens: Whoever can write into the broker runs any code as root.
    How it looks: (nothing)
    Why: Reading a pickle runs code; the variable turns Celery's refusal off.
    Fix: A user of its own, and no C_FORCE_ROOT; or no pickle
    Source: https://docs.celeryq.dev/en/stable/userguide/security.html
    """
    if not _accepts_pickle(facts):
        return
    for process in facts.deployment.processes:
        item = process.environment.get("C_FORCE_ROOT")
        if process.subcommand == "worker" and item:
            yield Occurrence(
                "C_FORCE_ROOT with pickle: who writes into the broker is root here",
                item.where,
                "Give the worker a user of its own.",
            )


def _forced(facts: Facts, process: Process) -> bool:
    return bool(process.variable("C_FORCE_ROOT")) or facts.deployment.exports("C_FORCE_ROOT")


def _accepts_pickle(facts: Facts) -> bool:
    names = ("CELERY_ACCEPT_CONTENT", "CELERY_TASK_ACCEPT_CONTENT")
    for setting in facts.settings.named(*names):
        elements = getattr(setting.value, "elts", ())
        if any(text_of(e) in {"pickle", "application/x-python-serialize"} for e in elements):
            return True
    return False


def _is_root(process: Process) -> bool:
    """Whether a process is root for certain."""
    if process.kind == "systemd":
        by_default = process.user is None and "DynamicUser" not in process.options
        return (by_default and "user" not in process.where.path.parts) or process.user in ROOT
    return process.user in ROOT


NO_EVICTION = ("--maxmemory-policy", "noeviction")


@check("celery.W910")
def broker_evicts(facts: Facts) -> Iterator[Occurrence]:
    """The Redis that is the broker may throw messages away.

    What happens: When its memory is full, Redis deletes whole queues.
    How it looks: (nothing: tasks disappear)
    Why: With an allkeys-* policy every key may go; a queue is one key.
    Fix: --maxmemory-policy noeviction, and maxmemoryPolicy: noeviction on Render, whose default is
        allkeys-lru; a second Redis for the cache
    Source: https://docs.celeryq.dev/en/stable/getting-started/backends-and-brokers/redis.html#key-eviction
    """
    redis = [p for p in facts.deployment.processes if _is_redis(p)]
    brokers = {broker_of(facts, p) for p in facts.deployment.processes if p.subcommand == "worker"}
    hosts = {broker.host for broker in brokers if broker}
    if any(b and not b.url.startswith("redis") for b in brokers) or not brokers:
        return
    for process in redis:
        found = EVICTING.search(" ".join(process.words)) or _in_its_file(facts, process)
        beside = [p for p in redis if p.where.path == process.where.path]
        # two of them: one is the cache, and which is known by the host alone
        alone = len(beside) == 1 and not _are_distant(hosts - LOCAL)
        if found and (process.name in hosts or alone):
            yield Occurrence(
                f"{found[1]}: when its memory is full, Redis deletes queues",
                process.where,
                f"Write {as_written(NO_EVICTION, listed=process.listed)}.",
            )
    yield from _evicting_instances(facts)


def _are_distant(hosts: set[str]) -> bool:
    """Whether the brokers are known to be on other machines, so that a Redis here is none."""
    return bool(hosts) and all("." in host for host in hosts)


def _evicting_instances(facts: Facts) -> Iterator[Occurrence]:
    """The Key Value instances of Render that a worker's variable names as the broker."""
    workers = [p for p in facts.deployment.processes if p.subcommand == "worker"]
    brokers = {(p.where.path, url.host) for p in workers if (url := broker_of(facts, p))}
    for server in facts.deployment.processes:
        policy = server.options.get("maxmemory_policy")
        if server.kind != "render" or policy is None:
            continue
        if (server.where.path, server.name) not in brokers:
            continue
        message = f"{policy.text}: when its memory is full, {server.name} deletes queues"
        if not policy.text:
            message = f"{server.name} has no maxmemoryPolicy, which is {POLICY} then: when its "
            message += "memory is full, it deletes queues"
        if (policy.text or POLICY).startswith("allkeys"):
            yield Occurrence(message, policy.where, "Write maxmemoryPolicy: noeviction.")


def _in_its_file(facts: Facts, process: Process) -> re.Match[str] | None:
    """What a configuration of the project, which a Redis mounts, says about its memory."""
    volumes = process.options.get("volumes")
    beside = (facts.deployment.root / process.where.path).parent
    for volume in volumes.text.split() if volumes else ():
        source = volume.partition(":")[0]
        if source.startswith(".") and source.endswith(".conf"):
            found = EVICTING_LINE.search(readable_text(beside / source))
            if found:
                return found
    return None


def _is_redis(process: Process) -> bool:
    image = process.options.get("image")
    name = image.text if image else ""
    program = process.words[0].rpartition("/")[2] if process.words else ""
    return program in {"redis-server", "valkey-server"} or bool(
        re.match(r"(?:.*/)?(?:redis|valkey)(?::|$)", name)
    )


@check("celery.E920")
def broker_in_the_container(facts: Facts) -> Iterator[Occurrence]:
    """A container looks for the broker, or for the place of its results, in itself.

    What happens: The worker never gets a task, or cannot keep what it returns.
    How it looks: Cannot connect to redis://localhost:6379/0: Connection refused
    Why: In a container localhost is the container, on Kubernetes the pod, on Fly the Machine; other
        services have their names as hosts.
    Fix: redis://redis:6379/0, with the name of the service
    Source: https://docs.docker.com/compose/how-tos/networking/;
        https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/
    """
    reported = set()
    for process in facts.deployment.processes:
        if process.subcommand not in {"worker", "beat"}:
            continue
        url = broker_of(facts, process)
        if url is None or not is_local(url) or url.where in reported:
            continue
        # an image may give the variable
        given = url.variable in given_to(facts, process).variables
        if not given and _image_gives(facts, url.variable, process):
            continue
        names = servers_beside(facts, process, url.url)
        # settings that are not in the repository may say another host; a broker beside it tells
        if (not given and not names) or not shares_nothing(facts, process):
            continue
        reported.add(url.where)
        right = url.url.replace(url.host, names[0], 1) if len(names) == 1 and names[0] else ""
        hint = f"Give {process.name} {url.variable}"
        hint += f": {redacted(right)}." if right else f" with {ADDRESSES[process.kind]}."
        yield Occurrence(
            f"{url.host} is the {PLACES[process.kind]} of {process.name} itself"
            f" ({process.where}): no broker is there",
            url.where,
            hint,
        )
    yield from _brokers_by_default(facts)
    yield from _results_in_the_container(facts)


def _brokers_by_default(facts: Facts) -> Iterator[Occurrence]:
    """The containers without the variable from which the settings read the broker, and without
    another value: None is Celery's own default, a RabbitMQ on localhost."""
    settings = list(facts.settings.named(OWN, "BROKER_URL"))
    if len(settings) != 1 or settings[0].conditional:
        return
    name = _variable_without_default(facts, settings[0])
    workers = [
        process
        for process in facts.deployment.processes
        if process.kind == "compose" and process.subcommand == "worker"
    ]
    # the modules beside the settings are read for it
    dotenv = dotenv_of(facts) if name and workers else None
    if dotenv is None:
        return
    for process in workers:
        given = [given_to(facts, one) for one in definitions_of(facts, process)]
        known = {*dotenv, *(variable for one in given for variable in one.variables)}
        if {OWN, name} & known or not all(one.complete for one in given):
            continue
        if "network_mode" in process.options or may_be_given(facts, process, name):
            continue
        yield Occurrence(
            f"{process.name} has no {name} ({process.where}): without it Celery takes"
            " amqp://guest@localhost, and no broker is in this container",
            settings[0].where,
            f"Give {process.name} the variable {name}.",
        )
        return


def _variable_without_default(facts: Facts, setting: Setting) -> str:
    """The variable that alone is the value of a setting, None without it; empty for another."""
    reads = list(reads_of(facts, setting))
    # a text around it, or an `or`, is another value
    if len(reads) != 1 or reads[0].demanded or reads[0].default != "":
        return ""
    if not isinstance(setting.value, ast.Call) or len(setting.value.args) != 1:
        return ""
    return reads[0].name


def _results_in_the_container(facts: Facts) -> Iterator[Occurrence]:
    """The workers that a compose file tells to keep results in themselves, beside a Redis."""
    names = (RESULTS, *variables_of(facts, RESULTS, "RESULT_BACKEND"))
    reported = set()
    for process in facts.deployment.processes:
        if process.subcommand != "worker":
            continue
        given = given_to(facts, process).variables
        item = next((given[name] for name in names if name in given), None)
        url = BrokerUrl(item.text, item.where, RESULTS) if item else None
        if url is None or not REDIS_URL.match(url.url) or not is_local(url):
            continue
        servers = [name for name in servers_beside(facts, process, url.url) if name]
        if len(servers) != 1 or not shares_nothing(facts, process):
            continue
        if url.where not in reported:
            reported.add(url.where)
            right = redacted(url.url.replace(url.host, servers[0], 1))
            yield Occurrence(
                f"{url.host} is the {PLACES[process.kind]} of {process.name} itself"
                f" ({process.where}): no results are kept there",
                url.where,
                f"Write {right}.",
            )


PLACES = {"compose": "container", "kubernetes": "pod", "fly": "Machine", "render": "instance"}
ADDRESSES = {
    "compose": "the name of the broker's service",
    "kubernetes": "the name of the broker's Service",
    "fly": "the address of the broker",
    "render": "the address of the broker",
}


def _image_gives(facts: Facts, variable: str, process: Process) -> bool:
    if process.kind == "kubernetes" and may_be_given(facts, process, variable):
        return True
    return facts.deployment.exports_elsewhere(variable, process.where.path)


@check("celery.E970", unless=("celery.E110",))
def app_not_in_folder(facts: Facts) -> Iterator[Occurrence]:
    """A process is started in a folder from which -A does not resolve.

    What happens: It does not start.
    How it looks: Unable to load celery application. The module config was not found.
    Why: `celery` looks for the app in the working directory, then in what is installed.
    Fix: The folder of manage.py: working_dir, WorkingDirectory=, WORKDIR, or --workdir
    Source: celery/bin/celery.py (--workdir), celery/app/utils.py (find_app)
    """
    for process in facts.deployment.processes:
        message = missing_from_folder(facts, process)
        if message:
            yield Occurrence(message, process.where, _how_to_get_there(facts, process))


def _how_to_get_there(facts: Facts, process: Process) -> str:
    """The command line that works, where its folder is known; else the folder that it needs."""
    spec, right = "", app_in_folder(facts, process)
    if process.celery is not None:
        spec = process.celery.option("-A", "--app") or ""
        if right and right != spec:
            return f"Write {process.celery.as_written('-A', right)}."
    way = workdir_for(facts, process, re.split(r"[.:]", spec)[0])
    if way and process.celery is not None:
        words = ("celery", "--workdir", way, "-A", spec, process.celery.subcommand or "")
        return f"Write {process.celery.as_written(*words)}."
    return f"Start it in the folder of manage.py ({_home(facts)}), or give --workdir."


def _home(facts: Facts) -> str:
    """The folder of manage.py, as it is seen from the root of the repository."""
    inside = facts.project.base.as_posix()
    if inside == ".":
        return "the root of the repository"
    return f"{inside}/"


@check("celery.E980", unless=("celery.E291",))
def scheduler_not_installed(facts: Facts) -> Iterator[Occurrence]:
    """Beat is started with the scheduler of an app that is not installed.

    What happens: Beat does not start.
    How it looks: RuntimeError: Model class django_celery_beat.models.SolarSchedule doesn't declare
        an explicit app_label and isn't in an application in INSTALLED_APPS.
    Why: The scheduler reads its entries from the tables of django_celery_beat.
    Fix: "django_celery_beat" in INSTALLED_APPS, and migrate
    Source: https://django-celery-beat.readthedocs.io/en/latest/
    """
    if not facts.installed_apps or facts.installs("django_celery_beat"):
        return
    for command in facts.deployment.commands:
        # -S of a worker is its state file
        names = ("--scheduler", "-S") if command.subcommand == "beat" else ("--scheduler",)
        if command.subcommand == "worker" and not _has_beat(command):
            continue
        if command.subcommand in {"worker", "beat"} and command.option(*names) in DJANGO_SCHEDULERS:
            yield Occurrence(
                "django_celery_beat is not in INSTALLED_APPS: this scheduler has no tables",
                command.where,
                f"{how_to_add_app(facts, 'django_celery_beat')} Or remove the option.",
            )


@check("celery.E984", unless=("celery.E920", "celery.E921", "celery.E933", "celery.E936"))
def different_urls(facts: Facts) -> Iterator[Occurrence]:
    """A file gives the web process, or Beat, another broker than the worker.

    What happens: No task that it sends is ever run.
    How it looks: (nothing: the state stays PENDING; Beat logs that it sends each task)
    Why: Each service of the file gets its own value of the variable.
    Fix: The same value, from one place: an anchor, or an env_file
    Source: https://docs.celeryq.dev/en/stable/userguide/configuration.html#broker-url
    """
    for web, own, worker, url in _different_brokers(facts):
        if _is_given(facts, web, own) and _is_given(facts, worker, url):
            yield _sends_elsewhere(facts, web, own, worker, url)


@check("celery.W981", unless=("celery.E933", "celery.E936", "celery.E984"))
def different_brokers(facts: Facts) -> Iterator[Occurrence]:
    """The web process, or Beat, sends to another broker than the worker reads.

    What happens: No task that it sends is ever run.
    How it looks: (nothing: the state stays PENDING; Beat logs that it sends each task)
    Why: A file gives one of them the variable, and the other takes what the settings fall back to.
    Fix: The same value for both, from one place: an anchor, or an env_file
    Source: https://docs.celeryq.dev/en/stable/userguide/configuration.html#broker-url
    """
    for web, own, worker, url in _different_brokers(facts):
        # a worker that looks for it in its own container is told so
        lost = not _is_given(facts, worker, url) and not is_local(url)
        if lost or not _is_given(facts, web, own):
            yield _sends_elsewhere(facts, web, own, worker, url)


def _is_given(facts: Facts, process: Process, url: BrokerUrl) -> bool:
    """Whether the file gives a process its broker, and not the settings."""
    return url.where == process.where or url.variable in given_to(facts, process).variables


def _different_brokers(
    facts: Facts,
) -> Iterator[tuple[Process, BrokerUrl, Process, BrokerUrl]]:
    """The web servers and Beats beside workers that all read another broker, with one of these."""
    reported: set[tuple[str, Where]] = set()
    for sender in facts.deployment.processes:
        if not _sends_tasks(facts, sender) or is_development(sender.where.path):
            continue
        own = broker_of(facts, sender)
        others = [
            (worker, broker_of(facts, worker))
            for worker in facts.deployment.processes
            if worker.subcommand == "worker" and _are_together(worker, sender)
        ]
        # one that reads the same is enough
        if (
            not own
            or not others
            or any(_reads_same(facts, sender, own, worker, url) for worker, url in others)
        ):
            continue
        worker, url = others[0]
        # a web server and a Beat that agree are told of once
        if url and own.where != url.where and (own.url, url.where) not in reported:
            reported.add((own.url, url.where))
            yield sender, own, worker, url


def _sends_tasks(facts: Facts, process: Process) -> bool:
    """Whether a process is a web server, or a Beat."""
    if process.celery:
        return process.subcommand == "beat"
    return starts_web(facts, process)


def _are_together(worker: Process, sender: Process) -> bool:
    """Whether two processes are deployed together."""
    return worker.kind == sender.kind and worker.scope == sender.scope


def _reads_same(
    facts: Facts, web: Process, own: BrokerUrl, worker: Process, url: BrokerUrl | None
) -> bool:
    """Whether a worker may read the broker that a web server sends to."""
    if url is None or is_same(own, url):
        return True
    # in the network of the host, localhost is what others reach by the name of the service
    on_host = any("network_mode" in process.options for process in (web, worker))
    if on_host and (is_local(own) or is_local(url)):
        return True
    # what patches a manifest, or an image, may give the one that lacks it
    for process, other in ((web, own), (worker, url)):
        if process.kind == "kubernetes" and not _is_given(facts, process, other):
            if may_be_given(facts, process, other.variable):
                return True
    # what another file of the stack gives beats it
    if is_given_beside(facts, web, own.variable) or is_given_beside(facts, worker, url.variable):
        return True
    one, other = (with_service(facts, p, u) for p, u in ((web, own), (worker, url)))
    return is_same(one, other)


def _sends_elsewhere(
    facts: Facts, web: Process, own: BrokerUrl, worker: Process, url: BrokerUrl
) -> Occurrence:
    place, hint = own.where, f"Give {web.name} and {worker.name} one value of {own.variable}."
    if not _is_given(facts, worker, url):
        hint = f"Give {worker.name} the variable {own.variable} as {web.name} has it."
    elif not _is_given(facts, web, own):
        place = url.where
        hint = f"Give {web.name} the variable {url.variable} as {worker.name} has it."
    if "--broker" in {own.variable, url.variable}:
        hint = f"Leave --broker out, and give both {OWN}."
    return Occurrence(
        f"{web.name} ({web.where}) sends to {redacted(own.url)}, and {worker.name} "
        f"reads {redacted(url.url)} ({url.where})",
        place,
        hint,
    )


@check("celery.W813")
def celery_behind_web(facts: Facts) -> Iterator[Occurrence]:
    """A start script puts Celery into the background, and then becomes the web server.

    What happens: A worker that ends is never started again, and no stop reaches it: its running
        tasks are killed at each deploy.
    How it looks: (nothing: the web goes on, tasks wait)
    Why: A supervisor watches and stops one process, which is the web server here.
    Fix: A service, or a line of the Procfile, for each process
    Source: https://docs.docker.com/engine/containers/multi-service_container/
    """
    for script in facts.deployment.scripts:
        line = script.command.text.rstrip()
        if not line.endswith("&") or line.endswith("&&") or is_development(script.path):
            continue
        text = readable_text(facts.deployment.root / script.path)
        # a script that waits for its processes, or passes signals on, supervises them
        if not WEB_LINE.search(text) or SUPERVISES.search(text):
            continue
        yield Occurrence(
            f"nothing watches or stops this {script.command.subcommand}: the script goes on as"
            " the web server",
            script.command.where,
            f"Start the {script.command.subcommand} as a process of its own: `celeryize add-worker`"
            " writes one.",
        )
    for process in facts.deployment.processes:
        kind = _behind_web(process.shell_text)
        if kind and not is_development(process.where.path):
            yield Occurrence(
                f"nothing watches or stops this {kind}: the shell goes on as the web server",
                process.where,
                f"Start the {kind} as a process of its own: {_how_apart(process)}.",
            )


def _how_apart(process: Process) -> str:
    """How a process of its own gets into the file of another one."""
    if process.kind == "fly":
        return "a line of [processes]"
    if process.kind == "render":
        return "a service with `type: worker`"
    return "`celeryize add-worker` writes one"


def _behind_web(text: str) -> str:
    """What `celery worker & gunicorn` puts into the background; empty where something waits."""
    if not text or SUPERVISES.search(text):
        return ""
    before, _, behind = text.partition(" & ")
    words = re.search(r"\bcelery\b[^&;|]*\b(worker|beat)\b[^&;|]*$", before)
    return words[1] if words and WEB.search(behind) else ""
