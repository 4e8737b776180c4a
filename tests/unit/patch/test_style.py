"""patch/style.py: long lines are broken as Black and Ruff break them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from celeryize.patch.style import reflowed

RUFF = shutil.which("ruff", path=str(Path(sys.executable).parent))
A, B, C = "smtplib.SMTPServerDisconnected", "smtplib.SMTPConnectError", "ConnectionRefusedError"


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        # a tuple has one element a line, also where all of them would fit in one
        (f"x = ({A}, {B}, {C})\n", f"x = (\n    {A},\n    {B},\n    {C},\n)\n"),
        # the arguments of a call stay together
        (f"call({A}, {B}, {C})\n", f"call(\n    {A}, {B}, {C}\n)\n"),
        (f"x = [{A}, {B}, {C}]\n", f"x = [\n    {A},\n    {B},\n    {C},\n]\n"),
        ("x = (1, 2)\n", "x = (1, 2)\n"),
    ],
)
def test_a_long_line_is_opened_at_its_last_bracket(text: str, broken: str):
    assert reflowed(text, 85) == broken
    if RUFF:
        command = [RUFF, "format", "--isolated", "--line-length", "85", "-"]
        ran = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
        assert ran.stdout == broken
