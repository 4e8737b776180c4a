"""What good engineers write, and what looks like a mistake only to somebody in a hurry: each beside
the mistake that stays one."""

from __future__ import annotations

import pytest

from tests.unit.checks.projects import (
    APP,
    TASKS,
    Mistake,
    found_in,
    healthy,
    settings,
    tasks,
)

IMPORTS = "from django.http import JsonResponse\nfrom doctors.tasks import call, greet\n"
WAITER = "def look_up(name{more}):\n{body}\n\n@shared_task\ndef outer(name):\n    {call}\n"
USED = (
    "\n\n@shared_task\ndef use(rows):\n{body}\n\n\ndef go():\n    chain(fetch.s(1), {step}).delay()"
)


def view(body: str, imports: str = "") -> dict[str, str]:
    lines = "".join(f"    {line}\n" for line in body.split("\n"))
    return {"doctors/views.py": f"{IMPORTS}{imports}\n\ndef start(request):\n{lines}"}


def handle(
    broken: str, *twins: str, found: str = "celery.E405", imports: str = ""
) -> list[Mistake]:
    return [Mistake(found, view(broken, imports), view(twin, imports)) for twin in twins]


def waiter(body: str, call: str = "return look_up(name)", more: str = "") -> dict[str, str]:
    lines = "\n".join(f"    {line}" for line in body.split("\n"))
    head = "from celery import current_task\nfrom django.conf import settings\n\n\n"
    return tasks(head + WAITER.format(body=lines + "\n", call=call, more=more))


def handed(fetch: str, use: str, step: str = "use.s()", bind: str = "") -> dict[str, str]:
    own = "self, " if bind else ""
    return tasks(
        "from celery import chain\n\n\ndef fail(pk):\n    raise ValueError(pk)\n\n\n"
        "def finish(task, pk):\n    raise task.replace(greet.s(pk))\n\n\n"
        f"@shared_task{bind}\ndef fetch({own}pk):\n    {fetch}\n"
        + USED.format(body=f"    {use}\n", step=step)
        + "\n"
    )


WAITS = "return greet.delay(name).get(timeout=9)  # <-"
BRANCH = (
    "result = greet.delay(name)\nif {test}:\n    return result.id\nreturn result.get(timeout=9)"
)
HEALTHY_WAITERS = [
    waiter(BRANCH.format(test="current_task")),
    waiter(BRANCH.format(test="not wait"), "return look_up(name, False)", ", wait=True"),
    waiter(
        "if settings.CELERY_TASK_ALWAYS_EAGER:\n    return greet.delay(name).get(timeout=9)\n"
        "return greet(name)"
    ),
    waiter(
        WAITS.replace("  # <-", ""),
        "return look_up(name) if outer.request.called_directly else name",
    ),
]
OUTER = "@shared_task\ndef outer(x):\n"
LOSES = handed("print(pk)", "return len(rows)", "use.s(),  # <-\n    ")
HANDED = [
    handed("finish(self, pk)", "return len(rows)", bind="(bind=True)"),
    handed("fail(pk)", "return len(rows)"),
    handed("print(pk)", "return {'rows': rows}"),
    handed("print(pk)", "greet.delay(name=rows)"),
    handed("print(pk)", "try:\n        return len(rows)\n    except TypeError:\n        return 0"),
]
RETRIES = (
    "@shared_task(bind=True, max_retries=4)  # <-\n{below}def fetch(self, pk):\n    return pk\n"
)
RETRYING = (
    "import functools\n\n\ndef retrying(function):\n    @functools.wraps(function)\n"
    "    def inner(self, *args):\n        try:\n            return function(self, *args)\n"
    "        except OSError as error:\n            raise self.retry(exc=error)\n\n"
    "    return inner\n\n\n"
)
LOCK = (
    "from django.core.cache import cache\n\n\n@shared_task\ndef import_rates():\n"
    "    if not cache.add('import-lock', 1, 600):{mark}\n        return\n"
    "    try:\n        print(1)\n    finally:\n        cache.delete('import-lock')\n"
)
LATE = (
    "import time\n\n\n@shared_task\ndef late():\n    try:\n        time.sleep(1)\n    {handlers}\n"
)

CODE = [
    *handle(
        "result = greet.delay('x')\nreturn JsonResponse({'x': result.email})  # <-",
        "result = greet.delay('x')\nif hasattr(result, 'email'):\n    return result.email",
        "result = greet.delay('x')\nresult.email = 1\nreturn result.email",
        "result = greet.delay('x')\ntry:\n    return result.email\nexcept AttributeError:\n    pass",
        "try:\n    result = greet.delay('x')\nexcept OSError as result:\n    return result.errno",
        "result = greet.delay('x')\nmatch request.user:\n    case object() as result:\n"
        "        return result.email",
        "result = greet.delay('x')\nreturn [result.email for result in request.users]",
        "result = greet.delay('x')\nfor result in request.users:\n    print(result.email)",
    ),
    *handle(
        "rows = [greet.delay('x')]\nreturn [row.email for row in rows]  # <-",
        "rows = [greet.delay('x')]\nrows.insert(0, request.user)\nreturn [row.email for row in rows]",
        "rows = [greet.delay('x')]\nfill(rows)\nreturn [row.email for row in rows]",
        "rows = [greet.delay('x')]\nrows[0] = request.user\nreturn [row.email for row in rows]",
        "rows = {1: greet.delay('x')}\nrows.update(a=request.user)\n"
        "return [row.email for row in rows.values()]",
        "rows = {1: greet.delay('x')}\nrows.setdefault(2, request.user)\n"
        "return [row.email for row in rows.values()]",
        imports="from doctors.filling import fill\n",
    ),
    *handle(
        "payload = {'task': greet.delay('x')}  # <-\nreturn JsonResponse(payload)",
        "payload = {'task': greet.delay('x')}\npayload['task'] = payload['task'].id\n"
        "return JsonResponse(payload)",
        "payload = {'task': greet.delay('x')}\npayload['id'] = payload.pop('task').id\n"
        "return JsonResponse(payload)",
        "payload = {'task': greet.delay('x')}\npayload.update(task=payload['task'].id)\n"
        "return JsonResponse(payload)",
        found="celery.E406",
    ),
    Mistake(
        "celery.E406",
        view(
            "return Response({'task': greet.delay('x')})  # <-",
            "from rest_framework.response import Response\n",
        ),
        view(
            "return Response({'task': greet.delay('x')}, template_name='x.html')",
            "from rest_framework.response import Response\n",
        ),
    ),
    Mistake(
        "celery.W408",
        tasks(
            "from celery.exceptions import SoftTimeLimitExceeded\n"
            + LATE.format(
                handlers="except Exception:\n        raise\n"
                "    except SoftTimeLimitExceeded:  # <-\n        print(1)"
            )
        ),
        tasks(
            "from celery.exceptions import SoftTimeLimitExceeded\n\nException = ValueError\n"
            + LATE.format(
                handlers="except Exception:\n        raise\n"
                "    except SoftTimeLimitExceeded:\n        print(1)"
            )
        ),
    ),
    *(
        Mistake("celery.E416", waiter(f"{before}{WAITS}"), twin)
        for before in ("", "if not name:\n    return None\n")
        for twin in HEALTHY_WAITERS
    ),
    Mistake(
        "celery.E401",
        tasks("@shared_task\ndef outer(x):\n    return greet.delay(x).get(timeout=9)  # <-\n"),
        tasks(
            "from django.conf import settings\n\n\n@shared_task\ndef outer(x):\n"
            "    result = greet.delay(x)\n    if settings.CELERY_TASK_ALWAYS_EAGER:\n"
            "        return result.get(timeout=9)\n    return result.id\n"
        ),
    ),
    *(
        Mistake(
            "celery.E401",
            tasks(f"{OUTER}    r = greet.delay(x)\n    return r.get('x')  # <-\n"),
            tasks(f"{OUTER}    r = greet.delay(x)\n{twin}"),
        )
        for twin in (
            "    r = {'id': r.id}\n    return r.get('id')\n",
            "    for r in [{'id': r.id}]:\n        print(r.get('id'))\n",
        )
    ),
    Mistake(
        "celery.W440",
        tasks("@shared_task(bind=True, expire=5)  # <-\ndef late(self):\n    print(1)\n"),
        tasks("@shared_task(bind=True, expire=5)\ndef late(self):\n    print(self.expire)\n"),
    ),
    Mistake(
        "celery.W440",
        tasks("@shared_task(expire=5)  # <-\ndef late():\n    print(1)\n"),
        tasks("@shared_task(expire=5)\ndef late():\n    print(1)\n")
        | {
            "doctors/signals.py": "from celery.signals import task_prerun\n\n\n"
            "@task_prerun.connect\ndef look(task=None, **more):\n"
            "    print(getattr(task, 'expire', None))\n"
        },
    ),
    *(
        Mistake(
            "celery.W450",
            tasks(RETRIES.format(below="")),
            tasks(RETRIES.format(below="").replace("self", own).replace("return pk", body)),
        )
        for own, body in (
            ("task", "return run(task, pk)"),
            ("self", "return Runner(task=self).run(pk)"),
            ("self", "return run(**{'task': self})"),
        )
    ),
    Mistake(
        "celery.W064",
        settings("TASK_TRACK_STARTED = True  # <-\n"),
        settings("TASK_TRACK_STARTED = True\n")
        | {
            "doctors/shown.py": "from django.conf import settings\n\n"
            "SHOWN = {name: getattr(settings, name) for name in ['TASK_TRACK_STARTED']}\n"
        },
    ),
    *(Mistake("celery.W514", LOSES, twin) for twin in HANDED),
    Mistake(
        "celery.E510",
        handed("return pk", "return len(rows)", "use.s(1).set(queue='celery'),  # <-\n    "),
        handed("return pk", "return len(rows)", "use.s([1]).set(immutable=True)"),
    ),
    Mistake(
        "celery.W450",
        tasks(RETRIES.format(below="")),
        tasks(RETRYING + RETRIES.format(below="@retrying\n")),
    ),
    Mistake(
        "celery.W450",
        tasks(RETRIES.format(below="")),
        tasks(RETRIES.format(below=""))
        | {
            "config/celery.py": f"{APP}\n\nclass Retrying(app.Task):\n    autoretry_for = (OSError,)"
            "\n\n\napp.Task = Retrying\n"
        },
    ),
    Mistake(
        "celery.W450",
        tasks(RETRIES.format(below="")),
        tasks(RETRIES.format(below=""))
        | settings("CELERY_TASK_ANNOTATIONS = {'*': {'autoretry_for': (OSError,)}}\n"),
    ),
    *(
        Mistake(
            "celery.W694",
            tasks(LOCK.format(mark="  # <-")),
            tasks(LOCK.format(mark="")) | one_process,
        )
        for one_process in (
            settings("CELERY_WORKER_CONCURRENCY = 1\n"),
            {"Procfile": "worker: celery -A config worker -c 1\n"},
        )
    ),
    Mistake(
        "celery.W064",
        settings("TASK_TRACK_STARTED = True  # <-\n"),
        settings("TASK_TRACK_STARTED = True\n")
        | {
            "doctors/shown.py": "from django.conf import settings as conf\n\n"
            "SHOWN = conf.TASK_TRACK_STARTED\n"
        },
    ),
    *(
        Mistake(
            "celery.W157",
            {"requirements.txt": "django\ncelery  # <-\n"},
            twin,
        )
        for twin in (
            {"requirements.txt": "django\ncelery\nkombu[redis]\n"},
            {
                "requirements.txt": "django\ncelery\n",
                "Dockerfile": "FROM python:3.12\nRUN pip install -r requirements.txt redis\n",
            },
        )
    ),
    Mistake(
        "celery.W158",
        {"Procfile": "worker: celery -A config worker -P gevent  # <-\n"},
        {
            "Procfile": "worker: celery -A config worker -P gevent\n",
            "requirements.txt": "django\ncelery[redis]\nlocust\n",
        },
    ),
]


WORKER = "celery, -A, config, worker"
WEB = "gunicorn, config.wsgi, --bind, 0.0.0.0:8000"
BEAT = "celery, -A, config, beat, -s, /var/tmp/celerybeat-schedule"
POD = """apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  replicas: 1{strategy}
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}, part-of: shop}}}}
    spec:
      terminationGracePeriodSeconds: 600
      containers:
        - name: {name}
          image: registry.example.com/shop:1
          command: [{command}]
"""
SERVICE = """apiVersion: v1
kind: Service
metadata: {{name: web}}
spec:{address}
  selector: {{part-of: shop}}{mark}
  ports: [{{port: 80, targetPort: 8000}}]
"""
SURGE = "\n  strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: %s, maxUnavailable: 1}}"
LABELS = "resources: [all.yaml]\nlabels:\n  - {pairs: {component: %s}, includeSelectors: true}\n"
OVERLAY = "resources: [all.yaml]\npatches:\n  - path: recreate.yaml\n"
# What is read without a variable, and a container in which nothing gives one.
LOCAL = (
    "import os\nCELERY_BROKER_URL = os.environ.get('CELERY_BROKER_URL', 'redis://localhost:6379/0')"
)
CONTAINERS = (
    "services:\n  worker:\n    build: .\n    init: true\n    restart: unless-stopped\n"
    "    stop_grace_period: 600s\n    command: {command}\n{more}"
    "  redis:\n    image: redis:7\n    restart: unless-stopped\n    volumes: [redis:/data]\n"
    "    command: redis-server --appendonly yes{policy}\n{cache}volumes:\n  redis:\n"
)
PLAIN = "celery -A config worker"
OTHER = "from config.settings import *\nCELERY_BROKER_URL = 'redis://redis:6379/0'\n"
IMAGE = "FROM python:3.12\nWORKDIR /app\nCOPY . .\nRUN pip install -r requirements.txt\n"


def pod(name: str, command: str, strategy: str = "") -> str:
    return POD.format(name=name, command=command, strategy=strategy)


def cluster(*documents: str, **more: str) -> dict[str, str]:
    return {"k8s/all.yaml": "---\n".join(documents), **more}


def service(address: str = "", mark: str = "") -> str:
    return SERVICE.format(address=address, mark=mark)


def containers(command: str = PLAIN, more: str = "", policy: str = "", cache: str = "") -> str:
    return CONTAINERS.format(command=command, more=more, policy=policy, cache=cache)


def local(compose: str, **more: str) -> dict[str, str]:
    return {
        **settings(f"{LOCAL}{more.pop('mark', '')}\n", instead="CELERY_BROKER_URL"),
        "docker-compose.yml": compose,
        "Dockerfile": IMAGE,
        **{name.replace("__", "/") + ".py": text for name, text in more.items()},
    }


BOTH = (pod("web", WEB), pod("worker", WORKER))
DISTANT = "    environment: {CELERY_BROKER_URL: 'redis://broker.example.com:6379/0'}\n"
NEAR = "    environment: {CELERY_BROKER_URL: 'redis://redis:6379/0'}\n"
EVICTS = " --maxmemory-policy allkeys-lru"
CHECKS = "python manage.py check && celery -A config worker"

DEPLOYED = [
    Mistake(
        "celery.E948",
        cluster(*BOTH, service(mark="  # <-")),
        cluster(*BOTH, service("\n  clusterIP: None")),
    ),
    Mistake(
        "celery.E948",
        cluster(*BOTH, service(mark="  # <-")),
        {
            "k8s/web/all.yaml": BOTH[0] + "---\n" + service(),
            "k8s/web/kustomization.yaml": LABELS % "web",
            "k8s/worker/all.yaml": BOTH[1],
            "k8s/worker/kustomization.yaml": LABELS % "worker",
        },
    ),
    Mistake(
        "celery.W841",
        cluster(BOTH[1], pod("beat", BEAT, SURGE % 1 + "  # <-")),
        cluster(BOTH[1], pod("beat", BEAT, SURGE % 0)),
    ),
    Mistake(
        "celery.W841",
        cluster(BOTH[1], pod("beat", BEAT, SURGE % 1 + "  # <-")),
        cluster(BOTH[1], pod("beat", BEAT)) | {"k8s/kustomization.yaml": OVERLAY},
    ),
    Mistake(
        "celery.E920",
        local(containers(), mark="  # <-"),
        local(
            containers(more="    environment: {DJANGO_SETTINGS_MODULE: config.shipped}\n"),
            config__shipped=OTHER,
        ),
    ),
    Mistake(
        "celery.E920",
        local(containers(), mark="  # <-"),
        local(containers(), config__shipped=OTHER)
        | {"Dockerfile": f"{IMAGE}ENV DJANGO_SETTINGS_MODULE=config.shipped\n"},
    ),
    Mistake(
        "celery.W910",
        local(containers(more=NEAR, policy=EVICTS)),
        local(containers(more=DISTANT, policy=EVICTS)),
        at="docker-compose.yml:13",
    ),
    Mistake(
        "celery.E988",
        local(containers(CHECKS, NEAR)),
        local(containers(CHECKS, NEAR))
        | {
            "Dockerfile": f'{IMAGE}ENTRYPOINT ["/app/run.sh"]\n',
            "run.sh": '#!/bin/bash\nset -e\neval "$*"\n',
        },
        at="docker-compose.yml:7",
    ),
    Mistake(
        "celery.E950",
        local(containers(f"{PLAIN} -c four", NEAR)),
        local(containers(f"{PLAIN} ${{OPTIONS:--Q celery -c 4}}", NEAR)),
        at="docker-compose.yml:7",
    ),
]


@pytest.mark.parametrize("mistake", [*CODE, *DEPLOYED], ids=str)
def test_the_mistake_is_found(mistake, tmp_path):
    assert (mistake.id, mistake.place) in found_in(tmp_path, mistake.broken)


@pytest.mark.parametrize("mistake", [*CODE, *DEPLOYED], ids=str)
def test_what_good_engineers_write_is_silent(mistake, tmp_path):
    found = {identifier for identifier, _ in found_in(tmp_path, mistake.twin)}
    assert not found & {mistake.id, "celery.E006", "celery.W007"}


def test_the_tasks_of_all_scenes_are_those_of_the_healthy_project():
    assert healthy()["doctors/tasks.py"] == TASKS
