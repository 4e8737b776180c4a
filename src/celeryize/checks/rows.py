"""The rows of django-celery-beat: what its tables do not accept, and changes that Beat misses."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from celeryize.checks.check import Occurrence, check
from celeryize.checks.entries import model_values
from celeryize.checks.facts import Facts
from celeryize.checks.facts.canvas import full_name
from celeryize.checks.facts.code import Code
from celeryize.checks.facts.literals import Function
from celeryize.patch.nodes import dotted

# One of these, and only one. Source: django_celery_beat/models.py, PeriodicTask.validate_unique
SCHEDULES = frozenset({"interval", "crontab", "solar", "clocked"})
KEYS = SCHEDULES | {f"{name}_id" for name in SCHEDULES}
# What writes rows and sends no signal.
IN_BULK = frozenset({"update", "bulk_create", "bulk_update", "aupdate", "abulk_create"})
# What tells Beat of a change.
TELLS = ("update_changed", "PeriodicTasks.changed")
CREATES = frozenset({"create", "acreate", "get_or_create", "update_or_create"})
TABLE = "django_celery_beat.models.PeriodicTask"


@check("celery.E741")
def row_without_one_schedule(facts: Facts) -> Iterator[Occurrence]:
    """A PeriodicTask is made with no schedule, or with two.

    What happens: The call raises.
    How it looks: ValidationError: One of clocked, interval, crontab, or solar must be set.
    Why: save() of the model checks it.
    Fix: One of interval=, crontab=, solar= or clocked=
    Source: django_celery_beat/models.py; reproduced with django-celery-beat 2.9
    """
    for code in facts.code.relevant:
        if "PeriodicTask" not in code.source.text:
            continue
        for call in code.calls:
            method = dotted(call.func).rpartition(".")[2]
            if method not in CREATES or not isinstance(call.func, ast.Attribute):
                continue
            if not _starts_at_rows(facts, code, call.func.value) or _is_open(call):
                continue
            values = model_values(facts, code, call)
            given = {key for key in KEYS & values.keys() if not _is_none(values[key])}
            if len(given) == 1 or (not given and method == "update_or_create"):
                continue
            # `interval=interval, crontab=crontab`, of which one may be None
            if any(_may_be_none(code, values[key]) for key in given):
                continue
            what = "no schedule"
            if given:
                what = f"{len(given)} schedules ({', '.join(sorted(given))})"
            yield Occurrence(
                f"this PeriodicTask has {what}: save() raises",
                code.where(call),
                "Give it one of interval, crontab, solar and clocked.",
            )


def _is_none(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is None


def _may_be_none(code: Code, value: ast.expr) -> bool:
    """Whether a value is None in some of the cases, as far as the function around it shows."""
    if isinstance(value, ast.IfExp | ast.BoolOp):
        return True
    function = code.function_of(value)
    if not isinstance(value, ast.Name) or function is None:
        return False
    arguments = function.args
    named = [*arguments.posonlyargs, *arguments.args]
    usual = dict(zip([a.arg for a in reversed(named)], reversed(arguments.defaults), strict=False))
    usual |= {
        a.arg: d for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if d
    }
    if value.id in usual:
        return True
    # what is assigned more than once, or by unpacking, may be anything
    if _is_made_once(code, function, value.id):
        return False
    assigned = code.assigned_in(function).get(value.id) or []
    if value.id not in {a.arg for a in (*named, *arguments.kwonlyargs)} and len(assigned) != 1:
        return True
    return any(_is_none(one) or isinstance(one, ast.IfExp | ast.BoolOp) for one in assigned)


def _is_made_once(code: Code, function: Function, name: str) -> bool:
    """Whether a name is only bound by `name, created = ....objects.get_or_create(...)`."""
    stores = [
        node
        for node in code.within(function)
        if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store)
    ]
    if len(stores) != 1:
        return False
    target = code.parents.get(stores[0])
    made = code.parents.get(target) if isinstance(target, ast.Tuple) else None
    if not isinstance(made, ast.Assign) or not isinstance(made.value, ast.Call):
        return False
    spelled = ast.unparse(made.value.func)
    first = isinstance(target, ast.Tuple) and target.elts[0] is stores[0]
    return first and spelled.endswith(("objects.get_or_create", "objects.update_or_create"))


def _is_open(call: ast.Call) -> bool:
    """Whether values come by `**`, or in a dict that is not a literal."""
    if any(keyword.arg is None for keyword in call.keywords):
        return True
    for keyword in call.keywords:
        if keyword.arg in {"defaults", "create_defaults"}:
            # only of a literal dict all of the keys are known
            if not isinstance(keyword.value, ast.Dict) or None in keyword.value.keys:
                return True
    return False


@check("celery.W742")
def change_that_beat_misses(facts: Facts) -> Iterator[Occurrence]:
    """Rows of PeriodicTask are changed in bulk, which Beat does not notice.

    What happens: Beat goes on with the old schedule until it is restarted, or until any row is
        saved.
    How it looks: (nothing: the admin shows the new values)
    Why: Beat looks at the time of the last change, which save() and delete() set by a signal.
        update(), bulk_create() and bulk_update() send none.
    Fix: PeriodicTasks.update_changed() below it; or save() for each row
    Source: django_celery_beat/models.py, PeriodicTasks; reproduced with django-celery-beat 2.9
    """
    for code in facts.code.relevant:
        if "PeriodicTask" not in code.source.text:
            continue
        # `PeriodicTasks.changed(row)` tells Beat, too
        if code.has(*TELLS):
            continue
        for call in code.calls:
            if isinstance(call.func, ast.Attribute) and call.func.attr in IN_BULK:
                if _starts_at_rows(facts, code, call.func.value):
                    yield Occurrence(
                        f"Beat does not notice {call.func.attr}(): it keeps the old schedule",
                        code.where(call),
                        "Call PeriodicTasks.update_changed() below it.",
                    )


def _starts_at_rows(facts: Facts, code: Code, node: ast.expr) -> bool:
    """Whether a query starts at PeriodicTask.objects."""
    while isinstance(node, ast.Call | ast.Attribute):
        if isinstance(node, ast.Attribute) and node.attr == "objects":
            return full_name(facts, code, node.value) == TABLE
        if isinstance(node, ast.Call):
            node = node.func
        else:
            node = node.value
    return False
