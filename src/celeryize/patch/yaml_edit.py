"""More entries in a mapping, or elements in a sequence, of a YAML text; all else stays as it is.

services:                services:
  web:                     web:
    image: shop     ->       image: shop
                           worker:
                             image: shop

Each edit proves itself: the new text parses to the events of the old one and, in one place, those
of the inserted lines.
"""

from __future__ import annotations

import re
import textwrap
from pathlib import PurePosixPath
from typing import Any

from celeryize.errors import CannotPatch
from celeryize.model import Where
from celeryize.patch.yaml_tree import Node, parse_yaml

DOCUMENT_END = re.compile(r"^\.\.\.(?=\s|\Z)", re.M)
# Keys lead to a node; a number in front is that of the document, any other that of an element.
Keys = tuple[str | int, ...]


def add_entries(path: PurePosixPath, text: str, keys: Keys, block: str, *, after: str = "") -> str:
    """The text with the entries of `block` in the mapping at `keys`, at its end or behind `after`.

    `block` is YAML without a margin, its lines end with a newline. Raises CannotPatch.
    """
    mapping = find_node(path, text, keys)
    if not mapping.pairs and not mapping.anchor and keys:
        filled = _fill(path, text, mapping, keys, block)
        if filled:
            return filled
    if mapping.kind != "mapping" or not mapping.pairs:
        raise _refuse(path, mapping, keys, block)
    if mapping.flow:
        return _add_in_brackets(path, text, mapping, mapping.pairs[-1][1], keys, block)
    names = [key.text for key, _ in mapping.pairs]
    pair = mapping.pairs[-1]
    if after in names:
        pair = mapping.pairs[names.index(after)]
    value = pair[1]
    last = max(pair[0].end, _written_end(value))
    if not keys and not after and len(parse_yaml(path, text)) == 1:
        # below the comments at the end of the file, which may belong to what is above them
        closed = DOCUMENT_END.search(text, last)
        last = max(last, len(text[: closed.start() if closed else None].rstrip()))
    new = _insert(text, last, mapping.pairs[0][0].column, block)
    _prove(path, text, new, block, mapping)
    return new


def _fill(path: PurePosixPath, text: str, node: Node, keys: Keys, block: str) -> str:
    """The text with the entries where a key has nothing (`volumes:`) or `{}` behind it; empty for
    any other value."""
    if node.kind == "mapping" and node.flow:
        entry = block.rstrip("\n")
        if "\n" in entry:
            return ""
        new = f"{text[: node.start]}{{{entry}}}{text[node.end :]}"
        _prove(path, text, new, block, node)
        return new
    parent = find_node(path, text, keys[:-1])
    is_empty = node.kind == "scalar" and node.start == node.end
    if not is_empty or parent.flow or parent.kind != "mapping":
        return ""
    key = next(key for key, _ in parent.pairs if key.text == keys[-1])
    new = _insert(text, key.end, key.column + 2, block)
    _prove_filled(path, text, new, block, node)
    return new


def add_elements(path: PurePosixPath, text: str, keys: Keys, block: str) -> str:
    """The text with the elements of `block` (`- NAME=value`) at the end of the sequence at `keys`.

    Raises CannotPatch.
    """
    sequence = find_node(path, text, keys)
    if sequence.kind != "sequence" or not sequence.elements:
        raise _refuse(path, sequence, keys, block)
    if sequence.flow:
        last = sequence.elements[-1]
        return _add_in_brackets(path, text, sequence, last, keys, block)
    first = sequence.elements[0]
    # the dash is on the line of the element; the node itself may begin with an anchor above it
    head = text[text.rfind("\n", 0, first.start) + 1 : first.start]
    new = _insert(text, _written_end(sequence.elements[-1]), len(head) - len(head.lstrip()), block)
    _prove(path, text, new, block, sequence)
    return new


def _add_in_brackets(
    path: PurePosixPath, text: str, node: Node, last: Node, keys: Keys, block: str
) -> str:
    """The text with one more entry behind the last one of `{a: b}` or `[a, b]`."""
    entry = block.rstrip("\n").removeprefix("- ")
    if "\n" in entry:
        raise _refuse(path, node, keys, block)
    new = f"{text[: last.end]}, {entry}{text[last.end :]}"
    _prove(path, text, new, block, node)
    return new


def add_document(path: PurePosixPath, text: str, block: str) -> str:
    """The text with one more document at its end."""
    newline = newline_of(text)
    lead = "" if text.endswith("\n") or not text else newline
    new = text + lead + f"---\n{block}".replace("\n", newline)
    before, after = len(parse_yaml(path, text)), len(parse_yaml(path, new))
    if after != before + 1 or _events(new)[: len(_events(text)) - 1] != _events(text)[:-1]:
        raise CannotPatch(
            f"{path}: a document at its end would change another one",
            hint="Add it manually:",
            snippet=block,
            where=Where(path),
        )
    return new


def find_node(path: PurePosixPath, text: str, keys: Keys) -> Node:
    """The node at some keys as it is written. Raises CannotPatch where there is none."""
    documents = parse_yaml(path, text)
    number, rest = 0, keys
    if keys and isinstance(keys[0], int):
        number, rest = keys[0], keys[1:]
    found: Node | None = documents[number] if number < len(documents) else None
    for key in rest:
        if isinstance(key, int):
            nodes = found.elements if found else ()
            found = nodes[key] if key < len(nodes) else None
        else:
            found = found.own(key) if found else None
        if found is None:
            raise CannotPatch(f"{path} has no {'.'.join(map(str, keys))}", where=Where(path))
    assert found is not None
    return found


def newline_of(text: str) -> str:
    """The newline that a text ends its first line with."""
    head, sign, _ = text.partition("\n")
    if sign and head.endswith("\r"):
        return "\r\n"
    return "\n"


def source_lines(text: str, key: Node, value: Node) -> str:
    """The lines of a pair as they are written, without their margin."""
    start = text.rfind("\n", 0, key.start) + 1
    end = _end_of_line(text, max(key.end, _written_end(value)))
    lines = text[start:end].replace("\r\n", "\n")
    if lines[: key.column].strip():
        # `{ image: shop }`
        return f"{key.text}: {text[value.start : value.end]}\n"
    margin = lines[: key.column]
    kept = [line.removeprefix(margin) for line in lines.split("\n")]
    return "\n".join(kept).rstrip() + "\n"


def _written_end(node: Node) -> int:
    """Where a node ends in the text; an alias ends where it is written."""
    return node.end


def _end_of_line(text: str, offset: int) -> int:
    end = text.find("\n", offset)
    if end < 0:
        return len(text)
    if text[end - 1 : end] == "\r":
        return end - 1
    return end


def _insert(text: str, last: int, column: int, block: str) -> str:
    """The text with a block of a margin below the line, and the deeper comments, of an offset."""
    newline = newline_of(text)
    offset = _end_of_line(text, last)
    offset = _behind_comments(text, offset, column)
    lines = textwrap.indent(block, " " * column).rstrip("\n").replace("\n", newline)
    return text[:offset] + newline + lines + text[offset:]


def _behind_comments(text: str, offset: int, column: int) -> int:
    """Behind the comments that directly follow and are indented deeper than a margin."""
    while True:
        match = re.compile(r"\r?\n([ ]*)#[^\r\n]*").match(text, offset)
        if match is None or len(match[1]) <= column:
            return offset
        offset = match.end()


def _events(text: str) -> list[tuple[Any, ...]]:
    """What the parser makes of a text, without the places."""
    import yaml

    found = []
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        names = ("anchor", "tag", "implicit", "value", "style", "flow_style", "explicit")
        found.append((type(event).__name__, *(getattr(event, name, None) for name in names)))
    return found


def _prove(path: PurePosixPath, before: str, after: str, block: str, node: Node) -> None:
    """Raise CannotPatch unless the new text is the old one and exactly the nodes of the block."""
    import yaml

    try:
        old, new = _events(before), _events(after)
        # without the stream, the document and the collection around them
        added = _events(block)[3:-3]
    except yaml.YAMLError:
        old, new, added = [], [()], []
    places = range(len(old) + 1)
    if not any(
        new[i : i + len(added)] == added and new[:i] == old[:i] and new[i + len(added) :] == old[i:]
        for i in places
    ):
        raise _changes_more(path, block, node)


def _prove_filled(path: PurePosixPath, before: str, after: str, block: str, node: Node) -> None:
    """Raise CannotPatch unless the nodes of the block are in the place of an empty value."""
    import yaml

    try:
        old, new, added = _events(before), _events(after), _events(block)[2:-2]
    except yaml.YAMLError:
        old, new, added = [()], [], []
    end = len(added)
    if not any(
        new[:i] == old[:i] and new[i : i + end] == added and new[i + end :] == old[i + 1 :]
        for i in range(len(old))
        if old[i][:1] == ("ScalarEvent",)
    ):
        raise _changes_more(path, block, node)


def _changes_more(path: PurePosixPath, block: str, node: Node) -> CannotPatch:
    return CannotPatch(
        f"{path}: the lines would change something else in the file",
        hint="Add them manually:",
        snippet=block,
        where=Where(path, node.line),
    )


def _refuse(path: PurePosixPath, node: Node, keys: Keys, block: str) -> CannotPatch:
    name = ".".join(str(key) for key in keys if isinstance(key, str)) or "the file"
    shape = "is not a block of lines"
    if node.flow:
        shape = "is written in braces"
    elif node.kind == "alias":
        shape = "is an alias"
    return CannotPatch(
        f"{name} {shape}",
        hint="Add these lines manually:",
        snippet=block,
        where=Where(path, node.line),
    )
