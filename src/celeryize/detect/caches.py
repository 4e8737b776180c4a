"""Which cache `django.core.cache.cache` is, as far as the text of the settings shows it."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from celeryize.detect.modules import Modules
from celeryize.detect.settings import Settings
from celeryize.model import Where
from celeryize.patch.nodes import walk

# Caches that a process has for itself, or that keep nothing: a lock in one locks nobody else out.
OWN_OF_A_PROCESS = {
    "LocMemCache": "a cache in the memory of each process",
    "DummyCache": "a cache that keeps nothing",
}


@dataclass(frozen=True, slots=True)
class UnsharedCache:
    """A default cache that processes do not share: what it is, and where it is set, if it is."""

    words: str
    where: Where | None


def find_unshared_cache(modules: Modules, settings: Settings) -> UnsharedCache | None:
    """The default cache where processes certainly do not share it; None where they may."""
    where = settings.assigned.get("CACHES")
    if where is None:
        if settings.unknown or settings.split or settings.class_based:
            return None
        return UnsharedCache(OWN_OF_A_PROCESS["LocMemCache"], None)
    backends = [
        ast.unparse(value).strip("'\"").rpartition(".")[2]
        for node in walk(modules.tree(where.path))
        if isinstance(node, ast.Dict) and node.lineno >= (where.line or 0)
        for key, value in zip(node.keys, node.values, strict=True)
        if isinstance(key, ast.Constant) and key.value == "BACKEND"
    ]
    # another file, or a condition, may have a better one
    if len(backends) != 1 or "CACHES" in settings.overridden:
        return None
    words = OWN_OF_A_PROCESS.get(backends[0])
    return UnsharedCache(words, where) if words else None
