"""What of a shell's text runs in any case, one command after the other.

Branches, loops, functions, groups, pipes and whatever goes to the background are left out: only of
a plain sequence it is certain that a command waits for the one before it.
"""

from __future__ import annotations

import re

from celeryize.detect.processes.statements import (
    QUOTED,
    NotUnderstood,
    Statement,
    split_statements,
)

Chain = tuple[int, tuple[str, ...]]
CLOSED_BY = {
    "if": "fi",
    "case": "esac",
    "for": "done",
    "while": "done",
    "until": "done",
    "select": "done",
    "{": "}",
}
SUBSTITUTED = re.compile(r"\$\((?:[^()]|\([^()]*\))*\)")
REDIRECTED = re.compile(r"&>>?|\d*[<>]+&?[\d-]*")
CONTINUED = re.compile(r"^(?:(?:then|do|else|elif)\b\s*)+")
BRACE = re.compile(r"(?:^|[\s)])\{(?=\s|$)")
# what parts two commands of a line, outside of quotes
AND = re.compile(r"'[^']*'|\"(?:\\.|[^\"\\])*\"|(&&)", re.S)


def plain_chains(text: str) -> tuple[Chain, ...]:
    """The commands that run in any case, each with those that `&&` puts behind it, and its line.

    None where the text is not understood.
    """
    found: list[Chain] = []
    reader = _Depth()
    try:
        for one in split_statements(text):
            if not reader.is_nested(one) and _is_plain(one.text):
                found.append((one.number, _parts_of(one.text)))
    except NotUnderstood:
        return ()
    return () if reader.is_open else tuple(found)


def _bare(text: str) -> str:
    """A command without what its quotes and substitutions hold."""
    return SUBSTITUTED.sub("x", QUOTED.sub("''", text))


def _is_plain(text: str) -> bool:
    """Whether a command is neither piped, nor one of two, nor in the background."""
    return not re.search(r"[|&`]", REDIRECTED.sub(" ", _bare(text)).replace("&&", ""))


def _parts_of(text: str) -> tuple[str, ...]:
    """The commands of `a && b && c`."""
    places = [match.span(1) for match in AND.finditer(text) if match[1]]
    starts = [0, *(end for _, end in places)]
    ends = [*(start for start, _ in places), len(text)]
    return tuple(text[a:b].strip() for a, b in zip(starts, ends, strict=True))


class _Depth:
    """What is open in a script."""

    def __init__(self) -> None:
        self._open: list[str] = []

    @property
    def is_open(self) -> bool:
        """Whether something that was opened is not closed."""
        return bool(self._open)

    def is_nested(self, one: Statement) -> bool:
        """Whether a statement is in something, or opens or closes it. Raises NotUnderstood."""
        before = bool(self._open)
        text = CONTINUED.sub("", _bare(one.text))
        changed = text != _bare(one.text)
        head = (text.split() or [""])[0]
        if head in CLOSED_BY.values():
            if not self._open or self._open.pop() != head:
                raise NotUnderstood
            changed = True
        elif head in CLOSED_BY and head != "{":
            self._open.append(CLOSED_BY[head])
            changed = True
        elif "esac" not in self._open:
            changed = self._parted(text) or changed
        for _ in BRACE.findall(text):
            self._open.append("}")
            changed = True
        return before or changed

    def _parted(self, text: str) -> bool:
        """Follow the parentheses of a subshell."""
        for sign in re.findall(r"[()]", text):
            if sign == "(":
                self._open.append(")")
            elif not self._open or self._open.pop() != ")":
                raise NotUnderstood
        return "(" in text or ")" in text
