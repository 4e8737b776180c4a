"""What a person reads: the end of a command, an error, a summary."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import PurePosixPath

import pytest

from celeryize.checks.outcome import CheckResults, VerifyOutcome
from celeryize.errors import CannotPatch, CeleryizeError, Conflict, Declined, Exit, Unproved
from celeryize.model import Edit, Finding, Plan, Severity, Status, Step, Todo, Where
from celeryize.ui.found import counted, summary_line
from celeryize.ui.machine import Machine
from celeryize.ui.planned import format_message
from celeryize.ui.recap import changes_of, total_of
from celeryize.ui.screen import Screen
from celeryize.ui.terminal import Terminal
from celeryize.ui.view import NoTerminal, View
from tests.views import Recorder

END = {
    ("done", ()): ["Done.", "To undo: celeryize undo"],
    ("done", ("go",)): ["Done. Next:", "  go", "To undo: celeryize undo"],
    ("nothing to do", ()): ["Nothing to do."],
    ("nothing to do", ("go",)): ["Nothing to do. To start it:", "  go"],
    ("manual steps", ("go",)): [
        "Nothing was written: what is left are the manual steps above. After them:",
        "  go",
    ],
    ("would change", ()): ["Nothing was written."],
    ("would change", ("go",)): ["Nothing was written. After applying the change, run:", "  go"],
}


def methods_of(kind: type) -> set[str]:
    return {name for name in dir(kind) if not name.startswith("_")}


@pytest.mark.parametrize("kind", [Screen, Machine, Recorder])
def test_a_view_has_all_that_commands_call(kind: type):
    assert methods_of(View) - {"interactive"} <= methods_of(kind)


@pytest.mark.parametrize(("outcome", "steps"), END)
def test_the_end_says_how_it_ended_and_what_comes_next(outcome, steps, capsys):
    Screen(interactive=False).show_end(outcome, steps)
    assert capsys.readouterr().err.strip("\n").splitlines() == END[outcome, steps]


def test_the_command_that_does_the_same_is_shown_once_it_is_done(capsys):
    Screen(interactive=False).show_end("done", (), "celeryize init --yes")
    assert "To repeat without questions:\n  celeryize init --yes\n" in capsys.readouterr().err


def test_a_refusal_shows_hint_and_lines_and_that_nothing_was_written(capsys):
    error = CannotPatch(
        "no place", snippet="X = 1\n", hint="Paste it.", where=Where(PurePosixPath("a.py"), 3)
    )
    Screen(quiet=True, interactive=False).show_error(error)
    lines = capsys.readouterr().err.strip().splitlines()
    assert lines == ["error: a.py:3: no place", "  Paste it.", "    X = 1", "Nothing was written."]


def test_a_message_that_has_its_place_already_does_not_repeat_it():
    where = Where(PurePosixPath("a.py"), 3)
    assert format_message(CeleryizeError("see a.py:3", where=where)) == "see a.py:3"
    assert format_message(CeleryizeError("a.py is odd", where=where)) == "a.py:3: is odd"


def test_without_a_terminal_a_question_is_an_error_that_has_the_flags():
    with pytest.raises(NoTerminal) as caught:
        Screen(interactive=False).confirm("Write?")
    assert "--yes" in caught.value.hint and "--dry-run" in caught.value.hint


def test_a_number_has_its_noun():
    assert [counted(n, "task") for n in (0, 1, 2)] == ["0 tasks", "1 task", "2 tasks"]


@pytest.mark.parametrize(
    ("found", "depth", "broker", "line"),
    [
        ((), "static", "", "Nothing is wrong: 1 task, 1 check, read"),
        ((Severity.ERROR,) * 2, "static", "", "2 errors: 1 task, 1 check, read"),
        (
            (Severity.WARNING, Severity.INFO),
            "live",
            "filesystem",
            "1 warning, 1 info: 1 task, 1 check, read, imported, and run"
            " on a filesystem broker (on yours: --broker configured)",
        ),
    ],
)
def test_the_summary_is_one_line(found, depth, broker, line):
    findings = tuple(Finding("celery.X", severity, "m") for severity in found)
    verified = VerifyOutcome(
        CheckResults(findings, (), ("celery.X",)), depth, {}, 1, Exit.DONE, broker
    )
    assert summary_line(verified) == line


@pytest.mark.parametrize(
    ("stops", "end"),
    [
        ("No stop loses a running task of 16 s", "run; no stop loses a running task of 16 s"),
        ("Not proved: worker", "run; not proved: worker"),
        ("", "run"),
    ],
)
def test_the_summary_ends_with_what_the_stop_proof_says(stops, end):
    nothing = CheckResults((), (), ("celery.X",))
    verified = VerifyOutcome(nothing, "live", {}, 1, Exit.DONE, stops=stops)
    assert summary_line(verified).endswith(f"and {end}")


@pytest.mark.parametrize(("lines", "words"), [(1, "1 line added"), (2, "2 lines added")])
def test_the_size_of_a_diff_counts_one_line_as_one(lines, words):
    plan = Plan((Edit(PurePosixPath("a"), None, b"x\n" * lines),))
    assert f"1 file, {words}, 0 removed." in total_of(changes_of(plan))


@pytest.mark.parametrize(
    ("before", "after", "size"),
    [
        (None, b"a\nb\n", "+2"),
        (b"a\n", None, "-1"),
        (b"a\nb\n", b"a\nc\nd\n", "+2 -1"),
        # a changed line that looks like the head of a file
        (b"-- x\n", b"++ y\n", "+1 -1"),
        (None, b"", "+0"),
    ],
)
def test_a_file_is_said_with_the_lines_that_come_and_go(before, after, size):
    plan = Plan((Edit(PurePosixPath("a"), before, after),))
    assert [change.size for change in changes_of(plan)] == [size]


def test_a_quiet_run_that_did_nothing_says_nothing(capsys):
    Screen(quiet=True, interactive=False).show_end("nothing to do", ("go",))
    assert capsys.readouterr().err == ""


def test_a_note_is_said_once(capsys):
    screen = Screen(interactive=False)
    for _ in range(2):
        screen.show_note("the cache is not shared")
    assert capsys.readouterr().err.count("the cache is not shared") == 1


def test_what_another_program_said_is_shown_as_it_is(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    line = '  File "/srv/shop/doctors/tests/test_tasks.py", line 4, in test_send'
    Screen(interactive=False).show_error(CeleryizeError(f"the test fails:\nTraceback\n{line}\nx"))
    told = capsys.readouterr().err.splitlines()
    assert f"    {line}" in told and "    x" in told


def test_a_no_is_no_error(capsys):
    Screen(interactive=False).show_error(Declined("Nothing was changed."))
    assert capsys.readouterr().err.strip() == "Nothing was changed."


SAME = "celeryize add-task doctors.remind patient_id:int note:str=hello --kind plain --yes"


@pytest.mark.parametrize("error", [Declined("no"), CannotPatch("no"), Unproved("no"), None])
@pytest.mark.parametrize("command", [SAME, ""])
def test_the_same_answers_are_alone_on_their_line(error, command, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    screen = Screen(interactive=False)
    if error is None:
        screen.show_interruption(["The project is as it was."], command)
    else:
        error.same_answers = command
        screen.show_error(error)
    told = capsys.readouterr().err.splitlines()
    assert (told[-1] == f"  {SAME}") == bool(command)
    assert ("The same answers" in "".join(told)) == bool(command)


@pytest.mark.parametrize("text", [b"URL = 'redis://:secret@host/0'\n", b"URL = 'redis://host/0'\n"])
def test_a_hidden_password_in_a_diff_is_said_once(text, capsys):
    edits = tuple(Edit(PurePosixPath(name), b"", text) for name in ("a.py", "b.py"))
    Screen(interactive=False).show_plan(Plan(edits), with_diff=True)
    shown = capsys.readouterr().err
    is_secret = b"secret" in text
    assert ("redis://:***@host/0" in shown) == is_secret
    assert "secret@" not in shown
    assert (
        shown.count("note: passwords are shown as ***; the files have the real ones.") == is_secret
    )


def verified(*severities: Severity) -> VerifyOutcome:
    """An outcome with a finding in a place of its own for each severity."""
    findings = tuple(
        Finding(f"x.{number}", severity, "It is wrong.", where=Where(PurePosixPath("a.py"), number))
        for number, severity in enumerate(severities, start=1)
    )
    return VerifyOutcome(CheckResults(findings, (), ()), "static", {"python": "3"}, 1, Exit.DONE)


@pytest.mark.parametrize(
    ("severities", "lines", "repeated"),
    [
        (
            [Severity.ERROR, Severity.WARNING],
            "5",
            ["1 error, 1 warning, shown above in full:", "  a.py:1: x.1"],
        ),
        (
            [Severity.WARNING, Severity.INFO],
            "5",
            ["1 warning, shown above in full:", "  a.py:1: x.1"],
        ),
        ([Severity.ERROR] * 7, "9", ["7 errors, shown above in full:", "  and 4 more above"]),
        ([Severity.ERROR, Severity.WARNING], "24", []),
        ([Severity.INFO] * 9, "5", []),
    ],
)
def test_errors_that_have_scrolled_off_are_repeated(
    severities, lines, repeated, capsys, monkeypatch
):
    monkeypatch.setenv("LINES", lines)
    screen = Screen(interactive=False)
    screen._voice.out = Terminal(is_terminal=True, width=80)
    screen.show_verified(verified(*severities))
    shown = capsys.readouterr().out
    assert ("shown above in full" in shown) == bool(repeated)
    assert all(text in shown for text in repeated)


def test_a_pipe_gets_each_finding_once(capsys, monkeypatch):
    monkeypatch.setenv("LINES", "5")
    Screen(interactive=False).show_verified(verified(*[Severity.ERROR] * 7))
    assert "shown above in full" not in capsys.readouterr().out


@pytest.mark.parametrize("verbose", [False, True])
def test_the_facts_stand_below_findings_only_on_request(verbose, capsys):
    screen = Screen(interactive=False, verbose=verbose)
    screen.show_verified(verified(Severity.WARNING))
    assert ("python 3" in capsys.readouterr().err) == verbose
    Screen(interactive=False).show_verified(verified())
    assert "python 3" in capsys.readouterr().err


@pytest.mark.parametrize("severities", [(), (Severity.WARNING,)])
def test_what_is_not_there_yet_is_said_where_nothing_is_wrong(severities, capsys):
    absent = ("a task (celeryize add-task)", "a worker in compose.yml (celeryize add-worker)")
    Screen(interactive=False).show_verified(replace(verified(*severities), absent=absent))
    line = "Not there yet: a task (celeryize add-task); a worker in compose.yml (celeryize add-worker)."
    assert (line in capsys.readouterr().err) == (not severities)


def test_a_refused_undo_ends_with_what_is_wrong_and_what_to_do(capsys):
    error = Conflict("a.py changed", diff="-a\n+b\n", hint="Take it back.", snippet="-x\n" * 40)
    Screen(interactive=False).show_error(error)
    lines = capsys.readouterr().err.strip().splitlines()
    assert lines[0] == "The patch that undoes it manually:"
    assert lines[-7:] == [
        "What was edited since:",
        "-a",
        "+b",
        "",
        "error: a.py changed",
        "  Take it back.",
        "Nothing was written.",
    ]


LONG = "CELERY_BROKER_TRANSPORT_OPTIONS: visibility_timeout 3600, socket_timeout 10, and so on"


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (
            LONG,
            [
                "+CELERY_BROKER_TRANSPORT_OPTIONS: visibility_timeout 3600, socket_timeout 10,",
                "  ... and so on",
            ],
        ),
        ("x" * 100 + " y", ["+" + "x" * 100 + " y"]),
        ("short", ["+short"]),
    ],
)
def test_a_long_line_of_a_diff_is_broken_between_words(line, shown, capsys):
    screen = Screen(interactive=False)
    screen._voice.talk = Terminal(is_terminal=True, width=80)
    screen.show_plan(Plan((Edit(PurePosixPath("a"), b"", f"{line}\n".encode()),)), with_diff=True)
    assert [line for line in capsys.readouterr().err.split("\n") if "@@" not in line][3:-1] == shown


def test_a_patch_to_paste_keeps_its_lines(capsys):
    screen = Screen(interactive=False)
    screen._voice.talk = Terminal(is_terminal=True, width=80)
    screen.show_error(Conflict("changed", diff="-b\n", snippet=f"+{LONG}"))
    assert f"+{LONG}\n" in capsys.readouterr().err


@pytest.mark.parametrize(("lines", "said"), [(40, True), (3, False)])
def test_a_diff_longer_than_the_screen_is_counted_above_the_question(
    lines, said, capsys, monkeypatch
):
    monkeypatch.setenv("LINES", "24")
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    screen = Screen(interactive=True)
    screen.show_plan(Plan((Edit(PurePosixPath("a"), None, b"x\n" * lines),)), with_diff=True)
    assert not screen.confirm("Write?")
    shown = capsys.readouterr().err
    assert (f"The diff above: 1 file, {lines} lines added, 0 removed." in shown) == said


def test_a_diff_is_shown_again_to_who_asks_for_it(capsys, monkeypatch):
    monkeypatch.setenv("LINES", "24")
    monkeypatch.setattr("sys.stdin", io.StringIO("D\nd\ny\n"))
    screen = Screen(interactive=True)
    screen.show_plan(Plan((Edit(PurePosixPath("a"), None, b"x\n" * 40),)), with_diff=True)
    assert screen.confirm("Write?")
    shown = capsys.readouterr().err
    assert shown.count("+x\n") == 3 * 40
    assert shown.count("Write? [y/N]") == 3
    assert "Type y to write" not in shown


@pytest.mark.parametrize(
    ("notes", "files", "named", "counted"),
    [(1, 3, 0, ""), (30, 3, 3, ""), (30, 40, 16, "and 24 more files")],
)
def test_files_that_have_scrolled_off_are_named_again_above_the_question(
    notes, files, named, counted, capsys, monkeypatch
):
    monkeypatch.setenv("LINES", "24")
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    paths = [PurePosixPath(f"f{number}") for number in range(files)]
    screen = Screen(interactive=True)
    plan = Plan(
        tuple(Edit(path, b"", b"x\n" * 20) for path in paths),
        tuple(Step(path, Status.UPDATE, "why") for path in paths),
        notes=tuple(f"note {number}" for number in range(notes)),
    )
    screen.show_plan(plan, with_diff=True)
    screen.show_todos_ahead([todo(1), todo(2)])
    assert not screen.confirm("Write?")
    shown = capsys.readouterr().err
    _, _, recap = shown.partition("In short:\n")
    assert sum(line.startswith("   update  f") for line in recap.splitlines()) == named
    assert counted in recap
    assert ("removed; manual steps for you: 2." in recap) == bool(named)
    # with the question, it fits
    assert len(recap.splitlines()) + 1 <= 24


def todo(number: int, *, needed: bool = False) -> Todo:
    return Todo(f"step {number}", f"why {number}", f"paste {number}\n", needed=needed)


@pytest.mark.parametrize(
    ("todos", "there", "away"),
    [
        ([todo(1)], ["1 manual step for you", "  step 1"], ["why 1", "paste 1"]),
        ([todo(n) for n in range(3)], ["3 manual steps for you", "step 2"], ["paste 2"]),
        ([todo(n) for n in range(6)], ["6 manual steps for you", "--dry-run"], ["step 5"]),
        (
            [todo(1, needed=True), todo(2)],
            ["manual step: step 1", "why 1", "1 more manual step for you", "step 2"],
            ["why 2", "paste 2"],
        ),
        ([todo(1, needed=True)], ["step 1", "why 1"], ["more"]),
    ],
)
def test_manual_steps_are_in_short_before_the_question_and_whole_at_the_end(
    todos, there, away, capsys
):
    screen = Screen(interactive=False)
    screen.show_todos_ahead(todos)
    ahead = capsys.readouterr().err
    assert all(text in ahead for text in there) and not any(text in ahead for text in away)
    screen.show_todos(todos)
    end = capsys.readouterr().err
    assert all(each.what in end and each.why in end and each.snippet in end for each in todos)


@pytest.mark.parametrize(("lines", "in_full"), [("9", 1), ("10", 2), ("11", 3)])
def test_a_warning_is_repeated_in_full_where_all_lines_fit(lines, in_full, capsys, monkeypatch):
    found = [
        Finding(
            f"x.{number}",
            severity,
            "It is wrong.",
            f"Mend {number}.",
            Where(PurePosixPath("a.py"), number),
        )
        for number, severity in enumerate([Severity.ERROR, *[Severity.WARNING] * 2], start=1)
    ]
    monkeypatch.setenv("LINES", lines)
    screen = Screen(interactive=False)
    screen._voice.out = Terminal(is_terminal=True, width=80)
    screen.show_verified(
        VerifyOutcome(CheckResults(tuple(found), (), ()), "static", {}, 1, Exit.DONE)
    )
    again = capsys.readouterr().out.partition("shown above in full:")[2]
    assert again.count("do: Mend") == in_full and again.count("x.") == 3


@pytest.mark.parametrize(
    ("lines", "in_full"), [("11", [1, 3]), ("12", [1, 3, 4]), ("18", [1, 2, 3, 4])]
)
def test_a_long_remedy_does_not_take_the_others_with_it(lines, in_full, capsys, monkeypatch):
    found = [
        Finding(
            f"x.{number}",
            Severity.ERROR,
            "It is wrong.",
            f"Mend {number}. " + "So many words of it. " * (15 if number == 2 else 0),
            Where(PurePosixPath("a.py"), number),
        )
        for number in range(1, 5)
    ]
    monkeypatch.setenv("LINES", lines)
    screen = Screen(interactive=False)
    screen._voice.out = Terminal(is_terminal=True, width=80)
    screen.show_verified(
        VerifyOutcome(CheckResults(tuple(found), (), ()), "static", {}, 1, Exit.DONE)
    )
    again = capsys.readouterr().out.partition("shown above in full:")[2]
    assert [number for number in range(1, 5) if f"do: Mend {number}" in again] == in_full


@pytest.mark.parametrize(
    ("typed", "written", "asked"),
    [
        ("y\n", True, 1),
        ("Yes\n", True, 1),
        ("\n", False, 1),
        ("no\n", False, 1),
        ("q\n", False, 1),
        ("", False, 1),
        ("<\ny\n", True, 2),
        ("celeryize undo\n?\nn\n", False, 3),
        ("yy\n", False, 2),
    ],
)
def test_what_is_neither_yes_nor_no_is_asked_again(typed, written, asked, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    assert Screen(interactive=True).confirm("Write?") == written
    told = capsys.readouterr().err
    assert (told.count("Write? [y/N]"), told.count("Type y to write")) == (asked, asked - 1)
    assert "Your answers" not in told
