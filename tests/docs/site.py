"""`make docs`: the documentation site, with the pages that are made of the program.

The pages are collected in build/docs, where any generator can read them; Zensical makes build/site
of them. Each page has its Markdown (start/ has start.md), and llms.txt lists them.
"""

from __future__ import annotations

import os
import posixpath
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import yaml

from tests.docs import check_pages, platform_files, setting_pages, verb_pages

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
BUILD = ROOT / "build"
ADDRESS = "https://celeryize.github.io/celeryize/"
REPOSITORY = "https://github.com/celeryize/celeryize/blob/main/"


class DeadLink(Exception):
    """A link out of docs/ that leads nowhere."""


def collected() -> Iterator[tuple[str, str]]:
    """The path and the text of each page: those of docs/, and those that are made."""
    for file in sorted(DOCS.rglob("*.md")):
        path = file.relative_to(DOCS).as_posix()
        yield path, platform_files.filled(file.read_text())
    yield from verb_pages.pages()
    yield from check_pages.pages()
    yield from setting_pages.pages()


def with_repository_links(path: str, text: str) -> str:
    """A page whose links out of docs/ lead to the repository. Raises DeadLink."""

    def link(found: re.Match[str]) -> str:
        file, _, anchor = found[1].partition("#")
        place = posixpath.normpath(str(PurePosixPath("docs", path).parent / file))
        if place.startswith("docs/") and not (ROOT / place).is_dir():
            return found[0]
        if not (ROOT / place).exists():
            raise DeadLink(f"docs/{path} leads to {place}, which is not there")
        return f"]({REPOSITORY}{place}{anchor and '#'}{anchor})"

    return re.sub(r"\]\(((?!https?:)[^)\s#]+[^)\s]*)\)", link, text)


def collect(place: Path) -> dict[str, str]:
    """Write all pages, and what belongs to them, below `place`; give the pages."""
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(DOCS, place, ignore=shutil.ignore_patterns("*.md", "*.toml"))
    texts = {}
    for path, text in collected():
        texts[path] = with_repository_links(path, text)
        file = place / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(texts[path])
    return texts


def configuration() -> str:
    """mkdocs.yml with the pages of the verbs, in the order of the program."""
    config = yaml.safe_load((ROOT / "mkdocs.yml").read_text())
    for section in config["nav"]:
        if "Commands" in section:
            section["Commands"] += [{Path(path).stem: path} for path in verb_pages.paths()]
    config |= {"docs_dir": "docs", "site_dir": "site"}
    return str(yaml.safe_dump(config, sort_keys=False))


def title_of(text: str) -> str:
    """The heading of a page."""
    found = re.search(r"^# (.+)$", text, re.MULTILINE)
    assert found, text[:80]
    return found[1]


def llms_list(texts: dict[str, str]) -> str:
    """llms.txt: what this is, and the Markdown of each page. Form: https://llmstxt.org"""
    first = ["index.md", "start.md", "comparison.md"]
    others = sorted(path for path in texts if path not in first)
    checks = [path for path in others if re.fullmatch(r"checks/[EWI]\d+\.md", path)]
    lines = ["# celeryize", "", "> Puts Celery into a Django project that already exists, and", ""]
    lines[2] += " proves that it works."
    lines += ["## Pages", ""]
    lines += [_line(path, texts) for path in [*first, *others] if path not in checks]
    lines += ["", "## Checks", "", *(_line(path, texts) for path in checks)]
    return "\n".join(lines) + "\n"


def _line(path: str, texts: dict[str, str]) -> str:
    return f"- [{title_of(texts[path])}]({ADDRESS}{path})"


def main() -> int:
    """Build build/site; the exit code is that of the generator, where a dead link is an error."""
    texts = collect(BUILD / "docs")
    (BUILD / "mkdocs.yml").write_text(configuration())
    words = [sys.executable, "-m", "zensical", "build", "--clean", "--strict"]
    ended = subprocess.run([*words, "-f", "mkdocs.yml"], cwd=BUILD, env={**os.environ})
    if ended.returncode:
        return ended.returncode
    site = BUILD / "site"
    # at the same paths, so that the links between them lead from Markdown to Markdown
    for path, text in texts.items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_text(text)
    (site / "llms.txt").write_text(llms_list(texts))
    print(f"{len(texts)} pages in {site.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
