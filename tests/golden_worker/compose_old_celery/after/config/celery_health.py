"""Heartbeats of the Celery worker and of Beat, for the health checks of their containers.

Nothing happens unless the environment variable CELERY_HEALTH_DIR names a folder. There:

celery-worker-ready  exists while the worker takes tasks
celery-worker-alive  is touched every few seconds while the worker lives, also when it is busy
celery-beat-alive    is touched at every tick of Beat's scheduler

A worker whose broker is down is alive: a restart would not bring the broker back.
"""

import os
import threading
import time

from celery import bootsteps
from celery.signals import beat_init, celeryd_init, worker_ready, worker_shutting_down

# Seconds between two heartbeats of a worker.
WORKER_INTERVAL = 5
# Seconds without a turn of the worker's loop, with a connection to the broker, until it is stuck.
STUCK_AFTER = 120
# Seconds that Beat sleeps at most: its default is five minutes.
BEAT_INTERVAL = 30


def _path(name):
    folder = os.environ.get("CELERY_HEALTH_DIR")
    return os.path.join(folder, name) if folder else None


def _touch(name):
    path = _path(name)
    if path is None:
        return
    try:
        with open(path, "a"):
            os.utime(path)
    except OSError:
        # a full disk must not stop the worker
        pass


def _remove(name):
    path = _path(name)
    try:
        if path is not None:
            os.remove(path)
    except OSError:
        pass


class LoopHeartbeat(bootsteps.StartStopStep):
    """A timer of the worker's loop; it starts again with every connection to the broker."""

    requires = {"celery.worker.consumer.tasks:Tasks"}
    # without a connection no loop runs: nothing that a restart would repair
    running = False
    turned = time.monotonic()

    def __init__(self, consumer, **kwargs):
        self.entry = None

    def start(self, consumer):
        self.turn()
        LoopHeartbeat.running = True
        self.entry = consumer.timer.call_repeatedly(WORKER_INTERVAL, self.turn)

    def stop(self, consumer):
        LoopHeartbeat.running = False
        if self.entry is not None:
            self.entry.cancel()
            self.entry = None

    @classmethod
    def turn(cls):
        cls.turned = time.monotonic()


class WorkerHeartbeat(bootsteps.StartStopStep):
    """A thread that touches the file while the process lives and its loop turns."""

    requires = {"celery.worker.components:Pool"}

    def __init__(self, worker, **kwargs):
        pass

    def start(self, worker):
        _remove("celery-worker-ready")
        threading.Thread(target=self.run, args=(worker,), daemon=True).start()

    def stop(self, worker):
        pass

    def run(self, worker):
        while True:
            if not self.is_stuck(worker):
                _touch("celery-worker-alive")
            time.sleep(WORKER_INTERVAL)

    @staticmethod
    def is_stuck(worker):
        if "solo" in type(worker.pool).__module__:
            # its tasks run in the loop itself
            return False
        return LoopHeartbeat.running and time.monotonic() - LoopHeartbeat.turned > STUCK_AFTER


@celeryd_init.connect
def watch_worker(instance=None, **kwargs):
    if _path("") is not None:
        instance.app.steps["worker"].add(WorkerHeartbeat)
        instance.app.steps["consumer"].add(LoopHeartbeat)


@worker_ready.connect
def report_ready(**kwargs):
    _touch("celery-worker-ready")


@worker_shutting_down.connect
def report_shutdown(**kwargs):
    _remove("celery-worker-ready")


@beat_init.connect
def watch_beat(sender=None, **kwargs):
    """Give the scheduler in use, whichever it is, a tick that touches the file."""
    if _path("") is None:
        return
    kind = type(sender.scheduler)

    class WatchedScheduler(kind):
        def tick(self, *args, **options):
            _touch("celery-beat-alive")
            interval = super().tick(*args, **options)
            _touch("celery-beat-alive")
            return interval if interval is None else min(interval, BEAT_INTERVAL)

    sender.scheduler.__class__ = WatchedScheduler
