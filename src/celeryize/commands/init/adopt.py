"""A project that has Celery already: add what is missing, in its own style, and no more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePosixPath

from celeryize.brokers import find_broker, url_of_broker
from celeryize.celery_facts import OLD_NAMES
from celeryize.commands.init.adopt_profile import adopt_profile
from celeryize.commands.init.answers import Answers
from celeryize.commands.init.change import answers_before, change_set_up
from celeryize.commands.init.dependency import declare_dependency
from celeryize.commands.init.generated_files import refuse_shadows
from celeryize.commands.init.missing_broker import (
    MissingBroker,
    Style,
    add_after_configuration,
    find_missing_broker,
    literal_argument,
    lower_case_settings,
    url_in_settings,
)
from celeryize.commands.init.namespace import add_namespace
from celeryize.commands.init.package_import import import_existing_app
from celeryize.commands.init.settings import BROKER_NAMES, add_settings, require_variables
from celeryize.commands.init.settings_block import (
    Expression,
    reader_imports,
    reader_of_environment,
    url_expression,
)
from celeryize.commands.init.settings_place import write_settings
from celeryize.commands.init.setup import Setup, Wiring
from celeryize.detect.candidates import VARIABLE
from celeryize.detect.celery import CeleryApp
from celeryize.detect.project import Project
from celeryize.detect.settings import names_assigned_in
from celeryize.detect.tasks import find_tasks
from celeryize.detect.web_settings import own_settings_files
from celeryize.errors import CannotPatch
from celeryize.patch.settings import add_block

# The answers, and where a project has them: an argument of Celery(), a setting.
URLS = (
    ("broker", "broker", "broker_url"),
    ("result_backend", "backend", "result_backend"),
)


def adopt_app(
    setup: Setup,
    wiring: Wiring,
    app: CeleryApp,
    *,
    stored: Mapping[str, object],
    flags: Mapping[str, object],
) -> Wiring:
    """Add what the set-up of `app` is missing.

    `stored` are the answers of an earlier run, `flags` those of this command line: where they
    differ, and the project is set up, the difference is reported and nothing is changed.
    """
    _refuse_several(setup)
    if app.imported is None:
        refuse_shadows(setup.project)
    wiring = replace(
        wiring,
        module=app.module,
        variable=app.variable,
        spec=app.spec(setup.project.package.name),
    )
    left_over = _is_left_over(setup, app)
    if left_over:
        # nothing runs it, so that its style of years ago decides nothing
        app = replace(app, namespace="CELERY")
    _report_app(setup, app)
    _name_settings(setup, app)
    if left_over:
        add_namespace(setup.draft, app)
    chosen = {name: str(stored.get(name, "")) for name in ("broker", "result_backend")}
    undone = dict(flags)
    before = answers_before(stored)
    if before is not None and _is_changed(setup, app, before):
        wiring = change_set_up(setup, wiring, app, before)
        report_uninstalled_apps(setup)
        _report_ignored_flags(setup, app, stored, {})
        return wiring
    if app.reads_django_settings and not _is_configured(setup, app):
        # an app file without any settings is a fresh set-up: it gets the whole block
        with setup.attempt():
            wiring = add_settings(setup, wiring)
        chosen = {
            "broker": setup.answers.broker,
            "result_backend": setup.answers.result_backend,
        }
        undone = {}
    # set up by us once, and its broker was removed since: the answers are known
    elif app.reads_django_settings and stored and not _names_broker(setup, app):
        with setup.attempt():
            wiring = add_settings(setup, wiring, BROKER_NAMES)
    else:
        added = False
        with setup.attempt():
            missing = _find_and_report(setup, app)
            if missing is not None:
                wiring = _add_broker(setup, wiring, app, missing, asked="broker" in flags)
                added = True
        if added:
            chosen["broker"] = setup.answers.broker
            undone.pop("broker", None)
    if "profile" in flags and before is None and undone:
        wiring = adopt_profile(setup, wiring, app)
        undone.pop("profile", None)
        # as later runs, which know them by the answers file
        if app.reads_django_settings:
            chosen["result_backend"] = setup.answers.result_backend
    _declare_libraries(setup, app, chosen)
    report_uninstalled_apps(setup)
    _report_ignored_flags(setup, app, stored, undone)
    return wiring


def _is_changed(setup: Setup, app: CeleryApp, before: Answers) -> bool:
    """Whether a set-up of ours is brought to other answers, or to the templates of today."""
    if not (app.reads_django_settings and _names_broker(setup, app)):
        return False
    return setup.updates or before != setup.answers


def _declare_libraries(setup: Setup, app: CeleryApp, chosen: dict[str, str]) -> None:
    """Declare Celery with what the broker and the result backend need."""
    if "celery" not in setup.project.dependencies.declared:
        # The library of what the app names is needed; an app that declares Celery has been running
        # already.
        for name, keyword, key in URLS:
            found = literal_argument(setup.project, app, keyword)
            chosen[name] = chosen[name] or found or url_in_settings(setup.project, app, key)
    declare_dependency(setup, chosen["broker"], chosen["result_backend"])


def _is_about_tests(folder: PurePosixPath) -> bool:
    return any(part in {"test", "tests", "testing"} for part in folder.parts)


def _has_tasks(project: Project, folder: PurePosixPath) -> bool:
    place = project.root / folder / "tasks"
    return place.is_dir() or place.with_suffix(".py").is_file()


def _refuse_several(setup: Setup) -> None:
    """Raise CannotPatch where it is not certain which of several apps the project runs."""
    project = setup.project
    if project.app_is_certain:
        return
    listed = "\n".join(f"  {app.module}:{app.variable}  ({app.where})" for app in project.celery)
    raise CannotPatch(
        f"there are several Celery apps, and nothing shows which one this project runs:\n{listed}",
        hint="Name the right one in a start line (celery -A ... in a Procfile, a compose file, "
        "a unit or the README), import it in the project package, or remove the others.",
        where=project.celery[0].where,
    )


def report_uninstalled_apps(setup: Setup) -> None:
    """A note about the apps whose tasks no worker would find."""
    project = setup.project
    if not project.settings.installed_apps_where:
        return
    lost = []
    for app in project.apps:
        if app.installed or app.name == project.package.name or _is_about_tests(app.folder):
            continue
        # a set-up that runs has been through this: only tasks that are lost are worth a word
        if not project.celery or _has_tasks(project, app.folder):
            lost.append(app)
    if len(lost) == 1:
        setup.draft.add_note(
            f"{lost[0].name} is not in INSTALLED_APPS: "
            f"a worker will not find the tasks in {lost[0].folder}."
        )
    elif lost:
        setup.draft.add_note(
            f"{', '.join(app.name for app in lost)} are not in INSTALLED_APPS: "
            "a worker will not find their tasks."
        )


def _is_left_over(setup: Setup, app: CeleryApp) -> bool:
    """Whether an app file without a namespace is all that there is of Celery: no dependency, no
    setting, no task."""
    project = setup.project
    if app.config_source != "django.conf:settings" or app.namespace or app.conf_writes:
        return False
    if "celery" in project.dependencies.declared or _is_configured(setup, app):
        return False
    if any(name in OLD_NAMES for name in project.settings.assigned):
        return False
    return not find_tasks(project.modules, project.apps, project.celery)


def _report_app(setup: Setup, app: CeleryApp) -> None:
    """The steps and notes about the app as it is, and the import that the package is missing."""
    draft = setup.draft
    draft.keep(app.where.path, f"the Celery app {app.module}:{app.variable}")
    for other in setup.project.celery[1:]:
        draft.add_note(
            f"There is another Celery app, {other.module}:{other.variable} ({other.where}). "
            f"This is about {app.module}:{app.variable} ({app.where})."
        )
    if app.imported is None:
        import_existing_app(setup, app)
    else:
        draft.keep(app.imported.path, f"imports the app (line {app.imported.line})")
    if app.reads_django_settings:
        for name, where in lower_case_settings(setup.project).items():
            draft.add_note(
                f"{where}: {name} is in small letters: Django has only settings in capitals, so "
                f"Celery does not read it. {name.upper()} is the name that counts."
            )
    # CELERY_* in the settings would be ignored, so where the configuration is has to be said
    if not app.reads_django_settings:
        source = app.config_source or "no config_from_object"
        namespace = "no namespace"
        if app.namespace:
            namespace = f"namespace {app.namespace!r}"
        draft.add_note(
            f"{app.where}: the app does not read CELERY_* from the Django settings ({source}, "
            f"{namespace}), so no block of CELERY_* settings was planned: it would be ignored."
        )


def _name_settings(setup: Setup, app: CeleryApp) -> None:
    """The settings module in an app file that nothing gives one, as `verify --fix` adds it."""
    source = setup.draft.source(app.where.path)
    if not app.reads_django_settings or VARIABLE in source.text:
        return
    # nearly every app file has it: what reads the project for a check is loaded here alone
    from celeryize.checks.check import Fix
    from celeryize.checks.facts import read_facts
    from celeryize.checks.wiring import settings_module_not_set

    for found in settings_module_not_set(read_facts(setup.project)):
        if isinstance(found.fix, Fix):
            setup.draft.write(app.where.path, source.splice(*found.fix.splices), found.fix.what)
        else:
            setup.draft.add_note(f"{found.where}: {found.message}. {found.hint}")


def _find_and_report(setup: Setup, app: CeleryApp) -> MissingBroker | None:
    """The missing broker, if one is missing; a note where the code does not show it."""
    found = find_missing_broker(setup.project, app)
    if isinstance(found, str):
        setup.draft.add_note(found)
        return None
    return found


def _add_broker(
    setup: Setup, wiring: Wiring, app: CeleryApp, missing: MissingBroker, *, asked: bool
) -> Wiring:
    """Set the broker where the set-up of `app` keeps its configuration."""
    reader = reader_of_environment(setup.project.settings.reader)
    broker_url = url_of_broker(setup.answers.broker)
    url = url_expression(reader, "CELERY_BROKER_URL", broker_url)
    imports = tuple(dict.fromkeys((*reader_imports(reader), *url.imports)))
    line = f"{missing.name} = {url.code}"
    what = f"the broker, {missing.name}"
    setup.draft.add_note(
        f"No broker was configured, so Celery fell back to amqp://localhost. {missing.name} is "
        f"added to {missing.style}; it reads {reader.prefix}CELERY_BROKER_URL from the "
        f"environment, and defaults to {setup.answers.broker} on localhost, "
        f"{_broker_reason(setup, asked=asked)}."
    )
    wiring = _with_secret(setup, wiring, url)
    if missing.style is Style.SETTINGS:
        by_path = write_settings(setup, f"{line}\n", imports, what)
        return replace(
            wiring,
            wrote=(*wiring.wrote, missing.name),
            read_by_path=wiring.read_by_path or by_path,
        )
    source = setup.draft.source(missing.path)
    if missing.style is Style.MODULE:
        after = add_block(source, f"{line}\n", list(imports))
    else:
        after = add_after_configuration(source, app, line, list(imports))
    setup.draft.write(missing.path, after, what)
    return wiring


def _with_secret(setup: Setup, wiring: Wiring, url: Expression) -> Wiring:
    """The wiring with the variable that a URL with a password is read from."""
    if not url.secret:
        return wiring
    prefix = setup.project.settings.reader.prefix
    secret = (f"{prefix}CELERY_BROKER_URL", url.secret)
    require_variables(setup, [secret])
    return replace(wiring, environment=(*wiring.environment, secret))


def _broker_reason(setup: Setup, *, asked: bool) -> str:
    """Why it is this broker and no other."""
    if asked:
        return "as requested"
    broker = find_broker(setup.answers.broker)
    if broker is not None and broker.extra:
        return f"because {setup.project.dependencies.file} declares celery[{broker.extra}]"
    return "as before"


def _report_ignored_flags(
    setup: Setup, app: CeleryApp, stored: Mapping[str, object], flags: Mapping[str, object]
) -> None:
    """A note for what this command line asks for and an existing set-up decides already."""
    # what was answered before is in effect, so that repeating it changes nothing
    other = [name for name, value in flags.items() if stored.get(name) != value]
    names = [f"--{name.replace('_', '-')}" for name in other]
    if setup.module_name not in {"celery", app.module.rsplit(".", 1)[-1]}:
        names.append("--module-name")
    if names:
        setup.draft.add_note(
            f"Celery is set up here already ({app.where}), so {', '.join(names)} changed nothing. "
            "Edit the settings, or undo the set-up first: celeryize undo."
        )


def _names_broker(setup: Setup, app: CeleryApp) -> bool:
    named = {
        "CELERY_BROKER_URL",
        "BROKER_URL",
        "CELERY_BROKER_READ_URL",
        "CELERY_BROKER_HOST",
        "BROKER_HOST",
    }
    # app.conf.update(...) may hold a broker, which is not looked into here
    written = {"broker_url", "update"} & {key for key, _ in app.conf_writes}
    constructed = {"broker", "broker_url"} & set(app.constructor)
    assigned = {*setup.project.settings.assigned, *_names_of_own_settings(setup, app)}
    return bool(named & assigned or written or constructed)


def _names_of_own_settings(setup: Setup, app: CeleryApp) -> frozenset[str]:
    """What the settings assign that the app file names, which may be others than manage.py's."""
    modules = setup.project.modules
    return names_assigned_in(modules, own_settings_files(modules, app))


def _is_configured(setup: Setup, app: CeleryApp) -> bool:
    assigned = {*setup.project.settings.assigned, *_names_of_own_settings(setup, app)}
    named = any(name.startswith("CELERY_") for name in assigned) or "BROKER_URL" in assigned
    return named or bool({"broker", "broker_url"} & set(app.constructor)) or bool(app.conf_writes)
