"""Every command that the README and the documentation show is run, and shows what they say.

`--rewrite-readme` writes the outputs anew.
"""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from celeryize.cli.main import VERBS, load_verb
from tests.docs import picture, verb_pages
from tests.docs.console import (
    Command,
    Session,
    commands_of,
    matches,
    with_outputs,
    without_redis,
)
from tests.services import over_files

ROOT = Path(__file__).parents[2]
WRITTEN = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
# a page with a real worker, whose broker is a folder, is tried again
PAGES = [
    pytest.param(
        page,
        id=page.relative_to(ROOT).as_posix(),
        marks=[over_files] if "verify --live" in page.read_text() else [],
    )
    for page in WRITTEN
    if commands_of(page.read_text())
]
# What a page shows and nobody runs: the suite cannot install from an index, or serve for ever.
NOT_RUN = 40


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_do_what_it_says(page, request: pytest.FixtureRequest):
    text = page.read_text()
    ran = {}
    with Session(text) as session:
        for number, command in enumerate(commands_of(text)):
            if not command.is_run:
                continue
            ran[number] = session.run(command)
            shown = "\n".join(ran[number].output)
            assert ran[number].code == command.code, f"$ {command}\n{shown}"
    if request.config.getoption("--rewrite-readme"):
        page.write_text(with_outputs(text, ran))
        text = page.read_text()
    for number, command in enumerate(commands_of(text)):
        if command.output and number in ran:
            shown = "\n".join(ran[number].output)
            assert matches(command.output, ran[number].output), f"$ {command}\n{shown}"


@pytest.mark.parametrize("verb", VERBS)
def test_the_line_of_every_option_works(verb):
    text = verb_pages.page(verb)
    failed = []
    with Session(text) as session:
        for command in commands_of(text):
            if not command.is_run:
                continue
            ran = session.run(command)
            if ran.code != command.code:
                failed.append(f"$ {command}\n{ran.code}: " + "\n".join(ran.output))
    assert not failed, "\n\n".join(failed)


def test_what_is_not_run_says_why_and_is_little():
    commands = [command for page in WRITTEN for command in commands_of(page.read_text())]
    commands += [command for verb in VERBS for command in commands_of(verb_pages.page(verb))]
    skipped = [command for command in commands if command.skipped]
    assert len(skipped) <= NOT_RUN
    assert len(commands) > 8 * len(skipped)


@pytest.mark.parametrize("verb", VERBS)
def test_a_line_that_is_not_run_can_be_parsed(verb):
    command = load_verb(verb)
    for line in commands_of(verb_pages.page(verb)):
        words = shlex.split(line.line)
        if line.skipped and words[:2] == ["celeryize", verb]:
            command.make_context(verb, words[2:]).close()


def test_an_output_that_differs_is_noticed():
    shown = ("create config/celery.py", "proved in 1.2 s")
    assert matches(("create config/celery.py", "proved in 9 s"), shown)
    assert matches(("...", "proved in 9 s"), shown)
    assert not matches(("create config/app.py", "proved in 9 s"), shown)
    assert not matches(("create config/celery.py",), shown)


def test_the_recording_is_what_a_terminal_shows():
    shown = picture.text_of(picture.record()).splitlines()
    recorded = (ROOT / "docs/init.txt").read_text().splitlines()
    assert matches(words_of(recorded), words_of(shown)), "run: make picture"


def words_of(lines: list[str]) -> list[str]:
    """Versions have different lengths, so that lines break elsewhere: words are compared."""
    return "\n".join(without_redis(lines)).split()


def test_a_block_has_commands_outputs_and_a_marker():
    text = "<!-- console: exit 3 -->\n```console\n$ a 'b\n> c'\n$ d\nx\n```\n"
    assert commands_of(text) == [Command("a 'b\nc'"), Command("d", ("x",), code=3)]
