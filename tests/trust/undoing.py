"""Random rows of commands, taken back in reverse order: the first byte and the first mode; and an edit between."""

from __future__ import annotations

import random

from tests.trust.at_once import MINE, OTHER_ENTRY, OTHER_TASK
from tests.trust.failures import ENTRY, INIT, MAIL, TASK, UNDO
from tests.trust.ground import SEED, Tally, celeryize, made, place, small_project, snapshot

COMMANDS = (
    INIT,
    TASK,
    MAIL,
    ENTRY,
    OTHER_TASK,
    OTHER_ENTRY,
    (*ENTRY[:-2], "--create", *ENTRY[-2:]),
    (*ENTRY[:-3], "5 4 * * *", "--replace", *ENTRY[-2:]),
    ("remove-task", "doctors.greet", "--yes", "--no-verify"),
    ("remove-schedule", "nightly", "--yes", "--no-verify"),
    ("templates", "--copy", "task/plain", "--yes"),
    ("templates", "--copy", "task/email", "--yes"),
)


def run(*, rows: int) -> Tally:
    """So many rows of up to eight commands."""
    tally = Tally("undo", "changes undone")
    chosen = random.Random(SEED)
    for number in range(rows):
        with place() as folder:
            project = made(folder / "project", small_project(), git=chosen.random() < 0.5)
            (project / "config/settings.py").chmod(0o600)
            trees = [snapshot(project)]
            row = [INIT, *(chosen.choice(COMMANDS) for _ in range(chosen.randint(1, 7)))]
            for command in row:
                ran = celeryize(project, *command)
                tally.refused += ran.code != 0
                if snapshot(project) != trees[-1]:
                    trees.append(snapshot(project))
            case = f"row {number}, {[command[:2] for command in row]}"
            while len(trees) > 1:
                last, before = trees.pop(), trees[-1]
                tally.tried += 1
                mine = chosen.choice(
                    [
                        path
                        for path, now in last.items()
                        if before.get(path) != now and now[0] == "file"
                    ]
                    or [""]
                )
                edits = mine and chosen.random() < 0.3
                if not (edits and _edited(tally, case, project / mine, old=mine in before)):
                    ran = celeryize(project, *UNDO)
                    tally.lose(f"{case}: {ran.said[-800:]}", unless=ran.code == 0)
                tally.lose(f"{case}: not as it was before", unless=snapshot(project) == before)
            tally.lose(
                f"{case}: one undo too many",
                unless="nothing to do" in celeryize(project, *UNDO).said,
            )
    return tally


def _edited(tally: Tally, case: str, file, *, old: bool) -> bool:
    """An edit of the user's: undo keeps it (True), or refuses, shows it, and changes nothing.

    `old`: there was such a file before the change.
    """
    text = file.read_bytes()
    file.write_bytes(text + MINE)
    project = next(folder for folder in file.parents if (folder / "manage.py").exists())
    edited = snapshot(project)
    ran = celeryize(project, *UNDO)
    tally.tried += 1
    if ran.code == 0:
        left = file.read_bytes()
        tally.lose(
            f"{case}: the edit of {file.name} is lost",
            unless=left.endswith(MINE) and "kept your later edits" in ran.said,
        )
        # the caller compares what is left with what was there before
        file.write_bytes(left.removesuffix(MINE))
        if not old:
            file.unlink()
        return True
    tally.lose(
        f"{case}: the edit of {file.name} is not refused",
        unless=ran.code == 3 and "+" + MINE.decode() in ran.said,
    )
    tally.lose(f"{case}: the edit of {file.name} is touched", unless=snapshot(project) == edited)
    file.write_bytes(text)
    return False
