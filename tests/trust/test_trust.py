"""The short form of `make trust`: a sample of each attack, and nothing lost."""

from __future__ import annotations

import pytest

from tests.trust.run import SHORT

# Each of these is some seconds of three real processes.
FEWEST = {"dev": 10}


@pytest.mark.parametrize("part", SHORT)
def test_nothing_is_lost(part):
    tally = SHORT[part]()
    assert tally.losses == []
    assert tally.tried >= FEWEST.get(part, 30), "too few attacks to believe it"
