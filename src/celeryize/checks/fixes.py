"""What several fixes of `verify --fix` share. A fix itself is defined below its check.

To make a check fixable: give `@check` `fixable=True`, and its Occurrence a `fix=`, the answer of a
small function over the facts. That is a Fix only if nothing else can have been meant; where it is
not certain, it is an Unsure that says why. The edit is proved like every other one, and rolled back
if its finding is still there afterwards.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterable, Sequence

from celeryize.checks.check import Fix, Unsure
from celeryize.checks.facts import Facts
from celeryize.checks.facts.code import Code
from celeryize.checks.facts.literals import text_of
from celeryize.checks.facts.plain import plain_named
from celeryize.checks.facts.settings import Setting
from celeryize.checks.registration import left_without_worker
from celeryize.detect.command import CeleryCommand
from celeryize.patch.replace import as_tuple, renamed_argument, renamed_target, respelled

# How much closer than all others a name must be to count as the one that was meant.
LEAD = 0.1
# From which likeness on a name may be another one, misspelt.
ALIKE = 0.75


def did_you_mean(close: Sequence[str]) -> str:
    """The hint that names the closest of some suggestions; empty where there is none."""
    return f"Did you mean {close[0]}?" if close else ""


def add_queue(worker: CeleryCommand, consumed: Iterable[str], queue: str) -> str:
    """What to write in the command line of a worker, so that it consumes one more queue."""
    return worker.as_written("-Q", ",".join([*sorted(consumed), queue]))


def remedy_for_name(facts: Facts, name: str) -> str:
    """What to do about the name of a task that does not exist; empty where nothing is known.

    A function of that name without a decorator is meant, or else a task whose own name is like it:
    that both are of one module makes nobody mean another task.
    """
    plain = plain_named(facts, name)
    if plain is not None:
        return plain.remedy
    function = name.rpartition(".")[2]
    alike = [one for one in sorted(facts.task_names) if _are_alike(function, one)]
    close = difflib.get_close_matches(name, alike, 1, 0)
    missing = left_without_worker(facts).get(close[0]) if close else None
    if missing is not None:
        return (
            f"{close[0]} ({missing.task.where}) may be meant, and no worker registers it: mend "
            "that first."
        )
    return did_you_mean(close)


def _are_alike(function: str, task: str) -> bool:
    """Whether a function's name may be a misspelt one of a task."""
    other = task.rpartition(".")[2]
    return difflib.SequenceMatcher(None, function, other).ratio() >= ALIKE


def only_near(word: str, names: Iterable[str], cutoff: float = 0.8) -> str | None:
    """The one name that a misspelt word means; None where several are about as close."""
    near = difflib.get_close_matches(word, sorted(names), 2, cutoff)
    if len(near) < 2:
        if near:
            return near[0]
        return None
    # a narrow lead may be chance: then a person decides
    first, second = (difflib.SequenceMatcher(None, word, name).ratio() for name in near)
    if first - second >= LEAD:
        return near[0]
    return None


def rename_setting(facts: Facts, setting: Setting, name: str | None) -> Fix | Unsure:
    """Give a setting the name that was meant, where that is used once and the new name is free."""
    if name is None:
        return Unsure("it is not certain which name was meant")
    if not any(app.reads_django_settings for app in facts.project.celery):
        return Unsure("the app does not read the names that start with CELERY_")
    other = facts.settings.first(name)
    if other is not None:
        return Unsure(f"{name} is set, too ({other.where})")
    inside = sum(text_of(node) == setting.name for node in ast.walk(setting.value))
    # renaming the assignment alone would break the other uses
    if facts.code.count_uses(setting.name) != 1 + inside:
        return Unsure(f"{setting.name} is used in other places, too")
    statement = setting.code.parents[setting.value]
    target = next(
        n for n in ast.walk(statement) if isinstance(n, ast.Name) and n.id == setting.name
    )
    splice = renamed_target(setting.code.source, target, name)
    return Fix(setting.code.path, f"{setting.name} becomes {name}", (splice,))


def rename_argument(
    code: Code, call: ast.Call, keyword: ast.keyword, name: str | None
) -> Fix | Unsure:
    """Give a keyword argument of a call the name that was meant, unless it is given as well."""
    if name is None:
        return Unsure("it is not certain which name was meant")
    if any(k.arg in {name, None} for k in call.keywords):
        return Unsure(f"{name} is, or may be, given as well")
    splice = renamed_argument(code.source, keyword, name)
    return Fix(code.path, f"{keyword.arg} becomes {name}", (splice,))


def rename_key(
    code: Code, holder: ast.Dict, key: ast.expr, name: str | None, entry: str = ""
) -> Fix | Unsure:
    """Give a key of a dict the name that was meant, unless it has that one as well. `entry` names
    Beat's entry."""
    if name is None:
        return Unsure("it is not certain which name was meant")
    if None in holder.keys or any(text_of(k) == name for k in holder.keys):
        return Unsure(f"{name!r} is, or may be, given as well")
    splice = respelled(code.source, key, name)
    return Fix(
        code.path, f"{text_of(key)!r} becomes {name!r}", (splice,), (entry,) if entry else ()
    )


def make_tuple(code: Code, value: ast.expr, entry: str = "") -> Fix:
    """Put the comma into a tuple of one that lacks it."""
    what = f"{ast.unparse(value)} becomes ({ast.unparse(value)},)"
    return Fix(code.path, what, (as_tuple(code.source, value),), (entry,) if entry else ())
