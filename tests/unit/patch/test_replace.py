"""patch/replace.py: one node gives way to another, and nothing else changes; a silent change is refused."""

from __future__ import annotations

import ast
from pathlib import PurePosixPath

import pytest

from celeryize.errors import CannotPatch
from celeryize.patch.replace import (
    as_tuple,
    below,
    renamed_argument,
    renamed_target,
    replaced,
    respelled,
    with_argument,
)
from celeryize.patch.source import Source, Splice, expression


def source(text: str) -> Source:
    return Source(PurePosixPath("x.py"), text)


def node(of: Source, kind: type, number: int = 0):
    return [n for n in ast.walk(of.tree) if isinstance(n, kind)][number]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("é = 'é'; a = 'x'  # a\n", "é = 'é'; a = 5  # a\n"),
        ("a = (\n    'x'\n)\n", "a = (\n    5\n)\n"),
        ("a = ( 'x' )\n", "a = 5\n"),
        ("f('x', b=1)\n", "f(5, b=1)\n"),
        ("a = {'x': 'x'}['x']\n", "a = {5: 'x'}['x']\n"),
        ("def f(a: 'x' = 1):\r\n\treturn 2\r\n", "def f(a: 5 = 1):\r\n\treturn 2\r\n"),
    ],
)
def test_an_expression_gives_way_to_another(before, after):
    of = source(before)
    value = next(n for n in ast.walk(of.tree) if isinstance(n, ast.Constant) and n.value == "x")
    first = min(
        (n for n in ast.walk(of.tree) if isinstance(n, ast.Constant) and n.value == "x"),
        key=lambda n: (n.lineno, n.col_offset),
        default=value,
    )
    assert of.splice(replaced(of, first, "5")).text == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a = {'k': 1, \"k2\": 2}\n", "a = {'new': 1, \"k2\": 2}\n"),
        ('a = {"k": 1}\n', 'a = {"new": 1}\n'),
        ('a = {"""k""": 1}\n', 'a = {"new": 1}\n'),
        ("a = {u'k': 1}\n", 'a = {"new": 1}\n'),
    ],
)
def test_a_text_keeps_its_quotes(before, after):
    of = source(before)
    key = node(of, ast.Dict).keys[0]
    assert of.splice(respelled(of, key, "new")).text == after


@pytest.mark.parametrize(
    "before", ["A = 1\n", "A: int = 1\n", "if x:\n    A = A\n", "class C:\n    A = 1\n"]
)
def test_what_an_assignment_binds_gets_another_name(before):
    of = source(before)
    target = next(
        n for n in ast.walk(of.tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    )
    assert of.splice(renamed_target(of, target, "LONGER")).text == before.replace("A", "LONGER", 1)


@pytest.mark.parametrize("before", ["f(a=1, b=2)\n", "@f(a = [1,  # a\n 2])\ndef g(a): pass\n"])
def test_a_keyword_gets_another_name_and_keeps_its_value(before):
    of = source(before)
    call = node(of, ast.Call)
    assert of.splice(renamed_argument(of, call.keywords[0], "c")).text == before.replace(
        "a", "c", 1
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("f(a=5)\n", "f(a=(5,))\n"),
        ("f(a=(5))\n", "f(a=(5,))\n"),
        ("f(a=( 5 ))\n", "f(a=( 5,))\n"),
        ("f(a=g(5))\n", "f(a=g((5,)))\n"),
        ("f(5)\n", "f((5,))\n"),
        ("return_ = [5]\n", "return_ = [(5,)]\n"),
    ],
)
def test_a_value_becomes_a_tuple_of_one(before, after):
    of = source(before)
    assert of.splice(as_tuple(of, node(of, ast.Constant))).text == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("@task\ndef f(): pass\n", "@task(bind=True)\ndef f(): pass\n"),
        ("@app.task()\ndef f(): pass\n", "@app.task(bind=True)\ndef f(): pass\n"),
        (
            "@task(\n    a=1,\n)\ndef f(): pass\n",
            "@task(\n    bind=True,\n    a=1,\n)\ndef f(): pass\n",
        ),
        (
            "@other\n@task(a=1)\nasync def f(): pass\n",
            "@other\n@task(bind=True, a=1)\nasync def f(): pass\n",
        ),
    ],
)
def test_a_decorator_gets_an_argument(before, after):
    of = source(before)
    decorator = of.tree.body[0].decorator_list[-1]
    assert of.splice(with_argument(of, decorator, "bind=True")).text == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a = 1  # one\nb = 2\n", "a = 1  # one\nc = 3\nb = 2\n"),
        ("a = 1", "a = 1\nc = 3\n"),
        ("a = (\r\n    1\r\n)\r\n", "a = (\r\n    1\r\n)\r\nc = 3\r\n"),
    ],
)
def test_a_statement_goes_below_another(before, after):
    of = source(before)
    assert of.splice(below(of, of.tree.body[0], "c = 3\n")).text == after


def test_two_changes_of_one_dict_and_of_one_function_are_proved_together():
    of = source("@task(tim=1)\ndef f(a='x'):\n    return {'k': (5), 'l': 2}\n")
    call, found = node(of, ast.Call), node(of, ast.Dict)
    once = of.splice(
        as_tuple(of, found.values[0]),
        respelled(of, found.keys[1], "m"),
        renamed_argument(of, call.keywords[0], "time"),
        respelled(of, node(of, ast.FunctionDef).args.defaults[0], "y"),
    )
    assert once.text == "@task(time=1)\ndef f(a='y'):\n    return {'k': (5,), 'm': 2}\n"


@pytest.mark.parametrize(
    "splice",
    [
        Splice(4, 5, "2", (), ()),
        Splice(4, 5, "2", (expression("2"),), ()),
        Splice(4, 5, "2", (expression("3"),), (expression("1"),)),
        Splice(0, 1, "b", (), ()),
    ],
    ids=["told nothing", "told half", "told another", "a name"],
)
def test_a_replacement_that_is_not_what_it_says_is_refused(splice):
    with pytest.raises(CannotPatch, match="would change more than was planned"):
        source("a = 1\n").splice(splice)
