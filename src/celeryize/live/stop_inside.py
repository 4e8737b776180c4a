"""Runs inside the project's interpreter: the worker or Beat whose stop is rehearsed.

    python stop_inside.py JOB

Standard library only, Python 3.8 and later. `stop.py` starts this file in the place of `celery`,
with the same options, environment and working directory; the JSON file JOB says the rest. The
project's settings are read and left as they are; the broker, the queue and two tasks of ours are
laid over `app.conf` in this process alone.
"""

import importlib.util
import json
import os
import sys
import threading
import time

EARLY, LATE, TICKED = ("celeryize_stop." + name for name in ("early", "late", "ticked"))
MODES = ("early", "late")
# Seconds after the start of a new worker in which it has begun what is in its queue.
LOOKING = 2.0


def main():
    """Import the app, lay ours over it, and become `celery`."""
    with open(sys.argv[1], encoding="utf-8") as stream:
        job = json.load(stream)
    sys.path[:1] = [os.getcwd(), *job["paths"]]
    sys.argv = ["celery", *job["words"]]
    import celery

    celery.maybe_patch_concurrency()
    from celery.app.utils import find_app

    app = find_app(job["spec"])
    if "DJANGO_SETTINGS_MODULE" in os.environ:
        from django.conf import settings

        settings.DEBUG
    shared = load_shared()
    shared.lay_over(app.conf, own_settings(job))
    shared.forget_connections(app)
    refuse_foreign(app, job)
    if job["clean"]:
        clean(app, job)
        shared.leave(os.path.join(job["folder"], job["ready"]), {})
        return
    add_tasks(app, job)
    watch_worker(app, job, shared.leave)
    from celery.bin.celery import main as run

    run()


def load_shared():
    """The other file of this folder that runs inside a project."""
    folder = os.path.dirname(os.path.abspath(__file__))
    spec = importlib.util.spec_from_file_location(
        "celeryize_live_inside", os.path.join(folder, "inside.py")
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def own_settings(job):
    """A broker, a queue and a schedule of our own; the scaled timeout of a soft shutdown."""
    from kombu.entity import Exchange, Queue

    name = job["queue"]
    queues = [Queue(part, Exchange(part), routing_key=part) for part in (name, name + ".unused")]
    settings = {
        "broker_url": job["broker"],
        "broker_read_url": job["broker"],
        "broker_write_url": job["broker"],
        "broker_use_ssl": None,
        "broker_transport": None,
        "broker_transport_options": job["transport_options"],
        "result_backend": "disabled://",
        "task_always_eager": False,
        "task_queues": queues,
        # what the project sends by itself goes where nobody consumes
        "task_default_queue": name + ".unused",
        "task_default_exchange": name + ".unused",
        "task_default_routing_key": name + ".unused",
        "task_default_queue_type": "classic",
        "task_routes": None,
        # nobody's remote control reaches this worker
        "control_exchange": name,
        "event_exchange": name + ".events",
        "task_annotations": None,
        "beat_schedule": {
            "celeryize": {"task": TICKED, "schedule": 0.5, "options": {"queue": name}}
        },
        "beat_scheduler": "celery.beat:PersistentScheduler",
    }
    if job["soft"] is not None:
        settings["worker_soft_shutdown_timeout"] = job["soft"]
    return settings


def refuse_foreign(app, job):
    """Raise where the broker in effect is not ours: then nothing is started."""
    from kombu.connection import Connection

    wanted = Connection(job["broker"]).as_uri(include_password=True)
    with app.connection_for_write() as writes, app.connection_for_read() as reads:
        for connection in (writes, reads):
            if connection.as_uri(include_password=True) != wanted:
                raise SystemExit("the project would still use a broker of its own")


def clean(app, job):
    """Remove what our names are in the broker: two queues, their exchanges, our keys."""
    with app.connection_for_write() as connection:
        channel = connection.default_channel
        if connection.transport.driver_type == "redis":
            # past kombu's client, which adds the prefix by itself
            from redis import Redis

            with Redis.from_url(job["broker"]) as client:
                for key in client.scan_iter(match=job["queue"] + ":*", count=1000):
                    client.delete(key)
            return
        for name in (job["queue"], job["queue"] + ".unused"):
            channel.queue_delete(queue=name)
            channel.exchange_delete(exchange=name)
        for name in (".pidbox", ".events"):
            channel.exchange_delete(exchange=job["queue"] + name)


def add_tasks(app, job):
    """The two tasks that run at the stop, one for each time of acknowledgement."""

    def hold(mode):
        path = os.path.join(job["folder"], mode)
        again = os.path.exists(path)
        note(path, "again" if again else "begun")
        if again:
            return
        until = time.monotonic() + job["task"]
        while time.monotonic() < until:
            time.sleep(0.02)
        note(path, "finished")

    options = {"ignore_result": True, "time_limit": None, "soft_time_limit": None}

    @app.task(name=EARLY, acks_late=False, **options)
    def early():
        hold("early")

    @app.task(name=LATE, acks_late=True, **options)
    def late():
        hold("late")

    @app.task(name=TICKED, **options)
    def ticked():
        pass


def note(path, word):
    """Write down what a task does, at once."""
    with open(path, "a", encoding="utf-8") as stream:
        stream.write(word + "\n")


def watch_worker(app, job, leave):
    """Send what is to run at the stop; a new worker reports what it does not get."""
    from celery.signals import beat_init, worker_ready

    @worker_ready.connect(weak=False)
    def ready(**_):
        for mode in job["send"]:
            app.tasks["celeryize_stop." + mode].apply_async(queue=job["queue"])
        leave(os.path.join(job["folder"], job["ready"]), {})
        if not job["send"]:
            threading.Thread(target=look, args=(job, leave), daemon=True).start()

    @beat_init.connect(weak=False)
    def beating(**_):
        leave(os.path.join(job["folder"], job["ready"]), {})


def look(job, leave):
    """What Redis still keeps of our tasks, once the new worker has had its time."""
    time.sleep(LOOKING)
    unacked = []
    if job["broker"].startswith("redis"):
        from redis import Redis

        # past kombu's client, which adds the prefix to some commands alone
        with Redis.from_url(job["broker"]) as client:
            for prefix in (job["transport_options"]["global_keyprefix"], ""):
                for value in client.hvals(prefix + "unacked"):
                    unacked += [mode for mode in MODES if is_ours(value, mode, job)]
    leave(os.path.join(job["folder"], "left"), {"unacked": sorted(set(unacked))})


def is_ours(message, mode, job):
    """Whether a message that Redis keeps is the task of a mode, in this rehearsal."""
    return ("celeryize_stop." + mode).encode() in message and job["queue"].encode() in message


if __name__ == "__main__":
    main()
