"""What git knows about a file: asked by plumbing that runs no hook, no filter and no monitor of the
repository.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from celeryize.model import Where


def is_committed(root: Path, path: PurePosixPath, data: bytes) -> bool:
    """Whether the newest commit has `data` as the file `path` below `root`; False where git does
    not answer.

    Both as it is and with the newlines that git stores where `core.autocrlf` is on.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    # The repository may belong to somebody else, in a container for example; ls-tree only reads.
    command = ["git", "-c", "safe.directory=*", "ls-tree", "-z", "HEAD", "--", str(path)]
    try:
        ran = subprocess.run(
            command, cwd=root, env=environment, capture_output=True, timeout=10, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return False
    words = ran.stdout.split(None, 3)
    if ran.returncode or len(words) < 3:
        return False
    return words[2].decode() in {
        blob_id(data, words[2]),
        blob_id(data.replace(b"\r\n", b"\n"), words[2]),
    }


def ignored_files(root: Path, paths: Sequence[PurePosixPath]) -> dict[PurePosixPath, Where]:
    """Those of some files below `root` that are in no commit because git ignores them, with the
    line that says so; none where git does not answer."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    options = ["-c", "safe.directory=*", "-c", "core.fsmonitor=false"]
    command = ["git", *options, "check-ignore", "-v", "-z", "--stdin"]
    asked = "\0".join(map(str, paths)).encode("utf-8", "surrogateescape")
    try:
        ran = subprocess.run(
            command,
            cwd=root,
            env=environment,
            input=asked,
            capture_output=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return {}
    # source, line, pattern, path, and so on
    words = ran.stdout.decode("utf-8", "surrogateescape").split("\0")
    found: dict[PurePosixPath, Where] = {}
    for source, line, pattern, path in zip(*(words[n:-1:4] for n in range(4)), strict=False):
        # a pattern with ! keeps the file
        if not pattern.startswith("!"):
            found[PurePosixPath(path)] = Where(PurePosixPath(source), int(line))
    return found


def blob_id(data: bytes, like: bytes) -> str:
    """The name that git gives to a file's content, in the kind of hash (SHA-1 or SHA-256) of the
    name `like`.
    """
    content = b"blob %d\0%b" % (len(data), data)
    if len(like) == 64:
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()
