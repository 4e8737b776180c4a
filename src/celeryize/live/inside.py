"""Runs inside the project's interpreter: a worker, Beat and a caller with the project's app, on
their own queue.

Standard library only, Python 3.8 and later. `run.py` starts this file as a script. It imports the
libraries once, forks the three roles, and stays as their host: when stdin closes, because the one
who asked has finished or was killed, the host ends them, cleans up the broker and removes the
temporary folder.

The project's settings are read and left as they are; what the roles need is laid over `app.conf` in
these processes alone. A worker of the project would not see a message of this one, nor this one the
project's.
"""

import contextlib
import ctypes
import importlib
import importlib.util
import json
import os
import re
import select
import shutil
import signal
import sys
import time
import traceback


def load_sibling(name):
    """A module of our own folder by its path: what the project imports must not be found there."""
    path = os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(__file__))), name + ".py")
    spec = importlib.util.spec_from_file_location("celeryize_" + name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


orphans = load_sibling("orphans")

LIBRARIES = (
    "django.apps",
    "django.conf",
    "django.core.checks",
    "django.db.models",
    "django.forms",
    "django.http",
    "django.template",
    "django.urls",
    "celery",
    "celery.app.amqp",
    "celery.app.base",
    "celery.app.builtins",
    "celery.app.control",
    "celery.app.log",
    "celery.app.task",
    "celery.app.trace",
    "celery.app.utils",
    "celery.backends.filesystem",
    "celery.beat",
    "celery.bin.celery",
    "celery.concurrency.prefork",
    "celery.fixups.django",
    "celery.loaders.app",
    "celery.schedules",
    "celery.worker",
    "celery.worker.components",
    "celery.worker.consumer",
    "celery.worker.strategy",
    "kombu.transport.filesystem",
)
# The command line of Celery reads these, and they beat the settings (CELERY_FACTS 8).
BEATING = ("BROKER_URL", "RESULT_BACKEND", "APP", "LOADER", "CONFIG_MODULE")
BEATING_BROKER = (
    "CELERY_BROKER_URL",
    "CELERY_BROKER_READ_URL",
    "CELERY_BROKER_WRITE_URL",
    "CELERY_RESULT_BACKEND",
)
ECHO, RETRIED, LIMITED, TICKED = (
    "celeryize_live." + n for n in ("echo", "retried", "limited", "ticked")
)
TICK = 0.01
POLLING = 0.05
# A step after the worker is ready takes far less; the time limit is looked at once a second
# (billiard).
PATIENCE = 10.0
SOFT_LIMIT = 0.2
BEAT_INTERVAL = 0.2
WARM_SHUTDOWN = 3.0
CLEANING = 10.0


def main():
    """Host the roles until the caller has finished or stdin closes; leave nothing behind."""
    job = json.loads(os.fdopen(0, "rb", buffering=0, closefd=False).readline())
    job["answers"] = os.dup(1)
    os.dup2(2, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    orphans.adopt_orphans()
    roles = {}  # type: dict[str, int]
    try:
        preload([job["base"], *job["paths"]], job["shadows"])
        roles.update((name, start(role, job)) for name, role in ROLES.items())
        os.close(job.pop("answers"))
        watch(roles, job["folder"])
    finally:
        end(roles, gently=job["configured"])
        if job["configured"]:
            wait_or_kill(start(clean, job), CLEANING)
        # what the project has started in sessions of their own
        orphans.end_orphans()
        shutil.rmtree(job["folder"], ignore_errors=True)


def preload(places, shadows):
    """Import the libraries that every role needs, unless the project hides one of them."""
    for place in places:
        for name in shadows:
            if os.path.exists(os.path.join(place, name)) or os.path.exists(
                os.path.join(place, name + ".py")
            ):
                return
    for name in LIBRARIES:
        try:
            importlib.import_module(name)
        except Exception:
            continue


def start(role, job):
    """A process of its own, in a session of its own, for one role; its pid."""
    host = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    status = 70
    try:
        os.setsid()
        die_with(host)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        log = os.open(log_of(job, role.__name__), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        if role is not caller and "answers" in job:
            # the one who asked listens until the last of them is closed
            os.close(job["answers"])
        role(job)
        status = 0
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status & 0xFF)


def die_with(parent):
    """End with the parent process, where the system can (Linux): not even one that is killed leaves
    a child."""
    with contextlib.suppress(Exception):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(70)


def watch(roles, folder):
    """Return when the caller has ended, or stdin has closed. The end of any other role is left as a
    file."""
    while True:
        for name, pid in list(roles.items()):
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                # what the project itself has started in it
                kill_group(pid)
                del roles[name]
                leave(os.path.join(folder, name + ".ended"), {"status": status})
        if "caller" not in roles:
            # the caller has reported everything; the parent now reads the logs
            select.select([0], [], [])
            return
        if select.select([0], [], [], TICK)[0]:
            return


def end(roles, gently):
    """End the roles; `gently`, so that a broker gets its unfinished messages back."""
    if gently and "worker" in roles:
        # Beat first, or it would go on sending to a queue without a worker
        for name in [name for name in roles if name != "worker"]:
            wait_or_kill(roles.pop(name), 0)
        with contextlib.suppress(OSError):
            os.kill(roles["worker"], signal.SIGTERM)
        wait_or_kill(roles.pop("worker"), WARM_SHUTDOWN)
    for pid in roles.values():
        wait_or_kill(pid, 0)


def wait_or_kill(pid, seconds):
    """Wait for a role; end it, with all of its group, when the time is up."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not os.waitpid(pid, os.WNOHANG)[0]:
        time.sleep(TICK)
    kill_group(pid)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)
    # children of the worker that its own end had made orphans
    kill_group(pid)


def kill_group(pid):
    """Kill a role and everything in its group."""
    with contextlib.suppress(OSError):
        os.killpg(pid, signal.SIGKILL)
    with contextlib.suppress(OSError):
        os.kill(pid, signal.SIGKILL)


def leave(path, what):
    """Leave a JSON file that is there at once and whole."""
    with open(path + ".part", "w", encoding="utf-8") as stream:
        json.dump(what, stream)
    os.replace(path + ".part", path)


def log_of(job, role):
    """The file that a role's output goes to."""
    return os.path.join(job["folder"], role + ".log")


def wrapped(job):
    """The project's app with our broker, queue and tasks laid over its configuration, in this
    process alone."""
    os.environ.pop("DJANGO_SETTINGS_MODULE", None)
    os.environ.pop("DJANGO_CONFIGURATION", None)
    os.environ.update(job["environment"])
    os.chdir(job["base"])
    sys.path[:0] = [job["base"], *job["paths"]]
    sys.argv = ["celery"]
    from celery.app.utils import find_app

    app = find_app(job["spec"])
    if "DJANGO_SETTINGS_MODULE" in os.environ:
        from django.conf import settings

        # a KeyError in the settings would be an AttributeError of Celery's otherwise
        settings.DEBUG
    # the settings are read now, with the environment as it is, before anything beats them
    configured_backend = app.conf.result_backend
    for name in list(os.environ):
        if name.startswith(("CELERY_WORKER_", "CELERY_BEAT_")) or (
            not job["configured"] and name in BEATING + BEATING_BROKER
        ):
            del os.environ[name]
    owned = own_queue(job["name"])
    if not job["configured"]:
        owned.update(own_broker(job["folder"]))
    elif not configured_backend or str(configured_backend).startswith("disabled"):
        owned["result_backend"] = "file://" + os.path.join(job["folder"], "results")
    lay_over(app.conf, owned)
    forget_connections(app)
    write_whole_messages()
    refuse_foreign(app, owned, job)
    add_tasks(app, job)
    return app


def lay_over(conf, values):
    """Set values that win over the Django settings, whatever the version of Celery.

    Before 5.7 `conf.update()` lost to a setting with the namespace: `CELERY_BROKER_URL` was looked
    up in all layers before `broker_url` in any.
    """
    for name, value in values.items():
        # the spelling with the namespace, the name itself and, in 5.7, its old name or None
        for spelled in conf._to_keys(name):
            if spelled:
                conf.changes[spelled] = value


def forget_connections(app):
    """Drop what the project's own code has made of its settings already, e.g. in a ready()."""
    for cached in ("amqp", "control", "events"):
        app.__dict__.pop(cached, None)
    # a class given to Celery(backend=...) beats the setting
    app.backend_cls = None
    for name in ("_pool", "_backend_cache"):
        if hasattr(app, name):
            setattr(app, name, None)
    with contextlib.suppress(AttributeError):
        del app._local.backend


def refuse_foreign(app, owned, job):
    """Raise where a setting of ours is not the one in effect: then nothing may be started."""
    lost = [name for name, value in owned.items() if app.conf[name] != value]
    lost += [name for name in owned if getattr(app.conf, name) != app.conf[name]]
    if not job["configured"]:
        with app.connection_for_write() as writes, app.connection_for_read() as reads:
            transports = {writes.transport_cls, reads.transport_cls}
        if transports != {"filesystem"}:
            lost.append("broker_url")
        # FilesystemBackend: `file:///...` in our folder, and nothing of the project's
        if not str(app.backend.url or "").startswith("file://" + job["folder"]):
            lost.append("result_backend")
    if lost:
        raise Foreign(
            "the project would still use its own %s: nothing was started, so that nothing of it "
            "is touched" % ", ".join(sorted(set(lost)))
        )


class Foreign(Exception):
    """A setting of the project is stronger than the one that the live proof needs."""


def own_queue(name):
    """Settings: one queue that nobody else has, and nothing of the project's routes, schedule and
    state files. Its serializers stay: whether the worker accepts what is sent is to be seen.

    What the project itself sends, e.g. when its worker is ready, is sent to a queue without a
    consumer.
    """
    from kombu.entity import Exchange, Queue

    exchange = Exchange(name, type="direct", durable=False, auto_delete=True)
    unused = Exchange(name + ".unused", type="direct", durable=False, auto_delete=True)
    queue_options = {"durable": False, "auto_delete": True, "expires": 300}
    return {
        "task_queues": [
            Queue(name, exchange, routing_key=name, **queue_options),
            Queue(name + ".unused", unused, routing_key=name + ".unused", **queue_options),
        ],
        "task_default_queue": name + ".unused",
        "task_default_exchange": name + ".unused",
        "task_default_exchange_type": "direct",
        "task_default_routing_key": name + ".unused",
        "task_default_queue_type": "classic",
        "task_create_missing_queues": True,
        "worker_detect_quorum_queues": False,
        "task_routes": None,
        "task_annotations": None,
        "task_always_eager": False,
        "control_exchange": name,
        "event_exchange": name + ".events",
        "worker_enable_remote_control": True,
        "worker_send_task_events": False,
        "task_send_sent_event": False,
        "worker_direct": False,
        "worker_state_db": None,
        "worker_max_tasks_per_child": None,
        "beat_schedule": {},
        "beat_max_loop_interval": BEAT_INTERVAL / 2,
        # result queues of rpc:// that are left by a process that was killed
        "result_expires": 300,
        # a broker that is not there is reported soon
        "broker_connection_retry": True,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": 1,
    }


def own_broker(folder):
    """Settings: messages and results as files below `folder` (CELERY_FACTS 4)."""
    messages = os.path.join(folder, "messages")
    url = "filesystem://localhost/"
    return {
        "broker_url": url,
        "broker_read_url": url,
        "broker_write_url": url,
        "broker_use_ssl": None,
        "broker_transport": None,
        "broker_transport_options": {
            "data_folder_in": messages,
            "data_folder_out": messages,
            "control_folder": os.path.join(folder, "control"),
            "store_processed": True,
            "processed_folder": os.path.join(folder, "processed"),
            "polling_interval": POLLING,
        },
        "result_backend": "file://" + os.path.join(folder, "results"),
        "result_backend_transport_options": {},
    }


def write_whole_messages():
    """Let a message of the file broker appear at once: a reader can take a half-written one
    (kombu#1551)."""
    from kombu.transport import filesystem

    class Channel(filesystem.Channel):
        def _put(self, queue, payload, **kwargs):  # type: ignore[override]
            folder = self.data_folder_out
            name = "%d_%s" % (time.monotonic_ns(), os.urandom(8).hex())
            with open(os.path.join(folder, name), "w", encoding="utf-8") as stream:
                json.dump(payload, stream)
            os.replace(
                os.path.join(folder, name), os.path.join(folder, "%s.%s.msg" % (name, queue))
            )

    filesystem.Transport.Channel = Channel


def add_tasks(app, job):
    """The harmless tasks; on Celery's own base class, because the project's may do something."""
    from celery.app.task import Task
    from celery.exceptions import SoftTimeLimitExceeded

    options = {
        "base": Task,
        "shared": False,
        "ignore_result": False,
        "acks_late": False,
        "rate_limit": None,
    }

    @app.task(name=ECHO, **options)
    def echo(text):
        return text

    @app.task(name=RETRIED, bind=True, max_retries=1, **options)
    def retried(self):
        if not self.request.retries:
            # countdown=0 would race with the worker that notes the retry (CELERY_FACTS 45)
            raise self.retry(countdown=0.1, queue=job["name"])
        return self.request.retries

    @app.task(name=LIMITED, **options)
    def limited():
        try:
            time.sleep(PATIENCE / 2)
        except SoftTimeLimitExceeded:
            return True
        return False

    @app.task(name=TICKED, **dict(options, ignore_result=True))
    def ticked():
        leave(os.path.join(job["folder"], "beat.ticked"), {})


def worker(job):
    """`celery worker` with the project's own pool; leaves a file when it is ready."""
    app = wrapped(job)
    if not job["configured"]:
        # the project's worker may have a user of its own: Celery does not let root accept pickles,
        # but of our own files
        os.environ.setdefault("C_FORCE_ROOT", "1")
    if job["configured"]:
        # as_uri() hides the password
        with contextlib.suppress(Exception):
            broker = app.connection_for_read()
            url = broker.as_uri()
            if not broker.password and not broker.userid:
                # kombu writes it for a password that is not there, too
                url = url.replace("://:**@", "://")
            leave(os.path.join(job["folder"], "broker"), {"url": url})
    from celery.signals import worker_process_init, worker_ready

    ours = os.getpid()

    @worker_process_init.connect(weak=False)
    def in_the_pool(**_):
        # the solo pool sends it too, from the worker itself
        if os.getpid() != ours:
            die_with(ours)

    @worker_ready.connect(weak=False)
    def ready(sender, **_):
        pool = sender.controller.pool_cls.__module__.rpartition(".")[2]
        leave(os.path.join(job["folder"], "worker.ready"), {"pool": pool})

    options = ["-Q", job["name"], "-n", job["name"] + "@localhost", "-c", "2", "-l", "INFO"]
    app.worker_main(
        ["worker", *options, "--without-gossip", "--without-mingle", "--without-heartbeat"]
    )


def beat(job):
    """`celery beat` with one entry of ours; the project's schedule is not read, whatever its
    scheduler is."""
    app = wrapped(job)
    from celery.beat import Scheduler

    class OneEntry(Scheduler):
        def setup_schedule(self):
            # two processes that declare a queue of files in the same moment would disturb each
            # other
            wait_for(job, "worker.ready", job["timeout"])
            options = {"queue": job["name"], "expires": 60, "ignore_result": True}
            entry = {"task": TICKED, "schedule": BEAT_INTERVAL, "options": options}
            self.update_from_dict({"celeryize": entry})

    lay_over(app.conf, {"beat_scheduler": OneEntry})
    app.start(["beat", "-l", "INFO", "--pidfile", os.path.join(job["folder"], "beat.pid")])


def wait_for(job, name, seconds):
    """Whether a file appears in time; not, once the role that would leave it has ended."""
    path = os.path.join(job["folder"], name)
    ended = os.path.join(job["folder"], name.partition(".")[0] + ".ended")
    deadline = time.monotonic() + seconds
    while not os.path.exists(path):
        if time.monotonic() > deadline or os.path.exists(ended):
            return os.path.exists(path)
        time.sleep(TICK)
    return True


def ids(job):
    """The ids of our tasks: fixed, so that whoever cleans up knows them."""
    return [job["name"] + "-" + name for name in (ECHO, RETRIED, LIMITED)]


class Caller:
    """Calls the worker step by step and reports each result, a JSON line each."""

    def __init__(self, job):
        self.job = job
        self.patience = min(PATIENCE, job["timeout"])
        self.started = time.monotonic()
        self.refused = False

    def report(self, step, outcome, what, **more):
        """One result; its time runs since the one before."""
        now = time.monotonic()
        line = dict(more, step=step, outcome=outcome, what=what, seconds=now - self.started)
        os.write(self.job["answers"], json.dumps(line).encode() + b"\n")
        self.started = now

    def run(self):
        """Every step, in order; without a worker none but the first."""
        error = None
        try:
            self.app = wrapped(self.job)
            self.app.set_current()
        except BaseException as raised:
            traceback.print_exc()
            error = raised
        if isinstance(error, Foreign):
            self.report("worker", "failed", str(error))
            return
        if not wait_for(self.job, "worker.ready", self.job["timeout"]):
            ended = os.path.exists(os.path.join(self.job["folder"], "worker.ended"))
            late = "the worker was not ready after %g seconds" % self.job["timeout"]
            self.report(
                "worker", "failed", "the worker exited before it was ready" if ended else late
            )
            return
        with open(os.path.join(self.job["folder"], "worker.ready"), encoding="utf-8") as stream:
            pool = json.load(stream)["pool"]
        self.report("worker", "passed", "a worker is ready (pool %s)" % pool, pool=pool)
        if error is not None:
            raise error
        self.steps(pool)
        self.forget_queue()

    def steps(self, pool):
        """What a ready worker is asked."""
        self.refused = is_refused(self.app.conf)
        if self.refused:
            # every other step would only wait for an answer in vain
            with self.telling("round-trip"):
                self.result(self.send(ECHO, ["hello"]))
            for step in ("ping", "registered", "retry", "time-limit", "beat"):
                self.report(step, "skipped", "not tried: the worker discards what it is sent")
            return
        with self.telling("time-limit"):
            # begun first, because it takes the longest
            limited = None
            if pool == "prefork":
                limited = self.send(LIMITED, soft_time_limit=SOFT_LIMIT)
        with self.telling("ping"):
            answer = self.inspect().ping()
            if not answer:
                raise Failed("the worker does not answer a ping")
            self.report("ping", "passed", "the worker answers a ping")
        with self.telling("registered"):
            names = [
                t.partition(" [")[0]
                for found in (self.inspect().registered() or {}).values()
                for t in found
            ]
            if not names:
                raise Failed("the worker does not report its tasks")
            names = [n for n in names if not n.startswith(("celery.", "celeryize_live."))]
            self.report("registered", "passed", "", names=sorted(names))
        with self.telling("round-trip"):
            answer = self.result(self.send(ECHO, ["hello"]))
            if answer != "hello":
                raise Failed("a task returned %r instead of 'hello'" % (answer,))
            self.report("round-trip", "passed", "a task made the round trip")
        with self.telling("retry"):
            retries = self.result(self.send(RETRIED))
            if retries != 1:
                raise Failed("a task was retried %r times, not once" % (retries,))
            self.report("retry", "passed", "a task was retried")
        if pool != "prefork":
            self.report("time-limit", "skipped", "the %s pool ignores soft time limits" % pool)
        elif limited is not None:
            with self.telling("time-limit"):
                if self.result(limited) is not True:
                    raise Failed("a task kept running after its time limit")
                self.report("time-limit", "passed", "a time limit ended a task")
        if wait_for(self.job, "beat.ticked", self.patience):
            self.report("beat", "passed", "Beat sent a task and the worker ran it")
        else:
            ended = os.path.exists(os.path.join(self.job["folder"], "beat.ended"))
            self.report("beat", "failed", "Beat exited" if ended else "no task from Beat arrived")

    def forget_queue(self):
        """Remove the queue that rpc:// keeps our results in, named by this process."""
        if type(self.app.backend).__name__ == "RPCBackend":
            with contextlib.suppress(Exception), self.app.connection_for_write() as connection:
                self.app.backend.binding(connection.default_channel).delete()

    @contextlib.contextmanager
    def telling(self, step):
        """What goes wrong inside is the result of the step."""
        try:
            yield
        except Exception as error:
            what = (
                str(error)
                if isinstance(error, Failed)
                else "%s: %s" % (type(error).__name__, error)
            )
            self.report(step, "failed", what)

    def inspect(self):
        """Questions to the worker; one answer is enough."""
        return self.app.control.inspect(limit=1, timeout=self.patience)

    def send(self, task, args=(), **options):
        """Send one of our tasks to our queue."""
        task_id = self.job["name"] + "-" + task
        return self.app.send_task(
            task, args, task_id=task_id, queue=self.job["name"], retry=False, **options
        )

    def result(self, sent):
        """What a task returned, unless it takes too long or the worker ends."""
        deadline = time.monotonic() + self.patience
        while not sent.ready():
            if os.path.exists(os.path.join(self.job["folder"], "worker.ended")):
                raise Failed("the worker exited while it was being called")
            refusal = self.refused and refusal_in(log_of(self.job, "worker"))
            if refusal:
                raise Failed("the worker discards what the project sends: " + refusal)
            if time.monotonic() > deadline:
                raise Failed("no result after %g seconds (state %s)" % (self.patience, sent.state))
            time.sleep(TICK)
        return sent.get(timeout=self.patience)


def is_refused(conf):
    """Whether a worker with these settings would discard the messages of this project."""
    from kombu.exceptions import ContentDisallowed
    from kombu.serialization import dumps, loads, prepare_accept_content

    try:
        content_type, encoding, data = dumps([], serializer=conf.task_serializer)
        loads(data, content_type, encoding, accept=prepare_accept_content(conf.accept_content))
    except ContentDisallowed:
        return True
    except Exception:
        # whatever else is wrong shows where a message is sent
        return False
    return False


def refusal_in(log):
    """What kombu says in a worker's log of a message that it does not accept; empty without one."""
    with contextlib.suppress(OSError), open(log, encoding="utf-8", errors="replace") as stream:
        found = re.search(r"Refusing to deserialize [^\n'\"]*", stream.read())
        if found:
            return found.group()
    return ""


class Failed(Exception):
    """A step did not come out as it should."""


def caller(job):
    """Asks the worker; see Caller."""
    Caller(job).run()


def clean(job):
    """Remove our queues, exchanges and results from the configured broker and backend."""
    app = wrapped(job)
    app.set_current()
    name = job["name"]
    exchanges = [
        name,
        name + ".unused",
        name + ".pidbox",
        "reply." + name + ".pidbox",
        name + ".events",
    ]
    with app.connection_for_write() as connection:
        # a broker that is not there has nothing of ours, nor has the result backend then
        connection.ensure_connection(max_retries=1, timeout=CLEANING / 2)
        for queue in app.conf.task_queues:
            # declared first: most transports delete only what this process knows to be bound
            with contextlib.suppress(Exception), connection.channel() as channel:
                queue(channel).declare()
                queue(channel).delete()
        for exchange in exchanges:
            with contextlib.suppress(Exception), connection.channel() as channel:
                channel.exchange_delete(exchange)
        if connection.transport.driver_type == "redis":
            clean_redis(connection.default_channel, exchanges)
    if type(app.backend).__name__ != "RPCBackend":
        for task_id in ids(job):
            with contextlib.suppress(Exception):
                app.AsyncResult(task_id).forget()


def clean_redis(channel, exchanges):
    """Remove what kombu keeps for an exchange: the keys of its queues, its bindings, their
    deadlines."""
    with channel.conn_or_acquire() as client:
        for exchange in exchanges:
            bindings = channel.keyprefix_queue % exchange
            for binding in client.smembers(bindings):
                queue = binding.decode().split(channel.sep)[-1]
                client.delete(
                    *(channel._q_for_pri(queue, priority) for priority in channel.priority_steps)
                )
            client.delete(bindings, "_kombu.binding_permanent." + exchange)
            client.zrem("_kombu.binding_deadlines", exchange)


ROLES = {"worker": worker, "beat": beat, "caller": caller}

if __name__ == "__main__":
    # nothing is to be imported from our own folder
    sys.path.pop(0)
    main()
