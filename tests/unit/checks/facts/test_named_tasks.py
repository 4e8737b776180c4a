"""Which task an expression names, by the import that counts where it stands."""

from __future__ import annotations

import pytest

from tests.conftest import make_tree
from tests.unit.checks.projects import facts_of, healthy

GREET = "from doctors.tasks import greet\n"
OTHER = "from doctors.other import greet\n"


def inside(line: str, name: str) -> str:
    return f"\n\ndef {name}():\n    {line}    greet.delay(1)\n"


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (f"{GREET}\n\ndef f():\n    greet.delay(1)\n", [True]),
        (f"{OTHER}\n\ndef f():\n    greet.delay(1)\n", [False]),
        # two imports of one name, each in a function of its own, in either order
        (inside(GREET, "f") + inside(OTHER, "g"), [True, False]),
        (inside(OTHER, "f") + inside(GREET, "g"), [False, True]),
        (
            inside("from doctors.tasks import greet as send\n", "f").replace(
                "    greet", "    send"
            )
            + inside("from doctors.other import send\n", "g").replace("    greet", "    send"),
            [True, False],
        ),
        # the module's own import, and another in one function
        (f"{GREET}{inside('', 'f')}{inside(OTHER, 'g')}", [True, False]),
        (f"{OTHER}{inside('', 'f')}{inside(GREET, 'g')}", [False, True]),
        (f"{GREET}\n\ndef f(greet):\n    greet.delay(1)\n", [False]),
        ("import doctors.tasks\n\n\ndef f():\n    doctors.tasks.greet.delay(1)\n", [True]),
        ("from doctors import tasks as t\n\n\ndef f():\n    t.greet.delay(1)\n", [True]),
    ],
)
def test_the_import_that_counts_says_which_task_is_named(tmp_path, body, named):
    other = "class Greet:\n    def delay(self, x): ...\n\n\ngreet = send = Greet()\n"
    tree = {**healthy(), "doctors/other.py": other, "doctors/uses.py": body}
    facts = facts_of(make_tree(tmp_path / "p", tree))
    code = next(one for one in facts.code.relevant if one.path.name == "uses.py")
    calls = code.calls_of("delay")
    found = [facts.tasks.named_by(code, call.func.value) is not None for call in calls]
    assert found == named
