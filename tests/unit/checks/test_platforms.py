"""fly.toml and render.yaml: healthy set-ups as their documentation has them, each broken in places."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from celeryize.checks.run_checks import run_checks
from tests.conftest import make_tree
from tests.unit.checks.projects import (
    OK_ENTRY,
    Mistake,
    entry,
    facts_of,
    found_in,
    healthy,
    settings,
    with_twin,
)

SOFT = "CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 20\n"
LATE = "CELERY_TASK_ACKS_LATE = True\n"
DOCKERFILE = """FROM python:3.12-slim
WORKDIR /code
COPY requirements.txt .
RUN pip install -r requirements.txt
COPY . .
CMD ["gunicorn", "--bind", ":8000", "--workers", "2", "config.wsgi"]
"""
WORKER = "celery -A config worker -l INFO"
BEAT = "celery -A config beat -l INFO -s /tmp/schedule"
STOP = """kill_signal = "SIGTERM"
kill_timeout = 60
"""
FLY = f"""app = "shop"
primary_region = "ams"
{STOP}
[build]

[deploy]
  release_command = "python manage.py migrate --noinput"

[env]
  PORT = "8000"
  REMAP_SIGTERM = "SIGQUIT"

[processes]
  app = "gunicorn --bind :8000 --workers 2 config.wsgi"
  worker = "{WORKER}"
  beat = "{BEAT}"

[http_service]
  internal_port = 8000
  processes = ["app"]

[[vm]]
  memory = "1gb"
"""
BY_GROUP = f"""#!/bin/sh
case "$FLY_PROCESS_GROUP" in
  worker) exec {WORKER} ;;
  beat) exec {BEAT} ;;
  *) exec gunicorn config.wsgi ;;
esac
"""
# one app for the workers alone, whose image starts them
FLY_OF_IMAGE = f"""app = 'shop-jobs'
{STOP}
[build]
  dockerfile = 'Dockerfile.jobs'
[env]
  REMAP_SIGTERM = 'SIGQUIT'
"""
IMAGE_OF_JOBS = 'FROM python:3.12-slim\nCOPY . .\nCMD ["celery", "-A", "config", "worker"]\n'
# secrets give the broker, and a builder makes the image, which may have a shell
FLY_OF_BUILDER = """app = "shop"
kill_signal = "SIGQUIT"
kill_timeout = "5m"
processes = {web = "gunicorn config.wsgi", worker = "python x.py && celery -A config worker"}

[build]
  builder = "paketobuildpacks/builder:base"
"""
BROKER = """      - key: CELERY_BROKER_URL
        fromService:
          type: keyvalue
          name: queues
          property: connectionString
"""
CACHE = "  - type: redis\n    name: cache\n    ipAllowList: []\n"
RENDER = f"""services:
  - type: web
    name: shop
    runtime: python
    buildCommand: ./build.sh
    startCommand: python -m gunicorn config.asgi:application -k uvicorn.workers.UvicornWorker
    envVars:
      - key: SECRET_KEY
        generateValue: true
      - fromGroup: shared
{BROKER}  - type: worker
    name: shop-worker
    runtime: python
    buildCommand: pip install -r requirements.txt
    startCommand: {WORKER}
    maxShutdownDelaySeconds: 120
    envVars:
      - fromGroup: shared
{BROKER}  - type: worker
    name: shop-beat
    env: python
    startCommand: {BEAT}
    envVars:
{BROKER}  - type: keyvalue
    name: queues
    maxmemoryPolicy: noeviction
    ipAllowList: []
{CACHE}
envVarGroups:
  - name: shared
    envVars:
      - key: REMAP_SIGTERM
        value: SIGQUIT
      - key: PAYMENTS
        sync: false
"""
RENDER_DOCKER = """services:
  - type: worker
    name: jobs
    runtime: docker
    dockerCommand: celery -A config worker
    repo: https://github.com/somebody/shop
    maxShutdownDelaySeconds: 300
    envVars:
      - key: CELERY_BROKER_URL
        sync: false
  - type: pserv
    name: model
    runtime: docker
    repo: https://github.com/somebody/shop
  - {type: keyvalue, name: only-a-cache, ipAllowList: []}
"""


def _environment(name: str, url: str) -> str:
    variables = f"envVars: [{{key: CELERY_BROKER_URL, value: {url!r}}}]"
    common = f"runtime: python, {variables}"
    return (
        f"      - name: {name}\n        services:\n"
        f"          - {{type: web, name: web-{name}, startCommand: gunicorn config.wsgi, {common}}}\n"
        f"          - {{type: worker, name: jobs-{name}, startCommand: {WORKER}, {common},\n"
        "             maxShutdownDelaySeconds: 200}\n"
        f"          - {{type: worker, name: beat-{name}, startCommand: {BEAT}, {common}}}\n"
    )


# two of each process, of which no two are deployed together
ENVIRONMENTS = (
    "projects:\n  - name: shop\n    environments:\n"
    + _environment("production", "redis://one:6379/0")
    + _environment("staging", "redis://two:6379/0")
)


def changed(text: str, *pairs: tuple[str, str]) -> str:
    for before, after in pairs:
        assert before in text, before
        text = text.replace(before, after, 1)
    return text


def fly(*pairs: tuple[str, str], more: str = SOFT) -> dict[str, str]:
    return {"fly.toml": changed(FLY, *pairs), "Dockerfile": DOCKERFILE, **settings(more)}


def render(*pairs: tuple[str, str], more: str = SOFT) -> dict[str, str]:
    return {"render.yaml": changed(RENDER, *pairs), **settings(more)}


def image(before: str, after: str) -> dict[str, str]:
    """A file of Fly with a worker alone, and another Dockerfile."""
    files = fly((f'  beat = "{BEAT}"\n', ""))
    return {**files, "Dockerfile": changed(DOCKERFILE, (before, after))}


def scheduled(files: dict[str, str], more: str = SOFT) -> dict[str, str]:
    with_entry = entry(OK_ENTRY)["config/settings.py"] + more
    return {**files, "config/settings.py": with_entry}


def marked(files: dict[str, str], text: str) -> dict[str, str]:
    """The files with a mark behind the first line that begins with, or has, a text."""
    for path, whole in files.items():
        start = whole.find(text)
        if start >= 0:
            end = whole.index("\n", start)
            return {**files, path: f"{whole[:end]}  # <-{whole[end:]}"}
    raise AssertionError(text)


JOBS = {"fly.jobs.toml": FLY_OF_IMAGE, "Dockerfile.jobs": IMAGE_OF_JOBS, **settings(SOFT)}
# both Beats in the first environment
TOGETHER = ENVIRONMENTS.replace("      - name: staging\n        services:\n", "")
HEALTHY = {
    "a fly.toml": fly(),
    "one for each environment": {
        "fly.staging.toml": FLY,
        "fly.production.toml": FLY,
        **settings(SOFT),
    },
    "a Dockerfile for the workers": JOBS,
    "the image of a builder": {"fly.toml": FLY_OF_BUILDER, **settings(SOFT)},
    "a Procfile that nothing reads": {
        **fly(),
        "Procfile": f"release: x\nweb: gunicorn config.wsgi\nworker: {WORKER}\n",
        "runtime.txt": "python-3.12\n",
    },
    "a script that chooses by the group": {
        **fly(),
        "Dockerfile": DOCKERFILE.replace("CMD", 'ENTRYPOINT ["./go.sh"]\nCMD'),
        "go.sh": BY_GROUP,
    },
    "an entry point that is a shell": {
        "deploy/fly.toml": changed(FLY, (WORKER, f"python manage.py migrate && {WORKER}")),
        "Dockerfile": DOCKERFILE.replace("CMD", 'ENTRYPOINT ["bash", "-c"]\nCMD'),
        **settings(SOFT),
    },
    "a cookiecutter of a fly.toml": {"fly.toml": FLY.replace("config", "{{ cookiecutter.slug }}")},
    "a render.yaml": scheduled(render()),
    "images on Render": {"render.yaml": RENDER_DOCKER, "Dockerfile": DOCKERFILE},
    "environments on Render": {"render.yaml": ENVIRONMENTS},
    "another repository": {
        "render.yaml": changed(RENDER_DOCKER, ("somebody/shop", "somebody/x"), ("config", "other"))
    },
    "a compose file of that name": {
        "render.yml": "services:\n  web:\n    image: x\n    command: gunicorn config.wsgi\n"
    },
}
MISTAKES = [
    Mistake("celery.E110", marked(fly((WORKER, "celery -A wrong.celery worker")), "worker = ")),
    Mistake("celery.E181", marked(fly((WORKER, f"{WORKER} -Q nosuch")), "worker = ")),
    Mistake("celery.E111", marked(fly((WORKER, "celery worker -A config")), "worker = ")),
    Mistake("celery.W800", marked(fly((STOP, "")), "SOFT_SHUTDOWN")),
    Mistake("celery.W801", marked(fly(("= 60", "= 20")), "kill_timeout"), fly(("60", '"30s"'))),
    Mistake("celery.W803", marked(fly(more=""), "SIGQUIT")),
    Mistake(
        "celery.W804",
        marked(fly(("REMAP_SIGTERM", "OTHER"), ("= 60", "= 10"), more=LATE), "worker = "),
        fly(("REMAP_SIGTERM", "OTHER"), ("= 60", "= 300"), more=LATE),
    ),
    Mistake("celery.I805", marked(fly((STOP, ""), more=""), "worker = ")),
    Mistake(
        "celery.W806",
        marked(fly(("SIGTERM", "SIGQUIT"), more=""), "kill_signal"),
        fly(("SIGTERM", "SIGQUIT")),
    ),
    Mistake(
        "celery.W810",
        marked(fly((f'"{WORKER}"', f"\"sh -c '{WORKER}'\"")), "worker = "),
        fly((f'"{WORKER}"', f"\"sh -c 'exec {WORKER}'\"")),
    ),
    Mistake("celery.W842", marked(fly(("  beat =", f'  tick = "{BEAT}"\n  beat =')), "beat = ")),
    Mistake(
        "celery.W844",
        marked(scheduled(fly((f'  beat = "{BEAT}"\n', ""))), "CELERY_BEAT_SCHEDULE"),
        scheduled(fly()),
    ),
    Mistake("celery.W845", marked(fly((f'  worker = "{WORKER}"\n', "")), "beat = ")),
    Mistake(
        "celery.E988",
        marked(fly((WORKER, f"python manage.py migrate && {WORKER}")), "worker = "),
        fly((WORKER, f"sh -c 'python manage.py migrate && exec {WORKER}'")),
    ),
    Mistake(
        "celery.E988",
        marked(fly((WORKER, f"REMAP_SIGTERM=SIGQUIT {WORKER}")), "worker = "),
        fly((WORKER, f"env REMAP_SIGTERM=SIGQUIT {WORKER}")),
    ),
    Mistake(
        "celery.E110",
        {**JOBS, "Dockerfile.jobs": JOBS["Dockerfile.jobs"].replace("config", "x")},
        at="Dockerfile.jobs:3",
    ),
    Mistake(
        "celery.E924",
        marked(image('CMD ["gunicorn"', 'ENTRYPOINT ["./go.sh"]\nCMD ["gunicorn"'), "worker = ")
        | {"go.sh": "#!/bin/sh\nexec gunicorn config.wsgi\n"},
        image('CMD ["gunicorn"', 'ENTRYPOINT ["./go.sh"]\nCMD ["gunicorn"')
        | {"go.sh": '#!/bin/sh\nexec "$@"\n'},
    ),
    Mistake(
        "celery.E934",
        marked(image("COPY . .", "COPY manage.py .\nCOPY config config"), "COPY config"),
        image("COPY . .", "COPY manage.py .\nCOPY config config\nCOPY doctors doctors"),
    ),
    Mistake(
        "celery.E941",
        image("-r requirements.txt", "django gunicorn"),
        image("-r requirements.txt", "django gunicorn celery redis"),
        at="Dockerfile:4",
    ),
    Mistake(
        "celery.E970",
        marked(image("COPY . .", "COPY . .\nWORKDIR doctors"), "worker = "),
        image("COPY . .", "COPY . .\nWORKDIR doctors\nENV PYTHONPATH=/code"),
    ),
    Mistake(
        "celery.E970",
        marked(render((WORKER, f"{WORKER}\n    rootDir: doctors")), WORKER),
        render((WORKER, f"{WORKER}\n    rootDir: .")),
    ),
    Mistake("celery.E110", marked(render((WORKER, "celery -A wrong.celery worker")), "wrong")),
    Mistake("celery.E181", marked(render((WORKER, f"{WORKER} -Q nosuch")), "nosuch")),
    Mistake("celery.W840", marked(render((BEAT, f"{BEAT}\n    numInstances: 2")), "numInstances")),
    Mistake("celery.W801", marked(render(("120", "20")), "maxShutdown"), render(("120", "30"))),
    Mistake(
        "celery.I805",
        marked(
            render(("REMAP_SIGTERM", "OTHER"), ("    maxShutdownDelaySeconds: 120\n", ""), more=""),
            WORKER,
        ),
        render(("REMAP_SIGTERM", "OTHER"), more=""),
    ),
    Mistake(
        "celery.W813",
        marked(render(("Command: python -m", f"Command: {WORKER} & python -m")), "gunicorn"),
    ),
    Mistake(
        "celery.W910",
        marked(render(("noeviction", "allkeys-lru")), "allkeys-lru"),
        render(("noeviction", "volatile-lru")),
    ),
    Mistake(
        "celery.W910",
        marked(render(("    maxmemoryPolicy: noeviction\n", "")), "e: keyvalue\n    name"),
    ),
    Mistake(
        "celery.E984",
        marked({"render.yaml": changed(ENVIRONMENTS, ("redis://one", "redis://three"))}, "three"),
    ),
    Mistake("celery.W842", marked({"render.yaml": TOGETHER}, "name: beat-staging")),
]


@pytest.mark.parametrize("name", HEALTHY)
def test_nothing_is_found_in_a_healthy_set_up(tmp_path, name):
    assert found_in(tmp_path, HEALTHY[name]) == []


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_is_found_at_its_place_and_nothing_else(tmp_path, mistake):
    assert found_in(tmp_path, mistake.broken) == [(mistake.id, mistake.place)]


@pytest.mark.parametrize("mistake", with_twin(MISTAKES), ids=str)
def test_nothing_is_found_in_the_healthy_twin(tmp_path, mistake):
    assert found_in(tmp_path, mistake.twin) == []


@pytest.mark.parametrize(
    ("files", "hint"),
    [
        (
            fly((STOP, "")),
            'Write kill_signal = "SIGTERM" and kill_timeout = 30 above the first [table].',
        ),
        (
            fly((STOP, ""), ('  memory = "1gb"\n', f'  memory = "1gb"\n{STOP}')),
            'Write kill_signal = "SIGTERM" and kill_timeout = 30 above the first [table]. '
            "In [[vm]], Fly does not look for kill_signal (line 24) and kill_timeout (line 25).",
        ),
        (
            fly((STOP, "kill_timeout = 60\n"), ("REMAP_SIGTERM", "OTHER")),
            'Write kill_signal = "SIGTERM" above the first [table], and '
            'REMAP_SIGTERM = "SIGQUIT" in [env], unless it is a secret.',
        ),
        (
            render(("REMAP_SIGTERM", "OTHER")),
            "Add REMAP_SIGTERM with the value SIGQUIT to its envVars, unless the Dashboard has it.",
        ),
    ],
)
def test_the_remedy_of_a_stop_names_what_the_file_lacks(tmp_path, files, hint):
    facts = facts_of(make_tree(tmp_path, {**healthy(), **files}))
    found = {finding.id: finding.hint for finding in run_checks(facts).findings}
    assert found["celery.W800"] == hint


@pytest.mark.parametrize(
    ("command", "line"),
    [
        (
            "cd app && celery -A config beat",
            "\"sh -c 'cd app && exec celery -A config beat'\"",
        ),
        (
            "source venv/bin/activate ; exec celery -A config beat",
            "\"sh -c '. venv/bin/activate ; exec celery -A config beat'\"",
        ),
        (
            "python manage.py migrate && python -m celery -A config beat",
            "\"sh -c 'python manage.py migrate && exec python -m celery -A config beat'\"",
        ),
        ("cd 'a b' && celery -A config beat", "\"sh -c '... && exec celery ...'\""),
        ("celery -A config beat & gunicorn x", "\"sh -c '... && exec celery ...'\""),
    ],
)
def test_the_remedy_of_a_shell_is_a_line_of_toml(tmp_path, command, line):
    files = fly((BEAT, command))
    facts = facts_of(make_tree(tmp_path, {**healthy(), **files}))
    (found,) = [one for one in run_checks(facts).findings if one.id == "celery.E988"]
    assert found.hint == f"Write beat = {line}."
    # what is pasted can be read, and is right
    if "..." not in line:
        text = files["fly.toml"].replace(f'"{command}"', line)
        assert tomllib.loads(text)["processes"]["beat"] == line.strip('"')
        twin = {**files, "fly.toml": text}
        assert "celery.E988" not in dict(found_in(tmp_path / "twin", twin))


def test_a_timeout_in_a_table_is_not_that_of_the_file(tmp_path):
    files = fly((STOP, 'kill_signal = "SIGTERM"\n'), ("[[vm]]\n", "[[vm]]\n  kill_timeout = 60\n"))
    facts = facts_of(make_tree(tmp_path, {**healthy(), **files}))
    found = {finding.id: finding.hint for finding in run_checks(facts).findings}
    assert found["celery.W801"] == (
        "Write kill_timeout = 30 above the first [table], or lower the timeout. "
        "In [[vm]], Fly does not look for kill_timeout (line 24)."
    )


def test_what_the_page_shows_is_right(tmp_path):
    """docs/platforms/fly-render.md: with a schedule, which needs the Beat that it has."""
    page = Path("docs/platforms/fly-render.md").read_text()
    files = dict(re.findall(r"```(toml|yaml)\n(.*?)```", page, re.S))
    assert files.keys() == {"toml", "yaml"}
    scheduled = entry(OK_ENTRY)
    scheduled["config/settings.py"] += SOFT
    assert found_in(tmp_path / "fly", {**scheduled, "fly.toml": files["toml"]}) == []
    assert found_in(tmp_path / "render", {**settings(SOFT), "render.yaml": files["yaml"]}) == []
    # and each of their lines is needed
    for line in (
        'kill_signal = "SIGTERM"\n',
        "kill_timeout = 30\n",
        '  REMAP_SIGTERM = "SIGQUIT"\n',
    ):
        less = {**settings(SOFT), "fly.toml": files["toml"].replace(line, "")}
        assert found_in(tmp_path / line.split()[0], less), line
