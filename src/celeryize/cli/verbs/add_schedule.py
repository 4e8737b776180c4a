"""The options of `celeryize add-schedule`."""

from __future__ import annotations

from typing import Annotated

import typer

from celeryize.cli.options import option
from celeryize.cli.talk import Call, Ending, verb

EXAMPLES = (
    "celeryize add-schedule nightly shop.sync --at 03:00",
    'celeryize add-schedule weekly shop.report --cron "0 8 * * mon"',
    "celeryize add-schedule poll shop.poll --every 15min --expires 10min",
)


@verb(writes=True, examples=EXAMPLES)
def add_schedule(
    call: Call,
    name: Annotated[
        str,
        typer.Argument(
            help="The name of the entry, for example daily-reminders; on a terminal, what is left "
            "out is asked.",
            metavar="[NAME]",
            show_default=False,
        ),
    ] = "",
    task: Annotated[
        str,
        typer.Argument(
            help="The task: remind, doctors.remind, or its full name, doctors.tasks.remind.",
            metavar="[TASK]",
            show_default=False,
        ),
    ] = "",
    cron: Annotated[
        str | None,
        option(
            "--cron",
            group="When",
            help='Five fields in quotes, so that the shell leaves the * alone: "0 8 * * *"; or '
            "@daily and so on.",
            metavar="FIELDS",
        ),
    ] = None,
    every: Annotated[
        str | None,
        option(
            "--every",
            group="When",
            help="30s, 15min, 2h, 1h30m, 1d, or 90 (seconds).",
            metavar="DURATION",
        ),
    ] = None,
    at: Annotated[
        str | None, option("--at", group="When", help="A time of day: 07:30.", metavar="HH:MM")
    ] = None,
    on: Annotated[
        str | None,
        option("--on", group="When", help="With --at: mon-fri, sat,sun, weekdays.", metavar="DAYS"),
    ] = None,
    solar: Annotated[
        str | None, option("--solar", group="When", help="sunrise, sunset, ...", metavar="EVENT")
    ] = None,
    lat: Annotated[
        float | None,
        option("--lat", group="When", help="With --solar: the latitude.", metavar="DEGREES"),
    ] = None,
    lon: Annotated[
        float | None,
        option("--lon", group="When", help="With --solar: the longitude.", metavar="DEGREES"),
    ] = None,
    args: Annotated[
        str | None,
        option(
            "--args",
            group="What is sent",
            help="The task's arguments, a JSON list.",
            metavar="JSON",
        ),
    ] = None,
    kwargs: Annotated[
        str | None,
        option(
            "--kwargs",
            group="What is sent",
            help="The task's keyword arguments, a JSON object.",
            metavar="JSON",
        ),
    ] = None,
    queue: Annotated[
        str | None,
        option(
            "--queue", group="What is sent", help="The queue that it is sent to.", metavar="NAME"
        ),
    ] = None,
    expires: Annotated[
        str | None,
        option(
            "--expires",
            group="What is sent",
            help="Discard the task if it has not started after 30s, 15m, ...",
            metavar="DURATION",
        ),
    ] = None,
    priority: Annotated[
        int | None, option("--priority", group="What is sent", help="0 to 9.", metavar="N")
    ] = None,
    replace: Annotated[
        bool, option("--replace", group="Entry", help="Replace an existing entry of that name.")
    ] = False,
    create: Annotated[
        bool, option("--create", group="Entry", help="Write the task, too, if no code defines it.")
    ] = False,
    app: Annotated[
        str | None,
        option(
            "--app",
            group="Entry",
            help="With django-celery-beat: the app that gets the data migration.",
            metavar="NAME",
        ),
    ] = None,
) -> Ending:
    """Add an entry for Celery Beat, and show when it runs."""
    from celeryize import when
    from celeryize.commands.schedule import plan, questions, run

    said = {
        "--cron": cron,
        "--every": every,
        "--at": at,
        "--on": on,
        "--solar": solar,
        "--lat": lat,
        "--lon": lon,
    }
    timed = [(flag, str(value)) for flag, value in said.items() if value is not None]
    moment = when.UNKNOWN
    # what is said of the time is judged before anything is asked
    if timed or (name and task and not call.view.interactive):
        moment = when.parse(
            cron=cron, every=every, at=at, on=on, solar=solar, latitude=lat, longitude=lon
        )
    request = plan.Request(
        name=name,
        task=task,
        when=moment,
        timed=tuple(word for pair in timed for word in pair),
        args=args,
        kwargs=kwargs,
        queue=queue,
        expires=expires,
        priority=priority,
        replace=replace,
        app=app,
        create=create,
    )
    questions.require_all(request, call.view)
    return run.add_schedule(call.options, call.write, call.view, request)
