"""The check that every patcher has to pass: what it makes of a text, and that twice is the same as once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

Text = TypeVar("Text", str, bytes)


def transforms(patch: Callable[[Text], Text], before: Text, after: Text) -> None:
    """`patch` makes `after` of `before`, and nothing more of `after`."""
    once = patch(before)
    assert once == after
    assert patch(once) == once


def stays(patch: Callable[[Text], Text], text: Text) -> None:
    """`patch` has nothing to change in `text`: the twin of a transformation."""
    transforms(patch, text, text)
