"""draft.py: what is planned, and why; the status of a step is decided in one place."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from celeryize.draft import Draft
from celeryize.errors import CannotPatch
from celeryize.model import Todo, Where

FILE = PurePosixPath("tasks.py")


def steps(draft: Draft) -> list[tuple[str, str, str]]:
    return [(str(step.path), step.status.value, step.what) for step in draft.plan().steps]


def test_the_status_of_a_write_is_that_of_the_file_before_it(tmp_path: Path):
    draft = Draft(tmp_path)
    draft.write(FILE, b"a = 1\n", "first")
    draft.write(FILE, b"a = 1\n", "again")
    draft.write(FILE, b"a = 2\n", "otherwise")
    assert steps(draft) == [
        ("tasks.py", "create", "first"),
        ("tasks.py", "identical", "again"),
        ("tasks.py", "update", "otherwise"),
    ]
    assert [(edit.before, edit.after) for edit in draft.plan().edits] == [(None, b"a = 2\n")]


def test_a_file_that_stays_as_it_is_is_a_step_and_no_edit(tmp_path: Path):
    (tmp_path / FILE).write_bytes(b"a = 1\n")
    draft = Draft(tmp_path)
    draft.write(FILE, draft.source(FILE), "the same")
    draft.keep(PurePosixPath("other.py"), "does it already")
    assert draft.plan().edits == ()
    assert steps(draft) == [
        ("tasks.py", "identical", "the same"),
        ("other.py", "identical", "does it already"),
    ]


def test_a_source_is_the_planned_text_and_empty_where_there_is_no_file(tmp_path: Path):
    draft = Draft(tmp_path)
    assert draft.source(FILE).text == ""
    draft.write(FILE, b"a = 1\n", "first")
    assert draft.source(FILE).text == "a = 1\n"


def test_a_deleted_file_is_an_edit_without_bytes(tmp_path: Path):
    (tmp_path / FILE).write_bytes(b"a = 1\n")
    draft = Draft(tmp_path)
    draft.delete(FILE, "held it alone")
    assert steps(draft) == [("tasks.py", "delete", "held it alone")]
    assert [(edit.before, edit.after) for edit in draft.plan().edits] == [(b"a = 1\n", None)]


def test_a_refusal_becomes_a_manual_step_with_its_lines(tmp_path: Path):
    draft = Draft(tmp_path)
    refusal = CannotPatch("no place", snippet="a = 1\n", hint="Paste it.", where=Where(FILE, 3))
    draft.add_manual(refusal)
    draft.add_note("to know")
    plan = draft.plan()
    assert steps(draft) == [("tasks.py", "manual", "no place")]
    assert plan.todos == (Todo("no place", "Paste it.", "a = 1\n", FILE, needed=True),)
    assert plan.notes == ("to know",) and draft.refused == (refusal,)


def test_a_path_that_leads_out_of_the_project_is_refused_and_is_no_step(tmp_path: Path):
    draft = Draft(tmp_path)
    with pytest.raises(CannotPatch, match="leads out of the project"):
        draft.write(PurePosixPath("../other.py"), b"", "never")
    assert steps(draft) == [] and draft.plan().edits == ()
