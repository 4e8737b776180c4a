"""The options of `celeryize init`."""

from __future__ import annotations

from typing import Annotated

from celeryize.brokers import broker_words, result_backend_words
from celeryize.cli.options import option
from celeryize.cli.talk import Call, Ending, verb

EXAMPLES = (
    "celeryize init",
    "celeryize init --broker rabbitmq --profile production --beat --yes",
    "celeryize init --broker filesystem --dry-run | git apply",
)


@verb(writes=True, examples=EXAMPLES)
def init(
    call: Call,
    broker: Annotated[
        str | None,
        option(
            "--broker",
            group="Answers",
            help=f"{broker_words()} or a URL.",
            metavar="NAME",
        ),
    ] = None,
    result_backend: Annotated[
        str | None,
        option(
            "--result-backend",
            group="Answers",
            help=f"{result_backend_words()} or a URL.",
            metavar="NAME",
        ),
    ] = None,
    profile: Annotated[
        str | None,
        option(
            "--profile",
            group="Answers",
            help="minimal (eight lines), standard, or production.",
            metavar="NAME",
        ),
    ] = None,
    beat: Annotated[
        bool | None,
        option(
            "--beat/--no-beat",
            group="Answers",
            help="Prepare periodic tasks (Celery Beat).",
            show_default=False,
        ),
    ] = None,
    module_name: Annotated[
        str,
        option("--module-name", group="Files", help="Module name of the app file.", metavar="NAME"),
    ] = "celery",
    django_tasks: Annotated[
        bool,
        option(
            "--django-tasks",
            group="Files",
            help="Send Django's own tasks (django.tasks, Django 6) to Celery.",
        ),
    ] = False,
    partial: Annotated[
        bool,
        option(
            "--partial", group="Files", help="Do what is possible; the rest becomes manual steps."
        ),
    ] = False,
    overwrite: Annotated[
        bool,
        option(
            "--overwrite",
            group="Files",
            help="Overwrite an existing file at the path of a generated file.",
        ),
    ] = False,
    skip_existing: Annotated[
        bool,
        option(
            "--skip-existing",
            group="Files",
            help="Keep an existing file at the path of a generated file.",
        ),
    ] = False,
    modernize: Annotated[
        bool,
        option(
            "--modernize",
            group="Files",
            help="Bring a set-up from before Celery 4 up to date: names, code, pin, command lines.",
        ),
    ] = False,
    install: Annotated[
        bool,
        option(
            "--install/--no-install",
            group="Files",
            help="Install the dependency with the project's own manager.",
        ),
    ] = False,
) -> Ending:
    """Set up Celery: the app file, the package import, the settings, the dependency."""
    from celeryize.commands.init import run

    answers = {
        "broker": broker,
        "result_backend": result_backend,
        "profile": profile,
        "beat": beat,
    }
    chosen = run.InitOptions(
        flags={name: answer for name, answer in answers.items() if answer is not None},
        module_name=module_name,
        partial=partial,
        overwrite=overwrite,
        skip_existing=skip_existing,
        modernize=modernize,
        install=install,
        django_tasks=django_tasks,
    )
    return run.run(call.options, call.write, call.view, chosen)
