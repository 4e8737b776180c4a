"""The stop proof for a person: what was done to each process, what became of its tasks, and what
that means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from celeryize.live.stop_report import LOSES, UNKNOWN, names_of, verdict_of
from celeryize.ui.text import Piece
from celeryize.ui.voice import Voice

if TYPE_CHECKING:
    from celeryize.live.stop import StopResult
    from celeryize.live.stop_report import RehearsedStop

BAD = LOSES | UNKNOWN | {"killed"}
MARGIN = " " * 4
# What a stop means for the tasks of the project: by what became of one, and of a longer one.
MEANINGS = {
    "run again": "a deploy interrupts a task, and the new worker runs it again from its beginning",
    "lost": "a deploy loses the tasks that run, and nobody is told",
    "ended": "Beat ends by itself",
    "killed": "Beat is killed, and what it has sent last may be sent again",
    "not proved": "nothing is known: it did not come so far, the lines above say why",
}
LONGER = {
    "finished": "longer ones too",
    "run again": "a longer one is run again by the new worker",
    "lost": "a longer one is lost",
}


def say_stops(voice: Voice, stops: Sequence[RehearsedStop]) -> None:
    """A block for each process, and the sentence that says it for all of them."""
    task = stops[0].task
    voice.say(f"Stopped as the files have it, while a task of {task:g} s runs:", "bold")
    for stop in stops:
        _say_stop(voice, stop)
    bad = bool(names_of(stops, LOSES | UNKNOWN))
    voice.say(f"{verdict_of(stops)}.", "bold red" if bad else "bold green", always=bad)
    voice.say()


def _say_stop(voice: Voice, stop: RehearsedStop) -> None:
    rows = _rows_of(stop)
    bad = any(str(result.outcome) in BAD for result in stop.results)
    voice.say()
    head = [Piece(f"  {stop.name}", "bold"), Piece(f" ({stop.where}): {stop.how}")]
    voice.say_pieces(head, always=bad, hang=MARGIN)
    first = max(len(label) for label, _ in rows)
    second = max(len(outcome_of(stop, result)) for _, result in rows)
    for label, result in rows:
        outcome = outcome_of(stop, result)
        style = "red" if str(result.outcome) in BAD else "green"
        ended = stop.acknowledged(result)
        if result.killed:
            ended = f"{ended}, killed" if ended else "killed"
        pieces = [
            Piece(f"{MARGIN}{label:<{first}}  "),
            Piece(f"{outcome:<{second}}" if ended else outcome, style),
            Piece(f"  {ended}" if ended else ""),
        ]
        voice.say_pieces(pieces, always=bad, hang=MARGIN)
        for text in result.log:
            voice.say_line(f"{MARGIN}{text}", "dim", always=True)
    voice.say(f"{MARGIN}it means: {_meaning_of(stop)}", always=bad, hang=MARGIN)
    if stop.change:
        voice.say(f"{MARGIN}to change it: {stop.change}", always=True, hang=MARGIN)
    voice.say(f"{MARGIN}{_times_of(stop)}", "dim", hang=MARGIN)


def _rows_of(stop: RehearsedStop) -> list[tuple[str, StopResult]]:
    """What was tried, each with its result: the mode of the settings first."""
    if stop.role == "beat":
        return [("Beat", result) for result in stop.results]
    label = f"task of {stop.task:g} s"
    found = [(label, result) for result in _in_order(stop, stop.results)]
    longer = f"task of more than {stop.patience:g} s"
    return [*found, *((longer, result) for result in _longer_of(stop))]


def _longer_of(stop: RehearsedStop) -> list[StopResult]:
    """The results of a task that outlasts the stop, where a shorter one ends well."""
    if any(str(result.outcome) != "finished" for result in stop.results):
        return []
    return _in_order(stop, [r for r in stop.longer if str(r.outcome) != "not proved"])


def _in_order(stop: RehearsedStop, results: Sequence[StopResult]) -> list[StopResult]:
    return sorted(results, key=lambda result: result.mode != stop.default)


def _meaning_of(stop: RehearsedStop) -> str:
    """What the stop does to the tasks of the project, as its settings acknowledge them."""
    result = _in_order(stop, stop.results)[0]
    outcome = str(result.outcome)
    if outcome == "stuck":
        seconds = f"{stop.visibility_timeout:g} s"
        return f"a deploy interrupts a task, and it is run again only {seconds} later"
    if outcome != "finished":
        return MEANINGS[outcome]
    longer = next((r for r in _longer_of(stop) if r.mode == result.mode), None)
    if longer is None:
        return f"a deploy waits for a task of {stop.task:g} s"
    ends = LONGER.get(str(longer.outcome), f"a longer one is {outcome_of(stop, longer)}")
    return f"a deploy waits for tasks of up to {stop.patience:g} s; {ends}"


def outcome_of(stop: RehearsedStop, result: StopResult) -> str:
    """The verdict, with the time that a task is stuck."""
    if str(result.outcome) == "stuck":
        return f"stuck for {stop.visibility_timeout:g} s"
    return str(result.outcome)


def _times_of(stop: RehearsedStop) -> str:
    """The times of the project, and those of the rehearsal."""
    scaled = stop.results[0].scaled
    times = [] if stop.role == "beat" else [f"task {stop.task:g} s as {scaled.task:g} s"]
    if stop.soft:
        times.append(f"soft timeout {stop.soft:g} s as {scaled.soft:g} s")
    times.append(f"grace {stop.grace:g} s as {scaled.grace:g} s")
    return f"tried with shorter times: {', '.join(times)}"
