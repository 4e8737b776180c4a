"""The JSON schemas of docs/schema, and whether a document is one of theirs."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from jsonschema import Draft202012Validator
from referencing import Registry, Resource

FOLDER = Path(__file__).parents[1] / "docs/schema"


@cache
def schemas() -> dict[str, dict[str, object]]:
    """Each schema by the command whose document it describes; `common` for what they share."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}


@cache
def validator(command: str) -> Draft202012Validator:
    resources = (Resource.from_contents(schema) for schema in schemas().values())
    registry = Registry().with_resources((resource.id() or "", resource) for resource in resources)
    return Draft202012Validator(schemas()[command], registry=registry)


def check_document(document: dict[str, object]) -> None:
    """Fail with each place in which the document of a command is not as its schema says."""
    command = str(document.get("command"))
    assert command in schemas(), f"docs/schema has no {command}.json"
    wrong = [
        f"{error.json_path}: {error.message}" for error in validator(command).iter_errors(document)
    ]
    assert not wrong, f"{command}: " + "\n".join(wrong)
