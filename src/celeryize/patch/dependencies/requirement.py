"""A requirement, how each manager writes it, and those that Celery needs for a broker."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_SPECIFIED = re.compile(rf"\s*({NAME.pattern})\s*(?:\[[^\]]*\])?\s*(?=$|[<>=!~;@(#,]|\s--?\w)")
_EGG = re.compile(rf"#(?:.*&)?egg=({NAME.pattern})")

# The oldest Celery whose settings, Beat and import order the templates are written for.
CELERY_FROM = "5.4"

# What requires a library without an extra. (Their own metadata on PyPI.)
_BRINGS = {
    "redis": ("celery-redbeat", "channels-redis", "django-redis", "django-rq", "rq", "walrus"),
}


class Form(StrEnum):
    """How a file declares dependencies."""

    PEP621 = "pep621"
    GROUP = "dependency-group"
    POETRY_PEP621 = "poetry-pep621"
    POETRY_TABLE = "poetry-table"
    PIPFILE = "pipfile"
    REQUIREMENTS = "requirements"
    SETUP_CFG = "setup-cfg"
    SETUP_PY = "setup-py"


@dataclass(frozen=True, slots=True)
class Requirement:
    """A distribution that the project needs; `lower` is its oldest usable version ("": any).

    `upper` is the first version that does not fit any more. `pin` is the one version of a project
    that pins all of its requirements; it stands for both. `compatible` writes `lower` as `~=`.
    """

    name: str
    extras: tuple[str, ...] = ()
    lower: str = ""
    upper: str = ""
    pin: str = ""
    compatible: bool = False

    def __str__(self) -> str:
        return f"{self.full_name}{self.specifier}"

    @property
    def specifier(self) -> str:
        """The versions, as PEP 440 writes them."""
        if self.pin:
            return f"=={self.pin}"
        if self.compatible and not self.upper:
            return f"~={self.lower}"
        bounds = [f">={self.lower}"] if self.lower else []
        if self.upper:
            bounds.append(f"<{self.upper}")
        return ",".join(bounds)

    @property
    def full_name(self) -> str:
        """The name with its extras."""
        return self.name + (f"[{','.join(self.extras)}]" if self.extras else "")


@dataclass(frozen=True, slots=True)
class Entry:
    """One requirement as a file has it, and its line."""

    text: str
    line: int


def written(requirement: Requirement, form: Form) -> str:
    """The line of a file, or the element of a list, as the manager's own `add` command would write
    it.
    """
    match form:
        case Form.PEP621 | Form.GROUP:
            return f'"{requirement}"'
        case Form.POETRY_PEP621 if requirement.lower and not (requirement.upper or requirement.pin):
            upper = int(requirement.lower.split(".")[0]) + 1
            return f'"{requirement.full_name} (>={requirement.lower},<{upper}.0)"'
        case Form.POETRY_PEP621 if requirement.specifier:
            return f'"{requirement.full_name} ({requirement.specifier})"'
        case Form.POETRY_PEP621:
            return f'"{requirement.full_name}"'
        case Form.POETRY_TABLE:
            bound = requirement.specifier
            if requirement.lower and not (requirement.upper or requirement.pin):
                bound = f"^{requirement.lower}"
            # Poetry takes a bare version for an exact one, and writes it so
            return _table_line(requirement, bound.removeprefix("=="))
        case Form.PIPFILE:
            return _table_line(requirement, requirement.specifier)
        case Form.REQUIREMENTS | Form.SETUP_CFG | Form.SETUP_PY:
            return str(requirement)
        case _:
            assert_never(form)


def _table_line(requirement: Requirement, bound: str) -> str:
    version = '"*"'
    if bound:
        version = f'"{bound}"'
    if not requirement.extras:
        return f"{requirement.name} = {version}"
    extras = ", ".join(f'"{extra}"' for extra in requirement.extras)
    return f"{requirement.name} = {{extras = [{extras}], version = {version}}}"


def normalised(name: str) -> str:
    """The one spelling of a distribution's name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def name_in(text: str) -> str | None:
    """The distribution that a requirement names, as written.

    None for a path, an option, a bare URL.
    """
    match = _SPECIFIED.match(text) or _EGG.search(text)
    if match:
        return match.group(1)
    return None


def missing(declared: Mapping[str, str], extra: str | None) -> Requirement | None:
    """What is still to be declared for Celery with `extra`; None: nothing.

    `declared` maps normalised names to requirements as written. Celery without the extra is enough
    if the library of the extra is declared beside it; else that library is what is missing, because
    a second line for Celery would contradict the first.
    """
    celery = declared.get("celery")
    if celery is None and _is_brought("celery", declared):
        celery = ""
    if celery is None:
        return Requirement("celery", (extra,) if extra else (), CELERY_FROM)
    # the extra may be among others: celery[redis,msgpack]
    if extra is None or re.search(rf"\b{extra}\b", celery):
        return None
    # loaded here: every command reads the dependencies, and few have to declare any
    from celeryize.brokers import library_of

    library = library_of(extra)
    if library is None:
        return None
    name, bracket, inside = library.rstrip("]").partition("[")
    if bracket:
        # an extra of another distribution: its name alone, declared, does not say that the extra is
        return Requirement(name, (inside,))
    if name in declared or _is_brought(name, declared):
        return None
    return Requirement(name)


def needed(
    declared: Mapping[str, str], *, broker: str, result_backend: str = ""
) -> tuple[Requirement, ...]:
    """What is still to be declared for a broker and a result backend (URLs or names)."""
    from celeryize.brokers import extra_for, find_result_backend

    extras = sorted({extra for url in (broker, result_backend) if (extra := extra_for(url))})
    if "celery" not in declared and not _is_brought("celery", declared):
        wanted = [Requirement("celery", tuple(extras), CELERY_FROM)]
    else:
        wanted = [found for extra in extras if (found := missing(declared, extra))]
    backend = find_result_backend(result_backend)
    if backend and backend.distribution and backend.distribution not in declared:
        wanted.append(Requirement(backend.distribution))
    return tuple(wanted)


def _is_brought(name: str, declared: Mapping[str, str]) -> bool:
    """Whether another requirement brings a distribution along: by an extra of that name, or as a
    dependency that it has without any.
    """
    if any(other in declared for other in _BRINGS.get(name, ())):
        return True
    extra = re.compile(rf"\[[^\]]*\b{re.escape(name)}\b[^\]]*\]")
    return any(extra.search(text) for other, text in declared.items() if other != "celery")
