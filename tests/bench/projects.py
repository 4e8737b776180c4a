"""The projects that the bench measures on: made once, by Django's own startproject and by our own init."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

TASK = "@shared_task\ndef task_{0}(a, b):\n    total = a + b\n    return total\n\n\n"
ENTRY = '    "e{0}": {{"task": "doctors.tasks.task_0", "schedule": crontab(minute={1}), "args": [1, 2]}},\n'
MODEL = (
    "class Row{0}(models.Model):\n"
    "    name = models.CharField(max_length=20)\n\n"
    "    def save(self, *args, **kwargs):\n"
    "        super().save(*args, **kwargs)\n\n\n"
)


class Projects:
    """Makes projects below one folder, with an interpreter that has Django, Celery and celeryize."""

    def __init__(self, python: Path, work: Path, environment: Mapping[str, str]) -> None:
        self._python = python
        self._work = work / "projects"
        self._work.mkdir()
        self._environment = environment

    def plain(self) -> Path:
        """startproject and startapp."""
        root = self._work / "plain"
        if not root.exists():
            root.mkdir()
            self._run(root, "-m", "django", "startproject", "config", ".")
            self._run(root, "manage.py", "startapp", "doctors")
            self._compile(root)
        return root

    def wired(self) -> Path:
        """The plain one after `celeryize init`, with its app installed and one task."""
        root = self._copy(self.plain(), "wired")
        if not (root / "doctors/tasks.py").exists():
            self._run(root, "-m", "celeryize", "init", "--yes", "--no-verify")
            settings = root / "config/settings.py"
            settings.write_text(
                settings.read_text().replace(
                    "INSTALLED_APPS = [", "INSTALLED_APPS = [\n    'doctors',"
                )
            )
            (root / "doctors/tasks.py").write_text(
                "from celery import shared_task\n\n\n" + TASK.format(0)
            )
            self._compile(root)
        return root

    def with_settings(self, lines: int) -> Path:
        """A plain one whose settings have about that many lines."""
        root = self._copy(self.plain(), f"settings-{lines}")
        block = "OPTION_{0} = {{\n    'name': 'option {0}',\n    'values': [1, 2, 3],\n}}\n"
        with (root / "config/settings.py").open("a") as stream:
            stream.write("\n" + "".join(block.format(n) for n in range((lines - 60) // 4)))
        return root

    def with_tasks(self, count: int) -> Path:
        """A wired one with that many tasks in one module; a thousand are 6,000 lines."""
        root = self._copy(self.wired(), f"tasks-{count}")
        tasks = "".join(TASK.format(n) for n in range(count))
        (root / "doctors/tasks.py").write_text("from celery import shared_task\n\n\n" + tasks)
        return root

    def with_entries(self, count: int) -> Path:
        """A wired one with that many entries in its Beat schedule."""
        root = self._copy(self.wired(), f"entries-{count}")
        if "CELERY_BEAT_SCHEDULE" not in (root / "config/settings.py").read_text():
            entries = "".join(ENTRY.format(n, n % 60) for n in range(count))
            with (root / "config/settings.py").open("a") as stream:
                stream.write(
                    f"\nfrom celery.schedules import crontab\n\nCELERY_BEAT_SCHEDULE = {{\n{entries}}}\n"
                )
            self._compile(root)
        return root

    def with_files(self, count: int, *, celery: bool = False) -> Path:
        """A plain (or wired) one in a repository of that many Python files, a hundred to a package."""
        root = self._copy(
            self.wired() if celery else self.plain(), f"files-{count}{'-celery' * celery}"
        )
        for number in range(count // 100):
            package = root / f"library/part{number // 100}/package{number}"
            package.mkdir(parents=True)
            for module in range(100):
                (package / (f"module{module}.py" if module else "__init__.py")).write_text(
                    f"VALUE = {module}\n"
                )
        return root

    def with_code(self, count: int, *, celery: bool = False) -> Path:
        """A plain (or wired) one beside that many modules of real code, in packages of forty."""
        name = f"code-{count}{'-celery' * celery}"
        if (self._work / name).exists():
            return self._work / name
        root = self._copy(self.wired() if celery else self.plain(), name)
        rows = "from django.db import models\n\n\n" + "".join(MODEL.format(n) for n in range(20))
        for number in range(count):
            package = root / f"shop{number // 400}/part{number // 40 % 10}"
            package.mkdir(parents=True, exist_ok=True)
            for folder in (package.parent, package):
                (folder / "__init__.py").touch()
            # one in fifty says something of tasks, as in large projects
            mention = "# sent by a task\n" if number % 50 else "# celery sends this\n"
            (package / f"module{number % 40}.py").write_text(mention + rows)
        return root

    def with_modules(self, count: int) -> Path:
        """A wired one of that many modules: apps of ten, with models, views that call tasks, five tasks each."""
        root = self._copy(self.wired(), f"modules-{count}")
        apps = [f"app{n}" for n in range(count // 10)]
        for app in apps:
            (root / app).mkdir()
            (root / app / "__init__.py").write_text("")
            rows = "from django.db import models\n\n\n" + "".join(
                MODEL.format(n) for n in range(12)
            )
            for module in ("admin", "apps", "forms", "managers", "models", "signals", "urls"):
                (root / app / f"{module}.py").write_text(rows)
            call = f"from {app}.tasks import task_0\n\n\ndef view(request):\n    task_0.delay(1, 2)\n\n\n"
            (root / app / "views.py").write_text(call + rows)
            tasks = "".join(TASK.format(n) for n in range(5))
            (root / app / "tasks.py").write_text("from celery import shared_task\n\n\n" + tasks)
        settings = root / "config/settings.py"
        installed = "".join(f"    '{app}',\n" for app in apps)
        settings.write_text(
            settings.read_text().replace("INSTALLED_APPS = [\n", f"INSTALLED_APPS = [\n{installed}")
        )
        return root

    def copier_template(self) -> Path:
        """A template of one question and one file."""
        root = self._work / "copier"
        root.mkdir()
        (root / "copier.yml").write_text("name:\n  type: str\n  default: doctors\n")
        (root / "{{ name }}.py.jinja").write_text("NAME = '{{ name }}'\n")
        return root

    def cookiecutter_template(self) -> Path:
        """The same for cookiecutter, which wants a folder."""
        root = self._work / "cookiecutter"
        (root / "{{ cookiecutter.name }}").mkdir(parents=True)
        (root / "cookiecutter.json").write_text('{"name": "doctors"}\n')
        (root / "{{ cookiecutter.name }}/app.py").write_text("NAME = '{{ cookiecutter.name }}'\n")
        return root

    def _copy(self, source: Path, name: str) -> Path:
        root = self._work / name
        if not root.exists():
            shutil.copytree(source, root)
        return root

    def _install_apps(self, root: Path, *apps: str) -> None:
        settings = root / "config/settings.py"
        lines = "".join(f"    '{app}',\n" for app in apps)
        settings.write_text(
            settings.read_text().replace("INSTALLED_APPS = [\n", f"INSTALLED_APPS = [\n{lines}")
        )

    def _compile(self, root: Path) -> None:
        """The project's own bytecode is part of a byte-compiled state."""
        self._run(root, "-m", "compileall", "-q", ".")

    def _run(self, root: Path, *arguments: str) -> None:
        subprocess.run(
            [self._python, *arguments],
            cwd=root,
            env=self._environment,
            check=True,
            capture_output=True,
        )
