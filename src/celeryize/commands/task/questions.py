"""What `add-task` asks a person who left something out: the app, the name, the kind, parameters."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from functools import partial
from keyword import iskeyword

from celeryize.commands.asking import ask_in_row
from celeryize.commands.task.kinds import KINDS, Kind, find_kind
from celeryize.commands.task.parameters import check_address, parse_parameters, split_parameters
from celeryize.commands.task.place import AUTH_USER, django_user, named_model
from celeryize.commands.task.related import find_address
from celeryize.commands.task.remove import removable_tasks
from celeryize.commands.task.request import Request
from celeryize.detect.apps import App
from celeryize.detect.models import find_model, model_names
from celeryize.detect.project import Project
from celeryize.errors import CannotPatch, UsageError
from celeryize.patch.source import is_identifier
from celeryize.ui.view import Asker, Choice, Question, View

EXAMPLE = "celeryize add-task doctors.send_welcome_email name:str"
REMOVE_EXAMPLE = "celeryize remove-task doctors.send_welcome_email"
# More would not fit on a screen of 24 lines.
MOST_TASKS = 15
# The answer of who has no model with an address; no class has a name with a space.
NO_MODEL = "no model"


def require_target(request: Request, view: View) -> None:
    """Raise UsageError where the task is not named, and nobody can be asked."""
    if request.target or view.interactive:
        return
    raise UsageError("add-task needs APP.TASK", hint=f"For example: {EXAMPLE}")


def ask_missing(project: Project, request: Request, view: Asker) -> Request:
    """The request with what a person says to the questions that it leaves open.

    Only who has typed no name is asked for the kind and the parameters, too: they have defaults.
    """
    if "." in request.target or not view.interactive:
        return request
    return ask_in_row(view, partial(_ask_open, project, request))


def _ask_open(project: Project, request: Request, view: Asker) -> Request:
    app = _ask_app(project, view)
    if request.target:
        return replace(request, target=f"{_short_name(project, app)}.{request.target}")
    name = view.ask(
        Question(
            f"What is the new task of {app.name} called?",
            "APP.TASK",
            (),
            "",
            example="a name in Python, for example send_receipt",
            problem_of=_problem_of_name,
        )
    )
    request = replace(request, target=f"{_short_name(project, app)}.{name}")
    is_open = request.kind == "plain" and request.model is None and request.body_from is None
    if is_open:
        request = replace(request, kind=view.ask(_kind_question(project, app)))
    kind = find_kind(request.kind)
    if kind.needs_model and request.model is None:
        request = replace(request, model=view.ask(_model_question(project, app)))
    elif kind.needs_email_field and request.model is None and not request.parameters:
        request = replace(request, model=_ask_recipient(project, app, view))
    usual = kind.parameter and not kind.needs_email_field
    if not (request.parameters or usual or (kind.takes_key and request.model)):
        typed = view.ask(_parameter_question(kind))
        request = replace(request, parameters=split_parameters(typed))
    return request


def require_removed(target: str, view: View) -> None:
    """Raise UsageError where no task to remove is named, and nobody can be asked."""
    if not target and not view.interactive:
        raise UsageError("remove-task needs APP.TASK", hint=f"For example: {REMOVE_EXAMPLE}")


def ask_removed(project: Project, view: View) -> str:
    """The task to remove, as APP.TASK: one of those that add-task wrote."""
    names = removable_tasks(project)
    if not names:
        raise UsageError(
            "there is no task that celeryize remembers writing",
            hint="`celeryize tasks` lists all of them.",
        )
    shown = names[:MOST_TASKS]
    choices = tuple(Choice(name, "") for name in shown)
    other = "another task, APP.TASK ..."
    return view.ask(
        Question("Which task is to be removed?", "APP.TASK", choices, shown[0], other=other)
    )


def _ask_app(project: Project, view: Asker) -> App:
    """The app that gets the task: the only one, or the one that is chosen."""
    if not project.apps:
        raise UsageError("this project has no app", hint="Create one: manage.py startapp.")
    if len(project.apps) == 1:
        return project.apps[0]
    by_name = {_short_name(project, app): app for app in project.apps}
    choices = tuple(Choice(name, _meaning_of(app)) for name, app in by_name.items())
    question = Question("Which app gets the task?", "APP.TASK", choices, choices[0].value)
    return by_name[view.ask(question)]


def _meaning_of(app: App) -> str:
    if app.installed:
        return str(app.folder)
    return f"{app.folder}, which will be added to INSTALLED_APPS"


def _short_name(project: Project, app: App) -> str:
    """The label of an app, or its whole name where another one has the same label."""
    labels = Counter(other.label for other in project.apps)
    return app.label if labels[app.label] == 1 else app.name


def _problem_of_name(text: str) -> str:
    if is_identifier(text):
        return ""
    if iskeyword(text):
        return f"{text} is a word of Python itself. Type another name."
    app, dot, name = text.rpartition(".")
    if dot and is_identifier(name):
        return f"Type the name alone, {name}: the app is known already, not {app}."
    near = re.sub(r"\W+", "_", text).strip("_").lower()
    suggested = f" Did you mean {near}?" if is_identifier(near) else ""
    return f"{text} is not a valid name in Python: letters, digits and underscores.{suggested}"


def _kind_question(project: Project, app: App) -> Question:
    has_models = bool(_models(project, app))
    choices = tuple(
        Choice(kind.name, kind.meaning) for kind in KINDS if has_models or not kind.needs_model
    )
    return Question("What does it do?", "--kind", choices, "plain")


def _model_question(project: Project, app: App) -> Question:
    choices = tuple(Choice(name, f"of {app.name}") for name in _models(project, app))
    return Question(
        "Which model does it work on?",
        "--model",
        choices,
        choices[0].value if choices else "",
        other="another model, APP.MODEL ...",
        problem_of=partial(_problem_of_model, project, app, find_kind("model")),
    )


def _problem_of_model(project: Project, app: App, kind: Kind, text: str) -> str:
    """What is wrong with a model that was typed for a kind of task."""
    try:
        model = named_model(project, app, text)
    except UsageError as error:
        return f"{error.message}. {error.hint}"
    if kind.needs_email_field:
        try:
            find_address(project, model)
        except UsageError as error:
            return f"{error.message}. Type another model."
    return ""


def _ask_recipient(project: Project, app: App, view: Asker) -> str | None:
    """The model with the address of a mail; None where the address is a parameter."""
    own = [Choice(name, f"of {app.name}") for name in _with_address(project, app)]
    others = [
        Choice(f"{_short_name(project, other)}.{name}", f"of {other.name}")
        for other in project.apps
        if other != app
        for name in _with_address(project, other)
    ]
    if django_user(project) is not None:
        others.append(Choice(AUTH_USER, "Django's own users"))
    choices = (
        Choice(NO_MODEL, "the address is a parameter of the task"),
        *(own + others)[:MOST_TASKS],
    )
    question = Question(
        "Which model has the address?",
        "--model",
        choices,
        NO_MODEL,
        other="another model, APP.MODEL ...",
        problem_of=partial(_problem_of_model, project, app, find_kind("email")),
    )
    answer = view.ask(question)
    return None if answer == NO_MODEL else answer


def _with_address(project: Project, app: App) -> list[str]:
    """The models of an app that certainly have an e-mail field."""
    found = [find_model(project.modules, app, name) for name in model_names(project.modules, app)]
    return [model.name for model in found if model is not None and model.addresses]


def _models(project: Project, app: App) -> list[str]:
    names = model_names(project.modules, app)
    return [name for name in names if find_model(project.modules, app, name) is not None]


def _parameter_question(kind: Kind) -> Question:
    """Which parameters it takes: what the kind cannot work with is asked again, as is a typo."""
    return Question(
        "Which parameters does it take?",
        "NAME:TYPE",
        (),
        "",
        example=f"for example: {kind.example}; Enter for {kind.parameter or 'none'}",
        optional=True,
        problem_of=partial(_problem_of_parameters, kind),
    )


def _problem_of_parameters(kind: Kind, text: str) -> str:
    try:
        parameters = parse_parameters(split_parameters(text), kind, None)
        check_address(kind, None, parameters, at_prompt=True)
    except (UsageError, CannotPatch) as error:
        return f"{error.message}. {error.hint}"
    return ""
