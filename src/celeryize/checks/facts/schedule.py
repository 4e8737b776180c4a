"""The Beat schedule, where the code writes it as a dict."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from celeryize.checks.facts.code import Code, CodeFacts
from celeryize.checks.facts.literals import dotted, text_of
from celeryize.checks.facts.settings import SettingsFacts
from celeryize.model import Where

SETTINGS = ("CELERY_BEAT_SCHEDULE", "CELERYBEAT_SCHEDULE")
CONF_ATTRIBUTES = (".conf.beat_schedule", ".conf.CELERYBEAT_SCHEDULE")


@dataclass(frozen=True, slots=True)
class WrittenEntry:
    """An entry of the Beat schedule that the code writes as a dict."""

    name: str
    node: ast.Dict
    fields: Mapping[str, ast.expr]
    code: Code

    @property
    def where(self) -> Where:
        """The line of the entry."""
        return self.code.where(self.node)

    @property
    def task(self) -> str | None:
        """The name of its task, where it is a literal."""
        return text_of(self.fields.get("task"))


@dataclass(frozen=True, eq=False)
class ScheduleFacts:
    """The dicts that hold the Beat schedule, and their entries."""

    code: CodeFacts
    settings: SettingsFacts

    @cached_property
    def dicts(self) -> tuple[tuple[Code, ast.Dict], ...]:
        """The dicts in the settings, and those assigned to `app.conf` in the app file."""
        found: list[tuple[Code, ast.Dict]] = []
        for setting in self.settings.named(*SETTINGS):
            if isinstance(setting.value, ast.Dict):
                found.append((setting.code, setting.value))
        # assigning to app.conf replaces the setting, so both places count
        for code in self.code.relevant:
            for node in code.assigns:
                if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict):
                    if dotted(node.targets[0]).endswith(CONF_ATTRIBUTES):
                        found.append((code, node.value))
        return tuple(found)

    @cached_property
    def entries(self) -> tuple[WrittenEntry, ...]:
        """The entries of the schedule that are dict literals."""
        return tuple(
            entry for code, schedule in self.dicts for entry in _entries_of(code, schedule)
        )


def _entries_of(code: Code, schedule: ast.Dict) -> Iterator[WrittenEntry]:
    for key, value in zip(schedule.keys, schedule.values, strict=True):
        # `**common` inside an entry may bring any field
        if not isinstance(value, ast.Dict) or None in value.keys:
            continue
        name = text_of(key)
        if name is None:
            name = ""
            if key is not None:
                name = ast.unparse(key)
        yield WrittenEntry(name, value, _fields_of(value), code)


def _fields_of(entry: ast.Dict) -> dict[str, ast.expr]:
    fields: dict[str, ast.expr] = {}
    for key, value in zip(entry.keys, entry.values, strict=True):
        name = text_of(key)
        if name:
            fields[name] = value
    return fields
