"""What `celeryize verify` was asked for, and which of its options exclude each other."""

from __future__ import annotations

import os
from dataclasses import dataclass

from celeryize.commands.options import WriteOptions
from celeryize.errors import UsageError
from celeryize.spelling import did_you_mean

BROKERS_FOR_LIVE = ("filesystem", "configured")


@dataclass(frozen=True, slots=True)
class VerifyOptions:
    """The options of verify alone. `form` is text, or one of those in formats.py."""

    static: bool = False
    live: bool = False
    stop: bool = False
    broker: str = "filesystem"
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    strict: bool = False
    fix: bool = False
    form: str = "text"

    @property
    def depth(self) -> str:
        """How deep the project is examined."""
        if self.static:
            return "static"
        if self.live:
            return "live"
        return "import"


def refuse_contradictions(chosen: VerifyOptions, write: WriteOptions) -> None:
    """Raises UsageError for options that make no sense together, or have no such value."""
    options = {"DRY_RUN": write.dry_run, "YES": write.yes, "CHECK": write.check}
    # a CELERYIZE_YES is meant for all commands, and changes nothing here
    typed = [name for name in options if f"CELERYIZE_{name}" not in os.environ]
    writes = any(options[name] for name in typed)
    # in words of the command line, before anything is read or started
    if chosen.static and chosen.live:
        raise UsageError("--static and --live exclude each other", hint="Choose one.")
    if chosen.stop and not chosen.live:
        raise UsageError("--stop requires --live", hint="Write: celeryize verify --live --stop")
    if chosen.broker not in BROKERS_FOR_LIVE:
        raise UsageError(
            f"invalid broker {chosen.broker!r} for --live",
            hint=f"{did_you_mean(chosen.broker, BROKERS_FOR_LIVE)}Use filesystem or configured.",
        )
    if chosen.form != "text":
        from celeryize.formats import FORMATS

        if chosen.form not in FORMATS:
            near = did_you_mean(chosen.form, FORMATS)
            raise UsageError(
                f"unknown format {chosen.form!r}",
                hint=f"{near}Use text, github, sarif, junit or lines.",
            )
    if chosen.fix and chosen.live:
        raise UsageError("--fix and --live exclude each other", hint="Fix first, then run --live.")
    # the other formats have no place for what was fixed
    if chosen.fix and chosen.form != "text":
        raise UsageError("--fix has no --format", hint="Use --json, or run verify again.")
    if writes and not chosen.fix:
        raise UsageError("--dry-run, --yes and --check require --fix", hint="Add --fix.")
