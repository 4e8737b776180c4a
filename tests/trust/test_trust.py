"""The short form of `make trust`: a sample of each attack, and nothing lost."""

from __future__ import annotations

import pytest

from tests.services import while_python_starts
from tests.trust.run import SHORT

# Each of these is some seconds of three real processes.
FEWEST = {"dev": 10}


PARTS = [pytest.param(part, marks=[while_python_starts] if part == "dev" else []) for part in SHORT]


@pytest.mark.parametrize("part", PARTS)
def test_nothing_is_lost(part):
    tally = SHORT[part]()
    assert tally.losses == []
    assert tally.tried >= FEWEST.get(part, 30), "too few attacks to believe it"
