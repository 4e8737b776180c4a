"""Which environment variables the settings of a process read, and what they take without them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from celeryize.checks.facts import Facts
from celeryize.checks.facts.code import Code
from celeryize.checks.facts.literals import text_of
from celeryize.checks.facts.processes.given import given_to, image_gives, is_named_elsewhere
from celeryize.checks.facts.settings import Setting
from celeryize.detect.environment_readers import ReaderKind, readers_in
from celeryize.detect.processes import Process
from celeryize.patch.nodes import dotted
from celeryize.patch.source import every_statement

SETTINGS = "DJANGO_SETTINGS_MODULE"
URL_READERS = {"db": "DATABASE_URL", "db_url": "DATABASE_URL", "dj_db_url": "DATABASE_URL"}
# What loads a file of variables, and reads none.
LOADERS = {"read_env", "read_envfile", "prefixed"}
# An expression that reads a variable under a condition of its own.
CHOOSES = ast.IfExp | ast.Lambda | ast.ListComp | ast.DictComp | ast.SetComp | ast.GeneratorExp


@dataclass(frozen=True, slots=True)
class Read:
    """One look at the environment. `default` is what is taken without the variable: a text, None
    for one that cannot be read here; `demanded`: without it the settings raise."""

    name: str
    default: str | None
    demanded: bool
    setting: Setting


def reads_of(facts: Facts, setting: Setting) -> Iterator[Read]:
    """The variables that the value of a setting always reads."""
    readers = readers_in(facts.modules, setting.code.path)
    yield from _reads_in(setting.value, setting, readers)


def default_database_reads(facts: Facts, setting: Setting) -> Iterator[Read]:
    """The variables that say which database DATABASES["default"] is: not how it is used."""
    readers = readers_in(facts.modules, setting.code.path)
    for node in _places_of_database(setting.value):
        yield from _reads_in(node, setting, readers)


def _places_of_database(node: ast.expr) -> Iterator[ast.expr]:
    """The expressions that hold the host, the port, the name, or the URL of a database."""
    match node:
        case ast.Dict(keys=keys, values=values):
            for key, value in zip(keys, values, strict=True):
                if key is None or text_of(key) == "default":
                    yield from _places_of_database(value)
                elif text_of(key) in {"HOST", "PORT", "NAME"}:
                    yield value
        case ast.BinOp(left=left, right=right):
            yield from _places_of_database(left)
            yield from _places_of_database(right)
        # dj_database_url.parse(URL, conn_max_age=...)
        case ast.Call(func=func, args=[first, *_]) if dotted(func).rpartition(".")[2] == "parse":
            yield first
        case _:
            yield node


def _reads_in(node: ast.AST, setting: Setting, readers: Mapping[str, ReaderKind]) -> Iterator[Read]:
    if isinstance(node, CHOOSES):
        return
    # os.environ.get("NAME") or "default"
    if isinstance(node, ast.BoolOp):
        first, last = node.values[0], node.values[-1]
        for read in _reads_in(first, setting, readers):
            if isinstance(node.op, ast.Or) and read.name and not read.demanded:
                yield Read(read.name, text_of(last), False, setting)
        return
    found = read_at(node, readers, setting.code)
    if found is not None:
        yield Read(*found, setting)
        return
    for inner in ast.iter_child_nodes(node):
        yield from _reads_in(inner, setting, readers)


def read_at(
    node: ast.AST, readers: Mapping[str, ReaderKind], code: Code
) -> tuple[str, str | None, bool] | None:
    """The name, the default, and whether it is demanded, of a node that reads a variable."""
    match node:
        case ast.Subscript(value=value, slice=key) if dotted(value) in _environs(code):
            name = text_of(key)
            return (name, None, True) if name else None
        case ast.Call(func=func, args=args) if args and dotted(func) in _os_gets(code):
            name = text_of(args[0])
            default = _default_in(node, 1)
            return (name, _shown(default), False) if name else None
        case ast.Call(func=func) if dotted(func).partition(".")[0] in readers:
            return _library_read(node, readers, code)
        case ast.Call(func=func) if dotted(func) in {"dj_database_url.config", "config"}:
            if "dj_database_url" not in code.source.text:
                return None
            named = next((k.value for k in node.keywords if k.arg == "env"), None)
            default = next((k.value for k in node.keywords if k.arg == "default"), None)
            return text_of(named) or "DATABASE_URL", _shown(default), False
    return None


def _environs(code: Code) -> set[str]:
    """How a module spells os.environ, by the names that it imports."""
    found = {"os.environ", "environ"}
    for node in code.source.tree.body:
        match node:
            case ast.Import(names=names):
                found |= {f"{a.asname}.environ" for a in names if a.name == "os" and a.asname}
            case ast.ImportFrom(module="os", names=names):
                found |= {a.asname for a in names if a.name == "environ" and a.asname}
            # env = os.environ
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Attribute() as value):
                if dotted(value) in found - {"environ"}:
                    found.add(name)
    return found


def _os_gets(code: Code) -> set[str]:
    """How a module spells os.environ.get and os.getenv."""
    found = {"os.getenv", "getenv", *(f"{name}.get" for name in _environs(code))}
    for node in code.source.tree.body:
        match node:
            case ast.Import(names=names):
                found |= {f"{a.asname}.getenv" for a in names if a.name == "os" and a.asname}
            case ast.ImportFrom(module="os", names=names):
                found |= {a.asname for a in names if a.name == "getenv" and a.asname}
    return found


def _library_read(
    node: ast.Call, readers: Mapping[str, ReaderKind], code: Code
) -> tuple[str, str | None, bool] | None:
    """A look through django-environ, environs, decouple, or a helper."""
    head, _, method = dotted(node.func).partition(".")
    if method in LOADERS:
        return None
    name = text_of(node.args[0]) if node.args else URL_READERS.get(method)
    if name is None:
        name = next((text_of(k.value) for k in node.keywords if k.arg == "var"), None)
    if not name:
        return None
    kind = readers[head]
    # env("NAME", str): the second of django-environ is the type
    place = 2 if kind is ReaderKind.ENVIRON and not method else 1
    default = _default_in(node, place)
    if default is not None:
        return name, _shown(default), False
    scheme = _scheme_default(code.source.tree, name)
    if scheme is not None:
        return name, _shown(scheme), False
    # a helper's own default, and a scheme that is computed
    if kind is ReaderKind.HELPER or re.search(rf"\b{re.escape(name)}\s*=\s*\(", code.source.text):
        return name, None, False
    if kind is ReaderKind.LITERAL or any(keyword.arg is None for keyword in node.keywords):
        return name, None, False
    return name, None, True


def _scheme_default(tree: ast.Module, name: str) -> ast.expr | None:
    """The default that `env = Env(NAME=(str, "..."))` has for a variable."""
    for node in every_statement(tree):
        match node:
            case ast.Assign(value=ast.Call(func=func, keywords=keywords)) if dotted(func).endswith(
                ("Env", "FileAwareEnv")
            ):
                for keyword in keywords:
                    found = _in_scheme(keyword, name)
                    if isinstance(found, ast.Tuple) and len(found.elts) == 2:
                        return found.elts[1]
    return None


def _in_scheme(keyword: ast.keyword, name: str) -> ast.expr | None:
    """What an argument of Env() says of a variable: `NAME=(str, "")`, `**{"NAME": (str, "")}`."""
    if keyword.arg == name:
        return keyword.value
    if keyword.arg is None and isinstance(keyword.value, ast.Dict):
        for key, value in zip(keyword.value.keys, keyword.value.values, strict=True):
            if key is not None and text_of(key) == name:
                return value
    return None


def second_of(call: ast.AST) -> ast.expr | None:
    """The expression that a look at the environment takes without the variable, if it has one."""
    if not isinstance(call, ast.Call):
        return None
    if len(call.args) > 1 and dotted(call.args[1]) in {"bool", "int", "str"}:
        return _default_in(call, 2)
    return _default_in(call, 1)


def _default_in(call: ast.Call, place: int) -> ast.expr | None:
    named = next((k.value for k in call.keywords if k.arg == "default"), None)
    if named is None and len(call.args) > place:
        return call.args[place]
    return named


def _shown(default: ast.expr | None) -> str | None:
    """A default as the settings hold it; empty where there is none, None where it is computed."""
    if default is None or (isinstance(default, ast.Constant) and default.value is None):
        return ""
    text = text_of(default)
    if text is not None:
        return text
    # f"sqlite:///{BASE_DIR}/db.sqlite3" is a file in the container, wherever that is
    spelled = ast.unparse(default)
    if "sqlite:" in spelled or "db.sqlite3" in spelled:
        return "sqlite:///"
    return None


def star_imports(facts: Facts, start: PurePosixPath) -> list[PurePosixPath]:
    """A module, and those that it imports with a star, and they in turn."""
    order: list[PurePosixPath] = [start]
    for path in order:
        for node in facts.modules.tree(path).body:
            if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
                other = facts.modules.find(facts.modules.absolute(node, path))
                if other is not None and other not in order:
                    order.append(other)
    return order


def settings_of(facts: Facts, module: str) -> tuple[Setting, ...]:
    """The settings of a module, those that it imports with a star behind its own; none where the
    module cannot be found."""
    start = facts.modules.find(module)
    if start is None:
        return ()
    known = {path: index for index, path in enumerate(star_imports(facts, start))}
    own = [setting for setting in facts.settings if setting.code.path in known]
    return tuple(sorted(own, key=lambda setting: known[setting.code.path]))


def deciding(settings: tuple[Setting, ...], name: str) -> Setting | None:
    """The assignment of a setting that counts in a module; None where a condition chooses."""
    found = [setting for setting in settings if setting.name == name]
    if not found:
        return None
    same = [setting for setting in found if setting.code is found[0].code]
    if any(setting.conditional for setting in same):
        return None
    return same[-1]


def fallback_settings(facts: Facts) -> str:
    """The settings that the app file falls back to."""
    return _setdefault_in(facts.app_code)


def _setdefault_in(code: Code | None) -> str:
    for call in code.calls if code else ():
        if dotted(call.func).endswith("environ.setdefault") and len(call.args) == 2:
            if text_of(call.args[0]) == SETTINGS:
                return text_of(call.args[1]) or ""
    return ""


def settings_module_of(facts: Facts, process: Process) -> str:
    """The settings module that a worker or Beat runs with; empty where it cannot be told."""
    chosen = process.variable(SETTINGS) or ""
    if not chosen:
        given = given_to(facts, process)
        if SETTINGS in given.variables:
            chosen = given.variables[SETTINGS].text
        elif not given.complete:
            return ""
        elif is_named_elsewhere(facts, SETTINGS):
            item = image_gives(facts, SETTINGS)
            chosen = item.text if item else ""
        else:
            chosen = fallback_settings(facts)
    if "$" in chosen:
        return ""
    return chosen
