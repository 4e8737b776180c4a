"""What Beat writes once it is started stays out of git."""

from __future__ import annotations

from celeryize.detect.project import Project
from celeryize.draft import Draft
from celeryize.patch.gitignore import BEAT_FILES, IGNORES_BEAT, ignore


def ignore_beat_files(project: Project, draft: Draft) -> None:
    """Have git ignore the file of Beat; where there is neither git nor a .gitignore, nothing is
    made.
    """
    before = draft.read(project.gitignore)
    if before is None and not project.is_in_git:
        return
    ignored = ignore(before, BEAT_FILES)
    if ignored != (before or b""):
        draft.write(project.gitignore, ignored, IGNORES_BEAT)
