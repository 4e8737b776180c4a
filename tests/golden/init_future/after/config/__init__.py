"""The shop."""

from __future__ import annotations

import sys

sys.dont_write_bytecode = sys.dont_write_bytecode

from .celery import app as celery_app

__all__ = ("celery_app",)
