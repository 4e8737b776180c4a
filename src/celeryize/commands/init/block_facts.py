"""The block of settings as it is in the files now, and as celeryize wrote it."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from celeryize.brokers import url_of_broker, url_of_result_backend
from celeryize.commands.init.answers import Answers
from celeryize.commands.init.settings_block import (
    default_of_url,
    render_block,
    url_expression,
)
from celeryize.commands.init.template_changes import CHANGES
from celeryize.detect.project import Project
from celeryize.detect.settings import Reader, ReaderKind, settings_classes, settings_files
from celeryize.draft import Draft
from celeryize.model import Where
from celeryize.patch.block_change import Assignment, Piece, assigned_name, pieces_of
from celeryize.patch.source import Source

# Newer than every condition of a template: what a block may have at most.
ANY_CELERY = (99, 0)
# The settings that stand for an answer.
URLS = {"broker": "CELERY_BROKER_URL", "result_backend": "CELERY_RESULT_BACKEND"}


@dataclass(frozen=True, slots=True)
class Home:
    """The file, and the body of the module or class in it, that holds the block."""

    source: Source
    body: tuple[ast.stmt, ...]

    @property
    def settings(self) -> dict[str, Assignment]:
        """Each setting that is assigned once in the file, as a statement of this body."""
        stores = Counter(
            node.id
            for node in ast.walk(self.source.tree)
            if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)
        )
        return {
            name: node
            for node in self.body
            if isinstance(node, Assignment) and (name := assigned_name(node)) and stores[name] == 1
        }

    def value_of(self, name: str) -> ast.expr:
        """The value of one of `settings`."""
        value = self.settings[name].value
        assert value is not None
        return value

    def where(self, name: str) -> Where:
        """The place of one of `settings`."""
        return self.source.where(self.settings[name])


def find_block(project: Project, names: frozenset[str]) -> Home | None:
    """The body that assigns most of these settings; None where none assigns any."""
    modules, settings = project.modules, project.settings
    files = (settings.file, *settings.reachable, *settings_files(project.layout, modules))
    best: Home | None = None
    most = 0
    for path in dict.fromkeys(files):
        source = modules.source(path)
        if source is None:
            continue
        for body in _bodies(source):
            found = sum(assigned_name(node) in names for node in body)
            if found > most:
                best, most = Home(source, tuple(body)), found
    return best


def in_draft(home: Home, draft: Draft, names: frozenset[str]) -> Home:
    """The block as the plan has its file, which knows how the project writes its code."""
    source = draft.source(home.source.path)
    most = max(_bodies(source), key=lambda body: sum(assigned_name(node) in names for node in body))
    return Home(source, tuple(most))


def _bodies(source: Source) -> Iterator[list[ast.stmt]]:
    yield source.tree.body
    classes = settings_classes(source.tree)
    for node in source.tree.body:
        if isinstance(node, ast.ClassDef) and node.name in classes:
            yield node.body


def rendered_pieces(
    project: Project, answers: Answers, celery: tuple[int, int] | None = None
) -> dict[str, Piece]:
    """The settings that these answers give today, by name, whatever the project has of them."""
    text = render_block(without_block(project), answers, celery).text
    return {piece.name: piece for piece in pieces_of(text)}


def without_block(project: Project) -> Project:
    """The project as if its settings had none of Celery's."""
    settings = project.settings
    reader = settings.reader
    # the variables of the block are not a habit of the project
    if reader.prefix == "CELERY_":
        reader = replace(reader, prefix="")
    return replace(
        project,
        settings=replace(
            settings,
            reader=reader,
            assigned={
                name: where
                for name, where in settings.assigned.items()
                if not name.startswith("CELERY_")
            },
            taken=frozenset(n for n in settings.taken if not n.startswith("CELERY_")),
        ),
    )


def written_before(
    project: Project, before: Answers, recorded: Mapping[str, str]
) -> dict[str, frozenset[str]]:
    """What celeryize wrote: the dumps of the values that each setting may have had.

    `recorded` is what the answers file kept. Without it, it is what 0.1.0 wrote for the same
    answers: the templates of today with the values that they had then.
    """
    if recorded:
        found = {}
        for name, text in recorded.items():
            try:
                found[name] = frozenset({dump(ast.parse(text, mode="eval").body)})
            except (SyntaxError, ValueError):
                continue
        return found
    known = {
        name: {dump(piece.value)}
        for name, piece in rendered_pieces(project, before, ANY_CELERY).items()
    }
    for change in CHANGES:
        if before.profile in change.profiles and change.name in known:
            known[change.name].add(dump(ast.parse(change.value, mode="eval").body))
    for name in URLS.values():
        if name in known:
            known[name] |= set(_urls_before(project, before, name))
    return {name: frozenset(dumps) for name, dumps in known.items()}


def _urls_before(project: Project, before: Answers, name: str) -> Iterator[str]:
    """The expressions that 0.1.0 may have written for a URL: by the reader that it found then."""
    url = url_of_broker(before.broker)
    if name == "CELERY_RESULT_BACKEND":
        url = url_of_result_backend(before.result_backend, url)
    if not url:
        return
    own = project.settings.reader
    readers = [
        own,
        replace(own, prefix=""),
        Reader(ReaderKind.LITERAL),
        Reader(ReaderKind.OS, "os.environ.get"),
        Reader(ReaderKind.OS, "os.getenv"),
    ]
    for reader in readers:
        for default in ("", default_of_url(project, reader, url)):
            code = url_expression(reader, name, url, default).code
            yield dump(ast.parse(code, mode="eval").body)
        # a password, which the answers file does not keep
        yield dump(ast.parse(f'os.environ["{reader.prefix}{name}"]', mode="eval").body)
        if reader.call:
            code = f'{reader.call}("{reader.prefix}{name}")'
            yield dump(ast.parse(code, mode="eval").body)


def dump(node: ast.expr) -> str:
    """A value as a text that does not depend on how it is laid out."""
    return ast.dump(node)
