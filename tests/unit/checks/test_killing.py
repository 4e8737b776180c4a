"""Stops without time, scripts that kill, purge or wait: a broken project each, and a twin."""

from __future__ import annotations

import pytest

from tests.unit.checks.projects import APP, Mistake, found_in, settings, with_twin

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


def staged(dockerfile: str) -> dict[str, str]:
    files = service("", Dockerfile=dockerfile)
    build = "build:\n      context: .\n      target: app"
    return files | {
        "docker-compose.yml": files["docker-compose.yml"].replace("build: .", build),
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
    # the signal is that of the stage which is built, and of what it is made from
    Mistake(
        "celery.W806",
        service("", Dockerfile="FROM python AS base\nSTOPSIGNAL SIGKILL\nFROM base\nRUN true\n"),
        service("", Dockerfile="FROM nginx AS web\nSTOPSIGNAL SIGKILL\nFROM python\nRUN true\n"),
        at="docker-compose.yml:5",
    ),
    Mistake(
        "celery.W806",
        staged("FROM python AS app\nSTOPSIGNAL SIGKILL\nFROM nginx\n"),
        staged("FROM python AS app\nRUN true\nFROM nginx\nSTOPSIGNAL SIGKILL\n"),
        at="docker-compose.yml:7",
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
            ("pkill -9 -f celery 2>/dev/null || true", 'echo "if it hangs: pkill -9 -f celery"'),
            ("echo stopping; pkill -9 -f celery", "pkill -9 -f gunicorn; systemctl start celery"),
            ('ssh host "pkill -9 -f celery"', 'ssh host "pkill -9 node; systemctl start celery"'),
            ("kill -9 $(ps aux | grep celery)", "kill -9 $(pgrep flower) && celery -A x status"),
            ("ps aux 2>&1 | grep celery | xargs kill -9", "killall -9 node || celery -A x status"),
            ("pkill -f celery -9", "pkill -f celery"),
        ]
        if not broken.startswith("pkill -f")
    ),
    Mistake(
        "celery.W954",
        script("celery -A config purge -f  # <-", "entrypoint.sh"),
        script("celery -A config purge -f", "tools/empty-queues.sh"),
    ),
    *(
        Mistake("celery.W954", script(f"{broken}  # <-", "start.sh"), script(twin, "start.sh"))
        for broken, twin in [
            (
                'if [ -n "$CI" ]; then\n  echo ci\nfi\ncelery -A config purge -f',
                'if [ "$RESET" = 1 ]; then\n  celery -A config purge -f\nfi',
            ),
            ("cd /app && celery -A config purge -f", '[ -n "$CI" ] && celery -A config purge -f'),
            (
                "echo purging; celery -A config purge -f",
                'echo "celery -A config purge -f empties it"',
            ),
            ("celery -A config purge -f || true", "reset() {\n  celery -A config purge -f\n}"),
        ]
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
        "celery.E955",
        {"run.bat": "@echo off\nstart /b celery -A config worker ^\n  -l info\n"},
        {"run.bat": "@echo off\nstart /b celery -A config worker ^\n  --pool=solo\n"},
        at="run.bat:2",
    ),
    Mistake(
        "celery.E955",
        {"run.ps1": "cd web; uv run celery -A config worker `\n  -l info\n"},
        {"run.ps1": "celery -A config worker -l info `\n  --pool solo\n"},
        at="run.ps1:1",
    ),
    Mistake(
        "celery.E955",
        {"run.cmd": "cd web && python -m celery -A config worker\n"},
        {"run.cmd": "ssh app@host celery -A config worker\n"},
        at="run.cmd:1",
    ),
    Mistake(
        "celery.E955",
        {"run.cmd": "call celery -A config worker\n"},
        {"run.cmd": 'ssh host "cd /srv && celery -A config worker --detach"\n'},
        at="run.cmd:1",
    ),
    *(
        Mistake(
            "celery.E955",
            {"run.cmd": "celery -A config worker\n"},
            {"run.cmd": line + "\n"},
            at="run.cmd:1",
        )
        for line in (
            "kubectl exec pod -- celery -A config worker",
            "set POOL=--pool=solo\ncelery -A config worker %POOL%",
            "$opts = '--pool=solo'\ncelery -A config worker $opts",
            "rem celery -A config worker",
        )
    ),
    Mistake(
        "celery.E955",
        {"run.cmd": "celery -A config worker\n"},
        {
            "run.cmd": "celery -A config worker\n",
            "config/celery.py": APP + 'app.conf.update(worker_pool="solo")\n',
        },
        at="run.cmd:1",
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
