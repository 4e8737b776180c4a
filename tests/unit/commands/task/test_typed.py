"""add-task: what is typed at its questions, as people write it."""

from __future__ import annotations

import pytest

from celeryize.commands.task.kinds import KINDS
from celeryize.commands.task.parameters import parse_parameters, split_parameters
from celeryize.commands.task.questions import _problem_of_name, _problem_of_parameters
from celeryize.errors import UsageError


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("user_id:int note:str=hello", ("user_id:int", "note:str=hello")),
        ("user_id: int, note: str = hello", ("user_id:int", "note:str=hello")),
        ("user_id:int,note:str", ("user_id:int", "note:str")),
        ("ids:list[int], to:dict[str, int]", ("ids:list[int]", "to:dict[str, int]")),
        ("n:int | None = None", ("n:int|None=None",)),
        ("note:str='a: b, c' n:int=1", ("note:str='a: b, c'", "n:int=1")),
        ("url:str=http://a.b/c", ("url:str=http://a.b/c",)),
        ("", ()),
    ],
)
def test_parameters_of_a_line_are_split_as_code_is_written(typed, words):
    assert split_parameters(typed) == words
    assert not _problem_of_parameters(KINDS[0], typed)


def test_a_comma_behind_a_type_is_no_type():
    with pytest.raises(UsageError, match="int, is not a type") as refused:
        parse_parameters(("user_id:int,", "note:str"), KINDS[0], None)
    assert refused.value.hint == "Parameters have a space between them."
    assert len(parse_parameters(("user_id:int", "note:str"), KINDS[0], None)) == 2


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("send-mail", "Did you mean send_mail?"),
        ("Send the mail", "Did you mean send_the_mail?"),
        ("doctors.send", "Type the name alone, send"),
        ("class", "a word of Python"),
        ("2nd", "letters, digits and underscores."),
        ("send_mail", ""),
    ],
)
def test_a_name_that_is_none_leads_to_one(typed, said):
    problem = _problem_of_name(typed)
    assert (bool(problem), problem.endswith(said) or said in problem) == (bool(said), True)
