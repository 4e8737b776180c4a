"""The containers of the web server and of the worker: what one has and the other lacks."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from celeryize.checks.check import Occurrence, check
from celeryize.checks.facts import Facts
from celeryize.checks.facts.deployment import without_comments
from celeryize.checks.facts.literals import default_of, text_of
from celeryize.checks.facts.processes.brokers import BrokerUrl, is_same, with_service
from celeryize.checks.facts.processes.hosts import services_beside
from celeryize.checks.facts.processes.reads import SETTINGS, fallback_settings
from celeryize.checks.facts.processes.stop import is_development
from celeryize.checks.facts.processes.where_it_runs import what_starts
from celeryize.detect.processes import Process
from celeryize.detect.processes.process import Item
from celeryize.reading import readable_text

WEB = re.compile(r"\b(gunicorn|uvicorn|daphne|hypercorn|uwsgi|granian)\b")
BACKEND = "CELERY_RESULT_BACKEND"
# What only the web server needs: the files that it serves, sockets, certificates, logs.
WEB_ONLY = re.compile(r"static|socket|sock\b|cert|ssl|nginx|letsencrypt|www|log|cache|node_modules")


def _pairs(facts: Facts) -> Iterator[tuple[Process, Process]]:
    """A web server and a worker of one compose file, of one image or build."""
    for web in facts.deployment.processes:
        if web.kind != "compose" or web.celery or is_development(web.where.path):
            continue
        if not WEB.search(what_starts(facts, web)):
            continue
        for worker in facts.deployment.processes:
            if worker.subcommand == "worker" and worker.where.path == web.where.path:
                # what is taken over from another service is not read here
                if not {"extends", "volumes_from"} & {*worker.options, *web.options}:
                    yield web, worker


def _manifests(facts: Facts) -> Iterator[tuple[Process, Process]]:
    """Another process and a worker in the Kubernetes manifests of one folder."""
    own = [one for one in facts.deployment.processes if one.kind == "kubernetes"]
    for other in own:
        for worker in own:
            if worker.subcommand != "worker" or other.celery is not None:
                continue
            if other.where.path.parent == worker.where.path.parent:
                yield other, worker


@check("celery.W929")
def volume_is_missing(facts: Facts) -> Iterator[Occurrence]:
    """A worker's container lacks the volume in which the web server keeps its files.

    What happens: A task does not find the file that was uploaded, or has another database.
    How it looks: FileNotFoundError: /app/media/...; or sqlite3.OperationalError: no such table
    Why: Each container has a file system of its own. A volume is only in those that mount it.
    Fix: The same line below `volumes:` of the worker; or a storage that both reach, such as S3
    Source: https://docs.docker.com/engine/storage/volumes/
    """
    reported: set[Item] = set()
    for web, worker in _pairs(facts):
        item = web.options.get("volumes")
        if item is None or item in reported:
            continue
        own = _mounts(worker)
        for source, target in _mounts(web).items():
            what = _what_is_in(facts, source, target)
            if what and source not in own and target not in own.values():
                reported.add(item)
                yield Occurrence(
                    f"{worker.name} has no volume {source}, where {web.name} keeps {what}",
                    worker.where,
                    f"Add {source}:{target} to its volumes.",
                )


def _mounts(process: Process) -> Mapping[str, str]:
    """The volumes of a service that have a name: where each of them is mounted."""
    item = process.options.get("volumes")
    found: dict[str, str] = {}
    for volume in item.text.split() if item else ():
        source, _, rest = volume.partition(":")
        if re.fullmatch(r"[\w.-]+", source) and rest.startswith("/"):
            found[source] = rest.partition(":")[0].rstrip("/")
    return found


def _what_is_in(facts: Facts, source: str, target: str) -> str:
    """What the settings keep in a volume, in words; empty for anything that tasks may not need."""
    if WEB_ONLY.search(source.lower()) or WEB_ONLY.search(target.lower()):
        return ""
    for setting in facts.settings.named("DATABASES"):
        texts = re.findall(r"['\"](/[^'\"]+\.(?:sqlite3?|db))['\"]", ast.unparse(setting.value))
        if any(PurePosixPath(text).is_relative_to(target) for text in texts):
            return "the database"
    for setting in facts.settings.named("MEDIA_ROOT"):
        text = text_of(default_of(setting.value))
        if text and PurePosixPath(text).is_relative_to(target):
            return "the uploaded files"
    # a path that is computed ends in the same folder
    if re.search(r"(^|/)(media|mediafiles|uploads?)$", target):
        computed = [ast.unparse(setting.value) for setting in facts.settings.named("MEDIA_ROOT")]
        if any(repr(PurePosixPath(target).name) in one for one in computed):
            return "the uploaded files"
    return ""


@check("celery.W982")
def other_image(facts: Facts) -> Iterator[Occurrence]:
    """The worker and the web server run different versions of one image.

    What happens: The web server sends tasks, or arguments, that the worker does not know.
    How it looks: Received unregistered task of type '...'; or TypeError: missing 1 required
        positional argument
    Why: Each of the two lines names a tag of its own.
    Fix: One tag, from one place: an anchor, or ${TAG}
    Source: https://docs.docker.com/reference/compose-file/fragments/
    """
    for web, worker in (*_pairs(facts), *_manifests(facts)):
        ours, theirs = web.options.get("image"), worker.options.get("image")
        if ours is None and theirs is not None and _is_built(web) and not _is_built(worker):
            if not _is_made_here(facts, worker, theirs):
                yield Occurrence(
                    f"{web.name} is built from this code, and {worker.name} runs {theirs.text}",
                    theirs.where,
                    f"Build {worker.name} as {web.name} is built.",
                )
            continue
        if ours is None or theirs is None or ours.text == theirs.text:
            continue
        name, _, tag = ours.text.rpartition(":")
        other, _, other_tag = theirs.text.rpartition(":")
        # web-2.1 and worker-2.1 are two images
        if web.name in tag or worker.name in other_tag:
            continue
        if name and name == other and "$" not in tag + other_tag:
            yield Occurrence(
                f"{worker.name} runs {other_tag} of the image, and {web.name} {tag}",
                theirs.where,
                "Give both the same tag.",
            )


def _is_built(process: Process) -> bool:
    return bool({"build", "context"} & set(process.options))


def _is_made_here(facts: Facts, worker: Process, image: Item) -> bool:
    """Whether another service of the file builds an image, or its name comes from outside."""
    if "$" in image.text:
        return True
    # compose calls an image after the project and the service, and the project may have a name
    built = image.text.partition(":")[0].replace("_", "-")
    if any(built.endswith(f"-{process.name}") for process in facts.deployment.processes):
        return True
    if "tags:" in without_comments(readable_text(facts.deployment.root / worker.where.path)):
        return True
    folder = worker.where.path.parent.name or facts.deployment.root.name
    for other in facts.deployment.processes:
        # a base file and its override are merged
        if other.where.path.parent == worker.where.path.parent and _is_built(other):
            made = other.options.get("image")
            # without a name, Compose makes one of the project's and the service's
            names = {made.text} if made else {f"{folder}-{other.name}", f"{folder}_{other.name}"}
            if image.text.removesuffix(":latest") in {n.removesuffix(":latest") for n in names}:
                return True
    return False


@check("celery.W122")
def settings_of_the_web_alone(facts: Facts) -> Iterator[Occurrence]:
    """The web server's container chooses its settings, and the worker's does not.

    What happens: The worker runs with other settings: another database, another broker, DEBUG.
    How it looks: A task that does not find what the web process has just saved.
    Why: Without DJANGO_SETTINGS_MODULE the worker takes what celery.py falls back to.
    Fix: The same `environment:`, or env_file, for both: an anchor keeps them equal.
    Source: https://docs.djangoproject.com/en/stable/topics/settings/#designating-the-settings
    """
    fallback = fallback_settings(facts)
    for web, worker in _pairs(facts):
        chosen = web.environment.get(SETTINGS)
        if chosen is None or not worker.sealed or worker.variable(SETTINGS) or not fallback:
            continue
        if "$" in chosen.text or chosen.text == fallback:
            continue
        # an image may hold it
        if facts.deployment.exports_elsewhere(SETTINGS, web.where.path):
            continue
        yield Occurrence(
            f"{worker.name} takes {fallback}, which celery.py falls back to, and {web.name} "
            f"{chosen.text}",
            worker.where,
            f"Give it {SETTINGS}: {chosen.text}.",
        )


@check("celery.W983")
def results_elsewhere(facts: Facts) -> Iterator[Occurrence]:
    """The worker keeps results in another place than the web server asks.

    What happens: Results never come: the state stays PENDING.
    How it looks: PENDING
    Why: Each service of the file gets its own value of CELERY_RESULT_BACKEND.
    Fix: The same value, from one place: an anchor, or an env_file
    Source: https://docs.celeryq.dev/en/stable/userguide/configuration.html#result-backend
    """
    for web, worker in _pairs(facts):
        ours, theirs = web.environment.get(BACKEND), worker.environment.get(BACKEND)
        if ours is None or theirs is None or ours.where == theirs.where:
            continue
        if "$" not in ours.text + theirs.text and _are_apart(facts, web, ours, worker, theirs):
            yield Occurrence(
                f"{worker.name} keeps its results in {_shown(theirs)}, and {web.name} asks "
                f"{_shown(ours)}",
                theirs.where,
                "Give both the same URL.",
            )


def _are_apart(facts: Facts, web: Process, ours: Item, worker: Process, theirs: Item) -> bool:
    """Whether two URLs certainly are two places: not two names of one server."""
    one = with_service(facts, web, BrokerUrl(ours.text, ours.where, BACKEND))
    other = with_service(facts, worker, BrokerUrl(theirs.text, theirs.where, BACKEND))
    if is_same(one, other):
        return False
    if one.host == other.host or not one.host or not other.host:
        return True
    # a host outside of the file may be the same server
    services = {service.name for service in services_beside(facts, worker)}
    return {one.host, other.host} <= services


def _shown(item: Item) -> str:
    """A URL without its password."""
    return re.sub(r"//[^@/]*@", "//", item.text)
