"""The live proof: a worker, Beat and a task of ours, beside an import of the same project."""

from __future__ import annotations

from collections.abc import Callable, Collection

from celeryize.commands.start_up import ImportRequest, target_of
from celeryize.detect.project import Project
from celeryize.errors import NoCelery
from celeryize.live import Broker, LiveReport, live
from celeryize.probe.run import Prober
from celeryize.ui.view import View


def run_live(
    project: Project,
    view: View,
    *,
    registered: Callable[[], Collection[str]] | None = None,
    broker: Broker = "filesystem",
    timeout: float = 60,
    environment: tuple[tuple[str, str], ...] = (),
) -> LiveReport:
    """Run the project's app for real, each step shown as it ends.

    `registered` gives the names that an import found; without it the project is imported here,
    meanwhile. `environment` is what the import needs.

    Raises NoCelery where there is no Celery app to run.
    """
    if not project.celery:
        raise NoCelery
    target = target_of(project, ImportRequest(environment=environment))
    running = "running a real worker and Beat"
    if registered is not None:
        with view.working(running):
            return live(
                target,
                registered=registered,
                broker=broker,
                timeout=timeout,
                progress=view.show_step,
            )
    with view.working(running), Prober(target, timeout=timeout) as prober:
        prober.start_baseline()
        return live(
            target,
            registered=lambda: {task.name for task in prober.baseline()[0].tasks},
            broker=broker,
            timeout=timeout,
            progress=view.show_step,
        )
