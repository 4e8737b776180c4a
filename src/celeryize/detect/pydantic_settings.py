"""A class of pydantic-settings that reads the environment for the Django settings."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from celeryize.detect.modules import Modules
from celeryize.model import Where
from celeryize.patch.nodes import dotted

WORD = b"BaseSettings"


def find_settings_class(
    modules: Modules, files: Sequence[PurePosixPath]
) -> tuple[str, Where] | None:
    """The first class of a BaseSettings in these settings files, or in a module of the project that
    they import from; its name and place."""
    for path in dict.fromkeys(each for file in files for each in (file, *_imported(modules, file))):
        if not modules.mentions(path, WORD):
            continue
        for node in modules.tree(path).body:
            if isinstance(node, ast.ClassDef) and any(
                dotted(base).rpartition(".")[2] == WORD.decode() for base in node.bases
            ):
                return node.name, Where(path, node.lineno)
    return None


def _imported(modules: Modules, file: PurePosixPath) -> Iterator[PurePosixPath]:
    """The modules of the project that a file imports names from."""
    for node in modules.tree(file).body:
        if isinstance(node, ast.ImportFrom):
            base = modules.absolute(node, file)
            for name in (base, *(f"{base}.{alias.name}" for alias in node.names)):
                found = modules.find(name)
                if found is not None:
                    yield found
