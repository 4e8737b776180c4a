"""Where one requirement more belongs among those that are there.

At its alphabetical place where its neighbours are sorted, else at their end; never between a
comment and its package, and never under a headline of something else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from celeryize.patch.dependencies.requirement import normalised

# The words of a headline that Celery fits under.
OWN_HEADLINE = re.compile(r"celery|queue|\btasks?\b|background|worker|broker", re.IGNORECASE)

# One break in ten does not make a list unsorted: that is how sorted lists age.
_TOLERANCE = 10
_ORDERS: tuple[Callable[[str], str], ...] = (str.casefold, normalised, str)


@dataclass(frozen=True, slots=True)
class Item:
    """One requirement: its name, the comment lines above it, and a blank line above those."""

    name: str
    comment: str = ""
    gap: bool = False


@dataclass(frozen=True, slots=True)
class _Section:
    """The items from `start` to `end` under one headline ("": none)."""

    start: int
    end: int
    headline: str


@dataclass(frozen=True, slots=True)
class Place:
    """Before the item at `index`; `below_comment`: that item's comment is a headline, and the new
    one comes between the two.
    """

    index: int
    below_comment: bool = False


def place_among(items: Sequence[Item], name: str) -> Place | None:
    """Where `name` belongs. None: every item is under a headline of something else."""
    sections = _sections_of(items)
    if len(sections) == 1:
        return Place(sorted_place([item.name for item in items], name))
    for section in sections:
        if OWN_HEADLINE.search(section.headline):
            return _place_in(items, section, name)
    if not sections[0].headline:
        return _place_in(items, sections[0], name)
    return None


def sorted_place(names: Sequence[str], name: str) -> int:
    """Where `name` belongs among `names`: at its place if two or more of them are sorted, else at
    the end.
    """
    order = _order_of(names)
    if order is None:
        return len(names)
    keys, own = [order(n) for n in names], order(name)
    # in a list with a break, the place with the fewest names on the wrong side of it
    wrong = sum(key < own for key in keys)
    best, fewest = 0, wrong
    for index, key in enumerate(keys, start=1):
        if key < own:
            wrong -= 1
        else:
            wrong += 1
        if wrong < fewest:
            best, fewest = index, wrong
    return best


def are_commented(items: Sequence[Item]) -> bool:
    """Whether the items have a comment each, the last one too, but for one in four."""
    commented = sum(bool(item.comment) for item in items)
    return len(items) > 2 and bool(items[-1].comment) and commented >= len(items) * 3 / 4


def is_spaced(items: Sequence[Item]) -> bool:
    """Whether a blank line separates each item from the next."""
    return len(items) > 1 and all(item.gap for item in items[1:])


def _place_in(items: Sequence[Item], section: _Section, name: str) -> Place:
    names = [item.name for item in items[section.start : section.end]]
    index = section.start + sorted_place(names, name)
    return Place(index, bool(section.headline) and index == section.start)


def _order_of(names: Sequence[str]) -> Callable[[str], str] | None:
    """The order in which the names are sorted, as far as a person sees it; None: in none."""
    if len(names) < 2:
        return None
    for order in _ORDERS:
        keys = [order(name) for name in names]
        breaks = sum(first > second for first, second in pairwise(keys))
        if breaks * _TOLERANCE <= len(keys) - 1:
            return order
    return None


def _sections_of(items: Sequence[Item]) -> list[_Section]:
    """The sections; one of all items where no comment is a headline."""
    starts = [0, *(index for index in range(1, len(items)) if _is_headline(items, index))]
    found = []
    for start, end in pairwise([*starts, len(items)]):
        headline = ""
        # the comment above the very first item is a headline only if there are others
        if len(starts) > 1 and (start or _paragraph_length(items, 0) > 1):
            headline = items[start].comment
        found.append(_Section(start, end, headline))
    return found


def _is_headline(items: Sequence[Item], index: int) -> bool:
    """Whether the comment above an item is about those below it, too, and not about it alone."""
    item = items[index]
    if not item.comment:
        return False
    if item.gap:
        paragraphs = [i for i in range(len(items)) if items[i].comment and items[i].gap]
        # comments of one package each have paragraphs of one package each
        return any(_paragraph_length(items, i) > 1 for i in paragraphs)
    before = [other.name for other in items[:index]]
    # without a blank line: the order that the list had begins anew
    order = _order_of(before)
    restarts = order is not None and order(item.name) < order(before[-1])
    return len(before) > 2 and restarts and _paragraph_length(items, index) > 1


def _paragraph_length(items: Sequence[Item], start: int) -> int:
    """How many items follow each other from `start` without a blank line or a comment between."""
    length = 1
    for item in items[start + 1 :]:
        if item.gap or item.comment:
            break
        length += 1
    return length
