"""The pages of the site that are made of the program: complete, and at the addresses that it names."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path, PurePosixPath

import pytest
import yaml

from celeryize.checks.check import SECTIONS
from celeryize.checks.run_checks import all_checks
from celeryize.cli.main import VERBS
from celeryize.formats import page_of
from tests.docs import check_pages, examples, setting_pages, site, verb_pages

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def texts(tmp_path_factory) -> dict[str, str]:
    """All pages, as they are given to the generator."""
    return site.collect(tmp_path_factory.mktemp("pages") / "docs")


def test_the_page_of_a_check_is_where_sarif_says(texts):
    config = yaml.safe_load((ROOT / "mkdocs.yml").read_text())
    assert config["use_directory_urls"]
    assert config["site_url"] == site.ADDRESS
    for check in all_checks():
        address = page_of(check.id).removeprefix(config["site_url"])
        assert f"{address.rstrip('/')}.md" in texts, check.id


def test_the_page_of_a_check_has_its_sections_and_its_broken_example(texts):
    for check in all_checks():
        text = texts[check_pages.path_of(check.id)]
        assert check.id.rpartition(".")[2] in text.partition("\n")[0]
        for section in SECTIONS:
            assert f"\n## {section}\n" in text, (check.id, section)
        assert check.id not in check_pages.mistakes() or "\n## Broken\n" in text, check.id


def test_every_check_has_an_example_or_the_reason_that_it_has_none():
    without = {check.id for check in all_checks()} - set(check_pages.mistakes())
    assert without == set(check_pages.WITHOUT_EXAMPLE)


def test_every_option_has_a_line_and_every_line_an_option():
    for verb in VERBS:
        names = {parameter.name for parameter in verb_pages.options_of(verb)}
        for parameter in verb_pages.options_of(verb):
            line = examples.example_of(verb, parameter)
            typed = [*parameter.opts, *parameter.secondary_opts]
            assert any(name in line.split() for name in typed), (verb, line)
        assert set(examples.OWN.get(verb, {})) <= names, verb


def test_every_setting_of_every_profile_is_explained_and_no_other():
    assert set(setting_pages.reasons()) == set(setting_pages.names())
    for name, reason in setting_pages.reasons().items():
        assert set(reason) == {"does", "without", "source"}, name
        assert reason["source"].startswith("https://"), name


def test_every_page_has_a_heading_and_no_link_that_is_dead(texts, tmp_path):
    for path, text in texts.items():
        assert site.title_of(text)
        prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
        for target in re.findall(r"\]\(([^)#\s]+)", re.sub(r"`[^`\n]*`", "", prose)):
            if "://" in target:
                continue
            place = posixpath.normpath(str(PurePosixPath(path).parent / target))
            assert place in texts or (ROOT / "docs" / place).exists(), f"{path}: {target}"


def test_a_link_out_of_docs_leads_to_the_repository():
    text = site.with_repository_links("guides/a.md", "[x](../../CONTRIBUTING.md#style)")
    assert text == f"[x]({site.REPOSITORY}CONTRIBUTING.md#style)"
    with pytest.raises(site.DeadLink):
        site.with_repository_links("a.md", "[x](../NOTHING.md)")


def test_the_list_for_language_models_has_every_page(texts):
    listed = site.llms_list(texts)
    for path in texts:
        assert f"({site.ADDRESS}{path})" in listed


def test_every_page_can_be_reached(texts):
    config = yaml.safe_load(site.configuration())
    reached = set(re.findall(r"[\w./-]+\.md", yaml.safe_dump(config["nav"])))
    for path in set(texts) - reached:
        assert path.startswith("checks/"), path
        assert f"({PurePosixPath(path).name})" in texts["checks/index.md"], path


def test_the_files_of_a_platform_are_those_of_add_worker(texts):
    assert "stop_grace_period" in texts["platforms/compose.md"]
    assert "KillMode=mixed" in texts["platforms/systemd.md"]
    assert "terminationGracePeriodSeconds" in texts["platforms/kubernetes.md"]
    assert "REMAP_SIGTERM=SIGQUIT celery" in texts["platforms/procfile.md"]
    assert 'environment=REMAP_SIGTERM="SIGQUIT"' in texts["platforms/supervisor.md"]
    assert not any("<!-- files:" in text for text in texts.values())
