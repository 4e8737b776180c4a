"""What is installed, beside what the dependency file declares."""

from __future__ import annotations

import re
from collections.abc import Iterator

from celeryize.celery_versions import Version, range_of, version_of
from celeryize.checks.check import Occurrence, check
from celeryize.checks.facts import Facts
from celeryize.detect.install_line import install_line
from celeryize.detect.project import distribution_folder
from celeryize.model import Where
from celeryize.reading import readable_text

# What decides how tasks run; the import reports their versions.
NAMES = ("celery", "django", "kombu", "redis", "django-celery-beat", "django-celery-results")
# A requirement that is about other machines, or about no version.
ELSEWHERE = re.compile(r";|@|markers|python|platform|\bgit\b|\bpath\b|\burl\b|\|\|")
UNWANTED = re.compile(r"!=\s*(\d+(?:\.\d+)*)(\.\*)?")
# 5.7.0, and not 5.7.0rc1
RELEASE = re.compile(r"\d+(?:\.\d+){1,3}")
LONGEST = 4


@check("celery.W155", imports=True, unless=("celery.E002",))
def other_version_installed(facts: Facts) -> Iterator[Occurrence]:
    """A version is installed that the dependency file excludes.

    What happens: What is tried here is not what a deploy installs: other defaults, other settings,
        a release that may not run on this Python at all.
    How it looks: (nothing here; after the next deploy, anything)
    Why: The file was changed, or the library was installed by hand, and the other was not.
    Fix: Install what the file says, or declare the version that was tried.
    Source: https://packaging.python.org/en/latest/specifications/version-specifiers/
    """
    declared = facts.project.dependencies.declared
    found: list[tuple[str, str, str]] = []
    for name in NAMES:
        written = declared.get(name, "")
        installed = _installed(facts, name)
        # groups and extras that exclude each other: one that takes it is enough
        every = re.split(rf",\s*(?={re.escape(name)}\b)", written, flags=re.I)
        if written and installed and all(_excludes(one, installed) for one in every):
            if _is_replaced(facts, name):
                continue
            found.append((name, _without_hashes(written), installed))
    if not found:
        return
    name, written, installed = found[0]
    where = line_of(facts, name)
    others = "".join(f"; {other} is {version}" for other, _, version in found[1:])
    install = install_line(facts.project)
    yield Occurrence(
        f"{where.path} asks for {written}, and {name} {installed} is installed{others}",
        where,
        (f"Install what it says (`{install}`), or " if install else "Install what it says, or ")
        + f"declare {name} {installed}.",
    )


def _without_hashes(written: str) -> str:
    """A requirement on one line; the hashes of a lock say nothing to a reader."""
    return " ".join(written.partition("--hash")[0].replace("\\\n", " ").split())


def _installed(facts: Facts, name: str) -> str:
    """The version of a library that the import has seen; empty where it is no plain release."""
    text = ""
    if facts.worker is not None:
        text = facts.worker.versions.get(name.replace("-", "_"), "")
    return text if RELEASE.fullmatch(text) else ""


def _excludes(written: str, installed: str) -> bool:
    """Whether a requirement certainly takes other versions than the installed one."""
    if ELSEWHERE.search(written.partition("#")[0]):
        return False
    allowed = range_of(written)
    version = _padded(version_of(installed))
    low, high = allowed.low, allowed.high
    for text, rest in UNWANTED.findall(written.partition("#")[0]):
        other = version_of(text)
        # `!=5.2.*`
        if version[: len(other)] == other and (rest or version == _padded(other)):
            return True
    return (low is not None and version < _padded(low)) or (high is not None and version >= high)


def _is_replaced(facts: Facts, name: str) -> bool:
    """Whether a table of uv takes a library from elsewhere, or in another version."""
    file = facts.project.dependencies.file
    text = readable_text(facts.project.root / file) if file else ""
    if re.search(r"^\s*(?:override|constraint)-dependencies\b", text, re.M):
        return True
    return (
        re.search(
            rf"^\s*{re.escape(name)}\s*=\s*[\[{{][^\n]*\b(git|path|url|workspace)\b", text, re.M
        )
        is not None
    )


def _padded(version: Version) -> Version:
    return (*version, *(0,) * (LONGEST - len(version)))


def line_of(facts: Facts, name: str) -> Where:
    """The line that declares a library."""
    dependencies = facts.project.dependencies
    files = [file for file in (dependencies.file, dependencies.left.get(name)) if file]
    spelled = re.compile(rf"(?:^[\W_]*|[\"']){name.replace('-', '[-_.]')}(?![\w.-])", re.I)
    for file in dict.fromkeys(files):
        for number, line in enumerate(readable_text(facts.project.root / file).split("\n"), 1):
            if spelled.search(line):
                return Where(file, number)
    return Where(files[0])


def how_to_add_app(facts: Facts, app: str) -> str:
    """What makes an app of Celery's for Django work: the package first, where it is not there."""
    dependencies, name = facts.project.dependencies, app.replace("_", "-")
    steps = [f'add "{app}" to INSTALLED_APPS', "migrate"]
    if distribution_folder(facts.project.interpreter.path, app) is None:
        steps.insert(0, "install it")
    if name not in {*dependencies.declared, *dependencies.left}:
        steps.insert(0, f"add {name} to {dependencies.file or 'the dependencies'}")
    text = f"{', '.join(steps[:-1])} and {steps[-1]}."
    return text[0].upper() + text[1:]
