"""Processes for a person: how a stop of each ended, and the lines that they write."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from celeryize.printable import printable
from celeryize.ui.streams import write_stream
from celeryize.ui.text import Piece, paint
from celeryize.ui.voice import Voice
from celeryize.urls import redacted

if TYPE_CHECKING:
    from celeryize.live.stop import StopResult
    from celeryize.live.stop_report import RehearsedStop

LOG_COLOURS = {"web": "green", "worker": "cyan", "beat": "yellow", "dev": "bold"}
BAD_STOPS = frozenset({"lost", "stuck", "killed", "not proved"})
# What only changes colours: kept in the logs of processes.
COLOURED = re.compile(r"(\x1b\[[0-9;]*m)")
DETAIL = " " * 13
# The readers of several processes write at the same time.
LOG_LOCK = threading.Lock()


def say_stops(voice: Voice, stops: Sequence[RehearsedStop]) -> None:
    """A block for each process: how it is stopped, and a line for each result."""
    for stop in stops:
        scaled = stop.results[0].scaled
        voice.say(f"  {stop.name} ({stop.where}): {stop.how}", hang="    ")
        for result in stop.results:
            _say_result(voice, stop, result)
        _say_longer(voice, stop)
        if stop.change:
            voice.say(f"{DETAIL}to change it: {stop.change}", always=True, hang=DETAIL)
        times = f"task {stop.task:g} s as {scaled.task:g} s"
        if stop.soft:
            times += f", soft timeout {stop.soft:g} s as {scaled.soft:g} s"
        times += f", grace {stop.grace:g} s as {scaled.grace:g} s"
        voice.say(f"{DETAIL}tried with shorter times: {times}", "dim", hang=DETAIL)


def _say_longer(voice: Voice, stop: RehearsedStop) -> None:
    """What becomes of a task that outlasts the stop, where a shorter one ends well."""
    finished = all(str(result.outcome) == "finished" for result in stop.results)
    tried = [result for result in stop.longer if str(result.outcome) != "not proved"]
    if not finished or not tried:
        return
    # the settings' own first
    tried.sort(key=lambda result: result.mode != stop.default)
    words = "; ".join(f"{outcome_of(stop, one)} ({stop.acknowledged(one)})" for one in tried)
    text = f"a task that takes longer than {stop.patience:g} s: {words}"
    voice.say(f"{DETAIL}{text}", hang=DETAIL)


def outcome_of(stop: RehearsedStop, result: StopResult) -> str:
    """The verdict, with the time that a task is stuck."""
    if str(result.outcome) == "stuck":
        return f"stuck for {stop.visibility_timeout:g} s"
    return str(result.outcome)


def _say_result(voice: Voice, stop: RehearsedStop, result: StopResult) -> None:
    """What became of the task in one mode of acknowledgement, with the log that explains it."""
    bad = str(result.outcome) in BAD_STOPS
    style = "green"
    if bad:
        style = "red"
    outcome = outcome_of(stop, result)
    took = f"  {result.seconds:.1f} s"
    if result.killed:
        took += ", killed"
    pieces = [Piece(f"{outcome:>9}", style), Piece(f"  {stop.acknowledged(result)}".rstrip())]
    voice.say_pieces([*pieces, Piece(took, "dim")], always=bad, hang=DETAIL)
    for text in result.log:
        voice.say_line(f"{DETAIL}{text}", "dim", always=True)


def answer_log(voice: Voice, process: str, line: str) -> None:
    """A line behind the name of its process, whole, so that two processes do not share a line."""
    name = f"{process:<6} |"
    # the colours of the process itself stay on a terminal, and nothing else that it obeys
    if voice.out.colour:
        name = paint(name, LOG_COLOURS.get(process, "dim"), voice.out)
        shown = "".join(
            part if COLOURED.fullmatch(part) else printable(part)
            for part in COLOURED.split(redacted(line))
        )
    else:
        shown = printable(COLOURED.sub("", redacted(line)))
    with LOG_LOCK:
        write_stream(sys.stdout, f"{name} {shown}\n")
