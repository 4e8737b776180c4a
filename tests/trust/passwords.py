"""A password in a URL is nowhere afterwards: on no screen, in no document, in no file, in no journal."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

from tests.conftest import SETTINGS, make_tree
from tests.trust.failures import INIT
from tests.trust.ground import Tally, celeryize, made, place, small_project, state_of

SECRET = "S3CRET"
PASSWORDS = (
    SECRET,
    *(f"a{mark}{SECRET}{mark}z" for mark in "@/:;?#%[]{}$`'\" \\\n\té|&,="),
    f"@{SECRET}",
    f"{SECRET}@",
)
URLS = (
    "redis://:{}@host:6379/1",
    "redis://user:{}@host/0?a=b@c",
    "amqp://user:{}@host:5672//",
    "REDIS://:{}@host",
    "sentinel://one:26379;sentinel://:{}@two:26379",
    "redis://host:6379/0?password={}",
    "sqs://key:{}@",
    "redis+socket:///tmp/x.sock?password={}",
    "redis:// :{}@host",
)
WRITE = ("--yes", "--no-verify")


def run(*, most: int | None) -> Tally:
    """Each password in each URL, or the first of each, everywhere a URL may stand."""
    tally = Tally("passwords", "URLs with a password")
    cases = list(itertools.product(URLS, PASSWORDS))
    for form, password in [*cases[: len(PASSWORDS)], *cases[:: len(PASSWORDS)]] if most else cases:
        url = form.replace("{}", password)
        with place() as folder:
            for name, said in _runs(folder, url):
                tally.tried += 1
                tally.lose(
                    f"{url!r}: {name}: {said[max(0, said.find(SECRET) - 200) :][:500]}",
                    unless=SECRET not in said,
                )
            if most and tally.tried >= most:
                break
    return tally


def _runs(folder: Path, url: str) -> Iterator[tuple[str, str]]:
    """What each run said and left behind, by the name of the run."""
    for name, command in (
        ("init --broker", ("init", "--broker", url, *WRITE, "--verbose")),
        (
            "init --result-backend",
            ("init", "--result-backend", url, "--profile", "production", *WRITE, "--json"),
        ),
        ("init --dry-run", ("init", "--broker", url, "--no-verify", "--dry-run")),
    ):
        project = made(folder / "project", small_project())
        ran = celeryize(project, *command)
        yield name, ran.said + everything(project) + everything(state_of(folder))
        yield f"undo of {name}", celeryize(project, "undo", "--yes", "--json").said
        shutil.rmtree(project)
        shutil.rmtree(state_of(folder), ignore_errors=True)
    project = made(folder / "project", small_project(), INIT)
    line = f"CELERY_BROKER_URL = CELERY_RESULT_BACKEND = {url!r}\nCELERY_RESULT_BACKND = {url!r}\n"
    make_tree(project, {"config/settings.py": SETTINGS + line})
    for command in (
        ("verify", "--static"),
        ("verify", "--static", "--json"),
        ("verify", "--static", "--format", "sarif"),
    ):
        yield " ".join(command), celeryize(project, *command).said
    make_tree(
        project, {".celeryize.yml": f"broker: {json.dumps(url)}\n", "config/settings.py": SETTINGS}
    )
    yield "init again", celeryize(project, *INIT[:3]).said


def everything(root: Path) -> str:
    """The names and bytes of all files."""
    files = sorted(path for path in root.rglob("*") if path.is_file()) if root.exists() else []
    return "\n".join(f"{path}\n{_readable(path)}" for path in files)


def _readable(path: Path) -> str:
    """The text of a file; of a journal, the bytes that are in it, too."""
    data = path.read_bytes()
    if path.suffix == ".json":
        import base64

        texts = [
            file[key] or ""
            for file in json.loads(data).get("files", ())
            for key in ("before", "after")
        ]
        data += b"".join(base64.b64decode(text) for text in texts)
    return data.decode("utf-8", "replace")
