"""The project as it will be: reads fall through to the disk, writes stay in memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePosixPath

from celeryize.errors import CannotPatch
from celeryize.model import Edit, Where


class Draft:
    """A view of the folder `root` in which planned files already have their planned bytes.

    Two patches of one file compose, and the preview, the proof and the write are made of the same bytes.
    """

    def __init__(self, root: Path, seen: Callable[[PurePosixPath], bytes | None] | None = None) -> None:
        """`seen` gives the bytes that a plan was made from, where a file was read before: those count, for a file
        that was saved since is a conflict, and not another file to plan for."""
        self.root = root
        self._seen = seen
        self._before: dict[PurePosixPath, bytes | None] = {}
        self._after: dict[PurePosixPath, bytes | None] = {}

    def read(self, path: PurePosixPath) -> bytes | None:
        """The planned bytes of `path`, else those on the disk, else None. OSErrors become CannotPatch."""
        if path in self._after:
            return self._after[path]
        return self._original(path)

    def write(self, path: PurePosixPath, data: bytes) -> None:
        """Plan `data` as the content of `path`. A path that leaves the project is refused."""
        self._inside(path)
        self._original(path)
        self._after[path] = data

    def delete(self, path: PurePosixPath) -> None:
        """Plan that `path` goes away."""
        self._inside(path)
        self._original(path)
        self._after[path] = None

    def edits(self) -> tuple[Edit, ...]:
        """The planned changes in the order of their paths; files planned as they are do not appear."""
        return tuple(
            Edit(path, self._before[path], after)
            for path, after in sorted(self._after.items())
            if after != self._before[path]
        )

    def _original(self, path: PurePosixPath) -> bytes | None:
        if path not in self._before:
            seen = self._seen(path) if self._seen else None
            self._before[path] = _load(self.root / path, path) if seen is None else seen
        return self._before[path]

    def _inside(self, path: PurePosixPath) -> None:
        real = (self.root / path).resolve()
        if path.is_absolute() or ".." in path.parts or not real.is_relative_to(self.root.resolve()):
            raise CannotPatch(
                f"{path} leads out of the project, to {real}",
                hint="celeryize writes inside the project only; make the change by hand there.",
                where=Where(path),
            )


def _load(file: Path, path: PurePosixPath) -> bytes | None:
    try:
        return file.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise CannotPatch(
            f"{path} cannot be read: {error.strerror}",
            hint="Make it a readable file, then run the command again.",
            where=Where(path),
        ) from error
