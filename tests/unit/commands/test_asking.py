"""Questions in a row: the answers that are kept, and the one that is taken back."""

from __future__ import annotations

import pytest

from celeryize.commands.asking import ask_in_row
from celeryize.ui.view import Asker, Choice, GoBack, Question

KINDS = tuple(Choice(name, "") for name in ("plain", "email"))


class Person:
    """Answers in order; "<" goes back."""

    interactive = True

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, str, bool]] = []

    def ask(self, question: Question) -> str:
        self.asked.append((question.flag, question.default, question.has_way_back))
        answer = self.answers.pop(0)
        if answer == "<":
            raise GoBack
        return answer


def dialogue(asker: Asker) -> tuple[str, ...]:
    """Three questions: what the second is follows from the first."""
    kind = asker.ask(Question("Which?", "--kind", KINDS, "plain"))
    detail = asker.ask(Question("To whom?", f"--{kind}", (), ""))
    return kind, detail, asker.ask(Question("Called?", "NAME", (), "usual", optional=True))


def test_without_a_way_back_each_question_is_asked_once():
    person = Person("plain", "x", "name")
    assert ask_in_row(person, dialogue) == ("plain", "x", "name")
    assert person.asked == [
        ("--kind", "plain", False),
        ("--plain", "", True),
        ("NAME", "usual", True),
    ]


@pytest.mark.parametrize(
    ("typed", "answers"),
    [
        (("email", "x", "<", "y", "name"), ("email", "y", "name")),
        (("email", "<", "plain", "y", "name"), ("plain", "y", "name")),
        (("email", "x", "<", "<", "plain", "y", "name"), ("plain", "y", "name")),
    ],
)
def test_a_way_back_takes_the_last_answer_back(typed, answers):
    assert ask_in_row(Person(*typed), dialogue) == answers


def test_the_answer_that_was_taken_back_is_pointed_at_and_no_text_is_prefilled():
    person = Person("email", "x", "<", "<", "email", "y", "name")
    ask_in_row(person, dialogue)
    assert person.asked[2:] == [
        ("NAME", "usual", True),
        ("--email", "", True),
        ("--kind", "email", False),
        ("--email", "", True),
        ("NAME", "usual", True),
    ]
