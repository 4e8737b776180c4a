"""The project package: where the Celery app lives, and whose `__init__.py` imports it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath

from celeryize.detect.apps import App
from celeryize.detect.modules import Modules
from celeryize.detect.settings import Settings, constant
from celeryize.errors import CannotPatch
from celeryize.model import Where

# Names that people give to the app that everything else rests on.
CENTRAL = ("core", "common", "base", "main", "project", "site", "website")
INIT = "__init__.py"
NEIGHBOURS = ("wsgi.py", "asgi.py", "urls.py")


@dataclass(frozen=True, slots=True)
class Package:
    """A Python package of the project, by its dotted name; `init` need not exist yet."""

    name: str
    folder: PurePosixPath
    why: str

    @property
    def init(self) -> PurePosixPath:
        """The path of its `__init__.py`."""
        return self.folder / INIT


def find_package(modules: Modules, settings: Settings, apps: tuple[App, ...]) -> Package:
    """The package around the settings that holds wsgi.py, asgi.py or urls.py, else the nearest
    fitting one.

    A settings package (`config.settings.local` gives `config`) is passed over. For top-level
    settings, which are not in a package, it is an app of the project: Django imports it at every
    start. Raises CannotPatch without one.
    """
    parts = settings.module.split(".")[:-1]
    packages = [".".join(parts[:length]) for length in range(len(parts), 0, -1)]
    found = _around_settings(modules, settings, apps, packages)
    if found is not None:
        return found
    if not parts:
        last = _imported_at_every_start(settings, apps) or _package_of_site(modules, settings)
        if last is not None:
            return last
    raise CannotPatch(
        f"settings module {settings.module} is not in a package, so there is no place for the "
        "Celery app",
        hint="Create an app for it (python manage.py startapp core) and add it to "
        "INSTALLED_APPS; or name a package "
        "that Django imports: --package NAME.",
        where=settings.where or Where(settings.file),
    )


def _around_settings(
    modules: Modules, settings: Settings, apps: tuple[App, ...], packages: list[str]
) -> Package | None:
    """The best of the packages around the settings, from the inner one outwards."""
    for name in packages:
        folder = modules.folder(name)
        beside = (n for n in NEIGHBOURS if folder and (modules.root / folder / n).is_file())
        found = next(beside, None)
        if folder and found:
            return Package(name, folder, f"{folder / found} is in it")
    # `config.settings` holds settings and nothing else: the app belongs beside it
    outer = [name for name in packages if not _only_settings(name)]
    if packages and not outer:
        # settings/common.py beside shop/urls.py; of no use where only a web process imports it
        site = _package_of_site(modules, settings)
        if site is not None and _holds_an_app(site, apps):
            return site
    for name in outer or packages:
        folder = modules.folder(name)
        if folder:
            return Package(name, folder, f"it holds the settings {settings.module}")
    return None


def _imported_at_every_start(settings: Settings, apps: tuple[App, ...]) -> Package | None:
    """The last resort: an app of the project, which Django imports at every start."""
    own = [app for app in apps if app.installed]
    if not own:
        return None
    app = next((app for app in own if app.label in CENTRAL), own[0])
    why = f"{settings.module} is not in a package; Django imports this app at every start"
    return Package(app.name, app.folder, why)


def package_of_apps(
    modules: Modules, apps: tuple[App, ...], taken: Callable[[str], bool]
) -> Package | None:
    """The package of the project's apps, which Django imports when the settings are chosen; not
    one that is `taken`. The one that holds most of them, else a central one, else the only one."""
    own = [app for app in apps if app.installed]
    tops = Counter(app.name.split(".")[0] for app in own if "." in app.name)
    names = [name for name, _ in tops.most_common()]
    names += [app.name for app in own if app.label in CENTRAL]
    if len(own) == 1:
        names.append(own[0].name)
    for name in names:
        folder = modules.folder(name)
        if folder is not None and not taken(name) and (modules.root / folder / INIT).is_file():
            return Package(name, folder, "Django imports it after the settings are chosen")
    return None


def _package_of_site(modules: Modules, settings: Settings) -> Package | None:
    """The package of the web application or of the URLs, which the settings name: a web process
    imports it first."""
    for setting, parts in (("WSGI_APPLICATION", 2), ("ASGI_APPLICATION", 2), ("ROOT_URLCONF", 1)):
        value = constant(modules, settings, setting)
        if not isinstance(value, str):
            continue
        name = ".".join(value.split(".")[:-parts])
        folder = modules.folder(name) if name else None
        if folder is not None:
            return Package(name, folder, f"{setting} is in it ({settings.assigned[setting]})")
    return None


def _holds_an_app(package: Package, apps: tuple[App, ...]) -> bool:
    """Whether a package is imported with an installed app, by whatever process starts Django."""
    return any(app.installed and f"{app.name}.".startswith(f"{package.name}.") for app in apps)


def named_package(modules: Modules, name: str) -> Package:
    """The package that the user named. Raises CannotPatch where it is not in the tree."""
    folder = modules.folder(name)
    if folder is None:
        raise CannotPatch(f"package {name} not found in the project", hint="Check --package.")
    return Package(name, folder, "--package names it")


def _only_settings(name: str) -> bool:
    return name.rsplit(".", 1)[-1] in {"settings", "conf", "environments", "env", "envs"}
