"""A line for the broker's variable in the file that shows which variables a project reads.

.env.example                              .env.example
DATABASE_URL=postgres://localhost/shop    DATABASE_URL=postgres://localhost/shop
                                     ->   CELERY_BROKER_URL=redis://localhost:6379/0
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from celeryize.checks.facts.literals import text_of
from celeryize.checks.facts.settings import settings_files
from celeryize.commands.init.setup import Setup, Wiring
from celeryize.detect.project import Project
from celeryize.errors import CannotPatch
from celeryize.patch.yaml_edit import newline_of
from celeryize.reading import is_file, list_folder
from celeryize.urls import holds_password

# Templates of a .env file, which hold no secret and are in the repository.
NAMES = re.compile(
    r"\.?env[.\-_](?:example|sample|template|dist|default|defaults)"
    r"|\.?(?:example|sample|template)\.env|\.env\.\w+\.(?:example|sample|template)"
)
LINE = re.compile(
    r"^(?P<export>export[ \t]+)?(?P<name>[A-Za-z_]\w*)(?P<sign>[ \t]*=[ \t]*)(?P<value>[^\r\n]*)",
    re.M,
)
# A comment that says what the lines below it are, and is no variable that is left out.
HEADING = re.compile(r"#(?![ \t#]*(?:export[ \t]+)?[A-Za-z_]\w*[ \t]*=)")
SETTINGS = ("CELERY_BROKER_URL", "CELERY_RESULT_BACKEND")


def show_variables(setup: Setup, wiring: Wiring) -> None:
    """Plan the lines of the variables that the new settings read."""
    if "CELERY_BROKER_URL" not in wiring.wrote:
        return
    wanted = {
        value.variables[0]: value.value
        for value in wiring.values
        if value.name in SETTINGS and value.variables and isinstance(value.value, str)
    }
    if not wanted:
        return
    known = _names_read(setup.project)
    for path in _examples(setup.project):
        try:
            text = (setup.draft.read(path) or b"").decode("utf-8")
        except (CannotPatch, UnicodeDecodeError):
            # an example that cannot be read, or is none, keeps nobody from Celery
            continue
        lines = [*LINE.finditer(text)]
        # one for Docker alone, say, lists nothing that the settings read
        if not known & {match["name"] for match in lines}:
            continue
        missing = {name: url for name, url in wanted.items() if not _has_name(text, name)}
        if missing:
            new = text + _lines_for(text, lines[-1], missing)
            what = f"the variable{'s' if len(missing) > 1 else ''} of Celery"
            setup.draft.write(path, new.encode("utf-8"), what)


def _lines_for(text: str, model: re.Match[str], missing: dict[str, str]) -> str:
    """The lines to append, written as the last one of the file is."""
    newline = newline_of(text)
    quoted = re.fullmatch(r"(['\"]).*\1", model["value"].strip())
    quote = quoted[1] if quoted else ""
    start = newline
    if text.endswith("\n"):
        start = ""
    shown = []
    for name, url in missing.items():
        # a password is no example
        told = url
        if holds_password(url):
            told = ""
        shown.append(f"{model['export'] or ''}{name}{model['sign']}{quote}{told}{quote}{newline}")
    added = start + _heading(text, newline) + "".join(shown)
    if not text.endswith("\n"):
        added = added.removesuffix(newline)
    return added


def _heading(text: str, newline: str) -> str:
    """What comes above the new lines where the file keeps its variables in groups: a blank line,
    and a comment where most groups begin with one.
    """
    groups = re.split(r"\r?\n(?:[ \t]*\r?\n)+", text.strip())
    if len(groups) == 1:
        return ""
    gap = newline
    if re.search(r"\n[ \t]*\r?\n\Z", text):
        gap = ""
    headed = [group for group in groups if HEADING.match(group)]
    if 2 * len(headed) <= len(groups):
        return gap
    return f"{gap}# Celery{newline}"


def _has_name(text: str, name: str) -> bool:
    """Whether a file has a variable already, also in a comment."""
    return bool(re.search(rf"(?:^|[\r\ufeff])[ \t#]*(?:export[ \t]+)?{name}[ \t]*=", text, re.M))


def _names_read(project: Project) -> set[str]:
    """The strings of the settings, the names of their variables among them."""
    trees = (project.modules.tree(path) for path in settings_files(project))
    texts = (text_of(node) for tree in trees for node in ast.walk(tree))
    return {text for text in texts if text}


def _examples(project: Project) -> Iterator[PurePosixPath]:
    for folder in dict.fromkeys((PurePosixPath(), project.base)):
        for path in list_folder(project.root / folder):
            if NAMES.fullmatch(path.name) and is_file(path) and not path.is_symlink():
                yield folder / path.name
