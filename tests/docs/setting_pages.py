"""The page of the settings: each line of each profile, what happens without it, and the source."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.docs.scratch import clinic, environment

ROOT = Path(__file__).parents[2]
REASONS = ROOT / "docs/settings.toml"
PROFILES = ("minimal", "standard", "production")
BROKERS = ("redis", "rabbitmq", "sqs", "filesystem")


def pages() -> Iterator[tuple[str, str]]:
    """One page."""
    yield "settings.md", page()


@cache
def blocks() -> dict[tuple[str, str], str]:
    """The lines that `init` adds to the settings, by profile and broker."""
    found = {}
    with tempfile.TemporaryDirectory() as name:
        folder = clinic(Path(name) / "clinic")
        path = folder / "config/settings.py"
        path.write_text(path.read_text() + '\nLOGGING = {"version": 1}\n')
        for profile in PROFILES:
            for broker in BROKERS:
                words = ["init", "--profile", profile, "--broker", broker, "--beat"]
                words += ["--no-verify", "--dry-run", "--quiet", "--no-input"]
                ran = subprocess.run(
                    [sys.executable, "-m", "celeryize", *words],
                    cwd=folder,
                    env=environment(Path(name) / "state"),
                    capture_output=True,
                    text=True,
                )
                if ran.returncode == 0:
                    found[profile, broker] = _added_to_settings(ran.stdout)
    return found


def _added_to_settings(patch: str) -> str:
    part = patch.partition("+++ b/config/settings.py")[2].partition("\ndiff --git")[0]
    lines = [line[1:] for line in part.splitlines() if line.startswith("+")]
    return "\n".join(lines).strip("\n")


def names() -> dict[str, list[str]]:
    """Each setting that some profile writes, with the profiles, in the order of the templates."""
    found: dict[str, list[str]] = {}
    for profile in reversed(PROFILES):
        for broker in BROKERS:
            for name in re.findall(
                r"^(CELERY_\w+)", blocks().get((profile, broker), ""), re.MULTILINE
            ):
                profiles = found.setdefault(name, [])
                if profile not in profiles:
                    profiles.insert(0, profile)
    return found


def reasons() -> dict[str, dict[str, str]]:
    """What happens without each setting, and where that is known from: docs/settings.toml."""
    return tomllib.loads(REASONS.read_text())


def page() -> str:
    """The text of the page."""
    lines = [
        "# Settings, one by one",
        "",
        "`celeryize init --profile NAME` writes one of three blocks. Each line of them is explained below: what it",
        "does, and what happens without it.",
        "",
        "## The three profiles",
        "",
        "As written for Redis into a project that reads nothing from the environment yet:",
        "",
    ]
    for profile in PROFILES:
        lines += [f'=== "{profile}"', "", "    ```python"]
        lines += [f"    {line}".rstrip() for line in blocks()[profile, "redis"].split("\n")]
        lines += ["    ```", ""]
    known = reasons()
    lines += ["## Line by line", ""]
    for name, profiles in names().items():
        reason = known[name]
        # the column beside the page is too narrow for the prefix that all of them have
        label = name.removeprefix("CELERY_")
        lines += [f'### {name} {{ data-toc-label="{label}" }}', ""]
        lines += [f"*{', '.join(profiles)}*", "", reason["does"], ""]
        lines += [
            f"**Without it:** {reason['without']}",
            "",
            f"Source: {_source(reason['source'])}",
            "",
        ]
    return "\n".join(lines)


def _source(text: str) -> str:
    return re.sub(r"(https://\S+)", r"<\1>", text)
