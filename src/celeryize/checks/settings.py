"""The settings: unknown and old names, values and URLs that do not work, overrides."""

from __future__ import annotations

import ast
import difflib
import os
import re
import zoneinfo
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

from celeryize.brokers import broker_schemes, result_backend_schemes
from celeryize.celery_facts import (
    BOOLS,
    FLOATS,
    INTS,
    OLD_NAMES,
    REDIS_TRANSPORT,
    SETTING_NAMES,
    words,
)
from celeryize.checks.check import Fix, Occurrence, Unsure, check
from celeryize.checks.facts import Facts
from celeryize.checks.facts.literals import default_of, is_false, number_of, text_of
from celeryize.checks.facts.settings import Setting
from celeryize.checks.fixes import only_near, rename_key, rename_setting
from celeryize.checks.imported import zone_hint
from celeryize.checks.installed import how_to_add_app
from celeryize.detect.celery import CeleryApp
from celeryize.model import Where
from celeryize.patch.nodes import dotted
from celeryize.patch.replace import replaced

PREFIX = "CELERY_"
# How similar (difflib) a name must be to one of Celery's to count as misspelt.
CLOSE = 0.8
# Where the settings do not reach Celery at all, their values are not what is wrong.
IGNORED = ("celery.E050", "celery.E051")
# The first part of most names.
GROUPS = ("worker", "task", "result", "broker", "beat")
# Of kombu.serialization.registry, and the one that celery.security registers.
SERIALIZERS = frozenset({"auth", "json", "msgpack", "pickle", "yaml"})
# Beside those of celeryize.brokers; Source: kombu.transport.TRANSPORT_ALIASES and
# celery.app.backends of 5.7.
BROKER_SCHEMES = broker_schemes() | words(
    """
    librabbitmq py-amqp memory SQS sqla sqlalchemy mongodb zookeeper consul etcd
    azurestoragequeues azureservicebus pgmq pyro slmq qpid confluentkafka kafka gcpubsub
    """
)
BACKEND_SCHEMES = result_backend_schemes() | words(
    """
    db database cache memcached mongodb cassandra elasticsearch couchbase couchdb riak arangodb
    azureblockblob dynamodb s3 gs consul cosmosdbsql disabled socket sqlite postgresql mysql etcd
    """
)


def transport_option_of(name: str) -> str | None:
    """The option of Redis's transport that a setting means: CELERY_VISIBILITY_TIMEOUT and the
    like."""
    for prefix in (f"{PREFIX}BROKER_", PREFIX):
        key = name.removeprefix(prefix).lower()
        if name.startswith(prefix) and key in REDIS_TRANSPORT and key not in COMMON_WORDS:
            if key not in SETTING_NAMES and f"broker_{key}" not in SETTING_NAMES:
                return key
    return None


# Transport options whose names may just as well be the project's own settings.
COMMON_WORDS = words("sep max_retries client_name interval_start interval_step interval_max")


def close_name(key: str) -> str | None:
    """The setting that a misspelt name means: by its letters, or without its group."""
    close = difflib.get_close_matches(key, SETTING_NAMES, 1, CLOSE)
    if close:
        return close[0]
    for group in GROUPS:
        if f"{group}_{key}" in SETTING_NAMES:
            return f"{group}_{key}"
    return None


def is_read(facts: Facts, setting: Setting) -> bool:
    """Whether the project reads a name itself."""
    word = re.compile(rf"\b{setting.name}\b")
    # neither the assignments, in whichever file, nor the variable of `X = env("X")`
    start = rf"^[ \t]*{setting.name}[ \t]*(?::[^=\n]+)?[+|]?=(?!=)"
    written = re.compile(rf"(?m)#.*|{start}")
    double = re.compile(rf"(?m)({start}.*)[\"']{setting.name}[\"']")
    texts = (double.sub(r"\1", code.bare) for code in facts.code.relevant)
    if any(word.search(written.sub("", text)) for text in texts):
        return True
    # a file that does not speak of Celery: `from django.conf import settings as conf`
    known = {code.path for code in facts.code.relevant}
    others = [path for path in facts.code.files if path not in known]
    named = (path for path in others if setting.name in facts.code.text(path))
    codes = [code for path in named if (code := facts.code.parsed(path)) is not None]
    return any(word.search(written.sub("", code.bare)) for code in codes)


@check("celery.W062", fixable=True)
def setting_in_lower_case(facts: Facts) -> Iterator[Occurrence]:
    """A Celery setting is written in lower case.

    What happens: Nothing: the setting has no effect, and no message says so.
    How it looks: (nothing)
    Why: Django loads the upper-case names of a settings module only.
    Fix: Write it as CELERY_ and the name in upper case.
    Source: django/conf/__init__.py; reproduced with Celery 5.7
    """
    for setting in facts.settings:
        name = setting.name
        if name.isupper() or not isinstance(
            setting.code.parents.get(setting.value), ast.Assign | ast.AnnAssign
        ):
            continue
        key = name.lower().removeprefix("celery_")
        group, _, rest = name.partition("_")
        if key in SETTING_NAMES and (
            name.startswith(PREFIX) or (rest and group in {"celery", *GROUPS})
        ):
            if is_read(facts, setting):
                continue
            yield Occurrence(
                f"{name} has no effect: Django loads upper-case names only",
                setting.where,
                f"Write {PREFIX}{key.upper()}.",
                fix=rename_setting(facts, setting, f"{PREFIX}{key.upper()}"),
            )


@check("celery.W063", fixable=True)
def transport_option_misspelt(facts: Facts) -> Iterator[Occurrence]:
    """A transport option has a name that Redis's transport does not know.

    What happens: Nothing: the option has no effect.
    How it looks: (nothing)
    Why: kombu hands the options to the transport, which reads the ones it knows. They are lower
        case.
    Fix: Rename it.
    Source: kombu/transport/redis.py; https://github.com/celery/celery/issues/5224
    """
    for setting in facts.settings.named(f"{PREFIX}BROKER_TRANSPORT_OPTIONS"):
        url = url_text(facts, "broker_url")
        if not isinstance(setting.value, ast.Dict) or not (url or "").startswith(
            ("redis", "sentinel")
        ):
            continue
        for key in setting.value.keys:
            name = text_of(key)
            if key is None or name is None or name in REDIS_TRANSPORT:
                continue
            close = difflib.get_close_matches(name.lower(), REDIS_TRANSPORT, 1, CLOSE)
            if close:
                yield Occurrence(
                    f"the transport option {name!r} has no effect",
                    setting.code.where(key),
                    f"Did you mean {close[0]!r}?",
                    fix=rename_key(
                        setting.code, setting.value, key, only_near(name.lower(), REDIS_TRANSPORT)
                    ),
                )


@check("celery.W070", fixable=True)
def old_setting_name(facts: Facts) -> Iterator[Occurrence]:
    """A setting has its pre-Celery 4 name.

    What happens: It works today; Celery 6 removes the old names. `BROKER_URL` is read too, even if
        it was meant for another library.
    How it looks: (nothing: the warning is suppressed for Django's settings)
    Why: Celery looks a setting up under its new name, then under its old one.
    Fix: Rename it; `celeryize init --modernize` does so in all settings files.
    Source: https://docs.celeryq.dev/en/stable/userguide/configuration.html#new-lowercase-settings
    """
    app = next(iter(facts.project.celery), None)
    if app is None or not app.reads_django_settings or facts.is_before_celery(4):
        return
    seen: set[str] = set()
    for setting in facts.settings:
        new = OLD_NAMES.get(setting.name)
        if (
            new is None
            or setting.name in seen
            # the project's own code, or a library that is not Celery, reads it
            or is_read(facts, setting)
            or (setting.name == "BROKER_URL" and facts.settings.first("CELERY_BROKER_URL"))
        ):
            continue
        seen.add(setting.name)
        yield Occurrence(
            f"{setting.name} is a pre-Celery 4 name",
            setting.where,
            f"Rename it to {PREFIX}{new.upper()}.",
            fix=_rename_old(facts, setting, f"{PREFIX}{new.upper()}"),
        )


def _rename_old(facts: Facts, setting: Setting, name: str) -> Fix | Unsure:
    if not setting.name.startswith("CELERY"):
        return Unsure(f"another library may use {setting.name}")
    return rename_setting(facts, setting, name)


@check("celery.W080")
def code_overrides_settings(facts: Facts) -> Iterator[Occurrence]:
    """The app file overrides a setting.

    What happens: One of the two values has no effect. Since Celery 5.7 the one in the code counts,
        before 5.7 the one in the settings. Of `app.conf.beat_schedule = ...` and
        CELERY_BEAT_SCHEDULE, one replaces the other as a whole.
    How it looks: (nothing)
    Why: Celery's order is: the environment, then Celery(...) and app.conf, then the settings.
        Before 5.7 a setting with the namespace came first.
    Fix: Keep it in one place, preferably in the settings.
    Source: https://github.com/celery/celery/issues/4284
    """
    for app in facts.project.celery:
        for name, where, value in _written_by_code(facts, app):
            setting = facts.settings.first(f"{PREFIX}{name.upper()}")
            if setting is None or not app.reads_django_settings:
                continue
            if value is not None and _is_same_value(value, setting):
                continue
            yield Occurrence(_which_wins(facts, name, setting), where, "Keep one of the two.")


def _written_by_code(facts: Facts, app: CeleryApp) -> Iterator[tuple[str, Where, ast.expr | None]]:
    """The settings that the app file sets itself, by arguments of Celery() or on app.conf."""
    short = {"broker": "broker_url", "backend": "result_backend"}
    call = facts.app_call
    for name in app.constructor:
        value = None
        if call is not None and call.lineno == app.where.line:
            value = next((k.value for k in call.keywords if k.arg == name), None)
        yield short.get(name, name), app.where, value
    assigned: dict[int, ast.expr] = {}
    for node in facts.app_code.assigns if facts.app_code else ():
        if node.value is not None:
            assigned[node.lineno] = node.value
    for name, where in app.conf_writes:
        yield name, where, assigned.get(where.line or 0)


def _is_same_value(value: ast.expr, setting: Setting) -> bool:
    """Whether code hands a setting on, or repeats it: then it does not matter which one wins."""
    return setting.name in ast.unparse(value) or ast.dump(value) == ast.dump(setting.value)


def _which_wins(facts: Facts, name: str, setting: Setting) -> str:
    """Which of the two is in effect. Celery 5.7 turned it round: code wins over the settings."""
    version = None
    if facts.worker:
        version = facts.worker.versions.get("celery")
    if version is None:
        return (
            f"this and {setting.name} ({setting.where}) both set {name}: Celery 5.7 takes this "
            "one, older versions the setting"
        )
    if facts.worker and name in facts.worker.configuration:
        code_wins = facts.worker.configuration[name].source == "app"
    else:
        code_wins = tuple(map(int, version.split(".")[:2])) >= (5, 7)
    if code_wins:
        return f"this sets {name}, so {setting.name} ({setting.where}) has no effect"
    return f"{setting.name} ({setting.where}) sets {name}, so this has no effect"


@check("celery.W082", imports=True)
def environment_overrides_settings(facts: Facts) -> Iterator[Occurrence]:
    """An environment variable overrides the settings.

    What happens: CELERY_BROKER_URL and CELERY_RESULT_BACKEND override the settings everywhere;
        BROKER_URL, APP, LOADER, CONFIG_MODULE and RESULT_BACKEND do so for the `celery` command
        only, so worker and web differ.
    How it looks: (nothing)
    Why: Celery and its command line read these variables themselves.
    Fix: Read the same variable in the settings, or unset it.
    Source: celery/app/utils.py, Settings.broker_url; celery/bin/celery.py
    """
    assert facts.worker is not None
    for name in facts.worker.environment:
        if name not in WINS:
            continue
        # a project that reads the variable itself knows about it
        if any(code.has(f'"{name}"', f"'{name}'") for code in facts.code.relevant):
            continue
        setting = facts.settings.first(name if name.startswith(PREFIX) else f"{PREFIX}{name}")
        # the same value twice overrides nothing
        value = os.environ.get(name, "")
        if setting is not None and value and value in _values_of(facts, setting, name):
            continue
        if setting is not None or not name.startswith(PREFIX):
            yield Occurrence(
                f"the environment variable {name} is set here and overrides the settings",
                setting.where if setting else None,
                "Read it in the settings, or unset it.",
            )


def _values_of(facts: Facts, setting: Setting, name: str) -> set[object]:
    """What the settings hold under the name of an environment variable."""
    assert facts.worker is not None
    key = name.removeprefix(PREFIX).lower()
    found: set[object] = {text_of(default_of(setting.value))}
    configured = facts.worker.configuration.get(key)
    for value in (facts.worker.conf.get(key), configured.value if configured else None):
        if isinstance(value, str):
            found.add(value)
    return found


WINS = {
    "CELERY_BROKER_URL",
    "CELERY_RESULT_BACKEND",
    "BROKER_URL",
    "RESULT_BACKEND",
    "APP",
    "LOADER",
    "CONFIG_MODULE",
}


@check("celery.W083", fixable=True)
def number_in_quotes(facts: Facts) -> Iterator[Occurrence]:
    """A number or a boolean is written as text.

    What happens: The worker or a task fails where it calculates with the text; a boolean is true
        whatever the text is. CELERY_TASK_ALWAYS_EAGER = "False" is true.
    How it looks: TypeError: '<' not supported between instances of 'str' and 'int', or nothing at
        all.
    Why: Celery uses the value as it is; any text but the empty one is true.
    Fix: Write the value without quotes; convert what comes from the environment: int(...),
        env.bool(...).
    Source: reproduced with Celery 5.7
    """
    for setting in facts.settings:
        key = OLD_NAMES.get(setting.name) or setting.name.removeprefix(PREFIX).lower()
        if not setting.name.startswith(PREFIX) and setting.name not in OLD_NAMES:
            continue
        kind = _kind_of(key)
        if kind is None:
            continue
        if text_of(setting.value) is not None:
            yield Occurrence(
                f"{setting.name} is text, not {kind}",
                setting.where,
                "Write the value without quotes.",
                fix=_without_quotes(setting, key),
            )
        elif kind == "a boolean" and _is_bool_of_text(setting.value):
            yield Occurrence(
                f"{setting.name} is true whenever the environment variable is set, also to False",
                setting.where,
                'Compare it: os.environ.get("NAME", "").lower() == "true".',
            )
        elif isinstance(setting.value, ast.Call) and dotted(setting.value.func) in RAW:
            yield Occurrence(
                f"{setting.name} is text whenever the environment variable is set, not {kind}",
                setting.where,
                _how_to_convert(kind),
            )


def _how_to_convert(kind: str) -> str:
    if kind == "a boolean":
        return 'Compare it: os.environ.get("NAME", "").lower() == "true".'
    return "Convert it: int(...), or float(...)."


def _is_bool_of_text(value: ast.expr) -> bool:
    """Whether a value is `bool(os.environ.get("NAME", "False"))`."""
    if not isinstance(value, ast.Call) or dotted(value.func) != "bool" or not value.args:
        return False
    inner = value.args[0]
    return isinstance(inner, ast.Call) and dotted(inner.func) in RAW


def _kind_of(key: str) -> str | None:
    """What kind of value a setting takes, in words; None where any will do."""
    if key in BOOLS:
        return "a boolean"
    if key in INTS | FLOATS:
        return "a number"
    return None


def _without_quotes(setting: Setting, key: str) -> Fix | Unsure:
    """The value that the text spells."""
    text = (text_of(setting.value) or "").strip()
    spelled = None
    if key in BOOLS:
        spelled = {"true": "True", "false": "False"}.get(text.lower())
    if spelled is None and key in INTS | FLOATS and re.fullmatch(r"[1-9]\d*|0", text):
        spelled = text
    if spelled is None and key in FLOATS and re.fullmatch(r"\d+\.\d+", text):
        spelled = text
    if spelled is None:
        return Unsure(f"{text!r} is not such a value")
    splice = replaced(setting.code.source, setting.value, spelled)
    # the text spells exactly one value: nothing else can have been meant
    return Fix(setting.code.path, f"{setting.name} becomes {spelled}", (splice,))


RAW = {"os.environ.get", "os.getenv", "environ.get", "getenv"}


def literal_urls(facts: Facts, key: str) -> Iterator[tuple[Setting, ast.expr, str]]:
    """The literal URLs of a setting, also as the default of what the environment may set."""
    for setting in facts.settings:
        if setting.name in {
            f"{PREFIX}{key.upper()}",
            key.upper() if key.startswith("broker") else "",
        }:
            value = default_of(setting.value)
            text = text_of(value)
            if text:
                yield setting, value, text


def url_text(facts: Facts, key: str) -> str | None:
    """The first URL that the settings spell out for `broker_url` or `result_backend`."""
    return next((text for _, _, text in literal_urls(facts, key)), None)


def _hint_for_url(problem: str, url: str) -> str:
    """What to write instead; a URL with a password is not repeated."""
    if problem.startswith("ssl_cert_reqs"):
        return "Write ?ssl_cert_reqs=required; none, where the certificate is not to be checked."
    if "read as the port" in problem:
        return 'Percent-encode the password: urllib.parse.quote(password, safe="").'
    if problem.startswith("the database"):
        return "End it with the number, as in redis://localhost:6379/0."
    if problem.startswith("it has no scheme"):
        return _with_scheme(url)
    if "space" in problem:
        return "Remove the space."
    return ""


def _with_scheme(url: str) -> str:
    """The URL that was meant by `localhost:6379`, `redis:/localhost` or `redis//localhost`."""
    begun = re.match(r"(rediss?|amqps?|sqs|sentinel|mongodb):?/*(?=[\w\[:])", url)
    scheme, rest = (begun[1], url[begun.end() :]) if begun else ("", url)
    if not scheme:
        scheme = "amqp" if ":5672" in url else "redis"
    if "@" in url:
        return f"Begin it with {scheme}://."
    return f"Write {scheme}://{rest}."


def url_problem(url: str, schemes: frozenset[str]) -> str | None:
    """What is wrong with a broker or backend URL, or None."""
    if url != url.strip():
        return "it starts or ends with a space"
    if "://" not in url:
        # a bare transport name is allowed; host:port is taken for the host of an amqp URL
        read_as_host = re.match(r"[\w.+-]+:.|\w+//", url)
        if read_as_host:
            return "it has no scheme, so it is read as an amqp host"
        return None
    scheme = url.split("://")[0]
    if scheme.split("+")[0] not in schemes:
        close = difflib.get_close_matches(scheme, schemes, 1, 0.6)
        return f"unknown transport {scheme!r}" + (f"; did you mean {close[0]}?" if close else "")
    # the rest of these is a path or an URL of its own
    if scheme.startswith(("db", "sqla", "sentinel", "filesystem", "file", "cache")):
        return None
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return (
            "a part of it that is not a number is read as the port "
            "(percent-encode / and # in passwords)"
        )
    asked = parse_qs(parts.query).get("ssl_cert_reqs", ["required"])[-1]
    if scheme == "rediss" and asked not in CERT_REQS:
        return f"ssl_cert_reqs is {asked!r}; it is required, optional or none"
    database = parts.path.strip("/")
    # Source: kombu/transport/redis.py and celery/backends/redis.py, which take it for a number
    if scheme in {"redis", "rediss"} and database and not database.isdigit():
        return f"the database is a number in Redis, not {database!r}"
    return None


@check("celery.E160", unless=IGNORED)
def broker_url_wrong(facts: Facts) -> Iterator[Occurrence]:
    """The broker's URL cannot work.

    What happens: The worker does not start, or connects to amqp on a host of that name.
    How it looks: KeyError: 'No such transport: redi.  Did you mean redis?', or
        ValueError: Port could not be cast to integer value as 'p'
    Why: kombu takes the scheme for the transport, and a text without :// for the name of an amqp
        host.
    Fix: redis://[:password@]host:6379/0 or amqp://user:password@host:5672//, the password
        percent-encoded.
    Source: kombu/utils/url.py, kombu/transport/__init__.py
    """
    reported = False
    for setting, value, url in literal_urls(facts, "broker_url"):
        for part in url.split(";"):
            problem = url_problem(part, BROKER_SCHEMES)
            if problem:
                reported = True
                yield Occurrence(
                    f"the broker URL cannot work: {problem}",
                    setting.code.where(value),
                    _hint_for_url(problem, part),
                )
                break
    configured = facts.worker.configuration.get("broker_url") if facts.worker else None
    given = configured.value if configured else None
    # a variable of this environment, or a .env, may give it
    if not reported and isinstance(given, str) and NO_SCHEME.match(given):
        where = facts.settings.first(f"{PREFIX}BROKER_URL")
        yield Occurrence(
            "the broker URL that this environment gives has no ://, so it is read as an amqp host",
            where.where if where else None,
            "Write it as in redis://host:6379/0; a variable, or a .env, wins over the line.",
        )


# `redis//host`, `redis:/host`: what was to be a URL, and no name of a host.
NO_SCHEME = re.compile(r"\w+(?://|:/(?!/))\S")


@check("celery.W361")
def unknown_serializer(facts: Facts) -> Iterator[Occurrence]:
    """A serializer has a name that kombu does not know.

    What happens: Every .delay() raises, or every result is lost.
    How it looks: kombu.exceptions.SerializerNotInstalled: No encoder/decoder installed for jsn
    Why: kombu looks the name up in a registry only when it sends.
    Fix: json, or kombu.serialization.register(...) for one of your own.
    Source: kombu/serialization.py, SerializerRegistry.dumps
    """
    for setting in facts.settings.named(
        *(f"{PREFIX}{kind}_SERIALIZER" for kind in ("TASK", "RESULT", "EVENT"))
    ):
        name = text_of(default_of(setting.value))
        if (
            name
            and name not in SERIALIZERS
            and not facts.code.imports_module("kombu.serialization")
        ):
            yield Occurrence(
                f"kombu knows no serializer {name!r}", setting.where, "json is the usual one."
            )


@check("celery.E161", unless=IGNORED)
def backend_url_wrong(facts: Facts) -> Iterator[Occurrence]:
    """The result backend's URL cannot work.

    What happens: The first access to a result raises.
    How it looks: ModuleNotFoundError: No module named 'django_db'
        ValueError: invalid literal for int() with base 10: 'abc'
    Why: Celery takes the scheme for the name of a backend, and an unknown name for a module.
    Fix: redis://host:6379/1, django-db, rpc:// or file:///absolute/folder
    Source: celery/app/backends.py
    """
    for setting, value, url in literal_urls(facts, "result_backend"):
        schemes = BACKEND_SCHEMES
        if facts.is_before_celery(5):
            schemes |= {"amqp"}
        problem = url_problem(url, schemes)
        if url.startswith(("redis://", "rediss://")) and not problem:
            path = urlsplit(url).path.strip("/")
            problem = None
            if path and not path.isdigit():
                problem = f"{path!r} is not the number of a database"
        if (
            "://" not in url
            and problem is None
            and "." not in url
            and ":" not in url
            and url not in BACKEND_SCHEMES
        ):
            close = difflib.get_close_matches(url.replace("_", "-"), BACKEND_SCHEMES, 1, 0.6)
            problem = f"unknown backend {url!r}" + (f"; did you mean {close[0]}?" if close else "")
        if url.startswith("amqp") and not facts.is_before_celery(5):
            problem = "the amqp backend was removed; use rpc://"
        if problem:
            yield Occurrence(
                f"the result backend cannot work: {problem}",
                setting.code.where(value),
                _hint_for_url(problem, url),
            )


@check("celery.W300")
def timezones_differ(facts: Facts) -> Iterator[Occurrence]:
    """CELERY_TIMEZONE is not TIME_ZONE.

    What happens: crontab(hour=8) means eight o'clock in CELERY_TIMEZONE.
    How it looks: (nothing: the task runs at another hour)
    Why: Without CELERY_TIMEZONE, Celery uses Django's TIME_ZONE; with it, its own.
    Fix: Leave CELERY_TIMEZONE out, or write CELERY_TIMEZONE = TIME_ZONE.
    Source: https://docs.celeryq.dev/en/stable/userguide/periodic-tasks.html#time-zones
    """
    zone, ours = facts.settings.first("CELERY_TIMEZONE"), facts.settings.first("TIME_ZONE")
    if zone is None or ours is None or not text_of(zone.value) or not text_of(ours.value):
        return
    if text_of(zone.value) != text_of(ours.value) and not _bad_zone(text_of(zone.value) or ""):
        yield Occurrence(
            f"CELERY_TIMEZONE is {text_of(zone.value)}, TIME_ZONE is {text_of(ours.value)}: "
            "crontab hours are in the former",
            zone.where,
            "Leave it out, or write CELERY_TIMEZONE = TIME_ZONE.",
        )


@check("celery.E301")
def timezone_unknown(facts: Facts) -> Iterator[Occurrence]:
    """CELERY_TIMEZONE is not a valid time zone.

    What happens: Beat and the worker raise as soon as they need the time.
    How it looks: zoneinfo.ZoneInfoNotFoundError: 'No time zone found with key ...'
    Why: The name is looked up in the time zone database when it is first used.
    Fix: A name such as Europe/Paris.
    Source: celery/utils/time.py
    """
    for setting in facts.settings.named("CELERY_TIMEZONE"):
        name = text_of(setting.value)
        if name and _bad_zone(name):
            yield Occurrence(f"unknown time zone {name!r}", setting.where, zone_hint(name))


def _bad_zone(name: str) -> bool:
    """Whether the time zone database, where there is one, lacks a name."""
    if not _has_zone("Europe/Paris"):
        return False
    return not _has_zone(name)


def _has_zone(name: str) -> bool:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


@check("celery.E381", unless=IGNORED)
def django_backend_not_installed(facts: Facts) -> Iterator[Occurrence]:
    """The result backend is django-db, and its app is not installed.

    What happens: The worker does not start, and .delay() raises.
    How it looks: RuntimeError: Model class django_celery_results.models.TaskResult doesn't declare
        an explicit app_label and isn't in an application in INSTALLED_APPS. Where the package is
        not installed: ModuleNotFoundError: No module named 'django_celery_results'.
    Why: The backend and its tables belong to the Django app django_celery_results.
    Fix: Install django-celery-results, add "django_celery_results" to INSTALLED_APPS and migrate.
    Source: https://django-celery-results.readthedocs.io/
    """
    if facts.installs("django_celery_results"):
        return
    for setting, value, url in literal_urls(facts, "result_backend"):
        if url.startswith("django-db"):
            yield Occurrence(
                "the result backend is django-db, but django_celery_results is not in "
                "INSTALLED_APPS",
                setting.code.where(value),
                how_to_add_app(facts, "django_celery_results"),
            )


@check("celery.W382")
def backend_in_one_process(facts: Facts) -> Iterator[Occurrence]:
    """The result backend keeps results in the memory of one process.

    What happens: Waiting for a result in another process never ends.
    How it looks: celery.exceptions.TimeoutError, or a request that never ends.
    Why: cache+memory:// is a dict of the worker's process.
    Fix: redis://, django-db, rpc:// or file:///
    Source: reproduced with Celery 5.7
    """
    for setting, value, url in literal_urls(facts, "result_backend"):
        if url.startswith("cache+memory") and not setting.conditional:
            yield Occurrence(
                "results stay in the memory of the worker's process", setting.code.where(value)
            )


# How much of the hard time limit the soft one leaves to a task.
SOFT_SHARE = 0.9
# celery/app/task.py, Task.apply_async, in 5.5.3 and not in 5.4.0
COMPARES_LIMITS = (5, 5)


@check("celery.E461")
def soft_limit_above_hard(facts: Facts) -> Iterator[Occurrence]:
    """The soft time limit is above the hard one.

    What happens: Every `.delay()` raises.
    How it looks: ValueError: soft_time_limit must be less than or equal to time_limit
    Why: The soft limit warns a task before the hard one ends it. A task that sets one of them has
        the other one from the settings. Celery compares the two since 5.5.
    Fix: Make the soft limit lower than the hard one; give a task both.
    Source: celery/app/task.py
    """
    soft, hard = (
        facts.settings.first("CELERY_TASK_SOFT_TIME_LIMIT"),
        facts.settings.first("CELERY_TASK_TIME_LIMIT"),
    )
    if soft and hard:
        a, b = number_of(soft.value), number_of(hard.value)
        if a is not None and b is not None and a > b:
            yield Occurrence(
                f"the soft time limit ({a:g} s) is above the hard one ({b:g} s)",
                soft.where,
                f"Write {soft.name} = {int(b * SOFT_SHARE)}, or raise {hard.name} ({hard.where}).",
            )
    yield from _tasks_with_soft_above_hard(facts, soft, hard)


def _tasks_with_soft_above_hard(
    facts: Facts, soft: Setting | None, hard: Setting | None
) -> Iterator[Occurrence]:
    """The tasks whose own limits, beside those of the settings, contradict each other."""
    for task in facts.tasks:
        given = [task.options.get(name) for name in ("soft_time_limit", "time_limit")]
        if given == [None, None] or task.hidden or "base" in task.options:
            continue
        # before, the two were not compared, and the soft limit of the settings just never came
        if None in given and facts.celery_below(COMPARES_LIMITS):
            continue
        # what a task does not say itself is that of the settings
        everywhere = [setting.value if setting else None for setting in (soft, hard)]
        a, b = (number_of(one or other) for one, other in zip(given, everywhere, strict=True))
        if a is None or b is None or a <= b:
            continue
        hint = "Make the soft limit lower than the hard one."
        if given[0] is None:
            hint = f"Give {task.node.name} a soft_time_limit, too: below {b:g}."
        elif given[1] is None:
            hint = f"Give {task.node.name} a time_limit, too: above {a:g}."
        yield Occurrence(
            f"the soft time limit of {task.node.name} ({a:g} s) is above its hard one ({b:g} s)",
            task.code.where(task.decorator),
            hint,
        )


@check("celery.W541")
def tls_not_checked(facts: Facts) -> Iterator[Occurrence]:
    """A rediss:// broker does not check the server's certificate.

    What happens: The connection is encrypted, but any server is accepted.
    How it looks: ... defaulting to insecure SSL behaviour
    Why: Without ssl_cert_reqs, kombu does not verify the certificate.
    Fix: rediss://...?ssl_cert_reqs=required, or CELERY_BROKER_USE_SSL.
    Source: kombu/transport/redis.py
    """
    for setting, value, url in literal_urls(facts, "broker_url"):
        if (
            url.startswith("rediss://")
            and "ssl_cert_reqs" not in url
            and not facts.settings.is_set("broker_use_ssl")
        ):
            yield Occurrence(
                "the server's certificate is not checked",
                setting.code.where(value),
                "Add ?ssl_cert_reqs=required.",
            )


@check("celery.I550")
def no_retry_on_startup(facts: Facts) -> Iterator[Occurrence]:
    """A worker gives up if the broker is not there when it starts.

    What happens: The worker exits with code 1 if it starts before the broker.
    How it looks: Shutting down...
    Why: CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP is False.
    Fix: Leave it out, or set it to True.
    Source: celery/worker/consumer/consumer.py
    """
    for setting in facts.settings.named("CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP"):
        if is_false(setting.value):
            yield Occurrence(
                "a worker that starts before the broker exits immediately", setting.where
            )


@check("celery.W561")
def password_in_code(facts: Facts) -> Iterator[Occurrence]:
    """A password is written in the code.

    What happens: Everybody who can read the repository can reach the broker.
    How it looks: (nothing)
    Why: The URL is a literal.
    Fix: Read it from the environment.
    Source: https://docs.celeryq.dev/en/stable/userguide/security.html
    """
    for key in ("broker_url", "result_backend"):
        for setting, value, url in literal_urls(facts, key):
            # a password of localhost, or the default one, is no secret
            match = re.search(r"://([^\s/@:]*):([^\s@]+)@([\w.-]+)", url)
            if (
                url_problem(url, BROKER_SCHEMES | BACKEND_SCHEMES) is None
                and match
                and match[3] not in LOCAL
                and match[2] not in {"guest", "password"}
            ):
                yield Occurrence(
                    f"{setting.name} contains a password",
                    setting.code.where(value),
                    "Read it from the environment.",
                )


# Source: kombu/utils/url.py, parse_ssl_cert_reqs; celery/backends/redis.py
CERT_REQS = frozenset(
    {"CERT_REQUIRED", "CERT_OPTIONAL", "CERT_NONE", "required", "optional", "none"}
)
LOCAL = {"localhost", "127.0.0.1", "redis", "rabbitmq", "rabbit", "broker", "db"}
