"""Code written since a change, which an undo of the change would break, is named."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from celeryize.commands.still_imported import MOST_NOTES, still_imported
from celeryize.model import Edit

TASKS = PurePosixPath("doctors/tasks.py")
ONE = b"def first():\n    pass\n"
BOTH = ONE + b"\n\ndef second():\n    pass\n"
WHOLE = Edit(TASKS, before=BOTH, after=None)
A_PART = Edit(TASKS, before=BOTH, after=ONE)


def notes_for(root: Path, code: str, edit: Edit, name: str = "doctors/views.py") -> tuple[str, ...]:
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(code)
    return still_imported((edit,), root)


@pytest.mark.parametrize(
    "code",
    [
        "from doctors.tasks import second\n",
        "from .tasks import second\n",
        "from . import tasks\n",
        "import doctors.tasks\n",
        "from doctors import tasks as work\n",
        "def view(request):\n    from .tasks import second\n",
        "from .tasks import anything\n",
    ],
)
def test_an_import_of_a_module_that_goes_is_named(tmp_path: Path, code: str):
    (note,) = notes_for(tmp_path, code, WHOLE)
    assert note.startswith("doctors/views.py:")
    assert "doctors/tasks.py" in note


@pytest.mark.parametrize(
    "code",
    [
        "from visits.tasks import second\n",
        "import tasks\n",
        "from .forms import second\n",
        "tasks = 'doctors.tasks'\n",
        "from .tasks import (\n",
    ],
)
def test_an_import_of_something_else_is_not(tmp_path: Path, code: str):
    assert notes_for(tmp_path, code, WHOLE) == ()


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("from .settings import *\n\nLOGS = os.path.join('x')\n", ["os"]),
        ("from config.settings import *\n\nURL = CELERY_BROKER_URL\n", ["CELERY_BROKER_URL"]),
        ("import os\nfrom .settings import *\n\nLOGS = os.sep\n", []),
        ("from .other import *\n\nLOGS = os.sep\n", []),
        ("from .settings import os\n", ["os"]),
    ],
)
def test_what_a_star_import_brings_is_named_where_it_is_used(tmp_path: Path, code, names):
    settings = b"import os\n\nCELERY_BROKER_URL = os.environ['X']\n"
    edit = Edit(PurePosixPath("config/settings.py"), before=settings, after=b"DEBUG = True\n")
    notes = notes_for(tmp_path, code, edit, "config/production.py")
    assert [note.split(" imports ")[1].split(" from ")[0] for note in notes] == names


def test_only_what_goes_of_a_module_that_stays_is_named(tmp_path: Path):
    (note,) = notes_for(tmp_path, "from .tasks import first\nfrom .tasks import second\n", A_PART)
    assert "views.py:2 imports second" in note
    assert notes_for(tmp_path, "from . import tasks\n", A_PART) == ()


def test_a_root_of_the_path_may_be_below_the_root_of_the_project(tmp_path: Path):
    edit = Edit(PurePosixPath("src") / TASKS, before=BOTH, after=None)
    (note,) = notes_for(tmp_path, "from doctors.tasks import first\n", edit, "src/web/views.py")
    assert note.startswith("src/web/views.py:1 imports first")


def test_a_file_of_the_same_undo_is_read_as_it_will_be(tmp_path: Path):
    package = Edit(
        PurePosixPath("doctors/__init__.py"), before=b"from .tasks import first\n", after=b""
    )
    (tmp_path / "doctors").mkdir()
    (tmp_path / "doctors/__init__.py").write_bytes(package.before or b"")
    assert still_imported((WHOLE, package), tmp_path) == ()


def test_many_are_counted(tmp_path: Path):
    lines = "from .tasks import first\n" * (MOST_NOTES + 3)
    notes = notes_for(tmp_path, lines, WHOLE)
    assert len(notes) == MOST_NOTES + 1
    assert notes[-1].startswith("3 more")


SETTINGS = Edit(
    PurePosixPath("config/settings.py"),
    before=b"DEBUG = True\nCELERY_BROKER_URL = 'x'\n",
    after=b"DEBUG = True\n",
)
USES = "from django.conf import settings\n\n\ndef ping():\n    return settings.CELERY_BROKER_URL\n"


def test_a_setting_that_goes_and_is_used_since_is_named(tmp_path: Path):
    assert notes_for(tmp_path, USES, SETTINGS) == (
        "doctors/views.py:5 uses settings.CELERY_BROKER_URL of config/settings.py, which this "
        "removes: change that line, too.",
    )


@pytest.mark.parametrize(
    "code",
    [
        "from django.conf import settings\nx = settings.DEBUG\n",
        "from django.conf import settings\nx = getattr(settings, 'CELERY_BROKER_URL', None)\n",
        "x = other.CELERY_BROKER_URL\n",
        "from django.conf import settings\nsettings.CELERY_BROKER_URL = 'x'\n",
    ],
)
def test_a_setting_that_stays_or_need_not_be_there_is_not(tmp_path: Path, code: str):
    assert notes_for(tmp_path, code, SETTINGS) == ()


def test_a_setting_that_another_file_sets_too_is_not(tmp_path: Path):
    (tmp_path / "config").mkdir()
    (tmp_path / "config/production.py").write_text("CELERY_BROKER_URL = 'y'\n")
    assert notes_for(tmp_path, USES, SETTINGS) == ()


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ('app.send_task("doctors.tasks.second")\n', '"doctors.tasks.second"'),
        ("import doctors.tasks\n\ndoctors.tasks.second.delay()\n", "doctors.tasks.second"),
    ],
)
def test_a_dotted_name_of_what_goes_is_named(tmp_path: Path, code: str, what: str):
    (note,) = notes_for(tmp_path, code, A_PART)
    assert f"uses {what} of doctors/tasks.py" in note


@pytest.mark.parametrize(
    "code",
    [
        'app.send_task("doctors.tasks.first")\n',
        'app.send_task("tasks.second")\n',
        'x = "second"\n',
        "x.tasks.second\n",
    ],
)
def test_a_dotted_name_of_something_else_is_not(tmp_path: Path, code: str):
    assert notes_for(tmp_path, code, A_PART) == ()
