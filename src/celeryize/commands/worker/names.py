"""The names of new services, as a compose file calls its own.

cl-django, cl-redis, cl-solr   ->  cl-worker
web_dev, db_dev                ->  worker_dev
web, celeryworker              ->  celerybeat
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace

from celeryize.commands.worker.wanted import Job

# What a service is, which is what is left of its name without that of the project.
ROLES = frozenset(
    {
        *("web", "webserver", "wsgi", "asgi", "app", "api", "backend", "frontend", "server"),
        *("site", "django", "gunicorn", "uwsgi", "daphne", "nginx", "caddy", "traefik", "proxy"),
        *("node", "vite", "static", "db", "database", "postgres", "postgresql", "mysql"),
        *("mariadb", "mongo", "redis", "valkey", "rabbitmq", "rabbit", "broker", "memcached"),
        *("cache", "elasticsearch", "opensearch", "solr", "minio", "mail", "mailhog", "mailpit"),
        *("worker", "celery", "celeryworker", "celerybeat", "beat", "scheduler", "flower"),
    }
)
# `celeryworker`: what is in front of the last word is the habit of Beat's name, too.
WORKER = re.compile(r"(.*?)worker")


def named_like(
    jobs: tuple[Job, ...], model: str, names: Iterable[str], workers: Iterable[str]
) -> tuple[Job, ...]:
    """The jobs as services beside others: called like the workers that are there, else with what
    the model and most of the file's services begin and end with."""
    listed = [*names]
    found = [match[1] for name in workers if (match := WORKER.fullmatch(name))]
    if len({*found}) == 1:
        return tuple(replace(job, name=found[0] + job.name) for job in jobs)
    start = _common(model, listed, _starts)
    # a name is not both: `shop-web-shop` has one word in the middle
    rest = [name.removeprefix(start) for name in listed]
    end = _common(model.removeprefix(start), rest, _ends)
    return tuple(replace(job, name=start + job.name + end) for job in jobs)


def _common(model: str, names: list[str], affixes_of: Callable[[str], list[str]]) -> str:
    """The part that most names have, the model too, and that leaves of them what they are; of
    several the one that the most have, and the longest of these. Empty without any."""
    best, most = "", 0
    for part in affixes_of(model):
        having = [name for name in names if part in affixes_of(name)]
        roles = ROLES.intersection(name.removeprefix(part).removesuffix(part) for name in having)
        if 2 * len(having) > len(names) and len(roles) > 1 and len(having) >= most:
            best, most = part, len(having)
    return best


def _starts(name: str) -> list[str]:
    """What a name may begin with, the shortest first: `my-`, `my-app-` of `my-app-web`."""
    return [name[: match.end()] for match in re.finditer(r"(?<=\w)[-_.](?=\w)", name)]


def _ends(name: str) -> list[str]:
    """What a name may end with, the shortest first: `-dev` of `web-dev`."""
    return [name[match.start() :] for match in re.finditer(r"(?<=\w)[-_.](?=\w)", name)][::-1]
