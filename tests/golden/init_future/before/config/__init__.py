"""The shop."""

from __future__ import annotations

import sys

sys.dont_write_bytecode = sys.dont_write_bytecode
