"""tests/golden_change/before: what 0.1.0 wrote, for each of its brokers and profiles.

Each is brought to every other broker or profile, and up to date. What changes is a patch in
tests/golden_change/after; `--rewrite-goldens` writes what the program does now.
"""

from __future__ import annotations

import ast
import difflib
import shutil
from pathlib import Path

import pytest

from tests import commands
from tests.conftest import snapshot
from tests.views import Recorder

FOLDER = Path(__file__).parents[1] / "golden_change"
STARTS = sorted(path.name for path in (FOLDER / "before").iterdir())
BROKERS = ("redis", "rabbitmq", "filesystem", "sqs")
PROFILES = ("minimal", "standard", "production")
UPDATE = "update"


def changes() -> list[tuple[str, dict[str, object]]]:
    """Each start with the answers that it is brought to; none: it is updated."""
    found: list[tuple[str, dict[str, object]]] = []
    for start in STARTS:
        broker, profile = start.split("_")
        found.append((start, {}))
        found += [(start, {"broker": other}) for other in BROKERS if other != broker]
        found += [(start, {"profile": other}) for other in PROFILES if other != profile]
    return found


CASES = changes()
IDS = [f"{start}-{'-'.join(map(str, flags.values())) or UPDATE}" for start, flags in CASES]


def project(start: str, tmp_path: Path) -> Path:
    folder = tmp_path / "clinic"
    shutil.copytree(FOLDER / "before" / start, folder)
    return folder


def change(folder: Path, flags: dict[str, object], **more: object):
    view = Recorder()
    if flags:
        ended = commands.init(folder, view, flags=dict(flags), yes=True, no_verify=True, **more)
    else:
        ended = commands.update(folder, view, yes=True, no_verify=True, **more)
    return ended, view


def patch_of(before: dict, after: dict) -> str:
    lines: list[str] = []
    for path in sorted({*before, *after}):
        old, new = before.get(path), after.get(path)
        if old == new or "directory" in {(old or new)[0]}:
            continue
        texts = [entry[2].decode().splitlines() if entry else [] for entry in (old, new)]
        lines += difflib.unified_diff(*texts, f"a/{path}", f"b/{path}", lineterm="")
    return "".join(f"{line}\n" for line in lines)


def assignments(folder: Path) -> dict[str, str]:
    tree = ast.parse((folder / "config/settings.py").read_text())
    return {
        ast.unparse(node.targets[0]): ast.unparse(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign)
    }


@pytest.mark.parametrize(("start", "flags"), CASES, ids=IDS)
def test_change(start: str, flags: dict, tmp_path: Path, request: pytest.FixtureRequest):
    folder = project(start, tmp_path)
    before = snapshot(folder)
    ended, view = change(folder, flags)
    after = snapshot(folder)
    name = IDS[CASES.index((start, flags))]
    told = "".join(f"# {note}\n" for note in view.plans[0].notes)
    file = FOLDER / "after" / f"{name}.patch"
    text = told + patch_of(before, after)
    if request.config.getoption("--rewrite-goldens"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    assert file.read_text() == text
    # the same settings as a new set-up has
    broker, profile = start.split("_")
    wanted = {"broker": broker, "profile": profile, "beat": profile == "production", **flags}
    fresh = tmp_path / "fresh" / "clinic"
    shutil.copytree(FOLDER.parent / "golden/startproject_standard/before", fresh)
    commands.init(fresh, Recorder(), flags=wanted, yes=True, no_verify=True)
    assert assignments(folder) == assignments(fresh)
    for other in ("requirements.txt", ".celeryize.yml"):
        assert (folder / other).read_text() == (fresh / other).read_text()
    again, _ = change(folder, flags)
    assert again.result.outcome == "nothing to do"
    assert change(folder, {}, check=True)[0].result.exit_code == 0
    if after != before:
        assert ended.result.outcome == "done"
        commands.undo(folder, Recorder(), yes=True)
    assert snapshot(folder) == before


# What a user may have done in between: the text before and after; a change whose text is not in
# the settings of a profile is left out there.
BY_HAND = {
    "a value": ("PREFETCH_MULTIPLIER = 1\n", "PREFETCH_MULTIPLIER = 4\n"),
    "another value": ("CELERY_TASK_ACKS_LATE = True\n", "CELERY_TASK_ACKS_LATE = False\n"),
    "a comment above": (
        "CELERY_ACCEPT_CONTENT",
        "# Agreed with operations.\nCELERY_ACCEPT_CONTENT",
    ),
    "a comment behind": (
        'CELERY_TASK_SERIALIZER = "json"\n',
        'CELERY_TASK_SERIALIZER = "json"  # never pickle\n',
    ),
    "a setting of its own": (
        "CELERY_RESULT_SERIALIZER",
        'CELERY_TASK_ROUTES = {"doctors.*": {"queue": "doctors"}}\nCELERY_RESULT_SERIALIZER',
    ),
    "a time limit": ("CELERY_TASK_TIME_LIMIT = 300", "CELERY_TASK_TIME_LIMIT = 60 * 60"),
    "a soft time limit": ("SOFT_TIME_LIMIT = 270", "SOFT_TIME_LIMIT = 55 * 60"),
    "an option of the broker": ('"visibility_timeout": 3600', '"visibility_timeout": 7200'),
    "a condition": (
        "\nCELERY_TASK_ACKS_LATE",
        "\nif not USE_TZ:\n    CELERY_TASK_ALWAYS_EAGER = True\nCELERY_TASK_ACKS_LATE",
    ),
    "an entry of the schedule": (
        "CELERY_BEAT_SCHEDULE = {}",
        'CELERY_BEAT_SCHEDULE = {"nightly": {"task": "doctors.tasks.sync", "schedule": 60}}',
    ),
    "a shutdown": ("SOFT_SHUTDOWN_TIMEOUT = 30", "SOFT_SHUTDOWN_TIMEOUT = 45"),
}
REMOVED = "CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True\n"


@pytest.mark.parametrize(("start", "flags"), CASES, ids=IDS)
def test_what_a_user_changed_is_kept(start: str, flags: dict, tmp_path: Path):
    folder = project(start, tmp_path)
    settings = folder / "config/settings.py"
    text = settings.read_text()
    kept = []
    for old, new in BY_HAND.values():
        if old in text:
            text = text.replace(old, new, 1)
            kept.append(new.strip())
    had = REMOVED in text
    text = text.replace(REMOVED, "")
    settings.write_text(text)
    ignored = folder / ".gitignore"
    ignored.write_text("*.pyc\n" + (ignored.read_text() if ignored.exists() else ""))
    before = snapshot(folder)
    _, view = change(folder, flags)
    after = settings.read_text()
    for line in kept:
        for part in line.splitlines():
            assert part in after, part
    if had:
        assert REMOVED not in after, "what was removed stays away"
    assert (folder / ".gitignore").read_text().startswith("*.pyc\n")
    notes = "\n".join(view.plans[0].notes)
    assert "CELERY_WORKER_PREFETCH_MULTIPLIER = 4 was changed since" in notes
    assert "would set it to 1" in notes
    ast.parse(after)
    assert change(folder, flags)[0].result.outcome == "nothing to do"
    commands.undo(folder, Recorder(), yes=True)
    assert snapshot(folder) == before
