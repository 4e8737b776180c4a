"""How many processes, who watches them: a small broken project for each, and a healthy twin."""

from __future__ import annotations

import pytest

from tests.unit.checks.projects import APP, BLOCK, Mistake, found_in, healthy, settings, with_twin

WORKER = "celery -A config worker -l INFO"
BEAT = "celery -A config beat -s /tmp/beat"
LONG = "stop_grace_period: 90s"
OLD_URL = 'CELERY_BROKER_URL = "redis://localhost:6379/0"'
READ = "import os\nCELERY_BROKER_URL = os.environ.get('REDIS_URL', 'redis://localhost:6379/0')"
HOSTED = {
    "config/settings.py": healthy()["config/settings.py"].replace(
        "//localhost:6379/0", "//redis:6379/0"
    )
}
FAR = {
    "config/settings.py": healthy()["config/settings.py"].replace(
        OLD_URL, READ.replace("localhost", "redis.shop.example")
    )
}
FROM_ENV = {"config/settings.py": healthy()["config/settings.py"].replace(OLD_URL, READ)}


def service(command: str, *lines: str, name: str = "it") -> str:
    text = "".join(f"    {line}\n" for line in (LONG, *lines))
    return f"  {name}:\n    image: shop\n{text}    command: {command}\n"


def compose(*services: str) -> dict[str, str]:
    return {"docker-compose.yml": "services:\n" + "".join(services), **HOSTED}


def pod(
    command: str, *, kind: str = "Deployment", spec: str = "", container: str = ""
) -> dict[str, str]:
    return {
        "k8s/it.yaml": f"""apiVersion: apps/v1
kind: {kind}
metadata: {{name: it}}
spec:
{spec}  template:
    spec:
      terminationGracePeriodSeconds: 90
      containers:
        - image: shop
          command: [{", ".join(command.split())}]
{container}"""
    }


RECREATE = "  strategy:\n    type: Recreate\n"
PING = "          livenessProbe:\n            exec: {command: [celery, -A, config, inspect, ping, -d, celery@x]}  # <-\n"
COPIES = "FROM python:3.12\nWORKDIR /app\nCOPY . .\n"
CACHE = "  redis:\n    image: redis:7\n  cache:\n    image: redis:7\n"
CACHE_NAMED = "  redis:\n    image: redis:7\n    container_name: cache\n"


def two_urls(own: str, theirs: str | None, more: str = "", worker: str = "") -> dict[str, str]:
    """A worker and a web server, each with its own URL of the broker."""
    url = "environment:\n      REDIS_URL: "
    extra = f"{worker}\n    " if worker else ""
    web = url + theirs if theirs else ""
    return {
        **(FROM_ENV if theirs else FAR),
        "docker-compose.yml": "services:\n"
        + service(WORKER, extra + url + own, name="worker")
        + service("gunicorn config.wsgi", web, name="web")
        + more,
    }


def bare(value: str, lines: str) -> dict[str, str]:
    """A worker beside a Redis, and settings that read the broker without a default."""
    return {
        "config/settings.py": healthy()["config/settings.py"].replace(
            OLD_URL, f"import os\nCELERY_BROKER_URL = {value}"
        ),
        "docker-compose.yml": f"services:\n  redis:\n    image: redis:7\n{service(WORKER, lines)}",
    }


def beat(url: str) -> str:
    return service(BEAT, "environment:", f"  REDIS_URL: {url}", name="beat")


def results(url: str, more: str = "") -> dict[str, str]:
    """A worker beside a Redis, with a place for its results."""
    worker = service(WORKER, "environment:", f"  CELERY_RESULT_BACKEND: {url}")
    return compose(f"  redis:\n    image: redis:7\n{worker}{more}")


MISTAKES = [
    Mistake(
        "celery.W813",
        {
            "start.sh": "#!/bin/sh\n./wait-for-it db:1\ncelery -A config worker &\nexec gunicorn config.wsgi\n"
        },
        {
            "start.sh": "#!/bin/sh\ncelery -A config worker &\ngunicorn config.wsgi &\nwait -n\n",
        },
        at="start.sh:3",
    ),
    Mistake(
        "celery.W840",
        compose(service(BEAT, "deploy:", "  replicas: 2  # <-")),
        compose(service(BEAT, "deploy:", "  replicas: 1")),
    ),
    Mistake(
        "celery.W840",
        pod(BEAT, spec=RECREATE + "  replicas: 3  # <-\n"),
        pod(BEAT, spec=RECREATE + "  replicas: 1\n"),
    ),
    Mistake("celery.W840", pod(BEAT, kind="DaemonSet  # <-")),
    Mistake(
        "celery.W840",
        compose(service(BEAT, "scale: 2  # <-")),
        compose(service(BEAT + " -S redbeat.RedBeatScheduler", "scale: 2")),
    ),
    Mistake("celery.W841", pod(BEAT), pod(BEAT, kind="StatefulSet"), at="k8s/it.yaml:4"),
    Mistake(
        "celery.W841",
        pod(BEAT, spec="  strategy: {type: RollingUpdate}  # <-\n"),
        pod(WORKER, spec="  strategy: {type: RollingUpdate}\n"),
    ),
    Mistake(
        "celery.W842",
        compose(service(BEAT, name="beat"), service(BEAT, name="beat2")),
        compose(service(BEAT, name="beat"), service(WORKER, name="worker")),
        at="docker-compose.yml:9",
    ),
    # the pair is told once, at the worker that loses its -B
    Mistake(
        "celery.W260",
        compose(service(f"{WORKER} -B", name="worker"), service(BEAT, name="beat")),
        compose(service(WORKER, name="worker"), service(BEAT, name="beat")),
        at="docker-compose.yml:5",
    ),
    Mistake(
        "celery.W860",
        compose(service(WORKER, "healthcheck:", "  test: celery -A config status  # <-")),
        compose(
            service(
                WORKER,
                "healthcheck:",
                '  test: ["CMD-SHELL", "celery -A config inspect ping -d celery@$$HOSTNAME"]',
            )
        ),
    ),
    Mistake(
        "celery.W860",
        compose(
            service(
                WORKER,
                "healthcheck:",
                '  test: ["CMD", "celery", "-A", "config", "inspect", "ping"]  # <-',
            )
        ),
    ),
    Mistake(
        "celery.W861",
        compose(service(BEAT, "healthcheck:", "  test: [CMD, celery, -A, config, status]  # <-")),
        compose(service(BEAT, "healthcheck:", '  test: test -n "$(find /tmp/alive -mmin -1)"')),
    ),
    Mistake(
        "celery.W862",
        compose(
            service(BEAT, "healthcheck:", "  test: find /tmp/alive -newermt '-60 seconds'  # <-")
        ),
        compose(service(BEAT, "healthcheck:", "  test: find /tmp/alive -mmin -1 | grep -q .")),
    ),
    Mistake(
        "celery.W862",
        pod(
            WORKER,
            container="          livenessProbe:\n            exec: {command: [sh, -c, 'find /tmp/a -mmin -1']}  # <-\n",
        ),
    ),
    Mistake(
        "celery.W863",
        compose(
            service(WORKER + " -P solo", "healthcheck:", "  test: celery inspect ping -d w@x  # <-")
        ).copy()
        | settings("", instead="CELERY_TASK_"),
    ),
    Mistake(
        "celery.W864",
        pod(WORKER, container=PING),
        pod(WORKER, container=PING + "            timeoutSeconds: 30\n"),
    ),
    Mistake(
        "celery.E870",
        {
            "Procfile": f"a: {WORKER} --pidfile=/tmp/x.pid\nb: {WORKER} -n b@%h --pidfile /tmp/x.pid  # <-\n"
        },
        {
            "Procfile": f"a: {WORKER} --pidfile=/tmp/a.pid\nb: {WORKER} -n b@%h --pidfile=/tmp/b.pid\n"
        },
    ),
    Mistake(
        "celery.E880",
        {"Procfile": f"worker: {WORKER}\nworker: {WORKER} -Q celery  # <-\n"},
        {"Procfile": f"worker: {WORKER}\nmails: {WORKER} -Q celery\n"},
    ),
    Mistake(
        "celery.W890",
        {
            "Procfile": f"worker: {WORKER}\nbeat: celery -A doctors beat -s /tmp/b  # <-\n",
            "doctors/celery.py": APP.replace('"config")', '"doctors")  # celeryize: ignore[E100]'),
        },
        {
            "Procfile": f"worker: {WORKER}\nbeat: celery -A doctors beat -s /tmp/b\n"
            "other: celery -A config.celery:app beat -s /tmp/b\n",
            "doctors/__init__.py": "from config.celery import app as celery_app\n",
        },
    ),
    Mistake(
        "celery.E900",
        {
            **compose(service(f"{WORKER}  # <-", "user: root")),
            "config/settings.py": HOSTED["config/settings.py"]
            + "CELERY_ACCEPT_CONTENT = ['json', 'pickle']  # celeryize: ignore[W560]\n",
        },
        {
            **compose(service(WORKER, "user: root")),
            "config/settings.py": HOSTED["config/settings.py"]
            + "CELERY_ACCEPT_CONTENT = ['json']\n",
        },
    ),
    Mistake(
        "celery.W901",
        {
            **compose(service(WORKER, "environment:", "  C_FORCE_ROOT: 'true'  # <-")),
            "config/settings.py": HOSTED["config/settings.py"]
            + "CELERY_ACCEPT_CONTENT = ('json', 'pickle')  # celeryize: ignore[W560]\n",
        },
        compose(service(WORKER, "environment:", "  C_FORCE_ROOT: 'true'")),
    ),
    Mistake(
        "celery.W910",
        compose(
            service(WORKER, name="worker"),
            "  redis:\n    image: redis:7\n    command: redis-server --maxmemory-policy allkeys-lru  # <-\n",
        ),
        compose(
            service(WORKER, name="worker"),
            "  cache:\n    image: redis:7\n    command: redis-server --maxmemory-policy allkeys-lru\n",
            "  redis:\n    image: redis:7\n    command: redis-server --maxmemory-policy noeviction\n",
        ),
    ),
    Mistake(
        "celery.E542",
        {
            "docker-compose.yml": "services:\n"
            + service(WORKER, "environment:", "  CELERY_RESULT_BACKEND: rediss://h:1/0  # <-"),
        },
        {
            "docker-compose.yml": "services:\n"
            + service(
                WORKER,
                "environment:",
                "  CELERY_RESULT_BACKEND: rediss://h:1/0?ssl_cert_reqs=required",
            ),
        },
    ),
    Mistake(
        "celery.E920",
        {
            **FROM_ENV,
            "docker-compose.yml": "services:\n"
            + service(WORKER, "environment:", "  REDIS_URL: redis://127.0.0.1:6379/0  # <-"),
        },
        {
            **FROM_ENV,
            "docker-compose.yml": "services:\n"
            + service(WORKER, "environment:", "  - REDIS_URL=redis://redis:6379/0"),
        },
    ),
    Mistake(
        "celery.E920",
        {
            "docker-compose.yml": "services:\n  redis:\n    image: redis:7\n" + service(WORKER),
            "config/settings.py": healthy()["config/settings.py"].replace(
                OLD_URL, OLD_URL + "  # <-"
            ),
        },
        {
            "docker-compose.yml": "services:\n  redis:\n    image: redis:7\n"
            + service(WORKER, "network_mode: host"),
        },
    ),
    # nothing gives the variable, and None is a RabbitMQ on localhost
    *(
        Mistake(
            "celery.E920",
            bare("os.environ.get('REDIS_URL')  # <-", ""),
            bare(value, lines),
        )
        for value, lines in (
            ("os.environ.get('REDIS_URL')", "environment: {REDIS_URL: 'redis://redis'}"),
            ("os.environ.get('REDIS_URL')", "env_file: .production"),
            ("os.environ.get('REDIS_URL')", "environment: {CELERY_BROKER_URL: 'redis://redis'}"),
            ("os.environ.get('REDIS_URL') or 'redis://redis'", ""),
        )
    ),
    Mistake(
        "celery.E920",
        results("redis://localhost:6379/1  # <-"),
        results("redis://redis:6379/1"),
    ),
    Mistake(
        "celery.E920",
        results("redis://:it@127.0.0.1/1  # <-"),
        results("redis://localhost:6379/1", "    network_mode: host\n")
        | {"config/settings.py": healthy()["config/settings.py"]},
    ),
    Mistake(
        "celery.E970",
        compose(service(f"{WORKER}  # <-", "build: .", "working_dir: /srv")).copy()
        | {"Dockerfile": "FROM python:3.12\nWORKDIR /app\nCOPY . .\n"},
        compose(service(WORKER, "build: .", "working_dir: /app")).copy()
        | {"Dockerfile": "FROM python:3.12\nWORKDIR /app\nCOPY . .\n"},
    ),
    Mistake(
        "celery.E970",
        compose(service(f"{WORKER}  # <-", "build: .", "working_dir: /srv")).copy()
        | {"Dockerfile": "FROM python:3.12\nWORKDIR /app\nCOPY --chown=app . /app/\n"},
        compose(service(WORKER, "build: .", "working_dir: /srv")).copy()
        | {"Dockerfile": "FROM python:3.12\nENV PYTHONPATH=/app\nCOPY . /app\n"},
    ),
    Mistake(
        "celery.E970",
        compose(
            service(f"{WORKER}  # <-", "working_dir: /app/web", "volumes:", "  - .:/app")
        ).copy()
        | {"web/package.json": "{}\n"},
        compose(service(WORKER, "working_dir: /app", "volumes:", "  - .:/app:ro")),
    ),
    Mistake(
        "celery.E970",
        compose(service(f"{WORKER}  # <-", "build: .")).copy()
        | {"Dockerfile": "FROM python:3.12\nWORKDIR /app\nCOPY . .\nWORKDIR /app/doctors\n"},
        compose(service(WORKER, "build: .")).copy()
        | {"Dockerfile": "FROM python:3.12\nWORKDIR /app\nCOPY . .\n"},
    ),
    # what COPY sees is the folder that is built
    Mistake(
        "celery.E970",
        compose(service(f"{WORKER}  # <-", "build: ./deploy")).copy()
        | {"deploy/Dockerfile": COPIES, "deploy/it.txt": ""},
        {f"deploy/{name}": text for name, text in compose(service(WORKER, "build: ..")).items()}
        | HOSTED
        | {"Dockerfile": COPIES},
    ),
    # the image has the folder, an entry point enters it, or the path is set
    *(
        Mistake(
            "celery.E970",
            compose(service(f"{WORKER}  # <-", "build: .", "working_dir: /srv")).copy()
            | {"Dockerfile": COPIES, "it.env": "DEBUG=1\n"},
            compose(service(WORKER, "build: .", "working_dir: /srv", *lines)).copy()
            | {"Dockerfile": COPIES + line, **files},
        )
        for line, lines, files in (
            ("RUN ln -s /app /srv\n", (), {}),
            ("RUN cp -r /app /srv\n", (), {}),
            ("RUN echo /app > /usr/lib/python3/site-packages/shop.pth\n", (), {}),
            ('ENTRYPOINT ["/entry.sh"]\n', (), {"entry.sh": 'cd /app\nexec "$@"\n'}),
            ("", ("env_file: it.env",), {"it.env": "PYTHONPATH=/app\n"}),
        )
    ),
    Mistake(
        "celery.E970",
        compose(service(f"uv run {WORKER}  # <-", "build: .", "working_dir: /srv")).copy()
        | {"Dockerfile": COPIES},
        compose(
            service(f"uv run --directory /app {WORKER}", "build: .", "working_dir: /srv")
        ).copy()
        | {"Dockerfile": COPIES},
    ),
    Mistake(
        "celery.E970",
        {"worker.service": f"[Service]\nUser=x\nKillMode=mixed\nExecStart=/v/bin/{WORKER}\n"},
        {
            "worker.service": f"[Service]\nUser=x\nKillMode=mixed\nWorkingDirectory=/srv\nExecStart=/v/bin/{WORKER}\n"
        },
        at="worker.service:4",
    ),
    Mistake(
        "celery.E980",
        {"Procfile": f"beat: {BEAT} --scheduler django  # <-\n"},
        {"Procfile": f"beat: {BEAT} --scheduler celery.beat:PersistentScheduler\n"},
    ),
    Mistake(
        "celery.E984",
        {
            **FROM_ENV,
            "docker-compose.yml": "services:\n"
            + service(WORKER, "environment: {REDIS_URL: 'redis://redis:6379/0'}", name="worker")
            + service(
                "gunicorn config.wsgi",
                "environment: {REDIS_URL: 'redis://redis:6379/1'}  # <-",
                name="web",
            ),
        },
        {
            **FROM_ENV,
            "docker-compose.yml": "services:\n"
            + service(
                WORKER, "environment: &env {REDIS_URL: 'redis://redis:6379/0'}", name="worker"
            )
            + service("gunicorn config.wsgi", "environment: {<<: *env}", name="web"),
        },
    ),
    Mistake(
        "celery.W981",
        {
            **FAR,
            "docker-compose.yml": "services:\n"
            + service(WORKER, name="worker")
            + service(
                "gunicorn config.wsgi",
                "environment: {REDIS_URL: 'redis://redis:6379/1'}  # <-",
                name="web",
            ),
        },
        {
            **FAR,
            "docker-compose.yml": "services:\n"
            + service(WORKER, name="worker")
            + service(
                "gunicorn config.wsgi",
                "environment: {REDIS_URL: 'redis://redis.shop.example'}",
                name="web",
            ),
        },
    ),
    Mistake(
        "celery.E984",
        {
            **FROM_ENV,
            "web.env": "REDIS_URL=redis://redis:6379/1  # <-\n",
            "docker-compose.yml": "services:\n"
            + service(WORKER, "environment: {REDIS_URL: 'redis://redis'}", name="worker")
            + service("gunicorn config.wsgi", "env_file: web.env", name="web"),
        },
        {
            **FROM_ENV,
            "web.env": "REDIS_URL=redis://redis:6379/0\n",
            "docker-compose.yml": "services:\n"
            + service(WORKER, "environment: {REDIS_URL: 'redis://redis'}", name="worker")
            + service("gunicorn config.wsgi", "env_file: web.env", name="web"),
        },
    ),
    # names of one server; a worker in the network of the host; an override of the web server
    Mistake(
        "celery.E984",
        two_urls("redis://redis", "redis://cache  # <-", CACHE),
        two_urls("redis://redis", "redis://cache", CACHE_NAMED),
    ),
    Mistake(
        "celery.E984",
        two_urls("redis://redis", "redis://it:6379  # <-"),
        two_urls("redis://localhost", "redis://redis:6379", worker="network_mode: host"),
    ),
    Mistake(
        "celery.E984",
        two_urls("amqp://one//", "amqp://it//  # <-"),
        two_urls("amqp://one//;amqp://it//", "amqp://it//;amqp://one//"),
    ),
    Mistake(
        "celery.E984",
        two_urls("redis://redis/1", "redis://redis/0  # <-"),
        two_urls("redis://redis/1", "redis://redis/0")
        | {
            "compose.override.yml": "services: {web: {environment: {REDIS_URL: redis://redis/1}}}\n"
        },
    ),
    # Beat is told another one than the workers, in each kind of file
    Mistake(
        "celery.E984",
        two_urls("redis://redis/1", "redis://redis/1", beat("redis://redis/2  # <-")),
        two_urls("redis://redis/1", "redis://redis/1", beat("redis://redis:6379/1")),
    ),
    Mistake(
        "celery.E984",
        {
            "Procfile": f"worker: REDIS_URL=redis://a/1 {WORKER}\n"
            f"beat: REDIS_URL=redis://a/2 {BEAT} -s /data/it  # <-\n",
            **FROM_ENV,
        },
        {
            "Procfile": f"worker: REDIS_URL=redis://a/1 {WORKER}\n"
            f"beat: REDIS_URL=redis://a:6379/1 {BEAT} -s /data/it\n",
            **FROM_ENV,
        },
    ),
    Mistake(
        "celery.W981",
        {
            **FAR,
            **compose(
                service(WORKER.replace("worker", "-b redis://it/1 worker") + "  # <-", name="w"),
                service("gunicorn config.wsgi", name="web"),
            ),
        },
        {
            **FAR,
            **compose(
                service(WORKER.replace("worker", "-b $BROKER worker"), name="w"),
                service("gunicorn config.wsgi", name="web"),
            ),
        },
    ),
    # the web server is the one that lacks it
    Mistake(
        "celery.W981",
        two_urls("redis://redis/3  # <-", None),
        two_urls("redis://redis.shop.example/0", None),
    ),
    Mistake(
        "celery.W910",
        {
            **compose(
                service(WORKER, name="worker"),
                "  redis:\n    image: redis:7\n    command: redis-server /etc/redis.conf  # <-\n"
                "    volumes:\n      - ./redis.conf:/etc/redis.conf\n",
            ),
            "redis.conf": "maxmemory 1gb\nmaxmemory-policy allkeys-lru\n",
        },
        {
            **compose(
                service(WORKER, name="worker"),
                "  redis:\n    image: redis:7\n    command: redis-server /etc/redis.conf\n"
                "    volumes:\n      - ./redis.conf:/etc/redis.conf\n",
            ),
            "redis.conf": "maxmemory 1gb\nmaxmemory-policy noeviction\n",
        },
    ),
    Mistake(
        "celery.W813",
        {"Procfile": 'web: bash -c "celery -A config worker & gunicorn config.wsgi"\n'},
        {"Procfile": 'web: bash -c "celery -A config worker & gunicorn config.wsgi & wait"\n'},
        at="Procfile:1",
    ),
]
assert OLD_URL in BLOCK


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_is_found_at_its_place_and_nothing_else(tmp_path, mistake):
    assert found_in(tmp_path, mistake.broken) == [(mistake.id, mistake.place)]


@pytest.mark.parametrize("mistake", with_twin(MISTAKES), ids=str)
def test_nothing_is_found_in_the_healthy_twin(tmp_path, mistake):
    assert found_in(tmp_path, mistake.twin) == []


DEPLOYED = """\
services:
  web:
    build: .
    environment:
      CELERY_BROKER_URL: redis://redis:6379/0
      CELERY_RESULT_BACKEND: redis://redis:6379/0
  worker:
    build: .
    command: celery -A config worker
    environment:
      CELERY_BROKER_URL: {}
      CELERY_RESULT_BACKEND: redis://redis:6379/0
  redis:
    image: redis:8
"""
READS_BOTH = settings(
    'CELERY_BROKER_URL = os.environ.get("CELERY_BROKER_URL", "redis://localhost")\n'
    'CELERY_RESULT_BACKEND = os.environ.get("CELERY_RESULT_BACKEND", "redis://localhost")\n'
)


@pytest.mark.parametrize(
    ("start", "url", "identifier"),
    [
        ('CMD ["gunicorn", "config.wsgi"]', "redis://redis:6379/1", "celery.E984"),
        ("CMD gunicorn \\\n    config.wsgi", "redis://redis:6379/1", "celery.E984"),
        ('CMD ["gunicorn", "config.wsgi"]', "redis://redis:6379/0", None),
        # nobody knows what it starts
        ("CMD ./start", "redis://redis:6379/1", None),
        # the URL of the results does not excuse that of the broker
        ("CMD ./start", "redis://queue:6379/0", "celery.E933"),
    ],
)
def test_a_web_server_that_its_image_starts_is_one(tmp_path, start, url, identifier):
    files = {
        **READS_BOTH,
        "Dockerfile": f"FROM python:3.13\nCOPY . .\n{start}\n",
        "compose.yml": DEPLOYED.format(url),
    }
    found = {name for name, _ in found_in(tmp_path, files)} & {"celery.E984", "celery.E933"}
    assert found == ({identifier} if identifier else set())
