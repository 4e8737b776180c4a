"""A schedule in words: `at 08:30 on Friday`, of the fields of a crontab or of Celery's repr."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Sequence

DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
# So many moments are still told one by one.
FEW = 6
CRONTAB = re.compile(r"<crontab: (.*) \(m/h/(d/dM/MY|dM/MY/d)\)>\Z")
FREQUENCY = re.compile(r"<freq: ([\d.]+) (second|minute|hour|day)s?>\Z")
INTERVAL = re.compile(r"(?:datetime\.)?timedelta\(([\w=, .]*)\)\Z")
SOLAR = re.compile(r"<solar: (\w+) at latitude ([-\d.]+), longitude:? ([-\d.]+)>\Z")
# of django-celery-beat, see commands/schedule/database.py
STORED = re.compile(r"crontab (\S+) (\S+) (\S+) (\S+) (\S+)(?: \((.*)\))?\Z")
UNITS = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))
SPANS = {"minute": (0, 59), "hour": (0, 23)}


def schedule_words(text: str) -> str:
    """What Celery's repr of a schedule, or of what stands for one, means.

    A text that is none of these comes back without its brackets.
    """
    if found := CRONTAB.match(text):
        fields = _fields_of(found[1])
        if len(fields) == 5:
            minute, hour, *days = fields
            if found[2] == "d/dM/MY":
                weekday, day, month = days
            else:
                day, month, weekday = days
            return crontab_words(minute, hour, day, month, weekday)
    if found := FREQUENCY.match(text):
        number = float(found[1])
        if number % 1:
            # rounded by Celery: 1.08 days is not a number of seconds
            return f"every {number:g} {found[2]}s"
        return interval_words(number * dict(UNITS)[found[2]])
    if found := INTERVAL.match(text):
        return interval_words(_seconds_of(found[1]))
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return interval_words(float(text))
    if found := SOLAR.match(text):
        return f"at {found[1].replace('_', ' ')} at {found[2]}, {found[3]}"
    if found := STORED.match(text):
        zone = f" ({found[6]})" if found[6] else ""
        return crontab_words(*found.groups()[:5]) + zone
    return text.strip("<>")


def first_run_words(text: str) -> str:
    """When an interval is due for the first time: nobody knows when Beat starts, or, from its own
    file alone, when it sent it last. Empty for a schedule that the clock decides."""
    if not (FREQUENCY.match(text) or INTERVAL.match(text) or re.fullmatch(r"\d+(\.\d+)?", text)):
        return ""
    span = schedule_words(text).removeprefix("every ")
    if span in {"minute", "second", "day"}:
        span = f"a {span}"
    elif span[:1].isalpha():
        span = f"an {span}" if span == "hour" else f"one {span}"
    return f"within {span} of Beat's start"


def interval_words(seconds: float) -> str:
    """`every 15 minutes`, `every hour and 30 minutes`."""
    if seconds % 1 or 60 < seconds < 120:
        return f"every {seconds:g} seconds"
    rest = int(seconds)
    parts: list[str] = []
    for unit, size in UNITS:
        count, rest = divmod(rest, size)
        if count == 1:
            parts.append(f"1 {unit}")
        elif count:
            parts.append(f"{count} {unit}s")
    if len(parts) == 1:
        parts = [parts[0].removeprefix("1 ")]
    return f"every {_joined(parts or ['0 seconds'])}"


def crontab_words(minute: str, hour: str, day: str, month: str, weekday: str) -> str:
    """The five fields of a crontab."""
    parts = [_times(minute, hour)]
    if weekday != "*":
        preposition = "from" if re.fullmatch(r"\w+-\w+", weekday) else "on"
        parts.append(f"{preposition} {_names(weekday, DAYS, 0)}")
    if day != "*":
        parts.append(f"on day {_listed(day)} of the month")
    if month != "*":
        parts.append(f"in {_names(month, MONTHS, 1)}")
    if len(parts) == 1 and not parts[0].startswith("every"):
        parts.insert(0, "every day")
    return " ".join(parts)


def _times(minute: str, hour: str) -> str:
    """The moments of a day."""
    minutes, hours = numbers_of(minute, "minute"), numbers_of(hour, "hour")
    if minutes and hours and len(minutes) * len(hours) <= FEW:
        return f"at {_joined([f'{h:02d}:{m:02d}' for h in hours for m in minutes])}"
    step = re.fullmatch(r"\*/(\d+)", hour)
    if step and 24 % int(step[1]) == 0 and len(minutes) == 1:
        past = f" at minute {minutes[0]}" if minutes[0] else ""
        return f"{interval_words(int(step[1]) * 3600)}{past}"
    within = ""
    if hour != "*":
        within = f" {_hours(hour, hours)}"
    if minute == "*":
        return f"every minute{within}"
    step = re.fullmatch(r"\*/(\d+)", minute)
    if step and 60 % int(step[1]) == 0:
        return f"{interval_words(int(step[1]) * 60)}{within}"
    shown = _listed(minute)
    word = "minute" if len(minutes) == 1 else "minutes"
    if hour == "*":
        return f"every hour at {word} {shown}"
    return f"at {word} {shown}{within}"


def _hours(text: str, hours: Sequence[int]) -> str:
    """In which hours."""
    step = re.fullmatch(r"\*/(\d+)", text)
    if step:
        return f"of every {_ordinal(int(step[1]))} hour"
    span = re.fullmatch(r"(\d+)-(\d+)", text)
    if span:
        return f"from {int(span[1]):02d}:00 to {int(span[2]):02d}:59"
    if hours:
        return f"of hour {_joined([str(hour) for hour in hours])}"
    return f"of hour {text}"


def numbers_of(text: str, field: str) -> list[int]:
    """The numbers of a field of minutes or hours; none where it is not written in numbers."""
    low, high = SPANS[field]
    found: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"\s*(?:\*|(\d+)(?:-(\d+))?)(?:/(\d+))?\s*", part)
        if match is None:
            return []
        first = int(match[1] or low)
        last = int(match[2] or (high if match[1] is None else first))
        found |= set(range(first, last + 1, max(1, int(match[3] or 1))))
    return sorted(found)


def _names(text: str, names: Sequence[str], first: int) -> str:
    """`Monday to Friday` for `mon-fri`, `Saturday and Sunday` for `6,0`."""
    parts = []
    for part in text.split(","):
        ends = [_name_of(word, names, first) for word in part.strip().split("-")]
        parts.append(" to ".join(ends))
    return _joined(parts)


def _name_of(word: str, names: Sequence[str], first: int) -> str:
    if word.isdigit() and int(word) - first < len(names):
        return names[int(word) - first]
    found = [name for name in names if word and name.lower().startswith(word.lower())]
    if len(found) == 1:
        return found[0]
    return word


def _listed(text: str) -> str:
    return _joined([part.strip() for part in text.split(",")])


def _joined(parts: Collection[str]) -> str:
    *most, last = parts
    if not most:
        return last
    return f"{', '.join(most)} and {last}"


def _ordinal(number: int) -> str:
    if number in {1, 2, 3}:
        return {1: "", 2: "second", 3: "third"}[number]
    return f"{number}th"


def _fields_of(text: str) -> list[str]:
    """The fields of a crontab's repr, where lists and sets have blanks and brackets."""
    parts = re.findall(r"[\[{(][^\]})]*[\]})]|\S+", text)
    return [re.sub(r"[\[\]{}()\s']", "", part) for part in parts]


def _seconds_of(arguments: str) -> float:
    from datetime import timedelta

    call = ast.parse(f"f({arguments})", mode="eval").body
    assert isinstance(call, ast.Call)
    values = {str(word.arg): ast.literal_eval(word.value) for word in call.keywords}
    names = ("days", "seconds", "microseconds")
    positional = dict(zip(names, (ast.literal_eval(arg) for arg in call.args), strict=False))
    return timedelta(**{**positional, **values}).total_seconds()
