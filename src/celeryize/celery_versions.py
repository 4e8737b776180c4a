"""Which Celery fits which Python, Django and redis: one table, and the ranges it is compared with.

Source: `Requires-Python`, the extras `django` and `redis` of Celery's own metadata on PyPI, and for
5.5 and later, whose extra is `kombu[redis]`, the metadata of the kombu that this Celery takes.
celery/fixups/django.py of every 5.x refuses a Django before 1.11 at run time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

Version = tuple[int, ...]

_CLAUSE = re.compile(r"(===?|~=|!=|<=|>=|<|>|\^|~)?\s*v?(\d+(?:\.\d+)*)((?:\.\*)?)")


# `django = "^5.2"`, `django = {version = "^5.2"}`, and how Python shows the latter
_IN_TABLE = re.compile(
    r"""(?:^\s*["']?[A-Za-z][\w.-]*["']?\s*=\s*|\bversion["']?\s*[:=]\s*)["']([^"']*)["']"""
)
_NAME = re.compile(r"^\s*[A-Za-z][\w.-]*\s*(?:\[[^\]]*\])?")


@dataclass(frozen=True, slots=True)
class Range:
    """The versions from `low` up to, and without, `high`; None: no such end."""

    low: Version | None = None
    high: Version | None = None

    def overlaps(self, other: Range) -> bool:
        """Whether a version is in both."""
        return not (_ends_before(self, other) or _ends_before(other, self))

    def within(self, other: Range) -> Range:
        """What is in both."""
        lows = [low for low in (self.low, other.low) if low is not None]
        highs = [high for high in (self.high, other.high) if high is not None]
        return Range(max(lows, default=None), min(highs, default=None))


EVERY = Range()


@dataclass(frozen=True, slots=True)
class Release:
    """A series of Celery: its newest version known here, and what it takes."""

    latest: str
    python_from: Version
    django_from: Version
    redis: Range
    kombu: Range

    @property
    def series(self) -> tuple[int, int]:
        """(major, minor)."""
        major, minor, *_ = version_of(self.latest)
        return (major, minor)

    @property
    def bounds(self) -> tuple[str, str]:
        """The series as bounds: its first version, and that of the next one."""
        major, minor = self.series
        return f"{major}.{minor}", f"{major}.{minor + 1}"


# oldest first; what is older than 5.2 has no current Python
RELEASES = (
    Release("5.2.7", (3, 7), (1, 11), Range((3, 4, 1)), Range((5, 2, 3), (6,))),
    Release("5.3.6", (3, 8), (2, 2, 28), Range((4, 5, 2), (6,)), Range((5, 3, 4), (6,))),
    Release("5.4.0", (3, 8), (2, 2, 28), Range((4, 5, 2), (6,)), Range((5, 3, 4), (6,))),
    Release("5.5.3", (3, 8), (2, 2, 28), Range((4, 5, 2), (5, 2, 2)), Range((5, 5, 2), (5, 6))),
    Release("5.6.3", (3, 9), (2, 2, 28), Range((4, 5, 2), (6, 5)), Range((5, 6))),
    Release("5.7.0", (3, 10), (3, 2, 1), Range((6, 4)), Range((5, 7))),
)


def version_of(text: str) -> Version:
    """The numbers of a version."""
    return tuple(int(part) for part in text.split("."))


def range_of(text: str) -> Range:
    """The range of `==4.4.4`, `>=3.2,<4`, `~=4.2`, `^5.2`, `6.0.*`; open where it says nothing.

    `text` may be a whole requirement, or an entry of a table of Poetry or pipenv.
    """
    found = Range()
    for operator, number, wild in _CLAUSE.findall(_specifier_of(text)):
        found = _narrowed(found, operator, version_of(number), wildcard=bool(wild))
    return found


def is_pinned(text: str) -> bool:
    """Whether a requirement, or an entry of a table, takes one version alone."""
    specifier = _specifier_of(text).strip()
    return bool(re.fullmatch(r"(===?\s*)?\d+(\.\w+)*", specifier))


def is_series(text: str) -> bool:
    """Whether a requirement takes the patch releases of one series alone: `==5.2.*`."""
    return bool(re.fullmatch(r"==\s*\d+(\.\d+)*\.\*", _specifier_of(text).strip()))


def _specifier_of(text: str) -> str:
    """What a requirement says about versions, without its name, extras, marker and comment."""
    if table := _IN_TABLE.search(text):
        return table[1]
    bare = re.split(r";|\s#|@|\s--", text)[0]
    return _NAME.sub("", bare).strip(" ()")


def fitting_releases(
    *,
    python: Version | None = None,
    django: Range = EVERY,
    redis: Range = EVERY,
    kombu: Range = EVERY,
    celery: Range = EVERY,
) -> list[Release]:
    """The releases that take all of these, oldest first. An unknown Python takes all."""
    return [
        release
        for release in RELEASES
        if (python is None or release.python_from <= python)
        and django.overlaps(Range(release.django_from))
        and redis.overlaps(release.redis)
        and kombu.overlaps(release.kombu)
        and celery.overlaps(range_of(">={},<{}".format(*release.bounds)))
    ]


def _narrowed(found: Range, operator: str, version: Version, *, wildcard: bool) -> Range:
    """A range with one clause more."""
    above = (*version[:-1], version[-1] + 1)
    match operator:
        case ">=" | ">":
            return Range(version, found.high)
        case "<":
            return Range(found.low, version)
        case "<=":
            return Range(found.low, (*version, 1))
        case "~=" if len(version) > 1:
            return Range(version, (*version[:-2], version[-2] + 1))
        # Poetry: up to the next of the first number that is not zero, or of the second one
        case "^":
            return Range(version, (version[0] + 1,))
        case "~" | "~=":
            return Range(version, (*version[:1], version[1] + 1) if version[1:] else above)
        case "!=":
            return found
    if wildcard:
        return Range(version, above)
    # a longer tuple is greater, so that the range holds this one version alone
    return Range(version, (*version, 1))


def _ends_before(first: Range, second: Range) -> bool:
    """Whether all of `first` is below all of `second`."""
    return first.high is not None and second.low is not None and first.high <= second.low
