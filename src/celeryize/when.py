"""When a periodic task runs: what was typed, as Celery's schedule objects, and what is odd about
it."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass

from celeryize.errors import UsageError
from celeryize.schedule_words import crontab_words, interval_words
from celeryize.spelling import did_you_mean

DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
WHOLE_DAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WHOLE_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
NICKNAMES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
DAYS_IN_WORDS = {"daily": "*", "day": "*", "weekdays": "mon-fri", "weekends": "sat,sun"}
UNITS = {
    "s": ("seconds", 1),
    "m": ("minutes", 60),
    "h": ("hours", 3600),
    "d": ("days", 86400),
    "w": ("weeks", 604800),
}
PART = re.compile(r"(\d+)\s*([a-z]+?)(?=[\s,\d]|and|$)")
# Times of day as people write them, of which --at takes one form.
CLOCK = re.compile(r"(\d{1,2})(?:\s*[:.,h]?\s*(\d{2})(?::00)?)?\s*(?:h|([ap])\.?m\.?)?")
SHORT = {"h": ("hr", "hrs"), "w": ("wk", "wks")}
# celery.schedules.solar._all_events
SOLAR = (
    "dawn_astronomical",
    "dawn_nautical",
    "dawn_civil",
    "sunrise",
    "solar_noon",
    "sunset",
    "dusk_civil",
    "dusk_nautical",
    "dusk_astronomical",
)
# Seconds from which an interval suffers from restarts of Beat.
LONG = 3600


@dataclass(frozen=True, slots=True)
class When:
    """A schedule as Python, the import it needs, the same in words, and what its author should
    know.

    `model` and `fields` (as Python) are the same schedule in the database of django-celery-beat.
    """

    code: str
    imports: tuple[str, ...]
    words: str
    notes: tuple[str, ...] = ()
    model: str = ""
    fields: tuple[tuple[str, str], ...] = ()


# What a command line says that names no time.
UNKNOWN = When("", (), "")


@dataclass(frozen=True, slots=True)
class _Field:
    """One field of a crontab: its keyword, range, names, and how it was written."""

    keyword: str
    low: int
    high: int
    names: tuple[str, ...] = ()
    whole_names: tuple[str, ...] = ()

    def values(self, text: str) -> frozenset[int]:
        """The numbers that `text` means. Raises UsageError with the part that is invalid."""
        found: set[int] = set()
        for part in text.split(","):
            match = re.fullmatch(r"(\*|[a-z0-9]+(?:-[a-z0-9]+)?)(?:/(\d+))?", part)
            if not match or (match[2] and not ("*" in match[1] or "-" in match[1])):
                raise self._invalid_part(part, text)
            step = int(match[2] or 1)
            if not step:
                raise self._invalid_part(part, text)
            first, _, last = match[1].partition("-")
            if first == "*":
                span = list(range(self.low, self.high + 1))
            else:
                begin = self._number_of(first, text)
                end = begin
                if last:
                    end = self._number_of(last, text)
                wrapped = end
                if end < begin:
                    # `fri-mon` wraps around the end of the week
                    wrapped = end + (self.high - self.low + 1)
                span = [
                    (n - self.low) % (self.high - self.low + 1) + self.low
                    for n in range(begin, wrapped + 1)
                ]
            found |= set(span[::step])
        return frozenset(found)

    def shortened(self, text: str) -> str:
        """The field with `thursday` as `thu`: Celery reads the first three letters."""
        return re.sub(r"[a-z]{4,}", lambda match: self._short_name(match[0]), text)

    def _short_name(self, word: str) -> str:
        for short, whole in zip(self.names, self.whole_names, strict=False):
            if whole.startswith(word) and word.startswith(short):
                return short
        return word

    def _number_of(self, word: str, text: str) -> int:
        if word in self.names:
            return self.names.index(word) + self.low
        if not word.isdigit() or not self.low <= int(word) <= self.high:
            raise self._invalid_part(word, text)
        return int(word)

    def _invalid_part(self, part: str, text: str) -> UsageError:
        names = ""
        if self.names:
            names = f" or {self.names[0]}-{self.names[-1]}"
        # a field of one part needs no second mention
        context = ""
        if part != text:
            context = f" in {text!r}"
        return UsageError(
            f"invalid {self.keyword.replace('_', ' ')} {part!r}{context}",
            hint=f"{did_you_mean(part, (*self.names, *self.whole_names))}"
            f"Use {self.low}-{self.high}{names}, lists (1,2), ranges (1-5), steps (*/15).",
        )


MINUTE = _Field("minute", 0, 59)
HOUR = _Field("hour", 0, 23)
DAY_OF_MONTH = _Field("day_of_month", 1, 31)
MONTH = _Field("month_of_year", 1, 12, MONTHS, WHOLE_MONTHS)
DAY_OF_WEEK = _Field("day_of_week", 0, 6, DAYS, WHOLE_DAYS)


def parse(
    *,
    cron: str | None = None,
    every: str | None = None,
    at: str | None = None,
    on: str | None = None,
    solar: str | None = None,
    latitude: float | None = None,
    longitude: float | None = None,
) -> When:
    """The one schedule that the options describe. Raises UsageError with what to write instead."""
    # exactly one way to say it
    given = [
        name
        for name, value in (("--cron", cron), ("--every", every), ("--at", at), ("--solar", solar))
        if value
    ]
    if on and not given:
        raise UsageError(
            "--on says on which days it runs, and nothing says at what time",
            hint=f"Add a time of day: --at 07:30 --on {on}",
        )
    if len(given) != 1:
        said = "no schedule was given"
        if given:
            said = f"{' and '.join(given)} exclude each other"
        raise UsageError(
            said,
            hint='Use one of --cron "0 8 * * *", --every 15m, --at 07:30 --on mon-fri, '
            "--solar sunset.",
        )
    if on and not at:
        raise UsageError(
            f"--on goes with --at, not with {given[0]}",
            hint=f"For example --at 07:30 --on {on}; --cron has a field of its own for the days.",
        )
    if cron:
        return from_cron(cron)
    if every:
        return from_interval(every)
    if at:
        return from_time(at, on or "*")
    return from_sun(solar or "", latitude, longitude)


def from_cron(text: str) -> When:
    """Five fields, or a nickname such as @daily; 7 is Sunday, as in cron."""
    fields = NICKNAMES.get(text.strip().lower(), text.strip().lower()).split()
    if len(fields) > 7:
        raise UsageError(
            f"a crontab has five fields, and this one has {len(fields)}: the shell has replaced "
            "each * by the names of files",
            hint='Quote the fields: --cron "0 8 * * *"',
        )
    if len(fields) == 1 and text.startswith("@"):
        raise UsageError(
            f"{text!r} is not a name of a schedule",
            hint=f"{did_you_mean(text, NICKNAMES)}Known are {', '.join(NICKNAMES)}.",
        )
    if len(fields) != 5:
        nickname = f"@{text.strip().lower()}"
        meant = f"Did you mean {nickname}? " if nickname in NICKNAMES else ""
        counted = "1 field" if len(fields) == 1 else f"{len(fields)} fields"
        raise UsageError(
            f"{text!r} has {counted}, but a crontab has five",
            hint=f"{meant}minute hour day-of-month month day-of-week: "
            '"0 8 * * *" is every day at 08:00; or @daily.',
        )
    minute, hour, day, month, weekday = fields
    return _make_crontab(minute, hour, day, month, _with_sunday(weekday))


def from_time(at: str, on: str) -> When:
    """`07:30` on `mon-fri`, `sat,sun`, `*`."""
    match = re.fullmatch(r"(\d{1,2}):(\d{2})", at.strip())
    if not match:
        meant = _time_meant(at.strip().lower())
        raise UsageError(
            f"{at!r} is not a valid time of day",
            hint=f"{meant}Write hours and minutes, from 00:00 to 23:59, such as 07:30.",
        )
    # before the days, and in the words of a clock: no lists, no steps
    for unit, typed, last in (("hour", match[1], 23), ("minute", match[2], 59)):
        if int(typed) > last:
            raise UsageError(
                f"invalid {unit} in {at.strip()!r}: a time of day is 00:00 to 23:59",
                hint=f"{_time_meant(at.strip())}For example 07:30.",
            )
    # as they are said: "Monday and Tuesday", "every day"
    said = re.sub(r"\s*(?:,|\band\b)[\s,]*", ",", on.strip().lower())
    said = re.sub(r"^every\s+(?=[a-z])", "", said)
    days = DAYS_IN_WORDS.get(said, said)
    hour, minute = str(int(match[1])), str(int(match[2]))
    try:
        return _make_crontab(minute, hour, "*", "*", _with_sunday(days))
    except UsageError as error:
        near = re.match(r"Did you mean \w+\? ", error.hint)
        # an interval is no misspelt day
        suggested = near[0] if near and not any(map(str.isdigit, on)) else ""
        raise UsageError(
            f"--on: {on.strip()!r} does not name days of the week",
            hint=f"{suggested}Write mon, mon-fri, sat,sun, weekdays, weekends or daily.",
        ) from error


def _time_meant(typed: str) -> str:
    """`Did you mean 19:30? ` for 7:30 pm, 7.30, 0730, 7h30, 19:30:00 or 24:00; else nothing."""
    match = CLOCK.fullmatch(typed)
    if match is None:
        return ""
    hour, minute = int(match[1]), int(match[2] or 0)
    half = match[3]
    if half and 1 <= hour <= 12:
        hour = hour % 12 + 12 * (half == "p")
    elif not half and (hour, minute) == (24, 0):
        hour = 0
    elif half or hour > 23:
        return ""
    return f"Did you mean {hour:02}:{minute:02}? " if minute < 60 else ""


def from_interval(text: str) -> When:
    """`30s`, `15min`, `1h30m`, `1 day`, `90` (seconds)."""
    # as it is said: "every 15 minutes"
    text = re.sub(r"^\s*every\s+(?=\d)", "", text, flags=re.IGNORECASE)
    seconds = duration(text, "--every")
    word, size = _largest_unit(seconds)
    typed = re.fullmatch(r"\s*(\d+)\s*([a-zA-Z]+)\s*", text)
    if typed:
        # as it was typed: 24h stays 24 hours
        word, size = UNITS[_unit_of(typed[2].lower())]
    amount = seconds // size
    notes: tuple[str, ...] = ()
    if seconds >= LONG:
        notes = (
            "An interval counts from the start of Beat: if its schedule file does not survive a "
            f"restart, an interval of {text.strip()} may never end. "
            "A crontab (--cron, --at) does not have that problem.",
        )
    words = f"every {amount} {word}"
    if amount == 1:
        words = f"every {word[:-1]}"
    elif not typed:
        words = interval_words(seconds)
    # django-celery-beat has no weeks
    every, period = (amount * 7, "days") if word == "weeks" else (amount, word)
    fields = (("every", str(every)), ("period", f'"{period}"'))
    code = f"timedelta({word}={amount})"
    return When(code, ("from datetime import timedelta",), words, notes, "IntervalSchedule", fields)


def from_sun(event: str, latitude: float | None, longitude: float | None) -> When:
    """A solar event at a place, as `celery.schedules.solar` knows it."""
    if event not in SOLAR:
        raise UsageError(
            f"{event!r} is not a valid solar event",
            hint=f"{did_you_mean(event, SOLAR)}One of {', '.join(SOLAR)}.",
        )
    if (
        latitude is None
        or longitude is None
        or not (-90 <= latitude <= 90 and -180 <= longitude <= 180)
    ):
        raise UsageError(
            "--solar needs a location", hint="Add --lat (-90 to 90) and --lon (-180 to 180)."
        )
    return When(
        f'solar("{event}", {latitude!r}, {longitude!r})',
        ("from celery.schedules import solar",),
        f"at {event.replace('_', ' ')} at {latitude}, {longitude}",
        (),
        "SolarSchedule",
        (("event", f'"{event}"'), ("latitude", repr(latitude)), ("longitude", repr(longitude))),
    )


def duration(text: str, flag: str) -> int:
    """Seconds of `90`, `30s`, `15min`, `1h30m`, `2 hours`. Raises UsageError naming the flag."""
    wanted = text.strip().lower()
    if wanted.isdigit() and int(wanted):
        return int(wanted)
    parts = PART.findall(wanted)
    # nothing between the parts, and each unit once
    units = [_unit_of(unit) for _, unit in parts]
    whole = "".join(f"{number}{unit}" for number, unit in parts) == re.sub(r"[\s,]|and", "", wanted)
    seconds = sum(
        int(number) * UNITS[unit][1] for (number, _), unit in zip(parts, units, strict=True) if unit
    )
    if not (whole and seconds and all(units) and len(set(units)) == len(units)):
        raise UsageError(
            f"{flag} {text!r} is not a valid duration",
            hint="Write 90 (seconds), 30s, 15min, 2h, 1h30m, 1d or 1w.",
        )
    return seconds


def _largest_unit(seconds: int) -> tuple[str, int]:
    """The largest unit that holds a number of seconds without a rest."""
    return next((word, size) for word, size in reversed(UNITS.values()) if seconds % size == 0)


def _unit_of(word: str) -> str:
    """The letter of a unit: `m` for `min` and `minutes`; empty for another word."""
    for letter, (name, _) in UNITS.items():
        if word in {letter, name, name[:-1], name[:3], f"{name[:3]}s", *SHORT.get(letter, ())}:
            return letter
    return ""


def _with_sunday(field: str) -> str:
    """The day-of-week field with cron's 7 for Sunday as Celery's 0."""
    parts = []
    for part in field.split(","):
        span, slash, step = part.partition("/")
        first, dash, last = span.partition("-")
        if last == "7" and first != "7":
            inside = sorted(
                {n % 7 for n in range(DAY_OF_WEEK._number_of(first, field), 8)[:: int(step or 1)]}
            )
            parts.append(",".join(map(str, inside)))
            continue
        if first == "7":
            first = "0"
        parts.append(f"{first}{dash}{last}{slash}{step}")
    return ",".join(parts)


def _make_crontab(minute: str, hour: str, day: str, month: str, weekday: str) -> When:
    month, weekday = MONTH.shortened(month), DAY_OF_WEEK.shortened(weekday)
    minutes, hours = MINUTE.values(minute), HOUR.values(hour)
    days, months = DAY_OF_MONTH.values(day), MONTH.values(month)
    DAY_OF_WEEK.values(weekday)
    # a leap year, so that February 29 is possible
    possible = any(n <= calendar.monthrange(2024, m)[1] for m in months for n in days)
    if not possible:
        raise UsageError(
            f"day {day} never occurs in month {month}: Celery rejects it, and Beat does not start",
            hint="Use a day that the month has.",
        )
    written = [
        ("hour", hour),
        ("minute", minute),
        ("day_of_week", weekday),
        ("day_of_month", day),
        ("month_of_year", month),
    ]
    everything = all(text == "*" for _, text in written)
    arguments = [
        f"{name}={_python_value(text)}"
        for name, text in written
        if text != "*" or (name == "minute" and not everything)
    ]
    return When(
        f"crontab({', '.join(arguments)})",
        ("from celery.schedules import crontab",),
        crontab_words(minute, hour, day, month, weekday),
        tuple(_odd_remarks(minute, hour, day, month, weekday, minutes, hours)),
        "CrontabSchedule",
        tuple((name, f'"{text}"') for name, text in written),
    )


def _python_value(text: str) -> str:
    if text.isdigit():
        return str(int(text))
    return f'"{text}"'


def _odd_remarks(
    minute: str,
    hour: str,
    day: str,
    month: str,
    weekday: str,
    minutes: frozenset[int],
    hours: frozenset[int],
) -> list[str]:
    """What Celery will really do where that is not what people expect (CELERY_FACTS 21 to 23)."""
    found = []
    if minute == "*" and hour != "*":
        found.append(
            f"The minute is *: it fires 60 times in each of these hours. "
            f"For once an hour, write 0 {hour}."
        )
    for text, values, size, unit in ((minute, minutes, 60, "minute"), (hour, hours, 24, "hour")):
        step = re.fullmatch(r"\*/(\d+)", text)
        if step and size % int(step[1]):
            at = ", ".join(map(str, sorted(values)))
            found.append(
                f"*/{step[1]} does not divide {size}: "
                f"it fires at {unit} {at}, and then starts again."
            )
    if day != "*" and weekday != "*":
        found.append(
            "Both days are set: Celery only fires on days that match both; "
            "cron would fire on days that match either."
        )
    if day.isdigit() and int(day) > 28 and month == "*":
        found.append(f"Not every month has a day {day}: it does not fire in the others.")
    return found
