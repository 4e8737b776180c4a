"""formatting.py: what a formatter may have done, and what it cannot have done."""

from pathlib import PurePosixPath

import pytest

from celeryize.formatting import differs_in_formatting_only

SAME = [
    ("tasks.py", b"x = {'a':1}\n", b'x = {"a": 1}\n'),
    ("tasks.py", b"f(a,\n  b)\n", b"f(a, b)\n"),
    ("tasks.py", b"#note\nx=1\n", b"# note\nx = 1\n"),
    (
        "tasks.py",
        b'def f():\n  """One.\n\n  Two.\n  """\n',
        b'def f():\n    """One.\n\n    Two.\n    """\n',
    ),
    ("settings.py", b"x = 1\r\ny = 2\r\n", b"x = 1\ny = 2\n"),
    ("requirements.txt", b"django\ncelery", b"django\ncelery\n"),
    ("requirements.txt", b"django  \n\n\n", b"django\n"),
    ("data.json", b'{"a":1}', b'{\n  "a": 1\n}\n'),
    ("pyproject.toml", b"a=1\n# note\n", b"a = 1\n# note\n"),
]
OTHERWISE = [
    ("tasks.py", b"x = 1\n", b"x = 2\n"),
    ("tasks.py", b"x = 1  # why\n", b"x = 1\n"),
    ("tasks.py", b"x = 1\n", b"x = 1\n# more\n"),
    ("tasks.py", b"import a\nimport b\n", b"import b\nimport a\n"),
    ("tasks.py", b"x = 1\n", b"x = = 1\n"),
    ("tasks.py", b"x = '''a\n  b'''\n", b"x = '''a\nb'''\n"),
    ("tasks.py", b"\xff\n", b"x\n"),
    ("requirements.txt", b"django\n", b"django\ncelery\n"),
    ("pyproject.toml", b"a = 1\n# note\n", b"a = 1\n"),
    ("pyproject.toml", b"a = 1\n", b"a = \n"),
    ("data.json", b"[" * 100_000, b"[]"),
    ("README.md", b"a  b\n", b"a b\n"),
]


@pytest.mark.parametrize(("path", "one", "other"), SAME)
def test_a_formatter_may_have_done_it(path, one, other):
    assert differs_in_formatting_only(PurePosixPath(path), one, other)
    assert differs_in_formatting_only(PurePosixPath(path), other, one)


@pytest.mark.parametrize(("path", "one", "other"), OTHERWISE)
def test_a_formatter_cannot_have_done_it(path, one, other):
    assert not differs_in_formatting_only(PurePosixPath(path), one, other)
    assert not differs_in_formatting_only(PurePosixPath(path), other, one)
