"""How the project itself starts Celery: what its files give to `celery -A`."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from celeryize.detect.modules import is_foreign
from celeryize.model import Where
from celeryize.reading import is_folder, read_file, scan_folder

# What runs the project comes first; what only tells how, last.
DEPLOYED = (
    "Procfile*",
    "*compose*.y*ml",
    "*.service",
    "*supervisor*",
    "Dockerfile*",
    "*.dockerfile",
    "*entrypoint*",
    "start*",
    "*worker*",
    "*celery*",
    "*beat*",
    "*.sh",
    "Makefile",
    "justfile",
    "Justfile",
    "*.toml",
    "*.conf",
    "*.ini",
    "*.yml",
    "*.yaml",
)
DOCUMENTED = ("*.md", "*.rst", "*.txt")
CODE = (".py", ".pyc", ".html", ".js", ".css", ".po", ".mo", ".lock", ".svg", ".png", ".json")
CANDIDATE = re.compile("|".join(fnmatch.translate(one) for one in (*DEPLOYED, *DOCUMENTED)))
# Deeper, it is a package's own text and not how the project is run.
DEPTH = 6
LARGEST = 200_000
# Folders in which nothing is told about how the project runs; recorded answers of other servers,
# say, by the hundred.
ELSEWHERE = frozenset({"tests", "test", "cassettes", "fixtures", "locale", "locales"})

SHELL = re.compile(
    r"(?<![\w.])celery[\w.]*[^\S\n]+(?:[^\n;|&#`]*?[^\S\n])??"
    r"(?:-A|--app)(?:=|[^\S\n]+|)[\"']?([A-Za-z_][\w.]*(?::\w+)?)"
)
LISTED = re.compile(
    r"[\"'](?:\S*/)?celery[\"']\s*,[^\]]*?[\"'](?:-A|--app)(?:[\"']\s*,\s*[\"']|=)([A-Za-z_][\w.:]*)"
)


@dataclass(frozen=True, slots=True)
class StartLine:
    """A command line of the project that names a Celery app. `deployed`: a file that is run, and
    no text about it."""

    app: str
    where: Where
    deployed: bool


def find_start_lines(root: Path) -> tuple[StartLine, ...]:
    """The lines with `celery -A` in the project's files; those that are run come first."""
    found: list[StartLine] = []
    for path in _candidate_files(str(root), DEPTH):
        deployed = not any(path.match(pattern) for pattern in DOCUMENTED)
        try:
            data = read_file(path)
        except OSError:
            continue
        if b"celery" not in data or len(data) > LARGEST:
            continue
        text = data.decode("utf-8", "replace")
        relative = PurePosixPath(path.relative_to(root).as_posix())
        for pattern in (SHELL, LISTED):
            for match in pattern.finditer(text):
                line = text.count("\n", 0, match.start()) + 1
                if deployed and _is_comment(text, match.start()):
                    continue
                found.append(StartLine(match[1], Where(relative, line), deployed))
    return tuple(sorted(found, key=lambda one: (not one.deployed, str(one.where.path))))


def _is_comment(text: str, offset: int) -> bool:
    head = text.rfind("\n", 0, offset) + 1
    return text[head:offset].lstrip().startswith("#")


def _candidate_files(folder: str, depth: int) -> Iterator[Path]:
    for entry in scan_folder(folder):
        if is_folder(entry):
            own = entry.name not in ELSEWHERE and not is_foreign(Path(entry.path))
            if depth and own and not entry.is_symlink():
                yield from _candidate_files(entry.path, depth - 1)
        elif CANDIDATE.fullmatch(entry.name) and not entry.name.endswith(CODE):
            yield Path(entry.path)
