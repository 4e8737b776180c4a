"""Runs a command line of celeryize in its own process and tells what it loaded, read and started.

    python -m tests.watched OUTPUT.json add-task ...

The JSON: `modules` loaded, how often each file below the working folder was `read`, the `processes` started.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from pathlib import Path


def main() -> None:
    """Install the audit hook before anything of ours is imported."""
    output, root = Path(sys.argv[1]), f"{Path.cwd().resolve()}/"
    read: Counter[str] = Counter()
    processes: list[str] = []

    def heard(event: str, arguments: tuple[object, ...]) -> None:
        # by io.open, or by os.open for reading
        if event == "open" and not int(str(arguments[2])) & (os.O_WRONLY | os.O_RDWR):
            if not isinstance(arguments[0], str | os.PathLike):
                return
            path = os.path.realpath(arguments[0])
            if path.startswith(root) and Path(path).is_file():
                read[os.path.relpath(path, root)] += 1
        elif event == "subprocess.Popen":
            processes.append(str(arguments[0]))

    sys.addaudithook(heard)
    # the program leaves without an ordinary end, but what was heard has to be written
    os._exit = sys.exit  # type: ignore[assignment]
    sys.argv = ["celeryize", *sys.argv[2:]]
    from celeryize.__main__ import main as run

    try:
        run()
    finally:
        output.write_text(
            json.dumps({"modules": list(sys.modules), "read": read, "processes": processes})
        )


if __name__ == "__main__":
    main()
