"""patch/dependencies: one requirement more, in the manager's own form, by insertion only."""

from pathlib import PurePosixPath

import pytest

from celeryize.brokers import extra_for
from celeryize.errors import CannotPatch
from celeryize.patch.dependencies import (
    Form,
    Requirement,
    declare,
    entries,
    missing,
    needed,
    normalised,
    written,
)
from tests.patching import transforms

CELERY = Requirement("celery", ("redis",), "5.4")
NAMES = {
    Form.PEP621: "pyproject.toml",
    Form.GROUP: "pyproject.toml",
    Form.POETRY_PEP621: "pyproject.toml",
    Form.POETRY_TABLE: "pyproject.toml",
    Form.PIPFILE: "Pipfile",
    Form.REQUIREMENTS: "requirements.txt",
    Form.SETUP_CFG: "setup.cfg",
    Form.SETUP_PY: "setup.py",
}


def declared(form: Form, before: str | bytes, requirement: Requirement = CELERY) -> bytes:
    data = before if isinstance(before, bytes) else before.encode()
    return declare(data, PurePosixPath(NAMES[form]), form, requirement)


def is_subsequence(old: bytes, new: bytes) -> bool:
    rest = iter(new)
    return all(byte in rest for byte in old)


def declares(form: Form, before: str, after: str, *, pieces: int = 1) -> None:
    """The requirement is added, and nothing of the file is lost; by one insertion, if there is one piece."""
    old, once = before.encode(), after.encode()
    transforms(lambda data: declared(form, data), old, once)
    if pieces == 1:
        same = next(
            (i for i, (a, b) in enumerate(zip(old, once, strict=False)) if a != b), len(old)
        )
        assert once.endswith(old[same:])
    assert is_subsequence(old, once)


def stays(form: Form, before: str | bytes, requirement: Requirement = CELERY) -> None:
    data = before if isinstance(before, bytes) else before.encode()
    assert declared(form, data, requirement) == data


def refuses(form: Form, before: str | bytes, words: str) -> CannotPatch:
    with pytest.raises(CannotPatch, match=words) as caught:
        declared(form, before)
    assert caught.value.snippet == written(CELERY, form)
    assert caught.value.where is not None
    return caught.value


REQUIREMENTS = {
    "at the end": ("psycopg\ndjango==5.2\n", "psycopg\ndjango==5.2\ncelery[redis]>=5.4\n"),
    "one line is no order": ("django\n", "django\ncelery[redis]>=5.4\n"),
    "no final newline": ("psycopg\ndjango==1.0", "psycopg\ndjango==1.0\ncelery[redis]>=5.4"),
    "no final newline, CRLF": (
        "psycopg\r\ndjango==1.0",
        "psycopg\r\ndjango==1.0\r\ncelery[redis]>=5.4",
    ),
    "sorted": ("asgiref\nDjango\npsycopg\n", "asgiref\ncelery[redis]>=5.4\nDjango\npsycopg\n"),
    "sorted, first": ("Django\npsycopg\n", "celery[redis]>=5.4\nDjango\npsycopg\n"),
    "sorted, last": ("asgiref\nbleach", "asgiref\nbleach\ncelery[redis]>=5.4"),
    "a comment stays with the line below": (
        "asgiref\n# for us\nDjango\n",
        "asgiref\ncelery[redis]>=5.4\n# for us\nDjango\n",
    ),
    "mixed newlines go on as the neighbour": (
        "b\na\r\nz\nd\r\n",
        "b\na\r\nz\nd\r\ncelery[redis]>=5.4\r\n",
    ),
    "a BOM": ("\ufeffpsycopg\ndjango\n", "\ufeffpsycopg\ndjango\ncelery[redis]>=5.4\n"),
    "blank lines at the end stay there": (
        "psycopg\ndjango\n\n\n",
        "psycopg\ndjango\ncelery[redis]>=5.4\n\n\n",
    ),
    "options, paths and URLs are no names": (
        "--index-url https://x/\n-r other.txt\n-e .\n./a.whl\ngit+https://x/y#egg=zzz\ndjango\n",
        "--index-url https://x/\n-r other.txt\n-e .\n./a.whl\ngit+https://x/y#egg=zzz\ndjango\n"
        "celery[redis]>=5.4\n",
    ),
    "a continued line is one": (
        "asgiref \\\n  ; python_version > '3'\ndjango\n",
        "asgiref \\\n  ; python_version > '3'\ncelery[redis]>=5.4\ndjango\n",
    ),
    "celery in a comment, and names that start alike": (
        "# celery\npytest-celery\ndjango-celery-beat\n#celery==4\n",
        "# celery\npytest-celery\ndjango-celery-beat\n#celery==4\ncelery[redis]>=5.4\n",
    ),
    "an empty file": ("", "celery[redis]>=5.4\n"),
    "a comment that ends in a backslash": ("# a \\\n", "# a \\\ncelery[redis]>=5.4\n"),
}

PEP621 = {
    "at the end, with commas": (
        '[project]\ndependencies = [\n    "psycopg",\n    "django>=5.2",\n]\n',
        '[project]\ndependencies = [\n    "psycopg",\n    "django>=5.2",\n    "celery[redis]>=5.4",\n]\n',
    ),
    "no trailing comma": (
        '[project]\ndependencies = [\n  "psycopg",\n  "django"\n]\n',
        '[project]\ndependencies = [\n  "psycopg",\n  "django",\n  "celery[redis]>=5.4"\n]\n',
    ),
    "sorted": (
        '[project]\ndependencies = [\n\t"asgiref", # a\n\t# about Django\n\t"Django>=5",\n]\n',
        '[project]\ndependencies = [\n\t"asgiref", # a\n\t"celery[redis]>=5.4",\n'
        '\t# about Django\n\t"Django>=5",\n]\n',
    ),
    "sorted, first": (
        '[project]\ndependencies = [\n    "django",\n    "psycopg",\n]\n',
        '[project]\ndependencies = [\n    "celery[redis]>=5.4",\n    "django",\n    "psycopg",\n]\n',
    ),
    "one line": (
        '[project]\ndependencies = ["psycopg", "django"]\n',
        '[project]\ndependencies = ["psycopg", "django", "celery[redis]>=5.4"]\n',
    ),
    "one line, sorted": (
        '[project]\ndependencies = ["asgiref", "django"]\n',
        '[project]\ndependencies = ["asgiref", "celery[redis]>=5.4", "django"]\n',
    ),
    "one line, trailing comma": (
        '[project]\ndependencies = ["django",]\n',
        '[project]\ndependencies = ["django", "celery[redis]>=5.4",]\n',
    ),
    "leading commas": (
        '[project]\ndependencies = [\n    "psycopg"\n  , "django"\n]\n',
        '[project]\ndependencies = [\n    "psycopg"\n  , "django"\n  , "celery[redis]>=5.4"\n]\n',
    ),
    "leading commas, sorted": (
        '[project]\ndependencies = [\n    "asgiref"\n  , "django"\n]\n',
        '[project]\ndependencies = [\n    "asgiref"\n  , "celery[redis]>=5.4"\n  , "django"\n]\n',
    ),
    "an empty list": (
        "[project]\ndependencies = []\n",
        '[project]\ndependencies = ["celery[redis]>=5.4"]\n',
    ),
    "an empty list over two lines": (
        "[project]\ndependencies = [\n]\n",
        '[project]\ndependencies = [\n    "celery[redis]>=5.4",\n]\n',
    ),
    "no list yet": (
        '[project]\nname = "x" # y\n\n[tool.ruff]\n',
        '[project]\nname = "x" # y\ndependencies = ["celery[redis]>=5.4"]\n\n[tool.ruff]\n',
    ),
    "no list and no final newline": (
        '[project]\nname = "x"',
        '[project]\nname = "x"\ndependencies = ["celery[redis]>=5.4"]',
    ),
    "single quotes and CRLF": (
        "[project]\r\ndependencies = [\r\n  'z',\r\n  'django',\r\n]\r\n",
        "[project]\r\ndependencies = [\r\n  'z',\r\n  'django',\r\n  'celery[redis]>=5.4',\r\n]\r\n",
    ),
    "brackets and hashes in strings and comments": (
        '[project]\nx = """\n[project]\ndependencies = []\n"""\n'
        'dependencies = [ # ]\n  "z[a]", # "]\n  "b#c",\n]\n',
        '[project]\nx = """\n[project]\ndependencies = []\n"""\n'
        'dependencies = [ # ]\n  "z[a]", # "]\n  "b#c",\n'
        '  "celery[redis]>=5.4",\n]\n',
    ),
    "a comment below the last element": (
        '[project]\ndependencies = [\n  "z",\n  "b",\n  # the end\n]\n',
        '[project]\ndependencies = [\n  "z",\n  "b",\n  "celery[redis]>=5.4",\n  # the end\n]\n',
    ),
    "a dotted key": (
        'project.name = "x"\nproject.dependencies = ["z", "b"]\n',
        'project.name = "x"\nproject.dependencies = ["z", "b", "celery[redis]>=5.4"]\n',
    ),
    "a BOM": (
        '\ufeff[project]\ndependencies = ["django"]\n',
        '\ufeff[project]\ndependencies = ["django", "celery[redis]>=5.4"]\n',
    ),
    "a list for developers does not count": (
        '[project]\ndependencies = ["django"]\n[dependency-groups]\ndev = ["celery"]\n',
        '[project]\ndependencies = ["django", "celery[redis]>=5.4"]\n[dependency-groups]\ndev = ["celery"]\n',
    ),
    "ends on the line of the last element": (
        '[project]\ndependencies = ["z",\n                "b"]\n',
        '[project]\ndependencies = ["z",\n                "b",\n                "celery[redis]>=5.4"]\n',
    ),
}

LINE = 'celery = {extras = ["redis"], version = "^5.4"}'
POETRY = "[tool.poetry.dependencies]\n"
POETRY_TABLE = {
    "at the end": (
        f'{POETRY}python = "^3.11"\npsycopg = "*"\ndjango = "^5.2" # x\n\n[build-system]\n',
        f'{POETRY}python = "^3.11"\npsycopg = "*"\ndjango = "^5.2" # x\n{LINE}\n\n[build-system]\n',
    ),
    "sorted, behind python": (
        f'{POETRY}python = "^3.11"\ndjango = "^5.2"\npsycopg = "*"\n',
        f'{POETRY}python = "^3.11"\n{LINE}\ndjango = "^5.2"\npsycopg = "*"\n',
    ),
    "sorted, in between": (
        f'{POETRY}asgiref = "*"\n# why\ndjango = "^5.2"\n',
        f'{POETRY}asgiref = "*"\n{LINE}\n# why\ndjango = "^5.2"\n',
    ),
    "a value of several lines": (
        f'{POETRY}django = {{ version = "5", extras = [\n "bcrypt",\n] }}\n',
        f'{POETRY}django = {{ version = "5", extras = [\n "bcrypt",\n] }}\n{LINE}\n',
    ),
    "no final newline": (f'{POETRY}django = "5"', f'{POETRY}django = "5"\n{LINE}'),
    "an inline table": (
        '[tool.poetry]\ndependencies = {django = "5"}\n',
        f'[tool.poetry]\ndependencies = {{django = "5", {LINE}}}\n',
    ),
    "an empty inline table": (
        "[tool.poetry]\ndependencies = {}\n",
        f"[tool.poetry]\ndependencies = {{{LINE}}}\n",
    ),
    "dotted keys": (
        '[tool.poetry]\ndependencies.django = "5"\nname = "x"\n',
        f'[tool.poetry]\ndependencies.django = "5"\ndependencies.{LINE}\nname = "x"\n',
    ),
    "a header alone": (POETRY, f"{POETRY}{LINE}\n"),
    "only sub-tables": (
        '[tool.poetry.dependencies.django]\nversion = "5"\n',
        f'[tool.poetry.dependencies.django]\nversion = "5"\n\n{POETRY}{LINE}\n',
    ),
}

PIPFILE_LINE = 'celery = {extras = ["redis"], version = ">=5.4"}'
PIPFILE = {
    "at the end of the table": (
        '[packages]\npsycopg = "*"\ndjango = "*"\n\n[dev-packages]\ncelery = "*"\n',
        f'[packages]\npsycopg = "*"\ndjango = "*"\n{PIPFILE_LINE}\n\n[dev-packages]\ncelery = "*"\n',
    ),
    "CRLF": ('[packages]\r\ndjango = "*"\r\n', f'[packages]\r\ndjango = "*"\r\n{PIPFILE_LINE}\r\n'),
    "no table": ("[requires]\n", f"[requires]\n\n[packages]\n{PIPFILE_LINE}\n"),
    "an empty file": ("", f"[packages]\n{PIPFILE_LINE}\n"),
}

SETUP_CFG = {
    "at the end": (
        "[options]\ninstall_requires =\n    z\n    django\nzip_safe = no\n",
        "[options]\ninstall_requires =\n    z\n    django\n    celery[redis]>=5.4\nzip_safe = no\n",
    ),
    "sorted, tabs, CRLF": (
        "[options]\r\ninstall_requires =\r\n\tasgiref\r\n\tdjango\r\n",
        "[options]\r\ninstall_requires =\r\n\tasgiref\r\n\tcelery[redis]>=5.4\r\n\tdjango\r\n",
    ),
    "sorted, first": (
        "[options]\ninstall_requires =\n  django\n  psycopg\n",
        "[options]\ninstall_requires =\n  celery[redis]>=5.4\n  django\n  psycopg\n",
    ),
    "behind the sign": (
        "[options]\ninstall_requires = django\n[x]\n",
        "[options]\ninstall_requires = django\n    celery[redis]>=5.4\n[x]\n",
    ),
    "no final newline": (
        "[options]\ninstall_requires =\n  z\n  django",
        "[options]\ninstall_requires =\n  z\n  django\n  celery[redis]>=5.4",
    ),
    "the same key in another section": (
        "[a]\ninstall_requires = x\n[options]\ninstall_requires =\n  z\n  # c\n  django\n",
        "[a]\ninstall_requires = x\n[options]\ninstall_requires =\n  z\n  # c\n  django\n  celery[redis]>=5.4\n",
    ),
}

IN_A_VALUE = (
    "[metadata]\nlong_description =\n    [options]\n    install_requires =\n        django\n"
)
SETUP_CFG |= {
    "a header inside a value is text": (
        IN_A_VALUE + "[options]\ninstall_requires =\n  z\n  django\n",
        IN_A_VALUE + "[options]\ninstall_requires =\n  z\n  django\n  celery[redis]>=5.4\n",
    ),
    "an indented option": (
        "[options]\n  zip_safe = no\n  install_requires =\n    z\n    django\n  x = [a]\n",
        "[options]\n  zip_safe = no\n  install_requires =\n    z\n    django\n"
        "    celery[redis]>=5.4\n  x = [a]\n",
    ),
    "brackets below the list are no section": (
        "[options]\ninstall_requires =\n  z\n  django\n[b]\nx =\n  [options]\n",
        "[options]\ninstall_requires =\n  z\n  django\n  celery[redis]>=5.4\n[b]\nx =\n  [options]\n",
    ),
}

SETUP_PY = {
    "one line": (
        "setup(install_requires=['z', 'django'])\n",
        "setup(install_requires=['z', 'django', 'celery[redis]>=5.4'])\n",
    ),
    "several lines": (
        'setup(\n  install_requires=[\n    "z",\n    "django",  # x\n  ],\n)\n',
        'setup(\n  install_requires=[\n    "z",\n    "django",  # x\n    "celery[redis]>=5.4",\n  ],\n)\n',
    ),
    "sorted": (
        'setup(\n  install_requires=[\n    "asgiref",\n    "django"\n  ],\n)\n',
        'setup(\n  install_requires=[\n    "asgiref",\n    "celery[redis]>=5.4",\n    "django"\n  ],\n)\n',
    ),
    "a name": (
        'NEEDS = ["z", "django"]\nsetup(install_requires=NEEDS)\n',
        'NEEDS = ["z", "django", "celery[redis]>=5.4"]\nsetup(install_requires=NEEDS)\n',
    ),
    "an empty list": (
        "setup(install_requires=[])\n",
        'setup(install_requires=["celery[redis]>=5.4"])\n',
    ),
}

TABLES = {
    Form.REQUIREMENTS: REQUIREMENTS,
    Form.PEP621: PEP621,
    Form.POETRY_TABLE: POETRY_TABLE,
    Form.PIPFILE: PIPFILE,
    Form.SETUP_CFG: SETUP_CFG,
    Form.SETUP_PY: SETUP_PY,
}


@pytest.mark.parametrize(
    ("form", "before", "after"),
    [
        pytest.param(form, *case, id=f"{form}: {name}")
        for form, table in TABLES.items()
        for name, case in table.items()
    ],
)
def test_a_requirement_is_declared(form, before, after):
    declares(form, before, after)


@pytest.mark.parametrize(
    ("form", "before", "after"),
    [
        (
            Form.PEP621,
            '[project]\ndependencies = [\n  "z", # z\n  "b" # b\n]\n',
            '[project]\ndependencies = [\n  "z", # z\n  "b", # b\n  "celery[redis]>=5.4"\n]\n',
        ),
        (
            Form.SETUP_PY,
            "setup(install_requires=[\n  'z',\n  'b' # b\n])\n",
            "setup(install_requires=[\n  'z',\n  'b', # b\n  'celery[redis]>=5.4'\n])\n",
        ),
    ],
)
def test_a_comment_stays_with_an_element_that_gets_a_comma(form, before, after):
    declares(form, before, after, pieces=2)


def test_poetry_writes_bounds_in_round_brackets():
    declares(
        Form.POETRY_PEP621,
        '[project]\ndependencies = ["django (>=5.2)"]\n',
        '[project]\ndependencies = ["django (>=5.2)", "celery[redis] (>=5.4,<6.0)"]\n',
    )


@pytest.mark.parametrize(
    "line",
    [
        "celery",
        "Celery==4.4",
        "celery[sqs]>=5",
        "celery [redis] >= 5.4",
        "celery; python_version > '3'",
        "celery @ https://x/celery.whl",
        "git+https://github.com/celery/celery.git#egg=celery",
        "-e git+https://x/y@main#subdirectory=z&egg=Celery",
        "celery==5.4  # pinned",
        "celery \\\n  ==5.4",
        "celery==5.4 --hash=sha256:00",
    ],
)
def test_a_requirements_file_that_has_it_stays(line):
    stays(Form.REQUIREMENTS, f"django\n{line}\nzzz")
    stays(Form.REQUIREMENTS, f"django\r\n{line}\r\n".encode("utf-16"))


@pytest.mark.parametrize(
    "written_as", ["django_celery_beat", "Django.Celery-Beat>=2", "django-celery-beat[x]"]
)
def test_other_spellings_of_a_name_are_the_same(written_as):
    stays(Form.REQUIREMENTS, f"{written_as}\n", Requirement("django-celery-beat"))


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (Form.PEP621, '[project]\ndependencies = ["Celery[sqs]>4"]\n'),
        (
            Form.PEP621,
            '[project]\ndependencies = []\n[project.optional-dependencies]\nworker = ["celery"]\n',
        ),
        (Form.PEP621, '[project]\ndependencies = []\n[dependency-groups]\nprod = ["celery"]\n'),
        (
            Form.POETRY_PEP621,
            '[project]\ndependencies = []\n[tool.poetry.dependencies]\ncelery = "5"\n',
        ),
        (Form.POETRY_TABLE, '[tool.poetry.dependencies]\nCelery = "5"\n'),
        (Form.POETRY_TABLE, '[tool.poetry.dependencies.celery]\nversion = "5"\n'),
        (Form.POETRY_TABLE, '[tool.poetry]\ndependencies = {celery = "5"}\n'),
        (Form.POETRY_TABLE, '[tool.poetry.group.prod.dependencies]\ncelery = "5"\n'),
        (Form.PIPFILE, '[packages]\n"celery" = "*"\n'),
        (Form.SETUP_CFG, "[options]\ninstall_requires = django; celery\n"),
        (Form.SETUP_CFG, "[options]\ninstall_requires =\n  django\n  celery>4\n"),
        (Form.SETUP_PY, "setup(install_requires=['celery>4'])"),
    ],
)
def test_a_file_that_has_it_stays(form, text):
    stays(form, text)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("django\r\n".encode("utf-16"), "UTF-16"),
        ("django\r\n".encode("utf-16-le"), "UTF-16"),
        (b"django\n# caf\xe9\n", "not UTF-8"),
        (b"django==5 \\\n    --hash=sha256:00\n", "hash"),
        (b"--require-hashes\ndjango\n", "hash"),
        (
            b"#\n# This file is autogenerated by pip-compile with Python 3.12\ndjango==5\n",
            "written by a tool",
        ),
        (
            b"# This file was autogenerated by uv via the following command:\ndjango==5\n",
            "written by a tool",
        ),
        (b"# This file is @generated by PDM.\ndjango==5\n", "written by a tool"),
        (b"<<<<<<< HEAD\ndjango==5\n=======\ndjango==4\n>>>>>>> x\n", "merge"),
        (b"django \\\n", "backslash"),
        (b"django\rpsycopg\n", "carriage return"),
    ],
)
def test_a_requirements_file_that_a_line_would_break_is_refused(data, words):
    refuses(Form.REQUIREMENTS, data, words)


def test_the_refusal_of_a_compiled_file_names_what_it_is_made_from():
    text = "# This file is autogenerated by pip-compile\n#    pip-compile base.in\n#\ndjango==5\n"
    assert "base.in" in refuses(Form.REQUIREMENTS, text, "written by a tool").hint


@pytest.mark.parametrize(
    "text", ["# hash-free: no --hash= here\ndjango\n", "# ======= needed\ndjango\n"]
)
def test_words_in_a_comment_are_no_reason_to_refuse(text):
    declares(Form.REQUIREMENTS, text, f"{text}celery[redis]>=5.4\n")


@pytest.mark.parametrize(
    ("form", "data", "words"),
    [
        (Form.PEP621, '[project]\ndynamic = ["dependencies"]\n', "dynamic"),
        (Form.PEP621, "[project]\ndependencies = {}\n", "not a list"),
        (Form.PEP621, "[tool.ruff]\n", "no \\[project\\]"),
        (Form.PEP621, "<<<<<<< HEAD\n[project]\n", "cannot be parsed"),
        (Form.PEP621, b"[project]\nname = '\xff'\n", "not UTF-8"),
        (Form.POETRY_TABLE, "[tool.poetry]\ndependencies = 3\n", "not a table"),
        (
            Form.SETUP_CFG,
            "[options]\ninstall_requires = file: requirements.txt\n",
            "one requirement per line",
        ),
        (Form.SETUP_CFG, "[options]\ninstall_requires = a; b\n", "one requirement per line"),
        (Form.SETUP_CFG, "[metadata]\nname = x\n", "no install_requires"),
        (Form.SETUP_CFG, "install_requires = x\n", "cannot be parsed"),
        (Form.SETUP_PY, "setup(install_requires=open('r.txt').readlines())\n", "built by code"),
        (Form.SETUP_PY, "R = ['a']\nR += ['b']\nsetup(install_requires=R)\n", "built by code"),
        (Form.SETUP_PY, "setup(install_requires=['a'] + B)\n", "built by code"),
        (Form.SETUP_PY, "setup(install_requires=['a', B])\n", "built by code"),
        (Form.SETUP_PY, "setup(name='x')\n", "does not set install_requires"),
        (Form.SETUP_PY, "setup(\n", "syntax error"),
    ],
)
def test_a_file_that_cannot_be_edited_safely_is_refused(form, data, words):
    refuses(form, data, words)


def test_each_form_writes_as_its_manager_does():
    plain = Requirement("django-celery-results")
    assert {form: written(plain, form) for form in Form} == {
        Form.PEP621: '"django-celery-results"',
        Form.GROUP: '"django-celery-results"',
        Form.POETRY_PEP621: '"django-celery-results"',
        Form.POETRY_TABLE: 'django-celery-results = "*"',
        Form.PIPFILE: 'django-celery-results = "*"',
        Form.REQUIREMENTS: "django-celery-results",
        Form.SETUP_CFG: "django-celery-results",
        Form.SETUP_PY: "django-celery-results",
    }
    assert written(CELERY, Form.POETRY_PEP621) == '"celery[redis] (>=5.4,<6.0)"'


def test_entries_say_what_is_written_and_where():
    found = entries(b"# x\nDjango==5.2 # y\n\nredis\n", Form.REQUIREMENTS)
    assert {name: (entry.text, entry.line) for name, entry in found.items()} == {
        "django": ("Django==5.2", 2),
        "redis": ("redis", 4),
    }
    assert entries(b"[project", Form.PEP621) == {}
    assert normalised("Django_Celery.Beat") == "django-celery-beat"


@pytest.mark.parametrize(
    ("url", "extra"),
    [
        ("redis", "redis"),
        ("redis://localhost/0", "redis"),
        ("rediss://h", "redis"),
        ("sentinel://a;sentinel://b", "redis"),
        ("sqs://", "sqs"),
        ("db+postgresql://h/d", "sqlalchemy"),
        ("cache+memcached://h", "pymemcache"),
        ("amqp://guest@h//", None),
        ("rabbitmq", None),
        ("filesystem://", None),
        ("django-db", None),
        ("rpc://", None),
    ],
)
def test_the_extra_of_a_url(url, extra):
    assert extra_for(url) == extra


@pytest.mark.parametrize(
    ("declared_as", "extra", "line"),
    [
        ({}, "redis", "celery[redis]>=5.4"),
        ({}, None, "celery>=5.4"),
        ({"celery": "celery==5.3"}, "redis", "redis"),
        ({"celery": "celery==5.3"}, "sqs", "kombu[sqs]"),
        ({"celery": "celery==5.3", "redis": "redis"}, "redis", None),
        ({"celery": "celery[sqs,redis]==5.3"}, "redis", None),
        ({"celery": 'celery = {extras = ["redis"], version = "5"}'}, "redis", None),
        ({"celery": "celery"}, None, None),
    ],
)
def test_what_is_missing(declared_as, extra, line):
    found = missing(declared_as, extra)
    assert (str(found) if found else None) == line


@pytest.mark.parametrize(
    ("declared_as", "broker", "backend", "lines"),
    [
        ({}, "redis://h", "redis://h", ["celery[redis]>=5.4"]),
        ({}, "redis://h", "mongodb://h", ["celery[mongodb,redis]>=5.4"]),
        ({}, "amqp://h", "django-db", ["celery>=5.4", "django-celery-results"]),
        ({"celery": "celery"}, "redis://h", "mongodb://h", ["pymongo", "redis"]),
        ({"celery": "celery", "django-celery-results": ""}, "amqp://h", "django-db", []),
    ],
)
def test_what_a_broker_and_a_backend_need(declared_as, broker, backend, lines):
    assert [str(r) for r in needed(declared_as, broker=broker, result_backend=backend)] == lines
