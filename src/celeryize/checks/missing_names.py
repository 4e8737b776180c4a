"""What to do about a name that an import of the project did not find."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

from celeryize.checks.facts import Facts
from celeryize.checks.facts.code import Code

if TYPE_CHECKING:
    from celeryize.probe.report import Failure

UNDEFINED = re.compile(r"name '(\w+)' is not defined")
NOT_IN_MODULE = re.compile(r"cannot import name '(\w+)' from '([\w.]+)'")
# The import that settings, an app file or tasks have forgotten.
IMPORTS = {
    "crontab": "from celery.schedules import crontab",
    "solar": "from celery.schedules import solar",
    "Celery": "from celery import Celery",
    "shared_task": "from celery import shared_task",
    "Queue": "from kombu import Queue",
    "Exchange": "from kombu import Exchange",
    "timedelta": "from datetime import timedelta",
    "datetime": "from datetime import datetime",
    "Path": "from pathlib import Path",
    "os": "import os",
    "sys": "import sys",
    "ssl": "import ssl",
    "settings": "from django.conf import settings",
    "timezone": "from django.utils import timezone",
    "transaction": "from django.db import transaction",
    "send_mail": "from django.core.mail import send_mail",
    "get_user_model": "from django.contrib.auth import get_user_model",
}
# What somebody means who imports one of these from celery itself.
OF_CELERY = {"task": "shared_task", "celery": "Celery", "celery_app": "Celery", "app": "Celery"}


def hint_for_name(facts: Facts, failure: Failure) -> str:
    """The import to add, or to correct; empty where the exception is about something else."""
    undefined = UNDEFINED.search(failure.message)
    if failure.type == "NameError" and undefined and undefined[1] in IMPORTS:
        return f"Add `{IMPORTS[undefined[1]]}` at the top of the file."
    lacking = NOT_IN_MODULE.search(failure.message)
    if failure.type != "ImportError" or lacking is None:
        return ""
    name, module = lacking.groups()
    if module == "celery" and name in OF_CELERY:
        return f"Write {OF_CELERY[name]} in place of {name}, here and where it is used."
    path = facts.modules.find(module)
    code = facts.code.parsed(path) if path is not None else None
    if code is None or module.split(".")[0] not in facts.code.own_packages:
        return ""
    app = next((one for one in facts.project.celery if one.module == module), None)
    meant = app.variable if app is not None else _nearest(code, name)
    if not meant or meant == name:
        return ""
    return f"{path} calls it {meant}: write `from {module} import {meant} as {name}`."


def _nearest(code: Code, name: str) -> str:
    """The name at the top of a module that is like another one."""
    names = {*code.imported, *(one.name for one in (*code.functions, *code.classes))}
    return next(iter(difflib.get_close_matches(name, sorted(names), 1, 0.75)), "")
