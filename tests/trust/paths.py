"""A project from somebody else: nothing outside of it changes, and none of its code runs."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from celeryize.apply import state_dir
from tests.conftest import SETTINGS, make_tree
from tests.trust.failures import ENTRY, INIT, MAIL, TASK, UNDO
from tests.trust.ground import Tally, celeryize, place, small_project, snapshot

STATIC = ("verify", "--static")
COPY = ("templates", "--copy", "task/plain", "--yes")
COMMANDS = (
    UNDO,
    STATIC,
    INIT,
    ("templates",),
    COPY,
    TASK,
    MAIL,
    ENTRY,
    (*ENTRY[:-2], "--create", *ENTRY[-2:]),
    STATIC,
    UNDO,
    UNDO,
)
OUT = "../outside"
HARD_LINK = "a hard link"


def _link(path: str, to: str) -> Callable[[Path], None]:
    """A path of the project that is a symlink, with what was there moved to the place it leads to."""

    def laid(project: Path) -> None:
        target = project / to
        if path == to:
            (project / path).unlink(missing_ok=True)
        elif (project / path).exists():
            shutil.rmtree(target, ignore_errors=True)
            target.unlink(missing_ok=True)
            (project / path).rename(target)
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        depth = len(Path(path).parts) - 1
        (project / path).symlink_to("../" * depth + to)

    return laid


def _write(path: str, text: str) -> Callable[[Path], None]:
    return lambda project: make_tree(project, {path: text}) and None


def _journal(entry: str, **change: object) -> Callable[[Path], None]:
    """A journal, or a history, that somebody put into the git directory."""

    def laid(project: Path) -> None:
        make_tree(project, {".git/HEAD": "ref: refs/heads/main\n"})
        file = {
            "path": "new.py",
            "before": None,
            "after": "",
            "kept": None,
            "temp": ".celeryize-00000000-0.tmp",
        }
        whole = {
            "format": 1,
            "command": "init",
            "files": [file],
            "made": [],
            "removed": [],
            "undoes": 0,
            **change,
        }
        whole["files"] = [
            file | part if isinstance(part, dict) else part for part in whole["files"]
        ]
        make_tree(state_dir(project), {entry: json.dumps(whole)})

    return laid


HOSTILE_FILES = (
    {"path": "../outside/file.py", "before": base64.b64encode(b"x").decode()},
    {"path": "/tmp/../outside.py"},
    {"path": "manage.py", "temp": "../../outside/file.py"},
    {"path": "manage.py", "temp": "/etc/x"},
    {"path": "away/file.py", "after": base64.b64encode(b"# theirs\n").decode()},
)
ESCAPES = (
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ cycler.__init__.__globals__.os.system('touch canary') }}",
    "{{ self.__init__.__globals__ }}",
    "{{ lipsum.__globals__['os'].popen('touch canary').read() }}",
    "{% set x = namespace.__init__.__globals__ %}{{ x.sys.modules.os.system('touch canary') }}",
    "{{ name.__class__.__init__.__globals__ }}",
    "{{ '{0.__class__.__mro__[1]}'.format(name) }}",
    "{{ ('%s' | attr('__class__')) }}{{ name | attr('__init__') | attr('__globals__') }}",
    "{% include '../../../outside/file.py' %}",
    "{% include '/etc/passwd' %}",
    "{% import 'os' as os %}",
    "{{ joiner.__call__.__globals__.__builtins__.open('canary', 'w') }}",
    "{{ url_for.__globals__ }}{{ config }}{{ request.application }}",
)
LINKED = "config/settings.py config/__init__.py requirements.txt doctors config manage.py"
MISSING = (
    "config/celery.py doctors/tasks.py doctors/tasks doctors/tests doctors/signals.py doctors/apps.py conftest.py "
    "tests doctors/migrations .celery .celeryize.yml .gitignore pyproject.toml celeryize celeryize/templates/task"
)
TABLES = (
    """profile = "../x"; broker = 1; package_path = "../outside"; broker = [{}]; silence = 1; beat = 'x'; """
    'templates = "../outside"; templates = "/tmp"; templates = "a/../../outside"; templates = "~"; '
    'templates = "."; templates = "../project/../outside"; templates = "Celeryize/Templates"; templates = "away"'
)
ANSWERS = """_src_path: ../outside
_tasks: ['touch canary']
_jinja_extensions: ["os"]
broker: !!python/object/apply:os.system ['touch canary']
broker: "redis://{{ cycler.__init__.__globals__.os.system('touch canary') }}"
profile: ../../outside/file
package_path: ../outside
data_path: ../outside
module_name: ../../outside/x
broker: 'redis://x"""
SETTINGS_MODULES = (
    "..outside.settings /etc/passwd ../outside/settings Config.Settings away.settings"
)
INCLUDE = "from split_settings.tools import include\ninclude('../../outside/base.py')\n"
CHANGES: tuple[dict[str, object], ...] = (
    *({"files": [file]} for file in HOSTILE_FILES),
    *({"made": [folder]} for folder in (f"{OUT}/empty", "away/empty", "/tmp")),
    *(
        {"removed": [[folder, 0o777]]}
        for folder in (f"{OUT}/empty", f"{OUT}/new", "away/empty", "away/new")
    ),
    *({"files": [{}, 1]}, {"made": 1}),
)


def scenes() -> dict[str, Callable[[Path], None]]:
    """What somebody prepared, by name."""
    found = {
        f"{path} leads to {to}": _link(path, to)
        for path in LINKED.split()
        for to in (f"{OUT}/there", "away/there")
    }
    found |= {
        f"{path} leads outside": _link(path, f"{OUT}/{Path(path).name}") for path in MISSING.split()
    }
    found |= {f"{path} leads to itself": _link(path, path) for path in MISSING.split()}
    found[HARD_LINK] = lambda project: os.link(
        project / "config/settings.py", project / OUT / "settings.py"
    )
    for line in TABLES.split("; "):
        found[f"the table {line}"] = _write("pyproject.toml", f"[tool.celeryize]\n{line}\n")
    for line in [*ANSWERS.split("\n"), ANSWERS, f"{ANSWERS}\nbroker: filesystem\n"]:
        found[f"the answers {line}"] = _write(".celeryize.yml", line)
    for name in SETTINGS_MODULES.split():
        text = small_project()["manage.py"].replace("config.settings", name)
        found[f"the settings {name}"] = _write("manage.py", text)
    text = small_project()["manage.py"].replace(
        "import sys", "import sys\nsys.path.insert(0, '/tmp')"
    )
    found["a path of manage.py"] = _write("manage.py", text)
    found["requirements"] = _write(
        "requirements.txt", "-r ../outside/requirements.txt\n-c /etc/passwd\n"
    )
    found["a component outside"] = _write("config/settings.py", SETTINGS + INCLUDE)
    for text in ESCAPES:
        body = f"def {{{{ name }}}}():\n    {text}\n"
        found[f"the template {text}"] = _write("celeryize/templates/task/plain.py.jinja", body)
    for entry in ("journal.json", "history/000001.json"):
        found |= {f"the {entry} {change}": _journal(entry, **change) for change in CHANGES}
    return found


def run(*, most: int | None) -> Tally:
    """All commands on each scene; with `most`, on each so-manieth one."""
    tally = Tally("paths", "runs on somebody else's project")
    for name, lay in list(scenes().items())[:: most or 1]:
        with place() as folder:
            project, outside = folder / "project", folder / "outside"
            make_tree(
                outside,
                {"file.py": "A = 1\n", "requirements.txt": "django\n", "base.py": "B = 1\n"},
            )
            (outside / "empty").mkdir()
            make_tree(project, booby_trapped(folder / "canary"))
            (project / "away").symlink_to(OUT)
            lay(project)
            before = snapshot(outside)
            for command in COMMANDS:
                tally.tried += 1
                ran = celeryize(project, *command)
                tally.refused += ran.code in (2, 3)
                case = f"{name}: {' '.join(command[:3])}"
                tally.lose(
                    f"{case}: exit {ran.code}: {ran.said[-1200:]}",
                    unless=ran.code in (0, 1, 2, 3) and "Traceback" not in ran.said,
                )
                after = snapshot(outside)
                # another name of one file is that file, and a run that writes to it says so first
                if name == HARD_LINK and ("is a hard link" in ran.said or command == UNDO):
                    before["settings.py"] = after["settings.py"]
                tally.lose(f"{case}: what is outside is another", unless=after == before)
                tally.lose(
                    f"{case}: code ran",
                    unless=not list(folder.rglob("canary*")) and not Path("canary").exists(),
                )
                if tally.losses and tally.losses[-1].startswith(name):
                    break
    for case, wrong in _in_processes():
        tally.tried += 1
        tally.lose(f"{case}: {wrong}", unless=not wrong)
    return tally


def booby_trapped(canary: Path) -> dict[str, str | bytes]:
    """The small project, whose modules leave a file behind when they are imported, and so do libraries of ours."""
    trap = f"open({str(canary)!r}, 'w').close()\n"
    files = {
        path: trap + str(text) if path.endswith(".py") else text
        for path, text in small_project().items()
    }
    ours = (
        "jinja2",
        "copier",
        "rich",
        "typer",
        "yaml",
        "json",
        "tomllib",
        "sitecustomize",
        "usercustomize",
        "conftest",
    )
    return files | {f"{name}.py": trap for name in ours}


def _in_processes() -> Iterator[tuple[str, str]]:
    """The program as a user starts it, in the folder of the project; a manager of packages is not asked either."""
    scripts = [[sys.executable, "-m", "celeryize"]]
    installed = Path(sys.executable).with_name("celeryize")
    if installed.exists():
        scripts.append([str(installed)])
    for script in scripts:
        with place() as folder:
            project = make_tree(folder / "project", booby_trapped(folder / "canary"))
            make_tree(
                project,
                {
                    "pyproject.toml": '[tool.poetry]\nname = "x"\n[tool.poetry.dependencies]\npython = "*"\n',
                    "poetry.lock": "",
                },
            )
            (project / "requirements.txt").unlink()
            poetry = (
                make_tree(folder / "bin", {"poetry": f"#!/bin/sh\ntouch {folder}/canary\n"})
                / "poetry"
            )
            poetry.chmod(0o755)
            env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
            env["PATH"] = f"{poetry.parent}:{env['PATH']}"
            for command in (STATIC, INIT, TASK, ENTRY, COPY, UNDO):
                ran = subprocess.run(
                    [*script, *command], cwd=project, env=env, capture_output=True, text=True
                )
                said = (
                    "code ran"
                    if (folder / "canary").exists()
                    else ran.stderr
                    if ran.returncode not in (0, 1)
                    else ""
                )
                yield f"{' '.join(script[-2:])} {command[0]}", said
