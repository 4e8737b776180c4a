"""What the user chose: the four questions of templates/init/copier.yml, settled and rendered."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from celeryize import __version__
from celeryize.brokers import PROFILES, question_data
from celeryize.commands.init.app_settings import choose_app_settings, choose_configuration
from celeryize.commands.init.questions import ask_missing
from celeryize.detect.project import Project
from celeryize.errors import UsageError
from celeryize.patch.source import is_identifier
from celeryize.render import Rendered, render_init
from celeryize.spelling import did_you_mean
from celeryize.ui.view import View

DATA_FOLDER = ".celery"
# Django's own modules of a project package: an app file never takes their place.
DJANGO_MODULES = frozenset(
    {
        "__init__",
        "admin",
        "apps",
        "asgi",
        "manage",
        "models",
        "settings",
        "urls",
        "views",
        "wsgi",
    }
)


@dataclass(frozen=True, slots=True)
class Answers:
    """What the user chose; the four questions of templates/init/copier.yml."""

    broker: str
    result_backend: str
    profile: str
    beat: bool


class Existing(StrEnum):
    """What happens to a file that exists where a generated file belongs."""

    REFUSE = "refuse"
    OVERWRITE = "overwrite"
    SKIP = "skip"

    @classmethod
    def of(cls, *, overwrite: bool, skip: bool) -> Existing:
        """From the two flags. Raises UsageError for both."""
        if overwrite and skip:
            raise UsageError(
                "--overwrite and --skip-existing exclude each other", hint="Choose one."
            )
        if overwrite:
            return cls.OVERWRITE
        if skip:
            return cls.SKIP
        return cls.REFUSE


def ask(
    project: Project, known: dict[str, object], *, module_name: str, view: View | None = None
) -> Rendered:
    """Settle the answers and render the whole files. `known` is not asked again, and without a
    view nothing is: the defaults count.
    """
    if not is_identifier(module_name):
        raise UsageError(
            f"--module-name {module_name} is not a Python identifier",
            hint="For example celery_app.",
        )
    if module_name in DJANGO_MODULES or project.settings.file.stem == module_name:
        raise UsageError(
            f"{module_name}.py is a module of Django, or the settings",
            hint="For example --module-name celery_app.",
        )
    # manage.py names another module, or none: later commands have to know
    given = ""
    if project.layout.settings_where is None:
        given = project.settings.module
    # an existing app keeps its file, so that nothing has to be chosen
    settings_lines = ""
    if not project.celery:
        settings_lines = choose_app_settings(project).lines
    _refuse_unknown(known)
    if view is not None:
        known = ask_missing(known, view)
    return render_init(
        {
            **question_data(),
            **known,
            "package": project.package.name,
            "package_path": str(project.package.folder),
            "base_path": str(project.base),
            "module_name": module_name,
            "settings": given,
            "settings_lines": settings_lines,
            "data_path": str(project.base / DATA_FOLDER),
            "version": __version__,
            "configuration": choose_configuration(project),
        }
    )


def _refuse_unknown(known: dict[str, object]) -> None:
    """Raise UsageError for a name that is none, with the one that is meant."""
    data = question_data()
    choices = {
        "broker": data["brokers"],
        "result_backend": data["result_backends"],
        "profile": PROFILES,
    }
    for key, names in choices.items():
        given = known.get(key)
        assert isinstance(names, list | tuple)
        if not isinstance(given, str) or given in names or ":" in given:
            continue
        url = "" if key == "profile" else ", or a URL such as redis://host:6379/0"
        raise UsageError(
            f"--{key.replace('_', '-')} {given!r} is not known",
            hint=f"{did_you_mean(given, names)}Use {', '.join(names)}{url}.",
        )


def answers_of(rendered: Rendered) -> Answers:
    """The four answers out of everything copier knows."""
    found = rendered.answers
    return Answers(
        broker=str(found["broker"]),
        result_backend=str(found["result_backend"]),
        profile=str(found["profile"]),
        beat=bool(found["beat"]),
    )
