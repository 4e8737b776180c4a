"""reversal.py: a change is taken back, later edits are kept, and in doubt it clashes."""

from pathlib import PurePosixPath

import pytest

from celeryize.reversal import Clash, is_taken_back, take_back

SETTINGS = """\
DEBUG = True

INSTALLED_APPS = [
    "django.contrib.admin",
    "shop",
]

SITE_ID = 1
"""
WRITTEN = SETTINGS.replace('    "shop",\n', '    "shop",\n    "django_celery_beat",\n') + (
    '\n# Celery\nCELERY_BROKER_URL = "redis://"\nCELERY_TASK_TRACK_STARTED = True\n'
)
TASKS = "from celery import shared_task\n\n\n@shared_task\ndef old():\n    return 1\n"
MORE_TASKS = TASKS + "\n\n@shared_task\ndef new():\n    return 2\n"
COMPOSE = "services:\n  web:\n    image: shop\n  redis:\n    image: redis\n"
WORKER = COMPOSE.replace("  redis:", "  worker:\n    image: shop\n    command: celery\n  redis:")


def back(name: str, before: str | None, written: str | None, now: str) -> str | None:
    """take_back() of texts."""
    old, new = (None if text is None else text.encode() for text in (before, written))
    result = take_back(PurePosixPath(name), old, new, now.encode())
    return None if result is None else result.decode()


def added_at_the_top(text: str) -> str:
    return "import os\n\n" + text


def changed_in_the_middle(text: str) -> str:
    return text.replace("SITE_ID = 1", "SITE_ID = 2")


def appended(text: str) -> str:
    return text + "\nMINE = 1\n"


def app_added_behind_the_last(text: str) -> str:
    return text.replace("\n]\n", '\n    "blog",\n]\n')


def app_added_before_the_first(text: str) -> str:
    return text.replace("= [\n", '= [\n    "blog",\n')


def everything(text: str) -> str:
    return appended(app_added_before_the_first(changed_in_the_middle(added_at_the_top(text))))


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize(
    "edit",
    [
        added_at_the_top,
        changed_in_the_middle,
        appended,
        app_added_behind_the_last,
        app_added_before_the_first,
        everything,
    ],
)
def test_what_stands_elsewhere_is_kept_to_the_byte(edit, newline):
    before, written, now, wanted = (
        text.replace("\n", newline) for text in (SETTINGS, WRITTEN, edit(WRITTEN), edit(SETTINGS))
    )
    assert back("config/settings.py", before, written, now) == wanted


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("redis://", "amqp://", "an edit in its lines"),
        ("\nCELERY_TASK", "\nMINE = 1\nCELERY_TASK", "an edit in its lines"),
        ("CELERY_TASK_TRACK_STARTED = True\n", "", "an edit in its lines"),
        ("STARTED = True\n", "STARTED = True\nX = CELERY_BROKER_URL\n", "uses CELERY_BROKER_URL"),
        ("SITE_ID = 1", "SITE_ID = (", "read as Python"),
    ],
)
def test_what_touches_our_lines_clashes(old, new, reason):
    now = WRITTEN.replace(old, new)
    assert now != WRITTEN
    with pytest.raises(Clash, match=reason):
        back("config/settings.py", SETTINGS, WRITTEN, now)


def test_a_task_behind_ours_is_kept():
    mine = "\n\n@shared_task\ndef mine():\n    return 3\n"
    assert back("shop/tasks.py", TASKS, MORE_TASKS, MORE_TASKS + mine) == TASKS + mine


@pytest.mark.parametrize(
    "line", ["    # a comment only\n    print(1)\n", "\n    return 3\n", "new.delay()\n"]
)
def test_a_line_that_belongs_to_our_task_clashes(line):
    with pytest.raises(Clash):
        back("shop/tasks.py", TASKS, MORE_TASKS, MORE_TASKS + line)


def test_an_import_that_later_code_needs_stays():
    before = "X = 1\n\nY = 2\n"
    written = "from celery.schedules import crontab\n\n" + before + "Z = crontab()\n"
    later = written.replace("Y = 2", "Y = crontab(hour=1)")
    with pytest.raises(Clash, match="uses crontab"):
        back("config/settings.py", before, written, later)
    assert back(
        "config/settings.py", before, written, written.replace("Y = 2", "Y = 3")
    ) == before.replace("Y = 2", "Y = 3")


def test_what_comes_back_is_not_there_twice():
    before, written = "def new(): ...\n\n\ndef old(): ...\n", "def old(): ...\n"
    assert back("shop/tasks.py", before, written, written + "X = 1\n") == before + "X = 1\n"
    with pytest.raises(Clash, match="another new"):
        back("shop/tasks.py", before, written, written + "\n\ndef new(): ...\n")


def test_an_edit_where_lines_were_taken_out_clashes():
    with pytest.raises(Clash, match="taken out"):
        back("shop/tasks.py", MORE_TASKS, TASKS, TASKS + "\n\ndef mine(): ...\n")


def test_no_implicit_join_of_two_strings():
    before = 'X = [\n    "a"\n]\n'
    written = 'X = [\n    "a",\n    "b",\n]\n'
    now = 'X = [\n    "a",\n    "b",\n    "c",\n]\n'
    with pytest.raises(Clash):
        back("config/settings.py", before, written, now)


def test_a_file_without_a_newline_at_its_end():
    before, written = "X = 1", "X = 1\nCELERY = 2\n"
    assert back("s.py", before, written, written + "MINE = 3\n") == "X = 1\nMINE = 3\n"
    assert back("s.py", before, written, "import os\n" + written) == "import os\nX = 1"
    crlf = back("s.py", before, "X = 1\r\nCELERY = 2\r\n", "X = 1\r\nCELERY = 2\r\nMINE = 3\r\n")
    assert crlf == "X = 1\r\nMINE = 3\r\n"


def test_bytes_that_are_no_utf8_are_kept():
    path = PurePosixPath("requirements.txt")
    before, written = b"# caf\xe9\ndjango\n", b"# caf\xe9\ndjango\ncelery\n"
    assert take_back(path, before, written, b"# caf\xe9\xff\ndjango\ncelery\nhttpx\n") == (
        b"# caf\xe9\xff\ndjango\nhttpx\n"
    )


def test_a_python_file_in_latin_1():
    head = "# coding: latin-1\n# café\n"
    files = [
        (head + text).encode("latin-1") for text in ("X = 1\n", "X = 1\nC = 2\n", "X = 9\nC = 2\n")
    ]
    # the edit stands directly above the line that goes
    assert take_back(PurePosixPath("s.py"), *files) == (head + "X = 9\n").encode("latin-1")


def test_yaml_is_compared_by_its_values():
    mine = WORKER.replace("image: redis", "image: redis:7") + "  flower:\n    image: flower\n"
    wanted = COMPOSE.replace("image: redis", "image: redis:7") + "  flower:\n    image: flower\n"
    assert back("compose.yml", COMPOSE, WORKER, mine) == wanted


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("command: celery\n", "command: celery\n    restart: always\n"),
        ("command: celery\n", "command: celery -c 2\n"),
        ("  worker:\n", "  worker:\n    # mine\n"),
        ("image: redis\n", "image: {{ redis }}\n"),
    ],
)
def test_yaml_that_belongs_to_ours_clashes(old, new):
    with pytest.raises(Clash):
        back("compose.yml", COMPOSE, WORKER, WORKER.replace(old, new))


def test_toml_and_json():
    before = '[project]\ndependencies = [\n  "django",\n]\n'
    written = before.replace('"django",\n', '"django",\n  "celery",\n')
    now = written.replace('"celery",\n', '"celery",\n  "httpx",\n') + "[tool.x]\na = 1\n"
    wanted = before.replace('"django",\n', '"django",\n  "httpx",\n') + "[tool.x]\na = 1\n"
    assert back("pyproject.toml", before, written, now) == wanted
    assert back("a.json", '{\n"a": 1\n}\n', '{\n"a": 1,\n"b": 2\n}\n', '{\n"a": 1,\n"b": 2\n}\n\n')
    with pytest.raises(Clash):
        # the comma went with the line
        back(
            "a.json",
            '{\n"a": 1\n}\n',
            '{\n"a": 1,\n"b": 2\n}\n',
            ('{\n"a": 1,\n"b": 2,\n"c": 3\n}\n'),
        )


@pytest.mark.parametrize(
    ("name", "kept"), [("Procfile", True), ("requirements/dev.txt", False), ("web.service", False)]
)
def test_a_line_beside_ours_is_another_one_only_where_lines_mean_the_same_everywhere(name, kept):
    before, written = "a: 1\n", "a: 1\nb: 2\n"
    if kept:
        assert back(name, before, written, written + "c: 3\n") == "a: 1\nc: 3\n"
    elif name.endswith(".service"):
        with pytest.raises(Clash, match="directly beside"):
            back(name, before, written, written + "c: 3\n")


def test_a_file_that_was_made():
    assert back(".gitignore", None, "beat.db\n", "beat.db\n*.log\n") == "*.log\n"
    assert back(".gitignore", None, "beat.db\n", "\nbeat.db\n\n") is None
    with pytest.raises(Clash, match="made by it"):
        back("config/celery.py", None, "app = 1\n", "app = 1\n# mine\n")
    with pytest.raises(Clash, match="there again"):
        back("old.py", "x = 1\n", None, "x = 2\n")


@pytest.mark.parametrize(
    ("now", "goes"),
    [
        ("from celery import shared_task\n", True),
        ("\n\n", True),
        ("", True),
        (TASKS.replace("    return 1\n", ""), True),
        ("from celery import shared_task\n\nX = 1\n", False),
        (TASKS.replace("return 1", "return 2"), False),
        ("@shared_task\nfrom celery import shared_task\n", False),
    ],
)
def test_a_file_that_was_made_goes_where_nothing_but_its_own_lines_is_left(now, goes):
    if goes:
        assert back("tasks.py", None, TASKS, now) is None
        return
    with pytest.raises(Clash, match="was made by it"):
        back("tasks.py", None, TASKS, now)


IMPORTED = 'import json\nimport os\n\nX = os.environ["X"]\n'
WITH_TASK = IMPORTED.replace("import os\n", "import os\n\nfrom celery import shared_task\n") + (
    "\n\n@shared_task\ndef new():\n    return 2\n"
)


def test_what_somebody_has_taken_out_of_a_change_already_is_no_hindrance():
    now = IMPORTED.replace("import os\n", "import os\n\nfrom celery import shared_task\n")
    assert back("tasks.py", IMPORTED, WITH_TASK, now) == IMPORTED
    # with another one in its place, which stays
    kept = back("tasks.py", IMPORTED, WITH_TASK, f"{now}Y = 1\n")
    assert kept == f"{IMPORTED}Y = 1\n"
    # with an edit elsewhere
    now, wanted = (text.replace("json", "sys") for text in (now, IMPORTED))
    assert back("tasks.py", IMPORTED, WITH_TASK, now) == wanted


@pytest.mark.parametrize(
    "now",
    [
        # a part of it only
        WITH_TASK.replace("    return 2\n", ""),
        WITH_TASK.replace("@shared_task\n", ""),
        # moved, and edited
        "def new():\n    return 3\n\n\n" + WITH_TASK.partition("\n\n@")[0],
        WITH_TASK.partition("\n\n@")[0].replace("X =", "new = 2\nX ="),
    ],
)
def test_what_is_taken_out_in_part_or_moved_clashes(now):
    with pytest.raises(Clash):
        back("tasks.py", IMPORTED, WITH_TASK, now)


def test_lock_files_are_left_alone():
    with pytest.raises(Clash, match="package manager"):
        back("uv.lock", "a\nb\n", "a\nx\nb\n", "a\nx\nb\nc\n")


def test_what_was_taken_out_by_hand_is_seen():
    def is_back(now: str) -> bool:
        path = PurePosixPath("config/settings.py")
        return is_taken_back(path, SETTINGS.encode(), WRITTEN.encode(), now.encode())

    assert is_back(SETTINGS.replace("DEBUG = True", "DEBUG = False"))
    assert not is_back(SETTINGS.replace("\n]", '\n    "django_celery_beat",\n]'))
    assert not is_back(WRITTEN.replace("redis", "amqp"))


INIT = "from .celery import app as celery_app\n\n__all__ = ('celery_app',)\n"


@pytest.mark.parametrize(
    ("written", "now"),
    [
        (INIT, INIT + "\n__version__ = '1'\n__all__ += ('__version__',)\n"),
        (WRITTEN, WRITTEN + "\nif DEBUG:\n    CELERY_BROKER_URL += '0'\n"),
        ("import os\n\n" + WRITTEN, "import os\n\n" + WRITTEN + "\ndel os\n"),
        (
            "import os\n\n" + WRITTEN,
            "import os\n\n"
            + WRITTEN
            + "\nMEDIA = os.sep\ntry:\n    import os\nexcept ImportError:\n    pass\n",
        ),
        (
            "import os\n\n" + WRITTEN,
            "import os\n\n" + WRITTEN + "\nX = [os for os in ()]\nY = os.sep\n",
        ),
        (WRITTEN, WRITTEN + "\nURL = globals()['CELERY_BROKER_URL']\n"),
    ],
)
def test_a_name_that_came_with_the_change_is_found_in_every_spelling(written, now):
    before = SETTINGS if SETTINGS.split("\n")[0] in written else ""
    with pytest.raises(Clash, match="uses"):
        back("config/settings.py", before, written, now)


def test_a_name_that_somebody_binds_above_its_use_may_go():
    written = "import os\n\n" + WRITTEN
    now = "import os\n\n" + WRITTEN + "\nimport os\n\nMEDIA = os.sep\n"
    with pytest.raises(Clash):
        # once more what came: it may be a copy
        back("config/settings.py", SETTINGS, written, now.replace("import os\n", "", 1))
    assert "MEDIA = os.sep" in str(back("config/settings.py", SETTINGS, written, now))


@pytest.mark.parametrize(
    "mine",
    [
        "  mine:\n    image: x\n    depends_on: [worker]\n",
        "  mine:\n    image: x\n    depends_on:\n      worker: {condition: service_started}\n",
        "  mine:\n    extends: {service: worker}\n",
        "  mine:\n    image: x\n    network_mode: service:worker\n",
    ],
)
def test_a_service_that_later_lines_name_stays(mine):
    with pytest.raises(Clash):
        back("compose.yml", COMPOSE, WORKER, WORKER + mine)
    other = "  mine:\n    image: x\n    depends_on: [redis]\n"
    assert back("compose.yml", COMPOSE, WORKER, WORKER + other) == COMPOSE + other


@pytest.mark.parametrize(
    ("name", "before", "written", "now"),
    [
        (
            "requirements.txt",
            "Django>=5\n",
            "Django>=5\ncelery[redis]>=5.4\n",
            "celery[redis]==5.6.0\nDjango>=5\npsycopg2\n",
        ),
        (
            "Procfile",
            "web: gunicorn shop.wsgi\n",
            "web: gunicorn shop.wsgi\nworker: celery -A shop worker\n",
            "worker: celery -A shop worker -c 2\nweb: gunicorn shop.wsgi\n",
        ),
    ],
)
def test_a_line_that_was_moved_and_edited_is_not_taken_back(name, before, written, now):
    assert not is_taken_back(PurePosixPath(name), *map(str.encode, (before, written, now)))
    # by hand, and something else added
    assert is_taken_back(
        PurePosixPath(name), *map(str.encode, (before, written, "# mine\n" + before))
    )
