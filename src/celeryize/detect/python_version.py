"""Which Python a project is written for, as its files declare it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from celeryize.celery_versions import Version, range_of
from celeryize.model import Where
from celeryize.reading import read_file

_IMAGE = re.compile(r"(?mi)^\s*FROM\s+(?:--\S+\s+)?(?:\S+/)?python:(\d+(?:\.\d+)+)")
_RUNTIME = re.compile(r"(?m)^\s*(?:python-|cpython-)?(\d+(?:\.\d+)+)")
_SETUP = re.compile(r"python_requires\s*=\s*[\"']?([^\"'\n]+)")


@dataclass(frozen=True, slots=True)
class DeclaredPython:
    """The oldest Python that has to work. `exact`: this is the one that runs the project."""

    version: Version
    exact: bool
    text: str
    where: Where


def declared_python(root: Path, base: PurePosixPath) -> DeclaredPython | None:
    """The Python of the project whose manage.py is in `base`; what names one version first."""
    found = [
        python
        for folder in (base, *base.parents)
        for python in _declared_in(root, folder)
        if python.version
    ]
    return next((python for python in found if python.exact), next(iter(found), None))


def _declared_in(root: Path, folder: PurePosixPath) -> Iterator[DeclaredPython]:
    """The declarations in one folder, the strictest first."""
    for name, pattern in (
        ("runtime.txt", _RUNTIME),
        (".python-version", _RUNTIME),
        ("Dockerfile", _IMAGE),
    ):
        text = _read_text(root / folder / name)
        if match := pattern.search(text):
            yield _exactly(match[1], folder / name, text.count("\n", 0, match.start(1)) + 1)
    yield from _in_toml(root, folder)
    for name in ("setup.cfg", "setup.py"):
        text = _read_text(root / folder / name)
        if match := _SETUP.search(text):
            yield _at_least(match[1], folder / name, text.count("\n", 0, match.start()) + 1)


def _in_toml(root: Path, folder: PurePosixPath) -> Iterator[DeclaredPython]:
    """What pyproject.toml and Pipfile say."""
    for name, keys in (
        ("Pipfile", (("requires", "python_full_version"), ("requires", "python_version"))),
        (
            "pyproject.toml",
            (("project", "requires-python"), ("tool", "poetry", "dependencies", "python")),
        ),
    ):
        text = _read_text(root / folder / name)
        if "python" not in text:
            continue
        from celeryize.patch.dependencies.toml import value_at

        for key in keys:
            said = value_at(text.encode(), *key)
            if isinstance(said, str) and (line := _line_of(text, key[-1], said)):
                declare = _exactly if name == "Pipfile" else _at_least
                yield declare(said, folder / name, line)


def _exactly(text: str, path: PurePosixPath, line: int) -> DeclaredPython:
    numbers = re.findall(r"\d+", text)
    version = tuple(int(number) for number in numbers[:2])
    return DeclaredPython(version, True, text, Where(path, line))


def _at_least(text: str, path: PurePosixPath, line: int) -> DeclaredPython:
    """The lower end of a range; exact where the range is one minor version."""
    found = range_of(text)
    low = (found.low or ())[:2]
    exact = bool(len(low) == 2 and found.high and found.high <= (low[0], low[1] + 1))
    return DeclaredPython(low, exact, text.strip(), Where(path, line))


def _line_of(text: str, key: str, said: str) -> int:
    """The line of a `key = value`, from 1."""
    match = re.search(rf"(?m)^\s*[\"']?{re.escape(key)}[\"']?\s*=.*{re.escape(said)}", text)
    if match is None:
        return 1
    return text.count("\n", 0, match.start()) + 1


def _read_text(file: Path) -> str:
    try:
        return read_file(file).decode("utf-8-sig", "replace")
    except OSError:
        return ""
