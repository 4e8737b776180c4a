"""patch/dependencies: whatever the file looks like, it is only added to, and only once."""

import tomllib
from pathlib import PurePosixPath

from hypothesis import given
from hypothesis import strategies as st

from celeryize.patch.dependencies import Form, Requirement, declare, entries

CELERY = Requirement("celery", ("redis",), "5.4")
NEWLINES = st.sampled_from(["\n", "\r\n"])
REQUIREMENTS = st.sampled_from(
    [
        "django>=5.2",
        "asgiref",
        "Pillow == 10.1",
        "psycopg[binary] ; python_version > '3.8'",
        "zope.interface~=6",
        "django_celery_beat",
        "x @ https://example.com/x.whl",
        "Celery==4.4",
    ]
)
LINES = st.one_of(
    REQUIREMENTS,
    st.sampled_from(
        ["", "  ", "# celery é", "# why \\", "-r base.txt", "--pre", "-e .", "a \\\n  >=1"]
    ),
)


@st.composite
def requirements_files(draw: st.DrawFn) -> str:
    lines = [line + draw(NEWLINES) for line in draw(st.lists(LINES, max_size=9))]
    text = draw(st.sampled_from(["", "\ufeff"])) + "".join(lines)
    return text.rstrip("\r\n") if draw(st.booleans()) else text


@st.composite
def pyprojects(draw: st.DrawFn) -> str:
    newline = draw(NEWLINES)
    spaces = st.sampled_from(["", " ", newline, f"{newline}    ", f" # ] \" , '{newline}\t"])
    quote = draw(st.sampled_from(["'", '"']))
    plain = REQUIREMENTS.filter(lambda requirement: "'" not in requirement)
    items = [
        f"{draw(spaces)}{quote}{item}{quote}{draw(spaces)}"
        for item in draw(st.lists(plain, max_size=6))
    ]
    comma = "," if items and draw(st.booleans()) else ""
    body = ",".join(items) + comma + draw(spaces)
    end = draw(st.sampled_from(["", newline, f"{newline}{newline}[tool.x]{newline}a = 1"]))
    return f'[project]{newline}name = "x"{newline}dependencies = [{body}]{end}'


def is_subsequence(old: bytes, new: bytes) -> bool:
    rest = iter(new)
    return all(byte in rest for byte in old)


@given(requirements_files())
def test_a_requirements_file_is_only_added_to(text):
    before, path = text.encode(), PurePosixPath("requirements.txt")
    once = declare(before, path, Form.REQUIREMENTS, CELERY)
    same = next(
        (i for i, (a, b) in enumerate(zip(before, once, strict=False)) if a != b), len(before)
    )
    assert once.endswith(before[same:])
    assert declare(once, path, Form.REQUIREMENTS, CELERY) == once
    old, new = entries(before, Form.REQUIREMENTS), entries(once, Form.REQUIREMENTS)
    assert {name: entry.text for name, entry in new.items() if name != "celery" or name in old} == {
        name: entry.text for name, entry in old.items()
    }
    assert "celery" in new


@given(pyprojects())
def test_a_pyproject_is_only_added_to(text):
    before, path = text.encode(), PurePosixPath("pyproject.toml")
    once = declare(before, path, Form.PEP621, CELERY)
    assert is_subsequence(before, once)
    assert declare(once, path, Form.PEP621, CELERY) == once
    old, new = tomllib.loads(text), tomllib.loads(once.decode())
    new["project"]["dependencies"] = [d for d in new["project"]["dependencies"] if d != str(CELERY)]
    assert new == old
