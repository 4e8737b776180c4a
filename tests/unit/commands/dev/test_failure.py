"""commands/dev/failure.py: a traceback in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from celeryize.commands.dev.failure import short_failure

ROOT = Path("/srv/shop")
HEAD = "Traceback (most recent call last):"
OWN = '  File "/srv/shop/doctors/tasks.py", line 4, in <module>'
LIBRARY = '  File "/srv/shop/.venv/lib/python3.12/site-packages/celery/app/base.py", line 9, in x'


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (
            ["a warning", HEAD, LIBRARY, "    run()", OWN, "    nonsense", "    ^^^^", "NameError: no x"],
            ("doctors/tasks.py:4", "NameError: no x"),
        ),
        ([HEAD, OWN, "    f()", LIBRARY, "    g()", "app.errors.Odd"], ("doctors/tasks.py:4", "app.errors.Odd")),
        (
            [
                HEAD, OWN, "    f()", "KeyError: 'a'", "",
                "During handling of the above exception, another exception occurred:", "",
                HEAD, OWN.replace("4", "7"), "    g()", "ValueError: b",
            ],
            ("doctors/tasks.py:7", "ValueError: b"),
        ),
        ([HEAD, LIBRARY, "    g()", "ValueError: b"], None),
        (["Error: Invalid value for '-A'"], None),
        ([], None),
    ],
)  # fmt: skip
def test_the_place_in_the_project_and_the_sentence(lines, found):
    assert short_failure(lines, ROOT) == found
