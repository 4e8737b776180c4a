"""All facts of a project in one frozen value, each with the place it was read from."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from celeryize.detect.apps import App, find_apps
from celeryize.detect.celery import CeleryApp, find_celery
from celeryize.detect.chosen_app import choose_app, find_start_spec
from celeryize.detect.dependencies import Dependencies
from celeryize.detect.environment import Environment, find_environment
from celeryize.detect.interpreter import Interpreter
from celeryize.detect.layout import Layout
from celeryize.detect.modules import Modules
from celeryize.detect.package import Package, find_package, named_package, package_of_apps
from celeryize.detect.path_changes import folders_with_apps
from celeryize.detect.settings import ReaderKind, Settings, find_settings, unknown_settings
from celeryize.detect.web_entries import WebEntry, find_web_entries
from celeryize.detect.web_settings import deciding_entries, entries_agree, entries_below
from celeryize.draft import Draft
from celeryize.patch.style import Style

# What the settings lead to, and nothing else.
OF_SETTINGS = frozenset({"settings", "settings file", "package", "environment"})


@dataclass(frozen=True, slots=True)
class Recognised:
    """One line of what was recognised: a label, what it is, and where that was read."""

    label: str
    value: str
    where: str = ""

    @property
    def key(self) -> str:
        """The label as a key of JSON: `settings_file` for "settings file"."""
        return self.label.lower().replace(" ", "_")


@dataclass(frozen=True, slots=True)
class Project:
    """A Django project as its files describe it. Paths are relative to `root`."""

    root: Path
    layout: Layout
    modules: Modules
    settings: Settings
    package: Package
    apps: tuple[App, ...]
    celery: tuple[CeleryApp, ...]
    dependencies: Dependencies
    interpreter: Interpreter
    web: tuple[WebEntry, ...] = ()
    # of several Celery apps, the first is certainly the one of the project
    app_is_certain: bool = True

    @property
    def base(self) -> PurePosixPath:
        """The folder of manage.py: where the worker is started."""
        return self.layout.base

    def start_spec(self, app: CeleryApp) -> str:
        """What the user gives to `celery -A`: as the project's own files have it, where they do."""
        return find_start_spec(self.root, self.modules, app)

    def draft(self) -> Draft:
        """A draft of the files from which the facts were read: two runs at once do not plan half on
        each other."""
        return Draft(self.root, self.modules.seen, self.style)

    @property
    def style(self) -> Style:
        """How the project writes Python."""
        from celeryize.detect.style import find_style

        # two files that every project has, and that somebody here wrote or formatted
        paths = (self.settings.file, self.layout.manage)
        samples = [source for path in paths if (source := self.modules.source(path))]
        return find_style(self.root, self.base, self.modules.roots, samples)

    @property
    def gitignore(self) -> PurePosixPath:
        """The .gitignore that a line of ours goes into: the one beside manage.py, else the
        repository's."""
        beside = self.base / ".gitignore"
        if (self.root / beside).exists():
            return beside
        return PurePosixPath(".gitignore")

    @property
    def is_in_git(self) -> bool:
        """Whether the project is in a work tree of git, or in a folder of one."""
        root = self.root.resolve()
        return any((folder / ".git").exists() for folder in (root, *root.parents))

    @property
    def celery_version(self) -> tuple[int, int] | None:
        """Celery's version in the interpreter's environment, read off its folders; None if it is
        not there."""
        return installed_version(self.interpreter.path, "celery")

    def recognised(self) -> tuple[Recognised, ...]:
        """What was recognised, a line each, for the user to check."""
        settings, dependencies = self.settings, self.dependencies
        also = [e for e in settings.environments if e != settings.module]
        lines = [
            Recognised("project", str(self.layout.manage), f"in {self.root}"),
            Recognised("settings", settings.module, str(settings.where or "--settings")),
            Recognised(
                "settings file",
                str(settings.file),
                f"shared with {', '.join(also)}" if also else "the file of that module",
            ),
            Recognised("package", self.package.name, self.package.why),
            Recognised(
                "environment",
                settings.reader.kind.value,
                str(settings.reader.where or settings.file),
            ),
            Recognised(
                "dependencies",
                f"{dependencies.manager} ({dependencies.file})"
                if dependencies.file
                else "not declared in a file",
                dependencies.why or str(dependencies.where or ""),
            ),
            Recognised("interpreter", str(self.interpreter.path), self.interpreter.why),
        ]
        for app in self.celery:
            lines.append(Recognised("Celery app", f"{app.module}:{app.variable}", str(app.where)))
        installed = [app.name for app in self.apps if app.installed]
        lines.append(
            Recognised(
                "apps",
                ", ".join(installed) or "none",
                str(settings.installed_apps_where or ""),
            )
        )
        if settings.unknown:
            lines = [line for line in lines if line.label not in OF_SETTINGS]
        return tuple(line for line in lines if not _says_nothing(line))


def load_project(
    start: Path,
    *,
    settings: str | None = None,
    python: str | None = None,
    package: str | None = None,
    environment: Environment | None = None,
    without_settings: str = "",
) -> Project:
    """Read every fact of the project around `start`. Raises NoProject or CannotPatch with what
    would help.

    `without_settings` says why the settings are not known, to a command that can do without them.
    """
    environment = environment or find_environment(start, settings=settings, python=python)
    layout, dependencies = environment.layout, environment.dependencies
    modules = Modules(layout.root, layout.paths)
    if without_settings:
        found = unknown_settings(layout, without_settings)
    else:
        found = find_settings(layout, modules)
        modules.look_below(folders_with_apps(modules, found.reachable, found.installed_apps))
    apps = find_apps(modules, found)
    home = _find_home(layout, modules, found, apps, package)
    # without a hint of Celery, the whole tree is not searched
    hinted = (
        bool(without_settings)
        or "celery" in dependencies.declared
        or any(name.startswith("CELERY") for name in found.assigned)
    )
    found_apps = find_celery(layout, modules, found, home, everywhere=hinted)
    celery, certain = choose_app(layout.root, modules, found_apps)
    web = find_web_entries(layout, modules, found)
    if not (celery or package or found.unknown):
        home = _home_for_all(modules, home, apps, web)
    return Project(
        root=layout.root,
        layout=layout,
        modules=modules,
        settings=found,
        package=home,
        apps=apps,
        celery=celery,
        app_is_certain=certain,
        dependencies=dependencies,
        interpreter=environment.interpreter,
        web=web,
    )


def _find_home(
    layout: Layout,
    modules: Modules,
    settings: Settings,
    apps: tuple[App, ...],
    package: str | None,
) -> Package:
    """The package of the Celery app; the folder of manage.py where no settings lead to one."""
    if package:
        return named_package(modules, package)
    if settings.unknown:
        return Package("", layout.base, settings.unknown)
    return find_package(modules, settings, apps)


def _home_for_all(
    modules: Modules, home: Package, apps: tuple[App, ...], web: tuple[WebEntry, ...]
) -> Package:
    """The package of a new Celery app: not one that gives a web process the settings of another.

    Where wsgi.py and asgi.py, in one package, choose different settings, an app file in that
    package can only follow one of them. A package that neither imports runs when both have chosen.
    """
    deciding = deciding_entries(web, home.name)
    if not deciding or entries_agree(deciding):
        return home
    other = package_of_apps(modules, apps, lambda name: bool(entries_below(web, name)))
    return other or home


def installed_version(python: Path, distribution: str) -> tuple[int, int] | None:
    """(major, minor) of a distribution beside an interpreter, read from the name of its metadata
    folder."""
    if python == Path(sys.executable):
        places = [Path(p) for p in sys.path if p]
    else:
        places = list(python.parent.parent.glob("lib/python*/site-packages"))
    found = sorted(info for place in places for info in place.glob(f"{distribution}-*.dist-info"))
    if not found:
        return None
    version = found[-1].name.removeprefix(f"{distribution}-").removesuffix(".dist-info")
    major, minor, *_ = [*version.split("."), "0"]
    if major.isdigit() and minor.isdigit():
        return (int(major), int(minor))
    return None


def distribution_folder(python: Path, package: str) -> Path | None:
    """The folder of a package in the environment of an interpreter, read off its folders; nothing
    is imported."""
    if python == Path(sys.executable):
        places = [Path(p) for p in sys.path if p]
    else:
        places = list(python.parent.parent.glob("lib/python*/site-packages"))
    return next(
        (place / package for place in places if (place / package / "__init__.py").is_file()), None
    )


def _says_nothing(line: Recognised) -> bool:
    return line.label == "environment" and line.value == ReaderKind.LITERAL.value
