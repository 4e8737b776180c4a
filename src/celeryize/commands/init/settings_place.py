"""Where a block of settings goes: one function for each shape of settings that projects have."""

from __future__ import annotations

from typing import Protocol

from celeryize.detect.project import Project
from celeryize.draft import Draft
from celeryize.patch.components import component
from celeryize.patch.definitions import import_block
from celeryize.patch.installed_apps import install_app
from celeryize.patch.settings import add_attributes, add_block
from celeryize.patch.source import Source, fitted


class Planning(Protocol):
    """The project, and the draft in which its settings are planned."""

    @property
    def project(self) -> Project:
        """The project."""

    @property
    def draft(self) -> Draft:
        """The draft of the plan."""


def write_settings(setup: Planning, block: str, imports: tuple[str, ...], what: str) -> bool:
    """Put the block where the settings take it; whether the project reads that place by its path.

    The next shape of settings is a condition here, and a function below.
    """
    settings = setup.project.settings
    if settings.split and block:
        _into_component(setup, block, imports, what)
        return True
    if settings.class_based:
        _into_class(setup, block, imports, what)
    else:
        _into_module(setup, block, imports, what)
    return False


def install_in_settings(project: Project, draft: Draft, app: str, what: str) -> None:
    """Add `app` to INSTALLED_APPS, unless it is there. Raises CannotPatch."""
    if app in project.settings.installed_apps:
        return
    path = project.settings.file
    if project.settings.installed_apps_where:
        path = project.settings.installed_apps_where.path
    draft.write(path, install_app(draft.source(path), app), what)


def _into_module(setup: Planning, block: str, imports: tuple[str, ...], what: str) -> None:
    """At the end of the settings module, or above a last line that has to stay the last one."""
    settings = setup.project.settings
    last = None
    if settings.last:
        last = settings.last.line
    source = setup.draft.source(settings.file)
    setup.draft.write(settings.file, add_block(source, block, list(imports), last), what)


def _into_class(setup: Planning, block: str, imports: tuple[str, ...], what: str) -> None:
    """As attributes of the settings class (django-configurations)."""
    settings = setup.project.settings
    assert settings.class_based is not None
    line = settings.class_based.line or 0
    after = add_attributes(setup.draft.source(settings.file), block, list(imports), line)
    setup.draft.write(settings.file, after, f"{what}, in the class at line {line}")


def _into_component(setup: Planning, block: str, imports: tuple[str, ...], what: str) -> None:
    """In a file of its own that the settings include (django-split-settings)."""
    draft = setup.draft
    file = setup.project.settings.file
    source = draft.source(file)
    relative, includes = component(source)
    path = file.parent / relative
    if includes != source:
        draft.write(file, includes, f"includes {relative}")
    if draft.read(path) is not None:
        draft.write(path, add_block(draft.source(path), block, list(imports)), what)
        return
    new = Source(path, "", style=draft.style)
    head = import_block(list(imports), draft.style)
    text = f"{head}\n\n{block}" if head else block
    draft.write(path, fitted(new, 0, text).replace("\n", source.newline).encode(), what)
