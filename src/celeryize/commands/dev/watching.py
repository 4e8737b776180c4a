"""The files of a project whose change is a reason to reload, and their changes as they come."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

# Milliseconds: an editor, or git, writes several files at once.
DEBOUNCE, QUIET, TIMEOUT = 400, 40, 500
# What runserver's own reloader, which we replace, resets or restarts for.
OF_TEMPLATES = frozenset({".html", ".htm", ".jinja", ".jinja2", ".j2", ".djhtml", ".mo"})
TEMPLATE_FOLDERS = frozenset({"templates", "jinja2"})
GIT_TIMEOUT = 10.0
# Beyond that, somebody keeps data in the project.
MOST_FOLDERS = 20_000
FOREIGN = frozenset({"node_modules", "site-packages"})


@dataclass(frozen=True, slots=True)
class Change:
    """Files that were written, made or removed at about the same time."""

    python: tuple[Path, ...]
    templates: tuple[Path, ...]


class Watcher:
    """Calls `on_change` from a thread of its own until it is stopped."""

    def __init__(self, root: Path, scratch: Path, on_change: Callable[[Change], None]) -> None:
        self._root = root
        self._ignored = IgnoredByGit(root, scratch)
        self._on_change = on_change
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Stop watching; returns when the thread has ended."""
        self._stopped.set()
        self._thread.join(2)

    def _watch(self) -> None:
        # a folder is watched by itself, so that none of node_modules is; a new one begins this anew
        known: set[Path] = set()
        since = time.time()
        while not self._stopped.is_set():
            folders = watched_folders(self._root, self._ignored)
            new = folders - known if known else set()
            known = folders
            self._watch_folders(folders, partial(_written, folders, since, new))
            since = time.time()

    def _watch_folders(self, folders: set[Path], missed: Callable[[], set[Path]]) -> None:
        """Report changes until a folder appears, or is gone; first those that came before."""
        from watchfiles import watch

        first = True
        for changes in watch(
            *sorted(folders),
            watch_filter=None,
            debounce=DEBOUNCE,
            step=QUIET,
            rust_timeout=TIMEOUT,
            yield_on_timeout=True,
            stop_event=self._stopped,
            raise_interrupt=False,
            recursive=False,
            ignore_permission_denied=True,
        ):
            paths = {Path(name) for _, name in changes}
            if first:
                paths |= missed()
                first = False
            self._report(paths)
            if any(path in folders or _is_new_folder(path, folders) for path in paths):
                return

    def _report(self, paths: Iterable[Path]) -> None:
        wanted = [path for path in sorted(paths) if path.suffix == ".py" or _is_template(path)]
        if not wanted:
            return
        ignored = self._ignored.among(wanted)
        own = [path for path in wanted if path not in ignored]
        python = tuple(path for path in own if path.suffix == ".py")
        templates = tuple(path for path in own if path.suffix != ".py")
        if own:
            self._on_change(Change(python, templates))


def watched_folders(root: Path, ignored: IgnoredByGit) -> set[Path]:
    """The folders of the project, without those that git ignores and those of installed code."""
    found = {root}
    level = [root]
    while level and len(found) < MOST_FOLDERS:
        below = [folder for parent in level for folder in _folders_in(parent)]
        hidden = ignored.among(below)
        level = [folder for folder in below if folder not in hidden]
        found.update(level)
    return found


def _folders_in(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []
    return [folder / name for name in sorted(names) if not _is_foreign(folder / name)]


def _is_new_folder(path: Path, folders: set[Path]) -> bool:
    return path not in folders and path.is_dir() and not _is_foreign(path)


def _is_foreign(folder: Path) -> bool:
    """Whether a folder has no code of the project, whatever git knows of it."""
    if folder.name.startswith((".", "__")) or folder.name in FOREIGN:
        return True
    return (folder / "pyvenv.cfg").exists()


def _written(folders: Iterable[Path], since: float, new: Collection[Path]) -> set[Path]:
    """What was written while nothing was watched, and all that is in new folders."""
    found: set[Path] = set()
    for folder in folders:
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_file() and (folder in new or entry.stat().st_mtime >= since):
                    found.add(Path(entry.path))
    return found


def _is_template(path: Path) -> bool:
    return path.suffix in OF_TEMPLATES or bool(TEMPLATE_FOLDERS & set(path.parent.parts))


class IgnoredByGit:
    """Asks git which files it ignores. Where there is no repository, by the .gitignore files
    alone; where there is no git, it ignores nothing."""

    def __init__(self, root: Path, scratch: Path) -> None:
        self._root = root
        # hooks and git aliases of a shell have set some, for another repository
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        self._environment = kept
        self._options: list[str] | None = ["-c", "safe.directory=*"]
        if not self._answers("rev-parse", "--git-dir"):
            empty = str(scratch / "git")
            if not self._answers("init", "-q", "--bare", empty):
                self._options = None
                return
            self._options += [f"--git-dir={empty}", f"--work-tree={root}"]

    def among(self, paths: Iterable[Path]) -> set[Path]:
        """Those of the paths that git ignores."""
        paths = list(paths)
        if self._options is None or not paths:
            return set()
        question = b"\0".join(os.fsencode(path) for path in paths)
        answer = self._ask(["check-ignore", "-z", "--stdin"], question)
        if answer is None:
            return set()
        return {Path(os.fsdecode(name)) for name in answer.split(b"\0") if name}

    def _answers(self, *arguments: str) -> bool:
        return self._ask(list(arguments), b"") is not None

    def _ask(self, arguments: list[str], question: bytes) -> bytes | None:
        """The answer of git; None where it fails. check-ignore ends with 1 where none is."""
        assert self._options is not None
        try:
            ran = subprocess.run(
                ["git", *self._options, *arguments],
                cwd=self._root,
                env=self._environment,
                input=question,
                capture_output=True,
                timeout=GIT_TIMEOUT,
                check=False,
            )
        except (OSError, subprocess.SubprocessError):
            return None
        if ran.returncode > (arguments[0] == "check-ignore"):
            return None
        return ran.stdout
