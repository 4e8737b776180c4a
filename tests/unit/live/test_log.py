"""live/log.py: of a long log, the lines that tell why."""

from __future__ import annotations

from pathlib import Path

from celeryize.live.log import telling

PROJECT = [Path("/project")]
TRACEBACK = """Traceback (most recent call last):
  File "/usr/lib/python3/importlib/__init__.py", line 90, in import_module
    return _bootstrap._gcd_import(name)
  File "/project/config/settings.py", line 7, in <module>
    import missing
  File "/project/.venv/lib/python3.11/site-packages/missing.py", line 1, in <module>
    boom
ImportError: no boom
"""


def test_of_a_traceback_the_frames_of_the_project_and_the_error_are_shown():
    assert telling(f"starting\n{TRACEBACK}bye\n", PROJECT) == (
        "/project/config/settings.py:7 in <module>",
        "ImportError: no boom",
    )


def test_of_several_tracebacks_the_last_is_shown():
    chain = f"{TRACEBACK}\nDuring handling of the above exception, another exception occurred:\n\n{TRACEBACK}"
    assert telling(chain.replace("no boom", "first", 1), PROJECT)[-1] == "ImportError: no boom"


def test_without_a_traceback_the_serious_lines_are_shown():
    log = "[INFO/MainProcess] hello\n\x1b[31m[ERROR/MainProcess] consumer: Cannot connect\x1b[0m\n[INFO/x] bye\n"
    assert telling(log, PROJECT) == ("[ERROR/MainProcess] consumer: Cannot connect",)


def test_of_a_calm_log_the_last_lines_are_shown():
    assert telling("".join(f"line {n}\n" for n in range(20)), PROJECT)[-1] == "line 19"


def test_an_empty_log_tells_nothing():
    assert telling("\n\n", PROJECT) == ()
