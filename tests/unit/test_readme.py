"""The tables of the documentation are those of the program; `--rewrite-readme` writes them."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

from celeryize.cli.main import VERBS, load_verb
from celeryize.errors import Exit

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
MEANING = {
    Exit.DONE: "done, or nothing to do",
    Exit.FINDINGS: "findings of severity error (`verify`), or `--check` would change something",
    Exit.USAGE: "wrong command line",
    Exit.REFUSED: "not possible safely: no or ambiguous project, a refused patch, a question without a terminal, "
    "a no; nothing was written",
    Exit.UNPROVED: "the result failed its proof; nothing is changed",
    Exit.BUG: "a bug of celeryize; the project is as it was",
    Exit.INTERRUPTED: "Ctrl-C; the project is as it was, or the last line says that the change was done already",
}


def commands():
    return {name: load_verb(name) for name in VERBS}


def flags_of(command) -> dict[str, str]:
    found = {}
    for parameter in command.params:
        if parameter.param_type_name == "option" and not parameter.hidden:
            names = [*parameter.opts, *parameter.secondary_opts]
            found[", ".join(sorted(names, key=len))] = parameter.help
    return found


def commands_table() -> str:
    rows = [
        f"| `celeryize {name}` | {command.help.splitlines()[0]} |"
        for name, command in commands().items()
    ]
    return "\n".join(["| command | what it does |", "| --- | --- |", *rows])


def flags_table() -> str:
    table: dict[tuple[str, str], list[str]] = {}
    for name, command in commands().items():
        for flag, text in flags_of(command).items():
            table.setdefault((flag, text), []).append(name)
    rows = [
        f"| `{flag}` | {text} | {'all' if len(names) == len(commands()) else ', '.join(names)} |"
        for (flag, text), names in sorted(
            table.items(), key=lambda item: (-len(item[1]), item[0][0].lstrip("-"))
        )
    ]
    return "\n".join(["| flag | meaning | commands |", "| --- | --- | --- |", *rows])


def exits_table() -> str:
    rows = [f"| {int(code)} | {MEANING[code]} |" for code in Exit]
    return "\n".join(["| code | meaning |", "| --- | --- |", *rows])


def code_map() -> str:
    rows = []
    for path in sorted((ROOT / "src/celeryize").rglob("*.py")):
        name = path.relative_to(ROOT / "src/celeryize").as_posix()
        doc = ast.get_docstring(ast.parse(path.read_text()))
        assert doc, f"{name} has no docstring"
        first = doc.split("\n\n")[0].split("\n    ")[0].replace("\n", " ").replace("|", "\\|")
        rows.append(f"| `{name}` | {first} |")
    return "\n".join(["| module | what it is |", "| --- | --- |", *rows])


def shapes_table() -> str:
    shapes = tomllib.loads((ROOT / "tests/golden/shapes.toml").read_text()).values()
    rows = [f"| {shape['shape']} | {shape['happens']} |" for shape in shapes]
    return "\n".join(["| layout | what happens |", "| --- | --- |", *rows])


SECTIONS = {
    "commands": ("reference.md", commands_table),
    "flags": ("reference.md", flags_table),
    "exits": ("reference.md", exits_table),
    "map": ("internals.md", code_map),
    "shapes": ("layouts.md", shapes_table),
}


@pytest.mark.parametrize("name", SECTIONS)
def test_a_table_of_the_documentation_is_the_program(name, request: pytest.FixtureRequest):
    file, table = SECTIONS[name]
    page = ROOT / "docs" / file
    marked = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    text = page.read_text()
    assert marked.search(text)
    made = marked.sub(lambda m: f"{m[1]}{table()}\n{m[2]}", text)
    if request.config.getoption("--rewrite-readme"):
        page.write_text(made)
        text = made
    assert text == made, "run pytest tests/unit/test_readme.py --rewrite-readme and read the diff"


def test_the_readme_is_short_and_its_links_lead_somewhere():
    text = README.read_text()
    assert len(text.splitlines()) <= 150
    # those of docs/ lead to pages that are made, too: test_site.py follows them
    for page in (README, ROOT / "CONTRIBUTING.md"):
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_commands_of_the_readme_are_commands():
    typed = re.findall(r"celeryize ([a-z-]+)", README.read_text())
    names = {word for word in typed if not word.startswith("-")}
    assert {"init", "undo", "verify"} <= names
    shell = re.findall(r"^\$ celeryize ([a-z-]+)", README.read_text(), re.MULTILINE)
    assert set(shell) <= set(VERBS)


def test_every_option_can_come_from_the_environment():
    for command in commands().values():
        for parameter in command.params:
            if parameter.param_type_name == "option" and parameter.name not in {"help", "version"}:
                assert str(parameter.envvar).startswith("CELERYIZE_"), (
                    command.name,
                    parameter.name,
                )


def test_every_command_takes_json_and_a_project_folder():
    for name, command in commands().items():
        flags = " ".join(flags_of(command))
        if name not in {"demo", "templates"}:
            assert "--json" in flags and "--project-dir" in flags, name
