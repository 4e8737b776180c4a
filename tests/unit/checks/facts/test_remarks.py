"""What is put out of use counts as absent: comments, docstrings, code between triple quotes."""

from __future__ import annotations

import re

import pytest

from celeryize.checks.facts.code import read_code
from celeryize.patch.source import Source
from tests.conftest import make_tree
from tests.unit.checks.projects import (
    APP,
    facts_of,
    found_by_import,
    found_in,
    healthy,
)

READS = 'app.config_from_object("django.conf:settings", namespace="CELERY")\n'
FINDS = "app.autodiscover_tasks()\n"
SETS = 'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")\n'
OUT_OF_USE = {
    "comment": "# {}",
    "behind": "pass  # {}",
    "quotes": '"""\n{}"""\n',
    "docstring": "def later():\n    '''{}    '''\n",
    "said": "print('''add {}''')\n",
}


def without(text: str, line: str, form: str) -> str:
    assert line in text
    return text.replace(line, OUT_OF_USE[form].replace("{}", line))


@pytest.mark.parametrize("form", OUT_OF_USE)
def test_an_app_whose_reading_is_out_of_use_reads_nothing(tmp_path, form):
    found = found_in(tmp_path, {"config/celery.py": without(APP, READS, form)})
    assert [check for check, _ in found] == ["celery.E051"]


@pytest.mark.parametrize("form", OUT_OF_USE)
def test_a_discovery_that_is_out_of_use_finds_nothing(tmp_path, form):
    found = found_in(tmp_path, {"config/celery.py": without(APP, FINDS, form)})
    assert [check for check, _ in found] == ["celery.E031"]


def test_the_import_gives_the_same_one_cause(tmp_path):
    found = found_by_import(tmp_path, {"config/celery.py": without(APP, FINDS, "comment")})
    assert [check for check, _ in found] == ["celery.E031"]


@pytest.mark.parametrize("form", ["comment", "behind", "quotes", "docstring"])
def test_a_settings_module_that_is_out_of_use_is_not_set(tmp_path, form):
    found = found_in(tmp_path, {"config/celery.py": without(APP, SETS, form)})
    assert [check for check, _ in found] == ["celery.W041"]


@pytest.mark.parametrize(
    "reading",
    [
        "app.config_from_envvar('CELERY_MODULE')\n",
        "read = app.config_from_object\nread('django.conf:settings', namespace='CELERY')\n",
        "getattr(app, 'config_from_object')('django.conf:settings', namespace='CELERY')\n",
    ],
)
def test_other_ways_to_read_the_settings_count(tmp_path, reading):
    assert found_in(tmp_path, {"config/celery.py": APP.replace(READS, reading)}) == []


@pytest.mark.parametrize(
    ("kept", "dropped"),
    [
        ("x = '# no comment'\n", "# a comment\n"),
        ("x = '''a\n# text\n'''\n", '"""\nremark\n"""\n'),
        ("f('word')\n", "'word'\n"),
        ("é = 'é'\n", "# é comment\n"),
    ],
)
def test_only_remarks_are_taken_out(tmp_path, kept, dropped):
    facts = facts_of(make_tree(tmp_path, healthy()))
    text = kept + dropped + "end = 1\n"
    code = read_code(Source(facts.project.layout.manage, text), facts.modules)
    assert code.bare.startswith(kept)
    assert code.bare.strip().endswith("end = 1")
    assert code.bare.count("\n") == text.count("\n")
    assert not re.search("comment$|remark|^'word'", code.bare, re.M)
