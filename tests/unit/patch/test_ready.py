"""patch/ready.py: the app's configuration imports its signals, and nothing else changes."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from celeryize.errors import CannotPatch
from celeryize.patch.ready import import_signals, new_configuration
from celeryize.patch.source import Source
from tests.patching import stays, transforms

CLASS = 'from django.apps import AppConfig\n\n\nclass ShopConfig(AppConfig):\n    name = "shop"\n'
READY = "\n    def ready(self):\n        from . import signals  # noqa: F401\n"


def source(text: str) -> Source:
    return Source.decode(PurePosixPath("shop/apps.py"), text.encode())


def signals_imported(text: str) -> str:
    return import_signals(source(text)).text


def test_a_class_without_ready_gets_it():
    transforms(signals_imported, CLASS, CLASS + READY)


def test_windows_newlines_and_tabs_are_kept():
    before = CLASS.replace("    ", "\t").replace("\n", "\r\n")
    transforms(signals_imported, before, before + READY.replace("    ", "\t").replace("\n", "\r\n"))


def test_a_file_without_a_final_newline_is_continued():
    transforms(signals_imported, CLASS.rstrip("\n"), CLASS + READY)


def test_an_existing_ready_gets_the_import_first():
    ready = "\n    def ready(self):\n        check()  # why\n"
    transforms(signals_imported, CLASS + ready, CLASS + READY + "        check()  # why\n")


def test_a_docstring_of_ready_stays_first():
    head = CLASS + '\n    def ready(self):\n        """Start."""\n'
    transforms(
        signals_imported,
        f"{head}        check()\n",
        f"{head}        from . import signals  # noqa: F401\n        check()\n",
    )


@pytest.mark.parametrize(
    "line", ["import shop.signals", "from shop import signals", "from .signals import *"]
)
def test_signals_that_are_imported_already_are_left_alone(line):
    text = f"{CLASS}\n    def ready(self):\n        {line}\n"
    stays(signals_imported, text)


@pytest.mark.parametrize("text", ["", CLASS + CLASS.replace("Shop", "Other")])
def test_without_exactly_one_configuration_it_is_refused_with_the_lines(text):
    with pytest.raises(CannotPatch, match="AppConfig") as caught:
        import_signals(source(text))
    assert "from . import signals" in caught.value.snippet


def test_a_new_configuration_is_one_that_needs_nothing_more():
    text = new_configuration("clinic.shop_floor")
    assert 'class ShopFloorConfig(AppConfig):\n    name = "clinic.shop_floor"\n' in text
    stays(signals_imported, text)
