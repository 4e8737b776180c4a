"""The options of `celeryize add-task`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from celeryize.cli.options import option
from celeryize.cli.talk import Call, Ending, verb
from celeryize.commands.task.kinds import kind_words

EXAMPLES = (
    "celeryize add-task doctors.send_welcome_email name:str",
    "celeryize add-task shop.sync url:str --kind http --time-limit 60 --run-test",
    "celeryize add-task shop.resize 'ids:list[int]' --bind --max-retries 3",
)


@verb(writes=True, examples=EXAMPLES)
def add_task(
    call: Call,
    target: Annotated[
        str,
        typer.Argument(
            help="APP.TASK, for example doctors.send_welcome_email; on a terminal, what is left "
            "out is asked.",
            metavar="[APP.TASK]",
            show_default=False,
        ),
    ] = "",
    parameters: Annotated[
        list[str] | None,
        typer.Argument(
            help="NAME:TYPE[=DEFAULT], for example doctor_id:str. Quote brackets for zsh: "
            "'ids:list[int]'.",
            metavar="[PARAMETER]...",
        ),
    ] = None,
    kind: Annotated[
        str | None,
        option(
            "--kind",
            group="Task",
            help=f"{kind_words()}; default: plain, or model with --model.",
            metavar="KIND",
        ),
    ] = None,
    api: Annotated[
        str,
        option(
            "--api",
            group="Task",
            help="celery, or django: a task of django.tasks (Django 6), which TASKS sends to "
            "Celery.",
            metavar="NAME",
        ),
    ] = "celery",
    model: Annotated[
        str | None,
        option(
            "--model", group="Task", help="The model that the task works on.", metavar="APP.MODEL"
        ),
    ] = None,
    bind: Annotated[
        bool,
        option(
            "--bind", group="Task", help="Pass the task itself as `self`, for example to retry."
        ),
    ] = False,
    max_retries: Annotated[
        int | None,
        option("--max-retries", group="Retries", help="Maximum number of retries.", metavar="N"),
    ] = None,
    default_retry_delay: Annotated[
        int | None,
        option(
            "--default-retry-delay",
            group="Retries",
            help="Delay before a retry by self.retry(), in seconds.",
            metavar="SECONDS",
        ),
    ] = None,
    retry_on: Annotated[
        list[str] | None,
        option(
            "--retry-on",
            group="Retries",
            help="Retry on this exception; repeatable.",
            metavar="EXCEPTION",
        ),
    ] = None,
    backoff: Annotated[
        bool, option("--backoff", group="Retries", help="Wait longer before each automatic retry.")
    ] = False,
    backoff_max: Annotated[
        int | None,
        option(
            "--backoff-max",
            group="Retries",
            help="Maximum delay between automatic retries, in seconds.",
            metavar="SECONDS",
        ),
    ] = None,
    jitter: Annotated[
        bool | None,
        option(
            "--jitter/--no-jitter",
            group="Retries",
            help="Randomize the delays of automatic retries.",
            show_default=False,
        ),
    ] = None,
    time_limit: Annotated[
        int | None,
        option(
            "--time-limit",
            group="Limits and delivery",
            help="Kill the task after this many seconds.",
            metavar="SECONDS",
        ),
    ] = None,
    soft_time_limit: Annotated[
        int | None,
        option(
            "--soft-time-limit",
            group="Limits and delivery",
            help="Raise SoftTimeLimitExceeded in the task after this many seconds.",
            metavar="SECONDS",
        ),
    ] = None,
    rate_limit: Annotated[
        str | None,
        option(
            "--rate-limit",
            group="Limits and delivery",
            help="Per worker: 10/s, 10/m or 10/h.",
            metavar="RATE",
        ),
    ] = None,
    queue: Annotated[
        str | None,
        option(
            "--queue",
            group="Limits and delivery",
            help="The queue that it is sent to.",
            metavar="NAME",
        ),
    ] = None,
    name: Annotated[
        str | None, option("--name", group="Task", help="Its name in the registry.", metavar="NAME")
    ] = None,
    priority: Annotated[
        int | None, option("--priority", group="Limits and delivery", help="0 to 9.", metavar="N")
    ] = None,
    ignore_result: Annotated[
        bool, option("--ignore-result", group="Limits and delivery", help="Store no result.")
    ] = False,
    acks_late: Annotated[
        bool | None,
        option(
            "--acks-late/--no-acks-late",
            group="Limits and delivery",
            help="Acknowledge after the run, or before.",
            show_default=False,
        ),
    ] = None,
    expires: Annotated[
        int | None,
        option(
            "--expires",
            group="Limits and delivery",
            help="Discard the task if it has not started after this many seconds.",
            metavar="SECONDS",
        ),
    ] = None,
    lock: Annotated[
        bool,
        option(
            "--lock",
            group="Task",
            help="One run at a time for the same arguments, by a lock in the cache, which all "
            "processes have to share.",
        ),
    ] = False,
    idempotent: Annotated[
        bool, option("--idempotent", help="The old name of --lock.", hidden=True)
    ] = False,
    decorator: Annotated[
        str | None,
        option(
            "--decorator",
            group="Task",
            help="shared_task or app.task, instead of what the project uses.",
            metavar="NAME",
        ),
    ] = None,
    body_from: Annotated[
        Path | None,
        option(
            "--body-from",
            group="Task",
            help="A Jinja template of your own for the function.",
            metavar="FILE",
        ),
    ] = None,
    test: Annotated[
        bool | None,
        option(
            "--test/--no-test",
            group="Test",
            help="Write a test for it; default: if the app has tests.",
            show_default=False,
        ),
    ] = None,
    run_test: Annotated[
        bool,
        option("--run-test", group="Test", help="Write it and run it; roll back if it fails."),
    ] = False,
    trigger: Annotated[
        str | None,
        option(
            "--trigger",
            group="Task",
            help="Send it on post_save or post_delete of a model.",
            metavar="SIGNAL:APP.MODEL",
        ),
    ] = None,
) -> Ending:
    """Add a task where the worker finds it, with limits and retries that work."""
    from celeryize.commands.task import plan, questions, run

    if idempotent:
        call.view.show_note("--idempotent is called --lock now.")
    request = plan.Request(
        target=target,
        parameters=tuple(parameters or ()),
        kind=plan.chosen_kind(kind, model, body_from),
        model=model,
        bind=bind,
        max_retries=max_retries,
        default_retry_delay=default_retry_delay,
        retry_on=tuple(retry_on or ()),
        backoff=backoff,
        backoff_max=backoff_max,
        jitter=jitter,
        time_limit=time_limit,
        soft_time_limit=soft_time_limit,
        rate_limit=rate_limit,
        queue=queue,
        name=name,
        priority=priority,
        ignore_result=ignore_result,
        acks_late=acks_late,
        expires=expires,
        lock=lock or idempotent,
        decorator=decorator,
        body_from=body_from,
        test=test,
        trigger=trigger,
        api=api,
    )
    questions.require_target(request, call.view)
    return run.add_task(call.options, call.write, call.view, request, run_test=run_test)
