"""Stub."""

from celeryize.commands.worker.target import Target
from celeryize.errors import CannotPatch


def plan_supervisor(target: Target) -> None:
    """Plan."""
    raise CannotPatch("supervisor is not there yet")


def new_supervisor(target: Target) -> None:
    """New."""
    raise CannotPatch("supervisor is not there yet")
