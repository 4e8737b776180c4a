"""A Redis that becomes the broker, and that throws messages away when its memory is full.

Source: https://redis.io/docs/latest/develop/reference/eviction/
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from celeryize.commands.worker.target import Target
from celeryize.model import Where
from celeryize.patch.yaml_tree import Node
from celeryize.reading import readable_text

# `--maxmemory-policy allkeys-lru`, `maxmemory-policy=allkeys-lru`, and the line of a redis.conf.
# A queue is a key without a time to live: volatile-* leaves it alone.
POLICY = re.compile(r"maxmemory-policy[\s=\"',]+(allkeys-\w+)")

KEYS = ("command", "environment", "entrypoint")


def report_eviction(target: Target, service: str, node: Node) -> None:
    """A note where a service of a compose file may throw the messages of its queues away."""
    texts = [(_text_of(node.get(key)), Where(target.path, _line_of(node, key))) for key in KEYS]
    for path in _mounted_files(target, node):
        texts.append((readable_text(target.root / path), Where(path)))
    for text, where in texts:
        note_policy(target, service, text, where)


def note_policy(target: Target, service: str, text: str, where: Where) -> None:
    """The note, where the text names such a policy."""
    match = POLICY.search(text)
    if match is None:
        return
    if where.line is None:
        where = Where(where.path, text[: match.start()].count("\n") + 1)
    target.note(
        f"{service} becomes the broker, and when its memory is full it deletes whole queues: its "
        f"policy is {match[1]} ({where}). Change it to noeviction, or give Celery a Redis of its "
        "own."
    )


def _text_of(value: Node | None) -> str:
    if value is None:
        return ""
    pairs = " ".join(f"{name}={one.resolved.text}" for name, one in value.items())
    return " ".join((*value.words(), value.resolved.text, pairs))


def _line_of(node: Node, key: str) -> int:
    value = node.get(key)
    return value.line if value is not None else node.line


def _mounted_files(target: Target, node: Node) -> list[PurePosixPath]:
    """The configuration files of the project that a service mounts."""
    volumes = node.get("volumes")
    found = []
    for element in volumes.resolved.elements if volumes else ():
        source = element.scalar("source") or element.resolved.text.partition(":")[0]
        if source.endswith(".conf") and not source.startswith(("/", "~", "$")):
            found.append(target.path.parent / source)
    return found
