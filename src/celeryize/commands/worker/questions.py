"""What `add-worker` asks a person whose project has no deployment file: which kind to write."""

from __future__ import annotations

from dataclasses import replace

from celeryize.commands.worker.files import find_files
from celeryize.commands.worker.platforms import find_platform
from celeryize.commands.worker.request import KINDS, Request
from celeryize.detect.project import Project
from celeryize.ui.view import Choice, Question, View

MEANINGS = {
    "compose": "Docker Compose: a service each, and the broker",
    "procfile": "Heroku, Dokku, honcho: a line for each process",
    "systemd": "units for a server of your own",
    "kubernetes": "manifests, with their probes",
    "supervisor": "programs of a supervisord",
}


def ask_missing(project: Project, request: Request, view: View) -> Request:
    """The request with the kind of file that a person chooses, where nothing says it: no file of
    the project, and none of a platform."""
    if request.to is not None or not view.interactive or not project.celery:
        return request
    platform = find_platform(project.root)
    if (platform is not None and platform.processes) or find_files(project.root, project.base):
        return request
    choices = tuple(Choice(kind, MEANINGS[kind]) for kind in KINDS)
    question = Question(
        "There is no deployment file. Which kind is to be written?",
        "--to",
        choices,
        choices[0].value,
    )
    return replace(request, to=view.ask(question))
