"""Which line of a start script a process runs: by its argument, a variable, or a function."""

from __future__ import annotations

from pathlib import Path

import pytest

from celeryize.detect.processes import read_processes
from celeryize.detect.processes.process import Process
from celeryize.detect.processes.scripts import read_scripts

CASE = """#!/bin/sh
set -e
case "$1" in
  'web') exec gunicorn config.wsgi ;;
  worker|celery)
    echo "starting"
    exec celery -A config worker \\
      -l INFO
    ;;
  beat)
    exec celery -A config beat
    ;;
  *)
    exec "$@"
esac
"""
IF = """#!/bin/bash
if [ "$1" = "worker" ]; then
  exec celery -A config worker
elif [[ $1 == beat ]]
then
  exec celery -A config beat
else
  exec gunicorn config.wsgi
fi
"""
VARIABLE = """#!/bin/sh
role="${PROCESS_TYPE:-web}"
case $role in
worker) celery -A config worker;;
beat) celery -A config beat;;
esac
"""
FUNCTIONS = """#!/bin/bash
start_worker() {
  exec celery -A config worker
}
start_beat() {
  exec celery -A config beat
}
case "${1:-worker}" in
  worker)
    start_worker
    ;;
  beat) start_beat ;;
esac
"""
OTHERS = """#!/bin/sh
if [ "$1" != "web" ]; then
  exec celery -A config worker
else
  exec gunicorn config.wsgi
fi
"""
UNKNOWN = """#!/bin/sh
if grep -q x /etc/x && [ -n "$MAYBE" ]; then
  exec celery -A config worker
fi
"""
ONE_LINE = """#!/bin/sh
if [ "$1" = migrate ]; then python manage.py migrate; exit; fi
if [ "$1" = web ]; then exec gunicorn config.wsgi; fi
exec celery -A config worker
"""
ONE_LINE_WORKER = """#!/bin/sh
for i in 1 2; do if [ "$i" = 2 ]; then echo hi; fi; done
[ "$1" = beat ] && exec celery -A config beat
if test "$1" = worker ; then exec celery -A config worker ; fi
exec gunicorn config.wsgi
"""
ONE_LINE_CASE = """#!/bin/sh
run_worker () { exec celery -A config worker; }
case "$1" in web) exec gunicorn config.wsgi ;; worker) run_worker;; esac
"""
NESTED = """#!/bin/sh
if [ "$1" = "web" ]
then
  exec gunicorn config.wsgi
else
  if [ "$1" = "worker" ]
  then
     exec celery -A config worker
  fi
fi
"""
PASSED_ON = """#!/bin/bash
main() {
  case "$1" in
    worker) exec celery -A config worker;;
    *) exec gunicorn config.wsgi;;
  esac
}
main "$@"
"""
QUOTES = """#!/bin/sh
# don't
case "$1" in
  # it's the server
  web) exec gunicorn config.wsgi;; # isn't
  'a b'|"$OTHER") exit 1;;
  *) exec celery -A config worker
esac
"""
SAYS = """#!/bin/sh
usage() {
  printf "%s\\n" "web" \\
    "celery -A config worker"
  cat <<EOF
celery -A config worker
EOF
}
echo "a worker:
celery -A config worker"
[ "$#" -gt 0 ] || { usage; exit 1; }
exec gunicorn config.wsgi
"""


def process_of(root: Path, script: str, service: str, dockerfile: str = "") -> Process:
    """The process of a service of a compose file whose script is docker/start.sh."""
    (root / "docker").mkdir()
    (root / "docker/start.sh").write_text(script)
    (root / "compose.yaml").write_text(f"services:\n  one:\n    build: .\n{service}")
    if dockerfile:
        (root / "Dockerfile").write_text(dockerfile)
    scripts = read_scripts(root, [root / "docker/start.sh"])
    (process,) = read_processes(root, [root / "compose.yaml"], scripts)
    return process


@pytest.mark.parametrize(
    ("script", "words", "expected"),
    [
        (CASE, "worker", "worker"),
        (CASE, "celery", "worker"),
        (CASE, "beat", "beat"),
        (CASE, "web", None),
        (CASE, "sh", None),
        (IF, "worker", "worker"),
        (IF, "beat", "beat"),
        (IF, "web", None),
        (IF, "", None),
        (FUNCTIONS, "worker", "worker"),
        (FUNCTIONS, "beat", "beat"),
        (FUNCTIONS, "", "worker"),
        (OTHERS, "worker", "worker"),
        (OTHERS, "web", None),
        (UNKNOWN, "", "worker"),
        (ONE_LINE, "web", None),
        (ONE_LINE, "migrate", None),
        (ONE_LINE, "worker", "worker"),
        (ONE_LINE_WORKER, "worker", "worker"),
        (ONE_LINE_WORKER, "beat", "beat"),
        (ONE_LINE_WORKER, "web", None),
        (ONE_LINE_CASE, "worker", "worker"),
        (ONE_LINE_CASE, "web", None),
        (NESTED, "worker", "worker"),
        (NESTED, "web", None),
        (PASSED_ON, "worker", "worker"),
        (PASSED_ON, "web", None),
        (QUOTES, "web", None),
        (QUOTES, "worker", "worker"),
        (SAYS, "web", None),
    ],
)
def test_the_argument_chooses_the_line(tmp_path: Path, script, words, expected):
    process = process_of(tmp_path, script, f"    command: ./docker/start.sh {words}\n")
    assert process.subcommand == expected


@pytest.mark.parametrize(
    ("environment", "expected"),
    [("PROCESS_TYPE: worker", "worker"), ("PROCESS_TYPE: beat", "beat"), ("OTHER: beat", None)],
)
def test_a_variable_chooses_the_line(tmp_path: Path, environment, expected):
    service = f"    command: ./docker/start.sh\n    environment:\n      {environment}\n"
    assert process_of(tmp_path, VARIABLE, service).subcommand == expected


@pytest.mark.parametrize(
    ("entry", "expected"),
    [('ENTRYPOINT ["/start.sh"]', "worker"), ("ENTRYPOINT /start.sh", None), ("", None)],
)
def test_the_entry_point_of_the_image_is_given_the_command(tmp_path: Path, entry, expected):
    dockerfile = f"FROM python:3.12-slim\nCOPY docker/start.sh /start.sh\n{entry}\n"
    process = process_of(tmp_path, CASE, "    command: worker\n", dockerfile)
    assert process.subcommand == expected
    if expected:
        assert process.script is not None and process.script.execs
        assert process.script.command.where.line == 7


def test_what_runs_in_a_branch_in_the_background_is_known(tmp_path: Path):
    script = "#!/bin/sh\ncase $1 in\nall)\n  celery -A config worker &\n  ;;\nesac\n"
    process = process_of(tmp_path, script, "    command: docker/start.sh all\n")
    assert process.script is not None and not process.script.ends_there
