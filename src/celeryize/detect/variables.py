"""What a file puts into an environment variable, read without running it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from celeryize.model import Where
from celeryize.patch.nodes import walk
from celeryize.patch.source import Source

# The values that a name has had: a list, because an `if` may assign it twice.
Bindings = Mapping[str, list[ast.expr]]
DEPTH = 5


@dataclass(frozen=True, slots=True)
class Assigned:
    """One statement that sets an environment variable.

    `values` are those that it may set, the likeliest first; none where they cannot be read.
    `certain`: it is always the one value, unless the variable is set already. `forced`: it replaces
    what is set already.
    """

    values: tuple[str, ...]
    certain: bool
    forced: bool
    where: Where


def assigned_in(source: Source, variable: str) -> Iterator[Assigned]:
    """Every statement of a file, also inside its functions, that sets `variable`."""
    if variable not in source.text:
        return
    bindings = _bindings(source.tree, variable)
    chosen = _chosen_statements(source.tree, variable)
    for node in walk(source.tree):
        found = _assignment(node, variable, source.tree)
        if found is None:
            continue
        value, forced = found
        values, certain = possible_texts(value, bindings, variable)
        yield Assigned(
            tuple(dict.fromkeys(values)),
            certain and len(set(values)) == 1 and id(node) not in chosen,
            forced,
            source.where(node),
        )


def assigned_in_text(text: str, variable: str) -> Iterator[tuple[str, int]]:
    """The values and lines in a file that today's Python cannot parse, such as Python 2."""
    for match in re.finditer(variable + r"['\"]\s*[,\]]\s*=?\s*['\"]([\w.]+)", text):
        yield match[1], text.count("\n", 0, match.start()) + 1


def texts_of_name(source: Source, name: str) -> tuple[str, ...]:
    """The texts that a name at the top of a file may have; of one that begins with a text, and goes
    on with what is not known here, that beginning."""
    bindings = _bindings(source.tree, "")
    texts, _ = possible_texts(ast.Name(name), bindings, "")
    heads = [
        value.values[0].value
        for value in bindings.get(name, [])
        if isinstance(value, ast.JoinedStr) and isinstance(value.values[0], ast.Constant)
    ]
    return (*texts, *map(str, heads))


def possible_texts(
    value: ast.expr, bindings: Bindings, variable: str, depth: int = DEPTH
) -> tuple[tuple[str, ...], bool]:
    """The texts that an expression may have, the likeliest first, and whether it is always that
    one.

    A look-up of the environment has its default, unless the environment says otherwise.
    """
    if depth == 0:
        return (), False
    match value:
        case ast.Constant(value=str(text)):
            return (text,), True
        case ast.Name(id=name):
            found = [
                possible_texts(one, bindings, variable, depth - 1) for one in bindings.get(name, [])
            ]
            texts = tuple(text for some, _ in found for text in some)
            return texts, len(found) == 1 and found[0][1]
        case ast.IfExp(body=body, orelse=orelse):
            first, _ = possible_texts(body, bindings, variable, depth - 1)
            second, _ = possible_texts(orelse, bindings, variable, depth - 1)
            return (*second, *first), False
        case ast.BoolOp(op=ast.Or(), values=[*_, last]):
            return possible_texts(last, bindings, variable, depth - 1)[0], False
        case ast.Call(func=ast.Name(id="str"), args=[inner]):
            return possible_texts(inner, bindings, variable, depth - 1)
        case (
            ast.Call(args=[key, default])
            | ast.Call(args=[key], keywords=[ast.keyword(arg="default", value=default)])
        ):
            texts, certain = possible_texts(default, bindings, variable, depth - 1)
            # os.getenv("DJANGO_SETTINGS_MODULE", "x"): that is what setdefault does
            same = isinstance(key, ast.Constant) and key.value == variable
            return texts, certain and same
        case ast.JoinedStr(values=parts):
            return _joined(parts, bindings, variable, depth)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _joined([left, right], bindings, variable, depth)
        case ast.BinOp(left=ast.Constant(value=str(text)), op=ast.Mod(), right=right) if (
            text.count("%s") == 1
        ):
            head, tail = text.split("%s")
            return _joined(
                [ast.Constant(head), right, ast.Constant(tail)], bindings, variable, depth
            )
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str(text)), attr="format")) if (
            value.args and text.count("{}") == 1
        ):
            head, tail = text.split("{}")
            parts = [ast.Constant(head), value.args[0], ast.Constant(tail)]
            return _joined(parts, bindings, variable, depth)
    return (), False


def _joined(
    parts: list[ast.expr], bindings: Bindings, variable: str, depth: int
) -> tuple[tuple[str, ...], bool]:
    """The texts of parts in a row."""
    texts, certain = [""], True
    for part in parts:
        inner = part
        if isinstance(part, ast.FormattedValue):
            inner = part.value
        found, sure = possible_texts(inner, bindings, variable, depth - 1)
        texts = [head + tail for head in texts for tail in found]
        certain = certain and sure
    return tuple(texts), certain


def _bindings(tree: ast.Module, variable: str) -> dict[str, list[ast.expr]]:
    """The values of the names in a file."""
    found: dict[str, list[ast.expr]] = {}
    for node in walk(tree):
        match node:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ):
                found.setdefault(name, []).append(value)
    # NAME = "DJANGO_SETTINGS_MODULE" is no value of the variable
    return {
        name: [v for v in values if not (isinstance(v, ast.Constant) and v.value == variable)]
        for name, values in found.items()
    }


def _assignment(node: ast.AST, variable: str, tree: ast.Module) -> tuple[ast.expr, bool] | None:
    """The value that a node gives to the variable, and whether it replaces what is set."""
    match node:
        case ast.Call(func=ast.Attribute(attr="setdefault"), args=[key, value]) if _is_key(
            key, variable, tree
        ):
            return value, False
        case ast.Assign(targets=[ast.Subscript(slice=key)], value=value) if _is_key(
            key, variable, tree
        ):
            return value, True
        case ast.Call(func=ast.Attribute(attr="update"), args=[ast.Dict() as given]):
            for name, text in zip(given.keys, given.values, strict=True):
                if name is not None and _is_key(name, variable, tree):
                    return text, True
        case ast.Call(func=ast.Attribute(attr="update"), keywords=keywords):
            for keyword in keywords:
                if keyword.arg == variable:
                    return keyword.value, True
    return None


def _is_key(key: ast.expr, variable: str, tree: ast.Module) -> bool:
    """Whether an expression is the name of the variable: a literal, `str("...")`, a constant."""
    match key:
        case ast.Constant(value=text):
            return text == variable
        case ast.Call(func=ast.Name(id="str"), args=[ast.Constant(value=text)]):
            return text == variable
        case ast.Name(id=name):
            return any(
                isinstance(node, ast.Assign)
                and isinstance(node.value, ast.Constant)
                and node.value.value == variable
                and any(isinstance(t, ast.Name) and t.id == name for t in node.targets)
                for node in tree.body
            )
    return False


def _chosen_statements(tree: ast.Module, variable: str) -> set[int]:
    """The nodes that run only under a condition, other than that the variable is not set yet."""
    found: set[int] = set()
    for node in walk(tree):
        if isinstance(node, ast.If) and not _is_harmless(node.test, variable):
            found |= {id(inner) for part in (*node.body, *node.orelse) for inner in walk(part)}
        elif isinstance(node, ast.ExceptHandler | ast.Match | ast.While):
            found |= {id(inner) for inner in walk(node)}
    return found


def _is_harmless(test: ast.expr, variable: str) -> bool:
    """`__name__ == "__main__"`, or a look whether the variable is set already."""
    text = ast.unparse(test)
    return "__name__" in text or variable in text
