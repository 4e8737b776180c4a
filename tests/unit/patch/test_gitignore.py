"""patch/gitignore.py: patterns are added once, below one comment, and nothing else changes."""

import pytest

from celeryize.patch.gitignore import BEAT_FILES, COMMENT, ignore, unignore
from tests.patching import transforms

NEW = b"# Celery Beat\ncelerybeat-schedule*\ncelerybeat.pid\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, NEW),
        (b"", NEW),
        (b"*.pyc\n", b"*.pyc\n" + NEW),
        (b"*.pyc", b"*.pyc\n" + NEW[:-1]),
        (b"*.pyc\r\n", b"*.pyc\r\n" + NEW.replace(b"\n", b"\r\n")),
        (b"a\nb\r\nc", b"a\nb\r\nc\r\n" + NEW.replace(b"\n", b"\r\n")[:-2]),
        (b"celerybeat.pid\n", b"celerybeat.pid\n# Celery Beat\ncelerybeat-schedule*\n"),
        (
            b"# Celery Beat\ncelerybeat.pid\n",
            b"# Celery Beat\ncelerybeat.pid\ncelerybeat-schedule*\n",
        ),
        (b"#celerybeat.pid\n\xff\n", b"#celerybeat.pid\n\xff\n" + NEW),
        (b"*.pyc\n\n# Static\n/static/\n", b"*.pyc\n\n# Static\n/static/\n\n" + NEW),
        (b"*.pyc\r\n\r\n*.po", b"*.pyc\r\n\r\n*.po\r\n\r\n" + NEW.replace(b"\n", b"\r\n")[:-2]),
        (b"*.pyc\n\n*.po\n\n", b"*.pyc\n\n*.po\n\n" + NEW),
        (b"*.pyc\n*.po\n\n", b"*.pyc\n*.po\n\n" + NEW),
    ],
    ids=[
        *("new", "empty", "LF", "no end", "CRLF", "mixed", "one there", "comment there"),
        *("no UTF-8", "groups", "groups, no end, CRLF", "groups, blank end", "blank end alone"),
    ],
)
def test_patterns_are_added(before, after):
    assert ignore(before, "celerybeat-schedule*", "celerybeat.pid") == after
    transforms(
        lambda data: ignore(data, "celerybeat-schedule*", "celerybeat.pid"), before or b"", after
    )
    assert after.startswith(before or b"")


@pytest.mark.parametrize(
    "data", [b"x\ncelerybeat.pid", b"celerybeat.pid \r\n", b"\xef\xbb\xbfcelerybeat.pid\n"]
)
def test_a_pattern_that_is_there_is_not_added(data):
    assert ignore(data, "celerybeat.pid") == data


@pytest.mark.parametrize("data", [b"*.pyc\n", b"*.pyc\n\n# Static\n/static/\n", b"a\r\n\r\nb\r\n"])
def test_what_is_no_longer_ignored_leaves_the_file_as_it_was(data):
    assert unignore(ignore(data, BEAT_FILES), BEAT_FILES, COMMENT) == data
