"""`make trust`: attack the promises, and print what was tried and what was lost. Ends with 1 after a loss.

TRUST="--short" takes the sample that the test suite runs; TRUST="edits paths" these parts alone.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.trust import edits, failures, hostile, passwords, written
from tests.trust.ground import SEED, Tally

Part = Callable[[], Tally]
SHORT: dict[str, Part] = {
    "failures": lambda: failures.run(most=8),
    "edits": lambda: edits.run(most=25, workers=1),
    "written": lambda: written.run(most=400),
    "hostile": lambda: hostile.run(most=4, mixed=0),
    "passwords": lambda: passwords.run(most=60),
}
LONG: dict[str, Part] = {
    "failures": lambda: failures.run(most=None),
    "edits": lambda: edits.run(most=None, workers=2),
    "written": lambda: written.run(most=5000),
    "hostile": lambda: hostile.run(most=None, mixed=20),
    "passwords": lambda: passwords.run(most=None),
}


def main() -> None:
    """Run the parts, print the table as each one ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(LONG))
    parser.add_argument("--short", action="store_true")
    options = parser.parse_args()
    lost: list[str] = []
    print(f"seed {SEED}\n\n| part | tried | refused in words | lost | seconds |\n| --- | --- | --- | --- | --- |")
    for name in options.parts or LONG:
        started = time.perf_counter()
        tally = (SHORT if options.short else LONG)[name]()
        seconds = time.perf_counter() - started
        row = f"{tally.tried:,} | {tally.refused:,} | {len(tally.losses)}"
        print(f"| {tally.part}: {tally.what} | {row} | {seconds:.0f} |", flush=True)
        lost += tally.losses
    print(*(f"\nLOST: {loss}" for loss in lost), sep="")
    sys.exit(bool(lost))


if __name__ == "__main__":
    main()
