"""Which Celery a project gets: one that fits its Python, its Django, and its redis."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

from celeryize.brokers import extra_for
from celeryize.celery_versions import (
    EVERY,
    RELEASES,
    Range,
    Release,
    Version,
    fitting_releases,
    is_pinned,
    is_series,
    range_of,
    version_of,
)
from celeryize.detect.project import Project
from celeryize.detect.python_version import DeclaredPython, declared_python
from celeryize.errors import CannotPatch
from celeryize.model import Where
from celeryize.patch.dependencies.requirement import CELERY_FROM, Requirement

# Three pins of four requirements: that is how the project writes its requirements.
_MOST = 0.75
# config_from_object(..., namespace="CELERY") came with it.
_NAMESPACE_FROM = (4,)


class Habit(Enum):
    """How a project writes the versions of its requirements."""

    OPEN = "django>=5.2"
    PINS = "django==5.2.8"
    SERIES = "django==5.2.*"
    BOUNDS = "django>=5.2,<6"
    COMPATIBLE = "django~=5.2"


@dataclass(frozen=True, slots=True)
class CeleryFit:
    """The newest release that fits, and the oldest one that templates are written for, if any."""

    newest: Release
    lower: str
    upper: str = ""
    note: str = ""

    def on(self, requirement: Requirement, habit: Habit) -> Requirement:
        """The requirement of Celery with these versions, written as the project writes its own."""
        if habit is Habit.PINS:
            return replace(requirement, lower="", pin=self.newest.latest)
        if habit is Habit.SERIES:
            return replace(requirement, lower="", pin=f"{_written(self.newest.series)}.*")
        upper = self.upper
        if habit is Habit.BOUNDS and not upper:
            upper = str(version_of(self.lower)[0] + 1)
        compatible = habit is Habit.COMPATIBLE and not upper
        return replace(requirement, lower=self.lower, upper=upper, compatible=compatible)


def fit_celery(project: Project, *broker_and_backend: str) -> CeleryFit:
    """The Celery for a project that does not declare one yet, with the redis that these URLs or
    names need.

    Raises CannotPatch where none fits, with the declaration that excludes it.
    """
    django, kombu = _range_for(project, "django"), _range_for(project, "kombu")
    # what is declared is what this replaces, or there is none
    celery = range_of(project.dependencies.constraints.get("celery", ("", None))[0])
    redis = EVERY
    if "redis" in {extra_for(url) for url in broker_and_backend}:
        redis = _range_for(project, "redis")
    said = declared_python(project.root, project.base)
    python = _python_of(project, said)
    found = fitting_releases(python=python, django=django, redis=redis, kombu=kombu, celery=celery)
    note = ""
    if not found and said is not None and not said.exact:
        # the lower end of a range is a promise, and not what runs the project
        found = fitting_releases(django=django, redis=redis, kombu=kombu, celery=celery)
        note = (
            f"{said.where} allows Python {said.text}; Celery needs "
            f"Python {_written(RELEASES[0].python_from)} or newer."
        )
    if not found:
        if redis.low and redis.low >= (9,):
            # newer than what is known here: so is the Celery that takes it
            return CeleryFit(RELEASES[-1], RELEASES[-1].bounds[0])
        raise _conflict(project, said, python, django)
    newest = found[-1]
    if newest.series < version_of(CELERY_FROM):
        lower, upper = newest.bounds
        return CeleryFit(newest, lower, upper, note or _why_older(project, newest))
    return CeleryFit(newest, CELERY_FROM, note=note)


def _range_for(project: Project, name: str) -> Range:
    """The versions of a package that the project takes, as it declares them and as a constraints
    file has them."""
    dependencies = project.dependencies
    constraint, _ = dependencies.constraints.get(name, ("", None))
    return range_of(dependencies.declared.get(name, "")).within(range_of(constraint))


def _said_of(project: Project, name: str) -> str:
    """What the project says about the versions of a package, with the constraints file; empty:
    nothing."""
    dependencies = project.dependencies
    text = dependencies.declared.get(name, "")
    if name not in dependencies.constraints:
        return "" if name == "celery" else text
    constraint, where = dependencies.constraints[name]
    return f"{constraint} ({where})"


def refuse_old_celery(project: Project) -> None:
    """Raise CannotPatch where the declared Celery is too old for the app file of init, whose
    settings have a namespace."""
    text = project.dependencies.declared.get("celery", "")
    high = range_of(text).high
    if high is None or high > _NAMESPACE_FROM:
        return
    raise CannotPatch(
        f"the project declares {text}: the app file that init writes needs Celery 4 or newer",
        hint="Declare a newer one there, such as celery[redis]>=5.4, without what keeps it old "
        "(django-celery does), then run init again.",
        where=project.dependencies.where,
    )


def habit_of(project: Project) -> Habit:
    """How three of four requirements in the file of the dependencies are written."""
    written = project.dependencies.own
    if len(written) < 2:
        return Habit.OPEN
    most = _MOST * len(written)
    if sum(is_pinned(text) for text in written) >= most:
        return Habit.PINS
    if sum(is_series(text) for text in written) >= most:
        return Habit.SERIES
    # Poetry's own command writes bounds in its own way
    if project.dependencies.manager == "poetry":
        return Habit.OPEN
    if sum("~=" in text for text in written) >= most:
        return Habit.COMPATIBLE
    if sum("<" in text and ">" in text for text in written) >= most:
        return Habit.BOUNDS
    return Habit.OPEN


def _python_of(project: Project, said: DeclaredPython | None) -> Version | None:
    """The Python that has to work: the declared one, else that of the interpreter."""
    if said is not None:
        return said.version
    return _version_of_environment(project.interpreter.path)


def _version_of_environment(python: Path) -> Version | None:
    """The version of a virtual environment, off its folder lib/python3.12."""
    for folder in python.parent.parent.glob("lib/python3.*"):
        minor = folder.name.removeprefix("python3.")
        if minor.isdigit() and (folder / "site-packages").is_dir():
            return (3, int(minor))
    return None


def _conflict(
    project: Project,
    said: DeclaredPython | None,
    python: Version | None,
    django: Range,
) -> CannotPatch:
    """The refusal: which declaration excludes every Celery, and what would help."""
    oldest = RELEASES[0]
    where = project.dependencies.where
    if said is not None and not fitting_releases(python=python):
        return CannotPatch(
            f"the project runs on Python {said.text}: Celery 5 needs Python "
            f"{_written(oldest.python_from)} or newer",
            hint="Move the project to a newer Python first.",
            where=said.where,
        )
    if not fitting_releases(django=django):
        return CannotPatch(
            f"the project declares {_said_of(project, 'django')}: Celery 5 needs Django "
            f"{_written(oldest.django_from)} or newer",
            hint="Move the project to a newer Django first.",
            where=where,
        )
    named = [text for name in ("redis", "kombu", "celery") if (text := _said_of(project, name))]
    place = Where(where.path) if where else None
    return CannotPatch(
        f"the project declares {' and '.join(named)}: no Celery that fits its Python and its "
        "Django takes that",
        hint="Change that requirement, or use another broker: --broker rabbitmq.",
        where=place,
    )


def _why_older(project: Project, release: Release) -> str:
    """The sentence about a Celery that is not today's."""
    said_of = (_said_of(project, name) for name in ("django", "redis", "celery"))
    named = [text for text in said_of if text]
    said = declared_python(project.root, project.base)
    if said is not None:
        named.append(f"Python {said.text}")
    return (
        f"Celery {release.bounds[0]} is the newest that fits the project ({', '.join(named)}); "
        "newer ones need newer versions of these."
    )


def _written(version: Version) -> str:
    return ".".join(str(number) for number in version)


def celery_for_settings(project: Project, *broker_and_backend: str) -> tuple[int, int]:
    """The Celery that the settings are written for: the one that is installed, or the oldest one
    that may be.
    """
    installed = project.celery_version or version_pair(CELERY_FROM)
    if "celery" in project.dependencies.declared:
        return installed
    fit = fit_celery(project, *broker_and_backend)
    # what is installed now will be replaced by what is declared
    if habit_of(project) is Habit.PINS or fit.upper:
        return fit.newest.series
    return installed


def version_pair(text: str) -> tuple[int, int]:
    """(major, minor) of a version."""
    major, minor, *_ = version_of(text)
    return (major, minor)
