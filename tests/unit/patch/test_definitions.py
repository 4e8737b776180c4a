"""Definitions and the imports they need: a name of the module keeps its meaning."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from celeryize.errors import CannotPatch
from celeryize.patch.definitions import add_definitions
from celeryize.patch.source import Source

MAIL = "@shared_task\ndef mail() -> None:\n    send_mail()\n"
IMPORT = "from django.core.mail import send_mail"


def module(text: str) -> Source:
    return Source.decode(PurePosixPath("src/shop/tasks.py"), text.encode())


@pytest.mark.parametrize(
    "before",
    [
        "def send_mail():\n    ...\n",
        "from shop.mails import send_mail\n",
        "try:\n    from fast import send_mail\nexcept ImportError:\n    send_mail = None\n",
        "import send_mail\n",
        "from .mail import send_mail\n",
        "send_mail = print\n",
        "from shop.mails import fast as send_mail\n",
    ],
)
def test_a_name_that_means_something_else_is_not_imported_over_it(before):
    with pytest.raises(CannotPatch, match="another meaning for send_mail"):
        add_definitions(module(before), MAIL, [IMPORT])


@pytest.mark.parametrize(
    "before",
    [
        f"{IMPORT}\n",
        f"try:\n    {IMPORT}\nexcept ImportError:\n    raise\n",
        "def other():\n    send_mail = 1\n    return send_mail\n",
    ],
)
def test_the_same_name_from_the_same_place_is_no_other_meaning(before):
    assert add_definitions(module(before), MAIL, [IMPORT]).text.endswith(MAIL)


def test_a_relative_import_of_the_same_module_is_no_other_meaning():
    before = "if 1:\n    from ..doctors.models import Doctor\n"
    add_definitions(module(before), MAIL, ["from doctors.models import Doctor"])
