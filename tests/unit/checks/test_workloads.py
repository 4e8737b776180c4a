"""Deployments on Kubernetes: a broken one for each mistake, and a healthy twin."""

from __future__ import annotations

import pytest

from celeryize.checks.run_checks import run_checks
from tests.conftest import make_tree
from tests.unit.checks.projects import APP, Mistake, facts_of, healthy, places_of, with_twin

SETTINGS = healthy()["config/settings.py"].replace('"redis://localhost', '"redis://redis')
BASE = {
    "config/settings/__init__.py": "",
    "config/settings/base.py": SETTINGS.replace('SECRET_KEY = "not a secret"\n', ""),
    "config/settings/dev.py": 'from .base import *\n\nSECRET_KEY = "dev"\n',
    "config/settings/prod.py": "import os\n\nfrom .base import *\n\nDEBUG = False\n"
    'SECRET_KEY = os.environ["SECRET_KEY"]\n',
    "config/celery.py": APP.replace("config.settings", "config.settings.prod"),
    "config/wsgi.py": "import os\n"
    'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.prod")\n',
    "manage.py": healthy().get("manage.py", "").replace("config.settings", "config.settings.dev"),
}
DEPLOYMENT = """apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
spec:
  selector:
    matchLabels: {{app: {name}}}
  template:
    metadata:
      labels: {{app: {name}, part-of: shop}}
    spec:
      terminationGracePeriodSeconds: 600
      containers:
        - name: {name}
          image: registry.example.com/shop:1
          command: [{command}]
{more}"""
CONFIG = "            - configMapRef: {name: shop}\n"
SECRET = "            - secretRef: {name: shop-secret}\n"
KEY = (
    "          env:\n            - name: SECRET_KEY\n              valueFrom:\n"
    "                secretKeyRef: {name: shop-secret, key: key}\n"
)
DEV = "          env: [{name: DJANGO_SETTINGS_MODULE, value: config.settings.dev}]\n"
PROD = DEV.replace("dev}", "prod}")
WORKER = "celery, -A, config, worker"


def taken_of(*sources: str) -> str:
    return f"          envFrom:\n{''.join(sources)}"


ALL = taken_of(CONFIG, SECRET)


def config_map(**values: str) -> dict[str, str]:
    data = "".join(f"  {name}: {value}\n" for name, value in values.items())
    return {
        "deploy/config.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: shop\n"
        f"data:\n  DEBUG: 'no'\n{data}"
    }


def cluster(web: str, worker: str, command: str = WORKER, **values: str) -> dict[str, str]:
    """A project whose web server and worker are Deployments, with a ConfigMap."""
    return {
        **BASE,
        **config_map(**values),
        "deploy/web.yaml": DEPLOYMENT.format(name="web", command="gunicorn, config.wsgi", more=web),
        "deploy/worker.yaml": DEPLOYMENT.format(name="worker", command=command, more=worker),
    }


WEB_OF_IMAGE = DEPLOYMENT.format(name="web", command="", more=ALL).replace(
    "          command: []\n", ""
)


def service(selector: str, port: str = "8000", namespace: str = "''") -> dict[str, str]:
    return {
        "deploy/service.yaml": "kind: Service\n"
        f"metadata: {{name: shop, namespace: {namespace}}}\nspec:\n"
        f"  selector: {selector}\n  ports: [{{port: 80, targetPort: {port}}}]\n"
    }


PORT = "          ports: [{name: it, containerPort: 8000}]\n"
COMMAND = "deploy/worker.yaml:16"
REDIS = (
    DEPLOYMENT.format(name="store", command="redis-server", more="")
    .replace("registry.example.com/shop:1", "redis:8")
    .replace("command", "args")
)
SERVICE = "---\nkind: Service\nmetadata: {name: redis}\nspec:\n  selector: {app: store}\n"
STORE = {"deploy/redis.yaml": REDIS + SERVICE}
LOST = "redis://localhost:6379/0"
FOUND = "redis://redis:6379/0"
PROXY = "        - name: proxy\n          image: stunnel\n"
INLINE = "          env: [{name: CELERY_BROKER_URL, value: 'redis://127.0.0.1:6379/0'}]\n"


def localhost(**files: str) -> dict[str, str]:
    """A project whose settings look for the broker on localhost, without a variable."""
    return {
        **cluster(taken_of(CONFIG), taken_of(CONFIG), SECRET_KEY="x"),
        "config/settings/base.py": BASE["config/settings/base.py"].replace(FOUND, LOST),
        **STORE,
        **files,
    }


TLS = "rediss://cache.example.com:6379/1"
READS_URL = {
    **BASE,
    "config/settings/base.py": BASE["config/settings/base.py"].replace(
        'CELERY_RESULT_BACKEND = "redis://redis:6379/1"',
        'import os\nREDIS_URL = os.environ["REDIS_URL"]\nCELERY_RESULT_BACKEND = REDIS_URL',
    ),
}
LOADS = {
    **READS_URL,
    "config/settings/base.py": "from dotenv import load_dotenv\n\nload_dotenv()\n"
    + READS_URL["config/settings/base.py"],
}


def by_entry(script: str) -> dict[str, str]:
    """A project whose image has an entry point, which the web server and the worker share."""
    files = cluster(ALL, taken_of(CONFIG))
    worker = files["deploy/worker.yaml"].replace("command:", "args:")
    return {
        **files,
        "deploy/worker.yaml": worker,
        "Dockerfile": 'FROM python\nCOPY . .\nENTRYPOINT ["/entry.sh"]\n',
        "entry.sh": f'#!/bin/sh\n{script}exec "$@"\n',
    }


def in_folders(
    files: dict[str, str], web: str, worker: str, config: str, service: str
) -> dict[str, str]:
    """The same with each manifest in a folder of its own."""
    places = {
        "deploy/web.yaml": f"deploy/{web}/it.yaml",
        "deploy/worker.yaml": f"deploy/{worker}/it.yaml",
        "deploy/config.yaml": f"deploy/{config}/it.yaml",
        "deploy/service.yaml": f"deploy/{service}/service.yaml",
    }
    return {places.get(name, name): text for name, text in files.items()}


PATCHED = {"deploy/kustomization.yaml": "configMapGenerator:\n  - name: shop\n"}
MISTAKES = [
    # the Secret of the web server, or a key of it, is not the worker's
    Mistake("celery.E927", cluster(ALL, taken_of(CONFIG)), cluster(ALL, ALL), at=COMMAND),
    Mistake(
        "celery.E927",
        cluster(taken_of(SECRET), ""),
        cluster(taken_of(SECRET), "", SECRET_KEY="x") | cluster(taken_of(SECRET), taken_of(SECRET)),
        at=COMMAND,
    ),
    Mistake(
        "celery.E927",
        cluster(taken_of(CONFIG) + KEY, taken_of(CONFIG)),
        cluster(taken_of(CONFIG) + KEY, taken_of(CONFIG) + KEY),
        at=COMMAND,
    ),
    Mistake(
        "celery.E927",
        cluster(taken_of(CONFIG), "", SECRET_KEY="x"),
        cluster(taken_of(CONFIG), taken_of(CONFIG), SECRET_KEY="x"),
        at=COMMAND,
    ),
    # a Secret that is not here, a kustomization, the image, or a Secret of the manifests may have it
    *(
        Mistake("celery.E927", cluster(ALL, taken_of(CONFIG)), twin, at=COMMAND)
        for twin in (
            cluster(taken_of(CONFIG) + KEY, taken_of(SECRET)),
            cluster(ALL, taken_of(CONFIG)) | PATCHED,
            cluster(ALL, taken_of(CONFIG)) | {"Dockerfile": "FROM python\nENV SECRET_KEY=x\n"},
            cluster(ALL, taken_of(CONFIG), SECRET_KEY="x"),
            cluster(ALL, taken_of(CONFIG, SECRET.replace("shop-secret", "more")))
            | {
                "deploy/secret.yaml": "kind: Secret\nmetadata: {name: more}\n"
                "data: {SECRET_KEY: eA==}\n"
            },
        )
    ),
    # what the entry point of an image reads is not known
    *(
        Mistake("celery.E927", by_entry(""), by_entry(script), at=COMMAND)
        for script in ("set -a; . /run/secrets/env\n", "eval $(fetch-secrets)\n")
    ),
    # what is given while the image is made, or in a compose file, is not there in the pod
    Mistake(
        "celery.E927",
        cluster(ALL, taken_of(CONFIG))
        | {
            "Dockerfile": "FROM python\nCOPY . .\nRUN SECRET_KEY=x python manage.py collectstatic\n",
            "compose.yml": "services:\n  redis:\n    image: redis:7\n"
            "    environment: {SECRET_KEY: x}\n",
        },
        at=COMMAND,
    ),
    # the settings of the worker are for development, beside those of the web server
    *(
        Mistake("celery.W123", cluster(web, ALL + DEV, **values), twin, at="deploy/worker.yaml:20")
        for web, values, twin in (
            (ALL + PROD, {}, cluster(ALL + PROD, ALL + PROD)),
            (ALL, {"DJANGO_SETTINGS_MODULE": "config.settings.prod"}, cluster(ALL, ALL + PROD)),
            (ALL, {}, cluster(ALL, ALL)),
            (taken_of(CONFIG) + KEY, {}, cluster(taken_of(CONFIG) + DEV, ALL + DEV)),
        )
    ),
    Mistake(
        "celery.W123",
        cluster(ALL, ALL + DEV)
        | {
            "Dockerfile": "FROM python\nCOPY . .\nENV DJANGO_SETTINGS_MODULE=config.settings.prod\n"
        },
        cluster(ALL, ALL + DEV)
        | {"Dockerfile": "FROM python\nCOPY . .\nENV DJANGO_SETTINGS_MODULE=config.settings.dev\n"},
        at="deploy/worker.yaml:20",
    ),
    # localhost is the pod, unless another container of it, the host, or an image has the broker
    Mistake(
        "celery.E920",
        cluster(ALL, ALL, CELERY_BROKER_URL=LOST) | STORE,
        cluster(ALL, ALL, CELERY_BROKER_URL=FOUND) | STORE,
        at="deploy/config.yaml:7",
    ),
    *(
        Mistake(
            "celery.E920",
            cluster(ALL, ALL, CELERY_BROKER_URL=LOST) | STORE,
            cluster(ALL, ALL + more, CELERY_BROKER_URL=LOST) | STORE | files,
            at="deploy/config.yaml:7",
        )
        for more, files in (
            (PROXY, {}),
            (PROXY.replace("stunnel", "redis:8"), {}),
            ("      hostNetwork: true\n", {}),
            ("      initContainers: [{name: x, image: y, restartPolicy: Always}]\n", {}),
            ("", {"start.sh": "redis-server &\nexec celery -A config worker\n"}),
        )
    ),
    Mistake(
        "celery.E920",
        cluster(ALL, ALL + INLINE),
        cluster(ALL, ALL + INLINE.replace("127.0.0.1", "redis")),
        at="deploy/worker.yaml:20",
    ),
    Mistake("celery.E920", localhost(), at="config/settings/base.py:22"),
    Mistake(
        "celery.E920",
        cluster(ALL, ALL, CELERY_RESULT_BACKEND=LOST) | STORE,
        cluster(ALL, ALL, CELERY_RESULT_BACKEND=FOUND) | STORE,
        at="deploy/config.yaml:7",
    ),
    Mistake(
        "celery.E920",
        {
            **BASE,
            "Dockerfile": "FROM python\nCOPY . .\n",
            "fly.toml": "kill_timeout = 300\nkill_signal = 'SIGTERM'\n[build]\ndockerfile = 'Dockerfile'\n[env]\n"
            f"CELERY_BROKER_URL = '{LOST}'  # <-\n[processes]\nweb = 'gunicorn config.wsgi'\n"
            "worker = 'celery -A config worker'\n",
        },
    ),
    # TLS for the results, without a word on certificates: by the variable of Celery, and by that
    # which the settings read
    Mistake(
        "celery.E542",
        cluster(ALL, ALL, CELERY_RESULT_BACKEND=TLS),
        cluster(ALL, ALL, CELERY_RESULT_BACKEND=f"{TLS}?ssl_cert_reqs=required"),
        at="deploy/config.yaml:7",
    ),
    Mistake(
        "celery.E542",
        cluster(ALL, ALL, REDIS_URL=TLS) | READS_URL,
        cluster(ALL, ALL, REDIS_URL=TLS)
        | READS_URL
        | {
            "config/settings/prod.py": BASE["config/settings/prod.py"]
            + 'CELERY_REDIS_BACKEND_USE_SSL = {"ssl_cert_reqs": "required"}\n'
        },
        at="deploy/config.yaml:7",
    ),
    Mistake(
        "celery.E542",
        READS_URL
        | {
            "compose.yml": "services:\n  worker:\n    build: .\n    stop_grace_period: 600s\n"
            "    command: celery -A config worker\n    environment:\n      SECRET_KEY: x\n"
            f"      REDIS_URL: {TLS}  # <-\n"
        },
        cluster(ALL, ALL, CELERY_BROKER_URL=TLS),
    ),
    Mistake("celery.E542", LOADS | {".env": f"SECRET_KEY=x\nREDIS_URL={TLS}\n"}, at=".env:2"),
    # a folder for each component is one deployment, and one for each environment is not
    Mistake(
        "celery.E927",
        in_folders(cluster(ALL, taken_of(CONFIG)), "web", "worker", "config", "service"),
        in_folders(cluster(ALL, taken_of(CONFIG)), "prod", "dev", "base", "prod"),
        at="deploy/worker/it.yaml:16",
    ),
    Mistake(
        "celery.E948",
        in_folders(
            cluster(ALL, ALL) | service("{part-of: shop}"), "web", "worker", "config", "web"
        ),
        in_folders(cluster(ALL, ALL) | service("{part-of: shop}"), "web", "dev", "config", "web"),
        at="deploy/web/service.yaml:4",
    ),
    # a Service leads to all pods that have its labels
    *(
        Mistake(
            "celery.E948", broken | service("{part-of: shop}"), twin, at="deploy/service.yaml:4"
        )
        for broken, twin in (
            (cluster(ALL, ALL), cluster(ALL, ALL) | service("{part-of: shop, app: web}")),
            (cluster(ALL, ALL), cluster(ALL, ALL) | service("{part-of: shop}", "http")),
            (cluster(ALL, ALL), cluster(ALL, ALL) | service("{part-of: other}")),
            (cluster(ALL, ALL), cluster(ALL, ALL) | service("{app: worker}")),
            # what both of them serve, or the web server does not
            (cluster(ALL, ALL), cluster(ALL, ALL + PORT) | service("{part-of: shop}")),
            (cluster(ALL, ALL), cluster(ALL + PORT, ALL) | service("{part-of: shop}", "9100")),
            (cluster(ALL + PORT, ALL), cluster(ALL, ALL) | service("{part-of: other}")),
            (
                cluster(ALL, ALL),
                cluster(ALL, ALL) | service("{part-of: shop}", namespace="other"),
            ),
            (
                cluster(ALL, ALL),
                cluster(ALL, ALL + "        - name: app\n          image: other\n")
                | service("{part-of: shop}"),
            ),
            # the web server is what the image starts by itself
            (
                cluster(ALL, ALL)
                | {"Dockerfile": 'FROM python\nCOPY . .\nCMD ["gunicorn", "config.wsgi"]\n'}
                | {"deploy/web.yaml": WEB_OF_IMAGE},
                cluster(ALL, ALL) | {"deploy/web.yaml": WEB_OF_IMAGE} | service("{part-of: shop}"),
            ),
        )
    ),
]


def findings(folder, files: dict[str, str]) -> list[tuple[str, str]]:
    """What the static checks find in a project whose settings are a package."""
    tree = {name: text for name, text in healthy().items() if name != "config/settings.py"}
    return places_of(run_checks(facts_of(make_tree(folder, {**tree, **files}))).findings)


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_is_found_at_its_place_and_nothing_else(tmp_path, mistake):
    assert findings(tmp_path, mistake.broken) == [(mistake.id, mistake.place)]


@pytest.mark.parametrize("mistake", with_twin(MISTAKES), ids=str)
def test_nothing_is_found_in_the_healthy_twin(tmp_path, mistake):
    assert findings(tmp_path, mistake.twin) == []


# the project in a folder of the repository, which the image has as /app
INNER = {f"backend/{name}": text for name, text in healthy().items()}
IMAGE = "FROM python:3.13\nWORKDIR /app\nCOPY . /app\nRUN pip install -r requirements.txt\n"


def app_problems(folder, spec: str, **files: str) -> list[tuple[str, str, str]]:
    """What is found of the -A of a worker, by the files of the repository."""
    named = {"backend/Dockerfile": IMAGE}
    named |= {name.replace("__", "/").replace("_yml", ".yml"): text for name, text in files.items()}
    worker = DEPLOYMENT.format(name="worker", command=f"celery, -A, {spec}, worker", more="")
    worker = worker.replace("'100', worker", "'100'")
    tree = {**INNER, **named, "deploy/worker.yaml": worker}
    found = run_checks(facts_of(make_tree(folder, tree))).findings
    return [(one.id, str(one.where), one.hint) for one in found]


def test_an_app_above_the_folder_that_the_image_has_is_not_found(tmp_path):
    right = 'Write "-A", "config" (an item each).'
    assert app_problems(tmp_path / "broken", "backend.config") == [("celery.E970", COMMAND, right)]
    assert app_problems(tmp_path / "healthy", "config") == []
    # the image of the pages, and one for production, change nothing
    more = {"web__Dockerfile": "FROM node:22\nCOPY . .\n", "backend__Dockerfile.prod": IMAGE}
    assert app_problems(tmp_path / "more", "backend.config", **more) == [
        ("celery.E970", COMMAND, right)
    ]


@pytest.mark.parametrize(
    "files",
    [
        # the image is built in the root, has the folder under its name, or another path
        {"backend__Dockerfile": IMAGE.replace("-r r", "-r backend/r")},
        {"backend__Dockerfile": IMAGE + "RUN ln -s /app /srv/backend\n"},
        {"backend__Dockerfile": IMAGE + "ENV PYTHONPATH=/srv\n"},
        # nothing says in which folder it is built
        {"backend__Dockerfile": IMAGE.replace("-r requirements.txt", "django celery")},
        # which image it is is open
        {"other__Dockerfile": IMAGE.replace("-r r", "-r backend/r")},
    ],
    ids=str,
)
def test_a_folder_that_is_not_known_is_no_finding(tmp_path, files):
    assert app_problems(tmp_path, "backend.config", **files) == []


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({}, ["celery.W158"]),
        # other images, and others that bring it
        ({"backend__Dockerfile": IMAGE.replace("python:3.13", "shop/base:1")}, []),
        ({"backend__Dockerfile": f"{IMAGE}RUN pip install gevent\n"}, []),
        ({"backend__Dockerfile": IMAGE.replace("requirements.txt", "other.txt")}, []),
        ({"other__Dockerfile": IMAGE.replace("requirements.txt", "other.txt")}, []),
        ({"other__Dockerfile": "FROM node:22\nCOPY . .\n"}, ["celery.W158"]),
        ({"backend__requirements.txt": "django>=4.2\ncelery[redis,gevent]>=5.4\n"}, []),
        ({"backend__requirements.txt": "django>=4.2\ncelery[redis]>=5.4\ngevent\n"}, []),
    ],
    ids=str,
)
def test_a_pool_that_no_requirement_brings_is_found(tmp_path, files, found):
    problems = app_problems(tmp_path, "config, worker, -P, gevent, -c, '100'", **files)
    assert [one[0] for one in problems] == found


def test_a_module_that_the_package_lacks_is_not_found(tmp_path):
    assert [one[:2] for one in app_problems(tmp_path / "broken", "config.celry")] == [
        ("celery.E110", COMMAND)
    ]
    for spec in ("config.celery", "config.celery:app", "config.celery.app", "config.celery_app"):
        assert app_problems(tmp_path / f"of-{spec}", spec) == []
