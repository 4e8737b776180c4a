"""Questions in a row, with a way back from each to the one before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from celeryize.ui.view import Asker, GoBack, Question

Answered = TypeVar("Answered")


def ask_in_row(asker: Asker, ask: Callable[[Asker], Answered]) -> Answered:
    """What `ask` makes of the answers to its questions.

    A person who goes back takes the last answer back: `ask` runs again with the others, so that
    what it asks may follow from its answers, and changes nothing itself.
    """
    row = _Row(asker)
    while True:
        try:
            return ask(row)
        except GoBack:
            row.take_back()


@dataclass(slots=True)
class _Row:
    """Gives the answers that are known already, in their order, and asks for the next one."""

    asker: Asker
    answers: list[str] = field(default_factory=list)
    at: int = 0
    taken_back: str | None = None

    @property
    def interactive(self) -> bool:
        """Whether a person can be asked."""
        return self.asker.interactive

    def ask(self, question: Question) -> str:
        """The answer that is known, or the one of the person."""
        if self.at == len(self.answers):
            self.answers.append(self.asker.ask(self._with_way_back(question)))
            self.taken_back = None
        self.at += 1
        return self.answers[self.at - 1]

    def take_back(self) -> None:
        """Forget the last answer, and begin again."""
        self.taken_back = self.answers.pop()
        self.at = 0

    def _with_way_back(self, question: Question) -> Question:
        """The question as it is asked: the first one has none before it, and the answer that was
        taken back is where the pointer was."""
        asked = replace(question, has_way_back=bool(self.answers))
        if any(choice.value == self.taken_back for choice in question.choices):
            return replace(asked, default=str(self.taken_back))
        return asked
