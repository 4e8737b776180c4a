"""The syntax tree of a file that is newer than our Python, by the project's interpreter.

type Url = str        our Python 3.11: a syntax error; the project's 3.13: a plain statement

The interpreter only parses; nothing of the project is imported. What our `ast` has no class for
becomes a class of that name, so that walking, dumping and comparing trees work as they do for every
other node.
"""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

SECONDS = 20
# What Pythons say of syntax that came later, and the version that has it: `except A, B:` (PEP 758).
LATER_SYNTAX = {"multiple exception types must be parenthesized": (3, 14)}
# Runs in the project's interpreter: text on stdin, tree on stdout, both as JSON. Standard library
# only, 3.8+.
INSIDE = """
import ast, json, sys

def describe(value):
    if isinstance(value, ast.AST):
        return {
            "kinds": [kind.__name__ for kind in type(value).__mro__[:-1]],
            "fields": {name: describe(getattr(value, name, None)) for name in value._fields},
            "place": {name: getattr(value, name, None) for name in value._attributes},
        }
    if isinstance(value, list):
        return [describe(item) for item in value]
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return {"literal": "1e999"}
    return {"literal": "..." if value is ... else repr(value)}

try:
    answer = describe(ast.parse(json.load(sys.stdin)))
except (SyntaxError, ValueError, RecursionError) as error:
    answer = None
json.dump({"version": sys.version_info[:2], "tree": answer}, sys.stdout)
"""


class Parser:
    """Asks one interpreter for trees, as long as it turns out to be newer than ours."""

    def __init__(self, python: Path) -> None:
        self.python = python
        self.version: tuple[int, int] | None = None
        self._asked: dict[str, ast.Module | None] = {}

    def parse(self, text: str) -> ast.Module | None:
        """The tree; None where the interpreter cannot parse the text, cannot be run, or is no newer
        than ours.
        """
        # asked once: an interpreter that is not newer can parse nothing that ours cannot
        if self.version is not None and self.version <= sys.version_info[:2]:
            return None
        if text not in self._asked:
            self._asked[text] = self._ask_interpreter(text)
        return self._asked[text]

    def _ask_interpreter(self, text: str) -> ast.Module | None:
        import subprocess

        try:
            ran = subprocess.run(
                [str(self.python), "-I", "-S", "-c", INSIDE],
                input=json.dumps(text),
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=True,
            )
        except (OSError, subprocess.SubprocessError):
            self.version = sys.version_info[:2]
            return None
        try:
            answer = json.loads(ran.stdout)
            self.version = (int(answer["version"][0]), int(answer["version"][1]))
            newer = self.version > sys.version_info[:2]
            if newer and answer["tree"]:
                tree = _build_tree(answer["tree"])
            else:
                tree = None
        except Exception:  # An interpreter may answer anything; a tree may be too deep for us.
            return None
        if isinstance(tree, ast.Module):
            return tree
        return None


_PARSER: ContextVar[Parser | None] = ContextVar("parser", default=None)


@contextmanager
def parsed_by(python: Path) -> Iterator[None]:
    """While this lasts, what our Python cannot parse is parsed by the project's."""
    # our own interpreter has nothing to add
    same = python == Path(sys.executable)
    token = _PARSER.set(None if same else Parser(python))
    try:
        yield
    finally:
        _PARSER.reset(token)


def parse(text: str) -> ast.Module:
    """The tree of a module, by our Python or else by the project's.

    Raises SyntaxError as `ast.parse` does.
    """
    try:
        return ast.parse(text)
    except SyntaxError:
        parser = _PARSER.get()
        if parser:
            tree = parser.parse(text)
        else:
            tree = None
        if tree is None:
            raise
        return tree


def readers() -> str:
    """Who could not read a file: our Python, and the project's where that was asked."""
    ours = f"Python {sys.version_info[0]}.{sys.version_info[1]}"
    parser = _PARSER.get()
    if parser is None or parser.version is None:
        return f"{ours}, which runs celeryize"
    theirs = f"the project's {parser.version[0]}.{parser.version[1]} ({parser.python})"
    return f"{ours}, which runs celeryize, and {theirs}"


def describe_error(error: SyntaxError) -> str:
    """What is wrong with a file, in words: its syntax, or the age of our Python."""
    version = LATER_SYNTAX.get(error.msg)
    if version is not None and sys.version_info < version:
        return f"needs Python {version[0]}.{version[1]}: {error.msg} before"
    return f"has a syntax error: {error.msg}"


def _build_tree(value: object) -> object:
    if isinstance(value, list):
        return [_build_tree(item) for item in value]
    assert isinstance(value, dict)
    if "literal" in value:
        return ast.literal_eval(value["literal"])
    node = _class_of(value["kinds"])()
    own = list(node._fields)
    for name, field in value["fields"].items():
        built = _build_tree(field)
        # a field that our Python does not have counts only where it says something, as in `def
        # f[T](x)`
        if name in own or built:
            setattr(node, name, built)
            if name not in own:
                own.append(name)
    # ast.walk and ast.dump go by _fields, so an unknown field has to be among them
    node._fields = tuple(own)  # type: ignore[misc]
    for name, place in value["place"].items():
        setattr(node, name, place)
    return _seal_strings(node)


def _class_of(kinds: list[str]) -> type[ast.AST]:
    """Our class of that name; else a new one below the nearest ancestor that we have."""
    base = next(found for kind in kinds if isinstance(found := getattr(ast, kind, None), type))
    if base.__name__ == kinds[0]:
        return base
    return type(kinds[0], (base,), {"_fields": ()})


def _seal_strings(node: ast.AST) -> ast.AST:
    """The node; an f-string that our `ast.unparse` cannot spell becomes one that it skips."""
    if isinstance(node, ast.JoinedStr | ast.FormattedValue):
        try:
            ast.unparse(node)
        except ValueError:
            sealed: ast.AST = type("NewerString", (ast.expr,), {"_fields": node._fields})()
            for name, value in vars(node).items():
                setattr(sealed, name, value)
            return sealed
    return node
