"""Settings with a name that Celery does not read: misspelt, or meant for the broker."""

from __future__ import annotations

from collections.abc import Iterator

from celeryize.celery_facts import OLD_NAMES, SETTING_NAMES, known
from celeryize.checks.check import Occurrence, check
from celeryize.checks.facts import Facts
from celeryize.checks.facts.settings import Setting
from celeryize.checks.fixes import only_near, rename_setting
from celeryize.checks.lacking import meant_for_broker, meant_for_results
from celeryize.checks.settings import (
    CLOSE,
    GROUPS,
    PREFIX,
    close_name,
    is_read,
    transport_option_of,
)


@check("celery.W060", fixable=True)
def setting_misspelt(facts: Facts) -> Iterator[Occurrence]:
    """A setting has an unknown name that is close to one of Celery's.

    What happens: The setting has no effect, and no message says so. Where it was meant for the
        broker, and nothing else names one, worker and web process look for RabbitMQ on localhost.
    How it looks: (nothing), or
        consumer: Cannot connect to amqp://guest:**@127.0.0.1:5672//: Connection refused.
    Why: Celery reads the settings whose names it knows, and ignores all others.
    Fix: Rename it to the suggested name.
    Source: celery/app/defaults.py; celery/app/utils.py
    """
    meant = _meant_settings(facts)
    for setting, name, effect in meant.values():
        yield Occurrence(
            f"{setting.name} has no effect, {effect}",
            setting.where,
            f"Did you mean {name}?",
            fix=rename_setting(facts, setting, name),
        )
    for setting, key in _unknown_settings(facts):
        close = close_name(key)
        # what the project reads itself is a setting of its own
        if close and setting.name not in meant and not is_read(facts, setting):
            yield Occurrence(
                f"{setting.name} has no effect: Celery has no such setting",
                setting.where,
                f"Did you mean {PREFIX}{close.upper()}?",
                fix=rename_setting(facts, setting, _meant_name(key)),
            )
    for app in facts.project.celery:
        for name, where in app.conf_writes:
            close = None
            if name not in SETTING_NAMES and name == name.lower():
                close = close_name(name)
            if close and close != name:
                yield Occurrence(
                    f"app.conf.{name} has no effect: Celery has no such setting",
                    where,
                    f"Did you mean {close}?",
                )


def _meant_name(key: str) -> str | None:
    """The full name of the one setting that a misspelt name can mean."""
    grouped = [f"{group}_{key}" for group in GROUPS if f"{group}_{key}" in SETTING_NAMES]
    if len(grouped) > 1:
        return None
    meant = grouped[0] if grouped else only_near(key, SETTING_NAMES, CLOSE)
    if meant:
        return f"{PREFIX}{meant.upper()}"
    return None


@check("celery.W064", fixable=True)
def setting_without_prefix(facts: Facts) -> Iterator[Occurrence]:
    """A Celery setting lacks the prefix that the app reads.

    What happens: Nothing: the setting has no effect, and no message says so.
    How it looks: (nothing)
    Why: config_from_object(..., namespace="CELERY") reads the names that begin with CELERY_, and
        some old ones: BROKER_URL, and not RESULT_BACKEND.
    Fix: Write CELERY_ in front of it.
    Source: celery/app/utils.py; reproduced with Celery 5.7
    """
    if not any(app.reads_django_settings for app in facts.project.celery):
        return
    seen: set[str] = set()
    for setting in facts.settings:
        name = setting.name
        if name in seen or not _lacks_prefix(name):
            continue
        seen.add(name)
        # what the project reads itself is a setting of its own
        if is_read(facts, setting) or facts.settings.first(f"{PREFIX}{name}") is not None:
            continue
        yield Occurrence(
            f"{name} has no effect: the app reads the names that begin with {PREFIX}",
            setting.where,
            f"Write {PREFIX}{name}.",
            fix=rename_setting(facts, setting, f"{PREFIX}{name}"),
        )


def _lacks_prefix(name: str) -> bool:
    """Whether a name is one of Celery's, in capitals and less its prefix."""
    if name in OLD_NAMES or not name.isupper() or name.lower() not in SETTING_NAMES:
        return False
    return name == "ACCEPT_CONTENT" or name.partition("_")[0].lower() in GROUPS


@check("celery.I061")
def setting_unknown(facts: Facts) -> Iterator[Occurrence]:
    """A CELERY_ setting is not one of Celery's.

    What happens: Celery does not read it. That is fine if the project or a library does.
    How it looks: (nothing)
    Why: Celery reads the settings whose names it knows, and ignores all others.
    Fix: If it is meant for Celery, correct the name; if not, use another prefix.
    Source: celery/app/defaults.py
    """
    meant = _meant_settings(facts)
    for setting, key in _unknown_settings(facts):
        if not close_name(key) and setting.name not in meant and not is_read(facts, setting):
            yield Occurrence(f"{setting.name} is not a setting of Celery", setting.where)


def _unknown_settings(facts: Facts) -> Iterator[tuple[Setting, str]]:
    """The settings with the prefix whose names are unknown; each name once."""
    seen: set[str] = set()
    for setting in facts.settings:
        name = setting.name
        if not name.startswith(PREFIX) or not name.isupper() or name in seen or name in OLD_NAMES:
            continue
        # settings for several environments repeat names: the first place is enough
        seen.add(name)
        key = name.removeprefix(PREFIX).lower()
        # an option of the transport is reported as one (W671)
        if not known(key) and transport_option_of(name) is None:
            yield setting, key


def _meant_settings(facts: Facts) -> dict[str, tuple[Setting, str, str]]:
    """The settings that were meant for the broker or the results, where nothing else names them,
    by their names: with the name that Celery reads, and what happens instead."""
    found: dict[str, tuple[Setting, str, str]] = {}
    for setting in meant_for_broker(facts):
        effect = "and no broker URL is set: Celery looks for RabbitMQ on localhost"
        found[setting.name] = (setting, f"{PREFIX}BROKER_URL", effect)
    for setting in meant_for_results(facts):
        effect = "and no result backend is set: no result is kept"
        found[setting.name] = (setting, f"{PREFIX}RESULT_BACKEND", effect)
    return found
