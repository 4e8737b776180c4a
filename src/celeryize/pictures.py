"""The runs of Beat's entries as text, SVG, HTML or a calendar. Text out, nothing printed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from html import escape
from typing import Protocol

from celeryize.printable import printable, printable_xml

HALF_HOURS = 48
# Of the picture, in pixels: an hour, an entry, and the margins for the names and the hours.

HOUR = 36
ROW = 22
LEFT = 220
TOP = 34


class HasRuns(Protocol):
    """An entry of the schedule, as far as it matters here; its runs are ISO dates."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def runs(self) -> Sequence[str]:
        """Its next runs."""


def format_moment(moment: str) -> str:
    """`Tue 2026-11-24 08:00 +01:00` for an ISO date."""
    parsed = datetime.fromisoformat(moment)
    seconds = ""
    if parsed.second:
        seconds = parsed.strftime(":%S")
    offset = parsed.strftime("%z")
    return parsed.strftime("%a %Y-%m-%d %H:%M") + f"{seconds} {offset[:3]}:{offset[3:5]}"


def runs_by_entry(entries: Iterable[HasRuns]) -> dict[str, list[datetime]]:
    """The runs of each entry as dates."""
    return {entry.name: [datetime.fromisoformat(run) for run in entry.runs] for entry in entries}


def text_timeline(runs: Iterable[datetime]) -> str:
    """48 half hours as characters: how many runs start in each."""
    count = Counter(run.hour * 2 + run.minute // 30 for run in runs)
    return "".join(_mark(count.get(slot, 0)) for slot in range(HALF_HOURS))


def _mark(count: int) -> str:
    if not count:
        return "\u00b7"
    if count < 10:
        return str(count)
    return "#"


def busiest_minute(runs: Mapping[str, Sequence[datetime]]) -> tuple[str, int] | None:
    """The minute in which most runs start, and how many; None without runs."""
    count = Counter(run.strftime("%H:%M") for times in runs.values() for run in times)
    if not count:
        return None
    # of several, the earliest: max keeps the first
    return max(sorted(count.items()), key=lambda item: item[1])


def render_svg(runs: Mapping[str, Sequence[datetime]], zone: str) -> str:
    """24 hours by entry: a mark for each run, so that pile-ups at full hours show."""
    width, height = LEFT + 24 * HOUR + 20, TOP + ROW * max(len(runs), 1) + 20
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        'font-family="monospace" font-size="12">',
        f"<!-- celeryize schedule --><title>Runs of the next 24 hours ({escape(zone)})</title>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for hour in range(25):
        x = LEFT + hour * HOUR
        lines.append(
            f'<line x1="{x}" y1="{TOP - 6}" x2="{x}" y2="{height - 14}" stroke="#dddddd"/>'
        )
        if hour % 3 == 0 and hour < 24:
            lines.append(f'<text x="{x + 2}" y="{TOP - 12}" fill="#666666">{hour:02d}:00</text>')
    for number, (name, times) in enumerate(runs.items()):
        y = TOP + number * ROW
        shown = escape(printable_xml(name)[:28])
        lines.append(f'<text x="8" y="{y + 14}">{shown}</text>')
        # runs of the same minute are one mark
        for minute in sorted({run.hour * 60 + run.minute for run in times}):
            left = LEFT + minute * HOUR / 60
            lines.append(
                f'<rect x="{left:.1f}" y="{y + 3}" width="2" height="{ROW - 6}" fill="#37814a"/>'
            )
    return "\n".join([*lines, "</svg>"]) + "\n"


def render_html(runs: Mapping[str, Sequence[datetime]], zone: str) -> str:
    """The same picture as a page of its own."""
    return (
        '<!doctype html>\n<html lang="en">\n'
        '<head><meta charset="utf-8"><meta name="generator" content="celeryize">'
        "<title>Beat schedule</title></head>\n"
        f"<body>\n<h1>Runs of the next 24 hours ({escape(zone)})</h1>\n"
        f"{render_svg(runs, zone)}</body>\n</html>\n"
    )


def render_calendar(runs: Mapping[str, Sequence[datetime]]) -> str:
    """The runs as events of an iCalendar file (RFC 5545), a minute each."""
    # only for this answer: it takes a tenth of a second to load
    from icalendar import Calendar, Event

    calendar = Calendar()
    calendar.add("prodid", "-//celeryize//schedule//EN")
    calendar.add("version", "2.0")
    for number, (name, times) in enumerate(runs.items()):
        for run in times:
            start = run.astimezone(UTC)
            event = Event()
            # two names may differ in nothing that a UID can hold, so it has the entry's number
            event.add("uid", f"{number}-{start:%Y%m%dT%H%M%SZ}@celeryize")
            # the same input gives the same bytes: the run itself, and no clock
            event.add("dtstamp", start)
            event.add("dtstart", start)
            # an event without a length is not shown by some calendars
            event.add("dtend", start + timedelta(minutes=1))
            event.add("summary", printable(name))
            calendar.add_component(event)
    text: bytes = calendar.to_ical()
    return text.decode()
