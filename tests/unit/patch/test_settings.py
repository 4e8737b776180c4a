"""Where the block of the settings goes: above what has to stay last, with the comments of that."""

from __future__ import annotations

import ast
from pathlib import PurePosixPath

import pytest

from celeryize.patch.settings import add_block
from celeryize.patch.source import Source

BLOCK = "CELERY_X = 1\n"
LOADS = "exec(open('local_settings.py').read())\n"
HEADLINE = "#########\n# LOCAL #\n#########\n\n# Whatever is local.\n\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        # its own comment, with and without a blank line above
        ("A = 1\n\n# local\n", "A = 1\n\nCELERY_X = 1\n\n# local\n"),
        ("A = 1\n# local\n", "A = 1\n\nCELERY_X = 1\n\n# local\n"),
        ("A = 1\n", "A = 1\n\nCELERY_X = 1\n\n"),
        ("A = 1\n\n", "A = 1\n\nCELERY_X = 1\n\n"),
        # a headline, and paragraphs with blank lines between them and the statement
        (f"A = 1\n\n{HEADLINE}", f"A = 1\n\nCELERY_X = 1\n\n{HEADLINE}"),
        # what stands right below the statement before belongs to that one
        (f"A = 1\n# B = 2\n\n{HEADLINE}", f"A = 1\n# B = 2\n\nCELERY_X = 1\n\n{HEADLINE}"),
        # the first lines are about the file
        (f"# Copyright\n\n{HEADLINE}", f"# Copyright\n\n{HEADLINE}CELERY_X = 1\n\n"),
        ("# local\n", "CELERY_X = 1\n\n# local\n"),
        ("", "CELERY_X = 1\n\n"),
    ],
)
def test_the_block_goes_above_the_comments_of_the_last_statement(before, after):
    source = Source.decode(PurePosixPath("settings.py"), (before + LOADS).encode())
    line = source.tree.body[-1].lineno
    written = add_block(source, BLOCK, [], line)
    assert written.text == after + LOADS
    assert isinstance(written.tree.body[-1], ast.Expr)
