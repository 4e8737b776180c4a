"""A page per check: its docstring, its broken example and the healthy one, from its own tests."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path, PurePosixPath

from celeryize.checks.check import CHECKS, Check
from celeryize.checks.run_checks import all_checks
from celeryize.formats import PAGES, page_of
from tests.unit.checks.projects import MARK, Mistake, healthy

FAMILIES = Path(__file__).parents[1] / "unit/checks"
# Lines of a file around the mistake.
AROUND = 6
LANGUAGES = {".py": "python", ".yml": "yaml", ".yaml": "yaml", ".toml": "toml", ".sh": "sh"}
WORDS = {"E": "error", "W": "warning", "I": "information"}
# Why the page of a check has no example: no file of a project makes this mistake by itself.
STOPPED = (
    "No file shows it: `celeryize verify --live --stop` has stopped the real process as its "
    "supervisor does, and seen what became of the task. The files and settings for which that was "
    "measured, and what helps, are in [what a stop does to a task](../stops.md)."
)
WITHOUT_EXAMPLE = {
    "celery.E002": (
        "No file shows it: it is about the interpreter. `pip install -r requirements.txt` in the "
        "environment of the project, or `--python` with another one, ends it."
    ),
    "celery.W003": (
        "No file shows it: it is about the name that celeryize gave to `-A` itself, where the "
        "project starts no worker anywhere. A command line with the right name ends it."
    ),
    "celery.W082": (
        "No file shows it: it is about the environment in which celeryize runs. With "
        "`CELERY_BROKER_URL=redis://elsewhere:6379/0` exported there, whatever the settings say "
        "has no effect; `env -u CELERY_BROKER_URL celeryize verify` ends it."
    ),
    "celery.E960": STOPPED,
    "celery.E961": STOPPED,
    "celery.W962": STOPPED,
    "celery.W963": STOPPED,
}


def path_of(identifier: str) -> str:
    """The page of a check in docs/: where formats.page_of() says that it is."""
    return page_of(identifier).removeprefix(PAGES.removesuffix("checks/")).rstrip("/") + ".md"


def pages() -> Iterator[tuple[str, str]]:
    """The list of all checks, and a page for each."""
    all_checks()
    yield "checks/index.md", _index()
    for check in CHECKS.values():
        yield path_of(check.id), page(check)


@cache
def mistakes() -> dict[str, Mistake]:
    """The first mistake of each check that its tests have, those with a healthy twin first."""
    found: dict[str, Mistake] = {}
    for file in sorted(FAMILIES.glob("test_*.py")):
        module = import_module(f"tests.unit.checks.{file.stem}")
        lists = (value for value in vars(module).values() if isinstance(value, list))
        for mistake in (item for each in lists for item in each if isinstance(item, Mistake)):
            known = found.get(mistake.id)
            if known is None or (mistake.twin and not known.twin):
                found[mistake.id] = mistake
    return found


def page(check: Check) -> str:
    """The text of the page of a check."""
    short = check.id.rpartition(".")[2]
    facts = [WORDS[short[0]]]
    if check.imports:
        facts.append("found by importing the project")
    else:
        facts.append("found in the code alone")
    if check.fixable:
        facts.append("`celeryize verify --fix` can fix it")
    lines = [f"# {short}: {check.title}", ""]
    lines += [f"[All checks](index.md) · {' · '.join(facts)}", ""]
    for head, body in check.sections:
        lines += [f"## {head}", "", *_body(head, body), ""]
    mistake = mistakes().get(check.id)
    if mistake:
        lines += _example(mistake)
    elif check.id in WITHOUT_EXAMPLE:
        lines += ["## Example", "", WITHOUT_EXAMPLE[check.id], ""]
    lines += [
        "## To silence it",
        "",
        f"One place: `# celeryize: ignore[{check.id}]` at the end of the line. The whole project, in",
        "pyproject.toml:",
        "",
        "```toml",
        "[tool.celeryize]",
        f'silence = {{ "{check.id}" = "why it does not apply here" }}',
        "```",
        "",
        f"In a terminal: `celeryize verify --explain {short}`.",
    ]
    return "\n".join(lines) + "\n"


def _body(head: str, body: str) -> list[str]:
    if head == "How it looks":
        return ["```text", body, "```"]
    if head == "Source":
        return [re.sub(r"(https://[^\s,;]+)", r"<\1>", _escaped(body))]
    return [_escaped(body)]


def _escaped(text: str) -> str:
    """Prose of a docstring as Markdown: what is in backticks stays, the rest is no markup."""
    pieces = re.split(r"(`[^`]*`)", text)
    return "".join(
        piece if piece.startswith("`") else re.sub(r"([*_<>\[\]])", r"\\\1", piece)
        for piece in pieces
    )


def _example(mistake: Mistake) -> list[str]:
    lines = ["## Broken", ""]
    for path, text in mistake.broken.items():
        lines += _excerpt(path, text)
    usual = _usual(mistake)
    if usual:
        lines += ["## Healthy", ""]
        for path, text in usual.items():
            lines += _excerpt(path, text, mistake.broken[path])
    if mistake.twin:
        lines += ["## Also healthy" if usual else "## Healthy", ""]
        for path, text in mistake.twin.items():
            lines += _excerpt(path, text)
    return lines


def _usual(mistake: Mistake) -> dict[str, str]:
    """The files from which the mistake has taken something, as they are in the healthy project."""
    found = {}
    for path, text in mistake.broken.items():
        whole = healthy().get(path, "")
        there = set(text.splitlines())
        if any(line.strip() and line not in there for line in whole.splitlines()):
            found[path] = whole
    return found


def _excerpt(path: str, text: str, other: str | None = None) -> list[str]:
    """What a file has beyond another (the healthy project's), and where the mistake is."""
    if not text.strip():
        return [f"`{path}` is empty.", ""]
    if other is None:
        other = healthy().get(path, "")
    shown = text.replace(f"  {MARK}", "  # here").rstrip("\n").split("\n")
    usual = other.rstrip("\n").split("\n")
    changed = [
        (start, end)
        for tag, _, _, start, end in difflib.SequenceMatcher(None, usual, shown).get_opcodes()
        if tag != "equal"
    ]
    if changed:
        first, last = changed[0][0], changed[-1][1]
        if last - first > len(shown) - AROUND or len(shown) < 2 * AROUND:
            first, last = 0, len(shown)
        shown = shown[first:last] or shown
    language = LANGUAGES.get(PurePosixPath(path).suffix, "text")
    return [f"`{path}`", "", f"```{language}", *_trimmed(shown), "```", ""]


def _trimmed(lines: list[str]) -> list[str]:
    text = "\n".join(lines).strip("\n")
    return text.split("\n")


def _index() -> str:
    lines = [
        "# Checks",
        "",
        f"`celeryize verify` knows {len(CHECKS)} mistakes. The letter is the severity: **E** an error,",
        "**W** a warning, **I** an information. The address of a page stays the same.",
        "",
    ]
    families: dict[str, list[Check]] = {}
    for check in CHECKS.values():
        families.setdefault(check.run.__module__, []).append(check)
    for module, checks in families.items():
        title = (import_module(module).__doc__ or "").split("\n")[0].rstrip(".")
        lines += [
            f"## {title.partition(':')[0]}",
            "",
            "| check | what it finds | fix |",
            "| --- | --- | --- |",
        ]
        for check in sorted(checks, key=lambda each: each.id[-3:]):
            short = check.id.rpartition(".")[2]
            fix = "safe" if check.fixable else ""
            lines.append(f"| [{short}]({short}.md) | {_escaped(check.title)} | {fix} |")
        lines.append("")
    return "\n".join(lines)
