"""What has to be known of a project before its interpreter can be started."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from celeryize.detect.dependencies import Dependencies, find_dependencies
from celeryize.detect.interpreter import Interpreter, find_interpreter
from celeryize.detect.layout import Layout, find_layout


@dataclass(frozen=True, slots=True)
class Environment:
    """What is known of a project before its code is read: enough to start its interpreter."""

    layout: Layout
    dependencies: Dependencies
    interpreter: Interpreter


def find_environment(
    start: Path, *, settings: str | None = None, python: str | None = None, ask: bool = True
) -> Environment:
    """The folders, the dependency file and the interpreter of the project around `start`.

    With `ask`, the project's package manager may be run to find its environment.
    """
    layout = find_layout(start, settings)
    dependencies = find_dependencies(layout.root, layout.base, layout.settings)
    interpreter = find_interpreter(
        layout.root, layout.base, dependencies.manager if ask else "", python
    )
    return Environment(layout, dependencies, interpreter)
