"""Formats of messages and results: refused by the one who reads them, or accepted and unsafe."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from celeryize.checks.calls import task_calls
from celeryize.checks.check import Occurrence, check
from celeryize.checks.facts import Facts
from celeryize.checks.facts.canvas import is_of_celery
from celeryize.checks.facts.code import Code
from celeryize.checks.facts.literals import default_of, text_of
from celeryize.checks.facts.processes.reads import deciding, star_imports
from celeryize.checks.facts.settings import Setting
from celeryize.checks.settings import IGNORED, PREFIX, SERIALIZERS, literal_urls
from celeryize.checks.written import elements_of, resolved, settings_of

# What a message says of its format; Source: kombu/serialization.py, celery/security.
CONTENT = {
    "auth": "data",
    "pickle": "x-python-serialize",
    "yaml": "x-yaml",
    "msgpack": "x-msgpack",
}
# These keep no results, or in columns of their own, and ask no serializer when they read them.
NO_SERIALIZER = ("db+", "database", "disabled")


@dataclass(frozen=True, slots=True)
class Chosen:
    """What one settings module holds under a name: nothing certain without a `value`. Without a
    `setting` it is Celery's default."""

    value: frozenset[str]
    setting: Setting | None = None


@check("celery.E689", unless=(*IGNORED, "celery.E688"))
def own_messages_refused(facts: Facts) -> Iterator[Occurrence]:
    """The worker does not accept the messages that the project sends.

    What happens: The worker discards every message, and with it the task.
    How it looks: ContentDisallowed: Refusing to deserialize untrusted content of type json
        (application/json)
    Why: The format that the tasks are sent in (CELERY_TASK_SERIALIZER, or `serializer=` of a task
        or a call) is not in CELERY_ACCEPT_CONTENT. Both are json where nothing is set.
    Fix: Send json. Accept another format only if all who can write to the broker are trusted: a
        pickle can run any code.
    Source: kombu/serialization.py, loads; reproduced with Celery 5.7
    """
    # the default serializer of Celery 3 was pickle
    if facts.is_before_celery(4):
        return
    views = _views(facts)
    accepts = [_chosen(facts, view, "accept_content") for view in views]
    reported = []
    for view, accepted in zip(views, accepts, strict=True):
        sent = _chosen(facts, view, "task_serializer")
        if _refuses(accepted, sent):
            reported.append(_mismatch(sent, accepted, "the worker discards every task"))
    yield from reported
    if not reported:
        yield from _imported_mismatch(facts)
    known = [accepted for accepted in accepts if accepted.value]
    for code, node, what in _own_serializers(facts):
        name = text_of(node) or ""
        sent = Chosen(frozenset({name}))
        if known and all(_refuses(accepted, sent) for accepted in known):
            yield Occurrence(
                f"{what} is sent as {name}, which the worker refuses: it accepts "
                f"{_listed(known[0].value)} alone, and discards the task",
                code.where(node),
                f"{_instead(name)}, or add {name!r} to CELERY_ACCEPT_CONTENT.",
            )


@check("celery.E383", unless=(*IGNORED, "celery.E688"), unless_there=("celery.E689",))
def own_results_refused(facts: Facts) -> Iterator[Occurrence]:
    """Results are stored in a format that nobody may read.

    What happens: .get(), and each look at the state of a task, raises; chords never go on.
    How it looks: kombu.exceptions.ContentDisallowed: Refusing to deserialize disabled content of
        type pickle (application/x-python-serialize)
    Why: CELERY_RESULT_SERIALIZER is not in CELERY_RESULT_ACCEPT_CONTENT, or, where that is not set,
        in CELERY_ACCEPT_CONTENT.
    Fix: Store json.
    Source: celery/backends/base.py, decode; reproduced with Celery 5.7
    """
    if facts.is_before_celery(4) or not facts.settings.is_set("result_backend"):
        return
    urls = [url for _, _, url in literal_urls(facts, "result_backend")]
    if any(url.startswith(NO_SERIALIZER) for url in urls):
        return
    for view in _views(facts):
        accepted = _chosen(facts, view, "result_accept_content")
        if accepted.setting is None and accepted.value:
            accepted = _chosen(facts, view, "accept_content")
        stored = _chosen(facts, view, "result_serializer")
        if _refuses(accepted, stored):
            yield _mismatch(stored, accepted, "reading a result raises ContentDisallowed")


def _views(facts: Facts) -> tuple[tuple[Setting, ...], ...]:
    """The settings of each module that may be the one in effect: its own, and behind them those of
    the modules that it imports with a star."""
    return facts.code.once("settings as modules see them", lambda: tuple(_find_views(facts)))


def _find_views(facts: Facts) -> Iterator[tuple[Setting, ...]]:
    chains = {path: star_imports(facts, path) for path in facts.settings.files}
    inner = {other for path, chain in chains.items() for other in chain if other != path}
    for path, chain in chains.items():
        if path in inner:
            continue
        order = {other: index for index, other in enumerate(chain)}
        own = [setting for setting in facts.settings if setting.code.path in order]
        yield tuple(sorted(own, key=lambda setting: order[setting.code.path]))


def _chosen(facts: Facts, view: tuple[Setting, ...], key: str) -> Chosen:
    """What a settings module says of a serializer, or of those that are accepted."""
    name = f"{PREFIX}{key.upper()}"
    # each look goes through the whole code
    written = facts.code.once(f"settings of {key}", lambda: tuple(settings_of(facts, key)))
    if not written and not facts.settings.is_set(key):
        return Chosen(frozenset({"json"}))
    in_code = [setting for setting, _ in written if setting.name != name]
    if in_code:
        # which of the two wins depends on the version of Celery
        found = in_code[0] if len(written) == 1 else None
    else:
        found = deciding(view, name)
    if found is None:
        return Chosen(frozenset())
    return Chosen(_formats_in(found), found)


def _formats_in(setting: Setting) -> frozenset[str]:
    """The serializers that a setting names; none where one of them is not known."""
    value = resolved(setting.code, default_of(setting.value))
    elements = elements_of(value) or [value]
    names = frozenset((text_of(element) or "").rpartition("/")[2] for element in elements)
    if "" in names:
        return frozenset()
    return names


def _refuses(accepted: Chosen, sent: Chosen) -> bool:
    """Whether one who accepts the first cannot read the second, for certain."""
    # what the project registers itself has a content type of its own
    if not accepted.value or not accepted.value <= SERIALIZERS | set(CONTENT.values()):
        return False
    if not sent.value or not sent.value <= SERIALIZERS:
        return False
    name = next(iter(sent.value))
    return not accepted.value & {name, CONTENT.get(name, name)}


def _mismatch(sent: Chosen, accepted: Chosen, effect: str) -> Occurrence:
    """The finding, at the setting that is out of the ordinary."""
    name = next(iter(sent.value))
    refusing = f"{PREFIX}ACCEPT_CONTENT"
    reader = f"without {refusing} json alone is accepted"
    accept = f"set {refusing} = ['json', {name!r}]"
    if accepted.setting is not None:
        refusing = accepted.setting.name
        listed = _listed(accepted.value)
        reader = f"{refusing} ({accepted.setting.where}) accepts {listed} alone"
        accept = f"add {name!r} to {refusing}"
    if sent.setting is not None and (name != "json" or accepted.setting is None):
        return Occurrence(
            f"{sent.setting.name} is {name!r}, but {reader}: {effect}",
            sent.setting.where,
            f"{_instead(name)}, or {accept}.",
        )
    assert accepted.setting is not None
    return Occurrence(
        f"{refusing} lacks {name!r}, so {effect}", accepted.setting.where, f"Add {name!r}."
    )


def _listed(names: frozenset[str]) -> str:
    return " and ".join(sorted(names))


def _instead(name: str) -> str:
    if name == "pickle":
        return "Write 'json' (a pickle can run any code in the worker)"
    return "Write 'json'"


def _imported_mismatch(facts: Facts) -> Iterator[Occurrence]:
    """The same of the settings in effect, where no line of them says it that can be read."""
    if facts.worker is None or facts.worker.app is None:
        return
    values = facts.worker.configuration
    sent, accepted = values.get("task_serializer"), values.get("accept_content")
    if sent is None or not isinstance(sent.value, str):
        return
    names = frozenset({"json"})
    if accepted is not None:
        if not isinstance(accepted.value, list):
            return
        names = frozenset(str(name).rpartition("/")[2] for name in accepted.value)
    setting = facts.settings.first(sent.source)
    if _refuses(Chosen(names), Chosen(frozenset({sent.value}))):
        yield Occurrence(
            f"task_serializer is {sent.value!r}, but accept_content is {_listed(names)}: the "
            "worker discards every task",
            setting.where if setting else facts.project.celery[0].where,
            f"{_instead(sent.value)}, or add {sent.value!r} to CELERY_ACCEPT_CONTENT.",
        )


@check("celery.W560", grouped=True)
def pickle_accepted(facts: Facts) -> Iterator[Occurrence]:
    """Messages may be pickles.

    What happens: Whoever can write to the broker can run code in the worker.
    How it looks: (nothing)
    Why: Unpickling can run arbitrary code.
    Fix: Send json, and pass what it can hold: ids, texts, numbers. Once no pickle waits any more,
        take "pickle" out of CELERY_ACCEPT_CONTENT.
    Source: https://docs.celeryq.dev/en/stable/userguide/security.html#serializers
    """
    for setting in facts.settings.named(*(f"{PREFIX}{key.upper()}" for key in ACCEPTING)):
        if any((text_of(node) or "") in PICKLE for node in ast.walk(setting.value)):
            yield Occurrence(
                f"{setting.name} accepts pickles: whoever can write to the broker can run code",
                setting.where,
                _without_pickles(facts, setting),
            )


# Its name, and the content type of a message that is one.
PICKLE = {"pickle", "application/x-python-serialize"}
# The settings that name what is accepted, with those that name what is written so.
ACCEPTING = {
    "accept_content": ("task_serializer", "result_serializer", "event_serializer"),
    "result_accept_content": ("result_serializer",),
}
# How many places a sentence names.
LISTED = 3


def _without_pickles(facts: Facts, setting: Setting) -> str:
    """The steps to a setting without pickle, in the order in which a running system takes them."""
    elements = elements_of(resolved(setting.code, setting.value))
    names = [text_of(element) or "" for element in elements]
    left = [name for name in names if name and name not in PICKLE]
    last = f"take 'pickle' out of {setting.name}"
    if names and "" not in names:
        last = f"write {setting.name} = {left or ['json']}"
    senders = _sends_pickles(facts, setting)
    if not senders:
        return f"{last[0].upper()}{last[1:]}: nothing in this code writes pickles."
    more = f" and {len(senders) - LISTED} more" if len(senders) > LISTED else ""
    named = ", ".join(senders[:LISTED]) + more
    first = f'write "json" in place of "pickle": {named}'
    steps = [first, f"when no older message or result is left, {last}"]
    if names and "" not in names and not left:
        # a worker that is still the old one would discard what the new web process sends
        steps.insert(0, f"write {setting.name} = ['json', 'pickle']")
    numbered = "; ".join(f"({number}) {step}" for number, step in enumerate(steps, 1))
    return f"One deployment after the other: {numbered}."


def _sends_pickles(facts: Facts, accepting: Setting) -> list[str]:
    """What writes pickles, each with its place."""
    keys = ACCEPTING[accepting.name.removeprefix(PREFIX).lower()]
    found = [
        f"{setting.name} ({setting.where})"
        for key in keys
        for setting, value in settings_of(facts, key)
        if text_of(default_of(value)) in PICKLE
    ]
    if "task_serializer" in keys:
        found += [
            f"serializer= of {what} ({code.where(node)})"
            for code, node, what in _own_serializers(facts)
            if text_of(node) in PICKLE
        ]
    return list(dict.fromkeys(found))


def _own_serializers(facts: Facts) -> Iterator[tuple[Code, ast.expr, str]]:
    """The serializers that tasks and calls name themselves."""
    for task in facts.tasks:
        if "serializer" in task.options:
            yield task.code, task.options["serializer"], task.node.name
    for code, call, _, task in task_calls(facts):
        for keyword in call.keywords:
            if keyword.arg == "serializer":
                yield code, keyword.value, task.node.name
    for code in facts.code.relevant:
        for call in code.calls_of("send_task"):
            name = text_of(call.args[0]) if call.args else None
            for keyword in call.keywords:
                if keyword.arg == "serializer" and is_of_celery(facts, call):
                    yield code, keyword.value, name or "the task"
