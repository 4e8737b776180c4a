"""Runs inside the project's interpreter: looks at the project as a worker, or a web process, would import it.

Standard library only, Python 3.8 and later. `run.py` starts this file as a script and keeps it as a parent of
looks: libraries are imported once, then each look is a fork. Requests are JSON lines on stdin; the answer of a
look is a JSON file, because the project may print what it likes.
"""

import base64
import contextlib
import faulthandler
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import linecache
import logging
import os
import signal
import sys
import time
import traceback
import warnings

# Celery reads these itself, and they beat the settings (CELERY_FACTS 8).
ENVIRONMENT = ("BROKER_URL", "RESULT_BACKEND", "APP", "LOADER", "CONFIG_MODULE")
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
    "celery.app.task",
    "celery.app.utils",
    "celery.backends.base",
    "celery.fixups.django",
    "celery.loaders.app",
    "celery.schedules",
    "kombu.transport.virtual",
)
SHADOWS = ("celery", "kombu", "redis", "amqp", "billiard", "vine", "django", "asgiref", "click", "sqlparse")
TICK = 0.002
FRAMES = 5
OUTPUT = 4096


class PlannedLoader(importlib.machinery.SourceFileLoader):
    """Loads planned bytes under their real path; neither reads nor writes bytecode."""

    def __init__(self, fullname, path, data):
        super().__init__(fullname, path)
        self.planned = data

    def get_data(self, path):
        """The planned bytes."""
        return self.planned

    def path_stats(self, path):
        """No statistics: so no bytecode is looked for."""
        raise OSError(path)

    def set_data(self, path, data, *, _mode=0o666):
        """No bytecode is written."""


class PlannedFinder(importlib.abc.MetaPathFinder):
    """Finds modules among the planned files first, as if they were on the disk."""

    def __init__(self, planned):
        self.planned = planned

    def find_spec(self, fullname, path=None, target=None):
        """The spec of a planned module; None leaves it to the disk."""
        tail = fullname.rpartition(".")[2]
        gone = False
        for entry in sys.path if path is None else path:
            folder = os.path.realpath(entry or os.getcwd())
            package = os.path.join(folder, tail)
            for file, inside in ((os.path.join(package, "__init__.py"), [package]), (package + ".py", None)):
                if file not in self.planned:
                    if os.path.isfile(file):
                        return None
                    continue
                data = self.planned[file]
                if data is None:
                    gone = True
                    continue
                loader = PlannedLoader(fullname, file, data)
                return importlib.util.spec_from_file_location(
                    fullname, file, loader=loader, submodule_search_locations=inside
                )
        if gone:
            raise ModuleNotFoundError("No module named %r" % fullname, name=fullname)
        return None


class Listener(logging.Handler):
    """Hands every log record to a function: what a signal handler raises is only logged."""

    def __init__(self, told):
        super().__init__()
        self.told = told

    def emit(self, record):
        """Hand it on."""
        self.told(record)


class Look:
    """One look at the project; everything it sees goes into `seen`."""

    def __init__(self, request):
        self.request = request
        self.base = request["base"]
        self.places = [os.path.realpath(p) for p in [self.base, *request["paths"]]]
        self.phase_file = os.open(request["phase"], os.O_WRONLY | os.O_CREAT, 0o600)
        self.read_from_disk = set()
        self.seen = {
            "mode": request["mode"],
            "python_version": "%d.%d.%d" % sys.version_info[:3],
            "failures": [],
            "tasks": [],
            "conf": {},
            "settings_values": {},
            "beat_schedule": [],
            "apps_active": [],
            "warnings": [],
            "versions": {},
        }

    def phase(self, name):
        """Leave word of what is going on, for a look that never ends."""
        self.now = name
        os.pwrite(self.phase_file, name.ljust(16).encode(), 0)

    def run(self):
        """Look as the request says; failures are noted, never raised."""
        started = time.monotonic()
        self.phase("settings")
        self._prepare()
        self.seen["django_importable"] = self._importable("django")
        self.seen["celery_importable"] = self._importable("celery")
        with self._noting():
            getattr(self, "_" + self.request["mode"])()
        self.seen["read_from_disk"] = sorted(self.read_from_disk)
        self.seen["versions"] = versions()
        self.seen["seconds"] = time.monotonic() - started
        return self.seen

    def _prepare(self):
        environment = os.environ
        beating = [n for n in environment if n.startswith("CELERY_") or n in ENVIRONMENT]
        self.seen["environment"] = sorted(beating)
        for name in [*beating, "DJANGO_SETTINGS_MODULE", "DJANGO_CONFIGURATION"]:
            environment.pop(name, None)
        environment.update(self.request["environment"])
        environment["CELERY_SKIP_CHECKS"] = "1"
        os.chdir(self.base)
        sys.path[:0] = [self.base, *self.request["paths"]]
        sys.argv = ["celery" if self.request["mode"] == "worker" else "manage.py"]
        planned = {
            path: None if data is None else base64.b64decode(data)
            for path, data in self.request["overlay"].items()
        }
        if planned:
            sys.meta_path.insert(0, PlannedFinder(planned))
            names = {os.path.basename(path) for path in planned}
            sys.addaudithook(lambda event, args: self._audit(event, args, planned, names))
            for path, data in planned.items():
                text = (data or b"").decode("utf-8", "replace")
                linecache.cache[path] = (len(text), None, text.splitlines(True), path)
        warnings.simplefilter("always")
        warnings.showwarning = self._warned
        logging.getLogger("celery.utils.dispatch.signal").addHandler(Listener(self._logged))

    def _audit(self, event, args, planned, names):
        if event == "open" and isinstance(args[0], str) and os.path.basename(args[0]) in names:
            path = os.path.realpath(args[0])
            if path in planned:
                self.read_from_disk.add(path)

    def _warned(self, message, category, filename, lineno, file=None, line=None):
        if category.__name__ in ("DuplicateTaskNameWarning", "FixupWarning"):
            self.seen["warnings"].append(
                {"type": category.__name__, "message": str(message), "file": filename, "line": lineno}
            )

    def _logged(self, record):
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            before, self.now = self.now, "signal"
            self._note(error)
            self.now = before

    @contextlib.contextmanager
    def _noting(self, phase=None):
        """Note whatever is raised inside, SystemExit and KeyboardInterrupt of the project included."""
        if phase:
            self.phase(phase)
        try:
            yield
        except BaseException as error:
            self._note(error)

    def _note(self, error):
        failure = described(error, self.now, self.places)
        # the same error comes back at each further step that needs what is broken
        key = ("type", "message", "where")
        for known in self.seen["failures"]:
            if all(failure[k] == known[k] for k in key):
                if known["phase"] == "signal":
                    # it was logged on its way up, not swallowed
                    known["phase"] = failure["phase"]
                return
        self.seen["failures"].append(failure)

    def _importable(self, name):
        try:
            return importlib.util.find_spec(name) is not None
        except (ImportError, ValueError):
            return False

    def _web(self):
        """As manage.py and WSGI do: the settings module is in the environment, Django is set up."""
        self._django()
        if not self.seen["celery_importable"]:
            return
        self.phase("app")
        from celery import _state

        app = _state.get_current_app()
        self.seen["current_app_main"] = app.main
        self.phase("tasks")
        with self._noting():
            app.loader.import_default_modules()
        self._registry(app)

    def _worker(self):
        """As `celery worker` does: nothing is in the environment, the app is found by its -A spec."""
        spec = self.request["app_spec"]
        if spec is None or not self.seen["celery_importable"]:
            self._django()
            return
        self.phase("app")
        from celery.app.utils import find_app

        app = find_app(spec)
        self._app(app)
        self.phase("tasks")
        try:
            app.loader.import_default_modules()
        except BaseException as error:
            self._note(error)
            from django.apps import apps

            if not apps.ready:
                # whatever follows would only fail for the same reason
                return
            self._every_tasks_module(apps)
        with self._noting("finalize"):
            app.finalize()
        self._registry(app)
        with self._noting("settings"):
            self._settings(app)
        with self._noting("broker"):
            connection = app.connection_for_write()
            self.seen["broker_transport"] = (
                connection.transport_cls
                if isinstance(connection.transport_cls, str)
                else connection.transport_cls.__name__
            )
            connection.transport
        with self._noting("backend"):
            self.seen["backend"] = self._backend(app)

    def _django(self):
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", self.request["settings"])
        if not self.seen["django_importable"]:
            return
        if self.request["configuration"]:
            os.environ.setdefault("DJANGO_CONFIGURATION", self.request["configuration"])
            import configurations

            configurations.setup()
        from django.conf import settings

        settings.DEBUG
        self.phase("setup")
        import django

        django.setup()
        self._values()

    def _values(self):
        from django.apps import apps
        from django.conf import settings

        for name in self.request["settings_names"]:
            if hasattr(settings, name):
                self.seen["settings_values"][name] = plain(getattr(settings, name))
        self.seen["settings_module"] = getattr(settings, "SETTINGS_MODULE", None)
        self.seen["time_zone"] = settings.TIME_ZONE
        self.seen["installed_apps"] = [config.name for config in apps.get_app_configs()]

    def _every_tasks_module(self, apps):
        """Import each app's tasks on its own, so that all that is broken is seen, not the first alone."""
        for config in apps.get_app_configs():
            name = config.name + ".tasks"
            with self._noting():
                if importlib.util.find_spec(name) is not None:
                    importlib.import_module(name)

    def _app(self, app):
        from celery import _state

        found = None
        for name, module in sorted(sys.modules.items()):
            for variable, value in (
                sorted(vars(module).items()) if module is not None and self._of_project(module) else ()
            ):
                # the module that builds the app, before those that import it
                if value is app and (
                    found is None or (variable in ("app", "celery") and name.count(".") > found[0].count("."))
                ):
                    found = (name, variable)
        self.seen["app"] = {
            "main": app.main,
            "module": found[0] if found else None,
            "variable": found[1] if found else None,
            "class": type(app).__name__,
            "namespace": getattr(app, "namespace", None),
            "config_source": plain(getattr(app, "_config_source", None)),
        }
        self.seen["apps_active"] = [a.main for a in _state._get_active_apps()]

    def _of_project(self, module):
        file = getattr(module, "__file__", None) or ""
        return in_project(file, self.places)

    def _settings(self, app):
        from celery import _state

        self._values()
        conf = app.conf
        for name in self.request["settings_names"]:
            key = name.partition("_")[2].lower() if name.startswith("CELERY_") else name.lower()
            self.seen["conf"][key] = plain(conf.get(key))
        self.seen["timezone"] = str(app.timezone)
        self.seen["scheduler"] = plain(conf.beat_scheduler)
        self.seen["apps_active"] = [a.main for a in _state._get_active_apps()]
        for name, entry in (conf.beat_schedule or {}).items():
            known = entry if isinstance(entry, dict) else {}
            self.seen["beat_schedule"].append(
                {
                    "name": str(name),
                    "task": plain(known.get("task")),
                    "schedule": repr(known.get("schedule")),
                    "args": plain(known.get("args", ())),
                    "kwargs": plain(known.get("kwargs", {})),
                    "options": plain(known.get("options", {})),
                }
            )

    def _backend(self, app):
        """The class of the result backend; one that would write a file or connect is only imported."""
        from celery.app import backends

        url = app.conf.result_backend
        if not url:
            return "disabled"
        found, _ = backends.by_url(url, app.loader)
        if not str(url).startswith(("file:", "db+", "django-")):
            app.backend
        return found.__name__

    def _registry(self, app):
        for name, task in sorted(app.tasks.items()):
            if not name.startswith("celery."):
                with self._noting():
                    self.seen["tasks"].append(self._task(app, name, task))

    def _task(self, app, name, task):
        import inspect

        function = inspect.unwrap(getattr(task, "_decorated_fun", None) or task.run)
        function = getattr(function, "__func__", function)
        code = getattr(function, "__code__", None)
        try:
            signature = str(inspect.signature(task.run))
        except (TypeError, ValueError):
            signature = "(...)"
        queue = None
        try:
            queue = app.amqp.router.route({}, name, task_type=task).get("queue")
            queue = getattr(queue, "name", queue)
        except Exception:
            queue = None
        return {
            "name": name,
            "module": type(task).__module__,
            "file": code.co_filename if code else None,
            "line": code.co_firstlineno if code else None,
            "signature": signature,
            "options": {
                k: plain(v)
                for k, v in vars(type(task)).items()
                if not k.startswith("_") and k not in ("run", "name", "app") and not callable(v)
            },
            "app_main": task.app.main,
            "bound_to_ours": task.app is app,
            "queue": queue,
        }


def described(error, phase, places):
    """An exception as JSON: what, where in the project, and the last frames that lie in the project."""
    frames = []
    for frame in traceback.extract_tb(error.__traceback__):
        if in_project(frame.filename, places):
            frames.append((frame.filename, frame.lineno, frame.name, frame.line or ""))
    where = [frames[-1][0], frames[-1][1]] if frames else None
    message = str(error)
    if isinstance(error, SyntaxError) and error.filename:
        where = [error.filename, error.lineno]
        message = error.msg
    if isinstance(error, SystemExit):
        message = "the project called exit(%s)" % ("" if error.code is None else repr(error.code))
    return {
        "type": type(error).__name__,
        "message": message.strip().split("\n\n")[0][:1000],
        "phase": phase,
        "where": where,
        "frames": ["%s:%s in %s: %s" % frame for frame in frames[-FRAMES:]],
    }


def in_project(file, places):
    """Whether a file is the project's own code, not an installed package nor `<frozen os>`."""
    if file.startswith("<"):
        return False
    path = os.path.realpath(file)
    if "site-packages" in path or "dist-packages" in path:
        return False
    return any(path.startswith(place + os.sep) for place in places)


def plain(value):
    """A value as JSON, or its repr."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, str):
        return str(value)
    return getattr(value, "__name__", None) or repr(value)


def versions():
    """The versions of what matters, of what is imported or can be."""
    found = {}
    for name in (
        "celery",
        "django",
        "kombu",
        "redis",
        "billiard",
        "django_celery_beat",
        "django_celery_results",
        "redbeat",
    ):
        module = sys.modules.get(name)
        version = getattr(module, "__version__", None)
        if version is None and module is not None:
            version = getattr(module, "VERSION", None)
        if isinstance(version, (list, tuple)):
            version = ".".join(str(part) for part in version[:3])
        if version is not None:
            found[name] = str(version)
    return found


def preload(places):
    """Import the libraries that every look needs, unless the project hides one of them."""
    for place in places:
        for name in SHADOWS:
            if os.path.exists(os.path.join(place, name)) or os.path.exists(os.path.join(place, name + ".py")):
                return
    for name in LIBRARIES:
        try:
            importlib.import_module(name)
        except Exception:
            continue


def look(request):
    """Carry out one look in this process and leave without the project's atexit handlers and threads."""
    output = os.open(request["output"], os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(output, 1)
    os.dup2(output, 2)
    faulthandler.enable(output)
    if hasattr(signal, "SIGUSR1"):
        faulthandler.register(signal.SIGUSR1, file=open(request["stacks"], "w"), all_threads=True)
    seen = Look(request).run()
    temporary = request["answer"] + ".part"
    with open(temporary, "w", encoding="utf-8") as stream:
        json.dump(seen, stream)
    os.replace(temporary, request["answer"])
    os._exit(0)


def start(request):
    """A process of its own, in a group of its own, for one look; its pid."""
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setpgid(0, 0)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        look(request)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(70)


def wait(pids, timeout, parent):
    """The exit statuses of the looks, -1 for one that was ended after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    statuses = {}  # type: dict[int, int]
    while len(statuses) < len(pids):
        for pid in pids:
            if pid not in statuses:
                done, status = os.waitpid(pid, os.WNOHANG)
                if done:
                    statuses[pid] = status
        late = time.monotonic() > deadline
        if late or os.getppid() != parent:
            for pid in pids:
                if pid not in statuses:
                    stop(pid, with_stacks=late)
                    os.waitpid(pid, 0)
                    statuses[pid] = -1
        time.sleep(TICK)
    for pid in pids:
        # what the project itself has started
        with contextlib.suppress(OSError):
            os.killpg(pid, signal.SIGKILL)
    return [statuses[pid] for pid in pids]


def stop(pid, with_stacks):
    """End a look; let it write first where it hangs."""
    if with_stacks:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGUSR1)
        time.sleep(0.1)
    with contextlib.suppress(OSError):
        os.killpg(pid, signal.SIGKILL)


def main():
    """Serve requests until stdin closes: when the one who asks ends, so do we."""
    sys.dont_write_bytecode = True
    parent = os.getppid()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    requests = os.fdopen(os.dup(0), "r")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for line in requests:
        job = json.loads(line)
        if "preload" in job:
            preload(job["preload"])
            continue
        statuses = wait([start(request) for request in job["looks"]], job["timeout"], parent)
        answers.write(json.dumps(statuses) + "\n")
        answers.flush()


if __name__ == "__main__":
    # our own folder is no place to import from
    sys.path.pop(0)
    main()
