"""`celeryize init --modernize`: old names become today's, and nothing else changes; beside it, its peer."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest
from celery.app.defaults import _TO_NEW_KEY

from celeryize.commands.init.modernize import TODAY
from celeryize.commands.writing.runner import Written
from celeryize.errors import CannotPatch
from celeryize.patch.rename import rename
from celeryize.patch.source import Source
from tests import commands
from tests.conftest import make_tree, small_project, snapshot
from tests.views import Recorder

GOLDEN = Path(__file__).parents[3] / "golden"
NAMES = {"BROKER_URL": "CELERY_BROKER_URL", "CELERY_ACKS_LATE": "CELERY_TASK_ACKS_LATE"}
APP = """import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("config")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
"""
IMPORT = 'from .celery import app as celery_app\n\n__all__ = ("celery_app",)\n'


def source_of(text: str) -> Source:
    return Source.decode(PurePosixPath("settings.py"), text.encode())


def renames(before: str, after: str, *classes: str) -> None:
    once = rename(source_of(before), NAMES, frozenset(classes))
    assert once.text == after
    assert rename(once, NAMES, frozenset(classes)) == once


def refuses(before: str) -> CannotPatch:
    with pytest.raises(CannotPatch) as caught:
        rename(source_of(before), NAMES)
    assert caught.value.hint
    assert caught.value.where is not None
    return caught.value


def clinic(folder: Path, settings: str, **more: str) -> Path:
    """The small project with a Celery app, a namespace, and `settings` at the end of its settings."""
    tree = small_project()
    tree["requirements.txt"] = "django>=4.2\ncelery[redis]>=5.4\n"
    tree["config/celery.py"] = APP
    tree["config/__init__.py"] = IMPORT
    tree["config/settings.py"] = f"import os\n{tree['config/settings.py']}\n{settings}"
    return make_tree(
        folder, {**tree, **{name.replace("__", "/") + ".py": text for name, text in more.items()}}
    )


def init(folder: Path, **more: object) -> Written:
    return commands.init(
        folder, Recorder(), flags={}, yes=True, no_verify=True, modernize=True, **more
    )


def modernized(folder: Path) -> str:
    """The end of the settings after --modernize, which a second run leaves and undo takes back."""
    before = snapshot(folder)
    assert init(folder).result.outcome == "done"
    text = (folder / "config/settings.py").read_bytes().decode().split("USE_TZ = True\n\n")[-1]
    after = snapshot(folder)
    assert init(folder).result.outcome == "nothing to do"
    assert snapshot(folder) == after
    commands.undo(folder, Recorder(), yes=True)
    assert snapshot(folder) == before
    return text


def peer(folder: Path, settings: str, *options: str, encoding: str = "utf-8") -> tuple[str, int]:
    """The file after `celery upgrade settings`, and how that ended."""
    file = folder / "settings.py"
    file.write_bytes(settings.encode(encoding))
    ran = subprocess.run(
        [sys.executable, "-m", "celery", "upgrade", "settings", *options, "--no-backup", str(file)],
        capture_output=True,
        cwd=folder,
        check=False,
    )
    return file.read_bytes().decode(encoding), ran.returncode


def test_an_assignment_and_its_uses_get_the_new_name():
    renames(
        "BROKER_URL = 'a'\nX = BROKER_URL + '/1'\n",
        "CELERY_BROKER_URL = 'a'\nX = CELERY_BROKER_URL + '/1'\n",
    )


def test_assignments_in_if_and_try_get_it_too():
    renames(
        "if DEBUG:\n    BROKER_URL = 'a'\nelse:\n    try:\n        BROKER_URL = b()\n"
        "    except E:\n        pass\n",
        "if DEBUG:\n    CELERY_BROKER_URL = 'a'\nelse:\n    try:\n        CELERY_BROKER_URL = b()\n"
        "    except E:\n        pass\n",
    )


def test_several_names_on_a_line_and_in_a_dict_get_it():
    renames(
        "BROKER_URL = CELERY_ACKS_LATE = 1\nD = {'é': BROKER_URL, **{'x': CELERY_ACKS_LATE}}\n",
        "CELERY_BROKER_URL = CELERY_TASK_ACKS_LATE = 1\n"
        "D = {'é': CELERY_BROKER_URL, **{'x': CELERY_TASK_ACKS_LATE}}\n",
    )


def test_a_function_that_reads_the_setting_follows():
    renames("def url():\n    return BROKER_URL\n", "def url():\n    return CELERY_BROKER_URL\n")


def test_a_function_with_a_name_of_its_own_keeps_it():
    renames(
        "def url():\n    BROKER_URL = 1\n    return BROKER_URL\n",
        "def url():\n    BROKER_URL = 1\n    return BROKER_URL\n",
    )


def test_a_class_of_the_settings_gets_it_and_another_class_keeps_it():
    before = (
        "class Base(C):\n    BROKER_URL = 'a'\n    X = BROKER_URL\n"
        "    def y(self):\n        return self.BROKER_URL\n"
    )
    renames(before, before.replace("BROKER_URL", "CELERY_BROKER_URL"), "Base")
    renames(before.replace("self.BROKER_URL", "1"), before.replace("self.BROKER_URL", "1"))


def test_a_method_reads_the_module_s_name_and_not_that_of_its_class():
    renames(
        "class A:\n    BROKER_URL = 1\n    def b(self):\n        return BROKER_URL\n",
        "class A:\n    BROKER_URL = 1\n    def b(self):\n        return CELERY_BROKER_URL\n",
    )


def test_an_f_string_follows():
    renames('X = f"{BROKER_URL}/1"\n', 'X = f"{CELERY_BROKER_URL}/1"\n')


@pytest.mark.parametrize(
    "text",
    [
        "# BROKER_URL\n",
        "X = 'BROKER_URL'\n",
        "X = os.environ.get('BROKER_URL')\n",
        "X = env('BROKER_URL')\n",
        "X = {'BROKER_URL': 1}\n",
        "MY_BROKER_URL = 1\n",
        "X = config.BROKER_URL\n",
        "X = dict(BROKER_URL=1)\n",
        "X = 'BROKER_URL' in os.environ\n",
    ],
)
def test_what_only_looks_like_the_name_stays(text: str):
    renames(text, text)


@pytest.mark.parametrize(
    "text",
    [
        "globals()['BROKER_URL'] = 1\n",
        "from .secret import BROKER_URL\n",
        "__all__ = ['BROKER_URL']\n",
        "def f(BROKER_URL=BROKER_URL):\n    return BROKER_URL\n",
        "def f():\n    global BROKER_URL\n",
        "X = [BROKER_URL for BROKER_URL in Y]\n",
        "X = getattr(local, 'BROKER_URL', None)\n",
        "def BROKER_URL():\n    pass\n",
    ],
)
def test_a_name_bound_or_looked_up_in_another_way_is_refused(text: str):
    assert "BROKER_URL" in refuses(f"BROKER_URL = 1\n{text}").message


def test_what_old_names_mean_today_is_what_celery_says():
    table = {old: f"CELERY_{new.upper()}" for old, new in _TO_NEW_KEY.items()}
    assert all(table[old] == new for old, new in TODAY.items())
    ours = ("BROKER_", "CELERYD_", "CELERYBEAT_", "CELERY_")
    left = {old for old in table if old.startswith(ours)} - TODAY.keys()
    assert all(table[old] == old for old in left), (
        "only names that are today's already are left out"
    )


def test_the_settings_have_todays_names_in_one_plan(tmp_path: Path):
    folder = clinic(
        tmp_path / "project",
        "BROKER_URL = 'redis://'\nCELERYD_CONCURRENCY = 2\nCELERY_TASK_SERIALIZER = 'json'\n",
    )
    assert modernized(folder) == (
        "CELERY_BROKER_URL = 'redis://'\nCELERY_WORKER_CONCURRENCY = 2\nCELERY_TASK_SERIALIZER = 'json'\n"
    )


def test_modern_settings_stay_as_they_are(tmp_path: Path):
    folder = clinic(
        tmp_path / "project", "CELERY_BROKER_URL = 'redis://'\nCELERY_TASK_ACKS_LATE = True\n"
    )
    before = snapshot(folder)
    assert init(folder).result.outcome == "nothing to do"
    assert snapshot(folder) == before


def test_check_says_whether_there_is_an_old_name(tmp_path: Path):
    old = clinic(tmp_path / "old", "BROKER_URL = 'redis://'\n")
    new = clinic(tmp_path / "new", "CELERY_BROKER_URL = 'redis://'\n")
    assert init(old, check=True).result.exit_code == 1
    assert init(new, check=True).result.exit_code == 0


def test_an_old_name_beside_its_new_one_is_the_projects_own_and_stays(tmp_path: Path):
    folder = clinic(
        tmp_path / "project", "BROKER_URL = 'redis://'\nCELERY_BROKER_URL = BROKER_URL\n"
    )
    before = snapshot(folder)
    assert init(folder).result.outcome == "nothing to do"
    assert snapshot(folder) == before


def test_a_setting_that_celery_removed_is_reported_and_stays(tmp_path: Path):
    folder = clinic(
        tmp_path / "project", "BROKER_URL = 'redis://'\nCELERY_SEND_TASK_ERROR_EMAILS = True\n"
    )
    view = Recorder()
    commands.init(folder, view, flags={}, yes=True, no_verify=True, modernize=True)
    assert any(
        "CELERY_SEND_TASK_ERROR_EMAILS was removed in Celery 4" in note
        for note in view.plans[0].notes
    )
    assert "\nCELERY_SEND_TASK_ERROR_EMAILS = True" in (folder / "config/settings.py").read_text()


def test_the_settings_of_all_environments_change_together(tmp_path: Path):
    tree = small_project()
    base = tree.pop("config/settings.py")
    tree |= {
        "manage.py": str(tree["manage.py"]).replace("config.settings", "config.settings.local"),
        "requirements.txt": "celery[redis]>=5.4\n",
        "config/celery.py": APP,
        "config/__init__.py": IMPORT,
        "config/settings/__init__.py": "",
        "config/settings/base.py": f"{base!s}\nBROKER_URL = 'redis://'\n",
        "config/settings/local.py": "from .base import *\nBROKER_TRANSPORT_OPTIONS = {'url': BROKER_URL}\n",
        "config/settings/production.py": "from .base import *\nBROKER_URL = 'redis://prod'\n",
    }
    folder = make_tree(tmp_path / "project", tree)
    assert init(folder).result.outcome == "done"
    settings = folder / "config/settings"
    assert settings.joinpath("base.py").read_text().endswith("\nCELERY_BROKER_URL = 'redis://'\n")
    assert (
        settings.joinpath("local.py")
        .read_text()
        .endswith("CELERY_BROKER_TRANSPORT_OPTIONS = {'url': CELERY_BROKER_URL}\n")
    )
    assert (
        settings.joinpath("production.py")
        .read_text()
        .endswith("\nCELERY_BROKER_URL = 'redis://prod'\n")
    )


VIEW = """from django.conf import settings


def broker(request, config):
    return [settings.BROKER_URL, getattr(settings, "BROKER_URL", None), config.BROKER_URL, "BROKER_URL"]
"""


def test_code_that_goes_by_the_old_name_is_refused_with_its_lines(tmp_path: Path):
    folder = clinic(tmp_path / "project", "BROKER_URL = 'redis://'\n", doctors__views=VIEW)
    before = snapshot(folder)
    with pytest.raises(CannotPatch) as caught:
        init(folder)
    assert snapshot(folder) == before
    assert caught.value.snippet == (
        "==> doctors/views.py, in place of line 5 <==\n"
        '    return [settings.CELERY_BROKER_URL, getattr(settings, "CELERY_BROKER_URL", None), '
        'config.BROKER_URL, "BROKER_URL"]\n\n'
        "==> config/settings.py, in place of line 24 <==\nCELERY_BROKER_URL = 'redis://'\n"
    )


def test_with_partial_the_settings_are_renamed_and_such_code_is_told(tmp_path: Path):
    folder = clinic(tmp_path / "project", "BROKER_URL = 'redis://'\n", doctors__views=VIEW)
    ended = init(folder, partial=True)
    assert ended.result.outcome == "done"
    assert [(str(todo.path), todo.what) for todo in ended.todos] == [
        ("doctors/views.py", "use CELERY_BROKER_URL, in place of line 5")
    ]


def test_where_the_namespace_cannot_be_added_it_says_what_would_be_needed(tmp_path: Path):
    folder = clinic(tmp_path / "project", "BROKER_URL = 'redis://'\n")
    file = folder / "config/celery.py"
    file.write_text(APP.replace(', namespace="CELERY"', ", silent=True"))
    with pytest.raises(CannotPatch) as caught:
        init(folder)
    assert "CELERY_BROKER_URL would have no effect" in caught.value.message
    assert 'namespace="CELERY"' in caught.value.snippet
    file.write_text(APP)
    assert init(folder).result.outcome == "done"


# What ENGINEERING_FACTS.md E lists against `celery upgrade settings`: the peer shows it, ours does not do it.


def test_a_name_in_a_string_stays_where_the_peer_changes_it(tmp_path: Path):
    text = "CELERY_TASK_TIME_LIMIT = int(os.environ.get('CELERYD_TASK_TIME_LIMIT', 5))\nBROKER_URL = ''\n"
    theirs, _ = peer(tmp_path, text, "--django")
    assert "os.environ.get('CELERYD_TASK_TIME_LIMIT'" not in theirs
    ours = modernized(clinic(tmp_path / "project", text))
    assert ours == text.replace("BROKER_URL", "CELERY_BROKER_URL")


def test_a_key_of_another_setting_stays_where_the_peer_changes_it(tmp_path: Path):
    text = "DATABASES['default']['CELERY_ACKS_LATE'] = 1\nCELERY_ACKS_LATE = True\n"
    theirs, _ = peer(tmp_path, text, "--django")
    assert "['CELERY_ACKS_LATE']" not in theirs
    assert modernized(clinic(tmp_path / "project", text + "CELERY_BROKER_URL = ''\n")).startswith(
        "DATABASES['default']['CELERY_ACKS_LATE'] = 1\nCELERY_TASK_ACKS_LATE = True\n"
    )


def test_a_name_of_the_projects_own_stays_where_the_peer_changes_it(tmp_path: Path):
    text = "MY_CELERY_ACKS_LATE = 1\nBROKER_URL = ''\n"
    theirs, _ = peer(tmp_path, text)
    assert "MY_CELERY_ACKS_LATE" not in theirs
    assert "MY_CELERY_ACKS_LATE = 1\n" in modernized(clinic(tmp_path / "project", text))


def test_two_names_on_one_line_change_where_the_peer_changes_one(tmp_path: Path):
    text = "CELERY_ACKS_LATE = True; CELERYD_CONCURRENCY = 2; BROKER_URL = ''\n"
    theirs, _ = peer(tmp_path, text, "--django")
    assert "CELERYD_CONCURRENCY = 2" in theirs or "CELERY_ACKS_LATE = True" in theirs
    assert modernized(clinic(tmp_path / "project", text)) == (
        "CELERY_TASK_ACKS_LATE = True; CELERY_WORKER_CONCURRENCY = 2; CELERY_BROKER_URL = ''\n"
    )


def test_twice_is_once_where_the_peer_goes_on(tmp_path: Path):
    text = "CELERY_ACKS_LATE = {'task': 'CELERY_ACKS_LATE'}; BROKER_URL = ''\n"
    once, _ = peer(tmp_path, text)
    twice, _ = peer(tmp_path, once)
    assert twice != once
    modernized(clinic(tmp_path / "project", text))  # which runs it twice


def test_a_modern_file_stays_modern_where_the_peer_wrecks_it(tmp_path: Path):
    text = "CELERY_BROKER_URL = ''\nCELERY_TASK_SERIALIZER = 'json'\n"
    theirs, _ = peer(tmp_path, text)
    assert "CELERY_broker_url" in theirs
    folder = clinic(tmp_path / "project", text)
    before = snapshot(folder)
    assert init(folder).result.outcome == "nothing to do"
    assert snapshot(folder) == before


def test_a_file_in_latin_1_is_read_where_the_peer_fails(tmp_path: Path):
    text = "# -*- coding: latin-1 -*-\nX = 'café'\nBROKER_URL = ''\n"
    _, code = peer(tmp_path, text, encoding="latin-1")
    assert code != 0
    folder = clinic(tmp_path / "project", "")
    (folder / "config/settings.py").write_bytes(text.encode("latin-1"))
    init(folder)
    assert (folder / "config/settings.py").read_bytes() == text.replace(
        "BROKER", "CELERY_BROKER"
    ).encode("latin-1")


def test_a_file_with_crlf_keeps_it(tmp_path: Path):
    folder = clinic(tmp_path / "project", "BROKER_URL = ''\n")
    file = folder / "config/settings.py"
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    before = file.read_bytes()
    init(folder)
    assert file.read_bytes() == before.replace(b"BROKER_URL", b"CELERY_BROKER_URL")
    assert ast.parse(file.read_bytes())


def test_the_blog_of_2016_is_imported_by_todays_celery_as_a_worker(tmp_path: Path):
    folder = tmp_path / "blog"
    shutil.copytree(GOLDEN / "modernize_blog_of_2016/after", folder)
    code = (
        "from blog.celery import app; app.loader.import_default_modules(); import celery; "
        "print(celery.VERSION >= (5, 2), app.conf.task_soft_time_limit, app.conf.broker_url, "
        "sorted(n for n in app.tasks if not n.startswith('celery.')), "
        "sorted(app.conf.beat_schedule))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == (
        "True 60 redis://localhost:6379/0 "
        "['posts.ping', 'posts.tasks.clean_up', 'posts.tasks.send_digest'] "
        "['digest', 'posts.tasks.clean_up']\n"
    )
