"""Who starts the processes of a Procfile, by the files of a platform that are beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from celeryize.checks.facts import Facts
from celeryize.checks.facts.processes.stop import is_development
from celeryize.commands.worker.files import DeploymentFile
from celeryize.commands.worker.request import Request
from celeryize.detect.processes.process import PLATFORMS as KINDS
from celeryize.detect.processes.process import Process
from celeryize.draft import Draft

# What a message calls a subcommand.
WORDS = {"worker": "a worker", "beat": "Beat"}


@dataclass(frozen=True, slots=True)
class Platform:
    """A platform, the file that shows it, and where it takes its processes from.

    `kind` is that of the file, where lines to paste are known for it.
    """

    name: str
    file: str
    processes: str
    kind: str = "procfile"


# Sources: https://fly.io/docs/launch/processes/, https://render.com/docs/migrate-from-heroku,
# https://docs.railway.com/reference/config-as-code,
# https://dokku.com/docs/processes/process-management/
PLATFORMS = (
    Platform(
        "Fly",
        "fly.toml",
        "each process is a line of [processes] in fly.toml, the web server one of them, and its "
        "variables are in [env], because no shell reads the line",
        "fly",
    ),
    Platform(
        "Render",
        "render.yaml",
        "each process is a service of its own in render.yaml, with `type: worker` and the command "
        "as its startCommand",
        "render",
    ),
    Platform(
        "Railway",
        "railway.json",
        "each process is a service of its own, with the command as its start command",
    ),
    Platform(
        "Railway",
        "railway.toml",
        "each process is a service of its own, with the command as its start command",
    ),
    Platform("Dokku", "DOKKU_SCALE", ""),
)


def find_platform(root: Path) -> Platform | None:
    """The platform, other than Heroku, whose file is at the root."""
    return next((one for one in PLATFORMS if (root / one.file).is_file()), None)


def start_on(platform: Platform | None, names: Sequence[str]) -> str:
    """What starts new processes on a platform; where it is unknown, on Heroku. Of Beat there has to
    be one."""
    scale = " ".join(f"{name}=1" for name in names)
    if platform is None:
        text = f"on Heroku, by `heroku ps:scale {scale}`, because a deploy starts no new ones"
    elif platform.processes:
        text = f"on {platform.name}, {platform.processes}"
    else:
        text = f"on {platform.name}, by `{platform.name.lower()} ps:scale APP {scale}`"
    if any("beat" in name for name in names):
        text += "; of Beat, exactly one"
    return text


def started_by_platforms(facts: Facts) -> list[Process]:
    """The workers and Beats that the file of a platform starts."""
    return [
        process
        for process in facts.deployment.processes
        if process.kind in KINDS and process.subcommand in WORDS
    ]


def without_procfiles(
    files: list[DeploymentFile], facts: Facts, request: Request, draft: Draft
) -> list[DeploymentFile]:
    """The files without the Procfiles that start nothing, because the file of a platform does."""
    started = started_by_platforms(facts)
    if not started or request.service:
        return files
    unused = [file for file in files if file.kind == "procfile" and not is_development(file.path)]
    for file in unused:
        draft.add_note(f"{file.path} stays as it is: {started[0].where} starts Celery.")
    return [file for file in files if file not in unused]
