"""patch/dependencies/placement.py: where a requirement belongs, seen as a person sees the file."""

from pathlib import PurePosixPath

import pytest

from celeryize.patch.dependencies import Form, Requirement, declare

CELERY = Requirement("celery", ("redis",), "5.4")


def lines_of(text: str, form: Form = Form.REQUIREMENTS, name: str = "requirements.txt") -> str:
    return declare(text.encode(), PurePosixPath(name), form, CELERY).decode()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(
            "# why b\n# more\nb\n\n# why d\nd\n",
            "# why b\n# more\nb\n\ncelery[redis]>=5.4\n\n# why d\nd\n",
            id="a comment stays with its package",
        ),
        pytest.param(
            "# why x\nx\n\n# why y\ny\n",
            "celery[redis]>=5.4\n\n# why x\nx\n\n# why y\ny\n",
            id="above the comment of the first package",
        ),
        pytest.param(
            "django==5\nrequests==2\nwhitenoise==6\n\n# tests\ncoverage==7\npytest==8\n",
            "celery[redis]>=5.4\ndjango==5\nrequests==2\nwhitenoise==6\n\n"
            "# tests\ncoverage==7\npytest==8\n",
            id="in the section without a headline",
        ),
        pytest.param(
            "requests\ndjango\nwhitenoise\n\n# type hinting\nmypy\ndjango-stubs\n",
            "requests\ndjango\nwhitenoise\ncelery[redis]>=5.4\n\n# type hinting\nmypy\n"
            "django-stubs\n",
            id="at the end of that section, where it is not sorted",
        ),
        pytest.param(
            "# web\ndjango\nwhitenoise\n\n# database\npsycopg\nredis\n",
            "# web\ndjango\nwhitenoise\n\n# database\npsycopg\nredis\n\n# Celery\n"
            "celery[redis]>=5.4\n",
            id="under a headline of its own, where all have one",
        ),
        pytest.param(
            "# web\ndjango\nwhitenoise\n\n# background tasks\nkombu\nvine\n\n# tests\npytest\nmock\n",
            "# web\ndjango\nwhitenoise\n\n# background tasks\ncelery[redis]>=5.4\nkombu\nvine\n\n"
            "# tests\npytest\nmock\n",
            id="under the headline that fits",
        ),
        pytest.param(
            "# web\ndjango\ngunicorn\n\n# Queues\n# celery==5.3.0\n",
            "# web\ndjango\ngunicorn\n\n# Queues\n# celery==5.3.0\ncelery[redis]>=5.4\n",
            id="below a Celery that is commented out",
        ),
        pytest.param(
            "wheel\nwhitenoise\ngunicorn\ndjango\n",
            "wheel\nwhitenoise\ngunicorn\ndjango\ncelery[redis]>=5.4\n",
            id="an unsorted file gets it at the end",
        ),
        pytest.param(
            "".join(f"{c}x\n" for c in "abdefghijklm") + "asgiref\n",
            "ax\nbx\ncelery[redis]>=5.4\n" + "".join(f"{c}x\n" for c in "defghijklm") + "asgiref\n",
            id="one break does not make a file unsorted",
        ),
        pytest.param(
            "# web\ndjango\n# static files\nwhitenoise\n# json\norjson\n",
            "# web\ndjango\n# static files\nwhitenoise\n# json\norjson\n# celery\n"
            "celery[redis]>=5.4\n",
            id="a comment of its own where each has one",
        ),
        pytest.param(
            "Django\nPillow\nbleach\nrequests\n",
            "Django\nPillow\nbleach\ncelery[redis]>=5.4\nrequests\n",
            id="capitals first, as sort(1) puts them",
        ),
    ],
)
def test_a_line_goes_where_a_person_would_put_it(before, after):
    assert lines_of(before) == after
    assert lines_of(after) == after


def test_crlf_is_kept_beside_a_comment():
    before = "# why b\r\nb\r\n\r\n# why d\r\nd\r\n"
    assert lines_of(before) == ("# why b\r\nb\r\n\r\ncelery[redis]>=5.4\r\n\r\n# why d\r\nd\r\n")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            '[project]\ndependencies = [\n  # the web\n  "django",\n  "whitenoise",\n]\n',
            '[project]\ndependencies = [\n  "celery[redis]>=5.4",\n  # the web\n  "django",\n'
            '  "whitenoise",\n]\n',
        ),
        (
            '[project]\ndependencies = [\n  "django",\n  "requests",\n  "whitenoise",\n'
            '  # Redis\n  "redis",\n  "hiredis",\n]\n',
            '[project]\ndependencies = [\n  "celery[redis]>=5.4",\n  "django",\n  "requests",\n'
            '  "whitenoise",\n  # Redis\n  "redis",\n  "hiredis",\n]\n',
        ),
        (
            '[project]\ndependencies = [\n  "whitenoise",\n  # fast\n  "orjson",\n]\n',
            '[project]\ndependencies = [\n  "whitenoise",\n  # fast\n  "orjson",\n'
            '  "celery[redis]>=5.4",\n]\n',
        ),
    ],
)
def test_an_element_goes_where_a_person_would_put_it(before, after):
    assert lines_of(before, Form.PEP621, "pyproject.toml") == after


def test_an_entry_of_a_table_does_not_come_between_a_comment_and_its_package():
    before = '[packages]\n# the web\ndjango = "*"\nwhitenoise = "*"\n'
    assert lines_of(before, Form.PIPFILE, "Pipfile") == (
        '[packages]\ncelery = {extras = ["redis"], version = ">=5.4"}\n# the web\ndjango = "*"\n'
        'whitenoise = "*"\n'
    )


def test_an_element_goes_into_a_group():
    before = '[dependency-groups]\nmain = [\n  "django",\n  {include-group = "web"},\n]\n'
    after = declare(
        before.encode(),
        PurePosixPath("pyproject.toml"),
        Form.GROUP,
        CELERY,
        ("dependency-groups", "main"),
    )
    assert after.decode() == (
        '[dependency-groups]\nmain = [\n  "django",\n  {include-group = "web"},\n'
        '  "celery[redis]>=5.4",\n]\n'
    )


@pytest.mark.parametrize(
    "code",
    [
        'BASE = ["django"]\nsetup(install_requires=BASE, extras_require={"dev": ["x"] + BASE})\n',
        'BASE = ["django"]\nDEV = BASE + ["pytest"]\nsetup(install_requires=BASE)\n',
        'BASE = ["django"]\nsetup(install_requires=BASE)\nprint(*BASE)\n',
    ],
)
def test_a_list_that_others_only_read_is_edited(code):
    after = lines_of(code, Form.SETUP_PY, "setup.py")
    assert after == code.replace('["django"]', '["django", "celery[redis]>=5.4"]', 1)
