"""The runs of Beat's entries as text, SVG, HTML or a calendar. Text out, nothing printed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from html import escape
from typing import Protocol

from celeryize.printable import printable, printable_xml
from celeryize.schedule_words import first_run_words, schedule_words

# 24 from now, and what has passed of this hour.
HOURS = 25
HALF_HOURS = 2 * HOURS
# So many runs in half an hour have no digit any more.
MANY = 10
# Of the picture, in its own units: an hour, an entry, and the margins.
HOUR = 36
ROW = 24
LEFT = 230
TOP = 58
BOTTOM = 40
RIGHT = 24
LONGEST_NAME = 28
LEGEND = "1-9: runs that start in a half hour; #: ten or more"
STYLE = """
svg { --back: #ffffff; --text: #1f2328; --dim: #656d76; --line: #d8dee4; --run: #2c7a45; }
svg { --day: #8c959f; --none: #8a5a00; }
@media (prefers-color-scheme: dark) {
  svg { --back: #0d1117; --text: #e6edf3; --dim: #8d96a0; --line: #30363d; --run: #4ac26b; }
  svg { --day: #6e7681; --none: #d9a441; }
}
.back { fill: var(--back); } .name { fill: var(--text); } .dim { fill: var(--dim); }
.line { stroke: var(--line); } .day { stroke: var(--day); } .none { fill: var(--none); }
.run { fill: var(--run); } .run:hover { stroke: var(--text); stroke-width: 2; }
"""


class HasRuns(Protocol):
    """An entry of the schedule, as far as it matters here; its runs are ISO dates."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def runs(self) -> Sequence[str]:
        """Its next runs."""

    @property
    def schedule(self) -> str:
        """The repr of its schedule."""

    @property
    def problem(self) -> str | None:
        """Why it cannot be sent."""


@dataclass(frozen=True, slots=True)
class Row:
    """An entry in the picture: its schedule in words, its runs, and why there are none."""

    name: str
    words: str
    runs: tuple[datetime, ...]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Timeline:
    """The hour that it is now and the 24 after it, and an entry a row."""

    start: datetime
    zone: str
    rows: tuple[Row, ...]


def make_timeline(entries: Iterable[HasRuns], zone: str, now: datetime) -> Timeline:
    """The runs of the next 24 hours, in the time zone of the schedule."""
    rows: list[Row] = []
    entries = tuple(entries)
    first = next((datetime.fromisoformat(run) for entry in entries for run in entry.runs), None)
    start = now.astimezone(_zone_of(zone, first)).replace(minute=0, second=0, microsecond=0)
    end = start + timedelta(hours=HOURS)
    for entry in entries:
        words = schedule_words(entry.schedule)
        runs = tuple(datetime.fromisoformat(run) for run in entry.runs)
        inside = tuple(run for run in runs if start <= run < end)
        rows.append(Row(entry.name, words, inside, _reason(entry, words, inside)))
    return Timeline(start, zone, tuple(rows))


def _reason(entry: HasRuns, words: str, inside: Sequence[datetime]) -> str:
    """Why a row is empty."""
    if inside:
        return ""
    if entry.problem:
        return entry.problem
    if entry.runs:
        when = first_run_words(entry.schedule) or f"next {format_moment(entry.runs[0])}"
        return f"not in these 24 hours: {words}, {when}"
    return f"not in these 24 hours: {words}"


def _zone_of(zone: str, first: datetime | None) -> tzinfo:
    """The zone by its name; where this machine does not know it, the offset of the first run."""
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        if first is not None and first.tzinfo is not None:
            return first.tzinfo
        return UTC


def format_moment(moment: str) -> str:
    """`Tue 2026-11-24 08:00 +01:00` for an ISO date."""
    return _spelled(datetime.fromisoformat(moment))


def _spelled(parsed: datetime) -> str:
    seconds = ""
    if parsed.second:
        seconds = parsed.strftime(":%S")
    offset = parsed.strftime("%z")
    return parsed.strftime("%a %Y-%m-%d %H:%M") + f"{seconds} {offset[:3]}:{offset[3:5]}"


def runs_by_entry(entries: Iterable[HasRuns]) -> dict[str, list[datetime]]:
    """The runs of each entry as dates."""
    return {entry.name: [datetime.fromisoformat(run) for run in entry.runs] for entry in entries}


def text_timeline(timeline: Timeline, width: int) -> Iterator[str]:
    """The picture as lines: dates, hours, a row for each entry, and what the signs mean.

    A name that leaves no room in `width` has a line of its own.
    """
    longest = max((len(row.name) for row in timeline.rows), default=0)
    margin = longest + 2
    if margin + HALF_HOURS > width:
        margin = 2
    yield f"{'':<{margin}}{_dates(timeline)}  {timeline.zone}".rstrip()
    yield f"{'':<{margin}}{_hours(timeline)}".rstrip()
    for row in timeline.rows:
        if margin == 2:
            yield row.name
            yield f"{'':<{margin}}{_signs(row, timeline)}"
        else:
            yield f"{row.name:<{margin}}{_signs(row, timeline)}"
    yield LEGEND
    busiest = busiest_minute({row.name: row.runs for row in timeline.rows})
    if busiest:
        minute, count = busiest
        yield f"Busiest minute: {minute}, {count} run{'s' if count > 1 else ''}."


def _moments(timeline: Timeline) -> Iterator[tuple[int, datetime]]:
    """Each hour of the picture, as its clock shows it."""
    for hour in range(HOURS + 1):
        moment = timeline.start.astimezone(UTC) + timedelta(hours=hour)
        yield hour, moment.astimezone(timeline.start.tzinfo)


def _dates(timeline: Timeline) -> str:
    line = [" "] * HALF_HOURS
    for hour, moment in _moments(timeline):
        if hour in (0, HOURS) or moment.hour:
            continue
        _put(line, 2 * hour, moment.strftime("%a %d %b"))
    text = timeline.start.strftime("%a %d %b")
    if "".join(line[: len(text) + 1]).strip() == "":
        _put(line, 0, text)
    return "".join(line)


def _hours(timeline: Timeline) -> str:
    line = [" "] * HALF_HOURS
    for hour, moment in _moments(timeline):
        if hour % 3 == 0 and hour < HOURS:
            _put(line, 2 * hour, moment.strftime("%H"))
    return "".join(line)


def _put(line: list[str], place: int, text: str) -> None:
    for index, character in enumerate(text):
        if place + index < len(line):
            line[place + index] = character


def _signs(row: Row, timeline: Timeline) -> str:
    if row.reason:
        return row.reason
    count = Counter(int(_hours_after(run, timeline) * 2) for run in row.runs)
    return "".join(_sign(count.get(slot, 0)) for slot in range(HALF_HOURS))


def _sign(count: int) -> str:
    if not count:
        return "\u00b7"
    if count < MANY:
        return str(count)
    return "#"


def _hours_after(run: datetime, timeline: Timeline) -> float:
    return (run - timeline.start).total_seconds() / 3600


def busiest_minute(runs: Mapping[str, Sequence[datetime]]) -> tuple[str, int] | None:
    """The minute in which most runs start, and how many; None without runs."""
    count = Counter(run.strftime("%H:%M") for times in runs.values() for run in times)
    if not count:
        return None
    # of several, the earliest: max keeps the first
    return max(sorted(count.items()), key=lambda item: item[1])


def render_svg(timeline: Timeline) -> str:
    """24 hours by entry: a mark for each run, so that pile-ups at full hours show."""
    width = LEFT + HOURS * HOUR + RIGHT
    height = TOP + ROW * max(len(timeline.rows), 1) + BOTTOM
    title = f"Runs of the next 24 hours ({escape(timeline.zone)})"
    # the style first, so that the mark of ours is in the first bytes of the file
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="100%" '
        f'style="max-width: {width * 2}px" font-family="ui-monospace, monospace" font-size="12">',
        f"<!-- celeryize schedule --><title>{title}</title>",
        f"<style>{STYLE}</style>",
        f'<rect class="back" width="{width}" height="{height}"/>',
        *_grid(timeline, height),
    ]
    for number, row in enumerate(timeline.rows):
        lines += _svg_row(timeline, row, TOP + number * ROW)
    lines += _legend(height)
    return "\n".join([*lines, "</svg>"]) + "\n"


def _grid(timeline: Timeline, height: int) -> Iterator[str]:
    """The lines of the hours, with a date at the beginning and at midnight."""
    bottom = height - BOTTOM + 6
    for hour, moment in _moments(timeline):
        x = LEFT + hour * HOUR
        kind = "line"
        if not moment.hour:
            kind = "day"
        yield f'<line class="{kind}" x1="{x}" y1="{TOP - 8}" x2="{x}" y2="{bottom}"/>'
        if hour % 3 == 0 and hour < HOURS:
            yield f'<text class="dim" x="{x}" y="{TOP - 14}">{moment:%H:%M}</text>'
        # the date of the beginning, unless midnight is too near for both
        near = hour == 0 and moment.hour > 20
        if hour < HOURS - 2 and (not moment.hour or hour == 0) and not near:
            yield f'<text class="name" x="{x}" y="{TOP - 32}">{moment:%a %Y-%m-%d}</text>'
    yield f'<text class="dim" x="8" y="{TOP - 32}">{escape(printable_xml(timeline.zone))}</text>'


def _svg_row(timeline: Timeline, row: Row, y: int) -> Iterator[str]:
    name = printable_xml(row.name)
    shown = name
    if len(name) > LONGEST_NAME:
        shown = f"{name[: LONGEST_NAME - 1]}\u2026"
    words = escape(printable_xml(row.words))
    yield (
        f'<text class="name" x="8" y="{y + 15}">{escape(shown)}'
        f"<title>{escape(name)}: {words}</title></text>"
    )
    if row.reason:
        reason = escape(printable_xml(row.reason))
        yield f'<text class="none" x="{LEFT + 6}" y="{y + 15}">{reason}</text>'
    # runs of the same minute are one mark
    minutes = Counter(run.replace(second=0, microsecond=0) for run in row.runs)
    for moment, count in sorted(minutes.items()):
        left = LEFT + _hours_after(moment, timeline) * HOUR
        times = f", {count} times" if count > 1 else ""
        yield (
            f'<rect class="run" x="{left:.1f}" y="{y + 3}" width="3" height="{ROW - 6}" rx="1">'
            f"<title>{escape(name)}: {_spelled(moment)}{times}</title></rect>"
        )


def _legend(height: int) -> Iterator[str]:
    y = height - 12
    yield f'<rect class="run" x="{LEFT}" y="{y - 10}" width="3" height="12" rx="1"/>'
    yield (
        f'<text class="dim" x="{LEFT + 10}" y="{y}">a run; point at it for its time. '
        "It begins at the hour that it was drawn in.</text>"
    )


def render_html(timeline: Timeline) -> str:
    """The same picture as a page of its own, as wide as the window."""
    return (
        '<!doctype html>\n<html lang="en">\n'
        '<head><meta charset="utf-8"><meta name="generator" content="celeryize">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        "<title>Beat schedule</title>"
        "<style>body { font-family: system-ui, sans-serif; margin: 1.5rem; }"
        " h1 { font-size: 1.2rem; font-weight: 600; }</style></head>\n"
        f"<body>\n<h1>Runs of the next 24 hours ({escape(timeline.zone)})</h1>\n"
        f"{render_svg(timeline)}</body>\n</html>\n"
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
