"""What somebody meant who typed a word that does not exist."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

CLOSE = 0.5


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`Did you mean production? `, or nothing where no known word is near.

    A word that is the beginning of one is near, too: `prod`.
    """
    near = nearest(word, known)
    if not near:
        return ""
    return f"Did you mean {near}? "


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that is nearest to another one; empty where none is near."""
    words = list(known)
    folded = word.lower()
    if not folded:
        return ""
    begins = [name for name in words if name.lower().startswith(folded)]
    if begins:
        return min(begins, key=len)
    by_case = {name.lower(): name for name in words}
    found = difflib.get_close_matches(folded, by_case, 1, CLOSE)
    if not found:
        return ""
    return by_case[found[0]]
