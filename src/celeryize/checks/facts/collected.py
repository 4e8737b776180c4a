"""What a name stands for that goes through a collection: `for result in results`."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from celeryize.celery_facts import words
from celeryize.checks.facts.canvas import followed
from celeryize.checks.facts.code import Code
from celeryize.checks.facts.literals import text_of
from celeryize.checks.facts.names import Comprehension
from celeryize.patch.nodes import dotted, walk

# What gives the elements of a collection again.
COPIES = frozenset({"list", "tuple", "set", "reversed", "iter"})
# The methods that take one element out of a collection.
TAKERS = frozenset({"pop", "popleft"})
# The methods of a collection that put nothing into it which is not seen here.
HARMLESS = TAKERS | words(
    """
    append appendleft add extend insert items values keys get clear remove discard sort reverse
    copy index count join
    """
)
# What reads a collection that it is given, and changes nothing in it.
READERS = COPIES | words(
    """
    len enumerate zip sorted all any sum bool min max print str repr map filter dict frozenset next
    isinstance
    """
)
# How many collections a name is followed through.
LEVELS = 4


def values_of(code: Code, node: ast.expr) -> tuple[ast.expr, ...]:
    """The expressions that a value may come from: that of a variable, those that a collection of
    the same function is filled with; none where one of them is not known."""
    value = followed(code, node)
    if value is not node or not isinstance(node, ast.Name):
        return tuple(_taken_from(code, value, LEVELS)) or (value,)
    bound = _iterated(code, node)
    if bound is None:
        return ()
    target, source = bound
    return tuple(_elements_behind(code, target, source, node.id))


def _taken_from(code: Code, node: ast.expr, levels: int) -> Iterator[ast.expr]:
    """The elements that `results[0]` or `results.pop()` may give."""
    match node:
        case ast.Subscript(value=owner, slice=key) if not isinstance(key, ast.Slice):
            yield from _elements_of(code, owner, levels)
        case ast.Call(func=ast.Attribute(value=owner, attr=attr)) if attr in TAKERS:
            yield from _elements_of(code, owner, levels)


def _iterated(code: Code, name: ast.Name) -> tuple[ast.expr, ast.expr] | None:
    """The target and the collection of the loop, or comprehension, that binds a name."""
    inner: ast.AST = name
    for outer in code.around(name):
        match outer:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                return None
            case ast.For(target=target, iter=source) if inner in outer.body:
                if _binds(target, name.id):
                    # what the loop gives the name anew is another value
                    anew = any(_binds(statement, name.id) for statement in outer.body)
                    return None if anew else (target, source)
        if isinstance(outer, Comprehension):
            for generator in outer.generators:
                if _binds(generator.target, name.id):
                    return generator.target, generator.iter
        inner = outer
    return None


def _binds(node: ast.AST, name: str) -> bool:
    return any(
        isinstance(inner, ast.Name) and inner.id == name and isinstance(inner.ctx, ast.Store)
        for inner in walk(node)
    )


def _elements_behind(
    code: Code, target: ast.expr, source: ast.expr, name: str
) -> Iterator[ast.expr]:
    """What a name of a loop's target is given, one by one."""
    if isinstance(target, ast.Name):
        yield from _elements_of(code, source, LEVELS)
        return
    names = [dotted(part) for part in getattr(target, "elts", ())]
    if name not in names:
        return
    position = names.index(name)
    match source:
        case ast.Call(func=ast.Name(id="enumerate"), args=[inner, *_]) if position == 1:
            yield from _elements_of(code, inner, LEVELS)
        case ast.Call(func=ast.Name(id="zip"), args=inner) if position < len(inner):
            yield from _elements_of(code, inner[position], LEVELS)
        case ast.Call(func=ast.Attribute(value=inner, attr="items"), args=[]) if position == 1:
            yield from _values_of_dict(code, inner)
        case _:
            # a list of pairs: `sent.append((pk, task.delay(pk)))`
            for pair in _elements_of(code, source, LEVELS):
                if isinstance(pair, ast.Tuple) and position < len(pair.elts):
                    yield pair.elts[position]


def _elements_of(code: Code, node: ast.expr, levels: int) -> Iterator[ast.expr]:
    """The expressions that a collection is made of; none where they cannot be seen."""
    match node:
        case ast.ListComp(elt=element) | ast.GeneratorExp(elt=element) | ast.SetComp(elt=element):
            yield element
        case ast.List(elts=elements) | ast.Tuple(elts=elements) | ast.Set(elts=elements):
            yield from elements
        case ast.Dict() | ast.DictComp():
            yield from _values_of_dict(code, node)
        case ast.Call(func=ast.Name(id=copy), args=[inner]) if copy in COPIES and levels:
            yield from _elements_of(code, inner, levels - 1)
        case ast.Call(func=ast.Attribute(value=inner, attr="values"), args=[]):
            yield from _values_of_dict(code, inner)
        case ast.Name(id=name) if levels:
            made = _made_once(code, node)
            if made is not None:
                # the keys of a dict are no elements
                if not isinstance(made, ast.Dict | ast.DictComp):
                    yield from _elements_of(code, made, levels - 1)
                yield from _added(code, node, name)
                yield from unseen_changes(code, node)


def _values_of_dict(code: Code, node: ast.expr) -> Iterator[ast.expr]:
    made = node
    if isinstance(node, ast.Name):
        made = _made_once(code, node) or node
        function = code.function_of(node)
        for assign in code.within(function) if function else ():
            match assign:
                case ast.Assign(targets=[ast.Subscript(value=ast.Name(id=owner))], value=value):
                    if owner == node.id:
                        yield value
        yield from unseen_changes(code, node)
    match made:
        case ast.DictComp(value=value):
            yield value
        case ast.Dict(values=values):
            yield from values


def _made_once(code: Code, name: ast.Name) -> ast.expr | None:
    """The one value that a variable of a function is given."""
    function = code.function_of(name)
    if function is None:
        return None
    values = code.assigned_in(function).get(name.id)
    if values is not None:
        return values[0] if len(values) == 1 else None
    # `results: list[AsyncResult] = []`
    stores = [one for one in code.within(function) if _stores(one, name.id)]
    outer = code.parents[stores[0]] if len(stores) == 1 else None
    if isinstance(outer, ast.AnnAssign):
        return outer.value
    return None


def _stores(node: ast.AST, name: str) -> bool:
    if isinstance(node, ast.arg):
        return node.arg == name
    return isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store)


def _added(code: Code, node: ast.Name, name: str) -> Iterator[ast.expr]:
    """What `append()` and `add()` put into a variable's collection."""
    function = code.function_of(node)
    for call in code.within(function) if function else ():
        match call:
            case ast.Call(
                func=ast.Attribute(
                    value=ast.Name(id=owner), attr="append" | "add" | "appendleft" | "insert"
                ),
                args=[*_, value],
            ) if owner == name:
                yield value
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id=owner), attr="extend"), args=[more]
            ) if owner == name:
                yield from _elements_of(code, more, 1)


def unseen_changes(code: Code, name: ast.Name) -> Iterator[ast.expr]:
    """The uses of a variable's collection that may put into it what is not seen here: `update()`,
    an item of a list that is replaced, a function of the project that is given it."""
    function = code.function_of(name)
    for use in code.within(function) if function else ():
        if not isinstance(use, ast.Name) or use.id != name.id:
            continue
        if isinstance(use.ctx, ast.Load) and _may_change(code, use):
            yield use


def is_changed(code: Code, node: ast.expr) -> bool:
    """Whether what a variable holds may be taken out of it, or replaced, before it is used."""
    if not isinstance(node, ast.Name):
        return False
    function = code.function_of(node)
    for use in code.within(function) if function else ():
        if not isinstance(use, ast.Name) or use.id != node.id or use is node:
            continue
        match code.parents.get(use):
            case ast.Attribute(value=owner, attr=method) if owner is use:
                if method not in {"get", "items", "keys", "values", "append", "copy", "index"}:
                    return True
            case ast.Subscript(value=owner, ctx=ast.Del()) if owner is use:
                return True
            case ast.Subscript(value=owner, slice=key, ctx=ast.Store()) if owner is use:
                made = _made_once(code, node)
                own = made.keys if isinstance(made, ast.Dict) else []
                # a key more takes nothing away
                if text_of(key) is None or text_of(key) in map(text_of, own):
                    return True
            case ast.Call(args=args, func=func) if use in args:
                if dotted(func) not in READERS:
                    return True
    return False


def _may_change(code: Code, use: ast.Name) -> bool:
    match code.parents.get(use):
        case ast.Attribute(value=owner, attr=method) as outer if owner is use:
            called = code.parents.get(outer)
            return isinstance(called, ast.Call) and method not in HARMLESS
        case ast.Subscript(value=owner, ctx=ast.Store()) as outer if owner is use:
            # a key of a dict is seen; an index, or a slice, of a list is not
            return text_of(outer.slice) is None and not _is_one_of_pairs(code, outer)
        case ast.Call(func=func, args=args) if use in args:
            spelled = dotted(func)
            last = spelled.rpartition(".")[2]
            # a class, and a line of the log, keep what they are given as it is
            return (
                spelled not in READERS
                and not last[:1].isupper()
                and spelled.partition(".")[0] not in {"logger", "log", "logging"}
                and last != "render"
            )
        case ast.keyword(value=value) if value is use:
            return False
    return False


def _is_one_of_pairs(code: Code, item: ast.Subscript) -> bool:
    """Whether `sent[pk] = value` fills a dict, whose values are all looked at."""
    made = None
    if isinstance(item.value, ast.Name):
        made = _made_once(code, item.value)
    return isinstance(made, ast.Dict | ast.DictComp)
