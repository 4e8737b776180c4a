"""The project package imports the Celery app, so that web processes know it.

\"\"\"The shop.\"\"\"        \"\"\"The shop.\"\"\"
                  ->
                       from .celery import app as celery_app

                       __all__ = ("celery_app",)
"""

from __future__ import annotations

import ast

from celeryize.errors import CannotPatch
from celeryize.patch.collection import append_element
from celeryize.patch.source import Source, Splice, append_block, statements


def import_app(
    source: Source,
    module: str,
    variable: str = "app",
    alias: str = "celery_app",
    *,
    absolute: bool = False,
) -> Source:
    """The source with `from .<module> import <variable> as <alias>` at its end, and the alias in
    `__all__`.

    With `absolute`, `module` is the whole name of a module of another package.

    Comes back as it is where that import is there already. Raises CannotPatch where `alias` means
    something else.
    """
    return source.splice(*app_import(source, module, variable, alias, absolute=absolute))


def app_import(
    source: Source,
    module: str,
    variable: str = "app",
    alias: str = "celery_app",
    *,
    absolute: bool = False,
) -> list[Splice]:
    """The splices of `import_app`; none where the import is there already."""
    dotted = f".{module}"
    if absolute:
        dotted = module
    line = f"from {dotted} import {variable} as {alias}"
    wanted = ast.dump(statements(line)[0])
    if any(
        isinstance(node, ast.ImportFrom) and ast.dump(node) == wanted
        for node in ast.walk(source.tree)
    ):
        return []
    # the name is taken: ours would replace it, or be replaced by it, without a word
    if any(alias == name for name in _bound_names(source.tree)):
        raise CannotPatch(
            f"{source.path} uses the name {alias} for something else",
            hint=f"Rename that {alias}, or paste these lines "
            "(--partial writes those of the other files).",
            snippet=f"from {dotted} import {variable} as {alias}_instance\n",
            where=source.where(),
        )
    exported, splices = _export_alias(source, alias)
    block = f"{line}\n" + ("" if exported is None else f"\n{exported}\n")
    return [*splices, append_block(source, block, blank_lines=1)]


def _export_alias(source: Source, alias: str) -> tuple[str | None, list[Splice]]:
    """How `__all__` learns the alias: a statement to append, or splices in the literal that is
    there.
    """
    mentions = [n for n in ast.walk(source.tree) if isinstance(n, ast.Name) and n.id == "__all__"]
    if not mentions:
        return f'__all__ = ("{alias}",)', []
    for node in source.tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            if isinstance(node, ast.Assign):
                target = node.targets[0]
            else:
                target = node.target
            if not (isinstance(target, ast.Name) and target.id == "__all__"):
                continue
            if isinstance(node.value, ast.List | ast.Tuple):
                if any(isinstance(e, ast.Constant) and e.value == alias for e in node.value.elts):
                    return None, []
                return None, append_element(source, node.value, f'"{alias}"')
    # computed, or built in several places: a last statement adds to whatever it is
    return f'__all__ = [*__all__, "{alias}"]', []


def _bound_names(tree: ast.Module) -> set[str]:
    names = {
        n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    }
    names |= {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.ClassDef)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names |= {a.asname or a.name.split(".")[0] for a in node.names}
    return names
