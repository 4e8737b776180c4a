"""The broker and the result backend that settings name already, before Celery is set up."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from celeryize.brokers import find_broker, find_result_backend
from celeryize.detect.project import Project
from celeryize.model import Where
from celeryize.urls import holds_password

# The settings that answer a question of init.
_QUESTIONS = {"CELERY_BROKER_URL": "broker", "CELERY_RESULT_BACKEND": "result_backend"}


@dataclass(frozen=True, slots=True)
class SettingInUse:
    """A setting that stays as it is: the question that it answers, the answer, and its place."""

    question: str
    answer: str
    where: Where

    @property
    def note(self) -> str:
        """The sentence for a user who asks for something else."""
        flag = self.question.replace("_", "-")
        return (
            f"{self.where} sets it already: {self.answer} is kept, and --{flag} changed nothing. "
            "Edit that line to change it."
        )


def settings_in_use(project: Project) -> Iterator[SettingInUse]:
    """The answers that the settings of a project without a Celery app hold already."""
    if project.celery:
        return
    for name, question in _QUESTIONS.items():
        where = project.settings.assigned.get(name)
        if where is None or name not in project.settings.taken:
            continue
        url = _url_of(project, where)
        if url and not holds_password(url):
            yield SettingInUse(question, _answer_for(question, url), where)


def answer_in_use(project: Project, question: str) -> str | None:
    """The broker or result backend that the settings of any project name; None where the text does
    not show it, or it holds a password.
    """
    name = next(name for name, asked in _QUESTIONS.items() if asked == question)
    where = project.settings.assigned.get(name)
    if where is None:
        return None
    url = _url_of(project, where)
    if not url or holds_password(url):
        return None
    return _answer_for(question, url)


def answers_in_effect(project: Project) -> dict[str, object]:
    """The answers that an existing set-up gives by what it has."""
    found: dict[str, object] = {
        question: answer
        for question in _QUESTIONS.values()
        if (answer := answer_in_use(project, question)) is not None
    }
    if "CELERY_RESULT_BACKEND" not in project.settings.assigned:
        found["result_backend"] = "none"
    found["beat"] = "CELERY_BEAT_SCHEDULE" in project.settings.assigned
    return found


def keeps_unknown_broker(project: Project) -> bool:
    """Whether the settings name a broker whose kind the text does not show: its options are not
    for us to write.
    """
    known = {kept.question for kept in settings_in_use(project)}
    return "CELERY_BROKER_URL" in project.settings.taken and "broker" not in known


def _answer_for(question: str, url: str) -> str:
    """The name of a broker or result backend; the URL itself where it has no entry."""
    entry = find_broker(url) if question == "broker" else find_result_backend(url)
    if entry is None or entry.name == "filesystem":
        return url
    return entry.name


def _url_of(project: Project, where: Where) -> str:
    """The URL in the expression that a setting is set to: itself, or the default of a call."""
    for node in ast.walk(project.modules.tree(where.path)):
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.lineno == where.line:
            value = node.value
            if isinstance(value, ast.Name) and value.id in project.settings.assigned:
                return _url_of(project, project.settings.assigned[value.id])
            texts = [
                n.value
                for n in ast.walk(value or node)
                if isinstance(n, ast.Constant) and isinstance(n.value, str)
            ]
            urls = [text for text in texts if "://" in text or text in ("django-db", "rpc")]
            if len(urls) == 1:
                return urls[0]
    return ""
