"""`make picture`: docs/init.svg, made of a real run in a terminal, not of a drawing."""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parents[2]
WIDTH = 108


def record(folder: Path, *command: str) -> str:
    """What a command shows in a terminal of WIDTH columns, colours included."""
    parent, child = pty.openpty()
    env = {
        **{k: v for k, v in os.environ.items() if k != "VIRTUAL_ENV"},
        "COLUMNS": str(WIDTH),
        "TERM": "xterm-256color",
    }
    process = subprocess.Popen(
        command, cwd=folder, stdin=child, stdout=child, stderr=child, env=env
    )
    os.close(child)
    seen = b""
    while True:
        try:
            piece = os.read(parent, 65536)
        except OSError:
            break
        if not piece:
            break
        seen += piece
    process.wait()
    return seen.decode().replace("\r\n", "\n")


def main() -> None:
    """Make a project as Django does, run celeryize in it, write the picture."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "clinic"
        folder.mkdir()
        run = {"cwd": folder, "check": True, "capture_output": True}
        subprocess.run([sys.executable, "-m", "django", "startproject", "config", "."], **run)
        subprocess.run([sys.executable, "manage.py", "startapp", "doctors"], **run)
        settings = folder / "config/settings.py"
        text = settings.read_text().replace(
            "INSTALLED_APPS = [", "INSTALLED_APPS = [\n    'doctors',", 1
        )
        settings.write_text(text)
        (folder / "requirements.txt").write_text("django>=5.2\n")
        (folder / ".venv").symlink_to(sys.prefix)
        celeryize = str(Path(sys.executable).with_name("celeryize"))
        shown = record(folder, celeryize, "init", "--profile", "minimal", "--yes")
    shown = shown.replace(str(folder), "~/clinic")
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    console.print(Text("$ celeryize init --profile minimal --yes", style="bold"))
    console.print(Text.from_ansi(shown))
    svg = console.export_svg(title="celeryize", unique_id="celeryize")
    # no font is fetched when the picture is shown
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    (ROOT / "docs/init.svg").write_text(
        "\n".join(line.rstrip() for line in svg.splitlines()) + "\n"
    )


if __name__ == "__main__":
    main()
