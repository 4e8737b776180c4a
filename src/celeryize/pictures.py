"""A day of the Beat schedule as SVG or HTML, and its runs as a calendar. Text out, nothing printed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from html import escape

HOUR = 36
ROW = 22
LEFT = 220
TOP = 34


def svg(runs: Mapping[str, Sequence[datetime]], zone: str) -> str:
    """24 hours by entry: a mark for each run, so that pile-ups at full hours show."""
    width, height = LEFT + 24 * HOUR + 20, TOP + ROW * max(len(runs), 1) + 20
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        'font-family="monospace" font-size="12">',
        f"<title>Runs of the next 24 hours ({escape(zone)})</title>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for hour in range(25):
        x = LEFT + hour * HOUR
        lines.append(f'<line x1="{x}" y1="{TOP - 6}" x2="{x}" y2="{height - 14}" stroke="#dddddd"/>')
        if hour % 3 == 0 and hour < 24:
            lines.append(f'<text x="{x + 2}" y="{TOP - 12}" fill="#666666">{hour:02d}:00</text>')
    for number, (name, times) in enumerate(runs.items()):
        y = TOP + number * ROW
        lines.append(f'<text x="8" y="{y + 14}">{escape(name[:28])}</text>')
        for minute in sorted({run.hour * 60 + run.minute for run in times}):
            left = LEFT + minute * HOUR / 60
            lines.append(f'<rect x="{left:.1f}" y="{y + 3}" width="2" height="{ROW - 6}" fill="#37814a"/>')
    return "\n".join([*lines, "</svg>"]) + "\n"


def html(runs: Mapping[str, Sequence[datetime]], zone: str) -> str:
    """The same picture as a page of its own."""
    return (
        '<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><title>Beat schedule</title></head>\n'
        f"<body>\n<h1>Runs of the next 24 hours ({escape(zone)})</h1>\n{svg(runs, zone)}</body>\n</html>\n"
    )


def ics(runs: Mapping[str, Sequence[datetime]]) -> str:
    """The runs as events of an iCalendar file (RFC 5545), a minute each."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//celeryize//schedule//EN"]
    for name, times in runs.items():
        for run in times:
            start = run.astimezone(UTC)
            stamp = start.strftime("%Y%m%dT%H%M%SZ")
            end = (start + timedelta(minutes=1)).strftime("%Y%m%dT%H%M%SZ")
            uid = "".join(c if c.isalnum() else "-" for c in name)
            lines += ["BEGIN:VEVENT", f"UID:{uid}-{stamp}@celeryize", f"DTSTAMP:{stamp}", f"DTSTART:{stamp}"]
            lines += [f"DTEND:{end}", f"SUMMARY:{_text(name)}", "END:VEVENT"]
    return "\r\n".join([*(_folded(line) for line in lines), "END:VCALENDAR", ""])


def _text(value: str) -> str:
    for old, new in (("\\", "\\\\"), (";", "\\;"), (",", "\\,"), ("\n", "\\n")):
        value = value.replace(old, new)
    return value


def _folded(line: str) -> str:
    """A line of at most 75 octets, the rest on lines that begin with a space."""
    data = line.encode()
    pieces = []
    while len(data) > 73:
        cut = 73
        while data[cut] & 0xC0 == 0x80:
            cut -= 1
        pieces.append(data[:cut].decode())
        data = data[cut:]
    return "\r\n ".join([*pieces, data.decode()])
