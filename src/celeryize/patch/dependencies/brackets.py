"""Puts an element into a bracketed list, in TOML or in Python, the way its neighbours stand there.

[                 [
    "b", # why        "b", # why
]             ->      "c",
                  ]
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from celeryize.patch.dependencies.placement import Item, place_among
from celeryize.patch.newlines import newline_at

_COMMA = re.compile(r"(?:[ \t\r\n]|#[^\n]*\n)*,")
_LINE_END = re.compile(r"\n|\Z")


@dataclass(frozen=True, slots=True)
class Brackets:
    """A list in a text: the offset behind `[`, the offset of `]`, and where each element starts and
    ends.
    """

    text: str
    start: int
    end: int
    elements: Sequence[tuple[int, int]]

    def items(self, names: Sequence[str]) -> list[Item]:
        """The elements, which have these names, each with what is above it."""
        found = []
        before = self.start
        for name, (start, end) in zip(names, self.elements, strict=True):
            # without the rest of the line of the element before, whose comment that is
            above = self.text[before:start].split("\n")[1:-1]
            comments = [line.strip() for line in above if line.strip().startswith("#")]
            gap = any(not line.strip() for line in above)
            found.append(Item(name, "\n".join(comments), gap))
            before = end
        return found

    def place_of(self, names: Sequence[str], name: str) -> int:
        """The index at which `name` belongs; above the first headline if all are of others."""
        place = place_among(self.items(names), name)
        if place is None:
            return 0
        # never between a comment and the element below it, be it a headline
        return place.index + place.below_comment

    def insert(self, index: int, element: str) -> list[tuple[int, str]]:
        """The insertions (offset, text) that make `element` the one at `index`.

        One insertion, or two where the last element has no comma but a comment behind it.
        """
        if not self.elements:
            return [self._insert_first(element)]
        if index < len(self.elements):
            return [self._insert_before(index, element)]
        return self._insert_last(element)

    def _insert_first(self, element: str) -> tuple[int, str]:
        line = self._line_start(self.end)
        # [] on one line
        if line <= self.start:
            return self.start, element
        outer = re.match(r"[ \t]*", self.text[line : self.end])
        return line, f"{outer.group() if outer else ''}    {element},{newline_at(self.text, line)}"

    def _insert_before(self, index: int, element: str) -> tuple[int, str]:
        start = self.elements[index][0]
        prefix = self.text[self._line_start(start) : start]
        if not prefix.strip():
            line = self._line_start(start)
            # a comment above an element belongs to it: go right below what is before it
            if index and (comma := _COMMA.match(self.text, self.elements[index - 1][1])):
                line = self._after_line(comma.end())
            elif not index and "\n" in self.text[self.start : start]:
                line = self._after_line(self.start)
            if line <= start:
                return line, f"{prefix}{element},{newline_at(self.text, start)}"
        # leading commas: the new element takes the comma of the one that it pushes down
        if prefix.strip() == ",":
            return start, f"{element}{newline_at(self.text, start)}{prefix}"
        return start, f"{element}, "

    def _insert_last(self, element: str) -> list[tuple[int, str]]:
        start, end = self.elements[-1]
        prefix = self.text[self._line_start(start) : start]
        # one element a line, as far as the neighbours show it
        alone = "\n" in self.text[self.start : start] or "\n" in self.text[end : self.end]
        if not prefix.strip():
            indent = prefix
        else:
            indent = " " * len(prefix)
        newline = newline_at(self.text, self.end)
        comma = _COMMA.match(self.text[: self.end], end)
        if comma:
            line = self._after_line(comma.end())
            # the bracket closes on a line of its own
            if line <= self.end:
                return [(line, f"{indent}{element},{newline}")]
            return [(comma.end(), f"{newline}{indent}{element}," if alone else f" {element},")]
        # without a comma behind the last one, the new last one has none either
        if not alone:
            return [(end, f", {element}")]
        if prefix.strip() == ",":
            return [(end, f"{newline}{prefix}{element}")]
        line = self._after_line(end)
        # the comment stays behind its element, so that the comma goes before it
        if "#" in self.text[end:line] and line <= self.end:
            return [(end, ","), (line, f"{indent}{element}{newline}")]
        return [(end, f",{newline}{indent}{element}")]

    def _line_start(self, offset: int) -> int:
        return self.text.rfind("\n", 0, offset) + 1

    def _after_line(self, offset: int) -> int:
        match = _LINE_END.search(self.text, offset)
        if match:
            return match.end()
        return len(self.text)
