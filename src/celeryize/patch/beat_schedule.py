"""One entry in the Beat schedule, where it takes effect.

CELERY_BEAT_SCHEDULE = {}    ->    CELERY_BEAT_SCHEDULE = {
                                       "nightly": {
                                           "task": "shop.tasks.sync",
                                           "schedule": crontab(hour=3, minute=0),
                                       },
                                   }
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from celeryize.errors import CannotPatch
from celeryize.patch.block_change import removals
from celeryize.patch.collection import append_element
from celeryize.patch.imports import with_imports
from celeryize.patch.nodes import walk
from celeryize.patch.settings import exported_names
from celeryize.patch.source import Source, Splice, expression, fitted
from celeryize.spelling import did_you_mean


@dataclass(frozen=True, slots=True)
class Home:
    """The one dict literal that is the schedule, and the file that holds it."""

    source: Source
    literal: ast.Dict


def find_home(sources: Iterable[Source], name: str, entry: str) -> Home | None:
    """The schedule called `name` in these settings files; None if the name occurs in none of them.

    Absence is proved over the whole files. Raises CannotPatch, with the entry to paste, where the
    name is used in any other way than one assignment of a plain dict, at the top level or in a
    class.
    """
    uses = [
        (source, node)
        for source in sources
        for node in walk(source.tree)
        if _is_use(node, name) and not _is_exported(source.tree, node)
    ]
    if not uses:
        return None
    homes = [
        Home(source, value)
        for source in dict.fromkeys(source for source, _ in uses)
        for value in _plain_literals(source.tree, name)
    ]
    # the one use is the one literal: nothing else can replace it or add to it
    if len(uses) == 1 and len(homes) == 1:
        return homes[0]
    # the second use is the one that makes the first unsafe
    source, node = uses[1] if len(uses) > 1 else uses[0]
    raise CannotPatch(
        f"{name} is not set once, as a plain dict",
        hint="Put this entry where the schedule is built:",
        snippet=entry + ",\n",
        where=source.where(node),
    )


def find_in_app(source: Source, variable: str, entry: str) -> Home | None:
    """`app.conf.beat_schedule = {...}` in the app file; None if it is not mentioned there."""
    uses = [node for node in walk(source.tree) if _mentions_schedule(node)]
    if not uses:
        return None
    # absence of any other use is what makes the one literal the schedule
    if len(uses) == 1:
        for node in source.tree.body:
            match node:
                case ast.Assign(targets=[ast.Attribute() as target], value=ast.Dict() as value):
                    if ast.unparse(target) == f"{variable}.conf.beat_schedule":
                        return Home(source, value)
    raise CannotPatch(
        "the schedule of the app is built by code",
        hint="Put this entry where it is built:",
        snippet=entry + ",\n",
        where=source.where(uses[0]),
    )


def entry_of(home: Home, name: str) -> ast.expr | None:
    """The value of an entry, None where the schedule has no such key."""
    for key, value in zip(home.literal.keys, home.literal.values, strict=True):
        if isinstance(key, ast.Constant) and key.value == name:
            return value
    return None


def entries_of_task(home: Home, names: Collection[str]) -> list[str]:
    """The entries that send one of these tasks."""
    return [
        key.value
        for key, value in zip(home.literal.keys, home.literal.values, strict=True)
        if isinstance(key, ast.Constant) and isinstance(key.value, str) and _sends(value, names)
    ]


def names_in(home: Home, name: str) -> set[str]:
    """The names that an entry uses: crontab, timedelta, a constant of the settings."""
    there = entry_of(home, name)
    nodes = ast.walk(there) if there is not None else ()
    return {node.id for node in nodes if isinstance(node, ast.Name)}


def _sends(entry: ast.expr, names: Collection[str]) -> bool:
    if not isinstance(entry, ast.Dict):
        return False
    return any(
        isinstance(key, ast.Constant)
        and key.value == "task"
        and isinstance(value, ast.Constant)
        and value.value in names
        for key, value in zip(entry.keys, entry.values, strict=True)
    )


def add_entry(
    home: Home, name: str, entry: str, imports: Iterable[str], *, replace: bool = False
) -> Source:
    """The file with the entry (`"name": {...}`, LF) as the last one, and the imports it needs.

    Comes back as it is if the same entry is there. Raises CannotPatch for another one of that name,
    unless `replace` puts this one in its place.
    """
    source = home.source
    wanted = ast.parse(f"{{{entry}}}", mode="eval").body
    assert isinstance(wanted, ast.Dict)
    there = entry_of(home, name)
    if there is None:
        return with_imports(source.splice(*append_element(source, home.literal, entry)), imports)
    # compared as trees: a formatter may have changed the text
    if ast.dump(there) == ast.dump(wanted.values[0]):
        return source
    if not replace:
        raise CannotPatch(
            f"there is another entry called {name}",
            hint="--replace puts this one in its place:",
            snippet=f"- {ast.unparse(there)}\n+ {ast.unparse(wanted.values[0])}\n",
            where=source.where(there),
        )
    after = source.splice(*_replace_entry(source, home.literal, there, entry))
    return with_imports(after, imports)


def merge_schedules(source: Source, old: str, new: str) -> Source:
    """The settings with the entries of the schedule called `old` in the one called `new`.

    Comes back as it is where one of the two is missing. Raises CannotPatch where one is no plain
    dict, is used otherwise, or has an entry of the same name.
    """
    literals = {name: _plain_literals(source.tree, name) for name in (old, new)}
    uses = [node for node in ast.walk(source.tree) if _is_use(node, old)]
    if not uses or not literals[new]:
        return source
    if len(uses) != 1 or len(literals[old]) != 1 or len(literals[new]) != 1:
        raise CannotPatch(
            f"{old} and {new} are both set, and not as one plain dict each",
            hint=f"Move the entries of {old} into {new} manually.",
            where=source.where(uses[0]),
        )
    first = literals[old][0]
    home = Home(source, literals[new][0])
    for key, value in zip(first.keys, first.values, strict=True):
        if not (isinstance(key, ast.Constant) and isinstance(key.value, str)):
            raise CannotPatch(
                f"{old} has an entry whose name is computed",
                hint=f"Move it into {new} manually.",
                where=source.where(value),
            )
        text = f"{segment_of(source, key)}: {segment_of(source, value)}"
        after = add_entry(home, key.value, dedented(text), ())
        home = Home(after, _plain_literals(after.tree, new)[0])
    statement = next(
        node
        for node in home.source.tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == old
    )
    return home.source.splice(*removals(home.source, [statement]))


def segment_of(source: Source, node: ast.expr) -> str:
    """The text of a node in LF."""
    return source.segment(node).replace("\r\n", "\n")


def dedented(text: str) -> str:
    """An entry with its lines below the first moved to the left by what its last one has."""
    lines = text.split("\n")
    margin = len(lines[-1]) - len(lines[-1].lstrip())
    return "\n".join([lines[0], *(line[margin:] for line in lines[1:])])


def remove_entry(home: Home, name: str) -> Source:
    """The file without the entry. Raises CannotPatch where there is none."""
    there = entry_of(home, name)
    source = home.source
    if there is None:
        names = [str(key.value) for key in home.literal.keys if isinstance(key, ast.Constant)]
        raise CannotPatch(
            f"the schedule has no entry {name}",
            hint=f"{did_you_mean(name, names)}`celeryize schedule` lists the entries.",
            where=source.where(home.literal),
        )
    index = home.literal.values.index(there)
    key = home.literal.keys[index]
    assert key is not None
    start, end = source.start(key), source.end(there)
    # the comma goes with the entry
    while end < len(source.text) and source.text[end] in " \t":
        end += 1
    if source.text[end : end + 1] == ",":
        end += 1
    line = source.line_starts[source.line_of(start) - 1]
    # an entry that has its lines to itself goes with them, and with the comment behind it
    rest = source.text[end : source.after_line(there)]
    if not source.text[line:start].strip() and not rest.split("#")[0].strip():
        start, end = line, source.after_line(there)
    opened, closed = source.start(home.literal) + 1, source.end(home.literal) - 1
    if not (source.text[opened:start] + source.text[end:closed]).strip():
        # the last entry: {} instead of two braces on two lines
        start, end = opened, closed
    return source.splice(Splice(start, end, "", (), (key, there)))


def _replace_entry(source: Source, literal: ast.Dict, there: ast.expr, entry: str) -> list[Splice]:
    index = literal.values.index(there)
    key = literal.keys[index]
    assert key is not None
    start, end = source.start(key), source.end(there)
    line = source.line_starts[source.line_of(start) - 1]
    margin = ""
    if not source.text[line:start].strip():
        margin = source.text[line:start]
    text = fitted(source, start, entry)
    text = "\n".join([text.split("\n")[0], *(margin + part for part in text.split("\n")[1:])])
    name, _, value = entry.partition(": ")
    return [Splice(start, end, text, (expression(name), expression(value)), (key, there))]


def _is_use(node: ast.AST, name: str) -> bool:
    """Whether a node binds, reads or spells a name, in any of the ways that Python has."""
    match node:
        case ast.Name(id=found) | ast.arg(arg=found) | ast.Attribute(attr=found):
            return found == name
        # `from .beat import CELERY_BEAT_SCHEDULE`, also under another name, or as one
        case ast.alias(name=found, asname=other):
            return name in (found.rpartition(".")[2], other)
        # dict(CELERY_BEAT_SCHEDULE=...), globals().update(...)
        case ast.keyword(arg=found):
            return found == name
        case ast.MatchAs(name=found) | ast.MatchStar(name=found) | ast.MatchMapping(rest=found):
            return found == name
        case ast.FunctionDef(name=found) | ast.AsyncFunctionDef(name=found):
            return found == name
        case ast.ClassDef(name=found) | ast.ExceptHandler(name=found):
            return found == name
        case ast.Global(names=names) | ast.Nonlocal(names=names):
            return name in names
        # in a string: globals()["CELERY_BEAT_SCHEDULE"], getattr, `__all__`
        case ast.Constant(value=str(text)):
            return text == name or _is_part(text, name)
    return False


def _is_exported(tree: ast.Module, node: ast.AST) -> bool:
    """Whether a node is an item of `__all__`, which names the schedule and does not change it."""
    listed = exported_names(tree)
    return listed is not None and any(item is node for item in listed.elts)


def _is_part(text: str, name: str) -> bool:
    """Whether a string is what code makes the name of: `globals()["CELERY_" + "BEAT_SCHEDULE"]`."""
    part = text.upper()
    return part.endswith("SCHEDULE") and "BEAT" in part and name.endswith(part)


def _plain_literals(tree: ast.Module, name: str) -> list[ast.Dict]:
    # the module, and its settings classes (django-configurations)
    bodies = [tree.body, *(node.body for node in tree.body if isinstance(node, ast.ClassDef))]
    found = []
    for node in (n for body in bodies for n in body):
        match node:
            case ast.Assign(targets=[ast.Name(id=target)], value=ast.Dict() as value) if (
                target == name
            ):
                found.append(value)
            case ast.AnnAssign(target=ast.Name(id=target), value=ast.Dict() as value) if (
                target == name
            ):
                found.append(value)
    return found


def _mentions_schedule(node: ast.AST) -> bool:
    """Whether a node is `conf.beat_schedule`, or the keyword of `conf.update(...)`."""
    if isinstance(node, ast.Attribute):
        return node.attr == "beat_schedule"
    return isinstance(node, ast.keyword) and node.arg == "beat_schedule"
