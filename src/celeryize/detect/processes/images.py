"""What an image starts by itself: the last CMD and ENTRYPOINT of its Dockerfile.

Source: https://docs.docker.com/reference/dockerfile/#understand-how-cmd-and-entrypoint-interact
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

# One instruction, over as many lines as it has; `HEALTHCHECK --interval=30s \` goes on with a CMD.
STARTS = r"(?<!\\\n)^[ \t]*{}[ \t]+((?:[^\n\\]|\\[^\n]|\\\n)*)"
CMD = re.compile(STARTS.format("CMD"), re.M | re.I)
ENV = re.compile(STARTS.format("ENV"), re.M | re.I)
HEAD = re.compile(r"\s*FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?", re.I)
FROM = re.compile(r"^[ \t]*FROM\s", re.M | re.I)
ENTRYPOINT = re.compile(STARTS.format("ENTRYPOINT"), re.M | re.I)
# `RUN <<EOF`, `COPY <<-"EOF" /start.sh`; not `<<<` of bash
HEREDOC = re.compile(r"(?<!<)<<(-?)([\"']?)([A-Za-z_]\w*)\2(?!<)")
TAKES_HEREDOC = re.compile(r"\s*(?:ONBUILD\s+)?(?:RUN|COPY|ADD)\s", re.I)


@dataclass(frozen=True, slots=True)
class Start:
    """The words that an image starts, and the text of the instruction that they are written in."""

    words: tuple[str, ...]
    text: str


def instructions_of(dockerfile: str) -> str:
    """A Dockerfile without what looks like an instruction and is none: the text of a heredoc, and a
    comment, or an empty line, between the lines of an instruction. Each line keeps its number.

    Source: https://docs.docker.com/reference/dockerfile/#here-documents
    """
    found: list[str] = []
    # the heredocs that are open, each with whether tabs may stand in front of its end
    waiting: list[tuple[str, bool]] = []
    begun = takes = False
    lines = dockerfile.split("\n")
    ends = {line.strip("\t\r") for line in lines}
    for line in lines:
        if waiting and not begun:
            end, tabs = waiting[0]
            text = line.rstrip("\r")
            if (text.lstrip("\t") if tabs else text) == end:
                waiting.pop(0)
            found.append("")
            continue
        bare = line.strip()
        if begun and (not bare or bare.startswith("#")):
            found.append("\\")
            continue
        if not begun:
            takes = TAKES_HEREDOC.match(line) is not None
        if takes and not bare.startswith("#"):
            # without its end it is a shift of bits, or a file that Docker refuses
            found_here = (match for match in HEREDOC.finditer(line) if match[3] in ends)
            waiting += [(match[3], bool(match[1])) for match in found_here]
        begun = bare.endswith("\\") and not bare.startswith("#")
        found.append(line)
    return "\n".join(found)


def stage_of(dockerfile: str, target: str | None) -> str:
    """The lines of a Dockerfile that make an image: of its last stage, or that of a name, below
    those of the stages that it is made from."""
    stages: dict[str, str] = {}
    text = dockerfile
    for part in re.split(r"(?=^[ \t]*FROM\s)", dockerfile, flags=re.M | re.I):
        head = HEAD.match(part)
        if head is None:
            continue
        text = stages.get(head[1].lower(), "") + part
        stages[(head[2] or str(len(stages))).lower()] = text
    if target is None:
        return text
    return stages.get(target.lower(), "")


def lines_of_stage(dockerfile: str, target: str | None) -> str:
    """A Dockerfile with the lines of one stage, and of those that it is made from, at their
    places, and blank ones for the others; empty where there is no such stage."""
    parts = re.split(r"(?=^[ \t]*FROM\s)", dockerfile, flags=re.M | re.I)
    # the part that a stage is made from; and the parts by the names and the numbers of the stages
    bases: dict[int, int | None] = {}
    called: dict[str, int] = {}
    for number, part in enumerate(parts):
        head = HEAD.match(part)
        if head is None:
            continue
        called[str(len(bases))] = number
        bases[number] = called.get(head[1].lower())
        if head[2]:
            called[head[2].lower()] = number
    wanted = max(bases, default=None) if target is None else called.get(target.lower())
    kept = set()
    while wanted is not None:
        kept.add(wanted)
        wanted = bases[wanted]
    if not kept:
        return ""
    return "".join(
        part if number in kept else "\n" * part.count("\n") for number, part in enumerate(parts)
    )


def start_of(stage: str, command: tuple[str, ...]) -> Start | None:
    """What a container of an image starts, with the command of its service, which takes the place
    of CMD; None where the image says nothing."""
    entries, commands = list(ENTRYPOINT.finditer(stage)), list(CMD.finditer(stage))
    entry = entries[-1] if entries else None
    cmd = commands[-1] if commands and not command else None
    # an ENTRYPOINT of a later stage makes the CMD of an earlier one empty
    if entry and cmd and FROM.search(stage, cmd.end(), entry.start()):
        cmd = None
    if entry is None and cmd is None:
        return None
    words = command
    if cmd is not None:
        words = _words_of(cmd[1])
    if entry is not None:
        first = _words_of(entry[1])
        # in the shell form it is given no arguments
        words = first if first[:1] == ("/bin/sh",) else (*first, *words)
    written = entry if cmd is None else cmd
    return Start(words, written[0] if written else "")


def _words_of(text: str) -> tuple[str, ...]:
    """The words of an instruction: a list, or what a shell is given."""
    text = re.sub(r"\\\n", " ", text).strip()
    if text.startswith("["):
        try:
            return tuple(str(word) for word in json.loads(text))
        except ValueError:
            pass
    return ("/bin/sh", "-c", text)


def variables_of(stage: str) -> dict[str, str]:
    """The variables that an image gives: `ENV ROLE=web`, and `ENV ROLE web`."""
    found: dict[str, str] = {}
    for match in ENV.finditer(stage):
        text = re.sub(r"\\\n", " ", match[1]).strip()
        name, _, value = text.partition(" ")
        pairs = [name, *re.findall(r"""[A-Za-z_]\w*=(?:"[^"]*"|'[^']*'|\S*)""", value)]
        if "=" not in name:
            found[name] = value.strip().strip("\"'")
            continue
        for pair in pairs:
            name, _, given = pair.partition("=")
            found[name] = given.strip("\"'")
    return found
