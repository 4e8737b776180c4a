"""`make trust`: attack the promises, and print what was tried and what was lost. Ends with 1 after a loss.

TRUST="--short" takes the sample that the test suite runs; TRUST="edits paths" these parts alone;
TRUST="--every-file" edits every Python file of the standard library and of the environment.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.trust import (
    at_once,
    awkward,
    edits,
    ending,
    failures,
    healthy,
    hostile,
    passwords,
    paths,
    undoing,
    written,
)
from tests.trust.ground import SEED, Tally

Part = Callable[[], Tally]
SHORT: dict[str, Part] = {
    "failures": lambda: failures.run(most=6),
    "edits": lambda: edits.run(most=15, workers=1),
    "written": lambda: written.run(most=300),
    "hostile": lambda: hostile.run(most=2, mixed=0),
    "healthy": lambda: healthy.run(most=60),
    "passwords": lambda: passwords.run(most=30),
    "paths": lambda: paths.run(most=16),
    "awkward": lambda: awkward.run(most=12),
    "at once": lambda: at_once.run(rounds=1, most=2),
    "undo": lambda: undoing.run(rows=9),
    "dev": lambda: ending.run(times=5),
}
LONG: dict[str, Part] = {
    "failures": lambda: failures.run(most=None),
    "edits": lambda: edits.run(most=800, workers=1),
    "written": lambda: written.run(most=3000),
    "hostile": lambda: hostile.run(most=60, mixed=5),
    "healthy": lambda: healthy.run(most=None),
    "passwords": lambda: passwords.run(most=500),
    "paths": lambda: paths.run(most=None),
    "awkward": lambda: awkward.run(most=None),
    "at once": lambda: at_once.run(rounds=3, most=30),
    "undo": lambda: undoing.run(rows=60),
    "dev": lambda: ending.run(times=50),
}
# Half an hour and more, so only where it is asked for.
EVERY_FILE: Part = lambda: edits.run(most=None, workers=2)  # noqa: E731


def attempt(name: str, form: str) -> Tally:
    """One part, in a process of its own."""
    return EVERY_FILE() if form == "every file" else (SHORT if form == "short" else LONG)[name]()


def main() -> None:
    """Run two parts at a time, print the table in their order."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(LONG))
    forms = parser.add_mutually_exclusive_group()
    forms.add_argument("--short", dest="form", action="store_const", const="short", default="long")
    forms.add_argument("--every-file", dest="form", action="store_const", const="every file")
    options = parser.parse_args()
    parts = ["edits"] if options.form == "every file" else options.parts or list(LONG)
    lost: list[str] = []
    print(f"seed {SEED}, {options.form} form\n\n| attack | tried | refused in words | lost |")
    print("| --- | --- | --- | --- |")
    with ProcessPoolExecutor(2) as pool:
        for tally in pool.map(attempt, parts, [options.form] * len(parts)):
            print(
                f"| {tally.what} | {tally.tried:,} | {tally.refused:,} | {len(tally.losses)} |",
                flush=True,
            )
            lost += [f"{tally.part}: {loss}" for loss in tally.losses]
    print(*(f"\nLOST: {loss}" for loss in lost), sep="")
    sys.exit(bool(lost))


if __name__ == "__main__":
    main()
