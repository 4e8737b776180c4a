"""The Beat schedule, where the code writes it: dicts, `dict(...)`, items that are added later."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from celeryize.checks.facts.code import Code, CodeFacts
from celeryize.checks.facts.literals import Pair, pairs_of, text_of
from celeryize.checks.facts.settings import SettingsFacts
from celeryize.model import Where
from celeryize.patch.nodes import dotted

SETTINGS = ("CELERY_BEAT_SCHEDULE", "CELERYBEAT_SCHEDULE")
CONF_ATTRIBUTES = (".conf.beat_schedule", ".conf.CELERYBEAT_SCHEDULE")


@dataclass(frozen=True, slots=True)
class WrittenEntry:
    """An entry of the Beat schedule that the code writes.

    `node` is its dict; of `dict(...)`, one that is made of the call (`is_literal` is then False,
    and so is what the text has no `{` for).
    """

    name: str
    node: ast.Dict
    fields: Mapping[str, ast.expr]
    code: Code
    is_literal: bool = True

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
        """The dict literals in the settings, and those assigned to `app.conf` in the app file."""
        return tuple((code, node) for code, node in self._holders if isinstance(node, ast.Dict))

    @cached_property
    def _holders(self) -> tuple[tuple[Code, ast.expr], ...]:
        """The values of the schedule: dicts, and calls of dict()."""
        found: list[tuple[Code, ast.expr]] = []
        for setting in self.settings.named(*SETTINGS):
            found.append((setting.code, setting.value))
        # assigning to app.conf replaces the setting, so both places count
        for code in self.code.relevant:
            for node in code.assigns:
                if isinstance(node, ast.Assign) and dotted(node.targets[0]).endswith(
                    CONF_ATTRIBUTES
                ):
                    found.append((code, node.value))
        return tuple(found)

    @cached_property
    def entries(self) -> tuple[WrittenEntry, ...]:
        """The entries of the schedule whose fields the code shows."""
        found = [
            entry
            for code, holder in self._holders
            for pair in pairs_of(holder) or ()
            for entry in _entry_of(code, pair)
        ]
        found += [entry for code in self._schedule_files for entry in _added_entries(code)]
        return tuple(found)

    @cached_property
    def _schedule_files(self) -> tuple[Code, ...]:
        """The files that name the schedule: the settings, and the app file."""
        codes = {code.path: code for code in self.code.relevant if "SCHEDULE" in code.source.text}
        codes |= {c.path: c for c in self.code.relevant if "beat_schedule" in c.source.text}
        return tuple(codes.values())


def _is_schedule(node: ast.expr) -> bool:
    spelled = dotted(node)
    return spelled in SETTINGS or spelled.endswith(CONF_ATTRIBUTES)


def _added_entries(code: Code) -> Iterator[WrittenEntry]:
    """The entries of `SCHEDULE["name"] = {...}`, of `.update({...})` and of `|= {...}`."""
    for node in code.assigns:
        value = node.value
        if value is None:
            continue
        if isinstance(node, ast.AugAssign) and _is_schedule(node.target):
            for pair in pairs_of(value) or ():
                yield from _entry_of(code, pair)
        for target in node.targets if isinstance(node, ast.Assign) else ():
            if isinstance(target, ast.Subscript) and _is_schedule(target.value):
                yield from _entry_of(code, Pair(target.slice, value))
    for call in code.calls:
        if not isinstance(call.func, ast.Attribute) or call.func.attr != "update":
            continue
        if _is_schedule(call.func.value) and call.args:
            for pair in pairs_of(call.args[0]) or ():
                yield from _entry_of(code, pair)


def _entry_of(code: Code, pair: Pair) -> Iterator[WrittenEntry]:
    value = _resolved(code, pair.value)
    # `**common` inside an entry may bring any field
    if isinstance(value, ast.Dict) and None in value.keys:
        return
    if isinstance(value, ast.Call) and (value.args or any(k.arg is None for k in value.keywords)):
        return
    found = pairs_of(value)
    if found is None:
        return
    name = text_of(pair.key)
    if name is None:
        name = ast.unparse(pair.key)
    fields = {text_of(inner.key) or "": inner.value for inner in found}
    fields.pop("", None)
    if isinstance(value, ast.Dict):
        yield WrittenEntry(name, value, fields, code, is_literal=value is pair.value)
        return
    made = ast.Dict([inner.key for inner in found], [inner.value for inner in found])
    yield WrittenEntry(name, ast.copy_location(made, value), fields, code, is_literal=False)


def _resolved(code: Code, node: ast.expr) -> ast.expr:
    """What a variable of the file's top level holds, where it is assigned once."""
    if not isinstance(node, ast.Name):
        return node
    values = [
        statement.value
        for statement in code.source.tree.body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name) and target.id == node.id
    ]
    if len(values) == 1:
        return values[0]
    return node
