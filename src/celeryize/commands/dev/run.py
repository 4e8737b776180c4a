"""The run of `celeryize dev`: read and import the project, start what is needed, stay."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from celeryize.commands.dev.broker import (
    Server,
    addresses_without_password,
    await_server,
    is_unknown,
    listens,
    plan_server,
    refuse_unreachable,
    server_of,
    stand_in,
    url_on,
)
from celeryize.commands.dev.child import Child
from celeryize.commands.dev.plan import (
    DevOptions,
    Session,
    plan_session,
    refuse_taken_port,
    refuse_what_cannot_be,
    started_early,
    with_variables,
    without_banner,
)
from celeryize.commands.dev.session import DevSession, Service
from celeryize.commands.dev.watching import Watcher
from celeryize.commands.options import RunOptions
from celeryize.commands.start_up import ImportRequest, start_up
from celeryize.detect.install_line import install_line
from celeryize.detect.project import Project
from celeryize.errors import CeleryizeError
from celeryize.probe.report import ImportReport
from celeryize.scratch import Scratch
from celeryize.ui.view import View

URLS = ("CELERY_BROKER_URL", "CELERY_RESULT_BACKEND")


def run(options: RunOptions, view: View, chosen: DevOptions) -> None:
    """Run web, worker and Beat until Ctrl-C; no process and no file is left.

    Raises CannotPatch without a Celery app, CeleryizeError where the project's interpreter has no
    Celery, or a server that it needs is not there and cannot be started.
    """
    refuse_what_cannot_be(chosen, sys.platform)
    with _interrupted_by(signal.SIGTERM, signal.SIGHUP), suppress(KeyboardInterrupt):
        request = ImportRequest(settings=URLS)
        with start_up(options, view, brief=True, request=request) as (project, prober):
            if project.celery:
                assert prober is not None
                with view.working("importing your project"):
                    report = prober.baseline()[0]
            else:
                report = ImportReport("worker")
        _refuse_missing_celery(project, report)
        with Scratch() as scratch:
            token = uuid.uuid4().hex
            session = plan_session(project, report, chosen, scratch.path, token)
            if session.web:
                refuse_taken_port(project, chosen.port)
            with _servers(report, scratch.path, view) as variables:
                session = with_variables(session, variables)
                urls = {**_urls_in_effect(report), **variables}
                bare = addresses_without_password(urls.values())
                _run_session(project, session, scratch.path, token, view, bare)


def _run_session(
    project: Project,
    session: Session,
    scratch: Path,
    token: str,
    view: View,
    bare: frozenset[str],
) -> None:
    """Run it until Ctrl-C; `bare` are the addresses of servers that have no password."""
    early = None
    if session.can_be_early:
        early = started_early(session.worker)
    services = [Service(session.worker, waits=True, early=early)]
    if session.web:
        services.append(Service(session.web, waits=False, early=started_early(session.web)))
    if session.beat:
        services.append(Service(session.beat, waits=False, again=without_banner(session.beat)))
    running = DevSession(view, project.root, project.interpreter.path, token, services, bare)
    watcher = Watcher(project.root, scratch, running.note_change)
    names = ", ".join(service.program.name for service in services)
    for remark in session.remarks:
        view.show_log("dev", remark)
    view.show_log("dev", f"starting {names}; Ctrl-C ends all of it")
    try:
        watcher.start()
        running.run()
    except KeyboardInterrupt:
        with suppress(OSError, ValueError):
            view.show_log("dev", "ending")
        with suppress(KeyboardInterrupt):
            running.end()
    finally:
        running.kill()
        watcher.stop()


@contextmanager
def _servers(report: ImportReport, scratch: Path, view: View) -> Iterator[dict[str, str]]:
    """The servers that the settings name and that are missing here, as far as they can be started.

    Gives the variables with which Celery finds those that stand in for a container's.
    """
    started: list[Child] = []
    variables: dict[str, str] = {}
    # by the address: the broker and the results may have other passwords
    replaced: dict[str, Server] = {}
    try:
        for variable, url in _urls_in_effect(report).items():
            server = server_of(url)
            if server is None:
                continue
            known = replaced.get(server.address)
            wanted = known or _server_for_session(server, view)
            if wanted != server:
                replaced[server.address] = wanted
                variables[variable] = url_on(str(url), wanted)
            child = _start_missing(wanted, scratch, view)
            if child:
                started.append(child)
        yield variables
    finally:
        for child in started:
            child.kill()
            child.wait(5)


def _urls_in_effect(report: ImportReport) -> dict[str, object]:
    """The URLs of the broker and the results: Celery's own variables beat the settings."""
    variables = {"CELERY_BROKER_URL": "broker_url", "CELERY_RESULT_BACKEND": "result_backend"}
    return {
        variable: os.environ.get(variable) or report.conf.get(name)
        for variable, name in variables.items()
    }


def _server_for_session(server: Server, view: View) -> Server:
    """The server itself; a Redis of ours for the service of a container that is not known here.

    Raises CeleryizeError where nothing can stand in for it.
    """
    if server.is_local or not is_unknown(server):
        return server
    if not (server.is_service and server.scheme == "redis" and shutil.which("redis-server")):
        raise refuse_unreachable(server)
    wanted = stand_in()
    view.show_log(
        "dev",
        f"{server.address} is the address of a container, not known here: a Redis of this session "
        "stands in for it",
    )
    return wanted


def _start_missing(server: Server, scratch: Path, view: View) -> Child | None:
    if not server.is_local or listens(server):
        return None
    program = plan_server(server, scratch)
    if program is None:
        raise refuse_unreachable(server)
    view.show_log(
        "dev",
        f"nothing listens on {server.address}: a redis-server is started there, for this session",
    )
    # what it has to say is of interest where it does not start
    lines: list[str] = []
    child = Child(program, lambda _, line: lines.append(line), lambda *_: None)
    if not await_server(server):
        child.kill()
        child.wait(5)
        for line in lines:
            view.show_log("redis", line)
        raise CeleryizeError(
            f"redis-server does not start on {server.address}", hint="See its lines above."
        )
    return child


def _refuse_missing_celery(project: Project, report: ImportReport) -> None:
    if not project.celery or (report.celery_importable and report.django_importable):
        return
    missing = "Celery" if report.django_importable else "Django"
    raise CeleryizeError(
        f"{missing} cannot be imported by {project.interpreter.path}",
        hint=f"Install the dependencies ({install_line(project)}), "
        "or choose another interpreter: --python PATH.",
    )


@contextmanager
def _interrupted_by(*numbers: signal.Signals) -> Iterator[None]:
    """Have signals that would end us without a word end us as Ctrl-C does."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in numbers}
    # a shell starts what is in the background with Ctrl-C ignored; kill -INT means it
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
