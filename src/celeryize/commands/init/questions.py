"""The four questions of init, as a person is asked them: what each answer means."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial

from celeryize.brokers import BROKERS, PROFILES, RESULT_BACKENDS, question_data
from celeryize.commands.asking import ask_in_row
from celeryize.ui.view import Asker, Choice, Question
from celeryize.urls import redacted

# As the validators of templates/init/copier.yml have it: printable ASCII without quotes.
URL = re.compile(r"[a-z][a-z0-9+]*://[!#-&(-~]*")
PROFILE_MEANINGS = {
    "minimal": "eight lines, the rest as Celery has it",
    "standard": "time limits, late acknowledgement, sane prefetch; commented",
    "production": "also a queue of its own, time-outs, graceful stop, events",
}


def ask_missing(known: Mapping[str, object], view: Asker) -> dict[str, object]:
    """The answers that are known, and those that a person gives to the other questions."""
    return ask_in_row(view, partial(_ask_open, known))


def _ask_open(known: Mapping[str, object], view: Asker) -> dict[str, object]:
    answers = dict(known)
    if "broker" not in answers:
        answers["broker"] = view.ask(_broker_question())
    if "result_backend" not in answers:
        answers["result_backend"] = view.ask(_result_question(str(answers["broker"])))
    if "profile" not in answers:
        choices = tuple(Choice(name, PROFILE_MEANINGS[name]) for name in PROFILES)
        text = "How much should the settings say?"
        answers["profile"] = view.ask(Question(text, "--profile", choices, "standard"))
    if "beat" not in answers:
        answers["beat"] = view.ask(_beat_question()) == "yes"
    return answers


def _broker_question() -> Question:
    choices = tuple(Choice(broker.name, broker.meaning) for broker in BROKERS)
    return Question(
        "Which broker carries the messages to the worker?",
        "--broker",
        choices,
        choices[0].value,
        other="another URL ...",
        problem_of=_problem_of_url,
    )


def _result_question(broker: str) -> Question:
    """The default is what goes with the broker."""
    offered = [backend for backend in RESULT_BACKENDS if backend.offered]
    by_scheme = question_data()["result_backend_by_scheme"]
    assert isinstance(by_scheme, dict)
    default = by_scheme.get(broker.split(":")[0].split("+")[0], "none")
    return Question(
        "Where are the results of tasks kept?",
        "--result-backend",
        tuple(Choice(backend.name, backend.meaning) for backend in offered),
        default,
        other="another URL ...",
        problem_of=_problem_of_url,
    )


def _beat_question() -> Question:
    return Question(
        "Do you need periodic tasks (Celery Beat)?",
        "--beat",
        (
            Choice("no", "nothing runs by the clock; it can be added later"),
            Choice("yes", "an empty CELERY_BEAT_SCHEDULE, and a second process"),
        ),
        "no",
    )


def _problem_of_url(text: str) -> str:
    """What is wrong with a URL; empty where nothing is."""
    if URL.fullmatch(text):
        return ""
    return (
        f"{redacted(text)!r} is not a URL. It begins with a scheme and ://, and has no blanks and "
        "no quotes: redis://host:6379/0, amqp://user:password@host//"
    )
