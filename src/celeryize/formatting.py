"""Whether two versions of a file differ in nothing but their formatting, as a formatter leaves
them.

Python: the same syntax tree and the same comments. JSON and TOML: the same values (and comments).
Every other text: the same lines but for blanks at their ends, kinds of newline, and empty lines at
the end of the file, which the usual pre-commit hooks change.
"""

from __future__ import annotations

import ast
import inspect
import io
import json
import tokenize
from pathlib import PurePosixPath

from celeryize.reading import parse_toml


def differs_in_formatting_only(path: PurePosixPath, one: bytes, other: bytes) -> bool:
    """Whether a formatter may have made one version of `path` from the other. Never raises: in
    doubt, False.
    """
    if _lines(one) == _lines(other):
        return True
    compare = {".py": _python, ".json": _json, ".toml": _toml}.get(path.suffix)
    if compare is None:
        return False
    try:
        return compare(one) == compare(other)
    except (SyntaxError, ValueError, RecursionError, MemoryError, tokenize.TokenError):
        return False


def _lines(data: bytes) -> list[bytes]:
    return [line.rstrip() for line in data.rstrip().splitlines()]


def _python(data: bytes) -> tuple[str, list[str]]:
    tree = ast.parse(data)
    for node in ast.walk(tree):
        _clean_docstring(node)
    return ast.dump(tree), _comments(data)


def _clean_docstring(node: ast.AST) -> None:
    """Formatters indent docstrings anew."""
    body = getattr(node, "body", None)
    first = body[0] if isinstance(body, list) and body else None
    if not isinstance(first, ast.Expr) or not isinstance(first.value, ast.Constant):
        return
    if isinstance(first.value.value, str):
        first.value.value = inspect.cleandoc(first.value.value).strip()


def _comments(data: bytes) -> list[str]:
    """The comments without their signs and blanks: `#x` becomes `# x`."""
    tokens = tokenize.tokenize(io.BytesIO(data).readline)
    return [token.string.lstrip("#").strip() for token in tokens if token.type == tokenize.COMMENT]


def _json(data: bytes) -> object:
    return json.loads(data)


def _toml(data: bytes) -> tuple[object, list[str]]:
    text = data.decode()
    comments = [line.strip() for line in text.splitlines() if line.strip().startswith("#")]
    return parse_toml(text), comments
