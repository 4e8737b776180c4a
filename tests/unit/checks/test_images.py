"""What an image starts, and what is there once on a host: broken projects, and healthy twins."""

from __future__ import annotations

import pytest

from tests.unit.checks.projects import Mistake, found_in, settings, with_twin

BESIDE = settings("CELERY_BROKER_URL = 'redis://redis:6379/0'\n", instead="CELERY_BROKER_URL")
PLAIN = "FROM python:3.13\nWORKDIR /app\nCOPY . .\n"
WEB = "  web:\n    build: .\n    command: gunicorn config.wsgi\n"
WORKER = "  worker:\n    build: .\n    stop_grace_period: 600s\n"
EXTENDS = "  worker:\n    extends: {service: web}\n    stop_grace_period: 600s\n"
CELERY = "    command: celery -A config worker"


def services(*parts: str, dockerfile: str = PLAIN, **more: str) -> dict[str, str]:
    return {
        **BESIDE,
        "Dockerfile": dockerfile,
        "compose.yml": f"services:\n{''.join(parts)}  redis:\n    image: redis:7\n",
        **{name.replace("__", "/"): text for name, text in more.items()},
    }


MISTAKES = [
    *(
        Mistake(
            "celery.E943",
            services(WEB, f"    {own}\n", WORKER, CELERY, f"\n    {theirs}  # <-\n"),
            services(WEB, f"    {own}\n", WORKER, CELERY, f"\n    {twin}\n"),
        )
        for own, theirs, twin in (
            ("container_name: shop", "container_name: shop", "container_name: shop_worker"),
            ("ports: ['8000:8000']", "ports: ['8000:9000']", "ports: ['8001:8000', '9000']"),
            ("ports: ['8000:8000']", "ports: ['127.0.0.1:8000:80']", "expose: [8000]"),
            (
                "ports: [{published: 8000, target: 80}]",
                "ports: ['8000:80']",
                "ports: [{published: 8001, target: 80}, {published: 8000, target: 1, protocol: udp}]",
            ),
            ("ports: ['${AT:-80}:80']", "ports: ['${AT:-80}:80']", "ports: ['${OTHER:-80}:80']"),
            # another address, another protocol
            (
                "ports: ['127.0.0.1:8000:8000', '9:9/udp']",
                "ports: ['127.0.0.1:8000:80']",
                "ports: ['127.0.0.2:8000:80', '9:9']",
            ),
            # it is started in place of the other one
            (
                "ports: ['8000:8000']",
                "ports: ['8000:8000']",
                "profiles: [x]\n    ports: ['8000:80']",
            ),
        )
    ),
    # what a service extends comes with it, unless the file says otherwise
    *(
        Mistake(
            "celery.E943",
            services(WEB, "    ports: ['8000:80']\n", EXTENDS, f"{CELERY}  # <-\n"),
            services(WEB, f"{ports}\n", EXTENDS, f"{CELERY}\n{more}"),
        )
        for ports, more in (
            ("    ports: ['8000:80']", "    ports: !reset []\n"),
            ("    ports: ['8000:80']\n    deploy: {replicas: 0}", ""),
            ("    expose: [80]", "    ports: ['80:80']\n"),
        )
    ),
    # by the anchor of the web server
    Mistake(
        "celery.E943",
        services(
            WEB.replace("  web:", "  web: &it") + "    container_name: shop\n",
            "  worker:\n    <<: *it\n    stop_grace_period: 600s\n",
            f"{CELERY}  # <-\n",
        ),
        services(
            WEB.replace("  web:", "  web: &it") + "    container_name: shop\n",
            "  worker:\n    <<: *it\n    stop_grace_period: 600s\n    container_name: other\n",
            f"{CELERY}\n",
        ),
    ),
    *(
        Mistake(
            "celery.E944",
            {"Dockerfile": f'{PLAIN}CMD ["celery", "-A", "config", "worker"]\n{after}\n'},
            {"Dockerfile": f"{PLAIN}{twin}\n"},
            at="Dockerfile:4",
        )
        for after, twin in (
            ('CMD ["gunicorn", "config.wsgi"]', 'CMD ["gunicorn", "config.wsgi"]'),
            (
                "CMD gunicorn config.wsgi",
                f'CMD ["celery", "-A", "config", "worker"]\n{PLAIN}CMD ["gunicorn", "config.wsgi"]',
            ),
            # the second line of a health check is no CMD of the image
            (
                'CMD ["gunicorn", "config.wsgi"]',
                "HEALTHCHECK --interval=1m \\\n  CMD celery -A config inspect ping -d worker@x\n"
                'CMD ["celery", "-A", "config", "worker"]\n'
                "HEALTHCHECK --interval=1m --timeout=50s \\\n    CMD celery -A config inspect ping",
            ),
        )
    ),
    # the web server is replaced by the worker
    *(
        Mistake(
            "celery.E944",
            {"Dockerfile": f"{PLAIN}CMD {web}\nCMD {worker}\n"},
            {
                **services(WEB, dockerfile=f"{PLAIN}CMD {web}\nCMD exec celery -A config worker\n"),
            },
            at="Dockerfile:4",
        )
        for web, worker in (
            ("gunicorn config.wsgi", "exec celery -A config worker"),
            ('["gunicorn", "config.wsgi"]', '["celery", "-A", "config", "worker"]'),
            ("python manage.py runserver", "exec celery -A config beat -s /tmp/b"),
        )
    ),
    Mistake(
        "celery.E944",
        {
            "Dockerfile": f"{PLAIN}CMD celery -A config worker\nCMD exec celery -A config beat -s /tmp/b\n"
        },
        {"Dockerfile": f"{PLAIN}CMD ./migrate\nCMD exec celery -A config worker\n"},
        at="Dockerfile:4",
    ),
    # a leftover, where the service of the worker has its own command
    Mistake(
        "celery.E944",
        services(
            WEB, dockerfile=f"{PLAIN}CMD exec celery -A config worker\nCMD gunicorn config.wsgi\n"
        ),
        services(
            WEB,
            WORKER,
            f"{CELERY}\n",
            dockerfile=f"{PLAIN}CMD exec celery -A config worker\nCMD gunicorn config.wsgi\n",
        ),
        at="Dockerfile:4",
    ),
    *(
        Mistake(
            "celery.E945",
            services(WEB, WORKER, dockerfile=f"{PLAIN}{cmd}\n"),
            twin,
            at="compose.yml:6",
        )
        for cmd, twin in (
            ('CMD ["gunicorn", "config.wsgi"]', services(WEB, WORKER, CELERY, "\n")),
            # the script, or the entry point, may start the worker
            ("CMD gunicorn config.wsgi", services(WEB, WORKER, dockerfile=f"{PLAIN}CMD ./start\n")),
            (
                "CMD python manage.py runserver",
                services(
                    WEB, WORKER, dockerfile=f'{PLAIN}ENTRYPOINT ["/run"]\nCMD ["gunicorn", "x"]\n'
                ),
            ),
            # a program of another kind, and one beside the worker
            (
                'CMD ["uvicorn", "config.asgi"]',
                services(
                    WEB,
                    WORKER.replace("build: .", "build: ./mail"),
                    mail__Dockerfile="FROM python:3.13\nCMD uvicorn main:app\n",
                ),
            ),
            (
                'CMD ["uvicorn", "config.asgi"]',
                services(
                    WORKER,
                    WORKER.replace("worker:", "tasks:"),
                    f"{CELERY}\n",
                    dockerfile=f"{PLAIN}CMD gunicorn config.wsgi\n",
                ),
            ),
            (
                'CMD ["uvicorn", "config.asgi"]',
                services(
                    WEB,
                    WORKER.replace("worker:", "api:"),
                    dockerfile=f'{PLAIN}CMD ["uvicorn", "config.asgi"]\n',
                ),
            ),
        )
    ),
    *(
        Mistake(
            "celery.E946",
            services(WORKER, f"{CELERY}  # <-\n", dockerfile=f"{PLAIN}ENTRYPOINT {entry}\n"),
            services(WORKER, f"{more}{CELERY}\n", dockerfile=f"{PLAIN}ENTRYPOINT {twin}\n"),
        )
        for entry, twin, more in (
            ('["python", "manage.py"]', '["tini", "--"]', ""),
            ('["gunicorn", "config.wsgi"]', '["python", "-m"]', ""),
            ('["python3", "/app/manage.py"]', '["python", "/boot.py"]', ""),
            ('["python", "manage.py"]', '["python", "manage.py"]', "    entrypoint: []\n"),
        )
    ),
    # the service itself has it
    *(
        Mistake(
            "celery.E946",
            services(WORKER, f"    entrypoint: {entry}\n{CELERY}  # <-\n", dockerfile=PLAIN),
            services(WORKER, f"    entrypoint: {twin}\n{CELERY}\n", dockerfile=PLAIN),
        )
        for entry, twin in (
            ("python manage.py", "tini --"),
            ('["gunicorn", "config.wsgi"]', '["python", "-m"]'),
        )
    ),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_is_found_and_nothing_else(tmp_path, mistake):
    assert found_in(tmp_path, mistake.broken) == [(mistake.id, mistake.place)]


@pytest.mark.parametrize("mistake", with_twin(MISTAKES), ids=str)
def test_nothing_is_found_in_the_healthy_twin(tmp_path, mistake):
    assert found_in(tmp_path, mistake.twin) == []
