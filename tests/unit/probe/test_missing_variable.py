"""Which exceptions report an environment variable that is not set."""

import pytest

from celeryize.probe.report import Failure

LINE = 'config/settings.py:3 in <module>: X = os.environ["DB_HOST"]'


@pytest.mark.parametrize(
    ("kind", "message", "line", "variable"),
    [
        ("KeyError", "'DB_HOST'", LINE, "DB_HOST"),
        ("ImproperlyConfigured", "Set the DB_HOST environment variable", "", "DB_HOST"),
        ("EnvError", 'Environment variable "DB_HOST" not set', "", "DB_HOST"),
        (
            "UndefinedValueError",
            "DB_HOST not found. Declare it as envvar or define a default value.",
            "",
            "DB_HOST",
        ),
        # a key of a dict of the project, and another exception
        ("KeyError", "'DB_HOST'", "config/settings.py:3 in <module>: X = HOSTS[name]", ""),
        ("ImproperlyConfigured", "SECRET_KEY must not be empty", "", ""),
    ],
)
def test_the_variable_is_named(kind: str, message: str, line: str, variable: str) -> None:
    assert Failure(kind, message, "settings", None, (line,)).missing_variable == variable
