"""Worker, Beat and their broker in the compose files of a project."""

from __future__ import annotations

from dataclasses import replace

from celeryize.checks.facts.processes.stop import is_development
from celeryize.commands.worker.compose_adopt import adopt_services
from celeryize.commands.worker.compose_broker import (
    joined_services,
    with_broker,
    with_missing_server,
    with_shared_url,
)
from celeryize.commands.worker.compose_edit import load_compose
from celeryize.commands.worker.compose_override import plan_overrides
from celeryize.commands.worker.compose_restart import policy_of_worker
from celeryize.commands.worker.compose_service import (
    Base,
    ComposeFile,
    read_habit,
    render_service,
)
from celeryize.commands.worker.names import named_like
from celeryize.commands.worker.target import (
    Target,
    app_of,
    choose_model,
    free_names,
    note_of_web,
    report_front,
    report_home,
    report_server,
)
from celeryize.commands.worker.wanted import Job
from celeryize.commands.worker.web import (
    WEB,
    Web,
    folder_of,
    passes_arguments_on,
    server_program,
)
from celeryize.detect.processes.process import Process
from celeryize.model import Where
from celeryize.patch.yaml_edit import add_entries
from celeryize.patch.yaml_tree import MERGE, Node


def plan_compose(target: Target) -> None:
    """Plan the services of one compose file. Raises CannotPatch with the lines to paste."""
    text = target.text
    # whatever is planned, it has to be a compose file with a block of services
    load_compose(target, text)
    if target.workers:
        text = adopt_services(target, text)
    missing = target.missing_jobs()
    if missing:
        text = _add_services(target, text, choose_model(target), missing)
    elif target.workers and not is_development(target.path):
        text = with_shared_url(target, with_missing_server(target, text))
    if text != target.text:
        target.write(text)
    elif target.workers and not target.todos and not is_development(target.path):
        target.keep("its worker is complete")


def _add_services(target: Target, text: str, model: Web, jobs: tuple[Job, ...]) -> str:
    """The text with a service for each job, and the broker where none is there."""
    name = model.process.name
    if target.text:
        target.note(note_of_web(model))
        report_front(target, model.process)
    wanted = target.wanted
    broker, text, extra = with_broker(target, text, name)
    if model.process.celery:
        text = with_shared_url(target, text)
    document = load_compose(target, text)
    file = read_habit(text, document)
    base = _base_of(target, file, model, broker, extra)
    names = [key.text for key, _ in file.services.pairs]
    workers = [p.name for p in target.workers if p.subcommand == "worker"] or target.called
    jobs = free_names(named_like(jobs, name, names, workers), set(names))
    added = [render_service(file, base, wanted, job) for job in jobs]
    plan_overrides(target, name, jobs)
    block = joined_services(file, added)
    shown = ", ".join(job.name for job in jobs)
    target.what.append(f"the services {shown}" if len(jobs) > 1 else f"the service {shown}")
    return add_entries(target.path, text, ("services",), block, after=name)


def _base_of(
    target: Target, file: ComposeFile, web: Web, broker: str, extra: tuple[tuple[str, str], ...]
) -> Base:
    node = file.service(web.process.name)
    assert node is not None
    entry = node.get("entrypoint")
    entry_text = " ".join(entry.words()) or entry.resolved.text if entry else ""
    # a command of its own replaces what the image starts, unless its entry point ignores it
    passes_on = passes_arguments_on(target.root, web.process)
    return Base(
        web.process.name,
        node,
        broker,
        program=server_program(target.root, web.process),
        folder=folder_of(web.process),
        app=app_of(web.process),
        merges_web=_habit_of_merging(file, web.process.name, node),
        passes_on=passes_on,
        entry_is_web=bool(WEB.search(entry_text)) or "celery" in entry_text,
        restart=policy_of_worker(target, file.services),
        extra=extra,
    )


def _habit_of_merging(file: ComposeFile, name: str, web: Node) -> str:
    """How services of the file take over the web service: its anchor, `extends`, or not at all."""
    if web.anchor:
        for _, service in file.services.own_items():
            merged = service.resolved.own(MERGE)
            parts = (merged.resolved.elements or (merged,)) if merged else ()
            if any(part.resolved is web for part in parts):
                return "anchor"
    for _, service in file.services.own_items():
        extends = service.resolved.own("extends")
        named = extends.scalar("service") or extends.resolved.text if extends else ""
        # what `extends` brings along cannot be taken away again: two services on one port
        if named == name and not any(web.get(key) for key in ("ports", "container_name")):
            return "extends"
    return ""


def new_compose(target: Target) -> None:
    """A compose file for a project that has none."""
    lines = ["services:", "  web:", "    build: .", f"    command: {target.web_command}"]
    if target.env_file:
        lines.append(f"    env_file: {target.env_file}")
    lines += ["    ports:", '      - "8000:8000"']
    text = "\n".join(lines) + "\n"
    process = Process("compose", "web", ("gunicorn",), Where(target.path, 2))
    started = replace(target, processes=(process,))
    web = Web(process, "new")
    target.what.append("the service web")
    if not (target.root / "Dockerfile").is_file():
        target.note(
            f"There is no Dockerfile yet, and {target.path} builds its image from one: write it "
            "before you start the services."
        )
    report_server(target)
    report_home(target)
    target.write(_add_services(started, text, web, target.wanted.jobs))
