"""What a build does not see, by .dockerignore; and what is mounted over an image."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path, PurePosixPath

from celeryize.checks.facts import Facts
from celeryize.checks.facts.processes.where_it_runs import dockerfile_path
from celeryize.detect.processes import Process
from celeryize.reading import readable_text


def is_kept_out(facts: Facts, process: Process, files: list[Path]) -> bool:
    """Whether the container of a service certainly has none of some files, whatever is on this
    machine: .dockerignore names each of them, and nothing is mounted."""
    if process.kind != "compose" or not {"build", "context"} & set(process.options):
        return False
    if mounts_code(process) or "volumes_from" in process.options:
        return False
    found = dockerfile_path(process, (facts.deployment.root / process.where.path).parent)
    if found is None:
        return False
    ignore = dockerignore_of(*found)
    inside = [PurePosixPath(posixpath.relpath(file, found[1])) for file in files]
    return all(path.parts[0] == ".." or ignoring_line(ignore, path) for path in inside)


def mounts_code(process: Process) -> bool:
    """Whether a folder of the machine is mounted, which hides what was copied."""
    volumes = process.options.get("volumes")
    return volumes is not None and bool(re.search(r"(^|\s)[./~$][^:\s]*:/", volumes.text))


def dockerignore_of(dockerfile: Path, context: Path) -> Path | None:
    """The file that says what a build does not see: that of the Dockerfile beats the context's."""
    for path in (Path(f"{dockerfile}.dockerignore"), context / ".dockerignore"):
        if path.is_file():
            return path
    return None


def ignoring_line(file: Path | None, path: PurePosixPath) -> int | None:
    """The line of a .dockerignore that keeps a file out; the last one that matches decides."""
    found: int | None = None
    for number, line in enumerate(readable_text(file).split("\n") if file else (), 1):
        pattern = line.strip()
        if not pattern or pattern.startswith("#"):
            continue
        kept = pattern.startswith("!")
        if _matches(pattern.lstrip("!").strip().strip("/").removeprefix("./"), path):
            found = None if kept else number
    return found


def _matches(pattern: str, path: PurePosixPath) -> bool:
    """Whether a pattern of .dockerignore matches a file or a folder above it."""
    spelled = ""
    for part in re.split(r"(\*\*/?|\*|\?|\[[^]]*\])", pattern):
        if part.startswith("**"):
            spelled += "(?:.*/)?" if part.endswith("/") else ".*"
        elif part == "*":
            spelled += "[^/]*"
        elif part == "?":
            spelled += "[^/]"
        elif part.startswith("[") and part.endswith("]"):
            spelled += part
        else:
            spelled += re.escape(part)
    return re.match(rf"(?:{spelled})(?:/|$)", path.as_posix()) is not None
