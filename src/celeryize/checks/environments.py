"""What a worker's container is given: variables, settings and networks, beside the web server's."""

from __future__ import annotations

import re
from collections.abc import Iterator

from celeryize.checks.check import Occurrence, check
from celeryize.checks.facts import Facts
from celeryize.checks.facts.processes.brokers import broker_of, variables_of
from celeryize.checks.facts.processes.chosen import Look, Token, Value, chosen_database
from celeryize.checks.facts.processes.given import (
    given_to,
    image_gives,
    is_named_elsewhere,
    sources_of,
    substituted,
    unknown_sources,
)
from celeryize.checks.facts.processes.hosts import (
    definitions_of,
    host_in,
    is_given_beside,
    is_one_server,
    names_of,
    networks_of,
    services_beside,
)
from celeryize.checks.facts.processes.reads import (
    SETTINGS,
    Read,
    deciding,
    default_database_reads,
    fallback_settings,
    reads_of,
    settings_module_of,
    settings_of,
    star_imports,
)
from celeryize.checks.facts.processes.start_up import dotenv_of, may_be_given
from celeryize.checks.facts.processes.stop import is_development
from celeryize.checks.facts.processes.where_it_runs import starts_web
from celeryize.detect.processes import Process
from celeryize.detect.processes.process import Item
from celeryize.model import Where

KINDS = ("compose", "kubernetes", "systemd")
# The services whose variables are not those of the project, though they have the same names.
MODELS = ("build", "context", "image")
# A database that only the container itself can see, or none.
OWN = re.compile(r"^$|sqlite|localhost|127\.0\.0\.1")
SERVER_URL = re.compile(r"(redis|rediss|valkey|(py)?amqps?|postg\w+|pgsql|psql|mysql\w*|mariadb)\b")
SERVER_HOST = re.compile(
    r"(\w*_)?(DB|DATABASE|POSTGRES|POSTGRESQL|PG|SQL|MYSQL|MARIADB|REDIS|VALKEY|RABBIT|RABBITMQ|AMQP"
    r"|BROKER)_?(HOST|HOSTNAME|SERVER)"
)
# Settings that are made for workers alone are another module on purpose.
FOR_WORKERS = re.compile(r"worker|celery|task|beat|queue|background|jobs?\b", re.I)
FOR_DEVELOPMENT = re.compile(r"(?:^|[._])(?:dev|devel|development|local|debug)$")
FOR_WEB = re.compile(r"(?:^|_)(?:web|www|http|api|admin|asgi|wsgi)(?:_|$)", re.I)


def _starters(facts: Facts) -> Iterator[Process]:
    """The workers and Beats of the compose files, and of the manifests."""
    for process in facts.deployment.processes:
        if process.kind in KINDS and process.subcommand in {"worker", "beat"}:
            yield process


def _siblings(facts: Facts, process: Process) -> Iterator[Process]:
    """The other services of the file that run the project: the web server first of all."""
    own = {key: process.options[key].text for key in MODELS if key in process.options}
    for other in facts.deployment.processes:
        if other.kind != process.kind or other.name == process.name:
            continue
        # manifests of one folder are deployed together, compose files one by one
        if process.where.path != other.where.path:
            if process.kind == "compose" or process.scope != other.scope:
                continue
        same = any(key in own and item.text == own[key] for key, item in other.options.items())
        extended = process.options.get("extends")
        if same or starts_web(facts, other) or (extended and extended.text == other.name):
            yield other


def _lacking(facts: Facts, process: Process) -> dict[str, tuple[Process, Item]]:
    """The variables that another service of the project has, and this one certainly has not."""
    # a base and its override are merged
    own = [given_to(facts, one) for one in definitions_of(facts, process)]
    complete = all(one.complete for one in own)
    has = {name for one in own for name in one.variables}
    found: dict[str, tuple[Process, Item]] = {}
    for other in sorted(_siblings(facts, process), key=lambda one: not starts_web(facts, one)):
        variables = given_to(facts, other).variables
        if not complete:
            # beside what both take of a ConfigMap, one is given it by its name
            variables = other.environment if _shares_config(facts, process, other) else {}
        for name, item in variables.items():
            if name not in has and process.variable(name) is None:
                found.setdefault(name, (other, item))
    return found


def _shares_config(facts: Facts, process: Process, other: Process) -> bool:
    """Whether all that is not known of the variables of a container of Kubernetes is a ConfigMap
    that another one takes, too."""
    unknown = unknown_sources(facts, process)
    if process.kind != "kubernetes" or not set(unknown) <= set(sources_of(other)):
        return False
    return all(source.startswith("ConfigMap/") for source in unknown)


def _secret_of_others(facts: Facts, process: Process) -> tuple[Process, str] | None:
    """A Secret that is in no manifest, which a web server takes all variables of and a worker does
    not, with that web server; None where what the worker gets is not known."""
    if process.kind != "kubernetes" or unknown_sources(facts, process):
        return None
    for other in _siblings(facts, process):
        for source in unknown_sources(facts, other) if starts_web(facts, other) else ():
            return other, " ".join(source.split("/")[:2])
    return None


@check("celery.E927")
def variable_missing(facts: Facts) -> Iterator[Occurrence]:
    """A worker's container lacks an environment variable that the settings demand.

    What happens: It does not start, while the web server beside it does.
    How it looks: KeyError: 'SECRET_KEY', or ImproperlyConfigured: Set the SECRET_KEY environment
        variable
    Why: The settings cannot do without it, as in os.environ["NAME"] or env("NAME"), and the file
        gives it to the web server alone.
    Fix: The same environment for both, by a YAML anchor or one env_file; on Kubernetes the same
        envFrom and env
    Source: https://docs.docker.com/compose/how-tos/environment-variables/set-environment-variables/;
        https://kubernetes.io/docs/tasks/configure-pod-container/configure-pod-configmap/
    """
    for process in _starters(facts):
        lacking, secret = _lacking(facts, process), _secret_of_others(facts, process)
        if not lacking and not secret:
            continue
        has, reported = given_to(facts, process).variables, set()
        for read in _demanded(facts, process):
            name = read.name
            if name in reported or name in has or process.variable(name) is not None:
                continue
            if name not in lacking and not secret:
                continue
            if may_be_given(facts, process, name):
                continue
            dotenv = dotenv_of(facts, process)
            if dotenv is None or name in dotenv:
                continue
            reported.add(name)
            message = f"{process.name} lacks {name}, which {read.setting.where} demands"
            hint = f"Give {process.name} the same environment."
            if name in lacking:
                giver = lacking[name][0]
                message += f": {giver.name} has it"
            elif secret:
                giver = secret[0]
                message += f": {giver.name} alone takes its variables of the {secret[1]}"
            if process.kind == "kubernetes":
                hint = f"Give {process.name} the envFrom and env of {giver.name} ({giver.where})."
            yield Occurrence(message, process.where, hint)


def _demanded(facts: Facts, process: Process) -> Iterator[Read]:
    """The variables without which the settings of a process raise."""
    module = settings_module_of(facts, process)
    settings = settings_of(facts, module) if module else tuple(facts.settings)
    # without its name, the one module that there is
    if not module and len({setting.code.path for setting in settings}) > 1:
        return
    for setting in settings:
        if not setting.conditional:
            yield from (read for read in reads_of(facts, setting) if read.demanded)


@check("celery.E932")
def another_database(facts: Facts) -> Iterator[Occurrence]:
    """A worker's container has another database than the web server.

    What happens: Tasks do not find what was saved, or write it where nobody looks.
    How it looks: DoesNotExist for a row that was just saved; no such table; or connection refused
    Why: The file gives the variable that names the database to the web server alone, so that the
        worker takes what the settings fall back to, as often a file of SQLite; or it gives each of
        them its own value.
    Fix: The same environment for both, by a YAML anchor or one env_file
    Source: https://docs.docker.com/compose/how-tos/environment-variables/set-environment-variables/
    """
    for process in _starters(facts):
        module = settings_module_of(facts, process)
        if not module:
            continue
        problem = _read_differently(facts, process, module) or _chosen_differently(
            facts, process, module
        )
        if problem:
            yield Occurrence(problem, process.where, f"Give {process.name} the same environment.")


def _read_differently(facts: Facts, process: Process, module: str) -> str:
    """What is wrong with a variable that is a part of the database itself: its host, its URL."""
    setting = deciding(settings_of(facts, module), "DATABASES")
    if setting is None:
        return ""
    lacking = _lacking(facts, process)
    for read in default_database_reads(facts, setting):
        webs = _webs_that_have(facts, process, read.name)
        if read.name in lacking:
            problems = [_taken_instead(facts, process, web, read) for web in webs]
        else:
            problems = [_given_differently(facts, process, web, read.name) for web in webs]
        # one that agrees with it is enough
        if problems and all(problems):
            return problems[0]
    return ""


def _chosen_differently(facts: Facts, process: Process, module: str) -> str:
    """What is wrong where the settings ask a variable which database they take, and fall to a file
    of SQLite without it."""
    path, lacking = facts.modules.find(module), _lacking(facts, process)
    if path is None or not lacking:
        return ""
    own = chosen_database(facts, path, _look_of(facts, process))
    if own is None or not own.is_file or lacking.keys().isdisjoint(own.absent):
        return ""
    name = next(name for name in lacking if name in own.absent)
    webs = _webs_that_have(facts, process, name)
    for web in webs:
        chosen = _chosen(facts, web)
        theirs = chosen_database(facts, path, _look_of(facts, web))
        # one that agrees with it is enough
        if theirs is None or theirs.is_file or (chosen and chosen.text != module):
            return ""
    if not webs:
        return ""
    return (
        f"{process.name} lacks {name}, which {webs[0].name} has: without it the settings take a"
        f" file of SQLite ({own.where})"
    )


def _look_of(facts: Facts, process: Process) -> Look:
    """What a process finds when it looks for a variable."""
    given = [given_to(facts, one) for one in definitions_of(facts, process)]
    dotenv = dotenv_of(facts, process)

    def look(name: str) -> Value:
        text = process.variable(name)
        for one in given:
            if name in one.variables:
                text = one.variables[name].text
        if text is not None:
            return _known_text(facts, process, text)
        if dotenv is None or not all(one.complete for one in given):
            return Token.UNKNOWN
        if name in dotenv:
            return dotenv[name].text
        if may_be_given(facts, process, name):
            return Token.UNKNOWN
        return Token.ABSENT

    return look


def _known_text(facts: Facts, process: Process, text: str) -> Value:
    """The value of a variable as a file gives it, as far as it is known."""
    text = substituted(facts, process, text)
    # `${DSN:-}` may be empty
    if "-}" in text:
        return Token.UNKNOWN
    if "$" in text or (not text and process.kind == "kubernetes"):
        return Token.SECRET
    return text


def _taken_instead(facts: Facts, process: Process, web: Process, read: Read) -> str:
    """What is wrong with what a worker takes without a variable of the web server."""
    if may_be_given(facts, process, read.name):
        return ""
    taken = _taken_without(facts, process, read)
    if taken is None or not _is_another(facts, process, web, read.name, taken):
        return ""
    return (
        f"{process.name} lacks {read.name}, which {web.name} has: it takes {_spelled(taken)}"
        f" ({read.setting.where})"
    )


def _given_differently(facts: Facts, process: Process, web: Process, name: str) -> str:
    """What is wrong with a variable that a worker and the web server have, each its own."""
    # what an override file says beats it
    if process.kind != "compose" or len(definitions_of(facts, process)) > 1:
        return ""
    own = given_to(facts, process).variables.get(name)
    theirs = given_to(facts, web).variables[name]
    if own is None or name.endswith("PORT") or own.text == theirs.text:
        return ""
    one, other = (substituted(facts, process, item.text) for item in (own, theirs))
    # a host outside may be a pooler of the same server
    named = {host for service in services_beside(facts, process) for host in names_of(service)}
    is_host = "://" in one or name.endswith(("HOST", "HOSTNAME"))
    # a file of SQLite, or localhost, is in the one container alone
    alone = [bool(OWN.search(text)) for text in (one, other)]
    known = alone[0] != alone[1] or {host_in(one), host_in(other)} <= named
    if "$" in f"{one}{other}" or (is_host and not known):
        return ""
    if not _is_another(facts, process, web, name, one):
        return ""
    return (
        f"{process.name} has {name} as {_spelled(one)} ({own.where}), and {web.name} as"
        f" {_spelled(other)} ({theirs.where})"
    )


def _webs_that_have(facts: Facts, process: Process, name: str) -> list[Process]:
    """The web servers beside a worker, where each of them has the variable: one that lacks it,
    too, agrees with the worker."""
    webs = [other for other in _siblings(facts, process) if starts_web(facts, other)]
    if any(name not in given_to(facts, web).variables for web in webs):
        return []
    return webs


def _is_another(facts: Facts, process: Process, web: Process, name: str, taken: str) -> bool:
    """Whether what the web server is given is another database than what the worker takes."""
    text = substituted(facts, web, given_to(facts, web).variables[name].text)
    # `${DSN}`, or what a secret holds, may be anything but the container itself
    if "$" in text or not text:
        return OWN.search(taken) is not None
    if taken == text:
        return False
    is_url = "://" in text
    if is_url and _database_in(text) != _database_in(taken):
        return True
    if not is_url and not name.endswith(("HOST", "HOSTNAME")):
        return True
    # in the network of the host, localhost is where the ports of a service are published
    if "network_mode" in process.options or "network_mode" in web.options:
        return False
    return not is_one_server(facts, web, host_in(text), host_in(taken))


def _database_in(url: str) -> str:
    """The name of the database at the end of a URL."""
    return url.partition("?")[0].rpartition("/")[2]


def _taken_without(facts: Facts, process: Process, read: Read) -> str | None:
    """What the settings take where the variable is not given; None where that is not known."""
    dotenv = dotenv_of(facts, process)
    if dotenv is None:
        return None
    if read.name in dotenv:
        return dotenv[read.name].text
    if read.demanded:
        return None
    return read.default


def _spelled(value: str) -> str:
    """A value for a message, without its password."""
    if not value:
        return "none"
    if value == "sqlite:///":
        return "a file of SQLite"
    return re.sub(r"//[^@/]*@", "//", value)


@check("celery.E931")
def no_common_network(facts: Facts) -> Iterator[Occurrence]:
    """A worker's container shares no network with the broker or the database.

    What happens: It never gets a task, or cannot reach the database.
    How it looks: Cannot connect to redis://redis:6379/0: Error -2: Name or service not known
    Why: The name of a service is a host in the networks of that service alone. A service with
        `networks:` is on those networks, and no longer on the default one.
    Fix: One network in common: networks: [backend], in both
    Source: https://docs.docker.com/compose/how-tos/networking/#specify-custom-networks
    """
    for process in _project_services(facts):
        reported: set[str] = set()
        own = networks_of(facts, process)
        for name, item in _addresses(facts, process):
            value = substituted(facts, process, item.text)
            host = host_in(value)
            if host in reported or not _leads_to_server(facts, name, value):
                continue
            theirs = _networks_of_host(facts, process, host)
            if theirs is None:
                continue
            mode = _mode_of(facts, process)
            message = f"{process.name} has no network at all"
            hint = "Remove network_mode: none."
            if mode == "host":
                # `ports:` is how the host reaches what is in a container
                message = f"{process.name} has the network of the host, which does not know {host}"
                hint = f"Remove network_mode: host, or publish a port of {host} and use localhost."
            elif mode != "none":
                if not own or not theirs or own & theirs:
                    continue
                message = (
                    f"{process.name} is on the network {_listed(own)}, and {host} on"
                    f" {_listed(theirs)}"
                )
                hint = f"Give {process.name} and {host} a network in common."
            reported.add(host)
            yield Occurrence(f"{message}: {name} cannot be reached", item.where, hint)


def _mode_of(facts: Facts, process: Process) -> str:
    """The network_mode of a service, where nothing else may give it other hosts."""
    for one in definitions_of(facts, process):
        if {"extends", "extra_hosts", "links"} & set(one.options):
            return ""
    mode = process.options.get("network_mode")
    if mode is None or len(definitions_of(facts, process)) > 1:
        return ""
    return mode.text


def _addresses(facts: Facts, process: Process) -> Iterator[tuple[str, Item]]:
    """The variables of a service, and what the settings take for a broker that it is not given."""
    given = given_to(facts, process)
    yield from given.variables.items()
    broker = broker_of(facts, process)
    if broker is None or broker.where.path == process.where.path:
        return
    name = broker.variable
    if is_given_beside(facts, process, name) or may_be_given(facts, process, name):
        return
    if name not in given.variables:
        yield name, Item(broker.url, process.where)


def _project_services(facts: Facts) -> Iterator[Process]:
    """The workers, the Beats and the web servers of the compose files."""
    yield from (process for process in _starters(facts) if process.kind == "compose")
    for process in facts.deployment.processes:
        if process.kind == "compose" and not process.celery and starts_web(facts, process):
            yield process


def _leads_to_server(facts: Facts, name: str, text: str) -> bool:
    """Whether a variable leads to a broker or to a database, and not to a list of allowed hosts."""
    if "://" in text:
        return SERVER_URL.match(text) is not None
    if SERVER_HOST.fullmatch(name):
        return True
    return name in variables_of(facts, "CELERY_BROKER_URL", "BROKER_URL")


def _networks_of_host(facts: Facts, process: Process, host: str) -> set[str] | None:
    """The networks of the service that has this host as its name; None where it cannot be told,
    or where another service may have it, too."""
    beside = [other for other in services_beside(facts, process) if host in names_of(other)]
    names = {other.name for other in beside}
    if names != {host} or host == process.name:
        return None
    if not any({"image", "build", "context"} & set(other.options) for other in beside):
        return None
    return networks_of(facts, beside[0])


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names))


@check("celery.W123", unless=("celery.E936",), unless_there=("celery.W122",))
def settings_differ(facts: Facts) -> Iterator[Occurrence]:
    """The worker is started with other settings than the web server.

    What happens: Another database, another broker, DEBUG: tasks wait where nobody looks, or find
        nothing of what was saved.
    How it looks: (nothing)
    Why: The line of each process chooses its own DJANGO_SETTINGS_MODULE.
    Fix: The same module for both; what workers alone need, below a name that says so
        (config.settings.worker)
    Source: https://docs.djangoproject.com/en/stable/topics/settings/#designating-the-settings
    """
    reported: set[Where] = set()
    for worker in facts.deployment.processes:
        if worker.subcommand not in {"worker", "beat"} or is_development(worker.where.path):
            continue
        own = _chosen(facts, worker)
        if own is None or own.where in reported or FOR_WORKERS.search(own.text):
            continue
        others = [
            (web, theirs)
            for web in _web_servers(facts, worker)
            if (theirs := _chosen(facts, web) or _of_entry_point(facts, web, own.text))
        ]
        # one that has the same is enough: the other is for staging, or for the staff
        if not others or any(_is_alike(facts, own.text, theirs.text) for _, theirs in others):
            continue
        reported.add(own.where)
        web, theirs = others[0]
        yield Occurrence(
            f"{worker.name} is started with {own.text}, and {web.name} with {theirs.text}"
            f" ({theirs.where})",
            own.where,
            f"Start both with the same {SETTINGS}.",
        )


def _web_servers(facts: Facts, worker: Process) -> Iterator[Process]:
    """The web servers that are deployed together with a worker."""
    for other in facts.deployment.processes:
        if other.kind != worker.kind or other.celery or is_development(other.where.path):
            continue
        if other.scope == worker.scope and starts_web(facts, other):
            yield other


def _chosen(facts: Facts, process: Process) -> Item | None:
    """The settings module that a process is started with, where its file says one."""
    item = given_to(facts, process).variables.get(SETTINGS)
    if item is None:
        text = process.variable(SETTINGS)
        item = Item(text, process.where) if text else None
    if item is None or "$" in item.text or not item.text:
        return None
    return item


def _of_entry_point(facts: Facts, web: Process, other: str) -> Item | None:
    """The settings that the image of a web server, or its wsgi.py or asgi.py, falls back to, where
    nothing else may choose them; `other` is what a worker beside it has."""
    if not given_to(facts, web).complete and not _is_but_secret(facts, web, other):
        return None
    if is_named_elsewhere(facts, SETTINGS):
        return image_gives(facts, SETTINGS)
    words = " ".join(web.words)
    for entry in facts.project.web:
        if re.search(rf"\b{re.escape(entry.module)}\b", words) and entry.certain:
            # the package imports the app file first, whose choice then counts
            if entry.names[0] == fallback_settings(facts):
                return Item(entry.names[0], entry.where)
    return None


def _is_but_secret(facts: Facts, web: Process, other: str) -> bool:
    """Whether Secrets are all that is not known of what a web server gets, beside a worker that has
    settings for development: no Secret of production names those."""
    unknown = unknown_sources(facts, web)
    is_known = all(source.startswith("Secret/") for source in unknown)
    return bool(unknown) and is_known and FOR_DEVELOPMENT.search(other) is not None


def _is_alike(facts: Facts, module: str, other: str) -> bool:
    """Whether the settings of a worker are those of a web server, hold all of them, or are what a
    module for the web alone is built on."""
    if module == other:
        return True
    path, theirs = facts.modules.find(module), facts.modules.find(other)
    if path is None or theirs is None:
        return False
    if theirs in star_imports(facts, path):
        return True
    is_built_on = path in star_imports(facts, theirs)
    for_web = FOR_WEB.search(other.rpartition(".")[2]) is not None
    return is_built_on and (for_web or len(facts.modules.tree(theirs).body) == 1)
