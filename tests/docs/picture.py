"""`make picture`: docs/init.svg and docs/init.txt, of a real run in a terminal with its questions.

A person's keys are pressed for them. The first question is shown as it is asked, and then what is on
the screen at the end.
"""

from __future__ import annotations

import io
import re
import sys
import tempfile
from pathlib import Path

import pexpect
import pyte
from rich.console import Console
from rich.text import Text

from tests.docs.console import named_home
from tests.docs.scratch import clinic, environment

ROOT = Path(__file__).parents[2]
COLUMNS, ROWS = 100, 160
COMMAND = "celeryize init --profile minimal"
SHOWN_FILE = "config/settings.py"
QUESTIONS = ("(--broker)", "(--result-backend)", "(--beat)")
# What asks a terminal for the place of its cursor.
CURSOR = "\x1b[6n"
# Seconds for the import of the project as a worker and as a web process.
LONG = 120


class Recorder:
    """A program in a terminal, with the screen that it has drawn so far."""

    def __init__(
        self,
        folder: Path,
        command: str,
        env: dict[str, str],
        size: tuple[int, int] = (COLUMNS, ROWS),
    ) -> None:
        columns, rows = size
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.Stream(self.screen)
        self._child = pexpect.spawn(
            sys.executable,
            ["-m", *command.split()],
            cwd=str(folder),
            env=env,
            dimensions=(rows, columns),
            encoding="utf-8",
            timeout=LONG,
        )

    def wait_for(self, text: str) -> None:
        """Draw until a text was written, and nothing more comes."""
        seen = ""
        while text not in seen:
            seen += self._read(LONG)
        try:
            while True:
                self._read(1)
        except pexpect.TIMEOUT:
            return

    def press(self, keys: str) -> None:
        """Type as a person does."""
        self._child.send(keys)

    def finish(self) -> int:
        """Draw until the program has ended; its exit code."""
        try:
            while True:
                self._read(LONG)
        except pexpect.EOF:
            self._child.close()
        return int(self._child.exitstatus or 0)

    def _read(self, seconds: float) -> str:
        """Draw the next piece that comes within so many seconds."""
        text = str(self._child.read_nonblocking(65536, timeout=seconds))
        self._stream.feed(text.replace(CURSOR, ""))
        # prompt_toolkit asks where the cursor is; a terminal answers
        if CURSOR in text:
            self.press(f"\x1b[{self.screen.cursor.y + 1};{self.screen.cursor.x + 1}R")
        return text

    def lines(self) -> list[Text]:
        """The screen in its colours, without the empty lines at the end."""
        found = [_line(self.screen.buffer[row]) for row in range(ROWS)]
        while found and not found[-1].plain:
            found.pop()
        return found


def _line(cells: dict[int, pyte.screens.Char]) -> Text:
    line = Text()
    for column in range(COLUMNS):
        cell = cells[column]
        words = [name for name in ("bold", "italics", "underscore") if getattr(cell, name)]
        if cell.fg != "default":
            words.append(COLOURS.get(cell.fg, f"#{cell.fg}"))
        style = " ".join(words).replace("underscore", "underline").replace("italics", "italic")
        line.append(cell.data, style)
    line.rstrip()
    return line


# The names of pyte, as rich spells them.
COLOURS = {name: name for name in ("black", "red", "green", "blue", "magenta", "cyan", "white")} | {
    "brown": "yellow"
}


def record() -> list[Text]:
    """The run, in a project whose folder has a short name: a long one moves the columns."""
    with tempfile.TemporaryDirectory(prefix="cz-", dir="/tmp") as name:
        return _recorded(Path(name))


def _recorded(above: Path) -> list[Text]:
    folder = clinic(above / "clinic")
    env = environment(above / "state") | {"TERM": "xterm-256color", "COLUMNS": str(COLUMNS)}
    del env["NO_COLOR"]
    recorder = Recorder(folder, COMMAND, env)
    recorder.wait_for(QUESTIONS[0])
    asked = recorder.lines()
    start = next(row for row, line in enumerate(asked) if QUESTIONS[0] in line.plain)
    recorder.press("\r")
    for question in QUESTIONS[1:]:
        recorder.wait_for(question)
        recorder.press("\r")
    recorder.wait_for("Write these changes?")
    recorder.press("y\r")
    if recorder.finish():
        raise RuntimeError("\n".join(line.plain for line in recorder.lines()))
    ended = recorder.lines()
    # the question as it was asked takes the place of its answer
    ended = _one_hunk(ended)
    shown = [
        Text(f"$ {COMMAND}", style="bold"),
        *ended[:start],
        *asked[start:],
        *ended[start + 1 :],
    ]
    return [_without_folder(line, folder) for line in shown]


def _one_hunk(lines: list[Text]) -> list[Text]:
    """A picture has room for the diff of one file; three dots stand for the others."""
    heads = [row for row, line in enumerate(lines) if line.plain.startswith("--- ")]
    end = next(row for row in range(heads[-1], len(lines)) if not lines[row].plain)
    kept: list[Text] = []
    for start, stop in zip(heads, [*heads[1:], end], strict=True):
        if SHOWN_FILE in lines[start].plain:
            kept += lines[start:stop]
        elif not kept or kept[-1].plain != "...":
            kept.append(Text("...", style="dim"))
    return [*lines[: heads[0]], *kept, *lines[end:]]


def _without_folder(line: Text, folder: Path) -> Text:
    if str(folder) not in line.plain:
        return line
    return Text(named_home(line.plain, folder))


def picture_of(lines: list[Text]) -> str:
    """The run as SVG."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    for line in lines:
        console.print(line)
    svg = console.export_svg(title="celeryize", unique_id="celeryize")
    # no font is fetched when the picture is shown
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    return "\n".join(line.rstrip() for line in svg.splitlines()) + "\n"


def text_of(lines: list[Text]) -> str:
    """The run as text, for those who cannot see it, and for its test."""
    return "\n".join(line.plain.rstrip() for line in lines) + "\n"


def main() -> None:
    """Write both."""
    lines = record()
    (ROOT / "docs/init.svg").write_text(picture_of(lines))
    (ROOT / "docs/init.txt").write_text(text_of(lines))


if __name__ == "__main__":
    main()
