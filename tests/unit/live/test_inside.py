"""live/inside.py: what it lays over a project's configuration wins, whatever Celery is installed."""

from __future__ import annotations

from collections import ChainMap
from pathlib import Path
from types import SimpleNamespace

import pytest

from celeryize.live import inside


class OldSettings(ChainMap):
    """The lookup of Celery 5.2 to 5.6: a name with the namespace is looked up everywhere first."""

    def __init__(self, settings: dict[str, object], prefix: str | None = "CELERY_") -> None:
        super().__init__({}, settings, {"broker_url": None, "result_backend": None})
        self.prefix = prefix

    @property
    def changes(self) -> dict[str, object]:
        return self.maps[0]  # type: ignore[return-value]

    def _to_keys(self, key: str) -> tuple[str, ...]:
        if self.prefix:
            return (self.prefix + key.upper(), key)
        return (key,)

    def __getitem__(self, key: str) -> object:
        for spelled in self._to_keys(key):
            if any(spelled in layer for layer in self.maps):
                return super().__getitem__(spelled)
        raise KeyError(key)


def test_a_setting_with_the_namespace_does_not_beat_ours():
    conf = OldSettings({"CELERY_BROKER_URL": "redis://theirs/0"})
    inside.lay_over(conf, {"broker_url": "filesystem://"})
    assert conf["broker_url"] == "filesystem://"


def test_without_a_namespace_the_plain_name_is_laid_over():
    conf = OldSettings({"broker_url": "redis://theirs/0"}, prefix=None)
    inside.lay_over(conf, {"broker_url": "filesystem://"})
    assert conf["broker_url"] == "filesystem://"


class Stubborn(dict):
    """A configuration that keeps a value of its own."""

    __getattr__ = dict.__getitem__


@pytest.mark.parametrize("kept", ["broker_url", "task_default_queue"])
def test_a_value_of_the_project_that_stays_is_refused(tmp_path: Path, kept: str):
    owned = {"broker_url": "filesystem://", "task_default_queue": "ours"}
    app = SimpleNamespace(conf=Stubborn({**owned, kept: "theirs"}))
    with pytest.raises(inside.Foreign, match=kept):
        inside.refuse_foreign(app, owned, {"configured": True, "folder": str(tmp_path)})


def test_a_configuration_that_is_ours_is_accepted(tmp_path: Path):
    owned = {"task_default_queue": "ours"}
    app = SimpleNamespace(conf=Stubborn(owned))
    inside.refuse_foreign(app, owned, {"configured": True, "folder": str(tmp_path)})
