"""A line for each option of each verb, for its page; tests/e2e/test_docs.py runs them.

They begin in the project of tests/docs/scratch.py, which has Celery, a task and an entry, and none
of them changes it: they get `--dry-run`, where the verb has it.
"""

from __future__ import annotations

from typing import Any

# The shortest complete use of each verb; `celeryize`, the verb and these words are a line that works.
PLAIN = {
    "init": "",
    "update": "",
    "verify": "--static",
    "undo": "",
    "add-task": "doctors.send_invoice doctor_id:int",
    "remove-task": "doctors.send_welcome_email",
    "add-schedule": "in-the-evening doctors.remind_patient --at 03:00",
    "remove-schedule": "every-morning",
    "add-worker": "",
    "schedule": "",
    "tasks": "",
    "templates": "",
    "demo": "",
    "dev": "",
}
TASK = "doctors.send_invoice"
ENTRY = "in-the-evening doctors.remind_patient"
OWN = {
    "init": {
        "broker": "--broker rabbitmq",
        "result_backend": "--broker redis --result-backend none",
        "profile": "--profile production",
        "beat": "--beat",
        "module_name": "--module-name celery_app",
        "partial": "--partial",
        "overwrite": "--overwrite",
        "skip_existing": "--skip-existing",
        "modernize": "--modernize",
        "django_tasks": "--django-tasks",
        "install": "--install",
    },
    "verify": {
        "static": "--static",
        "live": "--live",
        "stop": "--live --stop",
        "broker": "--live --broker filesystem",
        "only": "--only E010,W210",
        "skip": "--skip W270",
        "strict": "--strict",
        "fix": "--fix",
        "list_checks": "--list",
        "explain": "--explain W210",
        "dry_run": "--fix --dry-run",
        "yes": "--fix --yes",
        "check": "--fix --check",
        "form": "--static --format github",
    },
    "update": {"diff": "--diff", "partial": "--partial"},
    "undo": {"listed": "--list", "forget": "--forget", "of_all": "--all"},
    "add-task": {
        "kind": f"{TASK} doctor_id:int --kind email --model doctors.Doctor",
        "model": f"{TASK} --kind model --model doctors.Doctor",
        "bind": f"{TASK} doctor_id:int --bind",
        "max_retries": f"{TASK} doctor_id:int --retry-on OSError --max-retries 5",
        "default_retry_delay": f"{TASK} doctor_id:int --bind --default-retry-delay 60",
        "retry_on": f"{TASK} doctor_id:int --retry-on ConnectionError --retry-on TimeoutError",
        "backoff": f"{TASK} doctor_id:int --retry-on OSError --backoff",
        "backoff_max": f"{TASK} doctor_id:int --retry-on OSError --backoff --backoff-max 600",
        "jitter": f"{TASK} doctor_id:int --retry-on OSError --backoff --no-jitter",
        "time_limit": f"{TASK} doctor_id:int --time-limit 120",
        "soft_time_limit": f"{TASK} doctor_id:int --soft-time-limit 90 --time-limit 120",
        "rate_limit": f"{TASK} doctor_id:int --rate-limit 10/m",
        "queue": f"{TASK} doctor_id:int --queue mails",
        "name": f"{TASK} doctor_id:int --name mails.welcome",
        "priority": f"{TASK} doctor_id:int --priority 5",
        "ignore_result": f"{TASK} doctor_id:int --ignore-result",
        "acks_late": f"{TASK} doctor_id:int --no-acks-late",
        "expires": f"{TASK} doctor_id:int --expires 3600",
        "lock": f"{TASK} doctor_id:int --lock",
        "decorator": f"{TASK} doctor_id:int --decorator shared_task",
        "body_from": f"{TASK} doctor_id:int --body-from welcome.py.jinja",
        "test": f"{TASK} doctor_id:int --test",
        "run_test": f"{TASK} doctor_id:int --test --run-test",
        "api": f"{TASK} doctor_id:int --api django",
        "trigger": f"{TASK} --kind model --model doctors.Doctor --trigger post_save:doctors.Doctor",
    },
    "add-schedule": {
        "cron": f'{ENTRY} --cron "0 8 * * *"',
        "every": f"{ENTRY} --every 15min",
        "at": f"{ENTRY} --at 07:30",
        "on": f"{ENTRY} --at 07:30 --on mon-fri",
        "solar": f"{ENTRY} --solar sunset --lat 48.9 --lon 2.4",
        "lat": f"{ENTRY} --solar sunrise --lat 48.9 --lon 2.4",
        "lon": f"{ENTRY} --solar sunrise --lat 48.9 --lon 2.4",
        "args": f"{ENTRY} --at 03:00 --args '[7]'",
        "kwargs": f"""{ENTRY} --at 03:00 --kwargs '{{"patient_id": 7}}'""",
        "queue": f"{ENTRY} --at 03:00 --queue mails",
        "expires": f"{ENTRY} --every 1h --expires 30min",
        "priority": f"{ENTRY} --at 03:00 --priority 5",
        "replace": "every-morning doctors.remind_patient --at 08:00 --args '[7]' --replace",
        "create": "cleanup doctors.remove_old_visits --at 04:00 --create",
        "app": f"{ENTRY} --at 03:00 --app doctors",
    },
    "add-worker": {
        "to": "--to compose",
        "queues": "--to procfile --queues mails,reports",
        "concurrency": "--to procfile --concurrency 4",
        "beat": "--to procfile --no-beat",
        "health": "--to compose --no-health",
        "service": "--to compose --service web",
    },
    "schedule": {
        "next_runs": "--next 7d",
        "timeline": "--timeline",
        "svg": "--svg schedule.svg",
        "html": "--html schedule.html",
        "ics": "--ics schedule.ics",
        "overwrite": "--html schedule.html --overwrite",
    },
    "templates": {"copy": "--copy task/plain"},
    "demo": {"keep": "--keep demo"},
    "dev": {
        "web": "--no-web",
        "beat": "--no-beat",
        "queues": "--queues mails,celery",
        "pool": "--pool solo",
        "port": "--port 8001",
    },
}
SHARED = {
    "start": "-C .",
    "settings": "--settings config.settings",
    "python": "--python .venv/bin/python",
    "package": "--package config",
    "timeout": "--verify-timeout 120",
    "dry_run": "--dry-run",
    "yes": "--yes",
    "check": "--check",
    "no_verify": "--no-verify",
    "as_json": "--json",
    "quiet": "--quiet",
    "verbose": "--verbose",
    "no_input": "--no-input",
}
# The marker of console.py for what is run and then interrupted.
UNTIL = "until Ctrl-C; needs redis-server"
# What is not run, and why. A dry run of it would need another project than the one of all others.
NOT_RUN = {
    ("init", "install"): "installs from an index",
    ("init", "django_tasks"): "needs Django 6: tests/e2e/test_django_tasks.py has it",
    ("add-task", "api"): "needs Django 6: tests/e2e/test_django_tasks.py has it",
    ("verify", "stop"): "starts workers: tests/e2e/test_stop.py does",
    ("demo", "keep"): "a tour of its own: tests/e2e/test_demo.py takes it",
}
# The same for the examples of `--help`.
NO_EXAMPLE_RUN = {
    "celeryize dev": UNTIL,
    "celeryize dev --no-web --queues mails,celery": UNTIL,
    "celeryize verify --live --stop": "starts workers: tests/e2e/test_stop.py does",
    "celeryize demo": "a tour of its own: tests/e2e/test_demo.py takes it",
    "celeryize demo --keep demo": "a tour of its own: tests/e2e/test_demo.py takes it",
}
# The project of a line that is not the one of its page.
OTHER_PROJECT = {("add-schedule", "app"): "celery with a stored schedule, dry run"}
# How the line ends, where that is not 0: something would change, or something is found.
EXIT_CODES = {
    (verb, "check"): 1
    for verb in ("init", "undo", "add-task", "remove-task", "add-schedule", "remove-schedule")
} | {("add-worker", "check"): 1, ("dev", "as_json"): 2}


def why_not_run(verb: str, name: str) -> str:
    """Why the line of an option is not run; empty where it is."""
    if verb == "dev" and name != "as_json":
        return UNTIL
    return NOT_RUN.get((verb, name), "")


def example_of(verb: str, parameter: Any) -> str:
    """The line for an option of a verb. Raises KeyError where nobody has written one."""
    own = OWN.get(verb, {}).get(parameter.name)
    if own is not None:
        return f"celeryize {verb} {own}"
    words = (PLAIN[verb], SHARED[parameter.name])
    return " ".join(("celeryize", verb, *(word for word in words if word)))
