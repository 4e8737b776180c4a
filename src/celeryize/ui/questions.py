"""A question with a list of answers: arrow keys where the terminal has them, numbers elsewhere."""

from __future__ import annotations

import sys

from celeryize.ui.streams import read_line, write_stream
from celeryize.ui.terminal import Terminal
from celeryize.ui.text import Piece, render
from celeryize.ui.view import Choice, GoBack, Question

OTHER = "\0"
# What goes back to the question before, typed or chosen.
BACK = "<"
WAY_BACK = f"{BACK} goes back"
# Below a list: nothing else says it to who sees one for the first time.
KEYS = "(arrow keys, Enter; Ctrl-C ends)"
ENDS = "Ctrl-C ends the questions, and nothing is written."
HELP_WORDS = frozenset({"?", "help"})
QUIT_WORDS = frozenset({"q", "quit", "exit"})


def ask_question(question: Question, terminal: Terminal) -> str:
    """The value that was chosen. Raises KeyboardInterrupt at Ctrl-C and at the end of file, and
    GoBack where the question has a way back and it was taken."""
    if not question.choices:
        return _type_answer(question, terminal)
    choices = list(question.choices)
    if question.other:
        choices.append(Choice(OTHER, question.other))
    if question.has_way_back:
        choices.append(Choice(BACK, "back to the question before"))
    answer = _choose(question, choices, terminal)
    while answer == OTHER:
        try:
            answer = _type_other(question, terminal)
        except GoBack:
            answer = _choose(question, choices, terminal)
    if answer == BACK:
        write_stream(sys.stderr, render([Piece(f"  {BACK} back", "dim")], terminal) + "\n")
        raise GoBack
    shown = [Piece(f"{question.text} ", "bold"), Piece(answer, "cyan")]
    write_stream(sys.stderr, render(shown, terminal, hang="  ") + "\n")
    return answer


def _choose(question: Question, choices: list[Choice], terminal: Terminal) -> str:
    if terminal.moves:
        return _pick(question, choices, terminal)
    return _pick_number(question, choices)


def _type_other(question: Question, terminal: Terminal) -> str:
    """A text in place of the choices; the way back leads to them."""
    hint = [Piece(f"  {BACK} goes back to the list", "dim")]
    write_stream(sys.stderr, render(hint, terminal) + "\n")
    return _type_text(question, terminal, f"  {question.other.rstrip(' .')}: ", goes_back=True)


def _type_answer(question: Question, terminal: Terminal) -> str:
    """A text, where there is nothing to choose from."""
    head = [Piece(question.text, "bold"), Piece(f"  ({question.flag})")]
    write_stream(sys.stderr, render(head, terminal, hang="  ") + "\n")
    shown = question.example
    if question.has_way_back:
        shown = f"{shown}; {WAY_BACK}"
    example = [Piece(f"  {shown}", "dim")]
    write_stream(sys.stderr, render(example, terminal, hang="  ") + "\n")
    return _type_text(question, terminal, "> ", goes_back=question.has_way_back)


def _titles(choices: list[Choice]) -> list[str]:
    """The choices in two columns, each short enough for a line."""
    longest = max(len(choice.value) for choice in choices if choice.value not in {OTHER, BACK})
    titles = []
    for choice in choices:
        title = choice.meaning
        if choice.value == BACK:
            title = f"{BACK} {choice.meaning}"
        elif choice.value != OTHER:
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
        choices=[*shown, questionary.Separator(KEYS)],
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
    bindings.add(Keys.BracketedPaste, eager=True)(_drop)  # type: ignore[union-attr]
    if question.has_way_back:
        bindings.add(BACK, eager=True)(  # type: ignore[union-attr]
            lambda event: event.app.exit(result=BACK)
        )
    answer: str = prompt.unsafe_ask()
    return answer


def _drop(event: object) -> None:
    """A pasted text is no choice, and would stay in the line of the question."""
    del event


def _pick_number(question: Question, choices: list[Choice]) -> str:
    """A numbered list, for a terminal whose cursor cannot be moved."""
    write_stream(sys.stderr, f"{question.text}  ({question.flag})\n")
    numbered = [choice for choice in choices if choice.value != BACK]
    values = [choice.value for choice in numbered]
    for number, title in enumerate(_titles(numbered), start=1):
        write_stream(sys.stderr, f"  {number}  {title}\n")
    first = values.index(question.default) + 1
    back = f", {WAY_BACK}" if question.has_way_back else ""
    while True:
        write_stream(sys.stderr, f"[1-{len(values)}, Enter for {first}{back}] ")
        line = read_line(sys.stdin)
        if not line:
            raise KeyboardInterrupt
        typed = line.strip() or str(first)
        if typed == BACK and question.has_way_back:
            return BACK
        if typed.isdecimal() and 1 <= int(typed) <= len(values):
            return values[int(typed) - 1]
        # the name of a choice, as its flag takes it
        if typed in values:
            return typed
        write_stream(sys.stderr, f"Type a number from 1 to {len(values)}; {ENDS}\n")


def _type_text(question: Question, terminal: Terminal, prompt: str, *, goes_back: bool) -> str:
    """A text of the user's own; what is wrong with it is said whole, and it is asked again.

    Raises GoBack where that is possible.
    """
    while True:
        write_stream(sys.stderr, prompt)
        line = read_line(sys.stdin)
        if not line:
            raise KeyboardInterrupt
        typed = _without_flag(line.strip(), question.flag)
        if typed == BACK and goes_back:
            raise GoBack
        if not typed and question.optional:
            return question.default
        problem = _problem_of(question, typed)
        if not problem:
            return typed
        write_stream(sys.stderr, render([Piece(f"  {problem}", "red")], terminal, "  ") + "\n")


def _without_flag(typed: str, flag: str) -> str:
    """What is behind the flag of a question, which some type with its value."""
    if flag.startswith("--") and typed.startswith((f"{flag} ", f"{flag}=")):
        return typed[len(flag) + 1 :].strip()
    return typed


def _problem_of(question: Question, typed: str) -> str:
    """Why a text is no answer; empty where it is one."""
    if not typed:
        return f"Nothing was typed. {ENDS}"
    if typed == BACK:
        return f"This is the first question. {ENDS}"
    if typed in HELP_WORDS:
        return f"{_example_of(question, typed)}{ENDS}"
    if typed in QUIT_WORDS:
        return f"{ENDS} If {typed} is the answer, give it on the command line: {question.flag}."
    if not typed.isprintable():
        return "That contains keys that are not text, such as arrows. Type the whole answer again."
    if typed.removeprefix("$ ").startswith("celeryize "):
        return "That is a command, and this a question. Ctrl-C ends the questions: paste it then."
    if question.problem_of is not None:
        return question.problem_of(typed)
    return ""


def _example_of(question: Question, typed: str) -> str:
    """A sentence that shows what an answer looks like."""
    example = f"{question.example}." if question.example else ""
    if not example and question.problem_of is not None:
        example = question.problem_of(typed)
    return f"{example[:1].upper()}{example[1:]} ".lstrip()
