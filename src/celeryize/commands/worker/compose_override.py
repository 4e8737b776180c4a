"""What an override adds to the web service of another file, for the new services as well.

compose.yaml        web: {image: shop}             ->  worker: {image: shop, command: ...}
compose.override    web: {env_file: .env.dev}      ->  worker: {env_file: .env.dev}
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath
from posixpath import normpath

from celeryize.commands.worker.compose_service import SHARED, Base, read_habit, render_addition
from celeryize.commands.worker.files import OVERRIDE
from celeryize.commands.worker.target import Target
from celeryize.commands.worker.wanted import Job
from celeryize.errors import CannotPatch
from celeryize.patch.yaml_edit import add_entries
from celeryize.patch.yaml_tree import MERGE, Node, parse_yaml

# A service with one of them stands alone, unless its file is called an override; without, it only
# adds to that of another file.
STANDS_ALONE = frozenset({"image", "extends"})
# What a service that is extended may have for a worker to extend it as well.
EXTENDED = SHARED - {"extends", "entrypoint"}


def plan_overrides(target: Target, name: str, jobs: tuple[Job, ...]) -> None:
    """Plan the same additions for the services of the jobs, in each file that adds to `name`."""
    for path in target.overrides:
        data = target.draft.read(path)
        text = (data or b"").decode("utf-8-sig")
        # one in another folder is there because it adds to this one
        adds = bool(OVERRIDE.search(path.name)) or path.parent != target.path.parent
        node = _addition_to(path, text, name, adds=adds)
        if node is None:
            continue
        override = replace(target, path=path, text=text, what=[], todos=[])
        try:
            new = _with_additions(override, node, name, jobs)
        except CannotPatch:
            target.note(
                f"{path} adds to {name} what the new services may need: add the same to "
                f"{' and '.join(job.name for job in jobs)}."
            )
            continue
        if new != text:
            override.write(new)


def _addition_to(path: PurePosixPath, text: str, name: str, *, adds: bool) -> Node | None:
    """The service of an override, where it adds something that Celery needs as well. `adds`: it is
    known that it stands for nothing alone."""
    documents = parse_yaml(path, text)
    node = documents[0].get("services", name) if documents else None
    if node is None:
        return None
    keys = {key for key, _ in node.items()}
    if not adds:
        alone = node.get("build", "context") or _is_built(node)
        if alone or keys.intersection(STANDS_ALONE):
            return None
    if not keys.intersection(SHARED - {"entrypoint"}):
        return None
    return node


def _is_built(node: Node) -> bool:
    """`build: .`"""
    return bool(node.scalar("build"))


def _with_additions(target: Target, node: Node, name: str, jobs: tuple[Job, ...]) -> str:
    """The text with what is added to each job. Raises CannotPatch where that is not plain."""
    text = target.text
    file = read_habit(text, parse_yaml(target.path, text)[0])
    merged = node.own(MERGE)
    brought = {key for key, _ in node.items()} - {key for key, _ in node.resolved.own_items()}
    if node.flow or node.kind != "mapping" or (merged and brought - SHARED):
        raise CannotPatch(f"{target.path}: {name} cannot be repeated")
    if not _is_extended_plainly(target, node, name):
        raise CannotPatch(f"{target.path}: what {name} extends may start the server")
    taken = {key.text for key, _ in file.services.pairs}
    added = [render_addition(file, Base(name, node, ""), job) for job in jobs]
    new = [block for job, block in zip(jobs, added, strict=True) if block and job.name not in taken]
    if not new:
        return text
    lead = "\n" if file.gaps else ""
    target.what.append(f"what it adds to {name}, for {', '.join(job.name for job in jobs)} too")
    return add_entries(target.path, text, ("services",), lead + lead.join(new), after=name)


def _is_extended_plainly(target: Target, node: Node, name: str) -> bool:
    """Whether what a service extends, if it does, has nothing that is the web server's own."""
    extends = node.get("extends")
    if extends is None:
        return True
    path = extends.scalar("file")
    text = target.text
    if path:
        data = target.draft.read(PurePosixPath(normpath(target.path.parent / path)))
        text = (data or b"").decode("utf-8-sig")
    documents = parse_yaml(target.path, text)
    extended = extends.scalar("service") or extends.resolved.text or name
    found = documents[0].get("services", extended) if documents else None
    return found is not None and EXTENDED.issuperset(key for key, _ in found.items())
