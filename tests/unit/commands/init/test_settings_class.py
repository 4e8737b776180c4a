"""init says where pydantic-settings reads the environment, which the new lines do without it."""

from __future__ import annotations

import pytest

from tests.conftest import make_tree, small_project
from tests.unit.test_golden import Recorder, run

CLASS = "class Values(BaseSettings):\n    secret_key: str = 'x'\n\n\nvalues = Values()\n"
PYDANTIC = f"from pydantic_settings import BaseSettings\n\n\n{CLASS}"
QUALIFIED = "import pydantic_settings\n\n\n" + CLASS.replace("(Base", "(pydantic_settings.Base")


@pytest.mark.parametrize(
    ("files", "extra", "place"),
    [
        ({"config/env.py": PYDANTIC}, "from config.env import values\n", "config/env.py:4"),
        ({"config/env.py": QUALIFIED}, "from .env import values\n", "config/env.py:4"),
        ({"config/env.py": PYDANTIC}, "from config import env\n", "config/env.py:4"),
        ({}, PYDANTIC, "config/settings.py:"),
        # it is there, and the settings do not use it
        ({"config/env.py": PYDANTIC}, "", None),
        # what reads the environment in the settings already is what the new lines do, too
        (
            {"config/env.py": PYDANTIC},
            "import os\n\nfrom config.env import values\n\nNAME = os.environ.get('NAME', 'x')\n",
            None,
        ),
        ({"config/env.py": "class Values:\n    x = 1\n"}, "from config.env import Values\n", None),
    ],
)
def test_a_class_that_reads_the_environment_is_named(tmp_path, files, extra, place):
    project = small_project()
    project["config/settings.py"] = extra + project["config/settings.py"]
    folder = make_tree(tmp_path / "p", {**project, **files})
    view = Recorder()
    run(folder, {"options": {"profile": "standard"}}, view)
    notes = [note for note in view.plans[0].notes if "pydantic-settings" in note]
    assert len(notes) == (place is not None)
    assert all(note.startswith(str(place)) for note in notes)
