"""The Django apps of the project itself: where they live, and whether INSTALLED_APPS names them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from celeryize.detect.modules import Modules, is_foreign
from celeryize.detect.settings import Settings
from celeryize.reading import is_folder, list_folder

APP_FILES = ("apps.py", "models.py", "models/__init__.py")
# What settings look for their apps with, where the text does not name them.
LOOKS_INTO_FOLDERS = re.compile(
    r"\b(i?glob|rglob|listdir|iterdir|scandir|walk|iter_modules|walk_packages|find_packages)\("
)
# INSTALLED_APPS, or LOCAL_APPS that go into it; APPS_DIR is a folder.
FILLS_APPS = re.compile(r"\b\w*APPS\b\s*(:[^=\n]*)?(\+?=[^=]|\.(append|extend|insert)\()")


@dataclass(frozen=True, slots=True)
class App:
    """An app of the project: its dotted name, its label, its folder."""

    name: str
    folder: PurePosixPath
    installed: bool

    @property
    def label(self) -> str:
        """The last part of the name, as `startapp` makes it."""
        return self.name.rsplit(".", 1)[-1]


def find_apps(modules: Modules, settings: Settings) -> tuple[App, ...]:
    """The apps that INSTALLED_APPS names and that lie in the tree, then those that lie there
    unnamed: installed, too, where the settings look for apps in folders."""
    apps: dict[str, App] = {}
    for entry in settings.installed_apps:
        name = _app_of(modules, entry)
        folder = None
        if name:
            folder = modules.folder(name)
        if name and folder:
            apps.setdefault(name, App(name, folder, installed=True))
    modules.name_packages({app.folder: app.name for app in apps.values()} | _home_of(settings))
    # apps that exist but are not installed: a frequent reason for missing tasks
    known = {app.folder for app in apps.values()}
    found_by_code = any(_looks_for_apps(modules, path) for path in settings.reachable)
    for base in modules.roots:
        for folder in _app_folders(modules, base, levels=2):
            name = modules.name_of(folder / "__init__.py")
            if name and folder not in known:
                apps.setdefault(name, App(name, folder, installed=found_by_code))
    return tuple(apps.values())


def _looks_for_apps(modules: Modules, path: PurePosixPath) -> bool:
    """Whether a settings file makes INSTALLED_APPS, or a list for it, of what is in a folder."""
    source = modules.source(path)
    if source is None or not LOOKS_INTO_FOLDERS.search(source.text):
        return False
    return any(
        LOOKS_INTO_FOLDERS.search(text) and FILLS_APPS.search(text)
        for text in map(source.segment, source.tree.body)
    )


def _app_of(modules: Modules, entry: str) -> str | None:
    """The app's module: the entry itself, or what comes before `.apps.SomeConfig`."""
    if modules.folder(entry) is not None:
        return entry
    module, _, last = entry.rpartition(".")
    # `shop.apps.ShopConfig`
    if last[:1].isupper() and modules.find(module) is not None:
        package = module
        if module.endswith(".apps"):
            package = module.rpartition(".")[0]
        if modules.folder(package) is not None:
            return package
        return None
    return None


def _home_of(settings: Settings) -> dict[PurePosixPath, str]:
    """The outermost package of the settings, and the name that the project imports it by."""
    package = settings.module.split(".")[:-1]
    folder = settings.file.parent
    if not package or folder.parts[-len(package) :] != tuple(package):
        return {}
    for _ in package[1:]:
        folder = folder.parent
    return {folder: package[0]}


def _app_folders(modules: Modules, base: PurePosixPath, levels: int) -> list[PurePosixPath]:
    found: list[PurePosixPath] = []
    for entry in list_folder(modules.root / base):
        if not is_folder(entry) or is_foreign(entry):
            continue
        folder = base / entry.name
        if (entry / "__init__.py").is_file() and any(
            (entry / name).is_file() for name in APP_FILES
        ):
            found.append(folder)
        elif levels > 1 and (entry / "__init__.py").is_file():
            found += _app_folders(modules, folder, levels - 1)
    return found
