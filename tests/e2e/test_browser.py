"""The timeline in a real browser: a screenshot has the marks, the width of the window, its scheme."""

from __future__ import annotations

import shutil
import struct
import subprocess
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from celeryize.pictures import Row, Timeline, render_html

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
BROWSER = next((found for name in NAMES if (found := shutil.which(name))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="there is no Chromium")
START = datetime(2026, 11, 28, 13, tzinfo=UTC)
GREEN = (44, 122, 69)
BRIGHT_GREEN = (74, 194, 107)

Pixels = list[list[tuple[int, int, int]]]


def screenshot(page: Path, width: int, *, dark: bool = False) -> Pixels:
    """The page as a browser of that width shows it."""
    image = page.with_suffix(".png")
    scheme = ["--blink-settings=preferredColorScheme=0"] if dark else []
    subprocess.run(
        [
            *(BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
            *(f"--user-data-dir={page.parent / 'profile'}", f"--window-size={width},400", *scheme),
            *(f"--screenshot={image}", page.as_uri()),
        ],
        check=True,
        capture_output=True,
        timeout=120,
    )
    return pixels_of(image.read_bytes())


def pixels_of(png: bytes) -> Pixels:
    """The rows of an image of 8 bits a channel, as Chromium writes them (RFC 2083)."""
    place, data, width, depth = 8, b"", 0, 3
    while place < len(png):
        length, kind = struct.unpack(">I4s", png[place : place + 8])
        body = png[place + 8 : place + 8 + length]
        if kind == b"IHDR":
            width, depth = struct.unpack(">I", body[:4])[0], 4 if body[9] == 6 else 3
        elif kind == b"IDAT":
            data += body
        place += length + 12
    raw, step = zlib.decompress(data), width * depth + 1
    above = bytearray(width * depth)
    rows = []
    for start in range(0, len(raw), step):
        row = unfiltered(raw[start], bytearray(raw[start + 1 : start + step]), above, depth)
        rows.append([tuple(row[i : i + 3]) for i in range(0, len(row), depth)])
        above = row
    return rows


def unfiltered(kind: int, row: bytearray, above: bytearray, depth: int) -> bytearray:
    for i in range(len(row)):
        left = row[i - depth] if i >= depth else 0
        corner = above[i - depth] if i >= depth else 0
        guess = left + above[i] - corner
        near = min((left, above[i], corner), key=lambda value: abs(guess - value))
        row[i] = (row[i] + (0, left, above[i], (left + above[i]) // 2, near)[kind]) & 255
    return row


@pytest.fixture
def page(tmp_path: Path) -> Path:
    times = tuple(START + timedelta(hours=hour, minutes=30) for hour in (0, 12, 24))
    rows = (Row("nightly", "every day", times), Row("never", "never", (), "not in these 24 hours"))
    file = tmp_path / "schedule.html"
    file.write_text(render_html(Timeline(START, "UTC", rows)))
    return file


def columns_with(pixels: Pixels, colour: tuple[int, int, int]) -> list[int]:
    """The columns of the marks of the first row: where most of them are, one below the other."""
    rows = [[x for x, pixel in enumerate(row) if pixel == colour] for row in pixels]
    return max(rows, key=len)


def test_the_marks_are_where_their_times_are_and_follow_the_width(page: Path):
    for width in (1200, 900):
        first, middle, last = groups(columns_with(screenshot(page, width), GREEN))
        assert (middle - first) / (last - first) == pytest.approx(12 / 24, abs=0.03)
        assert width * 0.85 < last < width


def groups(columns: list[int]) -> list[int]:
    """Neighbouring columns are one mark."""
    return [x for i, x in enumerate(columns) if i == 0 or x - columns[i - 1] > 2]


def test_a_dark_browser_gets_a_dark_picture(page: Path):
    light, dark = screenshot(page, 900), screenshot(page, 900, dark=True)
    assert light[0][0] == (255, 255, 255) and sum(dark[0][0]) < 150
    assert len(groups(columns_with(dark, BRIGHT_GREEN))) == 3
