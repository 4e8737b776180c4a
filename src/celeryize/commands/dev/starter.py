"""Runs inside the project's interpreter: a program of the session, begun in steps.

    python starter.py TOKEN FOLDER early|late celery ARGUMENT...
    python starter.py TOKEN FOLDER early|late manage.py ARGUMENT...

Standard library only, Python 3.8 and later. One that is started early, for the next reload, imports
the libraries alone, prints TOKEN and waits for SIGUSR1. A worker imports the project, prints TOKEN
and waits for SIGUSR1, so that the one before it can go on until this one is known to start. FOLDER
is for temporary files of the pool.
"""

import contextlib
import importlib.machinery
import os
import runpy
import signal
import sys
import time
import types

TICK = 0.02
# What `inside.py` of the live proof does not need.
OF_WEB = (
    "django.contrib.staticfiles.handlers",
    "django.core.management.commands.runserver",
    "django.core.servers.basehttp",
    "django.test",
)


def main():
    """Take the steps, and become the program."""
    token, folder, when = sys.argv[1:4]
    sys.argv = sys.argv[4:]
    of_celery = sys.argv[0] == "celery"
    # the folder of the project, as Python has it there, and nothing of ours
    sys.path[0] = os.getcwd()
    if when == "early":
        import_libraries(of_celery)
        wait_for_word(token)
    if not of_celery:
        runpy.run_path(sys.argv[0], run_name="__main__")
        return
    import celery

    # gevent and eventlet patch what is imported after them
    celery.maybe_patch_concurrency()
    if "worker" in sys.argv:
        import_project(sys.argv[sys.argv.index("-A") + 1])
        keep_files_in(folder)
        leave_when_idle()
        wait_for_word(token)
    from celery.bin.celery import main as run

    run()


def import_libraries(of_celery):
    """Import what takes most of the time of a start, and is not the project's."""
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "live")
    loader = importlib.machinery.SourceFileLoader(
        "celeryize_live_inside", os.path.join(folder, "inside.py")
    )
    shared = types.ModuleType(loader.name)
    loader.exec_module(shared)
    if not of_celery:
        vars(shared)["LIBRARIES"] += OF_WEB
    places = [os.getcwd(), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    shared.preload(places, ("celery", "kombu", "django", "asgiref", "billiard", "redis"))


def import_project(spec):
    """Import everything that the worker will import. Raises what the project raises."""
    from celery.app.utils import find_app

    app = find_app(spec)
    app.loader.import_default_modules()
    app.finalize()
    answer_soon(str(app.conf.broker_read_url or app.conf.broker_url))


def answer_soon(url):
    """Have Redis answer five times a second: a worker that ends waits for the answer, a second."""
    if not url.startswith("redis://"):
        return
    # an optimisation: whatever is odd here, the worker itself reports
    with contextlib.suppress(Exception):
        import redis
        from kombu.transport.redis import Transport

        with redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1) as client:
            version = client.info("server")["redis_version"]
        # before 6.0 BRPOP took whole seconds
        if int(version.split(".")[0]) >= 6:
            setattr(Transport, "brpop_timeout", 0.2)


def keep_files_in(folder):
    """Have the pool make no temporary folder of its own, which a quick end would leave behind."""
    with contextlib.suppress(Exception):
        # billiard, which is the pool's, takes the folder from here
        from multiprocessing import process

        vars(process.current_process())["_config"]["tempdir"] = folder


def leave_when_idle():
    """Have a worker without a running task end at once: its pool takes a second and a half to."""
    from celery import bootsteps, signals

    class LeaveWhenIdle(bootsteps.StartStopStep):
        # stopped after the consumer, which then takes no message any more, and before the pool
        requires = ("celery.worker.components:Pool",)

        def create(self, worker):
            return self

        def start(self, *_):
            pass

        def register_with_event_loop(self, _, hub):
            # the loop sleeps up to a second; a signal alone does not wake it (PEP 475)
            reading, writing = os.pipe()
            os.set_blocking(reading, False)
            os.set_blocking(writing, False)
            hub.add_reader(reading, os.read, reading, 512)
            signal.set_wakeup_fd(writing, warn_on_full_buffer=False)

        def stop(self, worker):
            from celery.worker import state

            if state.active_requests or state.reserved_requests:
                return
            # gives back what was received and not begun
            with contextlib.suppress(Exception):
                worker.consumer.shutdown()
            with contextlib.suppress(Exception):
                signals.worker_shutdown.send(sender=worker)
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(0)

    @signals.celeryd_init.connect(weak=False)
    def add(instance=None, **_):
        instance.app.steps["worker"].add(LeaveWhenIdle)


def wait_for_word(token):
    """Print TOKEN, and return when SIGUSR1 has come."""
    heard = []
    before = signal.signal(signal.SIGUSR1, lambda *_: heard.append(True))
    sys.stdout.flush()
    sys.stderr.flush()
    os.write(1, (token + "\n").encode())
    while not heard:
        time.sleep(TICK)
    signal.signal(signal.SIGUSR1, before)


if __name__ == "__main__":
    main()
