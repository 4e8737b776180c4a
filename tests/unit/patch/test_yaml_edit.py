"""Entries and elements that are added to YAML: exactly these, wherever it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest
import yaml

from celeryize.errors import CannotPatch
from celeryize.patch.yaml_edit import Keys, add_document, add_elements, add_entries
from celeryize.patch.yaml_tree import Node, parse_yaml

PATH = PurePosixPath("compose.yaml")
# Every fifth of them: PyYAML takes its time.
FILES = sorted((Path(__file__).parents[2] / "golden_worker").glob("*/after/**/*.y*ml"))[::5]

TWO = """services:
  web:  # the site
    image: shop
    # ports: none
  db: {image: postgres}

# below
volumes:
"""


def test_an_entry_goes_to_the_end_of_its_mapping():
    after = TWO.replace("{image: postgres}\n", "{image: postgres}\n  cache:\n    image: redis\n")
    assert add_entries(PATH, TWO, ("services",), "cache:\n  image: redis\n") == after


def test_an_entry_goes_behind_another_one_and_the_comments_in_it():
    after = TWO.replace("# ports: none\n", "# ports: none\n  cache:\n    image: redis\n")
    assert add_entries(PATH, TWO, ("services",), "cache:\n  image: redis\n", after="web") == after


def test_an_entry_goes_into_braces():
    after = TWO.replace("{image: postgres}", "{image: postgres, init: true}")
    assert add_entries(PATH, TWO, ("services", "db"), "init: true\n") == after


def test_an_entry_at_the_top_goes_below_the_last_comment():
    text = "a: 1\n# the end\n"
    assert add_entries(PATH, text, (), "b: 2\n") == "a: 1\n# the end\nb: 2\n"


def test_a_file_of_crlf_without_a_final_newline_stays_one():
    assert add_entries(PATH, "a:\r\n  b: 1", ("a",), "c: 2\n") == "a:\r\n  b: 1\r\n  c: 2"


def test_elements_keep_the_margin_of_their_list():
    assert add_elements(PATH, "a:\n- x\nb: 1\n", ("a",), "- y\n") == "a:\n- x\n- y\nb: 1\n"
    assert add_elements(PATH, "a:\n    - x\n", ("a",), "- y\n") == "a:\n    - x\n    - y\n"
    assert add_elements(PATH, "a: [x]\n", ("a",), "- y\n") == "a: [x, y]\n"


def test_an_anchor_is_no_part_of_the_margin():
    text = "a: &list\n  - x\nb: *list\nc: &map\n  k: v\n"
    assert add_elements(PATH, text, ("a",), "- y\n") == text.replace("- x\n", "- x\n  - y\n")
    assert add_entries(PATH, text, ("c",), "l: w\n") == text + "  l: w\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a:\nb: 1\n", "a:\n  c: d\nb: 1\n"),
        ("a:", "a:\n  c: d"),
        ("a:  # e\r\n  # f\r\nb: 1\r\n", "a:  # e\r\n  c: d\r\n  # f\r\nb: 1\r\n"),
        ("a: {}\nb: 1\n", "a: {c: d}\nb: 1\n"),
    ],
)
def test_a_key_with_nothing_behind_it_gets_the_entry(before: str, after: str):
    assert add_entries(PATH, before, ("a",), "c: d\n") == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("---\na: b\n...\n", "---\na: b\nc: d\n...\n"),
        ("a: b\n# e\n\n... # f\n# g\n", "a: b\n# e\nc: d\n\n... # f\n# g\n"),
        ("a: b\n# ...\n", "a: b\n# ...\nc: d\n"),
    ],
)
def test_an_entry_at_the_top_goes_above_the_end_of_the_document(before: str, after: str):
    assert add_entries(PATH, before, (), "c: d\n") == after


def test_a_document_goes_to_the_end():
    assert add_document(PATH, "a: 1\n", "b: 2\n") == "a: 1\n---\nb: 2\n"
    assert add_document(PATH, "a: 1", "b: 2\n") == "a: 1\n---\nb: 2\n"


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("a: *b\n", ("a",)),
        ("b: &b {c: d}\na: *b\n", ("a",)),
        ("a: text\n", ("a",)),
        ("a: &b\nc: *b\n", ("a",)),
        ("a: ~\n", ("a",)),
        ("a: ''\n", ("a",)),
        ("a: []\n", ("a",)),
        ("a: 1\n", ("b",)),
        ("", ("b",)),
        ("a:\n\t- b\n", ("a",)),
    ],
)
def test_what_has_no_lines_to_add_to_is_refused(text: str, keys: Keys):
    with pytest.raises(CannotPatch) as refused:
        add_entries(PATH, text, keys, "x: y\n")
    assert refused.value.where is not None


@pytest.mark.parametrize("block", ["x: [\n", "- x\n", "x: y\n z: a\n", "x\n"])
def test_lines_that_would_be_something_else_are_refused(block: str):
    with pytest.raises(CannotPatch):
        add_entries(PATH, "a:\n  b: c\n", ("a",), block)


def test_a_block_of_text_at_the_end_does_not_swallow_the_entry():
    text = "a:\n  b: |\n    line\n\n    line\n\n\nc: d\n"
    new = add_entries(PATH, text, ("a",), "x: y\n")
    assert yaml.safe_load(new)["a"] == {**yaml.safe_load(text)["a"], "x": "y"}


def mappings(node: Node, keys: Keys = ()) -> Iterator[Keys]:
    if node.kind == "mapping" and node.pairs:
        yield keys
        for key, value in node.pairs:
            if key.text != "<<":
                yield from mappings(value, (*keys, key.text))
    for index, value in enumerate(node.elements):
        yield from mappings(value, (*keys, index))


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.parts[-3])
def test_an_entry_in_any_mapping_of_any_file_changes_nothing_else(file: Path):
    text = file.read_bytes().decode("utf-8-sig")
    for number, document in enumerate(parse_yaml(PATH, text)):
        for keys in mappings(document):
            new = add_entries(PATH, text, (number, *keys), "added: here\n")
            old = list(yaml.safe_load_all(text))[number]
            now = list(yaml.safe_load_all(new))[number]
            place = now
            for key in keys:
                place = place[key]
            assert place.pop("added") == "here"
            # what merges this mapping has got the entry, too
            assert _without(now) == _without(old), keys


def _without(value: object) -> object:
    if isinstance(value, dict):
        return {key: _without(inner) for key, inner in value.items() if key != "added"}
    if isinstance(value, list):
        return [_without(inner) for inner in value]
    return value
