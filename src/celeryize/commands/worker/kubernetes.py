"""Stub."""

from celeryize.commands.worker.target import Target
from celeryize.errors import CannotPatch


def plan_kubernetes(target: Target) -> None:
    """Plan."""
    raise CannotPatch("kubernetes is not there yet")


def new_kubernetes(target: Target) -> None:
    """New."""
    raise CannotPatch("kubernetes is not there yet")
