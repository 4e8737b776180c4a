"""Who starts the processes of a Procfile, by the files of a platform that are beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


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
