"""What has to be known of a project before its interpreter can be started."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from celeryize.detect.dependencies import Dependencies, find_dependencies
from celeryize.detect.interpreter import Interpreter, find_interpreter
from celeryize.detect.layout import Layout, find_layout


@dataclass(frozen=True, slots=True)
class Ground:
    """What is known of a project before its code is read: enough to start its interpreter."""

    layout: Layout
    dependencies: Dependencies
    interpreter: Interpreter


def find_ground(start: Path, *, settings: str | None = None, python: str | None = None) -> Ground:
    """The folders, the dependency file and the interpreter of the project around `start`."""
    layout = find_layout(start, settings)
    dependencies = find_dependencies(layout.root, layout.base)
    interpreter = find_interpreter(layout.root, layout.base, dependencies.manager, python)
    return Ground(layout, dependencies, interpreter)
