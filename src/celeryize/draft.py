"""The project as it will be, and why: reads fall through to the disk, writes stay in memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePosixPath

from celeryize.errors import CannotPatch
from celeryize.model import Edit, Plan, Status, Step, Todo, Where
from celeryize.patch.source import Source
from celeryize.patch.style import DEFAULT, Style
from celeryize.reading import read_file


class Draft:
    """A view of the folder `root` in which planned files already have their planned bytes.

    Two patches of one file compose, and the preview, the proof and the write are made of the same
    bytes. Each change is given with its reason, so the steps of the plan are a by-product: no
    caller computes a status.
    """

    def __init__(
        self,
        root: Path,
        seen: Callable[[PurePosixPath], bytes | None] | None = None,
        style: Style = DEFAULT,
    ) -> None:
        """`seen` returns the bytes that the plan was made from, for a file that was read before.

        Those bytes count: a file that was saved since is a conflict, and not another file to plan
        for.
        """
        self.root = root
        # how new lines are written, unless their file says otherwise
        self.style = style
        self._seen = seen
        self._before: dict[PurePosixPath, bytes | None] = {}
        self._after: dict[PurePosixPath, bytes | None] = {}
        self._steps: list[Step] = []
        self._todos: list[Todo] = []
        self._notes: list[str] = []
        self._refused: list[CannotPatch] = []

    def read(self, path: PurePosixPath) -> bytes | None:
        """The planned bytes of `path`, else those on the disk, else None.

        OSErrors become CannotPatch.
        """
        if path in self._after:
            return self._after[path]
        return self._original_bytes(path)

    def source(self, path: PurePosixPath) -> Source:
        """The planned text of `path`, decoded; empty where there is no file. Raises CannotPatch."""
        return Source.decode(path, self.read(path) or b"", self.style)

    def write(self, path: PurePosixPath, data: bytes | Source, what: str) -> None:
        """Plan `data` as the content of `path`; `what` says why.

        A path outside of the project is refused.
        """
        content = data
        if isinstance(content, Source):
            content = content.encode()
        self._check_inside(path)
        before = self.read(path)
        if before is None and path.suffix == ".py":
            content = self._with_header(content)
        self._original_bytes(path)
        self._after[path] = content
        self._steps.append(Step(path, _status_of(before, content), what))

    def _with_header(self, content: bytes) -> bytes:
        """The content of a new file below the comment that all files of the project begin with."""
        if not self.style.header or not content.strip():
            return content
        newline = b"\r\n" if b"\r\n" in content else b"\n"
        return self.style.header.encode().replace(b"\n", newline) + newline + content

    def delete(self, path: PurePosixPath, what: str) -> None:
        """Plan that `path` is removed; `what` says why."""
        self._check_inside(path)
        self._original_bytes(path)
        self._after[path] = None
        self._steps.append(Step(path, Status.DELETE, what))

    def keep(self, path: PurePosixPath, what: str) -> None:
        """A step for a file that stays as it is; `what` says what it already does."""
        self._steps.append(Step(path, Status.IDENTICAL, what))

    def add_note(self, text: str) -> None:
        """Something to know about the plan."""
        self._notes.append(text)

    def add_todo(self, todo: Todo) -> None:
        """A step that stays with the user."""
        self._todos.append(todo)

    def add_manual(self, refusal: CannotPatch) -> None:
        """What could not be patched, as a manual step with the lines to paste."""
        self._refused.append(refusal)
        path = None
        if refusal.where is not None:
            path = refusal.where.path
            self._steps.append(Step(path, Status.MANUAL, refusal.message))
        todo = Todo(refusal.message, refusal.hint, refusal.snippet, path, needed=True)
        self._todos.append(todo)

    @property
    def refused(self) -> tuple[CannotPatch, ...]:
        """The refusals that became manual steps, in their order."""
        return tuple(self._refused)

    def edits(self) -> tuple[Edit, ...]:
        """The planned changes in the order of their paths, less those that change nothing."""
        return tuple(
            Edit(path, self._before[path], after)
            for path, after in sorted(self._after.items())
            if after != self._before[path]
        )

    def plan(self) -> Plan:
        """Everything that was planned so far."""
        return Plan(self.edits(), tuple(self._steps), tuple(self._todos), tuple(self._notes))

    def _original_bytes(self, path: PurePosixPath) -> bytes | None:
        if path not in self._before:
            if self._seen:
                seen = self._seen(path)
            else:
                seen = None
            if seen is None:
                seen = _load_file(self.root / path, path)
            self._before[path] = seen
        return self._before[path]

    def _check_inside(self, path: PurePosixPath) -> None:
        # resolved, because a link inside the project may point anywhere
        real = (self.root / path).resolve()
        if path.is_absolute() or ".." in path.parts or not real.is_relative_to(self.root.resolve()):
            raise CannotPatch(
                f"{path} leads out of the project, to {real}",
                hint="celeryize writes inside the project only; make the change there manually.",
                where=Where(path),
            )


def _status_of(before: bytes | None, after: bytes) -> Status:
    """What writing `after` over `before` does to a file; the only place that decides it."""
    if before is None:
        return Status.CREATE
    if before == after:
        return Status.IDENTICAL
    return Status.UPDATE


def _load_file(file: Path, path: PurePosixPath) -> bytes | None:
    try:
        return read_file(file)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise CannotPatch(
            f"{path} cannot be read: {error.strerror}",
            hint="Make it a readable file, then run the command again.",
            where=Where(path),
        ) from error
