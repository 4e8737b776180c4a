"""Deployment files that their own programs cannot read: nothing else is found in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from celeryize.checks.check import Occurrence, check
from celeryize.checks.facts import Facts
from celeryize.detect.processes import is_template
from celeryize.detect.processes.fly import NAMES as FLY_NAMES
from celeryize.detect.processes.fly import Problem, parse_fly
from celeryize.detect.processes.render import NAMES as RENDER_NAMES
from celeryize.detect.processes.yaml_nodes import problem_of
from celeryize.model import Where
from celeryize.reading import readable_text

# What is a compose file by its name; any other file of YAML may be anybody's.
COMPOSE_NAMES = re.compile(r"(?:docker-)?compose(?:[._-].*)?\.ya?ml")
# What else fills in a text before it is read.
FILLED_IN = re.compile(r"<%|^\s*%|@@", re.M)
TABLE = re.compile(r"\s*\[\s*([\w.\"'-]+)\s*\]")


@check("celery.E989")
def file_that_is_no_toml(facts: Facts) -> Iterator[Occurrence]:
    """A fly.toml, render.yaml or compose file cannot be read.

    What happens: Nothing of it is deployed or started; and no other mistake in it is found here.
    How it looks: toml: table env already exists; or: yaml: line 9: did not find expected key
    Why: TOML takes each table once, and no double quotes inside of double quotes. YAML takes no
        tabs, and nothing that is further to the left than what is beside it.
    Fix: One [env] with all variables; single quotes inside: "sh -c 'exec celery -A config worker'"
    Source: https://toml.io/en/v1.0.0#table; https://yaml.org/spec/1.2.2/#61-indentation-spaces
    """
    for path in facts.deployment.files:
        text = readable_text(facts.deployment.root / path)
        if is_template(text) or FILLED_IN.search(text):
            continue
        problem, kind = _problem_in(path, text)
        if problem is not None:
            lines = text.split("\n")
            yield Occurrence(
                f"this is no {kind}: {problem.message}",
                Where(path, problem.line),
                _how_to_mend(kind, lines, problem),
            )


def _problem_in(path: PurePosixPath, text: str) -> tuple[Problem | None, str]:
    """Why a file cannot be read, and as what; None also for a file that is of no such kind."""
    if FLY_NAMES.fullmatch(path.name):
        return parse_fly(text)[1], "TOML"
    if RENDER_NAMES.fullmatch(path.name) or COMPOSE_NAMES.fullmatch(path.name):
        found = problem_of(text)
        return (Problem(*found), "YAML") if found else (None, "YAML")
    return None, ""


def _how_to_mend(kind: str, lines: list[str], problem: Problem) -> str:
    """What to do about the two mistakes that are usual in TOML."""
    line = lines[problem.line - 1] if problem.line <= len(lines) else ""
    table = TABLE.match(line)
    if kind != "TOML":
        return "Without that nothing in the file counts."
    if table:
        heads = (TABLE.match(one) for one in lines)
        first = next(number for number, head in enumerate(heads, 1) if head and head[1] == table[1])
        if first < problem.line:
            return f"Put its lines below the [{table[1]}] of line {first}, and delete this head."
    if line.count('"') > 2:
        return "Inside of double quotes write single ones: \"sh -c '...'\"."
    return "Without that nothing in the file counts."
