"""The timeline begins now, has dates, a legend, tooltips, and says why a row is empty."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

from celeryize.pictures import make_timeline, render_html, render_svg, text_timeline

NOW = datetime(2026, 11, 28, 13, 27, tzinfo=UTC)


@dataclass(frozen=True)
class Entry:
    name: str
    schedule: str = "<crontab: 30 8 * * * (m/h/dM/MY/d)>"
    runs: tuple[str, ...] = ()
    problem: str | None = None


def runs(*hours: float) -> tuple[str, ...]:
    return tuple((NOW + timedelta(hours=hour)).isoformat() for hour in hours)


ENTRIES = (
    Entry("poll", "<freq: 1.00 hour>", runs(*(n / 2 for n in range(1, 40)))),
    Entry("on-friday", "<crontab: 30 8 * * fri (m/h/dM/MY/d)>", runs(140)),
    Entry("broken", problem="no argument 'x'"),
)


def test_it_begins_at_this_hour_and_has_dates():
    lines = list(text_timeline(make_timeline(ENTRIES, "UTC", NOW), 80))
    assert lines[0].split() == ["Sat", "28", "Nov", "Sun", "29", "Nov", "UTC"]
    assert lines[1].split() == ["13", "16", "19", "22", "01", "04", "07", "10", "13"]
    assert lines[2] == f"{'poll':<11}·{'1' * 39}{'·' * 10}"
    # the date is above its midnight
    assert lines[0].index("Sun") - lines[0].index("Sat") == 2 * 11


def test_an_empty_row_says_why():
    lines = list(text_timeline(make_timeline(ENTRIES, "UTC", NOW), 80))
    assert lines[3].startswith("on-friday  not in these 24 hours: at 08:30 on Friday, next ")
    assert lines[4] == "broken     no argument 'x'"
    assert "#: ten or more" in lines[5]


def test_a_long_name_has_a_line_of_its_own():
    entry = Entry("a-name-that-is-far-too-long-for-a-row-of-80", runs=runs(1))
    lines = list(text_timeline(make_timeline([entry], "UTC", NOW), 80))
    assert lines[2] == entry.name and max(map(len, lines)) <= 80


def test_the_clock_of_the_zone_is_shown_also_over_a_change_of_it():
    before = datetime(2026, 10, 24, 16, 0, tzinfo=UTC)
    lines = list(text_timeline(make_timeline([], "Europe/Paris", before), 80))
    # 25 October 2026 has 25 hours
    assert lines[1].split() == ["18", "21", "00", "02", "05", "08", "11", "14", "17"]


def test_the_picture_has_tooltips_and_follows_the_browser():
    svg = render_svg(make_timeline(ENTRIES, "UTC", NOW))
    root = ElementTree.fromstring(svg)
    name = "{http://www.w3.org/2000/svg}"
    marks = [mark for mark in root.iter(f"{name}rect") if mark.get("class") == "run"]
    # the legend has one, too
    assert len(marks) == 40
    assert marks[0].find(f"{name}title").text == "poll: Sat 2026-11-28 13:57 +00:00"
    assert root.get("width") == "100%" and root.get("viewBox")
    assert "prefers-color-scheme: dark" in svg and "Sun 2026-11-29" in svg
    page = render_html(make_timeline(ENTRIES, "UTC", NOW))
    assert 'name="color-scheme" content="light dark"' in page
