"""A question with a list of answers: arrow keys where the terminal has them, numbers elsewhere."""

from __future__ import annotations

import sys

from celeryize.ui.streams import write_stream
from celeryize.ui.terminal import Terminal
from celeryize.ui.text import Piece, render
from celeryize.ui.view import Choice, Question

OTHER = "\0"


def ask_question(question: Question, terminal: Terminal) -> str:
    """The value that was chosen. Raises KeyboardInterrupt at Ctrl-C and at the end of file."""
    if not question.choices:
        return _type_answer(question, terminal)
    choices = list(question.choices)
    if question.other:
        choices.append(Choice(OTHER, question.other))
    if terminal.moves:
        answer = _pick(question, choices, terminal)
    else:
        answer = _pick_number(question, choices)
    if answer == OTHER:
        answer = _type_text(question, terminal, f"  {question.other.rstrip(' .')}: ")
    shown = [Piece(f"{question.text} ", "bold"), Piece(answer, "cyan")]
    write_stream(sys.stderr, render(shown, terminal, hang="  ") + "\n")
    return answer


def _type_answer(question: Question, terminal: Terminal) -> str:
    """A text, where there is nothing to choose from."""
    head = [Piece(question.text, "bold"), Piece(f"  ({question.flag})")]
    write_stream(sys.stderr, render(head, terminal, hang="  ") + "\n")
    example = [Piece(f"  {question.example}", "dim")]
    write_stream(sys.stderr, render(example, terminal, hang="  ") + "\n")
    return _type_text(question, terminal, "> ")


def _titles(choices: list[Choice]) -> list[str]:
    """The choices in two columns, each short enough for a line."""
    longest = max(len(choice.value) for choice in choices if choice.value != OTHER)
    titles = []
    for choice in choices:
        title = choice.meaning
        if choice.value != OTHER:
            title = f"{choice.value:<{longest}}  {choice.meaning}".rstrip()
        titles.append(title)
    return titles


def _pick(question: Question, choices: list[Choice], terminal: Terminal) -> str:
    import questionary
    from prompt_toolkit.keys import Keys
    from prompt_toolkit.output import create_output

    titles = _titles(choices)
    shown = [
        questionary.Choice(title, value=choice.value)
        for title, choice in zip(titles, choices, strict=True)
    ]
    colours = []
    if terminal.colour:
        colours = [("pointer", "fg:ansicyan bold"), ("highlighted", "fg:ansicyan")]
    else:
        colours = [("pointer", "noreverse"), ("highlighted", "noreverse")]
    prompt = questionary.select(
        f"{question.text}  ({question.flag})",
        choices=shown,
        default=question.default,
        qmark="",
        pointer=">",
        instruction=" ",
        style=questionary.Style([*colours, ("selected", "noreverse"), ("question", "bold")]),
        # stdout may be a patch
        output=create_output(stdout=sys.stderr),
        erase_when_done=True,
    )
    bindings = prompt.application.key_bindings

    bindings.add(Keys.ControlD, eager=True)(  # type: ignore[union-attr]
        lambda event: event.app.exit(exception=KeyboardInterrupt, style="class:aborting")
    )
    answer: str = prompt.unsafe_ask()
    return answer


def _pick_number(question: Question, choices: list[Choice]) -> str:
    """A numbered list, for a terminal whose cursor cannot be moved."""
    write_stream(sys.stderr, f"{question.text}  ({question.flag})\n")
    values = [choice.value for choice in choices]
    for number, title in enumerate(_titles(choices), start=1):
        write_stream(sys.stderr, f"  {number}  {title}\n")
    first = values.index(question.default) + 1
    while True:
        write_stream(sys.stderr, f"[1-{len(values)}, Enter for {first}] ")
        line = sys.stdin.readline()
        if not line:
            raise KeyboardInterrupt
        typed = line.strip() or str(first)
        if typed.isdigit() and 1 <= int(typed) <= len(values):
            return values[int(typed) - 1]
        write_stream(sys.stderr, f"Type a number from 1 to {len(values)}.\n")


def _type_text(question: Question, terminal: Terminal, prompt: str) -> str:
    """A text of the user's own; what is wrong with it is said whole, and it is asked again."""
    while True:
        write_stream(sys.stderr, prompt)
        line = sys.stdin.readline()
        if not line:
            raise KeyboardInterrupt
        typed = line.strip()
        if not typed and question.optional:
            return question.default
        problem = "Nothing was typed." if not typed else ""
        if typed and question.problem_of is not None:
            problem = question.problem_of(typed)
        if not problem:
            return typed
        write_stream(sys.stderr, render([Piece(f"  {problem}", "red")], terminal, "  ") + "\n")
