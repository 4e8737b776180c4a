"""patch/source.py: a splice changes what was planned and nothing else, or it is refused."""

import sys
from pathlib import PurePosixPath

import pytest

from celeryize.errors import CannotPatch
from celeryize.patch.imports import add_import
from celeryize.patch.source import (
    Source,
    Splice,
    expression,
    insertion,
    is_identifier,
    single_quoted,
    statements,
)

PATH = PurePosixPath("settings.py")


def source(text: str | bytes) -> Source:
    return Source.decode(PATH, text if isinstance(text, bytes) else text.encode())


def test_a_statement_goes_between_two_others():
    before = source("a = 1\nb = 2\n")
    after = before.splice(insertion(6, "c = 3\n", statements("c = 3")))
    assert after.text == "a = 1\nc = 3\nb = 2\n"


def test_an_insertion_that_adds_another_node_than_planned_is_refused():
    with pytest.raises(CannotPatch, match="more than was planned"):
        source("a = 1\n").splice(insertion(6, "c = 4\n", statements("c = 3")))


def test_an_insertion_that_changes_a_neighbour_is_refused():
    with pytest.raises(CannotPatch, match="more than was planned"):
        source("a = 1\n").splice(insertion(5, " + 1", ()))


def test_an_insertion_inside_a_string_is_refused():
    text = 'a = """\nx\n"""\n'
    with pytest.raises(CannotPatch):
        source(text).splice(insertion(8, "c = 3\n", statements("c = 3")))


def test_an_insertion_above_the_docstring_is_refused():
    with pytest.raises(CannotPatch):
        source('"""doc"""\n').splice(insertion(0, "import os\n", statements("import os")))


def test_an_insertion_above_a_future_import_is_refused():
    text = "from __future__ import annotations\n"
    with pytest.raises(CannotPatch):
        source(text).splice(insertion(0, "import os\n", statements("import os")))


def test_an_insertion_above_the_coding_line_is_refused():
    text = "# -*- coding: latin-1 -*-\nA = 'é'\n".encode("latin-1")
    with pytest.raises(CannotPatch, match="more than was planned"):
        source(text).splice(insertion(0, "import os\n\n", statements("import os")))


def test_an_insertion_below_the_coding_line_is_not():
    text = "# -*- coding: latin-1 -*-\nA = 'é'\n".encode("latin-1")
    after = source(text).splice(insertion(26, "import os\n", statements("import os")))
    assert after.encode() == text.replace(b"A =", b"import os\nA =")


@pytest.mark.parametrize("line", ["# -*- coding: latin-1 -*-\n# é", "#!/usr/bin/env python  # é"])
@pytest.mark.parametrize("newline", ["", "\n", "\r\n"])
def test_a_first_import_goes_below_a_coding_line_or_a_shebang_that_ends_the_file(line, newline):
    before = source((line + newline).encode("latin-1" if "coding" in line else "utf-8"))
    after = before.splice(*add_import(before, "import os"))
    assert after.text.replace("\r\n", "\n") == f"{line}\nimport os\n"
    assert source(after.encode()).text == after.text
    assert add_import(after, "import os") == []


@pytest.mark.parametrize(
    ("text", "is_one"), [("ab", True), ("é", True), ("𝒽", False), ("ﬁ", False), ("class", False)]
)
def test_a_name_is_one_that_python_reads_as_it_is_written(text, is_one):
    assert is_identifier(text) is is_one


def test_a_dict_entry_is_added_beside_others_after_wide_characters():
    before = source('A = {"é😀": 1}\n')
    after = before.splice(insertion(12, ', "k": 2', (expression('"k"'), expression("2"))))
    assert after.text == 'A = {"é😀": 1, "k": 2}\n'


def test_a_replacement_names_what_it_drops():
    before = source("a = 1\nb = 2\n")
    after = before.splice(Splice(0, 5, "z = 9", statements("z = 9"), statements("a = 1")))
    assert after.text == "z = 9\nb = 2\n"
    with pytest.raises(CannotPatch):
        before.splice(Splice(0, 5, "z = 9", statements("z = 9")))


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbfa = 1\r\n",
        "# -*- coding: latin-1 -*-\na = 'é'\n".encode("latin-1"),
        b"a = 1\r\nb = 2\n",
        b"a = 1",
        b"\x0cclass A:\n\tpass\n",
        b"",
    ],
    ids=["bom crlf", "latin-1", "mixed", "no final newline", "form feed and tab", "empty"],
)
def test_bytes_come_back_as_they_were(data):
    assert source(data).encode() == data


@pytest.mark.parametrize("data", [b"a = '\xff'\n", b"# coding: klingon\n", b"a = 1\rb = 2\r"])
def test_what_would_not_come_back_is_refused(data):
    with pytest.raises(CannotPatch):
        source(data)


def test_a_syntax_error_names_its_line():
    with pytest.raises(CannotPatch) as caught:
        _ = source("a = 1\nb = (\n").tree
    assert str(caught.value.where) == "settings.py:2"


@pytest.mark.parametrize(
    ("text", "quote", "indent", "newline"),
    [
        ("a = 'x'\nb = 'y'\nc = \"z\"\n", "'", "    ", "\n"),
        ('def f():\r\n\treturn "x"\r\n', '"', "\t", "\r\n"),
        ("a = [\n  1,\n]\n", '"', "  ", "\n"),
        ("", '"', "    ", "\n"),
    ],
)
def test_the_habits_of_a_file(text, quote, indent, newline):
    assert (source(text).quote, source(text).indent, source(text).newline) == (
        quote,
        indent,
        newline,
    )


def test_quotes_are_changed_only_where_no_escape_is_needed():
    assert (
        single_quoted('a = "x"\nb = "it\'s"\nc = """d"""\ne = ""\n')
        == 'a = \'x\'\nb = "it\'s"\nc = """d"""\ne = \'\'\n'
    )


@pytest.mark.parametrize(
    "code",
    ['print "x"\n', "try:\n    f()\nexcept IOError, e:\n    pass\n", 'raise ValueError, "x"\n'],
)
def test_python_2_is_called_so(code):
    with pytest.raises(CannotPatch, match="is Python 2 code") as caught:
        _ = Source(PurePosixPath("a.py"), code).tree
    assert caught.value.where is not None


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("print(x y)\nexcept_ = 1\n", "has a syntax error"),
        # our own Python decides which of the two lines it stumbles over first
        (
            "try:\n    f()\nexcept IOError, OSError:\n    pass\nx y\n",
            "has a syntax error" if sys.version_info >= (3, 14) else "needs Python 3.14",
        ),
    ],
)
def test_a_syntax_error_of_python_3_is_not_called_python_2(code, words):
    with pytest.raises(CannotPatch, match=words):
        _ = Source(PurePosixPath("a.py"), code).tree


@pytest.mark.parametrize(
    ("text", "line", "expected"),
    [
        # a heading is about the whole section
        (
            "import os\n\n# Module imports\nfrom shop.x import y\n",
            "from shop import z",
            "import os\n\n# Module imports\nfrom shop import z\nfrom shop.x import y\n",
        ),
        ("# Local imports\nimport sys\n", "import os", "# Local imports\nimport os\nimport sys\n"),
        # another comment is about the next import
        (
            "import os\n\n# registers the signals\nfrom shop.x import y\n",
            "from shop import z",
            "import os\n\nfrom shop import z\n\n# registers the signals\nfrom shop.x import y\n",
        ),
        # the comment had a blank line above it, and keeps one
        (
            '"""Settings."""\n\n# BASE_DIR / "shop"\nfrom pathlib import Path\n',
            "import os",
            '"""Settings."""\n\nimport os\n\n# BASE_DIR / "shop"\nfrom pathlib import Path\n',
        ),
        # it had none: that is how the file is written
        (
            "import re\n# the old shop\nimport zlib\n",
            "import sys",
            "import re\nimport sys\n# the old shop\nimport zlib\n",
        ),
        # a heading of another section
        (
            "import os\n\n# Local imports\nfrom shop.x import y\n",
            "import sys",
            "import os\nimport sys\n\n# Local imports\nfrom shop.x import y\n",
        ),
    ],
)
def test_an_import_goes_below_the_heading_of_its_section(text, line, expected):
    before = source(text)
    assert before.splice(*add_import(before, line)).text == expected
