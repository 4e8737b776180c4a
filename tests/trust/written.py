"""The same insertions into modules that nobody would write: Hypothesis puts awkward pieces together."""

from __future__ import annotations

import ast
from pathlib import PurePosixPath

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from tests.trust.edits import attack
from tests.trust.ground import SEED, Tally

HEADS = (
    '"""The settings of {the} shop."""',
    "'''One\n\ntwo'''  # why",
    "#!/usr/bin/env python",
    "# a licence\n# of two lines",
    "from __future__ import annotations",
    'r"""raw \\d"""; x = 1',
    "\f",
    "",
)
IMPORTS = (
    "import os",
    "import os, sys",
    "import os as o; import sys",
    "from typing import (\n    Any,  # why\n    Optional as O,\n)",
    "from typing import (Union\n                    , List)",
    "from celery import shared_task as task, \\\n    Celery",
    "from os import *",
    "from . import base, local",
    "from .base import *  # noqa",
    "try:\n    import json\nexcept ImportError:\n    json = None",
    "if True:\n    from typing import Any",
)
BODIES = (
    'INSTALLED_APPS = [\n    "a",  # "b", ]\n    "c"\n]',
    'INSTALLED_APPS = ["a"] + [\n]',
    "LOCAL_APPS = 'a', 'b',",
    "THIRD_PARTY_APPS = ()",
    "CELERY_BEAT_SCHEDULE = {}",
    'CELERY_BEAT_SCHEDULE = {  # why\n  "x": {"task": "t",\n\t\t"schedule": 1}}',
    "NESTED = {'a': [(), {1, 2}, {'b': [\n    # only a comment\n]}], **{}}",
    "TEXT = '''\n[\n'''; LIST = [1,2 , ] ; D = {1:2, }",
    "A = [(1), (2)  # )\n , ]",
    "B = (\\\n    1,\\\n    2)",
    'F = f"{ {1: [2]}[1] !r:>{10}} {[x for x in (1, 2)]}"',
    'É = [\'é\', """ü\n""", \'\\N{BULLET}\']',
    "@decorated(\n    [1]\n)\n# between\n@again\ndef f(a, /, b=[1], *, c={}): return a, b",
    "async def g():\n\tasync with a as b, c: pass\n\tawait b",
    "class C(Base, metaclass=M):\n    '''Doc.'''\n    x: int = 1; y = []",
    "class D: pass",
    "class ShopConfig(AppConfig):\n\tname = 'shop'\n\tdef ready(self):\n\t\t'''Doc.'''",
    "class E(\n    A\n):\n    a = 1\n\n    # the end",
    "if DEBUG:\n    X = [1]\nelif Y: X = 2\nelse:\n  X = 3  # \\",
    "while 1:\n    break\nelse:\n    pass",
    "match x:\n    case [1, *_]:\n        y = {}\n    case {'a': 1}: pass",
    "with (open(a) as b, c): d = (yield_ := 1)",
    "try:\n    pass\nexcept* ValueError:\n    pass",
    "__all__ = ['a',\n    'b']  # names",
    "__all__ += ('c',)",
    'if __name__ == "__main__":\n    main()',
    "lambda: (\n1,\n)",
    "print(*[1], **{})  # [",
    "from .local import *",
    "x = 1; \\\ny = 2;",
    "del x[1:2, ...]; a[1, 2] = {3}",
    "# just a comment",
    "    # an indented one",
    "\f",
    "",
)
ENDS = ("", "\n", "\n\n\n", "  # the end", "\n# the end", "\n\t \n", "\n\f\n", ";", "\r\n")


@st.composite
def modules(draw: st.DrawFn) -> bytes:
    """A module as bytes: pieces in any order, newlines of one kind or mixed, a BOM, an encoding."""
    pieces = [
        *draw(st.lists(st.sampled_from(HEADS), max_size=2)),
        *draw(st.lists(st.sampled_from(IMPORTS), max_size=4)),
        *draw(st.lists(st.sampled_from(BODIES), max_size=6)),
    ]
    encoding = draw(st.sampled_from(["", "", "", "utf-8", "latin-1", "cp1252", "utf-8-sig"]))
    if encoding not in ("", "utf-8-sig"):
        pieces.insert(0, f"# -*- coding: {encoding} -*-")
    lines = ("\n".join(pieces) + draw(st.sampled_from(ENDS))).split("\n")
    kinds = draw(st.sampled_from([["\n"], ["\r\n"], ["\n", "\r\n"]]))
    text = "".join(line + draw(st.sampled_from(kinds)) for line in lines[:-1]) + lines[-1]
    return text.encode(encoding or "utf-8")


def run(*, most: int) -> Tally:
    """All editors on so many modules."""
    tally = Tally("edits", "insertions into modules of awkward pieces")

    # Whatever hypothesis is told elsewhere: these examples, the same each time.
    @seed(SEED)
    @settings(
        max_examples=most, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(modules())
    def attacked(data: bytes) -> None:
        try:
            ast.parse(data)
        except SyntaxError:
            return
        tried, refused, losses = attack(PurePosixPath("settings.py"), data, repr(data))
        tally.tried += tried
        tally.refused += refused
        tally.losses += losses

    attacked()
    return tally
