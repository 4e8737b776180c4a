"""What becomes of each setting of a block: as it is, another value, gone, or new.

What still holds what celeryize wrote follows the answers and the templates; what the user changed
or removed stays, and is reported with both values.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from celeryize.commands.init.answers import Answers
from celeryize.commands.init.block_facts import Home, dump
from celeryize.commands.init.template_changes import change_of
from celeryize.detect.project import Project
from celeryize.patch.block_change import BlockChange, Piece
from celeryize.urls import redacted

SCHEDULE = "CELERY_BEAT_SCHEDULE"
OPTIONS = "CELERY_BROKER_TRANSPORT_OPTIONS"


@dataclass(frozen=True, slots=True)
class Versions:
    """A block in its versions: `was` are the dumps of what was written, `old` what the same answers
    give today, `new` what the new ones give, `fits` those of them that the project's Celery has.
    """

    was: Mapping[str, frozenset[str]]
    old: Mapping[str, Piece]
    new: Mapping[str, Piece]
    fits: frozenset[str]


@dataclass(slots=True)
class BlockPlan:
    """The change of a block, the notes about it, and what the answers file has to keep."""

    replaced: dict[str, Piece] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)
    added: list[Piece] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    recorded: dict[str, str] = field(default_factory=dict)
    # those that are there, as celeryize wrote them
    ours: set[str] = field(default_factory=set)

    def change(self, versions: Versions, comments: frozenset[str], profile: str) -> BlockChange:
        """As an edit."""
        leads = {
            name: (versions.old[name], versions.new[name])
            for name in self.recorded
            if name in self.ours and name in versions.old and name in versions.new
        }
        for name, piece in self.replaced.items():
            if (change := change_of(name, profile)) is not None and name in leads:
                leads[name] = (replace(leads[name][0], comment=change.comment), piece)
        order = (*versions.new, *(name for name in versions.old if name not in versions.new))
        return BlockChange(
            self.replaced, frozenset(self.removed), tuple(self.added), leads, order, comments
        )


def plan_block(
    project: Project,
    home: Home,
    versions: Versions,
    *,
    answers: Answers,
    recorded: Mapping[str, str],
    needs_options: bool,
    elsewhere: frozenset[str] = frozenset(),
    kept: frozenset[str] = frozenset(),
) -> BlockPlan:
    """What becomes of each setting. `elsewhere` are settings that the app file assigns, `kept`
    those that something else than the answers needs.
    """
    plan = BlockPlan()
    there = home.settings
    for name, piece in versions.new.items():
        if name == OPTIONS and needs_options and _is_other_options(home, versions, piece):
            merged = _with_own_options(home, versions, piece)
            plan.replaced[name] = merged
            plan.recorded[name] = ast.unparse(piece.value)
            plan.notes.append(
                f"{home.where(name)}: {name} keeps what was added to it, beside what the new "
                f"broker needs: {shown(merged.value)}."
            )
        elif name in there:
            _plan_present(plan, home, versions, piece, answers, recorded)
        elif name in project.settings.assigned or name in elsewhere:
            if name in versions.was and name != SCHEDULE:
                where = project.settings.assigned.get(name)
                plan.notes.append(
                    f"{where}: {name} is set in another way than celeryize wrote it, and stays; "
                    f"profile {answers.profile} would set it to {shown(piece.value)}."
                )
                plan.recorded[name] = ast.unparse(piece.value)
        else:
            _plan_absent(plan, versions, piece, answers, needs_options=needs_options)
    for name in versions.was:
        if name in versions.new or name not in there or name in kept:
            continue
        if dump(home.value_of(name)) in versions.was[name]:
            plan.removed.add(name)
        else:
            plan.notes.append(
                f"{home.where(name)}: {name} = {shown(home.value_of(name))} was changed since "
                f"celeryize wrote it, and stays; with these answers it would not be set."
            )
    return plan


def _plan_present(
    plan: BlockPlan,
    home: Home,
    versions: Versions,
    piece: Piece,
    answers: Answers,
    recorded: Mapping[str, str],
) -> None:
    """A setting that the block has, and the new one, too."""
    name = piece.name
    value = home.value_of(name)
    same = dump(value) == dump(piece.value)
    ours = dump(value) in versions.was.get(name, ())
    wanted = _is_wanted(versions, piece, answers, value)
    text = ast.unparse(piece.value)
    if ours or same:
        plan.ours.add(name)
    if same:
        # the project's own says the same by chance, and stays its own
        if name in versions.was:
            plan.recorded[name] = text
    elif ours and wanted:
        plan.replaced[name] = piece
        plan.recorded[name] = text
        change = change_of(name, answers.profile)
        if change is not None and ast.unparse(value) == change.value:
            plan.notes.append(
                f"{name}: {change.value} of celeryize {change.version} becomes {text}: "
                f"{change.sentence}"
            )
    elif ours:
        plan.recorded[name] = ast.unparse(value)
    elif name in versions.was:
        plan.recorded[name] = recorded.get(name, text)
        if name in versions.old and dump(versions.old[name].value) != dump(piece.value):
            plan.recorded[name] = text
        if name != SCHEDULE:
            plan.notes.append(
                f"{home.where(name)}: {name} = {shown(value)} was changed since celeryize wrote "
                f"it, and stays; profile {answers.profile} would set it to {shown(piece.value)}."
            )
    elif name != SCHEDULE and name not in versions.old:
        plan.notes.append(
            f"{home.where(name)}: {name} = {shown(value)} is the project's own, and stays; "
            f"profile {answers.profile} would set it to {shown(piece.value)}."
        )


def _is_other_options(home: Home, versions: Versions, piece: Piece) -> bool:
    """Whether the options of the broker are the user's, and lack what the new broker needs."""
    if OPTIONS not in home.settings:
        return False
    value = home.value_of(OPTIONS)
    if not (isinstance(value, ast.Dict) and isinstance(piece.value, ast.Dict)):
        return False
    if dump(value) in versions.was.get(OPTIONS, ()):
        return False
    return not _keys_of(piece.value) <= _keys_of(value)


def _with_own_options(home: Home, versions: Versions, piece: Piece) -> Piece:
    """The options of the new broker, and below them those that the user has for themselves."""
    value = home.value_of(OPTIONS)
    assert isinstance(value, ast.Dict)
    assert isinstance(piece.value, ast.Dict)
    new, old = _keys_of(piece.value), {}
    if OPTIONS in versions.old and isinstance(before := versions.old[OPTIONS].value, ast.Dict):
        pairs = zip(before.keys, before.values, strict=True)
        old = {ast.unparse(key): dump(item) for key, item in pairs if key is not None}
    lines = [
        f"    {home.source.segment(key)}: {home.source.segment(item)},"
        for key, item in zip(value.keys, value.values, strict=True)
        if key is not None
        and (spelled := ast.unparse(key)) not in new
        and old.get(spelled) != dump(item)
    ]
    head, brace, _ = piece.statement.rpartition("}")
    return replace(piece, statement=head + "\n".join([*lines, brace]))


def _keys_of(node: ast.Dict) -> set[str]:
    return {ast.unparse(key) for key in node.keys if key is not None}


def _plan_absent(
    plan: BlockPlan, versions: Versions, piece: Piece, answers: Answers, *, needs_options: bool
) -> None:
    """A setting of the new block that nothing assigns."""
    name = piece.name
    old = versions.old.get(name)
    changed = old is None or dump(old.value) != dump(piece.value)
    # a broker that does not work without its options needs them, whoever removed those before
    needed = needs_options and name == OPTIONS and changed
    if name in versions.was and not needed and old is not None:
        plan.recorded[name] = ast.unparse(piece.value)
        plan.notes.append(
            f"{name} was removed since celeryize wrote it, and stays away; profile "
            f"{answers.profile} would set it to {shown(piece.value)}."
        )
    elif (old is None or needed) and name in versions.fits:
        plan.added.append(piece)
        plan.recorded[name] = ast.unparse(piece.value)


def _is_wanted(versions: Versions, piece: Piece, answers: Answers, value: ast.expr) -> bool:
    """Whether the answers or a newer template ask for another value. A value that differs only
    because of this machine, its folders or its environment, is left alone.
    """
    old = versions.old.get(piece.name)
    if old is None or dump(old.value) != dump(piece.value):
        return True
    change = change_of(piece.name, answers.profile)
    return change is not None and ast.unparse(value) == change.value


def shown(value: ast.expr) -> str:
    """A value in a sentence: on one line, without a password."""
    text = redacted(ast.unparse(value))
    if len(text) > 100:
        return f"{text[:97]}..."
    return text
