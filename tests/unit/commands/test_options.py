"""What next steps keep of the options of a run."""

from pathlib import Path

from celeryize.commands.options import RunOptions, with_project
from celeryize.model import NextStep


def test_a_line_of_celeryize_finds_the_same_project_and_interpreter() -> None:
    options = RunOptions(Path("shop"), settings="config.local", python="env/bin/python")
    here = Path.cwd()
    added = f"-C {here}/shop --settings config.local --python {here}/env/bin/python"
    step = NextStep("Prove it", ("celeryize verify --live", "redis-server"))
    assert with_project(step, options) == NextStep(
        "Prove it", (f"celeryize verify --live {added}", "redis-server")
    )
    assert with_project("celeryize verify", options) == f"celeryize verify {added}"


def test_without_options_a_line_stays() -> None:
    step = NextStep("Prove it", ("celeryize verify --live",))
    assert with_project(step, RunOptions()) is step
    # a name that is looked for on PATH is no path
    assert with_project("celeryize verify", RunOptions(python="python3.12")) == (
        "celeryize verify --python python3.12"
    )
