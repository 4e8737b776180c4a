"""The libraries that a broker, a result backend and Celery's own apps need."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from celeryize.checks.check import Occurrence, check
from celeryize.checks.facts import Facts
from celeryize.checks.facts.literals import default_of, text_of
from celeryize.checks.facts.processes.brokers import broker_of
from celeryize.checks.facts.settings import ARGUMENTS
from celeryize.checks.imported import failures
from celeryize.checks.installed import line_of
from celeryize.checks.settings import PREFIX
from celeryize.detect.install_line import install_line
from celeryize.detect.processes.images import instructions_of
from celeryize.model import Where
from celeryize.patch.dependencies import Requirement, written
from celeryize.patch.dependencies.extras import line_with_extras
from celeryize.reading import readable_text

if TYPE_CHECKING:
    from celeryize.probe.report import Failure

# The client that a transport or a result backend needs, and the extra of celery that brings it.
CLIENTS = {
    "redis": ("redis", "redis"),
    "rediss": ("redis", "redis"),
    "sentinel": ("redis", "redis"),
    "sqs": ("boto3", "sqs"),
    "mongodb": ("pymongo", "mongodb"),
    "db": ("sqlalchemy", "sqlalchemy"),
    "sqla": ("sqlalchemy", "sqlalchemy"),
}
# What has one of these among its own requirements; Source: their metadata on PyPI, 2026-11.
BRINGS_CELERY = {"django-celery-beat", "django-celery-results", "flower", "celery-redbeat"}
BRINGS_CELERY |= {"django-celery-email", "celery-progress", "celery-once", "django-structlog"}
BRINGS = {
    "redis": {"django-redis", "celery-redbeat", "channels-redis", "rq", "django-rq", "fakeredis"},
    "boto3": {"django-ses", "django-storages"},
    "pymongo": {"mongoengine", "djongo"},
    "sqlalchemy": {"flask-sqlalchemy", "sqlalchemy-utils", "sqlmodel", "alembic", "aldjemy"},
}
# Celery's own apps for Django, with the distribution of each.
APPS = {
    "django_celery_results": "django-celery-results",
    "django_celery_beat": "django-celery-beat",
}
# The extra of celery that brings a module; kombu's Redis transport imports packaging first.
EXTRAS = {
    "redis": "redis",
    "packaging": "redis",
    "boto3": "sqs",
    "botocore": "sqs",
    "pycurl": "sqs",
    "urllib3": "sqs",
    "sqlalchemy": "sqlalchemy",
    "pymongo": "mongodb",
    "pylibmc": "memcache",
    "pymemcache": "pymemcache",
    "memcache": "pymemcache",
    "kazoo": "zookeeper",
    "consul": "consul",
    "elasticsearch": "elasticsearch",
    "cassandra": "cassandra",
    "couchbase": "couchbase",
    "librabbitmq": "librabbitmq",
    "google": "gcpubsub",
    "msgpack": "msgpack",
}
DRIVERS = {
    "psycopg2": "psycopg2-binary",
    "psycopg": "psycopg",
    "MySQLdb": "mysqlclient",
    "pymysql": "pymysql",
    "oracledb": "oracledb",
    "pyodbc": "pyodbc",
}
# What brings the results into the database of Django.
RESULTS_APP = 'Add "django_celery_results" to INSTALLED_APPS.'
NO_MODULE = re.compile(r"No module named '([\w.]+)'")
NO_RESULTS_APP = re.compile(r"No module named 'django-(?:db|cache)'")
# What Celery 5 says of the client that is missing, where it says no more.
NO_REDIS = "'NoneType' object has no attribute 'Redis'"
# The longest line that is written out in a sentence.
SHORT_LINE = 60


@check(
    "celery.E150",
    imports=True,
    unless=(
        *("celery.E001", "celery.E002", "celery.E020", "celery.E160", "celery.E161"),
        "celery.E381",
    ),
    unless_there=("celery.E167", "celery.E542"),
)
def transport_not_importable(facts: Facts) -> Iterator[Occurrence]:
    """The broker's or the result backend's client library is missing, or its URL cannot be read.

    What happens: The worker does not start, and .delay() raises.
    How it looks: ModuleNotFoundError: No module named 'redis', or
        AttributeError: 'NoneType' object has no attribute 'Redis'
    Why: celery itself only installs the client for RabbitMQ; and in a URL, # / @ and : of a
        password have to be percent-encoded.
    Fix: Declare and install the client that the URL needs (celery[redis], celery[sqs], ...;
        sqlalchemy for db+...), or correct the URL.
    Source: https://docs.celeryq.dev/en/stable/getting-started/introduction.html#bundles
    """
    lacking: dict[str, list[Failure]] = {}
    for failure in failures(facts, "broker", "backend"):
        extra = _missing_extra(failure)
        if extra:
            lacking.setdefault(extra, []).append(failure)
            continue
        yield Occurrence(
            f"the {failure.phase} cannot be used: {failure.type}: {failure.message}",
            _deciding_place(facts, _key_of(failure)),
            _remedy_of(failure),
        )
    # one library for both is one thing to do
    for extra, found in lacking.items():
        phases = list(dict.fromkeys(failure.phase for failure in found))
        yield Occurrence(
            f"the {' and the '.join(phases)} cannot be used: {_client_of(extra)} is not installed "
            f"({found[0].type}: {found[0].message})",
            _deciding_place(facts, _key_of(found[0])),
            _how_to_install(facts, extra),
        )


def _key_of(failure: Failure) -> str:
    return "broker_url" if failure.phase == "broker" else "result_backend"


def _deciding_place(facts: Facts, key: str) -> Where | None:
    """The line that gives a setting its value: what is written to `app.conf` beats the argument of
    Celery(), and that beats the settings."""
    for app in facts.project.celery[:1]:
        tree = facts.project.modules.tree(app.where.path)
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        # of several of a line, the one that begins it
        given = {node.lineno: node for node in reversed(calls)}
        written = [
            where
            for name, where in app.conf_writes
            if name == key or (name == "update" and key in _keys_given(given.get(where.line or 0)))
        ]
        if written:
            return written[-1]
        if ARGUMENTS[key] in app.constructor:
            return app.where
    setting = facts.settings.first(f"CELERY_{key.upper()}")
    return setting.where if setting else None


def _keys_given(call: ast.Call | None) -> set[str | None]:
    """The names that `app.conf.update(...)` is given: as arguments, or as keys of a dict."""
    if call is None:
        return set()
    keys = {keyword.arg for keyword in call.keywords}
    for node in call.args:
        if isinstance(node, ast.Dict):
            keys |= {str(key.value) for key in node.keys if isinstance(key, ast.Constant)}
    return keys


def _missing_extra(failure: Failure) -> str:
    """The extra of celery that brings what an import missed; empty for another failure."""
    if NO_REDIS in failure.message:
        return "redis"
    match = NO_MODULE.search(failure.message)
    if match is None:
        # the exception names the library itself, or the URL is what is wrong
        return ""
    return EXTRAS.get(match[1].split(".")[0], "")


def _remedy_of(failure: Failure) -> str:
    """What to do about a failure that no extra of celery mends, as the exception says it."""
    if "ssl_cert_reqs" in failure.message:
        return "Add ?ssl_cert_reqs=required to the URL."
    if "Port could not be cast" in failure.message:
        return 'A part of the password is read as the port: urllib.parse.quote(password, safe="").'
    if failure.phase == "backend" and "'bool' object is not iterable" in failure.message:
        return "CELERY_REDIS_BACKEND_USE_SSL is a dict: {'ssl_cert_reqs': ssl.CERT_REQUIRED}."
    if NO_RESULTS_APP.search(failure.message):
        return f"Install django-celery-results. {RESULTS_APP}"
    if "django_celery_results" in failure.message and "INSTALLED_APPS" in failure.message:
        return RESULTS_APP
    match = NO_MODULE.search(failure.message)
    if match is None:
        return ""
    module = match[1].split(".")[0]
    if module in DRIVERS:
        return f"Install the driver of the database: {DRIVERS[module]}."
    return f"Install {module}, or correct the URL."


def _client_of(extra: str) -> str:
    """The library of an extra, as a deployment installs it."""
    return next((client for client, other in CLIENTS.values() if other == extra), extra)


def is_told_with_client(facts: Facts) -> bool:
    """Whether E150 says already that celery has to be declared, with the extra that it needs."""
    return any(map(_missing_extra, failures(facts, "broker", "backend")))


def _how_to_install(facts: Facts, extra: str) -> str:
    """What brings an extra of celery into this environment, and into the next one."""
    install = install_line(facts.project)
    then = f"`{install}`" if install else "install it"
    if facts.project.dependencies.file is None:
        return f"Install it: celery[{extra}]."
    client = _client_of(extra)
    if extra in _extras_of(facts) or declares(facts, client, *BRINGS.get(client, ())):
        return f"It is declared, and not installed in this environment: {then}."
    return f"{how_to_declare(facts, extra)}, then {then}."


def how_to_declare(facts: Facts, extra: str) -> str:
    """What declares celery with one extra more: the whole line, and where."""
    return _to_write(*_line_with(facts, {extra}))


@check("celery.W157", unless=("celery.E150",))
def client_not_declared(facts: Facts) -> Iterator[Occurrence]:
    """The settings need a library of Celery's that the dependency file does not declare.

    What happens: It works where the client is installed already, and fails after the next deploy.
    How it looks: ModuleNotFoundError: No module named 'redis', or
        AttributeError: 'NoneType' object has no attribute 'Redis'
    Why: celery itself brings the client of RabbitMQ alone, and none of its apps for Django.
    Fix: celery[redis] in the dependency file; django-celery-results, django-celery-beat.
    Source: https://docs.celeryq.dev/en/stable/getting-started/introduction.html#bundles
    """
    dependencies = facts.project.dependencies
    if dependencies.file is None or not declares(facts, "django"):
        return
    if "celery" not in dependencies.declared and not declares(facts, *BRINGS_CELERY):
        return
    has = _extras_of(facts)
    lacking = [one for one in needed_clients(facts) if one[2] not in has]
    if lacking:
        where, line = _line_with(facts, {extra for _, _, extra in lacking})
        named: dict[str, str] = {}
        for key, client, _ in lacking:
            named.setdefault(client, key)
        yield Occurrence(
            f"{dependencies.file} does not declare {_and_needed(named)}",
            where,
            f"{_to_write(where, line)}{_broker_of_today(facts, lacking)}.",
        )
    apps = {
        APPS[app]: f'"{app}" in INSTALLED_APPS'
        for app in facts.project.settings.installed_apps
        if app in APPS and not declares(facts, APPS[app])
    }
    for name, needs in apps.items():
        where = Where(dependencies.file)
        yield Occurrence(
            f"{dependencies.file} does not declare {_and_needed({name: needs})}",
            where,
            f"{_to_write(where, written(Requirement(name), dependencies.form))}.",
        )


def _and_needed(named: dict[str, str]) -> str:
    """`redis, which CELERY_BROKER_URL needs`, for each library that is needed."""
    return ", nor ".join(f"{name}, which {needs} needs" for name, needs in named.items())


def _broker_of_today(facts: Facts, lacking: list[tuple[str, str, str]]) -> str:
    """The other remedy for a process that has kept the broker of yesterday."""
    own = facts.settings.first(f"{PREFIX}BROKER_URL")
    for key, _, extra in lacking[:1]:
        if own is not None and key.startswith(f"{PREFIX}BROKER_URL "):
            scheme = urlsplit(text_of(default_of(own.value)) or "").scheme
            if scheme and CLIENTS.get(scheme, ("", ""))[1] != extra:
                return f", or give it the broker that the settings have now ({scheme}://...)"
    return ""


def _extras_of(facts: Facts) -> set[str]:
    """The extras with which celery is declared."""
    declared = facts.project.dependencies.declared.get("celery", "")
    return set(re.findall(r"[\w-]+", " ".join(re.findall(r"\[([^]]*)\]", declared))))


def _line_with(facts: Facts, extras: set[str]) -> tuple[Where, str]:
    """Where celery has to be declared with some extras, and the whole line."""
    dependencies = facts.project.dependencies
    assert dependencies.file is not None
    if "celery" not in dependencies.declared:
        wanted = Requirement("celery", tuple(sorted(extras)))
        return Where(dependencies.file), written(wanted, dependencies.form)
    where = line_of(facts, "celery")
    bare = f"celery[{','.join(sorted({*extras, *_extras_of(facts)}))}]"
    if where.line is None:
        return where, bare
    now = facts.code.line(where).rstrip("\\ ")
    line = line_with_extras(now.encode(), set(), extras).decode()
    if line == now or len(line) > SHORT_LINE:
        return where, bare
    return where, line


def _to_write(where: Where, line: str) -> str:
    """`Write celery[redis]>=5.4 in requirements.txt:2`: a line to change, or one more."""
    if where.line is None:
        return f"Add {line} to {where.path}"
    return f"Write {line} in {where}"


def _urls_in_use(facts: Facts) -> Iterator[tuple[str, str]]:
    """The URLs of the settings, and those that deployed workers get in their place, each with what
    has it."""
    for key in ("BROKER_URL", "RESULT_BACKEND"):
        setting = facts.settings.first(f"{PREFIX}{key}")
        if setting is not None:
            yield text_of(default_of(setting.value)) or "", f"{PREFIX}{key}"
    for process in facts.deployment.processes:
        if process.subcommand in {"worker", "beat"}:
            broker = broker_of(facts, process)
            if broker is not None:
                yield broker.url, f"{broker.variable} of {process.name} ({broker.where})"


def needed_clients(facts: Facts) -> Iterator[tuple[str, str, str]]:
    """What has the URL of a server whose client is not declared by itself, with the client and the
    extra of celery that brings it."""
    for url, what in _urls_in_use(facts):
        client, extra = CLIENTS.get(urlsplit(url).scheme.partition("+")[0], ("", ""))
        if client and not declares(facts, client, *BRINGS[client]):
            # an image may install it by itself
            if _has_extra_of_kombu(facts, extra) or is_installed_by_image(facts, client):
                continue
            yield what, client, extra


def declares(facts: Facts, *names: str) -> bool:
    """Whether any of some distributions is declared, in this or another file."""
    dependencies = facts.project.dependencies
    return bool(set(names) & {*dependencies.declared, *dependencies.left})


def is_installed_by_image(facts: Facts, client: str) -> bool:
    """Whether a Dockerfile of the project installs a library beside the dependency file."""
    installs = re.compile(rf"\b(?:pip3?|uv|poetry|pdm)\s+(?:install|add)\b[^&;\n]*\b{client}\b")
    return any(
        installs.search(instructions_of(readable_text(facts.deployment.root / path)))
        for path in facts.deployment.dockerfiles
    )


def _has_extra_of_kombu(facts: Facts, extra: str) -> bool:
    """Whether kombu is declared with an extra that brings the client: `kombu[redis]`."""
    written = facts.project.dependencies.declared.get("kombu", "")
    return re.search(rf"\[[^\]]*\b{re.escape(extra)}\b", written) is not None
