"""The CELERY_* block in the settings module.

DEBUG = True             DEBUG = True
                  ->
                         # Celery
                         CELERY_BROKER_URL = "redis://localhost:6379/0"
"""

from __future__ import annotations

import ast

from celeryize.errors import CannotPatch
from celeryize.patch.collection import append_element
from celeryize.patch.imports import with_imports
from celeryize.patch.source import (
    NEWLINE,
    Source,
    Splice,
    append_block,
    fitted,
    insertion,
    statements,
)


def add_block(source: Source, block: str, imports: list[str], last: int | None = None) -> Source:
    """The settings with `block` at their end, or above line `last`, which has to stay the last one.

    `imports` are the statements that the block needs. Comes back as it is for an empty block.
    """
    if not block.strip():
        return source
    _no_merge_markers(source)
    # PEP 8 wants two blank lines below a function or a class
    body = source.tree.body
    after_definition = bool(body) and isinstance(body[-1], ast.FunctionDef | ast.ClassDef)
    if last is None:
        place = append_block(source, block, blank_lines=2 if after_definition else 1)
    else:
        place = above(source, block, last)
    after = _with_exports(source.splice(place), block)
    return with_imports(after, imports, above=last)


def add_attributes(source: Source, block: str, imports: list[str], class_line: int) -> Source:
    """The settings with `block` as the last attributes of the class at `class_line`
    (django-configurations).
    """
    if not block.strip():
        return source
    _no_merge_markers(source)
    found = next(
        n for n in source.tree.body if isinstance(n, ast.ClassDef) and n.lineno == class_line
    )
    last = found.body[-1]
    # `class Dev(Configuration): DEBUG = True` has no line to continue
    if last.lineno == found.lineno:
        head = source.text[source.start(found) : source.start(found.body[0])].rstrip()
        body = source.text[source.start(found.body[0]) : source.end(last)]
        raise CannotPatch(
            f"{source.path} has its settings class on one line",
            hint="Break that line, or paste these lines.",
            snippet="\n".join(
                [*imports, head, *(f"    {x}".rstrip() for x in [body, "", *block.split("\n")])]
            ),
            where=source.where(found),
            in_place=True,
        )
    offset = source.after_line(last)
    # the margin of the class body, whatever it is indented with
    begins = source.line_starts[found.body[0].lineno - 1]
    margin = source.text[begins : source.offset(found.body[0].lineno, found.body[0].col_offset)]
    newline = source.newline_at(offset)
    if source.text[:offset].endswith("\n"):
        lead = newline
    else:
        lead = newline * 2
    text = fitted(source, offset, block, margin)
    indented = "".join(
        margin + line if line.strip() else line for line in text.splitlines(keepends=True)
    )
    after = source.splice(insertion(offset, lead + indented, statements(block)))
    return with_imports(after, imports)


def exported_names(tree: ast.Module) -> ast.List | ast.Tuple | None:
    """The literal that is `__all__`; None where it is not one literal, or the module has none."""
    mentions = [n for n in ast.walk(tree) if isinstance(n, ast.Name) and n.id == "__all__"]
    for node in tree.body if len(mentions) == 1 else ():
        match node:
            case (
                ast.Assign(targets=[target], value=ast.List() | ast.Tuple() as value)
                | ast.AnnAssign(target=target, value=ast.List() | ast.Tuple() as value)
            ) if target is mentions[0]:
                return value
    return None


def _with_exports(source: Source, block: str) -> Source:
    """The settings with the names of the block in their `__all__`: a star import takes no other."""
    after = source
    for name in (_assigned_name(node) for node in ast.parse(block).body):
        listed = exported_names(after.tree)
        if listed is None:
            break
        there = {e.value for e in listed.elts if isinstance(e, ast.Constant)}
        if name and name not in there:
            after = after.splice(*append_element(after, listed, f'"{name}"'))
    return after


def without(block: str, names: set[str]) -> str:
    """The block less the assignments of `names`, each with the comment above it."""
    lines = block.split("\n")
    # last first, so that the line numbers of those before stay valid
    for node in reversed(ast.parse(block).body):
        if _assigned_name(node) in names:
            start = node.lineno - 1
            while start and lines[start - 1].startswith("#"):
                start -= 1
            del lines[start : node.end_lineno]
    kept = "\n".join(lines)
    while "\n\n\n" in kept:
        kept = kept.replace("\n\n\n", "\n\n")
    if ast.parse(kept).body:
        return kept.strip("\n") + "\n"
    return ""


def _assigned_name(node: ast.stmt) -> str:
    match node:
        case ast.Assign(targets=[ast.Name(id=name), *_]):
            return name
        case ast.AnnAssign(target=ast.Name(id=name)):
            return name
    return ""


def above(source: Source, block: str, line: int) -> Splice:
    """The insertion of `block` above the statement at `line` and the comments that belong to it:
    its own, and the headline and the paragraphs over them."""
    lines = NEWLINE.split(source.text)
    line = _first_comment(source, lines, line)
    offset = source.line_starts[line - 1]
    lead = "\n"
    if line == 1 or not lines[line - 2].strip():
        lead = ""
    return insertion(offset, fitted(source, offset, f"{lead}{block}\n"), statements(block))


def _first_comment(source: Source, lines: list[str], line: int) -> int:
    """The line at which the comments above a statement begin; its own line without any."""
    ends = [node.end_lineno or 0 for node in source.tree.body if node.lineno < line]
    gaps = [n for n in range(max(ends, default=line) + 1, line) if not lines[n - 1].strip()]
    if gaps:
        # a comment right below the statement before belongs to that one
        return next(n for n in range(gaps[0], line + 1) if lines[n - 1].strip())
    # what the file begins with, without a statement before, is about the file
    while line > 1 and lines[line - 2].startswith("#"):
        line -= 1
    return line


def _no_merge_markers(source: Source) -> None:
    if "\n<<<<<<< " in source.text:
        raise CannotPatch(
            f"{source.path} has merge markers",
            hint="Resolve the conflict, then run the command again.",
            where=source.where(),
        )
