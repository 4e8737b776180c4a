"""The settings as the code assigns them, in all files that they may come from."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

from celeryize.checks.facts.code import TESTS, Code, CodeFacts
from celeryize.checks.facts.literals import text_of
from celeryize.detect.project import Project
from celeryize.model import Where
from celeryize.patch.nodes import walk

FOLDERS = {"settings", "components", "environments", "conf"}
# What the constructor of Celery() calls some of the settings.
ARGUMENTS = {"broker_url": "broker", "result_backend": "backend"}


@dataclass(frozen=True, slots=True)
class Setting:
    """One assignment of a setting. `conditional`: it is inside an `if`, a `try` or a class."""

    name: str
    value: ast.expr
    where: Where
    code: Code
    conditional: bool


@dataclass(frozen=True, eq=False)
class SettingsFacts:
    """The assignments of the settings; iterating gives all of them, file by file."""

    project: Project
    code: CodeFacts

    def __iter__(self) -> Iterator[Setting]:
        return iter(self.assignments)

    @property
    def files(self) -> tuple[PurePosixPath, ...]:
        """Every file that settings may come from."""
        return self.code.settings_files

    @cached_property
    def assignments(self) -> tuple[Setting, ...]:
        """Every assignment of a name outside of a function, also in an `if`, `try` or class."""
        return tuple(setting for path in self.files for setting in self._assignments_in(path))

    def _assignments_in(self, path: PurePosixPath) -> Iterator[Setting]:
        code = self.code.parsed(path)
        for node in code.assigns if code else ():
            if code is None or isinstance(node, ast.AugAssign) or node.value is None:
                continue
            if not code.at_top(node):
                continue
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            conditional = not isinstance(code.parents[node], ast.Module)
            for target in targets:
                if isinstance(target, ast.Name):
                    yield Setting(target.id, node.value, code.where(node), code, conditional)

    def first(self, *names: str) -> Setting | None:
        """The assignment of a setting that counts, under the first of its names that is assigned.

        Of the first file that assigns it, that is the last one that is not conditional.
        """
        for name in names:
            found = [setting for setting in self if setting.name == name]
            if not found:
                continue
            same = [setting for setting in found if setting.code is found[0].code]
            certain = [setting for setting in same if not setting.conditional]
            return (certain or same)[-1]
        return None

    def named(self, *names: str) -> Iterator[Setting]:
        """Every assignment of some settings."""
        return (setting for setting in self if setting.name in names)

    def is_set(self, key: str) -> bool:
        """Whether a Celery setting (`result_backend`) is set by any means that can be seen."""
        spellings = {f"CELERY_{key.upper()}", key.upper(), key}
        if any(setting.name in spellings for setting in self):
            return True
        argument = ARGUMENTS.get(key, key)
        for app in self.project.celery:
            # app.conf.update(...) may set anything
            if any(name in {key, "update"} for name, _ in app.conf_writes):
                return True
            if {argument, "config_source"} & set(app.constructor):
                return True
        return False

    def has_text(self, text: str) -> bool:
        """Whether the settings hold a string."""
        return text in self._texts

    def mentions_app(self, app: str) -> bool:
        """Whether a string of the settings is the name of an app, or of its AppConfig."""
        return any(text == app or text.startswith(f"{app}.apps") for text in self._texts)

    @cached_property
    def _texts(self) -> frozenset[str]:
        """Every string of the settings files."""
        trees = (self.project.modules.tree(path) for path in self.files)
        texts = (text_of(node) for tree in trees for node in walk(tree))
        return frozenset(text for text in texts if text)


def settings_files(project: Project) -> tuple[PurePosixPath, ...]:
    """Every file that settings may come from: what is star-imported, and what is beside it."""
    modules = project.modules
    found = [*project.settings.reachable]
    for name in _named_modules(project):
        path = modules.find(name)
        if path is not None:
            found.append(path)
    # the list grows while it is read: a star import may lead to another one
    for path in found:
        for node in walk(modules.tree(path)):
            if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
                other = modules.find(modules.absolute(node, path))
                if other is not None and other not in found:
                    found.append(other)
    for folder in sorted({path.parent for path in found if path.parent.name in FOLDERS}):
        found += modules.python_files(folder, 1)
    return tuple(path for path in dict.fromkeys(found) if not TESTS.search(str(path)))


def _named_modules(project: Project) -> Iterator[str]:
    """The settings modules that manage.py, wsgi.py and their like name."""
    yield project.settings.module
    yield from project.settings.environments
    for name, _ in project.layout.environments:
        yield name
