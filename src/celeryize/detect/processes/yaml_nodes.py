"""YAML with the place of each value: PyYAML's nodes, anchors and merge keys included."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from celeryize.detect.processes.process import Item
from celeryize.model import Where

MERGE = "<<"
# A chain of merges longer than this is not followed.
DEEPEST = 20


class Yaml:
    """A node of a YAML document of `path`. Absent keys give a Yaml without a node."""

    __slots__ = ("node", "path")

    def __init__(self, path: PurePosixPath, node: Any) -> None:
        self.path = path
        self.node = node

    def __bool__(self) -> bool:
        return self.node is not None

    @property
    def kind(self) -> str:
        """scalar, sequence, mapping, or an empty text."""
        return getattr(self.node, "id", "") or ""

    @property
    def where(self) -> Where:
        """The line where it starts."""
        line = self.node.start_mark.line + 1 if self.node is not None else None
        return Where(self.path, line)

    @property
    def text(self) -> str | None:
        """The text of a scalar."""
        return str(self.node.value) if self.kind == "scalar" else None

    @property
    def item(self) -> Item | None:
        """A scalar with its place."""
        text = self.text
        return Item(text, self.where) if text is not None else None

    def items(self, depth: int = DEEPEST) -> Iterator[tuple[str, Yaml]]:
        """The keys and values of a mapping; what is merged into it comes first."""
        pairs = self.node.value if self.kind == "mapping" else ()
        for key, value in pairs:
            # a mapping may merge itself
            if key.value == MERGE and depth:
                merged = value.value if value.id == "sequence" else [value]
                for one in merged:
                    yield from Yaml(self.path, one).items(depth - 1)
        for key, value in pairs:
            if key.value != MERGE and key.id == "scalar":
                yield str(key.value), Yaml(self.path, value)

    def get(self, *keys: str) -> Yaml:
        """The value below some keys; a Yaml without a node where there is none."""
        found: Yaml = self
        for key in keys:
            found = dict(found.items()).get(key, Yaml(self.path, None))
        return found

    def where_of(self, name: str) -> Where:
        """The line of a key of a mapping; where the mapping starts, without it."""
        for key, _ in self.node.value if self.kind == "mapping" else ():
            if key.value == name:
                return Where(self.path, key.start_mark.line + 1)
        return self.where

    def elements(self) -> list[Yaml]:
        """The elements of a sequence."""
        nodes = self.node.value if self.kind == "sequence" else ()
        return [Yaml(self.path, node) for node in nodes]

    def texts(self) -> tuple[str, ...]:
        """The scalars of a sequence."""
        return tuple(element.text or "" for element in self.elements())


def documents_of(path: PurePosixPath, text: str) -> list[Yaml]:
    """The documents of a YAML file; none where it cannot be parsed (a template, tabs)."""
    # loaded only where a file of this kind is there
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return [Yaml(path, node) for node in yaml.compose_all(text, Loader=loader)]
    except (yaml.YAMLError, RecursionError, ValueError):
        return []


def problem_of(text: str) -> tuple[str, int] | None:
    """Why a text is no YAML, and the line of it; None for one that can be read."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        # a second anchor of a name is none to Docker, but to the step behind this one
        for _ in yaml.parse(text, Loader=loader):
            pass
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        return error.problem or "it cannot be read", mark.line + 1 if mark else 1
    except (yaml.YAMLError, RecursionError, ValueError):
        # characters that no editor writes, or deeper than any file of a person
        return None
    return None
