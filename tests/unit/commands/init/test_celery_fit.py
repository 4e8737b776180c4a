"""commands/init/celery_fit.py: the Celery that fits is declared, and what fits none is refused."""

from __future__ import annotations

import re

import pytest

from celeryize.errors import CannotPatch
from tests.conftest import make_tree, small_project
from tests.unit.test_golden import Recorder, run


def init(root, files, **options):
    folder = make_tree(root / "p", {**small_project(), **files})
    view = Recorder()
    run(folder, {"options": {"profile": "minimal", **options}}, view)
    return folder


@pytest.mark.parametrize(
    ("files", "line"),
    [
        ({"requirements.txt": "django==5.2.1\npillow==11.0\n"}, "celery[redis]==5.7.0"),
        ({"requirements.txt": "django==5.2.1\nredis==5.0.3\n"}, "celery[redis]==5.6.3"),
        ({"requirements.txt": "django==4.1.1\nredis==4.4.4\n"}, "celery[redis]==5.2.7"),
        ({"requirements.txt": "django==2.2.14\npillow==6.0\n"}, "celery[redis]==5.2.7"),
        ({"requirements.txt": "django>=4\nredis==4.4.4\n"}, "celery[redis]>=5.2,<5.3"),
        ({"requirements.txt": "django>=4\n"}, "celery[redis]>=5.4\n"),
        ({"requirements.txt": "django>=5,<6\npillow>=11,<12\n"}, "celery[redis]>=5.4,<6\n"),
        ({"requirements.txt": "django==5.2.*\nwagtail==7.4.*\n"}, "celery[redis]==5.7.*\n"),
        ({"requirements.txt": "django==5.2.*\nredis==5.0.*\n"}, "celery[redis]==5.6.*\n"),
        ({"requirements.txt": "django~=5.2\npillow~=11.0\n"}, "celery[redis]~=5.4\n"),
        (
            {"requirements.txt": "-c pins.txt\ndjango\nredis\n", "pins.txt": "redis==4.3.4\n"},
            "celery[redis]>=5.2,<5.3",
        ),
        (
            {"requirements.txt": "django\n", "constraints.txt": "django==5.1\nredis==5.0.8\n"},
            "celery[redis]>=5.4\n",
        ),
        (
            {
                "requirements.txt": "--constraint=c.txt\ndjango==4\nx==1\n",
                "c.txt": "celery==5.3.1\n",
            },
            "celery[redis]>=5.3,<5.4",
        ),
        ({"requirements.txt": "-c https://x/c.txt\n-c ../c.txt\ndjango\n"}, "celery[redis]>=5.4\n"),
        ({"runtime.txt": "python-3.7.9\n"}, "celery[redis]>=5.2,<5.3"),
        ({".python-version": "3.8\n", "requirements.txt": "django==4\nx==1\n"}, "==5.5.3"),
        (
            {"Dockerfile": "FROM python:3.9-slim\n", "requirements.txt": "django==4\nx==1\n"},
            "==5.6.3",
        ),
    ],
)
def test_the_celery_that_fits_is_declared(tmp_path, files, line):
    # a file that names one Python decides; without any, the environment of the tests would
    if not {"runtime.txt", ".python-version", "Dockerfile"} & files.keys():
        files = {"runtime.txt": "python-3.12.1\n", **files}
    folder = init(tmp_path, files)
    assert line in (folder / "requirements.txt").read_text()


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (
            {"requirements.txt": "django\n", "constraints.txt": "# x\ndjango==1.8\n"},
            "declares django==1.8 (constraints.txt:2): Celery 5 needs Django 1.11",
        ),
        (
            {"requirements.txt": "django\n", "constraints.txt": "celery==4.4.7\n"},
            "declares celery==4.4.7 (constraints.txt:1): no Celery that fits",
        ),
        ({"requirements.txt": "Django==1.10.5\n"}, "Celery 5 needs Django 1.11 or newer"),
        ({"runtime.txt": "python-3.6.8\n"}, "Celery 5 needs Python 3.7 or newer"),
        ({".python-version": "3.6.15\n"}, "Celery 5 needs Python 3.7 or newer"),
        ({"requirements.txt": "django==4\nredis==2.10.6\n"}, "no Celery that fits"),
        ({"requirements.txt": "django==4\nkombu==4.6.11\n"}, "no Celery that fits"),
    ],
)
def test_what_fits_no_celery_is_refused_before_anything_is_written(tmp_path, files, words):
    with pytest.raises(CannotPatch, match=re.escape(words)):
        init(tmp_path, files)
    assert not (tmp_path / "p/config/celery.py").exists()


@pytest.mark.parametrize(
    ("declared", "line"),
    [("django-redis==5\nx==1\ncelery==5.4.0\n", None), ("celery==5.4.0\n", "redis")],
)
def test_the_library_that_another_one_brings_is_not_declared_twice(tmp_path, declared, line):
    folder = init(tmp_path, {"requirements.txt": f"django==5\n{declared}"})
    added = (folder / "requirements.txt").read_text().split("\n")
    assert ("redis" in added) is (line == "redis")


def test_a_manager_that_is_not_there_ends_in_a_sentence(tmp_path, monkeypatch):
    from celeryize.commands.init.install import _run_manager
    from celeryize.detect.project import load_project
    from celeryize.errors import CeleryizeError

    project = load_project(make_tree(tmp_path / "p", small_project()))
    with pytest.raises(CeleryizeError, match="not installed, or not on PATH"):
        _run_manager(project, ("no-such-manager", "sync"), 0, Recorder())


def test_the_environment_of_celeryize_is_not_filled_where_the_project_has_its_own(tmp_path):
    from celeryize.commands.init.install import plan_installation
    from celeryize.detect.project import load_project
    from celeryize.errors import CeleryizeError

    files = {**small_project(), "requirements.txt": "django\n"}
    folder = make_tree(tmp_path / "p", files)
    assert plan_installation(load_project(folder), Recorder())
    make_tree(folder, {".venv/pyvenv.cfg": "", ".venv/bin/python": ""})
    with pytest.raises(CeleryizeError, match="has no Django") as caught:
        plan_installation(load_project(folder), Recorder())
    assert ".venv/bin/python" in caught.value.hint
