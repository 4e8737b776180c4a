"""YAML as nodes that know their place in the text, their anchors, and where an alias is written.

PyYAML's own nodes forget both: an alias is the node that it stands for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from celeryize.errors import CannotPatch
from celeryize.model import Where

MERGE = "<<"


@dataclass(frozen=True, eq=False, slots=True)
class Node:
    """A node: `text` of a scalar, `pairs` of a mapping, `elements` of a sequence, `target` of an
    alias.

    `start` and `end` are offsets of the text; `end` is behind its last character. `line` is from 1,
    `column` from 0.
    """

    kind: str
    start: int
    end: int
    line: int
    column: int
    text: str = ""
    anchor: str | None = None
    flow: bool = False
    pairs: tuple[tuple[Node, Node], ...] = ()
    elements: tuple[Node, ...] = ()
    target: Node | None = None

    @property
    def resolved(self) -> Node:
        """The node itself or, of an alias, what it stands for."""
        return self.target.resolved if self.target else self

    def own(self, *keys: str) -> Node | None:
        """The value below some keys as it is written there: nothing that is merged in."""
        found: Node | None = self
        for key in keys:
            found = dict(found.resolved.own_items()).get(key) if found else None
        return found

    def own_items(self) -> Iterator[tuple[str, Node]]:
        """The pairs of a mapping as they are written, `<<` among them."""
        for key, value in self.pairs:
            if key.kind == "scalar":
                yield key.text, value

    def items(self) -> Iterator[tuple[str, Node]]:
        """The pairs of a mapping; what is merged in comes first."""
        for key, value in self.resolved.pairs:
            if key.text == MERGE:
                for one in value.resolved.elements or (value,):
                    yield from one.items()
        for name, value in self.resolved.own_items():
            if name != MERGE:
                yield name, value

    def get(self, *keys: str) -> Node | None:
        """The value below some keys, merged ones too."""
        found: Node | None = self
        for key in keys:
            found = dict(found.items()).get(key) if found else None
        return found

    def scalar(self, *keys: str) -> str:
        """The text of a scalar below some keys; empty where there is none."""
        found = self.get(*keys)
        return found.resolved.text if found else ""

    def words(self) -> tuple[str, ...]:
        """The scalars of a sequence."""
        return tuple(element.resolved.text for element in self.resolved.elements)


def repeated_keys(node: Node) -> Iterator[Node]:
    """The keys below a node that are in one mapping a second time."""
    seen: set[str] = set()
    for key, value in node.pairs:
        if key.kind == "scalar" and key.text in seen:
            yield key
        seen.add(key.text)
        yield from repeated_keys(value)
    for element in node.elements:
        yield from repeated_keys(element)


def parse_yaml(path: PurePosixPath, text: str) -> tuple[Node, ...]:
    """The documents of a text. Raises CannotPatch with the line at which it is no YAML."""
    import yaml

    try:
        return tuple(_Reader(text).documents(yaml.parse(text, Loader=yaml.SafeLoader)))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else None
        problem = getattr(error, "problem", None) or "it cannot be parsed"
        tab = mark is not None and "\t" in text.split("\n")[mark.line][: mark.column + 1]
        if tab:
            problem = "it is indented with a tab, which YAML does not allow"
        raise CannotPatch(
            f"{path} is not valid YAML: {problem}",
            hint="Fix the file, then run the command again.",
            where=Where(path, line),
        ) from error
    except RecursionError as error:
        raise CannotPatch(
            f"{path} is nested too deep to be read",
            hint="Fix the file, then run the command again.",
            where=Where(path),
        ) from error


class _Reader:
    """Makes nodes of PyYAML's events."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._anchors: dict[str, Node] = {}

    def documents(self, events: Iterator[Any]) -> Iterator[Node]:
        for event in events:
            if type(event).__name__ == "DocumentStartEvent":
                self._anchors = {}
                yield self._node(next(events), events)

    def _node(self, event: Any, events: Iterator[Any]) -> Node:
        import yaml

        mark = event.start_mark
        place = {"start": mark.index, "line": mark.line + 1, "column": mark.column}
        if isinstance(event, yaml.AliasEvent):
            target = self._anchors.get(event.anchor)
            if target is None:
                raise yaml.MarkedYAMLError(None, None, f"unknown alias *{event.anchor}", mark)
            return Node("alias", end=event.end_mark.index, target=target, **place)
        if isinstance(event, yaml.ScalarEvent):
            end = mark.index + len(self._text[mark.index : event.end_mark.index].rstrip())
            node = Node("scalar", end=end, text=event.value, anchor=event.anchor, **place)
        elif isinstance(event, yaml.SequenceStartEvent):
            elements, last = self._children(events)
            node = Node(
                "sequence",
                end=self._end(event, elements, last),
                anchor=event.anchor,
                flow=bool(event.flow_style),
                elements=tuple(elements),
                **place,
            )
        else:
            children, last = self._children(events)
            pairs = tuple(zip(children[::2], children[1::2], strict=True))
            node = Node(
                "mapping",
                end=self._end(event, children, last),
                anchor=event.anchor,
                flow=bool(event.flow_style),
                pairs=pairs,
                **place,
            )
        if event.anchor:
            self._anchors[event.anchor] = node
        return node

    def _children(self, events: Iterator[Any]) -> tuple[list[Node], int]:
        """The nodes up to the end of a collection, and the offset of that end."""
        found: list[Node] = []
        for event in events:
            if type(event).__name__ in {"SequenceEndEvent", "MappingEndEvent"}:
                return found, event.end_mark.index
            found.append(self._node(event, events))
        return found, len(self._text)

    @staticmethod
    def _end(event: Any, children: list[Node], last: int) -> int:
        """The end of a collection: of a block it is that of its last node."""
        if event.flow_style or not children:
            return last
        return children[-1].end
