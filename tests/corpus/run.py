"""`make corpus DIR=...`: init, init again and undo on a copy of each Django project of a folder, and what held.

Prints a table and writes dist/corpus.json. Ends with 1 if an invariant broke: every changed Python file parses
with a Python that parsed it before; a change only inserts; the second run is a no-op; undo restores every byte and
mode; no traceback of ours. The projects are copied, and none of them is imported (--no-verify).
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from tests.conftest import snapshot  # noqa: E402


@dataclass
class Outcome:
    """One project: how init ended and why, what it recognised, and the invariants that broke."""

    project: str
    outcome: str
    reason: str = ""
    files: list[str] = field(default_factory=list)
    recognised: dict[str, object] = field(default_factory=dict)
    seconds: float = 0.0
    broken: list[str] = field(default_factory=list)
    diff: str = ""


def celeryize(
    folder: Path, *arguments: str
) -> tuple[subprocess.CompletedProcess[str], dict[str, object]]:
    """Run the program on a project; its process and its JSON document."""
    ran = subprocess.run(
        [sys.executable, "-m", "celeryize", *arguments, "--json", "-C", str(folder)],
        env={
            **os.environ,
            "PYTHONDONTWRITEBYTECODE": "1",
            "XDG_STATE_HOME": str(folder.parent / "state"),
        },
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    try:
        return ran, json.loads(ran.stdout)
    except ValueError:
        return ran, {}


def try_on(project: Path, name: str, options: list[str]) -> Outcome:
    """Everything on one project, in a copy."""
    with tempfile.TemporaryDirectory(prefix="celeryize-corpus-") as place:
        folder = Path(place) / "project"
        shutil.copytree(project, folder, symlinks=True)
        before = snapshot(folder)
        started = time.perf_counter()
        ran, document = celeryize(folder, "init", "--yes", "--no-install", "--no-verify", *options)
        seconds = time.perf_counter() - started
        error = document.get("error") or {}
        status = str(document.get("status", "no answer"))
        outcome = Outcome(
            name,
            "refused" if status == "error" and ran.returncode == 3 else status,
            seconds=round(seconds, 2),
        )
        outcome.reason = (
            f"{error.get('path') or ''}:{error.get('line') or ''} {error.get('message')}"
            if error
            else ""
        )
        outcome.reason = outcome.reason.replace(str(folder), "PROJECT").removeprefix(": ")
        outcome.recognised = {k: v["value"] for k, v in dict(document.get("project") or {}).items()}
        outcome.files = [f"{s['status']} {s['path']}" for s in document.get("steps") or []]
        outcome.diff = str(document.get("diff", ""))
        if "Traceback" in ran.stdout + ran.stderr or ran.returncode == 70 or not document:
            outcome.broken.append(f"a bug of ours: {(ran.stderr or ran.stdout)[-400:]}")
            return outcome
        after = snapshot(folder)
        outcome.broken += list(violations(before, after, status))
        again, second = celeryize(folder, "init", "--yes", "--no-install", "--no-verify", *options)
        if status != "error" and second.get("status") != "nothing to do":
            outcome.broken.append(f"the second run: {second.get('status')} {second.get('error')}")
        if snapshot(folder) != after or "Traceback" in again.stderr:
            outcome.broken.append("the second run changed something")
        if after != before:
            celeryize(folder, "undo", "--yes")
        if snapshot(folder) != before:
            outcome.broken.append("undo did not restore every byte and mode")
        return outcome


def violations(before: dict, after: dict, status: str):
    """The invariants of the change itself that do not hold."""
    if status != "done" and before != after:
        yield "something was written without success"
    for path, (kind, mode, data) in before.items():
        if path not in after:
            yield f"{path} is gone"
            continue
        new_kind, new_mode, new = after[path]
        if kind != new_kind or (kind == "file" and mode != new_mode):
            yield f"{path} has another kind or mode"
        if data != new:
            remaining = iter(new)
            if not all(byte in remaining for byte in data):
                yield f"{path} was not only inserted into"
            if path.endswith(".py") and parses(data) and not parses(new):
                yield f"{path} does not parse any more"
    for path in after.keys() - before.keys():
        if path.endswith(".py") and not parses(after[path][2]):
            yield f"{path} does not parse"


def parses(data: bytes) -> bool:
    """Whether Python reads it."""
    try:
        ast.parse(data)
    except (SyntaxError, ValueError):
        return False
    return True


def main() -> None:
    """Run over the folder, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--json", type=Path, default=ROOT / "dist/corpus.json")
    parser.add_argument("--diff", action="store_true", help="print each diff")
    arguments, options = parser.parse_known_args()
    found = []
    for project in sorted(p for p in arguments.folder.iterdir() if p.is_dir()):
        outcome = try_on(project, project.name, options)
        found.append(outcome)
        what = outcome.reason or ", ".join(outcome.files)
        print(f"{outcome.project:<45} {outcome.outcome:<14} {outcome.seconds:>5} s  {what}")
        for broken in outcome.broken:
            print(f"    BROKEN: {broken}")
        if arguments.diff:
            print(outcome.diff)
    arguments.json.parent.mkdir(exist_ok=True)
    arguments.json.write_text(json.dumps([asdict(o) for o in found], indent=2) + "\n")
    total = {name: sum(o.outcome == name for o in found) for name in {o.outcome for o in found}}
    print(
        f"{len(found)} projects: {total}; broken invariants: {sum(bool(o.broken) for o in found)}"
    )
    sys.exit(any(o.broken for o in found))


if __name__ == "__main__":
    main()
