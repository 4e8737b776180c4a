"""Runs inside the project's interpreter: imports the project as a worker or a web process does.

Standard library only, Python 3.8 and later. `run.py` starts this file as a script and keeps it as
the parent of all imports: libraries are loaded once, then each import is a fork. Requests are JSON
lines on stdin; the answer is a JSON file, because the project may print what it likes.
"""

import base64
import contextlib
import faulthandler
import functools
import gc
import importlib
import importlib.machinery
import importlib.util
import json
import linecache
import logging
import os
import select
import shutil
import signal
import sys
import time
import traceback
import warnings


def load_sibling(name):
    """A module of our own folder by its path: what the project imports must not be found there."""
    path = os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(__file__))), name + ".py")
    spec = importlib.util.spec_from_file_location("celeryize_" + name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


orphans = load_sibling("orphans")

# Celery reads these itself, and they beat the settings (CELERY_FACTS 8).
ENVIRONMENT = ("BROKER_URL", "RESULT_BACKEND", "APP", "LOADER", "CONFIG_MODULE")
# These it reads while the app is built; the others may be what the project's settings read.
LOADING = ("CELERY_LOADER", "CELERY_CONFIG_MODULE")
LIBRARIES = (
    "celery",
    "celery.app.amqp",
    "celery.app.base",
    "celery.app.builtins",
    "celery.app.task",
    "celery.app.utils",
    "celery.backends.base",
    "celery.backends.redis",
    "celery.fixups.django",
    "celery.loaders.app",
    "celery.schedules",
    "django.apps",
    "django.conf",
    "django.contrib.auth.hashers",
    "django.core.checks",
    "django.core.mail",
    "django.core.management.base",
    "django.db.backends.sqlite3.base",
    "django.db.migrations",
    "django.db.models",
    "django.forms",
    "django.http",
    "django.template",
    "django.template.defaultfilters",
    "django.template.defaulttags",
    "django.template.response",
    "django.urls",
    "django.views.debug",
    "django.views.generic",
    "kombu.transport.memory",
    "kombu.transport.redis",
    "kombu.transport.virtual",
)
# Seconds between two checks whether an import has ended.
TICK = 0.002
# Seconds that an import that hangs gets to write down where.
STACKS_TIME = 0.1
# The last lines of the project that led to an exception; more does not help.
FRAMES = 5
OUTPUT = 4096
# A project that prints in a loop must not fill the disk.
OUTPUT_LIMIT = 1 << 20
# See prctl(2).
PR_SET_PDEATHSIG = 1
# What Celery takes from a task's class, from its options or from the settings: see
# celery.app.task.Task.
ATTRIBUTES = (
    "acks_late",
    "acks_on_failure_or_timeout",
    "autoretry_for",
    "default_retry_delay",
    "expires",
    "ignore_result",
    "max_retries",
    "priority",
    "queue",
    "rate_limit",
    "reject_on_worker_lost",
    "retry_backoff",
    "retry_backoff_max",
    "serializer",
    "soft_time_limit",
    "store_errors_even_if_ignored",
    "throws",
    "time_limit",
    "track_started",
    "typing",
)
# Settings of Celery's that are reported elsewhere.
NOT_IN_CONF = ("beat_schedule",)


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


class PlannedFinder:
    """Finds modules as if the planned files were on the disk, and the planned deletions were
    not."""

    def __init__(self, planned, disk):
        self.planned = {path: data for path, data in planned.items() if path.endswith(".py")}
        self.disk = disk
        self.names = {part for path in self.planned for part in path[: -len(".py")].split(os.sep)}

    def find_spec(self, fullname, path=None, target=None):
        """The spec of a module; what no planned file can be is left to the disk at once."""
        tail = fullname.rpartition(".")[2]
        if tail not in self.names:
            return self.disk(fullname, path, target)
        # several folders without __init__.py may form one namespace package
        portions = []
        for entry in sys.path if path is None else path:
            spec = None
            if isinstance(entry, str):
                spec = self._in_entry(fullname, tail, entry, target)
            if spec is not None and spec.loader is not None:
                return spec
            if spec is not None:
                portions += [p for p in spec.submodule_search_locations if p not in portions]
        if not portions:
            return None
        namespace = importlib.machinery.ModuleSpec(fullname, None, is_package=True)
        namespace.submodule_search_locations = portions
        return namespace

    def _in_entry(self, fullname, tail, entry, target):
        """What one entry of the path holds: a package before a module before a namespace
        package."""
        package = os.path.join(os.path.realpath(entry or os.getcwd()), tail)
        init, module = os.path.join(package, "__init__.py"), package + ".py"
        for file, inside in ((init, [package]), (module, None)):
            data = self.planned.get(file)
            if data is not None:
                loader = PlannedLoader(fullname, file, data)
                return importlib.util.spec_from_file_location(
                    fullname, file, loader=loader, submodule_search_locations=inside
                )
            if file in self.planned or not os.path.isfile(file):
                continue
            if inside is None and init in self.planned:
                # on the disk the package, which goes away, still hides this module
                return importlib.util.spec_from_file_location(fullname, file)
            return self.disk(fullname, [entry], target)
        if init not in self.planned and module not in self.planned:
            spec = self.disk(fullname, [entry], target)
            if spec is not None:
                return spec
        if os.path.isdir(package) or self._holds(package + os.sep):
            namespace = importlib.machinery.ModuleSpec(fullname, None, is_package=True)
            namespace.submodule_search_locations = [package]
            return namespace
        return None

    def _holds(self, folder):
        return any(
            data is not None and path.startswith(folder) for path, data in self.planned.items()
        )


def lay_over(planned):
    """Have the path finder search the planned files first.

    Not one more entry of sys.meta_path: django-configurations asks the path finder itself.
    """
    finder = importlib.machinery.PathFinder
    overlaid = PlannedFinder(planned, finder.find_spec)

    def find_spec(cls, fullname, path=None, target=None):  # noqa: ARG001
        return overlaid.find_spec(fullname, path, target)

    finder.find_spec = classmethod(find_spec)  # type: ignore[assignment, method-assign]


class Listener(logging.Handler):
    """Hands every log record to a function: what a signal handler raises is only logged."""

    def __init__(self, handle):
        super().__init__()
        self.receive = handle

    def emit(self, record):
        """Hand it on."""
        self.receive(record)


class Offline:
    """Keeps an import away from brokers and result backends: it must not send anything.

    A project may call `.delay()` while it is imported. It then talks to a broker in this process's
    memory, and `note` hears of each attempt. Results come from nowhere: waiting for one fails at
    once instead of for ever.
    """

    def __init__(self, note):
        from celery.app.base import Celery
        from kombu.connection import Connection

        self.create_transport = Connection.create_transport
        self.get_backend = Celery._get_backend
        establish = Connection._establish_connection

        def create_transport(connection):
            from kombu.transport.memory import Transport

            return Transport(client=connection)

        def establish_connection(connection):
            note("broker")
            return establish(connection)

        backend = unreachable_backend(note)
        setattr(Connection, "create_transport", create_transport)
        setattr(Connection, "_establish_connection", establish_connection)
        setattr(Celery, "_get_backend", lambda app: backend(app=app))


def unreachable_backend(note):
    """The class of a result backend that has nothing, and calls `note` when it is asked."""
    from celery.backends.base import DisabledBackend
    from celery.exceptions import TimeoutError as CeleryTimeout

    class Unreachable(DisabledBackend):
        def _ask(self, *args, **kwargs):
            note("result backend")
            raise CeleryTimeout("celeryize imports a project without its result backend")

        get_state = get_status = get_result = get_traceback = _ask
        get_task_meta_for = wait_for = get_many = wait_for_pending = iter_native = _ask

    return Unreachable


class ProjectImport:
    """One import of the project; everything it finds is in `seen`."""

    def __init__(self, request):
        self.request = request
        self.base = request["base"]
        # co_filename and __file__ may go through a symlink: both sides are resolved
        self.places = [os.path.realpath(p) for p in [self.base, *request["paths"]]]
        self.phase_file = os.open(request["phase"], os.O_WRONLY | os.O_CREAT, 0o600)
        self.read_from_disk = set()
        self.seen = {
            "mode": request["mode"],
            "python_version": "%d.%d.%d" % sys.version_info[:3],
            "failures": [],
            "tasks": [],
            "django_tasks": [],
            "conf": {},
            "settings_values": {},
            "beat_schedule": [],
            "apps_active": [],
            "warnings": [],
            "versions": {},
            "attempts": [],
            "entry_points": [],
            "receivers": [],
            "configuration": {},
            "queues": [],
        }
        self.offline = None
        # the tasks of django.tasks by the names that Celery has for them
        self.django = {}

    def phase(self, name):
        """Record what is going on, for an import that never ends."""
        self.now = name
        # one write at the start of the file: the reader may come at any moment
        os.pwrite(self.phase_file, name.ljust(16).encode(), 0)

    def run(self):
        """Import as the request says; failures are noted, never raised."""
        started = time.monotonic()
        self.phase("settings")
        self._prepare()
        self.seen["django_importable"] = self._importable("django")
        self.seen["celery_importable"] = self._importable("celery")
        if self.seen["celery_importable"]:
            # one that cannot be imported is a failure of the project, and noted when it imports it
            with contextlib.suppress(Exception):
                self.offline = Offline(self._attempted)
        with self._noting():
            getattr(self, "_" + self.request["mode"])()
        self.seen["read_from_disk"] = sorted(self.read_from_disk)
        self.seen["versions"] = versions()
        self.seen["seconds"] = time.monotonic() - started
        return self.seen

    def _prepare(self):
        environment = os.environ
        self.seen["environment"] = sorted(
            n for n in environment if n.startswith("CELERY_") or n in ENVIRONMENT
        )
        # the shell of the user must not decide: the worker of production has another one
        for name in (*LOADING, "DJANGO_SETTINGS_MODULE", "DJANGO_CONFIGURATION"):
            environment.pop(name, None)
        environment.update(self.request["environment"])
        # Django's system checks are slow, and `manage.py check` reports them
        environment["CELERY_SKIP_CHECKS"] = "1"
        os.chdir(self.base)
        sys.path[:0] = [self.base, *self.request["paths"]]
        # some projects look at the command that is run
        sys.argv = ["celery" if self.request["mode"] == "worker" else "manage.py"]
        planned = {
            path: None if data is None else base64.b64decode(data)
            for path, data in self.request["overlay"].items()
        }
        if planned:
            lay_over(planned)
            names = {os.path.basename(path) for path in planned}
            # a planned file that is read, not imported, shows its old bytes: that is reported
            sys.addaudithook(lambda event, args: self._audit(event, args, planned, names))
            for path, data in planned.items():
                # tracebacks show the planned lines
                text = (data or b"").decode("utf-8", "replace")
                linecache.cache[path] = (len(text), None, text.splitlines(True), path)
        # by default a warning is shown once per place, and not at all in libraries
        warnings.simplefilter("always")
        warnings.showwarning = self._warned
        logging.getLogger("celery.utils.dispatch.signal").addHandler(Listener(self._logged))

    def _let_settings_speak(self):
        """Remove what overrides the settings, once they are loaded: they may read it."""
        for name in self.seen["environment"]:
            if name not in self.request["environment"]:
                os.environ.pop(name, None)

    def _audit(self, event, args, planned, names):
        if event != "open" or not isinstance(args[0], (str, bytes)):
            return
        file = os.fsdecode(args[0])
        if os.path.basename(file) in names:
            path = os.path.realpath(file)
            if path in planned:
                self.read_from_disk.add(path)

    def _attempted(self, what):
        """Note what the project tried to reach, at the deepest line of its own code."""
        for frame in reversed(traceback.extract_stack()):
            if frame.filename != __file__ and in_project(frame.filename, self.places):
                where = [frame.filename, frame.lineno]
                break
        else:
            return
        attempt = {"what": what, "phase": self.now, "where": where}
        if attempt not in self.seen["attempts"]:
            self.seen["attempts"].append(attempt)

    def _warned(self, message, category, filename, lineno, file=None, line=None):
        if category.__name__ in ("DuplicateTaskNameWarning", "FixupWarning"):
            self.seen["warnings"].append(
                {
                    "type": category.__name__,
                    "message": str(message),
                    "file": filename,
                    "line": lineno,
                }
            )

    def _logged(self, record):
        error = None
        if record.exc_info:
            error = record.exc_info[1]
        if error is None:
            return
        from celery.signals import import_modules

        sender = None
        if error.__traceback__:
            sender = error.__traceback__.tb_frame.f_locals.get("self")
        if sender is import_modules:
            # not swallowed: the loader raises it again
            return
        before, self.now = self.now, "signal"
        self._note(error)
        self.now = before

    @contextlib.contextmanager
    def _noting(self, phase=None):
        """Note whatever is raised inside, SystemExit and KeyboardInterrupt of the project
        included."""
        if phase:
            self.phase(phase)
        try:
            yield
        except BaseException as error:
            self._note(error)

    def _note(self, error):
        failure = described(error, self.now, self.places)
        # the same error comes back at each further step that needs what is broken; one that a
        # signal handler only logged may be raised after it
        key = ("type", "message", "where")
        for known in self.seen["failures"]:
            if all(failure[k] == known[k] for k in key):
                if known["phase"] == "signal":
                    known.update(failure)
                return
        self.seen["failures"].append(failure)

    def _importable(self, name):
        # the module of Celery 5.2 puts another, without a spec, in its own place
        if name in sys.modules:
            return True
        try:
            return importlib.util.find_spec(name) is not None
        except (ImportError, ValueError):
            return False

    def _web(self):
        """As manage.py does: the settings module is in the environment, Django is set up.

        The entry points of web servers are imported beside it, each in a process of its own.
        """
        names = self.request["entry_points"]
        entry_points = [EntryPoint(self, number, name) for number, name in enumerate(names)]
        try:
            self._django()
        finally:
            self.seen["entry_points"] = [one.found() for one in entry_points]
        if not self.seen["celery_importable"]:
            return
        self.phase("app")
        from celery import _state

        app = _state.get_current_app()
        self.seen["current_app_main"] = app.main
        self.phase("tasks")
        self._each_on_its_own(app.loader)
        with self._noting():
            app.loader.import_default_modules()
        self._registry(app)
        self._urls()

    def _urls(self):
        """The URLs, as the first request of a web process does, and the system checks of a worker.

        Last, so that what was found before is what a process without them has. Of what is raised,
        only what the code itself is to blame for: a database may be missing here.
        """
        from django.conf import settings

        name = getattr(settings, "ROOT_URLCONF", None)
        if not name:
            return
        self.phase("urls")
        try:
            importlib.import_module(name)
        except (AttributeError, ImportError, NameError, SyntaxError, TypeError) as error:
            self._note(error)
        except BaseException:
            pass

    def _worker(self):
        """As `celery worker` does: nothing is in the environment, the app is found by its -A
        spec."""
        spec = self.request["app_spec"]
        if spec is None or not self.seen["celery_importable"]:
            self._django()
            return
        self.phase("app")
        from celery.app.utils import find_app

        # Celery's own search, so that `-A` means here what it means there
        app = find_app(spec)
        self._app(app)
        self.phase("tasks")
        self._each_on_its_own(app.loader)
        with self._noting():
            app.loader.import_default_modules()
        from django.apps import apps

        if self.seen["failures"] and not apps.ready:
            # whatever follows would only fail for the same reason
            return
        with self._noting("finalize"):
            app.finalize()
        self._registry(app)
        self._let_settings_speak()
        with self._noting("settings"):
            self._settings(app)
        with self._noting("broker"):
            connection = app.connection_for_write()
            self.seen["broker_transport"] = (
                connection.transport_cls
                if isinstance(connection.transport_cls, str)
                else connection.transport_cls.__name__
            )
            if self.offline:
                self.offline.create_transport(connection)
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
        self.seen["installed_apps"] = [config.name for config in apps.get_app_configs()]

    def _each_on_its_own(self, loader):
        """Have a module that cannot be imported hide no other: Celery would stop at the first."""
        from celery.loaders import base

        def noting(load):
            def loaded(*args, **kwargs):
                with self._noting():
                    return load(*args, **kwargs)

            return loaded

        base.find_related_module = noting(base.find_related_module)
        loader.import_task_module = noting(loader.import_task_module)

    def _app(self, app):
        from celery import _state

        holders = [
            # the module that builds the app, before the packages that import it
            (hasattr(module, "__path__"), -name.count("."), name, variable)
            for name, module in list(sys.modules.items())
            if module is not None and self._of_project(module)
            for variable, value in list(vars(module).items())
            if value is app
        ]
        found = None
        if holders:
            found = min(holders)[2:]
        self.seen["app"] = {
            "main": app.main,
            "module": found[0] if found else None,
            "variable": found[1] if found else None,
            "namespace": getattr(app, "namespace", None),
            "config_source": plain(getattr(app, "_config_source", None)),
        }
        self.seen["apps_active"] = [a.main for a in _state._get_active_apps()]

    def _of_project(self, module):
        file = getattr(module, "__file__", None) or ""
        return in_project(file, self.places)

    def _settings(self, app):
        from celery import _state
        from django.conf import settings

        # an app without Django's fixup leaves the settings alone
        if settings.configured:
            self._values()
        conf = app.conf
        for name in self.request["settings_names"]:
            key = name.partition("_")[2].lower() if name.startswith("CELERY_") else name.lower()
            self.seen["conf"][key] = plain(conf.get(key))
        self._configuration(conf)
        self._receivers()
        with contextlib.suppress(Exception):
            self.seen["queues"] = sorted(str(name) for name in app.amqp.queues)
        self.seen["timezone"] = str(app.timezone)
        self.seen["scheduler"] = plain(conf.beat_scheduler)
        self.seen["apps_active"] = [a.main for a in _state._get_active_apps()]
        for name, entry in (conf.beat_schedule or {}).items():
            self.seen["beat_schedule"].append(
                self._entry(app, str(name), entry if isinstance(entry, dict) else {})
            )

    def _configuration(self, conf):
        """All that differs from Celery's defaults, and where it comes from: a setting, or code."""
        from celery.app.defaults import DEFAULTS
        from django.conf import settings

        prefix = str(getattr(conf, "prefix", None) or "")
        for key in conf.without_defaults():
            name = key[len(prefix) :] if key.startswith(prefix) else key
            name = name.lower()
            # Celery's own only: the rest of the settings, secrets among them, is nobody's business
            if name not in DEFAULTS or name in NOT_IN_CONF:
                continue
            with contextlib.suppress(Exception):
                self.seen["configuration"][name] = {
                    "value": plain(conf.get(name, conf.get(key))),
                    "source": self._source_of(conf, settings, name, prefix),
                }

    def _source_of(self, conf, settings, name, prefix):
        """What a value of the configuration was read from."""
        if name in conf.changes:
            return "app"
        for setting in (prefix + name.upper(), name.upper()):
            if settings.configured and hasattr(settings, setting):
                return setting
        return "app"

    def _receivers(self):
        """The project's receivers of Celery's signals, and the arguments that each takes."""
        import inspect

        from celery import signals
        from celery.utils.dispatch.signal import Signal

        for name, value in sorted(vars(signals).items()):
            if not isinstance(value, Signal):
                continue
            for _, reference in value.receivers or ():
                receiver = reference() if type(reference).__name__ in WEAK else reference
                code = getattr(inspect.unwrap(receiver), "__code__", None) if receiver else None
                if code is None or not in_project(code.co_filename, self.places):
                    continue
                self.seen["receivers"].append(
                    {
                        "signal": name,
                        "name": receiver.__name__,
                        "file": code.co_filename,
                        "line": code.co_firstlineno,
                        "parameters": parameters(receiver),
                        "sent": sorted(value.providing_args or ()),
                    }
                )

    def _entry(self, app, name, entry):
        """An entry of the Beat schedule, what is wrong with it, and, if asked for, when it runs."""
        preview = self.request["preview"]
        found = {
            "name": name,
            "task": plain(entry.get("task")),
            "schedule": shown(entry.get("schedule")),
            "args": plain(entry.get("args", ())),
            "kwargs": plain(entry.get("kwargs", {})),
            "options": plain(entry.get("options", {})),
            "registered": entry.get("task") in app.tasks,
            "queue": self._queue_of(app, entry),
            "problem": None,
            "runs": [],
            "per_day": None,
            "changes": [],
        }
        try:
            from celery.beat import ScheduleEntry

            schedule = ScheduleEntry(**dict(entry, name=name, app=app)).schedule
            if preview and (preview["name"] in (None, name)):
                found["runs"], found["per_day"], found["changes"] = previewed(
                    schedule, app, preview
                )
            self._accepts(app, entry)
        except Exception as error:
            found["problem"] = "%s: %s" % (type(error).__name__, error)
        return found

    def _queue_of(self, app, entry):
        """The queue that an entry is sent to; None where that cannot be determined."""
        try:
            task = app.tasks.get(entry.get("task"))
            options = dict(
                getattr(task, "_get_exec_options", dict)(), **(entry.get("options") or {})
            )
            return routed(app, options, entry.get("task"), task)
        except Exception:
            return None

    def _accepts(self, app, entry):
        """Raise what sending the entry would raise: arguments that do not fit, or that the
        serializer refuses."""
        from kombu.serialization import dumps

        args, kwargs = entry.get("args") or (), entry.get("kwargs") or {}
        task = app.tasks.get(entry.get("task"))
        if task is not None and getattr(task, "typing", True):
            task.__header__(*args, **kwargs)
        dumps((args, kwargs), serializer=app.conf.task_serializer)

    def _backend(self, app):
        """The class of the result backend; one that would write a file or connect is only
        imported."""
        from celery.app import backends

        url = app.conf.result_backend
        if not url:
            return "disabled"
        found, _ = backends.by_url(url, app.loader)
        if self.offline and not str(url).startswith(("file:", "db+", "django-")):
            self.offline.get_backend(app)
        return found.__name__

    def _registry(self, app):
        with self._noting():
            self._django_tasks(app)
        self._task_backends()
        for name, task in sorted(app.tasks.items()):
            if not name.startswith("celery."):
                with self._noting():
                    self.seen["tasks"].append(self._task(app, name, task))

    def _task_backends(self):
        """Load each backend that TASKS names, as `manage.py check` does, whether a task has it or
        not."""
        wanted = "TASKS" in self.request["settings_names"]
        with contextlib.suppress(Exception):
            # before Django 6.0 it is a setting of another library
            has_tasks = importlib.util.find_spec("django.tasks") is not None
            settings = importlib.import_module("django.conf").settings
            wanted = wanted or (has_tasks and settings.is_overridden("TASKS"))
        if not wanted:
            return
        before = self.now
        with self._noting("TASKS backends"):
            tasks = importlib.import_module("django.tasks")
            list(tasks.task_backends.all())
        self.phase(before)

    def _django_tasks(self, app):
        """The tasks of django.tasks, or of its backport, and under which name `app` has each."""
        # as long as nothing has imported one of them, there is no such task
        homes = [sys.modules.get(name) for name in ("django.tasks.base", "django_tasks.base")]
        kinds = tuple(vars(home)["Task"] for home in homes if home and "Task" in vars(home))
        if not kinds:
            return
        # by its own type: isinstance() asks a lazy object, and that evaluates it
        found = {
            value.module_path: value
            for module in list(sys.modules.values())
            for value in list(getattr(module, "__dict__", {}).values())
            if issubclass(type(value), kinds)
        }
        for path, task in sorted(found.items()):
            backend = type(task.get_backend())
            # django-tasks-fennel puts a word before the name
            names = [name for name in (path, "django_tasks:" + path) if name in app.tasks]
            code = task.func.__code__
            if names:
                self.django[names[0]] = task
            self.seen["django_tasks"].append(
                {
                    "name": path,
                    "file": code.co_filename,
                    "line": code.co_firstlineno,
                    "queue": task.queue_name,
                    "alias": task.backend,
                    "backend": "%s.%s" % (backend.__module__, backend.__qualname__),
                    "registered": names[0] if names else None,
                }
            )

    def _task(self, app, name, task):
        import inspect

        # what is registered for a task of Django is a function of the library around it
        own = self.django.get(name)
        run = own.func if own else task.run
        # decorators of the project wrap the function: its own file and line are wanted
        function = inspect.unwrap(run if own else getattr(task, "_decorated_fun", None) or run)
        function = getattr(function, "__func__", function)
        code = getattr(function, "__code__", None)
        try:
            signature = str(inspect.signature(run))
        except (TypeError, ValueError):
            signature = "(...)"
        queue = None
        problem = None
        try:
            queue = routed(app, task._get_exec_options(), name, task)
            # each of the two libraries names the queue when it sends, the first but for "default"
            if own and (own.queue_name != "default" or name.startswith("django_tasks:")):
                queue = own.queue_name
        except Exception as error:
            problem = "%s: %s" % (type(error).__name__, shown(error, str))
        return {
            "name": name,
            "module": type(task).__module__,
            "file": code.co_filename if code else None,
            "line": code.co_firstlineno if code else None,
            "signature": signature,
            "parameters": parameters(run),
            # of the class: autoretry_for puts a function of its own on the task
            "bound": not isinstance(inspect.getattr_static(type(task), "run", None), staticmethod),
            "class_based": not hasattr(task, "_decorated_fun")
            and type(task).__dict__.get("run") is None,
            "attributes": {
                key: plain(getattr(task, key)) for key in ATTRIBUTES if hasattr(task, key)
            },
            "options": {
                k: plain(v)
                for k, v in vars(type(task)).items()
                if not k.startswith("_") and k not in ("run", "name", "app") and not callable(v)
            },
            "app_main": task.app.main,
            "bound_to_ours": task.app is app,
            "queue": queue,
            "route_problem": problem,
            "hidden_by": hidden_by(function),
        }


def hidden_by(function):
    """The type of what has the name of a task in its module; None if that is the task itself.

    A decorator above the task's own leaves a plain function there, which has no `delay`.
    """
    module = sys.modules.get(getattr(function, "__module__", None) or "")
    if "." in getattr(function, "__qualname__", "."):
        return None
    found = vars(module).get(function.__name__) if module else None
    # a shared task is a proxy, which may raise when it is asked; a plain function never does
    if type(found) is not type(hidden_by) or found is function or "delay" in vars(found):
        return None
    # another function of that name, written below, is not what a decorator has made of the task
    if getattr(found, "__wrapped__", None) is None:
        return None
    return type(found).__name__


# The kinds of references that a signal keeps of its receivers.
WEAK = ("weakref", "ReferenceType", "WeakMethod", "BoundMethodWeakref")


class EntryPoint:
    """wsgi.py or asgi.py, imported as a web server does, by a process of its own.

    Importing `package.wsgi` runs `package/__init__.py` first, and with it the Celery app: what that
    sets in the environment comes before wsgi.py's own default. So nothing is set here before it.
    """

    def __init__(self, project_import, number, name):
        self.name = name
        # a file: a process that the project leaves behind would hold a pipe open
        self.answer = "%s.%d" % (project_import.request["answer"], number)
        ours = os.getpid()
        self.pid = os.fork()
        if self.pid:
            return
        try:
            end_with(ours)
            found = self._imported(project_import.places)
            with open(self.answer, "w", encoding="utf-8") as stream:
                json.dump(found, stream)
        finally:
            os._exit(0)

    def _imported(self, places):
        """The settings module that a web process has, and DEBUG; or what was raised."""
        found = {"module": self.name, "settings_module": None, "debug": None, "failure": None}
        # what the import of the project itself is given, a web server does not set
        for name in ("DJANGO_SETTINGS_MODULE", "DJANGO_CONFIGURATION"):
            os.environ.pop(name, None)
        try:
            importlib.import_module(self.name)
            from django.conf import settings

            found["settings_module"] = plain(getattr(settings, "SETTINGS_MODULE", None))
            found["debug"] = bool(settings.DEBUG)
        except BaseException as error:
            found["failure"] = described(error, "web", places)
        return found

    def found(self):
        """What that process found, once it has ended."""
        os.waitpid(self.pid, 0)
        try:
            with open(self.answer, encoding="utf-8") as stream:
                return json.load(stream)
        except (OSError, ValueError):
            return {"module": self.name, "settings_module": None, "debug": None, "failure": None}


def routed(app, options, name, task):
    """The name of the queue that Celery's router chooses."""
    queue = app.amqp.router.route(options, name, task_type=task).get("queue")
    return getattr(queue, "name", queue) or app.conf.task_default_queue


def parameters(function):
    """The parameters of a function: name, kind (as in inspect.Parameter), whether optional."""
    import inspect

    try:
        found = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    return [
        {"name": one.name, "kind": one.kind.name, "default": one.default is not one.empty}
        for one in found
    ]


def previewed(schedule, app, preview):
    """The next runs (ISO, in the app's zone), how many a day, and the runs around the next two
    clock changes."""
    from datetime import datetime, timedelta, timezone

    # Beat computes in the zone of the app, not in that of the machine
    zone = app.timezone
    now = datetime.fromisoformat(preview["now"]) if preview["now"] else datetime.now(timezone.utc)
    now = now.astimezone(zone)
    until = None
    if preview["hours"]:
        until = now + timedelta(hours=preview["hours"])
    found = list(runs(schedule, now, preview["count"], until))
    changes = []
    if preview["name"]:
        changes = clock_changes(zone, now)
    return (
        [run.isoformat() for run in found],
        per_day(schedule),
        [around(schedule, change) for change in changes],
    )


def runs(schedule, start, count, until=None):
    """The runs after `start`, by Celery's own `remaining_estimate` with its clock set to each run
    in turn."""
    from datetime import timedelta, timezone

    last = start
    for _ in range(count):
        schedule.nowfun = lambda: last  # noqa: B023
        left = schedule.remaining_estimate(last)
        due = last.astimezone(timezone.utc) + left
        if due.microsecond and hasattr(schedule, "hour"):
            # the estimate is some microseconds short
            due = due.replace(microsecond=0) + timedelta(seconds=1)
        due = due.astimezone(start.tzinfo)
        if until is not None and due > until:
            return
        if due <= last:
            return
        yield due
        last = due


def per_day(schedule):
    """How many times it runs on a day on which it runs; None where that is not known."""
    if hasattr(schedule, "hour") and hasattr(schedule, "minute"):
        return len(schedule.hour) * len(schedule.minute)
    every = getattr(schedule, "run_every", None)
    if every:
        return round(86400 / every.total_seconds(), 2)
    return None


def clock_changes(zone, now):
    """The next two moments at which the zone's UTC offset changes, within 400 days; found by
    bisection."""
    from datetime import timedelta, timezone

    found = []
    moment = now.astimezone(timezone.utc)
    for _ in range(400):
        after = moment + timedelta(days=1)
        if moment.astimezone(zone).utcoffset() != after.astimezone(zone).utcoffset():
            low, high = moment, after
            while high - low > timedelta(minutes=1):
                middle = low + (high - low) / 2
                if middle.astimezone(zone).utcoffset() == low.astimezone(zone).utcoffset():
                    low = middle
                else:
                    high = middle
            found.append(high.astimezone(zone).replace(second=0, microsecond=0))
            if len(found) == 2:
                break
        moment = after
    return found


def around(schedule, change):
    """The runs from three hours before a clock change to three after it, and whether it affects
    them."""
    from datetime import timedelta

    span = timedelta(hours=3)
    found = list(runs(schedule, change - span, 50, change + span))
    before = change - timedelta(days=7)
    usual = [run.strftime("%H:%M") for run in runs(schedule, before - span, 50, before + span)]
    now = [run.strftime("%H:%M") for run in found]
    affected = hasattr(schedule, "hour") and len(schedule.hour) < 24 and now != usual
    return {
        "at": change.isoformat(),
        "runs": [run.isoformat() for run in found],
        "affected": affected,
    }


def described(error, phase, places):
    """An exception as JSON: what, where in the project, and the last frames that lie in the
    project."""
    frames = []
    for frame in traceback.extract_tb(error.__traceback__):
        if in_project(frame.filename, places):
            frames.append((frame.filename, frame.lineno, frame.name, frame.line or ""))
    where = None
    if frames:
        where = [frames[-1][0], frames[-1][1]]
    else:
        where = worked_on(error, places)
    message = shown(error, str)
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


def worked_on(error, places):
    """The function of the project that Celery was making a task of when it raised; None where it
    was about something else."""
    found = None
    for frame, _ in traceback.walk_tb(error.__traceback__):
        for name in ("fun", "run", "receiver"):
            code = getattr(frame.f_locals.get(name), "__code__", None)
            if code is not None and in_project(code.co_filename, places):
                found = [code.co_filename, code.co_firstlineno]
    return found


def in_project(file, places):
    """Whether a file is the project's own code and not an installed package."""
    if file.startswith("<"):
        return False
    folder = real_folder(os.path.dirname(file))
    if "site-packages" in folder or "dist-packages" in folder:
        return False
    return any(folder.startswith(place + os.sep) for place in places)


@functools.lru_cache(maxsize=None)
def real_folder(folder):
    """A folder without symlinks: asked for each of hundreds of modules, which lie in a few
    dozen."""
    return os.path.realpath(folder) + os.sep


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
    return shown(value, lambda v: getattr(v, "__name__", None) or repr(v))


def shown(value, how=repr):
    """The text of an object of the project, whose own methods may raise."""
    try:
        return str(how(value))
    except Exception as error:
        return "<%s that cannot be shown: %s>" % (type(value).__name__, type(error).__name__)


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


def preload(places, shadows):
    """Import the libraries that every import needs, unless the project hides one of them."""
    with contextlib.suppress(ImportError):
        import ctypes  # noqa: F401
    for place in places:
        for name in shadows:
            if os.path.exists(os.path.join(place, name)) or os.path.exists(
                os.path.join(place, name + ".py")
            ):
                return
    # nothing of what is loaded here goes away again, in no import: it is kept from the collector
    gc.disable()
    for name in LIBRARIES:
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    gc.freeze()
    gc.enable()


def run_import(request):
    """Carry out one import in this process and leave without the project's atexit handlers and
    threads."""
    output = os.open(request["output"], os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(output, 1)
    os.dup2(output, 2)
    stacks = open(request["stacks"], "w")
    faulthandler.enable(stacks)
    faulthandler.register(signal.SIGUSR1, file=stacks, all_threads=True)
    seen = ProjectImport(request).run()
    temporary = request["answer"] + ".part"
    with open(temporary, "w", encoding="utf-8") as stream:
        json.dump(seen, stream)
    os.replace(temporary, request["answer"])
    os._exit(0)


def start(request, private):
    """A process of its own, in a group of its own, for one import; its pid. It gets none of our
    `private` files."""
    ours = os.getpid()
    pid = os.fork()
    if pid:
        # here as well: the import may have to be ended before it has run at all
        with contextlib.suppress(OSError):
            os.setpgid(pid, pid)
        return pid
    try:
        with contextlib.suppress(OSError):
            os.setpgid(0, 0)
        for descriptor in private:
            os.close(descriptor)
        end_with(ours)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        run_import(request)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(70)


def end_with(parent):
    """Have the system end this process with its parent, where it can (Linux): see prctl(2)."""
    if not sys.platform.startswith("linux"):
        return
    with contextlib.suppress(ImportError, OSError, AttributeError):
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(70)


def wait(imports, timeout, requests):
    """The exit statuses of the imports (pid to request), -1 for one that was ended after `timeout`
    seconds.

    All are ended when `requests` is closed at its other end: nobody waits for them any more.
    """
    deadline = time.monotonic() + timeout
    closing = select.poll()
    closing.register(requests, 0)
    statuses = {}  # type: dict[int, int]
    while len(statuses) < len(imports):
        for pid, request in imports.items():
            if pid not in statuses:
                done, status = os.waitpid(pid, os.WNOHANG)
                if done:
                    statuses[pid] = status
            keep_head(request["output"])
        late = time.monotonic() > deadline
        if late or closing.poll(TICK * 1000):
            running = {pid: request for pid, request in imports.items() if pid not in statuses}
            if late:
                tell_where(running)
            for pid in running:
                stop(pid)
                os.waitpid(pid, 0)
                statuses[pid] = -1
    for pid, request in imports.items():
        # what the project itself has started
        with contextlib.suppress(OSError):
            os.killpg(pid, signal.SIGKILL)
        keep_head(request["output"])
    orphans.end_orphans()
    return [statuses[pid] for pid in imports]


def keep_head(output):
    """Cut a file that an import writes its output to, always at its end, before it fills the
    disk."""
    with contextlib.suppress(OSError):
        if os.stat(output).st_size > OUTPUT_LIMIT:
            os.truncate(output, OUTPUT)


def tell_where(imports):
    """Have imports that hang write down where, and give them the time for it."""
    for pid in imports:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGUSR1)
    until = time.monotonic() + STACKS_TIME
    while time.monotonic() < until:
        for request in imports.values():
            keep_head(request["output"])
        time.sleep(TICK)


def stop(pid):
    """End an import, and what it has started."""
    for end in (os.killpg, os.kill):
        with contextlib.suppress(OSError):
            end(pid, signal.SIGKILL)


def lines(descriptor):
    """The lines that come in, until the other end is closed."""
    rest = b""
    while True:
        data = os.read(descriptor, 1 << 16)
        if not data:
            return
        rest += data
        if b"\n" in data:
            *whole, rest = rest.split(b"\n")
            yield from whole


def main():
    """Serve requests until stdin closes: when the one who asks ends, so do we."""
    sys.dont_write_bytecode = True
    answers, requests = os.dup(1), os.dup(0)
    os.dup2(2, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    orphans.adopt_orphans()
    folder = ""
    for line in lines(requests):
        job = json.loads(line)
        if "preload" in job:
            folder = job["folder"]
            preload(job["preload"], job["shadows"])
            continue
        imports = {start(request, (answers, requests)): request for request in job["imports"]}
        statuses = wait(imports, job["timeout"], requests)
        with contextlib.suppress(BrokenPipeError):
            os.write(answers, json.dumps(statuses).encode() + b"\n")
    # the one who asked may have been killed, and then nobody else does it
    shutil.rmtree(folder, ignore_errors=True)
    # taking the libraries down again, module by module, costs a tenth of a second and does nobody
    # good
    os._exit(0)


if __name__ == "__main__":
    # nothing is to be imported from our own folder; with PYTHONSAFEPATH it is not there
    if os.path.realpath(sys.path[0]) == os.path.dirname(os.path.realpath(__file__)):
        sys.path.pop(0)
    main()
