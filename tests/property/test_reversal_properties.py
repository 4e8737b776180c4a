"""Later edits away from our lines: what an undo gives is these edits of the original, to the byte."""

from pathlib import PurePosixPath

from hypothesis import given, settings
from hypothesis import strategies as st

from celeryize.reversal import Clash, take_back

ENDS = st.sampled_from([b"\n", b"\r\n"])
PATHS = st.sampled_from(["settings.py", "requirements.txt", "run.sh", "compose.yml"])


@st.composite
def histories(draw):
    """A file of distinct lines, lines put into it, and edits that leave a line between, or take
    out lines that were put in.
    """
    end = draw(ENDS)
    count = draw(st.integers(3, 30))
    path = draw(PATHS)
    form = {"settings.py": "A{} = {}", "compose.yml": "a{}: {}"}.get(path, "a{}=={}")
    lines = [form.format(number, 0).encode() + end for number in range(count)]
    places = draw(st.sets(st.integers(0, count), min_size=1, max_size=4))
    near = {place - 1 for place in places} | places
    free = [number for number in range(count) if number not in near]
    edited = draw(st.dictionaries(st.sampled_from(free), ACTIONS)) if free else {}
    # some of what was put in is taken out already, not all
    dropped = draw(st.sets(st.sampled_from(sorted(places)), max_size=len(places) - 1))

    def text(*, ours: bool, theirs: bool) -> bytes:
        pieces = []
        for number in range(count + 1):
            if ours and number in places and not (theirs and number in dropped):
                pieces += [
                    form.format(f"_ours{number}_{part}", 1).encode() + end for part in (1, 2)
                ]
            if number < count:
                action = edited.get(number, "keep") if theirs else "keep"
                pieces += after(action, lines[number], form, number, end)
        return b"".join(pieces)

    return (
        PurePosixPath(path),
        text(ours=False, theirs=False),
        text(ours=True, theirs=False),
        text(ours=True, theirs=True),
        text(ours=False, theirs=True),
    )


ACTIONS = st.sampled_from(["delete", "change", "double", "blank"])


def after(action: str, line: bytes, form: str, number: int, end: bytes) -> list[bytes]:
    match action:
        case "delete":
            return []
        case "change":
            return [form.format(number, 7).encode() + end]
        case "double":
            return [line, form.format(f"_mine{number}", 2).encode() + end]
        case "blank":
            return [end, line, end]
    return [line]


@settings(max_examples=100, deadline=None)
@given(histories())
def test_an_undo_is_the_edits_of_the_original(history):
    path, before, written, now, wanted = history
    assert take_back(path, before, written, now) == wanted


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(["settings.py", "Procfile", "run.sh"]),
    *[st.lists(st.sampled_from([b"a = 1\n", b"b = 2\n", b"\n", b"c: 3"]), max_size=7)] * 3,
)
def test_nothing_but_lines_of_the_three_versions_is_ever_written(name, before, written, now):
    """Any three files: it clashes, or every line of the result is of now or of before."""
    versions = (b"".join(before), b"".join(written), b"".join(now))
    try:
        result = take_back(PurePosixPath(name), *versions)
    except Clash:
        return
    known = {line.strip() for line in (versions[0] + b"\n" + versions[2]).split(b"\n")}
    assert {line.strip() for line in (result or b"").split(b"\n")} <= known
