"""Other answers for a set-up of ours, and `celeryize update`: what decides, and what is refused."""

from __future__ import annotations

import shutil
from pathlib import Path, PurePosixPath

import pytest

from celeryize.commands.init.recorded import lines_of, renewed_answers
from celeryize.errors import CannotPatch, NoCelery
from celeryize.patch.beat_schedule import merge_schedules
from celeryize.patch.dependencies.extras import line_with_extras
from celeryize.patch.source import Source
from tests import commands
from tests.conftest import git, snapshot
from tests.views import Recorder

GOLDEN = Path(__file__).parents[3] / "golden"


def set_up(tmp_path: Path, **flags: object) -> Path:
    folder = tmp_path / "clinic"
    shutil.copytree(GOLDEN / "startproject_standard/before", folder)
    commands.init(folder, Recorder(), flags=flags, yes=True, no_verify=True)
    return folder


def change(folder: Path, **flags: object) -> list[str]:
    view = Recorder()
    commands.init(folder, view, flags=flags, yes=True, no_verify=True)
    return list(view.plans[0].notes)


def test_a_project_that_git_ignores_has_its_broker(tmp_path: Path):
    git(tmp_path, "init", "-q")
    (tmp_path / ".gitignore").write_text("/clinic/\n")
    folder = set_up(tmp_path)
    before = snapshot(folder)
    ended = commands.init(folder, Recorder(), flags={}, yes=True, no_verify=True)
    assert "nothing to do" in ended.status and snapshot(folder) == before


@pytest.mark.parametrize("length", [79, 88, 100, 120])
def test_other_answers_write_lines_as_long_as_the_first_ones(tmp_path: Path, length: int):
    texts = []
    for flags in ({"broker": "rabbitmq", "profile": "production"}, {}):
        folder = tmp_path / f"clinic{len(texts)}"
        shutil.copytree(GOLDEN / "startproject_standard/before", folder)
        (folder / "pyproject.toml").write_text(f"[tool.black]\nline-length = {length}\n")
        commands.init(folder, Recorder(), flags=flags, yes=True, no_verify=True)
        standard = {"broker": "redis", "profile": "standard"}
        commands.init(folder, Recorder(), flags=standard, yes=True, no_verify=True)
        texts.append((folder / "config/settings.py").read_text())
    changed, first = ({line for line in text.splitlines() if line} for text in texts)
    assert changed == first


def test_a_profile_for_a_set_up_of_another_says_what_changes_for_its_tasks(tmp_path: Path):
    folder = set_up(tmp_path)
    (folder / ".celeryize.yml").unlink()
    settings = folder / "config/settings.py"
    text = settings.read_text()
    head = text[: text.index("\n# A task whose worker is gone")]
    settings.write_text(head + "\n")
    notes = change(folder, profile="standard")
    assert not [note for note in notes if "tasks that are there" in note]
    commands.undo(folder, Recorder(), yes=True)
    (folder / "doctors/tasks.py").write_text(
        "from celery import shared_task\n\n\n@shared_task\ndef report():\n    pass\n"
    )
    notes = change(folder, profile="standard")
    assert [note.split()[0] for note in notes if "tasks that are there" in note] == [
        "CELERY_TASK_TIME_LIMIT",
        "CELERY_TASK_ACKS_LATE",
    ]
    before = snapshot(folder)
    ended = commands.update(folder, Recorder(), yes=True, no_verify=True)
    assert "nothing to do" in ended.status and snapshot(folder) == before


def edit(folder: Path, old: str, new: str) -> None:
    settings = folder / "config/settings.py"
    text = settings.read_text()
    assert old in text
    settings.write_text(text.replace(old, new))


def test_update_needs_a_set_up(tmp_path: Path):
    folder = tmp_path / "clinic"
    shutil.copytree(GOLDEN / "startproject_standard/before", folder)
    with pytest.raises(NoCelery):
        commands.update(folder, Recorder(), yes=True, no_verify=True)


def test_update_needs_answers_of_init(tmp_path: Path):
    folder = tmp_path / "clinic"
    shutil.copytree(GOLDEN / "celery_app_complete/before", folder)
    with pytest.raises(CannotPatch, match="no answers"):
        commands.update(folder, Recorder(), yes=True, no_verify=True)


def test_a_fresh_set_up_is_up_to_date_wherever_it_is(tmp_path: Path):
    # the name of the folder is in the queue and the prefix of the keys
    folder = set_up(tmp_path, profile="production")
    moved = folder.rename(tmp_path / "checkout")
    before = snapshot(moved)
    ended = commands.update(moved, Recorder(), check=True, no_verify=True)
    assert ended.result.exit_code == 0
    assert snapshot(moved) == before


def test_an_older_value_is_something_to_update(tmp_path: Path):
    folder = tmp_path / "clinic"
    shutil.copytree(GOLDEN.parent / "golden_change/before/redis_production", folder)
    assert commands.update(folder, Recorder(), check=True, no_verify=True).result.exit_code == 1


def test_a_url_that_was_changed_stays_and_so_does_its_broker(tmp_path: Path):
    folder = set_up(tmp_path)
    edit(folder, '"CELERY_BROKER_URL", "redis://localhost', '"CELERY_BROKER_URL", "redis://cache')
    before = snapshot(folder)
    notes = change(folder, broker="rabbitmq")
    assert any("--broker changed nothing" in note for note in notes)
    assert snapshot(folder) == before


def test_no_results_any_more(tmp_path: Path):
    folder = set_up(tmp_path, profile="production")
    change(folder, result_backend="none")
    text = (folder / "config/settings.py").read_text()
    assert "RESULT_BACKEND" not in text
    assert "CELERY_TASK_IGNORE_RESULT" not in text
    assert "CELERY_REDIS_SOCKET_TIMEOUT" not in text
    assert "celery[redis]" in (folder / "requirements.txt").read_text()


def test_no_beat_any_more_but_a_schedule_with_entries_stays(tmp_path: Path):
    folder = set_up(tmp_path, beat=True)
    edit(folder, "CELERY_BEAT_SCHEDULE = {}", 'CELERY_BEAT_SCHEDULE = {"a": {"task": "b"}}')
    notes = change(folder, beat=False)
    assert 'CELERY_BEAT_SCHEDULE = {"a"' in (folder / "config/settings.py").read_text()
    assert any("CELERY_BEAT_SCHEDULE" in note for note in notes)


THREE_SERVICES = "services:\n" + "".join(
    f"  {name}:\n    environment:\n      CELERY_BROKER_URL: redis://redis:6379/0\n"
    for name in ("web", "worker", "beat")
)


@pytest.mark.parametrize(
    ("name", "text", "what", "snippet"),
    [
        (
            "compose.yaml",
            THREE_SERVICES,
            "change CELERY_BROKER_URL in lines 4, 7 and 10",
            "CELERY_BROKER_URL: amqp://rabbitmq:5672//\n",
        ),
        (
            "compose.yaml",
            "services:\n  web:\n    environment:\n"
            "      - CELERY_BROKER_URL=${CELERY_BROKER_URL:-redis://redis:6379/0}\n",
            "change CELERY_BROKER_URL in line 4",
            "- CELERY_BROKER_URL=${CELERY_BROKER_URL:-amqp://rabbitmq:5672//}\n",
        ),
        (
            "k8s/web.yaml",
            "env:\n  - name: CELERY_BROKER_URL\n    value: redis://redis:6379/0\n",
            "change CELERY_BROKER_URL in line 3",
            "value: amqp://rabbitmq:5672//\n",
        ),
        (
            ".env",
            "# CELERY_BROKER_URL=redis://old\nexport CELERY_BROKER_URL='redis://localhost:6379'\n",
            "change CELERY_BROKER_URL in line 2",
            "export CELERY_BROKER_URL='amqp://localhost:5672//'\n",
        ),
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_a_url_that_wins_over_the_settings_is_named_once(
    tmp_path: Path, name, text, what, snippet, first
):
    folder = tmp_path / "clinic"
    shutil.copytree(GOLDEN / "startproject_standard/before", folder)
    if not first:
        commands.init(folder, Recorder(), flags={}, yes=True, no_verify=True)
    file = folder / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    flags = {"broker": "rabbitmq"}
    ended = commands.init(folder, Recorder(), flags=flags, yes=True, no_verify=True)
    path = PurePosixPath(name)
    assert [(t.what, t.snippet) for t in ended.todos if t.path == path] == [(what, snippet)]


def test_a_url_of_the_broker_that_was_chosen_is_no_step(tmp_path: Path):
    folder = tmp_path / "clinic"
    shutil.copytree(GOLDEN / "startproject_standard/before", folder)
    (folder / "compose.yaml").write_text(THREE_SERVICES)
    ended = commands.init(folder, Recorder(), flags={}, yes=True, no_verify=True)
    assert not [todo for todo in ended.todos if todo.path]


@pytest.mark.parametrize(
    ("heroku", "line"),
    [
        (True, ("heroku config:set CELERY_BROKER_URL=URL CELERY_RESULT_BACKEND=URL",)),
        (False, ("CELERY_BROKER_URL=URL", "CELERY_RESULT_BACKEND=URL")),
    ],
)
def test_the_variables_of_a_platform_are_named_where_the_broker_changes(
    tmp_path: Path, heroku, line
):
    folder = set_up(tmp_path)
    (folder / "Procfile").write_text("web: gunicorn config.wsgi\n")
    if heroku:
        (folder / "runtime.txt").write_text("python-3.12.1\n")
    flags = {"broker": "rabbitmq"}
    ended = commands.init(folder, Recorder(), flags=flags, yes=True, no_verify=True)
    titles = "Change CELERY_BROKER_URL and CELERY_RESULT_BACKEND where the platform"
    assert [s.lines for s in ended.next_steps if s.what.startswith(titles)] == [line]
    again = commands.init(folder, Recorder(), flags=flags, yes=True, no_verify=True)
    assert not any("platform" in step.what for step in again.next_steps)


def test_a_line_of_a_deployment_file_is_named_with_its_new_url(tmp_path: Path):
    folder = set_up(tmp_path)
    compose = folder / "compose.yaml"
    compose.write_text(
        "services:\n  web:\n    environment:\n      CELERY_BROKER_URL: redis://redis:6379/0\n"
    )
    ended = commands.init(
        folder, Recorder(), flags={"broker": "rabbitmq"}, yes=True, no_verify=True
    )
    todo = next(todo for todo in ended.todos if todo.path == PurePosixPath("compose.yaml"))
    assert "line 4" in todo.what
    assert todo.snippet == "CELERY_BROKER_URL: amqp://rabbitmq:5672//\n"


@pytest.mark.parametrize(
    ("flags", "steps"),
    [
        (
            {"broker": "rabbitmq", "result_backend": "rpc"},
            {
                "change CELERY_BROKER_URL in line 4, and CELERY_RESULT_BACKEND in line 5": (
                    "CELERY_BROKER_URL: amqp://rabbitmq:5672//\nCELERY_RESULT_BACKEND: rpc://\n"
                ),
            },
        ),
        (
            {"result_backend": "none"},
            {
                "remove CELERY_RESULT_BACKEND in line 5": "CELERY_RESULT_BACKEND: redis://redis:6379/0\n"
            },
        ),
        (
            {"broker": "filesystem", "result_backend": "none"},
            {
                "remove CELERY_BROKER_URL in line 4, and CELERY_RESULT_BACKEND in line 5": (
                    "CELERY_BROKER_URL: redis://redis:6379/0\n"
                    "CELERY_RESULT_BACKEND: redis://redis:6379/0\n"
                ),
            },
        ),
    ],
)
def test_each_url_of_a_deployment_file_follows(tmp_path: Path, flags, steps):
    folder = set_up(tmp_path)
    (folder / "compose.yaml").write_text(
        "services:\n  web:\n    environment:\n      CELERY_BROKER_URL: redis://redis:6379/0\n"
        "      CELERY_RESULT_BACKEND: redis://redis:6379/0\n"
    )
    ended = commands.init(folder, Recorder(), flags=flags, yes=True, no_verify=True)
    found = {t.what: t.snippet for t in ended.todos if t.path == PurePosixPath("compose.yaml")}
    assert found == steps


def test_the_urls_of_an_example_are_changed_where_they_are_as_written(tmp_path: Path):
    folder = tmp_path / "clinic"
    shutil.copytree(GOLDEN / "os_getenv_example/before", folder)
    commands.init(folder, Recorder(), flags={}, yes=True, no_verify=True)
    example, other = folder / ".env.example", folder / ".env.sample"
    assert 'CELERY_BROKER_URL="redis://localhost:6379/0"' in example.read_text()
    other.write_text(example.read_text().replace("localhost", "10.0.0.7"))
    kept = other.read_bytes()
    ended = commands.init(
        folder, Recorder(), flags={"broker": "rabbitmq"}, yes=True, no_verify=True
    )
    assert "redis" not in example.read_text()
    assert 'CELERY_BROKER_URL="amqp://localhost:5672//"\n' in example.read_text()
    assert other.read_bytes() == kept
    assert [todo.path.name for todo in ended.todos if todo.path] == [".env.sample"]


REDIS, RABBIT = "redis://localhost:6379/0", "amqp://localhost:5672//"


@pytest.mark.parametrize(
    ("before", "after", "steps"),
    [
        # as a formatter, an editor or another system has them
        (f"CELERY_BROKER_URL={REDIS}\r\n", f"CELERY_BROKER_URL={RABBIT}\r\n", 0),
        (f"A={REDIS}\rCELERY_BROKER_URL={REDIS}\r", f"A={REDIS}\rCELERY_BROKER_URL={RABBIT}\r", 0),
        (f"\ufeffCELERY_BROKER_URL={REDIS}\n", f"\ufeffCELERY_BROKER_URL={RABBIT}\n", 0),
        (
            f"export CELERY_BROKER_URL='{REDIS}'  # not {REDIS}\n",
            f"export CELERY_BROKER_URL='{RABBIT}'  # not {REDIS}\n",
            0,
        ),
        (f"CELERY_BROKER_URL={REDIS}\n" * 2, f"CELERY_BROKER_URL={RABBIT}\n" * 2, 0),
        # not as they were written
        (f"CACHE={REDIS} CELERY_BROKER_URL={REDIS}\n", None, 1),
        (f"CELERY_BROKER_URL=${{BROKER:-{REDIS}}}\n", None, 1),
        (f"SECRET=1 # CELERY_BROKER_URL={REDIS}\n", None, 1),
        (f"CELERY_BROKER_URL={REDIS}?x=1\n", None, 1),
    ],
)
def test_a_line_of_an_example_is_changed_as_a_whole_or_not_at_all(
    tmp_path: Path, before: str, after: str | None, steps: int
):
    folder = set_up(tmp_path)
    example = folder / ".env.example"
    # all that is appended to an example is there
    rest = f"SECRET_KEY=1\n#CELERY_RESULT_BACKEND={REDIS}\n"
    example.write_bytes((before + rest).encode())
    ended = commands.init(
        folder, Recorder(), flags={"broker": "rabbitmq"}, yes=True, no_verify=True
    )
    assert example.read_bytes() == ((after or before) + rest).encode()
    found = [todo for todo in ended.todos if todo.path == PurePosixPath(".env.example")]
    assert len(found) == steps
    assert all(f"CACHE={REDIS}" in t.snippet for t in found if "CACHE" in before)


def test_a_password_is_no_example(tmp_path: Path):
    folder = set_up(tmp_path)
    example = folder / ".env.example"
    example.write_text(f'CELERY_BROKER_URL="{REDIS}"\n# CELERY_RESULT_BACKEND=\n')
    flags = {"broker": "amqp://shop:secret@rabbit:5672//"}
    commands.init(folder, Recorder(), flags=flags, yes=True, no_verify=True)
    assert example.read_text() == 'CELERY_BROKER_URL=""\n# CELERY_RESULT_BACKEND=\n'


def test_an_example_behind_a_link_is_not_written(tmp_path: Path):
    folder = set_up(tmp_path)
    (folder / "shared.txt").write_text(f"CELERY_BROKER_URL={REDIS}\n")
    (folder / ".env.example").symlink_to("shared.txt")
    ended = commands.init(
        folder, Recorder(), flags={"broker": "rabbitmq"}, yes=True, no_verify=True
    )
    assert (folder / "shared.txt").read_text() == f"CELERY_BROKER_URL={REDIS}\n"
    assert [todo.path.name for todo in ended.todos if todo.path] == [".env.example"]


@pytest.mark.parametrize(
    ("before", "gone", "more", "after"),
    [
        ("celery[redis]>=5.4", {"redis"}, set(), "celery>=5.4"),
        (
            "celery[redis,msgpack]==5.7.0  # pin",
            {"redis"},
            {"sqs"},
            "celery[msgpack,sqs]==5.7.0  # pin",
        ),
        ('    "celery[redis]>=5.4",', {"redis"}, {"sqs"}, '    "celery[sqs]>=5.4",'),
        ("celery>=5.4", set(), {"redis"}, "celery[redis]>=5.4"),
        ('celery = {extras = ["redis"], version = "^5.4"}', {"redis"}, set(), 'celery = "^5.4"'),
        ('celery = "^5.4"', set(), {"sqs"}, 'celery = {extras = ["sqs"], version = "^5.4"}'),
        ("django-celery-beat>=2", set(), {"redis"}, "django-celery-beat>=2"),
    ],
)
def test_extras(before: str, gone: set[str], more: set[str], after: str):
    assert line_with_extras(before.encode(), gone, more).decode() == after
    assert line_with_extras(after.encode(), gone, more).decode() == after


def test_the_answers_file_keeps_lines_of_the_user():
    there = b'# ours\n_commit: "v0"\nbroker: "redis"\nmine: 1\nCELERY_X: "1"\n'
    wanted = b'# ours\n_commit: "v1"\nbroker: "sqs"\n' + lines_of({"CELERY_Y": "2"}).encode()
    after = renewed_answers(there, wanted).decode()
    assert 'broker: "sqs"\nmine: 1\n' in after
    assert 'CELERY_Y: "2"\n' in after
    assert "CELERY_X" not in after
    assert renewed_answers(after.encode(), wanted) == after.encode()


def test_another_version_alone_is_no_change():
    there = b'_commit: "v0"\nbroker: "redis"\n'
    assert renewed_answers(there, b'_commit: "v1"\nbroker: "redis"\n') == there


def test_two_schedules_become_one():
    source = Source(
        PurePosixPath("settings.py"),
        "CELERYBEAT_SCHEDULE = {\n    'a': {\n        'task': 'x',\n    },\n}\n"
        "CELERY_BEAT_SCHEDULE = {\n    'b': {'task': 'y'},\n}\n",
    )
    after = merge_schedules(source, "CELERYBEAT_SCHEDULE", "CELERY_BEAT_SCHEDULE")
    assert after.text == (
        "CELERY_BEAT_SCHEDULE = {\n    'b': {'task': 'y'},\n"
        "    'a': {\n        'task': 'x',\n    },\n}\n"
    )
