"""Files that are no code: too deep, of another type, with bytes that no name has. Each is a sentence with a code."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.conftest import make_tree
from tests.trust.failures import ENTRY, INIT, TASK
from tests.trust.ground import Tally, celeryize, fresh, made, place, small_project, snapshot

DEEP = 3000
LIST = "[" * DEEP + "]" * DEEP
COMMANDS = (
    (*INIT, "--dry-run"),
    (*TASK, "--dry-run"),
    (*ENTRY, "--dry-run"),
    ("add-worker", "--yes", "--no-verify", "--dry-run"),
    ("init", "--broker", "rabbitmq", "--yes", "--no-verify", "--dry-run"),
    ("update", "--no-verify", "--check"),
    ("verify", "--static"),
    ("verify", "--static", "--json"),
    ("undo", "--list"),
    ("undo", "--dry-run"),
    ("templates",),
)
# 0 done, 1 found something, 2 usage, 3 refused, 4 not proved
SENTENCES = {0, 1, 2, 3, 4}

# What stands alone in a file, by the file's name.
WHOLE: dict[str, list[str]] = {
    "pyproject.toml": [
        "tool = 1",
        "[tool]\nceleryize = 1",
        f"x = {LIST}",
        "project = 1",
        '[project]\nname = "x"\ndependencies = 3',
        "dependency-groups = 3",
        "[dependency-groups]\ndev = 3\nx = [1, {include-group = 4}]",
        "[tool]\npoetry = 3\nuv = 1\npdm = 2\nhatch = 4\npytest = 4\nruff = 3",
        '[tool.poetry]\nname = "x"\ndependencies = 3',
        '[tool.celeryize]\nsettings = ["a"]\npython = 3\ntemplates = 4',
        "[tool",
        "\0",
    ],
    ".celeryize.yml": [
        "3",
        "- a\n- b",
        f"broker: {LIST}",
        "broker: [1, 2\nprofile: {a",
        "broker: 3\nprofile: [1]\nresult_backend: {}\nbeat: maybe\npackage: ../..",
    ],
    "requirements.txt": [
        "x" * 200_000,
        "-r requirements.txt",
        "-r /\n-r .\n-r config\n-r \0",
    ],
    "Pipfile": ["packages = 1", "[packages"],
    "setup.cfg": ["[options\ninstall_requires", "[options]\ninstall_requires =\n\0"],
    "docker-compose.yml": [f"services: {LIST}", "services: &a\n  w: *a"],
    "Procfile": [":", "worker: celery -A 'x"],
    ".gitignore": ["\0"],
    ".env": [f"CELERY_BROKER_URL={'x' * 100_000}"],
}
# What is added to a module of the project.
ADDED: tuple[str, ...] = (
    f"X = {LIST}",
    "X = " + "(" * DEEP + "1" + ")" * DEEP,
    "X = a" + ".b" * DEEP,
    "X = a" + "()" * DEEP,
    "X = a" + "[0]" * DEEP,
    "X = " + "1+" * DEEP + "1",
    "X = " + "-" * 2 * DEEP + "1",
    "INSTALLED_APPS = " + " + ".join(["['a']"] * DEEP),
    "if 0: pass\n" + "elif 0: pass\n" * DEEP,
    "X = '\\ud800'\nCELERY_TASK_DEFAULT_QUEUE = '\\ud800'",
    "X = lambda: " + " | ".join(["f.s()"] * DEEP),
)
MODULES = (
    "config/settings.py",
    "config/__init__.py",
    "config/wsgi.py",
    "manage.py",
    "doctors/tasks.py",
    "doctors/views.py",
)


def run(*, most: int | None) -> Tally:
    """All commands on each scene; with `most`, on each so-manieth one."""
    tally = Tally("awkward", "runs on files that are too deep, or of another type")
    every = scenes()
    step = 1
    if most is not None:
        step = max(1, len(every) // most)
    with place() as root:
        project = made(root / "project", small_project(), INIT, TASK)
        for name in list(every)[::step]:
            fresh(project, root / "state")
            every[name](project)
            before = snapshot(project)
            for command in COMMANDS:
                ran = celeryize(project, *command)
                tally.tried += 1
                tally.refused += ran.code in {2, 3}
                well = ran.code in SENTENCES and "bug in celeryize" not in ran.said
                tally.lose(f"{name}: {' '.join(command)}: {ran.err[-200:]}", unless=well)
            tally.lose(f"{name}: written", unless=snapshot(project) == before)
    return tally


def scenes() -> dict[str, Callable[[Path], None]]:
    """What is laid into the project, by name."""
    found: dict[str, Callable[[Path], None]] = {}
    for file, texts in WHOLE.items():
        for text in texts:
            found[f"{file}: {text[:30]!r}"] = _write(file, text)
    for file in MODULES:
        for text in ADDED:
            found[f"{file} and {text[:30]!r}"] = _append(file, text)
    found |= dict(_trees())
    return found


def _write(file: str, text: str) -> Callable[[Path], None]:
    return lambda project: make_tree(project, {file: text + "\n"}) and None


def _append(file: str, text: str) -> Callable[[Path], None]:
    def laid(project: Path) -> None:
        path = project / file
        said = ""
        if path.exists():
            said = path.read_text()
        path.write_text(f"{said}\n{text}\n")

    return laid


def _trees() -> Iterator[tuple[str, Callable[[Path], None]]]:
    """Folders and names of a kind that nobody makes on purpose."""

    def deep(project: Path) -> None:
        below = project / "doctors"
        for _ in range(400):
            below /= "d"
        below.mkdir(parents=True)

    def named(project: Path) -> None:
        Path(os.fsdecode(os.fsencode(project / "doctors") + b"/\xff\xfe.py")).write_text("x = 1\n")
        (project / "doctors/a\nb.py").write_text("x = 1\n")

    yield "400 folders deep", deep
    yield "names that are no text", named
