"""`make matrix`: the whole program on a new project of each Python, Celery and Django that can be had here.

Prints a table and writes dist/matrix.json. Ends with 1 if a step failed, or if nothing could be tried. Where the
interpreter, or the libraries, cannot be had, the table says why.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
# From the oldest to the newest that are supported, each Celery with a Django of its time.
PAIRS = (
    ("3.8", "5.2", "3.2"),
    ("3.9", "5.3", "4.2"),
    ("3.10", "5.4", "4.2"),
    ("3.11", "5.5", "5.2"),
    ("3.12", "5.6", "5.2"),
    ("3.12", "5.6", "6.0"),
    ("3.13", "5.7", "6.0"),
    ("3.13", "5.7", "6.1"),
    ("3.14", "5.7", "6.1"),
)
STEPS = {
    "init": ("init", "--broker", "filesystem", "--beat", "--yes"),
    "add-task": ("add-task", "doctors.greet", "name:str", "--retry-on", "OSError", "--yes"),
    "add-schedule": (
        *("add-schedule", "nightly", "doctors.tasks.greet", "--cron", "0 3 * * *"),
        *("--kwargs", '{"name": "Ada"}', "--yes"),
    ),
    "verify": ("verify", "--strict"),
    "verify --live": ("verify", "--live"),
}
OK = "ok"


@dataclass
class Outcome:
    """One pair: what was installed, and how each step ended: `ok`, or the reason why not."""

    python: str
    celery: str
    django: str
    skipped: str = ""
    steps: dict[str, str] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        """Whether a step did not do what it says."""
        return any(told != OK for told in self.steps.values())


def interpreter(version: str) -> Path | None:
    """A Python of a minor version that starts: on the path, or one of pyenv's."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = shutil.which(f"python{version}")
    places = [Path(found)] if found else []
    places += sorted(pyenv.glob(f"{version}.*/bin/python"))
    asks = "import sys; print('%d.%d' % sys.version_info[:2])"
    for place in places:
        try:
            ran = subprocess.run([place, "-c", asks], capture_output=True, text=True, timeout=60)
        except OSError:
            continue
        if ran.stdout.strip() == version:
            return place
    return None


def environment(python: Path, folder: Path, *requirements: str) -> str:
    """Make a virtual environment with the requirements; empty, or the reason why that cannot be done here."""
    uv = shutil.which("uv")
    inside = folder / "bin/python"
    makes = [uv, "venv", "-q", "-p", python, folder] if uv else [python, "-m", "venv", folder]
    fills = (
        [uv, "pip", "install", "-q", "-p", inside] if uv else [inside, "-m", "pip", "install", "-q"]
    )
    for command in (makes, [*fills, *requirements]):
        ran = subprocess.run(command, capture_output=True, text=True)
        if ran.returncode:
            errors = [line for line in ran.stderr.splitlines() if re.match(r"(?i)error|.*×", line)]
            return (errors or ran.stderr.strip().splitlines() or ["it cannot be made"])[-1][:200]
    return ""


def versions(python: Path) -> tuple[str, str, str]:
    """The exact versions of Python, Celery and Django of an environment."""
    asks = "import platform, celery, django; print(platform.python_version(), celery.__version__, django.__version__)"
    ran = subprocess.run([python, "-c", asks], capture_output=True, text=True, check=True)
    python_version, celery, django = ran.stdout.split()
    return python_version, celery, django


def start_project(python: Path, folder: Path) -> None:
    """A project `config` with an app `doctors`, as django-admin makes them."""
    for arguments in (
        ["-m", "django", "startproject", "config", "."],
        ["manage.py", "startapp", "doctors"],
    ):
        subprocess.run([python, *arguments], cwd=folder, check=True, capture_output=True)
    settings = folder / "config/settings.py"
    settings.write_text(
        settings.read_text().replace("INSTALLED_APPS = [", "INSTALLED_APPS = [\n    'doctors',")
    )
    (folder / "requirements.txt").write_text("celery\ndjango\n")


def try_pair(python: Path, celery: str, django: str, place: Path) -> Outcome:
    """Each step on a new project of these versions, below `place`; a step after one that failed is tried too."""
    venv, folder = place / "venv", place / "project"
    folder.mkdir()
    reason = environment(python, venv, f"celery=={celery}.*", f"django=={django}.*")
    if reason:
        return Outcome("", celery, django, reason)
    inside = venv / "bin/python"
    outcome = Outcome(*versions(inside))
    start_project(inside, folder)
    for name, arguments in STEPS.items():
        ran = subprocess.run(
            [sys.executable, "-m", "celeryize", *arguments, "--python", str(inside), "--json"],
            cwd=folder,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT / "src"),
                "XDG_STATE_HOME": str(place / "state"),
            },
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        outcome.steps[name] = told(ran)
    return outcome


def told(ran: subprocess.CompletedProcess[str]) -> str:
    """`ok`, or what a run of celeryize says is wrong. A proof that was not run is wrong here."""
    try:
        document = json.loads(ran.stdout)
    except ValueError:
        return f"no answer: {ran.stderr.strip()[-200:]}"
    if document.get("error"):
        return str(document["error"]["message"])
    wrong = [
        f"{f['id']}: {f['message']}"
        for f in document.get("findings", [])
        if f["severity"] != "info"
    ]
    wrong += [
        f"{s['name']}: {s['summary']}"
        for s in document.get("live_steps", [])
        if s["outcome"] == "failed"
    ]
    proof = document.get("proof", {"verdict": "passed"})
    if proof["verdict"] != "passed":
        wrong.append(f"the proof: {proof['verdict']}: {proof['summary']}")
    return "; ".join(wrong) or (
        OK if ran.returncode == 0 else f"code {ran.returncode}: {document['status']}"
    )


def table(outcomes: list[Outcome]) -> str:
    """The outcomes, a line each; the reasons below."""
    head = f"{'Python':<9}{'Celery':<9}{'Django':<9}" + "".join(f"{name:<15}" for name in STEPS)
    lines = [head.rstrip()]
    reasons = []
    for one in outcomes:
        line = f"{one.python:<9}{one.celery:<9}{one.django:<9}"
        line += (
            "".join(f"{OK if one.steps.get(n) == OK else 'FAILED':<15}" for n in one.steps)
            or "skipped"
        )
        lines.append(line.rstrip())
        whose = f"Python {one.python}, Celery {one.celery}, Django {one.django}"
        reasons += [f"{whose}: {n}: {why}" for n, why in one.steps.items() if why != OK]
        reasons += [f"{whose}: {one.skipped}"] if one.skipped else []
    return "\n".join([*lines, *([""] if reasons else []), *reasons])


def main() -> int:
    """Try every pair, or those of the given Pythons."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("python", nargs="*", help="only these, e.g. 3.8 3.13")
    parser.add_argument("--json", type=Path, default=ROOT / "dist/matrix.json")
    chosen = parser.parse_args()
    outcomes = []
    for version, celery, django in PAIRS:
        if chosen.python and version not in chosen.python:
            continue
        python = interpreter(version)
        if python is None:
            outcomes.append(
                Outcome(version, celery, django, f"there is no Python {version} on this machine")
            )
            continue
        with tempfile.TemporaryDirectory(prefix="celeryize-matrix-") as name:
            outcome = try_pair(python, celery, django, Path(name))
        outcome.python = outcome.python or version
        outcomes.append(outcome)
    chosen.json.parent.mkdir(parents=True, exist_ok=True)
    chosen.json.write_text(json.dumps([asdict(one) for one in outcomes], indent=2) + "\n")
    sys.stdout.write(table(outcomes) + "\n")
    return int(any(one.failed for one in outcomes) or all(one.skipped for one in outcomes))


if __name__ == "__main__":
    sys.exit(main())
