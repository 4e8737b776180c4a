"""celeryize verify, as a user or a program runs it."""

from __future__ import annotations

import json
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.conftest import Run, git, make_tree, snapshot
from tests.unit.checks.projects import healthy

TYPO = "CELERY_TASK_ALWAYS_EAGR = False\n"
BAD_URL = 'CELERY_RESULT_BACKEND = "django_db"\n'


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A healthy project."""
    return make_tree(tmp_path / "project", healthy())


def add(root: Path, text: str, file: str = "config/settings.py") -> None:
    with (root / file).open("a") as stream:
        stream.write(text)


def test_a_healthy_project_is_read_and_imported_and_nothing_is_wrong(root: Path, celeryize: Run):
    ended = celeryize(root, "verify")
    assert (ended.returncode, ended.stdout.startswith("Nothing is wrong: 2 tasks, ")) == (0, True)
    assert "celery 5." in ended.stderr
    assert "config.celery:app" in ended.stderr


def test_an_error_ends_with_code_1_and_names_its_place_and_its_line(root: Path, celeryize: Run):
    add(root, BAD_URL)
    ended = celeryize(root, "verify", "--static")
    line = (root / "config/settings.py").read_text().count("\n")
    assert ended.returncode == 1
    assert f"config/settings.py:{line}: celery.E161 the result backend cannot" in ended.stdout
    assert "more: celeryize verify --explain celery.E161" in ended.stdout
    assert '| CELERY_RESULT_BACKEND = "django_db"' in ended.stdout
    assert "did you mean django-db?" in ended.stdout


def test_a_warning_ends_with_code_1_only_if_strict(root: Path, celeryize: Run):
    add(root, TYPO)
    assert celeryize(root, "verify", "--static").returncode == 0
    assert celeryize(root, "verify", "--static", "--strict").returncode == 1


def test_only_and_skip_choose_the_checks(root: Path, celeryize: Run):
    add(root, TYPO + BAD_URL)
    assert "celery.E161" not in celeryize(root, "verify", "--static", "--only", "W060").stdout
    ended = celeryize(root, "verify", "--static", "--skip", "celery.E161,W060")
    assert ended.stdout.startswith("Nothing is wrong")


def test_an_unknown_check_is_a_wrong_command_line(root: Path, celeryize: Run):
    ended = celeryize(root, "verify", "--only", "E999")
    assert (ended.returncode, "there is no check E999" in ended.stderr) == (2, True)


def test_static_imports_nothing_of_the_project(root: Path, celeryize: Run):
    canary = f"open({str(root / 'canary')!r}, 'w').close()\n"
    for file in (
        "config/settings.py",
        "config/__init__.py",
        "config/celery.py",
        "doctors/tasks.py",
        "manage.py",
    ):
        add(root, canary, file)
    assert celeryize(root, "verify", "--static").returncode == 0
    assert not (root / "canary").exists()
    assert celeryize(root, "verify").returncode == 0
    assert (root / "canary").exists()


def test_a_broken_project_is_reported_first_and_the_code_is_checked_all_the_same(
    root: Path, celeryize: Run
):
    add(root, TYPO + "1 / 0\n")
    ended = celeryize(root, "verify")
    assert ended.returncode == 1
    assert "The project does not start here" in ended.stderr
    assert "ZeroDivisionError" in ended.stdout
    assert "celery.W060" in ended.stdout


def test_a_settings_module_that_is_gone_is_told_once(root: Path, celeryize: Run):
    app = root / "config/celery.py"
    app.write_text(app.read_text().replace('"config.settings"', '"shop.settings"'))
    ended = celeryize(root, "verify", "--json")
    assert [finding["id"] for finding in json.loads(ended.stdout)["findings"]] == ["celery.E120"]


def test_a_silenced_check_is_not_reported_and_needs_a_reason(root: Path, celeryize: Run):
    add(root, TYPO)
    (root / "pyproject.toml").write_text('[tool.celeryize]\nsilence = {"celery.W060" = "ours"}\n')
    ended = celeryize(root, "verify", "--static", "--strict")
    assert (ended.returncode, "1 silenced" in ended.stdout) == (0, True)
    (root / "pyproject.toml").write_text('[tool.celeryize]\nsilence = {"celery.W060" = ""}\n')
    ended = celeryize(root, "verify", "--static")
    assert (ended.returncode, "without a reason" in ended.stderr) == (3, True)


@pytest.mark.parametrize(
    ("comment", "code"),
    [("ignore[W060]", 0), ("ignore[celery.W060, E161]", 0), ("ignore[W061]", 2)],
)
def test_a_comment_on_the_line_silences_its_check_there(
    root: Path, celeryize: Run, comment: str, code: int
):
    add(root, TYPO.rstrip("\n") + f"  # celeryize: {comment}\n")
    ended = celeryize(root, "verify", "--static", "--strict")
    assert ended.returncode == min(code, 1)


def test_json_is_one_document_with_every_finding(root: Path, celeryize: Run):
    add(root, TYPO + BAD_URL)
    ended = celeryize(root, "verify", "--json")
    document = json.loads(ended.stdout)
    assert (ended.returncode, document["schema"], document["command"], document["status"]) == (
        1,
        2,
        "verify",
        "findings",
    )
    assert [f["id"] for f in document["findings"]] == ["celery.E161", "celery.W060"]
    assert document["counts"] == {"error": 1, "warning": 1, "info": 0}
    keys = {"id", "severity", "message", "hint", "path", "line", "excerpt", "fixable"}
    assert set(document["findings"][0]) == keys
    assert (document["depth"], document["task_count"], "celery" in document["versions"]) == (
        "import",
        2,
        True,
    )
    assert ended.stderr == ""


def test_github_gets_an_annotation_for_each_finding(root: Path, celeryize: Run):
    add(root, BAD_URL)
    ended = celeryize(root, "verify", "--static", "--format", "github")
    line = (root / "config/settings.py").read_text().count("\n")
    assert ended.stdout.startswith(
        f"::error file=config/settings.py,line={line},title=celery.E161::the result"
    )
    assert ended.returncode == 1


def test_sarif_and_junit_can_be_read_again(root: Path, celeryize: Run):
    add(root, BAD_URL)
    log = json.loads(celeryize(root, "verify", "--static", "--format", "sarif").stdout)
    (result,) = log["runs"][0]["results"]
    assert (log["version"], result["ruleId"], result["level"]) == ("2.1.0", "celery.E161", "error")
    suite = ET.fromstring(celeryize(root, "verify", "--static", "--format", "junit").stdout)
    assert (suite.get("failures"), len(suite.findall("testcase/failure"))) == ("1", 1)


def test_each_check_is_listed_and_explained(root: Path, celeryize: Run):
    listed = celeryize(root, "verify", "--list").stdout
    assert "celery.E040  error    Celery() is called before DJANGO_SETTINGS_MODULE is set" in listed
    told = celeryize(root, "verify", "--explain", "W210").stdout
    assert all(
        f"\n{head}:\n" in told for head in ("What happens", "How it looks", "Why", "Fix", "Source")
    )
    assert "Add minute=0;" in told


WRONG_NAME = 'CELERY_BEAT_SCHEDULE = {"n": {"task": "doctors.tasks.great", "schedule": 60, "args": ("x",)}}\n'


def test_fix_does_what_is_certain_proves_it_and_can_be_undone(root: Path, celeryize: Run):
    add(root, TYPO + WRONG_NAME)
    (root / "config/__init__.py").write_text("")
    before = snapshot(root)
    ended = celeryize(root, "verify", "--fix", "--yes")
    assert (ended.returncode, ended.stdout.startswith("Nothing is wrong: 2 tasks")) == (0, True), (
        ended.stderr
    )
    assert (
        "update  config/settings.py  CELERY_TASK_ALWAYS_EAGR becomes CELERY_TASK_ALWAYS_EAGER"
        in ended.stderr
    )
    assert "proved: " in ended.stderr and "celeryize undo" in ended.stderr
    after = snapshot(root)
    again = celeryize(root, "verify", "--fix", "--yes")
    assert (again.returncode, "Nothing to do." in again.stderr, snapshot(root) == after) == (
        0,
        True,
        True,
    )
    assert celeryize(root, "undo", "--yes").returncode == 0
    assert snapshot(root) == before


def test_what_was_wrong_before_and_stays_wrong_does_not_stop_a_fix(root: Path, celeryize: Run):
    add(root, TYPO + BAD_URL)
    (root / "config/__init__.py").write_text("celery_app = None\n")
    ended = celeryize(root, "verify", "--fix", "--yes")
    assert ended.returncode == 1
    assert "celery.W060" not in ended.stdout and "celery.E161" in ended.stdout
    assert "celery.E010 is left to you: config/__init__.py uses the name celery_app" in ended.stderr
    assert "CELERY_TASK_ALWAYS_EAGER = False" in (root / "config/settings.py").read_text()


def test_the_patch_of_a_dry_run_leaves_the_tree_that_fix_leaves(root: Path, celeryize: Run):
    add(root, TYPO + WRONG_NAME)
    git(root, "init", "-q")
    ended = celeryize(root, "verify", "--static", "--fix", "--dry-run")
    assert ended.returncode == 1
    git(root, "apply", "-", data=ended.stdout.encode())
    patched = (root / "config/settings.py").read_text()
    git(root, "apply", "-R", "-", data=ended.stdout.encode())
    celeryize(root, "verify", "--static", "--fix", "--yes")
    assert (root / "config/settings.py").read_text() == patched


def test_fix_asks_and_without_a_terminal_writes_nothing(root: Path, celeryize: Run):
    add(root, TYPO)
    before = snapshot(root)
    ended = celeryize(root, "verify", "--static", "--fix")
    assert (ended.returncode, "Pass --yes to write" in ended.stderr, snapshot(root)) == (
        3,
        True,
        before,
    )


def test_fix_tells_programs_what_it_did_and_what_it_left(root: Path, celeryize: Run):
    add(root, TYPO + "BROKER_POOL_LIMIT = 3\n")
    ended = celeryize(root, "verify", "--json")
    assert {f["id"]: f["fixable"] for f in json.loads(ended.stdout)["findings"]} == {
        "celery.W060": True,
        "celery.W070": False,
    }
    ended = celeryize(root, "verify", "--fix", "--yes", "--json")
    document = json.loads(ended.stdout)
    assert (ended.returncode, document["outcome"], document["proof"]["verdict"]) == (
        0,
        "done",
        "passed",
    )
    assert [f["id"] for f in document["fixed"]] == ["celery.W060"]
    assert [(f["id"], f["reason"]) for f in document["not_fixed"]] == [
        ("celery.W070", "another library may use BROKER_POOL_LIMIT")
    ]
    assert [f["id"] for f in document["findings"]] == ["celery.W070"]


def test_what_can_be_fixed_is_shown_of_a_finding_and_of_a_check(root: Path, celeryize: Run):
    add(root, TYPO)
    ended = celeryize(root, "verify", "--static")
    assert "Did you mean CELERY_TASK_ALWAYS_EAGER? (fixable)" in ended.stdout
    assert ended.stdout.rstrip().endswith("1 fixable: celeryize verify --fix")
    listed = celeryize(root, "verify", "--list").stdout.splitlines()
    assert any(line.startswith("celery.W060 ") and line.endswith(" (fixable)") for line in listed)


@pytest.mark.parametrize("more", [("--live",), ("--format", "github")], ids=lambda m: m[0])
def test_fix_goes_with_neither_live_nor_a_format(root: Path, celeryize: Run, more: tuple[str, ...]):
    assert celeryize(root, "verify", "--fix", *more).returncode == 2
    assert celeryize(root, "verify", "--yes").returncode == 2


def test_a_yes_for_all_commands_does_not_stop_verify(root: Path, celeryize: Run):
    assert celeryize(root, "verify", "--static", CELERYIZE_YES="1").returncode == 0
    assert celeryize(root, "verify", "--static", "--yes").returncode == 2


@pytest.mark.parametrize("named", ["", "config.no_such", "?"])
def test_without_a_settings_module_the_code_is_read_all_the_same(
    root: Path, celeryize: Run, named: str
):
    manage = (root / "manage.py").read_text().replace("config.settings", named)
    if named == "?":
        manage = manage.replace('"?"', "sys.argv[1]").replace("'?'", "sys.argv[1]")
    (root / "manage.py").write_text(manage)
    add(root, "\n\n@shared_task\ndef f(self):\n    pass\n", "doctors/tasks.py")
    ended = celeryize(root, "verify", "--static", "--json")
    found = {finding["id"] for finding in json.loads(ended.stdout)["findings"]}
    assert ended.returncode == 1
    assert "celery.E421" in found
    # where manage.py computes it, the only settings module that exists is taken
    assert ("celery.W008" in found) == (named != "?")
    # anything but reading needs the settings
    assert celeryize(root, "verify").returncode == (1 if named == "?" else 3)


@pytest.mark.parametrize("name", ["my-task.py", "2023_old.py", "tasks/my-task.py", "class.py"])
def test_a_file_name_that_no_import_can_spell_is_no_crash(root: Path, celeryize: Run, name: str):
    tasks = (root / "doctors/tasks.py").read_text()
    if name.startswith("tasks/"):
        (root / "doctors/tasks.py").unlink()
    make_tree(root, {f"doctors/{name}": tasks, "doctors/tasks/__init__.py": ""})
    for options in (["--static"], ["--static", "--fix", "--yes"]):
        ended = celeryize(root, "verify", *options)
        assert ended.returncode == 1, ended.stderr


def test_a_run_that_imports_nothing_shows_no_interpreter(project: Path, celeryize: Run):
    given = ("--python", sys.executable)
    assert "interpreter" not in celeryize(project, "verify", "--static", "-v").stderr
    assert "interpreter" in celeryize(project, "verify", "--static", "-v", *given).stderr
    document = json.loads(celeryize(project, "verify", "--static", "--json").stdout)
    assert document["project"]["interpreter"]


def test_what_a_project_with_celery_has_not_yet_is_said(project: Path, celeryize: Run):
    compose = project / "compose.yml"
    compose.write_text("services:\n  web:\n    build: .\n    command: gunicorn config.wsgi\n")
    assert "Not there yet" not in celeryize(project, "verify", "--static").stderr
    celeryize(project, "init", "--broker", "filesystem", "--yes", "--no-verify")
    said = celeryize(project, "verify", "--static").stderr
    assert "a worker in compose.yml (celeryize add-worker)" in said
    compose.write_text(compose.read_text() + "  worker:\n    command: celery -A config worker\n")
    assert "a worker in" not in celeryize(project, "verify", "--static").stderr
