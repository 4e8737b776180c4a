"""Which database the settings choose, by the variables of one process."""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from enum import Enum
from pathlib import PurePosixPath

from celeryize.checks.facts import Facts
from celeryize.checks.facts.code import Code
from celeryize.checks.facts.literals import pairs_of, text_of
from celeryize.checks.facts.processes.reads import read_at, second_of
from celeryize.detect.environment_readers import readers_in
from celeryize.model import Where
from celeryize.patch.nodes import dotted, walk

SETTING = "DATABASES"
ENVIRONMENTS = frozenset({"os.environ", "environ"})
TRUE = frozenset({"true", "on", "ok", "y", "yes", "1", "t"})
# Names of names, and modules that import modules: more than this is not followed.
DEEPEST = 6


class Token(Enum):
    """What is not a value: a variable that is missing, one whose value is a secret, and one that is
    not known."""

    ABSENT = 0
    SECRET = 1
    UNKNOWN = 2


Value = str | int | bool | Token | None
Look = Callable[[str], Value]


@dataclass(frozen=True, slots=True)
class Chosen:
    """A database: `is_file` of SQLite, at `where`; `absent` are the variables that were missing
    when it was chosen."""

    is_file: bool
    where: Where
    absent: Collection[str]


def chosen_database(facts: Facts, path: PurePosixPath, look: Look) -> Chosen | None:
    """What DATABASES["default"] is in a settings module, where `look` gives the variables; None
    where that is not known."""
    reader = _Reader(facts, look)
    found = reader.database_of(path, None, DEEPEST)
    if found is None:
        return None
    node, code = found
    kind = reader.kind_of(node, code, DEEPEST)
    if kind is None:
        return None
    return Chosen(kind, code.where(node), frozenset(reader.absent))


@dataclass(frozen=True, eq=False)
class _Reader:
    """Reads settings as a process would run them."""

    facts: Facts
    look: Look
    absent: set[str] = field(default_factory=set)

    def database_of(
        self, path: PurePosixPath, before: tuple[ast.expr, Code] | None, depth: int
    ) -> tuple[ast.expr, Code] | None:
        """The expression that is the database when a module has run; `before` is what it had."""
        code = self.facts.code.parsed(path)
        if code is None or not depth:
            return None
        return self._run(code.source.tree.body, code, before, depth)

    def _run(
        self,
        body: list[ast.stmt],
        code: Code,
        current: tuple[ast.expr, Code] | None,
        depth: int,
    ) -> tuple[ast.expr, Code] | None:
        for statement in body:
            match statement:
                case ast.ImportFrom(names=[ast.alias(name="*"), *_]):
                    modules = self.facts.modules
                    other = modules.find(modules.absolute(statement, code.path))
                    # what is not here may say anything
                    if other is None or other == code.path:
                        return None
                    current = self.database_of(other, current, depth - 1)
                case ast.Assign(targets=[target], value=value) if _is_database(target):
                    current = value, code
                case ast.AnnAssign(target=target, value=ast.expr() as value) if _is_database(
                    target
                ):
                    current = value, code
                case ast.If(test=test, body=then, orelse=otherwise) if _is_about(statement):
                    truth = _truth(self.value_of(test, code, DEEPEST))
                    if truth is None:
                        return None
                    taken = then if truth else otherwise
                    current = self._run(taken, code, current, depth)
                case ast.Expr(
                    value=ast.Call(
                        func=ast.Attribute(value=ast.Subscript() as target, attr="update"),
                        args=[given],
                        keywords=[],
                    )
                ) if _is_database(target):
                    # DATABASES["default"].update(dj_database_url.config()): nothing, without a URL
                    if isinstance(given, ast.Name):
                        given = _assigned(code, given.id) or given
                    if self.value_of(given, code, DEEPEST) is None:
                        continue
                    current = given, code
                case _ if _may_change(statement):
                    return None
        return current

    def kind_of(self, node: ast.expr, code: Code, depth: int) -> bool | None:
        """Whether a database is a file; None where that is not known."""
        if not depth:
            return None
        pairs = pairs_of(node)
        if pairs is not None:
            named = {text_of(pair.key): pair.value for pair in pairs}
            # what ** brings may say anything
            if isinstance(node, ast.Dict) and None in node.keys:
                return None
            inner = named.get("default")
            if inner is not None:
                return self.kind_of(inner, code, depth - 1)
            engine = named.get("ENGINE")
            return _is_file(self.value_of(engine, code, DEEPEST)) if engine is not None else None
        match node:
            case ast.IfExp(test=test, body=then, orelse=otherwise):
                truth = _truth(self.value_of(test, code, DEEPEST))
                if truth is None:
                    return None
                taken = then if truth else otherwise
                return self.kind_of(taken, code, depth - 1)
            case ast.Name(id=name):
                value = _assigned(code, name)
                return self.kind_of(value, code, depth - 1) if value is not None else None
            case ast.Call(func=func, args=[first, *_]) if dotted(func) == "dj_database_url.parse":
                return _is_file(self.value_of(first, code, DEEPEST))
            case ast.Call():
                return _is_file(self.value_of(node, code, DEEPEST))
        return None

    def value_of(self, node: ast.expr, code: Code, depth: int) -> Value:
        """The value of an expression for this process."""
        if not depth:
            return Token.UNKNOWN
        match node:
            case ast.Constant(value=str() | int() | None as value):
                return value
            case ast.Name(id=name):
                assigned = _assigned(code, name)
                if assigned is None:
                    return Token.UNKNOWN
                return self.value_of(assigned, code, depth - 1)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                truth = _truth(self.value_of(operand, code, depth - 1))
                return Token.UNKNOWN if truth is None else not truth
            case ast.BoolOp(op=op, values=values):
                return self._joined(isinstance(op, ast.Or), values, code, depth)
            case ast.IfExp(test=test, body=then, orelse=otherwise):
                truth = _truth(self.value_of(test, code, depth - 1))
                if truth is None:
                    return Token.UNKNOWN
                taken = then if truth else otherwise
                return self.value_of(taken, code, depth - 1)
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                return self._compared(left, op, right, code, depth)
            case ast.JoinedStr():
                # f"sqlite:///{BASE_DIR}/db.sqlite3"
                return _text_of_start(node)
            case ast.Call() | ast.Subscript():
                return self._read(node, code, depth)
        return Token.UNKNOWN

    def _joined(self, is_or: bool, values: list[ast.expr], code: Code, depth: int) -> Value:
        found: Value = Token.UNKNOWN
        for value in values:
            found = self.value_of(value, code, depth - 1)
            truth = _truth(found)
            if truth is None or truth is is_or:
                return found
        return found

    def _compared(
        self, left: ast.expr, op: ast.cmpop, right: ast.expr, code: Code, depth: int
    ) -> Value:
        """The value of `a == b`, `a in (b, c)`, `"NAME" in os.environ`, and their opposites."""
        negative = isinstance(op, ast.NotEq | ast.NotIn | ast.IsNot)
        if isinstance(op, ast.In | ast.NotIn) and dotted(right) in ENVIRONMENTS:
            name = text_of(left)
            found = self._looked(name) if name else Token.UNKNOWN
            if found is Token.UNKNOWN:
                return found
            return (found is not Token.ABSENT) is not negative
        one = self.value_of(left, code, depth - 1)
        if isinstance(op, ast.In | ast.NotIn):
            elements = right.elts if isinstance(right, ast.Tuple | ast.List | ast.Set) else None
            others = [self.value_of(e, code, depth - 1) for e in elements or ()]
            if elements is None:
                return Token.UNKNOWN
        elif isinstance(op, ast.Eq | ast.NotEq | ast.Is | ast.IsNot):
            others = [self.value_of(right, code, depth - 1)]
        else:
            return Token.UNKNOWN
        if one is Token.SECRET and others in ([None], [""]):
            return negative
        if any(isinstance(value, Token) for value in (one, *others)):
            return Token.UNKNOWN
        return (one in others) is not negative

    def _read(self, node: ast.Call | ast.Subscript, code: Code, depth: int) -> Value:
        """The value of a look at the environment, of `bool(...)`, or of `x.lower()`."""
        found = read_at(node, readers_in(self.facts.modules, code.path), code)
        if found is None:
            return self._called(node, code, depth)
        value = self._looked(found[0])
        if value is Token.ABSENT:
            return self._default_of(node, found, code, depth)
        if isinstance(node, ast.Call) and _is_cast(node):
            if isinstance(value, str):
                return value.lower() in TRUE
            return Token.UNKNOWN
        return value

    def _default_of(
        self,
        node: ast.Call | ast.Subscript,
        found: tuple[str, str | None, bool],
        code: Code,
        depth: int,
    ) -> Value:
        """What is taken without the variable."""
        _, shown, demanded = found
        if demanded or isinstance(node, ast.Subscript):
            return Token.UNKNOWN
        default = second_of(node)
        if default is not None:
            value = self.value_of(default, code, depth - 1)
            if value is not Token.UNKNOWN:
                return value
            # what is computed, as a text that tells what it is
            return shown or Token.UNKNOWN
        # without a default: None, but for the default of a scheme
        return Token.UNKNOWN if shown is None else None

    def _called(self, node: ast.expr, code: Code, depth: int) -> Value:
        match node:
            case ast.Call(func=ast.Name(id="bool" | "int" as name), args=[inner], keywords=[]):
                value = self.value_of(inner, code, depth - 1)
                truth = _truth(value)
                if name == "bool":
                    return Token.UNKNOWN if truth is None else truth
                if isinstance(value, int) or (isinstance(value, str) and value.isdigit()):
                    return int(value)
            case ast.Call(func=ast.Attribute(value=inner, attr="lower" | "strip"), args=[]):
                value = self.value_of(inner, code, depth - 1)
                if isinstance(value, str):
                    return value.lower().strip()
                return value if value is Token.SECRET else Token.UNKNOWN
        return Token.UNKNOWN

    def _looked(self, name: str) -> Value:
        value = self.look(name)
        if value is Token.ABSENT:
            self.absent.add(name)
        return value


def _truth(value: Value) -> bool | None:
    """Whether a value is true; None where that is not known."""
    if value is Token.SECRET:
        return True
    return None if isinstance(value, Token) else bool(value)


def _is_file(value: Value) -> bool | None:
    """Whether an engine, or a URL, is that of a file; None where it is not known."""
    if value is Token.SECRET:
        return False
    if not isinstance(value, str) or not value:
        return None
    if "sqlite" in value or "spatialite" in value:
        return True
    # an engine of Django's, or of a library; or a URL
    return False if "." in value or "://" in value else None


def _text_of_start(node: ast.JoinedStr) -> Value:
    first = text_of(node.values[0]) if node.values else None
    return first if first and "://" in first else Token.UNKNOWN


def _is_cast(node: ast.Call) -> bool:
    """Whether a look at the environment makes a bool of the text."""
    if dotted(node.func).rpartition(".")[2] in {"bool", "_bool"}:
        return True
    named = [k.value for k in node.keywords if k.arg in {"cast", "type", "parser"}]
    return any(dotted(value) in {"bool", "strtobool"} for value in [*named, *node.args[1:]])


def _is_database(target: ast.expr) -> bool:
    """`DATABASES`, or `DATABASES["default"]`."""
    if isinstance(target, ast.Subscript) and text_of(target.slice) == "default":
        target = target.value
    return isinstance(target, ast.Name) and target.id == SETTING


def _is_about(statement: ast.AST) -> bool:
    """Whether a statement names the databases, or brings names that are not written here."""
    for node in walk(statement):
        if isinstance(node, ast.Name) and node.id == SETTING:
            return True
        if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
            return True
    return False


def _may_change(statement: ast.stmt) -> bool:
    """Whether a statement may change which database is the default one: more than an option of
    it, `DATABASES["default"]["CONN_MAX_AGE"] = 60`, or another one."""
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return False
    match statement:
        case ast.Assign(targets=[ast.Subscript(slice=key, value=ast.Subscript())]):
            return text_of(key) in {None, "ENGINE"}
        case ast.Assign(targets=[ast.Subscript(slice=key, value=ast.Name())]) if text_of(key):
            return False
    return _is_about(statement)


def _assigned(code: Code, name: str) -> ast.expr | None:
    """What a module assigns a name, once and in any case; None otherwise."""
    found = [
        node
        for node in code.assigns
        if any(
            isinstance(target, ast.Name) and target.id == name
            for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        )
    ]
    if len(found) != 1 or isinstance(found[0], ast.AugAssign):
        return None
    if not isinstance(code.parents.get(found[0]), ast.Module):
        return None
    return found[0].value
