"""The questions of templates/init/copier.yml and the options of the command line say the same."""

from __future__ import annotations

import inspect

import yaml

from celeryize.brokers import question_data
from celeryize.cli.verbs.init import init
from celeryize.detect.answers import QUESTIONS
from celeryize.render import templates

DECLARED = {
    name: question
    for name, question in yaml.safe_load((templates() / "init/copier.yml").read_text()).items()
    if not name.startswith("_") and question.get("when", True)
}


def option(name: str):
    annotation = inspect.signature(init).parameters[name].annotation
    return annotation.__metadata__[0]


def test_there_are_at_most_four_questions():
    assert set(DECLARED) == set(QUESTIONS)
    assert len(DECLARED) <= 4


def test_each_question_names_its_flag_and_the_option_exists():
    for name, question in DECLARED.items():
        flag = f"--{name.replace('_', '-')}"
        assert f"({flag})" in question["help"]
        # Typer keeps the first name of an annotated option where others keep its default
        spelled = (option(name).default, *option(name).param_decls)
        assert any(flag in declared.split("/") for declared in spelled)


def test_an_option_that_is_not_given_leaves_the_default_to_the_question():
    for name in DECLARED:
        assert inspect.signature(init).parameters[name].default is None


def test_the_help_of_an_option_lists_what_the_question_accepts():
    for name, question in DECLARED.items():
        # of a yes or no, the choices are sentences
        words = question.get("choices") or []
        if question["type"] == "bool":
            continue
        for word in words:
            assert word in option(name).help


def test_a_question_and_its_option_list_the_brokers_and_result_backends_of_the_tables():
    data = question_data()
    for name in ("broker", "result_backend"):
        assert f"{{{{ {name}_words }}}}" in DECLARED[name]["help"]
        assert f"{name} not in {name}s" in DECLARED[name]["validator"]
        assert data[f"{name}s"]
        for word in data[f"{name}s"]:
            assert word in option(name).help and word in data[f"{name}_words"]
