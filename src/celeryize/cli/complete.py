"""Shell completion: verbs, options and values, also the apps, tasks and entries of the project.

The scripts are Typer's, for bash, zsh, fish and PowerShell. The answer is made here: Typer's own
loads rich, and completion has to be faster than a key.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

VARIABLE = "_CELERYIZE_COMPLETE"
SHELLS = ("bash", "zsh", "fish", "powershell", "pwsh")


class Candidate(NamedTuple):
    """A word that may be meant, and what it is."""

    value: str
    help: str = ""


def answer_completion(instruction: str) -> int:
    """Answer the script of a shell: `complete_bash` or, for the script itself, `source_bash`."""
    what, _, shell = instruction.partition("_")
    if shell not in SHELLS:
        return 1
    if what == "source":
        sys.stdout.write(script_of(shell) + "\n")
        return 0
    arguments, incomplete = _words_of(shell)
    found = [
        candidate
        for candidate in candidates(arguments, incomplete)
        if candidate.value.startswith(incomplete)
    ]
    if shell == "fish" and os.environ.get("_TYPER_COMPLETE_FISH_ACTION") == "is-args":
        return int(not found)
    sys.stdout.write(_formatted(shell, found))
    return 0


def script_of(shell: str) -> str:
    """The script that a shell reads at its start."""
    from typer._completion_shared import get_completion_script

    return str(get_completion_script(prog_name="celeryize", complete_var=VARIABLE, shell=shell))


def show_script(shell: str) -> None:
    """Print the script, to be put where the shell reads it. Raises BadParameter."""
    _refuse_unknown(shell, "--show-completion")
    sys.stdout.write(script_of(shell) + "\n")


def install_script(shell: str) -> None:
    """Put the script where the shell reads it at its start. Raises BadParameter."""
    from typer._completion_shared import install

    _refuse_unknown(shell, "--install-completion")
    _, path = install(shell=shell, prog_name="celeryize", complete_var=VARIABLE)
    sys.stderr.write(f"{shell} reads {path} when it starts: open a new terminal.\n")


def _refuse_unknown(shell: str, option: str) -> None:
    import typer

    from celeryize.spelling import did_you_mean

    if shell not in SHELLS:
        near = did_you_mean(shell, SHELLS)
        message = f"unknown shell {shell!r}. {near}Use {', '.join(SHELLS)}."
        raise typer.BadParameter(message, param_hint=option)


def _words_of(shell: str) -> tuple[list[str], str]:
    """The whole words before the cursor, without the program, and the one that is being typed."""
    if shell == "bash":
        words = _split(os.environ.get("COMP_WORDS", ""))
        place = int(os.environ.get("COMP_CWORD", "0") or 0)
        incomplete = words[place] if place < len(words) else ""
        return words[1:place], incomplete
    line = os.environ.get("_TYPER_COMPLETE_ARGS", "")
    words = _split(line)[1:]
    if not words or line.endswith(" "):
        return words, ""
    return words[:-1], words[-1]


def _split(line: str) -> list[str]:
    """The words of a command line; a quote that is still open closes at its end."""
    import shlex

    for end in ("", '"', "'"):
        try:
            return shlex.split(line + end)
        except ValueError:
            continue
    return line.split()


def _formatted(shell: str, found: list[Candidate]) -> str:
    """The candidates as the script of a shell reads them."""
    if shell == "bash":
        return "\n".join(candidate.value for candidate in found)
    if shell == "fish":
        return "\n".join(f"{candidate.value}\t{candidate.help}".rstrip() for candidate in found)
    if shell in {"powershell", "pwsh"}:
        return "\n".join(f"{candidate.value}:::{candidate.help or ' '}" for candidate in found)
    if not found:
        return "_files"
    lines = "\n".join(_for_zsh(candidate) for candidate in found)
    return f"_arguments '*: :(({lines}))'"


def _for_zsh(candidate: Candidate) -> str:
    value = _escaped(candidate.value)
    if not candidate.help:
        return f'"{value}"'
    return f'"{value}":"{_escaped(candidate.help)}"'


def _escaped(text: str) -> str:
    for character, instead in (
        ('"', '""'),
        ("'", "''"),
        ("$", "\\$"),
        ("`", "\\`"),
        (":", r"\\:"),
    ):
        text = text.replace(character, instead)
    return text


def candidates(arguments: list[str], incomplete: str) -> Iterator[Candidate]:
    """What may come next on a command line."""
    from celeryize.cli.main import VERBS, load_verb

    verb = next((word for word in arguments if word in VERBS), "")
    if arguments[:1] == ["help"] or not verb:
        yield from (Candidate(name, text) for name, text in VERBS.items())
        if not arguments:
            yield from (Candidate("help", "Show the help of a command."), Candidate("--version"))
        return
    command = load_verb(verb)
    given = arguments[arguments.index(verb) + 1 :]
    option = _waiting_option(command, given)
    if option is not None:
        yield from _values_of(verb, option.name, arguments)
    elif incomplete.startswith("-"):
        yield from _options_of(command)
    else:
        position = _position(command, given)
        yield from _arguments_of(verb, position, incomplete, arguments)


def _waiting_option(command: Any, given: list[str]) -> Any:
    """The option that the last word was, if it needs a value."""
    last = given[-1] if given else ""
    for parameter in command.params:
        if parameter.param_type_name == "option" and last in parameter.opts:
            return None if parameter.is_flag else parameter
    return None


def _options_of(command: Any) -> Iterator[Candidate]:
    for parameter in command.params:
        if parameter.param_type_name == "option" and not parameter.hidden:
            for name in (*parameter.opts, *parameter.secondary_opts):
                if name.startswith("--"):
                    yield Candidate(name, str(parameter.help or ""))
    yield Candidate("--help", "Show this message and exit.")


def _position(command: Any, given: list[str]) -> int:
    """How many arguments, less options and their values, are there already."""
    needs_value = {
        name
        for parameter in command.params
        if parameter.param_type_name == "option" and not parameter.is_flag
        for name in parameter.opts
    }
    count = 0
    for index, word in enumerate(given):
        if not word.startswith("-") and (not index or given[index - 1] not in needs_value):
            count += 1
    return count


def _values_of(verb: str, option: str, arguments: list[str]) -> Iterator[Candidate]:
    """The values of an option; those of a file or a folder are for the shell."""
    words = _known_words(verb, option)
    if words is not None:
        yield from (Candidate(word) for word in words)
    elif option in {"only", "skip", "explain"}:
        yield from _checks()
    elif option in {"model", "app", "package"}:
        yield from (Candidate(app) for app in _names(arguments, reads=False).apps)


def _known_words(verb: str, option: str) -> Iterable[str] | None:
    """The words that an option may have, whatever the project."""
    from celeryize.brokers import BROKERS, PROFILES, RESULT_BACKENDS

    if verb == "verify" and option == "broker":
        return ("filesystem", "configured")
    if option == "kind":
        from celeryize.commands.task.kinds import kind_names

        return kind_names()
    if option == "solar":
        from celeryize.when import SOLAR

        return SOLAR
    return {
        "broker": [broker.name for broker in BROKERS],
        "result_backend": [backend.name for backend in RESULT_BACKENDS if backend.offered],
        "profile": PROFILES,
        "form": ("text", "github", "sarif", "junit", "lines"),
        "on": ("mon-fri", "sat,sun", "weekdays", "weekends", "daily"),
        "decorator": ("shared_task", "app.task"),
        "trigger": ("post_save:", "post_delete:"),
    }.get(option)


def _checks() -> Iterator[Candidate]:
    """The ids of the checks, read off their files: to load them takes longer."""
    import re

    folder = Path(__file__).parents[1] / "checks"
    pattern = re.compile(
        r'^@check\(\s*"celery\.([EWI]\d{3})".*?^def \w+\(.*?"""(.*?)(?:\n|""")', re.M | re.S
    )
    for file in sorted(folder.glob("*.py")):
        for found in pattern.finditer(file.read_text("utf-8")):
            yield Candidate(found[1], found[2].strip())


def _arguments_of(
    verb: str, position: int, incomplete: str, arguments: list[str]
) -> Iterator[Candidate]:
    """The names of the project that an argument may be."""
    names: dict[tuple[str, int], Callable[[ProjectNames], Iterable[str]]] = {
        ("add-task", 0): lambda found: (f"{app}." for app in found.apps),
        ("remove-task", 0): lambda found: found.tasks,
        ("add-schedule", 1): lambda found: found.tasks,
        ("remove-schedule", 0): lambda found: found.entries,
    }
    chosen = names.get((verb, position))
    if chosen is not None:
        # an app is known by its folder
        found = _names(arguments, reads=verb != "add-task")
        yield from (Candidate(name) for name in chosen(found))
    elif verb == "add-task" and ":" in incomplete:
        name = incomplete.partition(":")[0]
        yield from (Candidate(f"{name}:{kind}") for kind in ("str", "int", "bool", "list[int]"))


class ProjectNames(NamedTuple):
    """The names in the files of a project, found by their text: nothing is parsed or imported."""

    apps: list[str]
    tasks: list[str]
    entries: list[str]


def _names(arguments: list[str], *, reads: bool) -> ProjectNames:
    from celeryize.cli.project_names import find_names

    start = "."
    for flag in ("-C", "--project-dir"):
        if flag in arguments[:-1]:
            start = arguments[arguments.index(flag) + 1]
    return ProjectNames(*find_names(Path(start), reads=reads))
