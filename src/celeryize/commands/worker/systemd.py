"""Stub."""

from celeryize.commands.worker.target import Target
from celeryize.errors import CannotPatch


def plan_systemd(target: Target) -> None:
    """Plan."""
    raise CannotPatch("systemd is not there yet")


def new_systemd(target: Target) -> None:
    """New."""
    raise CannotPatch("systemd is not there yet")
