"""The lines that processes write, each behind the name of its process."""

from __future__ import annotations

import re
import sys
import threading

from celeryize.printable import printable
from celeryize.ui.streams import write_stream
from celeryize.ui.text import Piece, paint, render
from celeryize.ui.voice import Voice
from celeryize.urls import redacted

OWN = "dev"
LOG_COLOURS = {"web": "green", "worker": "cyan", "beat": "yellow", OWN: "bold"}
# What only changes colours: kept in the logs of processes.
COLOURED = re.compile(r"(\x1b\[[0-9;]*m)")
# The readers of several processes write at the same time.
LOG_LOCK = threading.Lock()


def answer_log(voice: Voice, process: str, line: str) -> None:
    """A line behind the name of its process, whole, so that two processes do not share a line.

    What celeryize says itself is wrapped at words; what a program says stays as it is.
    """
    name = f"{process:<6} |"
    if process == OWN:
        pieces = [Piece(name, LOG_COLOURS[OWN]), Piece(f" {line}")]
        text = render(pieces, voice.out, " " * len(name) + "  ")
        with LOG_LOCK:
            write_stream(sys.stdout, f"{text}\n")
        return
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
