"""Stops without time, scripts that kill, purge or wait: a broken project each, and a twin."""

from __future__ import annotations

import pytest

from tests.unit.checks.projects import Mistake, found_in, settings, with_twin

UNIT = (
    "[Service]\nUser=shop\nWorkingDirectory=/srv/shop\nKillMode=mixed\nTimeoutStopSec=600\n"
    "ExecStart=/srv/venv/bin/celery -A config worker\n"
)
PROGRAM = (
    "[program:worker]\ncommand=celery -A config worker\ndirectory=/srv/shop\nstopwaitsecs=600\n"
    "killasgroup=true\n"
)
SERVICE = (
    "services:\n  worker:\n    build: .\n    stop_grace_period: 600s\n"
    "    command: celery -A config worker\n"
)
BROKER = settings('CELERY_BROKER_URL = "redis://redis:6379/0"\n', instead="CELERY_BROKER_URL")
SCRIPT = "#!/bin/sh\nset -e\n"
BEAT = "celery -A config beat -s /tmp/b"


def service(line: str, **files: str) -> dict[str, str]:
    return {
        "docker-compose.yml": f"{SERVICE}{line}  redis:\n    image: redis:7\n",
        **BROKER,
        **files,
    }


def script(text: str, name: str = "deploy.sh") -> dict[str, str]:
    return {name: f"{SCRIPT}{text}\n"}


MISTAKES = [
    Mistake(
        "celery.W806",
        service("    stop_signal: SIGKILL  # <-\n"),
        service("    stop_signal: SIGTERM\n"),
    ),
    Mistake(
        "celery.W806",
        service("    stop_signal: SIGQUIT  # <-\n"),
        # with a soft shutdown SIGQUIT is the right one
        service("    stop_signal: SIGQUIT\n")
        | {
            "config/settings.py": BROKER["config/settings.py"]
            + "CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 300\n"
        },
    ),
    Mistake(
        "celery.W806",
        service("", Dockerfile="FROM python:3.12\nSTOPSIGNAL SIGKILL\n"),
        service("", Dockerfile="FROM python:3.12\nSTOPSIGNAL SIGTERM\n"),
        at="docker-compose.yml:5",
    ),
    Mistake(
        "celery.W806",
        {"deploy/worker.service": f"{UNIT}KillSignal=SIGKILL\n"},
        {"deploy/worker.service": UNIT},
        at="deploy/worker.service:7",
    ),
    Mistake(
        "celery.W806",
        {"supervisor/worker.conf": f"{PROGRAM}stopsignal=KILL\n"},
        {"supervisor/worker.conf": f"{PROGRAM}stopsignal=TERM\n"},
        at="supervisor/worker.conf:6",
    ),
    *(
        Mistake("celery.W807", script(f"{broken}  # <-"), script(twin))
        for broken, twin in [
            ("pkill -9 -f 'celery worker'", "pkill -TERM -f 'celery worker'"),
            ("ps aux | grep celery | awk '{print $2}' | xargs kill -9", "kill -9 $(cat web.pid)"),
            ("killall -KILL celery", "# killall -KILL celery"),
            ("pkill -f celery -9", "pkill -f celery"),
        ]
        if not broken.startswith("pkill -f")
    ),
    Mistake(
        "celery.W954",
        script("celery -A config purge -f  # <-", "entrypoint.sh"),
        script("celery -A config purge -f", "tools/empty-queues.sh"),
    ),
    Mistake(
        "celery.E955",
        {"run.bat": "celery -A config worker -l info\n"},
        {"run.bat": "celery -A config worker -l info --pool=solo\n"},
        at="run.bat:1",
    ),
    Mistake(
        "celery.E955",
        {"worker.ps1": ".\\venv\\Scripts\\activate\ncelery -A config worker\n"},
        {"worker.ps1": "docker compose exec web celery -A config worker\n"},
        at="worker.ps1:2",
    ),
    Mistake(
        "celery.E881",
        {"start.sh": f"{SCRIPT}celery -A config worker\ncelery -A config beat -s /tmp/b  # <-\n"},
        {"start.sh": f"{SCRIPT}celery -A config worker &\ncelery -A config beat -s /tmp/b\nwait\n"},
    ),
    Mistake(
        "celery.E881",
        {"start.sh": f"{SCRIPT}celery -A config worker\ncelery -A config beat -s /tmp/b  # <-\n"},
        {
            "start.sh": f'{SCRIPT}if [ "$1" = worker ]; then\n  celery -A config worker\nelse\n'
            "  celery -A config beat -s /tmp/b\nfi\n"
        },
    ),
    *(
        Mistake(
            "celery.E881",
            {"start.sh": f"{SCRIPT}celery -A config worker\n{BEAT}  # <-\n"},
            {"start.sh": f"{SCRIPT}{twin}\n"},
        )
        for twin in [
            f"start_worker() {{\n  celery -A config worker\n}}\nstart_beat(){{\n  {BEAT}\n}}\n"
            '"start_$1"',
            f"worker()\n{{\n  celery -A config worker\n}}\nworker &\n{BEAT}",
            f"(\n  celery -A config worker\n) &\n{BEAT}",
            f"{{\n  celery -A config worker\n}} > worker.log 2>&1 &\n{BEAT}",
            f"if [[ $# -gt 0 ]]\nthen\n  celery -A config worker\nelse\n  {BEAT}\nfi",
            f'if test -z "$BEAT"; then celery -A config worker\nelse {BEAT}\nfi',
            f"if grep -q worker role; then\n  celery -A config worker\n  exit\nfi\n{BEAT}",
            f"case $1 in\n  worker) celery -A config worker ;;\n  *)\n    {BEAT}\nesac",
            f"while sleep 1; do\n  timeout 60 celery -A config worker\n  {BEAT}\ndone",
            f"timeout 3600 celery -A config worker\n{BEAT}",
            f"celery -A config worker || {BEAT}",
            f"celery -A config worker --detach\n{BEAT}",
            f"celery -A config worker \\\n  --loglevel info &\n{BEAT}",
            f'[ -n "$WORKER" ] && exec celery -A config worker\n{BEAT}',
            f"trap 'kill 0' TERM\ncelery -A config worker\n{BEAT}",
            f"cat <<END\ncelery -A config worker\n{BEAT}\nEND",
        ]
    ),
    *(
        Mistake("celery.E881", {"start.sh": f"{SCRIPT}{broken}\n"})
        for broken in [
            f'if [ -n "$1" ]; then\n  echo $1\nfi\nexec celery -A config worker\n{BEAT}  # <-',
            f"celery -A config worker \\\n  -l info 2>&1\n\n{BEAT}  # <-",
            f"poetry run celery -A config worker && {BEAT}  # <-",
        ]
    ),
    *(
        Mistake(
            "celery.E881",
            {"Procfile": f"worker: bash -c '{broken}'\n"},
            {"Procfile": f"worker: bash -c '{twin}'\n"},
            at="Procfile:1",
        )
        for broken, twin in [
            (
                f"celery -A config worker; {BEAT}",
                f'if [ "$ROLE" = beat ]; then exec {BEAT}; else celery -A config worker; fi',
            ),
            (
                f"test -e x && celery -A config worker && {BEAT}",
                f'test "$R" = w && exec celery -A config worker || exec {BEAT}',
            ),
            (
                f"python -m celery -A config worker; {BEAT}",
                f"case $R in worker) celery -A config worker;; beat) {BEAT};; esac",
            ),
            (
                f"exec celery -A config worker; {BEAT}",
                f"timeout 3600 celery -A config worker ; {BEAT}",
            ),
            (
                f"cd x; celery -A config worker; {BEAT}",
                f"test -e x && exec celery -A config worker; {BEAT}",
            ),
        ]
    ),
    Mistake(
        "celery.E881",
        {
            "Procfile": 'worker: bash -c "celery -A config worker && celery -A config beat -s /tmp/b"\n'
        },
        {"Procfile": 'worker: bash -c "python manage.py migrate && celery -A config worker"\n'},
        at="Procfile:1",
    ),
    Mistake(
        "celery.E881",
        {"Procfile": 'worker: bash -c "celery -A config worker; gunicorn config.wsgi"\n'},
        {"Procfile": 'worker: bash -c "celery -A config worker & gunicorn config.wsgi & wait"\n'},
        at="Procfile:1",
    ),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_is_found_and_nothing_else(tmp_path, mistake):
    assert found_in(tmp_path, mistake.broken) == [(mistake.id, mistake.place)]


@pytest.mark.parametrize("mistake", with_twin(MISTAKES), ids=str)
def test_nothing_is_found_in_the_healthy_twin(tmp_path, mistake):
    assert found_in(tmp_path, mistake.twin) == []
