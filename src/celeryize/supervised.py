"""Commands of others that end with us: whatever ends this process ends them, too."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

SCRIPT = Path(__file__).with_name("supervisor.py")


@dataclass(frozen=True, slots=True)
class Finished:
    """How a command ended, and what it said on both streams."""

    exit_code: int
    output: str

    def last_lines(self, count: int) -> str:
        """The end of what it said, without pip's remarks about its own version."""
        lines = self.output.strip().splitlines()
        told = [line for line in lines if line.strip() and not line.startswith("[notice]")]
        return "\n".join(told[-count:])


def run_supervised(
    command: Sequence[str],
    *,
    folder: Path,
    keeping: Sequence[int] = (),
    tell: Callable[[str], None] | None = None,
) -> Finished:
    """Run a command in a folder to its end. `keeping` are descriptors that its supervisor holds,
    `tell` gets each line as it is written.

    A lock that is held by such a descriptor is held until the command, too, has ended. Raises
    OSError where the supervisor cannot be started; a command that does not exist ends with 127.
    """
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), *command],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        # Ctrl-C of the terminal is for us alone; we then close its stdin
        start_new_session=True,
        pass_fds=tuple(keeping),
    )
    assert process.stdin is not None and process.stdout is not None
    lines: list[bytes] = []
    try:
        for line in process.stdout:
            lines.append(line)
            if tell is not None:
                tell(line.decode("utf-8", "replace"))
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait()
    return Finished(process.returncode, b"".join(lines).decode("utf-8", "replace"))
