"""The questions of init: each answer says what it means, on one line of a narrow terminal."""

from __future__ import annotations

import pytest

from celeryize.commands.init.questions import ask_missing
from celeryize.ui.questions import _titles
from celeryize.ui.view import Question
from tests.views import Recorder


class Asked(Recorder):
    def __init__(self) -> None:
        super().__init__()
        self.questions: list[Question] = []

    def ask(self, question: Question) -> str:
        self.questions.append(question)
        return question.default


def test_what_is_known_is_not_asked():
    view = Asked()
    answers = ask_missing({"broker": "rabbitmq", "profile": "minimal"}, view)
    assert [question.flag for question in view.questions] == ["--result-backend", "--beat"]
    # what goes with the broker
    assert answers == {
        "broker": "rabbitmq",
        "profile": "minimal",
        "result_backend": "rpc",
        "beat": False,
    }


def test_every_answer_has_a_meaning_and_fits_on_its_line():
    view = Asked()
    ask_missing({}, view)
    assert len(view.questions) == 4
    for question in view.questions:
        assert len(f" {question.text}  ({question.flag})") <= 80
        assert all(choice.meaning for choice in question.choices)
        assert all(len(title) <= 74 for title in _titles(list(question.choices)))
        assert question.default in {choice.value for choice in question.choices}


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("redis://host:6379/0", True),
        ("amqps://user:pa55@host//", True),
        ("sqla+postgresql://db/x", True),
        ("redis:/host", False),
        ("host", False),
        ("redis://a b", False),
        ("redis://'x'", False),
    ],
)
def test_a_url_of_ones_own_is_checked_and_the_problem_is_whole(text, valid):
    view = Asked()
    ask_missing({}, view)
    problem = view.questions[0].problem_of(text)
    assert (problem == "") is valid
    if not valid:
        assert "redis://host:6379/0" in problem and text in problem
