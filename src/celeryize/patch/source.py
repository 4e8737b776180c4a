"""Python text that is edited by splices and proves each edit.

    x = 1                x = 1
                   ->    y = 2      one insertion; every other byte and node is the same

An edit is accepted only if the syntax tree of the result is the old tree with exactly the planned
nodes added (and, for a replacement, exactly the planned nodes gone). Positions are those of the
standard library's `ast`; why not libcst, parso or tree-sitter is measured in docs/decisions.md.
"""

from __future__ import annotations

import ast
import io
import json
import keyword
import re
import tokenize
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import PurePosixPath

from celeryize.errors import CannotPatch
from celeryize.model import Where
from celeryize.patch import newer
from celeryize.patch.style import DEFAULT, Style, reflowed

BOM = b"\xef\xbb\xbf"
NEWLINE = re.compile(r"\r\n|\n")


# `print "x"`, `except IOError, e:`, `raise ValueError, "x"`, `exec "x"`, `ur"x"`;
# `except IOError, OSError:` is Python 3.14 (PEP 758)
PYTHON_2 = re.compile(
    r"(?m)^\s*(?:print\s+[\"'\w%]|except\s+[\w.]+\s*,\s*[a-z_]\w*\s*:"
    r"|raise\s+[\w.]+\s*,\s|exec\s+[\"'])"
    r"|\bur[\"']"
)


@dataclass(frozen=True, slots=True)
class Splice:
    """`text` instead of what is between `start` and `end` (offsets in characters.

    Equal: an insertion). `adds` and `drops` are the nodes that this brings into and takes out of
    the syntax tree, in order.
    """

    start: int
    end: int
    text: str
    adds: tuple[ast.AST, ...] = ()
    drops: tuple[ast.AST, ...] = ()


def insertion(offset: int, text: str, adds: Sequence[ast.AST]) -> Splice:
    """The splice that puts `text` at `offset` and takes nothing away."""
    return Splice(offset, offset, text, tuple(adds))


def statements(text: str) -> tuple[ast.stmt, ...]:
    """The nodes of a piece of Python, to say what an insertion adds."""
    return tuple(ast.parse(text).body)


def every_statement(tree: ast.Module) -> Iterator[ast.stmt]:
    """The statements of a module, nested ones included.

    Expressions are not looked into, which is what costs.
    """
    waiting: list[ast.AST] = [tree]
    for node in waiting:
        for name in ("body", "orelse", "finalbody", "handlers", "cases"):
            inner = getattr(node, name, None)
            if isinstance(inner, list):
                waiting += inner
        if isinstance(node, ast.stmt):
            yield node


def expression(text: str) -> ast.expr:
    """The node of one expression."""
    return ast.parse(text.strip(), mode="eval").body


def is_identifier(text: str) -> bool:
    """Whether Python takes a text as a name, and as this one: it reads 𝒽 as h."""
    if not text.isidentifier() or keyword.iskeyword(text):
        return False
    return getattr(expression(text), "id", None) == text


def python_literal(text: str) -> str:
    """A Python string literal for any text, as a formatter leaves it: what is typed is data, never
    code.
    """
    if not text.isprintable() or ('"' in text and "'" not in text):
        return repr(text)
    return json.dumps(text, ensure_ascii=False)


@dataclass(frozen=True)
class Source:
    """The text of one Python file, how it is stored, and its syntax tree."""

    path: PurePosixPath
    text: str
    encoding: str = "utf-8"
    bom: bool = False
    style: Style = DEFAULT

    @classmethod
    def decode(cls, path: PurePosixPath, data: bytes, style: Style = DEFAULT) -> Source:
        """Read bytes as Python would (BOM, coding cookie).

        Refuses what would not come back byte for byte.
        """
        bom = data.startswith(BOM)
        body = data.removeprefix(BOM)
        try:
            encoding, _ = tokenize.detect_encoding(io.BytesIO(body).readline)
            text = body.decode(encoding)
        except (SyntaxError, LookupError, UnicodeDecodeError) as error:
            line = body.count(b"\n", 0, getattr(error, "start", 0)) + 1
            promised = "UTF-8"
            if b"coding" in body[:200]:
                promised = "text in its declared encoding"
            raise CannotPatch(
                f"{path} is not {promised}: {error}",
                hint="Save the file as UTF-8, then run the command again.",
                where=Where(path, line),
            ) from error
        if text.encode(encoding) != body or re.search(r"\r(?!\n)", text):
            raise CannotPatch(
                f"{path} would not survive an edit byte for byte",
                hint="It has a lone carriage return or an ambiguous encoding; "
                "save it with LF newlines.",
                where=Where(path, 1),
            )
        return cls(path, text, encoding, bom, style)

    def encode(self) -> bytes:
        """The bytes to store: the same codec and BOM as they came."""
        try:
            return (BOM if self.bom else b"") + self.text.encode(self.encoding)
        except UnicodeEncodeError as error:
            raise CannotPatch(
                f"{self.path} is stored as {self.encoding}, "
                f"which has no {error.object[error.start]!r}",
                where=Where(self.path),
            ) from error

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree. Raises CannotPatch with the line where it cannot be parsed."""
        try:
            return newer.parse(self.text)
        except SyntaxError as error:
            if _is_python_2(self.text):
                raise CannotPatch(
                    f"{self.path} is Python 2 code",
                    hint="celeryize works on Python 3. Convert the project first.",
                    where=Where(self.path, error.lineno),
                ) from error
            raise CannotPatch(
                f"{self.path} {newer.describe_error(error)}",
                hint=f"Tried with {newer.readers()}. Use a newer interpreter (--python PATH), "
                "or fix the file.",
                where=Where(self.path, error.lineno),
            ) from error
        except (ValueError, RecursionError, MemoryError) as error:
            raise CannotPatch(
                f"{self.path} cannot be parsed: {error}", where=Where(self.path)
            ) from error

    @cached_property
    def line_starts(self) -> list[int]:
        """The offset of each line's first character.

        `str.splitlines` would also split at form feeds.
        """
        return [0, *(match.end() for match in NEWLINE.finditer(self.text))]

    def offset(self, line: int, column: int) -> int:
        """The offset in characters of an `ast` position (line from 1, column in UTF-8 bytes)."""
        start = self.line_starts[line - 1]
        if line < len(self.line_starts):
            end = self.line_starts[line]
        else:
            end = len(self.text)
        head = self.text[start:end]
        if head.isascii():
            return start + column
        return start + len(head.encode()[:column].decode())

    def start(self, node: ast.AST) -> int:
        """Where a node starts, its decorators included."""
        decorators = getattr(node, "decorator_list", None)
        if decorators:
            return self.text.rindex(
                "@", 0, self.offset(decorators[0].lineno, decorators[0].col_offset)
            )
        return self.offset(node.lineno, node.col_offset)  # type: ignore[attr-defined]

    def end(self, node: ast.AST) -> int:
        """Where a node ends (exclusive)."""
        return self.offset(node.end_lineno, node.end_col_offset)  # type: ignore[attr-defined]

    def segment(self, node: ast.AST) -> str:
        """The text of a node."""
        return self.text[self.start(node) : self.end(node)]

    def where(self, node: ast.AST | None = None) -> Where:
        """The place of a node, for messages."""
        return Where(self.path, getattr(node, "lineno", None))

    def line_of(self, offset: int) -> int:
        """The number, from 1, of the line that holds `offset`."""
        return self.text.count("\n", 0, offset) + 1

    def after_line(self, node: ast.AST) -> int:
        """The start of the line after a statement: where a following statement may be put.

        A comment behind the statement stays with it; `a = 1; b = 2` and a trailing backslash are
        passed over.
        """
        match = NEWLINE.search(self.text, self.end(node))
        if match:
            return match.end()
        return len(self.text)

    @cached_property
    def newline(self) -> str:
        """The file's commonest newline; LF where it has none."""
        crlf = self.text.count("\r\n")
        if crlf * 2 > self.text.count("\n"):
            return "\r\n"
        return "\n"

    def newline_at(self, offset: int) -> str:
        """The newline of the line before `offset`, so that a mixed file goes on as it was."""
        before = self.text.rfind("\n", 0, offset)
        if before < 0:
            return self.newline
        if self.text[before - 1 : before] == "\r":
            return "\r\n"
        return "\n"

    @cached_property
    def indent(self) -> str:
        """One level of indentation, that of the first indented block, or else bracket; the
        project's without one."""
        for node in ast.walk(self.tree):
            body = getattr(node, "body", None)
            if isinstance(node, ast.stmt) and isinstance(body, list) and node.col_offset == 0:
                first = self.line_starts[body[0].lineno - 1]
                blank = re.compile(r"[ \t]+").match(self.text, first)
                if blank:
                    return blank.group()
        bracket = re.search(r"[\[({][ \t]*(?:#.*)?\r?\n([ \t]+)\S", self.text)
        if bracket:
            return bracket.group(1)
        return self.style.indent

    @cached_property
    def quote(self) -> str:
        """The quote that most of the plain strings of the file use; the project's in a draw."""
        found = [token[:1] for token in _plain_strings(self.text)]
        if found.count("'") == found.count('"'):
            return self.style.quote
        if found.count("'") > found.count('"'):
            return "'"
        return '"'

    def splice(self, *splices: Splice) -> Source:
        """Make all changes at once and prove the result. Raises CannotPatch if the proof fails."""
        ordered = sorted(splices, key=lambda s: (s.start, s.end))
        text, spans = _join_pieces(self.text, ordered)
        after = replace(self, text=text)
        try:
            proved = _is_exactly(self, after, ordered, spans)
        except CannotPatch as error:
            raise CannotPatch(
                f"the edit of {self.path} would not parse: {error.message}",
                where=self._first_place(ordered),
            ) from error
        if not proved:
            raise CannotPatch(
                f"the edit of {self.path} would change more than was planned",
                where=self._first_place(ordered),
            )
        return after

    def _first_place(self, splices: Sequence[Splice]) -> Where:
        return Where(self.path, self.line_of(splices[0].start) if splices else None)


def _plain_strings(text: str) -> list[str]:
    """The strings of a module but for those in triple quotes: what is in a docstring is prose."""
    found: list[str] = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.STRING:
                body = token.string.lstrip("bBrRuUfF")
                # an empty string, and one that holds the other quote, say nothing
                if body[:3] not in ('"""', "'''") and len(body) > 2 and not set("\"'") <= set(body):
                    found.append(body)
    except (tokenize.TokenError, SyntaxError):
        pass
    return found


def fitted(source: Source, offset: int, snippet: str, margin: str = "") -> str:
    """A snippet of ours (LF, four spaces, double quotes) in the newline, indent, quotes and line
    length of `source`. `margin` is what the caller puts before each line.
    """
    snippet = reflowed(snippet, source.style.line_length - len(margin.expandtabs(4)))
    # quotes first: they are found in the snippet's own newlines and indents
    if source.quote == "'":
        snippet = single_quoted(snippet)
    if source.indent != "    ":
        snippet = re.sub(
            r"(?m)^(?: {4})+", lambda m: source.indent * (len(m.group()) // 4), snippet
        )
    return snippet.replace("\n", source.newline_at(offset))


def append_block(source: Source, block: str, blank_lines: int) -> Splice:
    """The insertion of `block` (LF, double quotes) at the end, so many blank lines below what is
    there.
    """
    end = len(source.text)
    newline = source.newline_at(end)
    # blank lines that the file ends with count towards those that are wanted
    body = source.text.rstrip(" \t\r\n\f")
    lead = ""
    if body:
        have = source.text[len(body) :].count("\n")
        lead = newline * max(0, 1 + blank_lines - have)
    return insertion(end, lead + fitted(source, end, block), statements(block))


def single_quoted(snippet: str) -> str:
    """The same Python with 'single' quotes where that needs no escape."""
    starts = [0, *(m.end() for m in NEWLINE.finditer(snippet))]
    out = snippet
    # last first, so that the offsets of those before stay valid
    for first, last in reversed(_string_spans(snippet)):
        begin = starts[first[0] - 1] + first[1]
        end = starts[last[0] - 1] + last[1]
        text = out[begin:end]
        # triple quotes, and strings that hold a quote or a backslash, stay as they are
        if re.fullmatch(r'[bBrRuUfF]{0,2}"(?!")[^"\'\\]*"|""', text):
            out = out[:begin] + text.replace('"', "'") + out[end:]
    return out


def _string_spans(snippet: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Where each string begins and ends; Python 3.12 has f-strings as several tokens."""
    spans: list[tuple[tuple[int, int], tuple[int, int]]] = []
    opened: list[tuple[int, int]] = []
    for token in tokenize.generate_tokens(io.StringIO(snippet).readline):
        name = tokenize.tok_name[token.type]
        if name == "FSTRING_START":
            opened.append(token.start)
        elif name == "FSTRING_END":
            spans.append((opened.pop(), token.end))
        elif name == "STRING" and not opened:
            spans.append((token.start, token.end))
    return sorted(spans)


def _join_pieces(text: str, splices: Sequence[Splice]) -> tuple[str, list[tuple[int, int]]]:
    """The text after all splices, and the place of each new piece in it."""
    pieces: list[str] = []
    spans: list[tuple[int, int]] = []
    position = length = 0
    for splice in splices:
        # sorted by their start, so that only a neighbour can overlap
        if splice.start < position:
            raise ValueError("splices overlap")
        kept = text[position : splice.start]
        pieces += [kept, splice.text]
        length += len(kept)
        spans.append((length, length + len(splice.text)))
        length += len(splice.text)
        position = splice.end
    pieces.append(text[position:])
    return "".join(pieces), spans


def _is_exactly(
    before: Source, after: Source, splices: Sequence[Splice], spans: list[tuple[int, int]]
) -> bool:
    """Whether the new tree is the old one less the planned drops and plus the planned additions."""
    gone = [(s.start, s.end) for s in splices]
    # Only what a splice touches is compared node by node; the rest is compared as text.
    old_rest, new_rest = _touched_statements(before, after, splices)
    dropped, old_dumps = _dumps_without(before, old_rest, gone)
    added, new_dumps = _dumps_without(after, new_rest, spans)
    return (
        old_dumps == new_dumps
        and added == [ast.dump(node) for s in splices for node in s.adds]
        and dropped == [ast.dump(node) for s in splices for node in s.drops]
        # a string at the top could become the docstring, or a statement above it could end that
        and ast.get_docstring(before.tree, clean=False)
        == ast.get_docstring(after.tree, clean=False)
        and _future_leads(after.tree)
        and _declared_encoding(before) == _declared_encoding(after)
    )


def _touched_statements(
    before: Source, after: Source, splices: Sequence[Splice]
) -> tuple[list[ast.stmt], list[ast.stmt]]:
    """The top-level statements that must be compared node by node.

    A statement that no splice touches has the same text before and after; if it is also a top-level
    statement of the same kind at the shifted place, its tree is the same, and comparing it only
    costs time.
    """
    there = {(after.start(node), after.end(node), type(node)): node for node in after.tree.body}
    old_rest: list[ast.stmt] = []
    for node in before.tree.body:
        start, end = before.start(node), before.end(node)
        if any(s.start <= end and s.end >= start for s in splices):
            old_rest.append(node)
            continue
        # where the statement is, once everything above it is spliced
        shift = sum(len(s.text) - (s.end - s.start) for s in splices if s.end <= start)
        if there.pop((start + shift, end + shift, type(node)), None) is None:
            old_rest.append(node)
    return old_rest, list(there.values())


def _dumps_without(
    source: Source, nodes: Sequence[ast.stmt], spans: Sequence[tuple[int, int]]
) -> tuple[list[str], list[str]]:
    """The dumps of the nodes that lie within `spans`, and of the statements once those are left
    out.
    """
    taken: list[tuple[int, str]] = []

    def inside(node: ast.AST) -> bool:
        if not hasattr(node, "lineno"):
            return False
        start, end = source.start(node), source.end(node)
        return any(low <= start and end <= high for low, high in spans)

    def apart(node: ast.AST) -> bool:
        """Whether no span touches the node: it is then whole, here as in the other tree."""
        if not hasattr(node, "lineno"):
            return False
        start, end = source.start(node), source.end(node)
        return all(end < low or high < start for low, high in spans)

    def take(node: ast.AST) -> None:
        taken.append((source.start(node), ast.dump(node)))

    def child(node: ast.AST) -> ast.AST:
        """A node that has its place to itself: where it is taken, the place is left empty."""
        if not inside(node):
            return pruned(node)
        take(node)
        return ast.Pass()

    def pruned(node: ast.AST) -> ast.AST:
        if apart(node):
            return node
        # rebuilt and not changed in place: the tree is cached, and other proofs read it
        fields: dict[str, object] = {}
        if isinstance(node, ast.Dict):
            # Keys and values of a dict are two lists: an entry has to leave both, or a value
            # that is taken would let the next one slip into its place.
            pairs = list(zip(node.keys, node.values, strict=True))
            kept = [(k, v) for k, v in pairs if not (inside(v) and (k is None or inside(k)))]
            for part in (n for pair in pairs if pair not in kept for n in pair if n is not None):
                take(part)
            parts = [child(k) if k else ast.Pass() for k, _ in kept], [child(v) for _, v in kept]
            return ast.Tuple(elts=[ast.List(elts=part) for part in parts])  # type: ignore[arg-type]
        for name, value in ast.iter_fields(node):
            if isinstance(value, list):
                fields[name] = list(children(value))
            else:
                fields[name] = child(value) if isinstance(value, ast.AST) else value
        return type(node)(**fields)

    def children(values: Iterable[object]) -> Iterator[object]:
        for value in values:
            if isinstance(value, ast.AST) and inside(value):
                take(value)
            else:
                yield pruned(value) if isinstance(value, ast.AST) else value

    kept = [ast.dump(node) for node in children(nodes) if isinstance(node, ast.AST)]
    # in the order of the file: the tree has a decorator's node behind those of the body below it
    return [dump for _, dump in sorted(taken, key=lambda one: one[0])], kept


def _is_python_2(text: str) -> bool:
    """Whether a file that does not parse has what only Python 2 has."""
    return PYTHON_2.search(text) is not None


def _declared_encoding(source: Source) -> str | None:
    """What the first two lines tell Python to read the file as; None for what it would refuse."""
    head = "\n".join(source.text.split("\n", 2)[:2]).encode(source.encoding, "replace")
    try:
        return tokenize.detect_encoding(io.BytesIO(head).readline)[0]
    except SyntaxError:
        return None


def _future_leads(tree: ast.Module) -> bool:
    """Whether every `from __future__` import is still before all other code."""
    leading = True
    for index, node in enumerate(tree.body):
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            if not leading:
                return False
        # only a docstring may come before them
        elif not (
            index == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        ):
            leading = False
    return True
