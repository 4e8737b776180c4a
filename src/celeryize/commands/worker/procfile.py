"""Stub."""

from celeryize.commands.worker.target import Target
from celeryize.errors import CannotPatch


def plan_procfile(target: Target) -> None:
    """Plan."""
    raise CannotPatch("procfile is not there yet")


def new_procfile(target: Target) -> None:
    """New."""
    raise CannotPatch("procfile is not there yet")
