"""What the templates of the settings said in earlier versions, and why they say something else now.

Each change of a setting is an entry: `celeryize update` recognises the old value by it, and tells
the user its sentence.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TemplateChange:
    """One setting whose template changed after `version`: what it said, its comment, and why it
    was changed. `profiles`: those that set it.
    """

    version: str
    name: str
    value: str
    comment: tuple[str, ...]
    profiles: tuple[str, ...]
    sentence: str


CHANGES = (
    TemplateChange(
        "0.1.0",
        "CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT",
        "30",
        (
            "# Seconds that running tasks get at shutdown; keep it below the grace period of the "
            "container.",
        ),
        ("production",),
        "a soft shutdown of 30 seconds ends with the grace of Kubernetes and Heroku, which then "
        "kill the worker and what it runs; 20 seconds end before it.",
    ),
)

# Lines of comment that were rewritten without a change of what they are about.
OLD_COMMENTS = frozenset(
    {
        "# Seconds between two looks into the folder; the default is 1.",
        # not true of a task whose own process alone is killed
        "# A task whose worker dies runs again, so write tasks that may run twice.",
        *(line for change in CHANGES for line in change.comment),
    }
)


def change_of(name: str, profile: str) -> TemplateChange | None:
    """The last change of a setting in a profile; None where its template never changed."""
    for change in reversed(CHANGES):
        if change.name == name and profile in change.profiles:
            return change
    return None
