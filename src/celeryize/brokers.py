"""Every broker and result backend: an entry each, for init, the requirement and the checks.

A new broker is an entry of BROKERS and a golden. Facts about Celery and kombu come from their own
source, 5.7.
"""

from __future__ import annotations

from dataclasses import dataclass

PROFILES = ("minimal", "standard", "production")
FROM_STANDARD = ("standard", "production")
PRODUCTION = ("production",)


@dataclass(frozen=True, slots=True)
class Option:
    """One transport option: its name, its value as Python, why it is there, the profiles that set
    it.

    `{key_prefix}` and `{data_folder}` in the value become the expressions of the project. With
    `variable`, the value is the default of an environment variable, which is read the way the
    project reads its environment.
    """

    name: str
    value: str
    comment: str = ""
    profiles: tuple[str, ...] = FROM_STANDARD
    variable: str = ""


@dataclass(frozen=True, slots=True)
class Broker:
    """A broker as Celery knows it.

    `words` stand behind the name in a help text, `meaning` in the question. `extra` is Celery's
    extra, `library` what that extra installs and a project may declare itself, `modules` are what
    its transport imports. `result_backend` is the default answer to the next question.
    `in_folder`: the messages are files in a folder of the project. `quorum_queues`: production asks
    for them. `notes` is what a user has to know before choosing this broker for good.
    """

    name: str
    url: str
    schemes: tuple[str, ...]
    words: str = ""
    meaning: str = ""
    extra: str = ""
    library: str = ""
    modules: tuple[str, ...] = ()
    result_backend: str = "none"
    options: tuple[Option, ...] = ()
    has_visibility_timeout: bool = False
    has_remote_control: bool = True
    quorum_queues: bool = False
    in_folder: bool = False
    notes: tuple[str, ...] = ()

    def options_of(self, profile: str) -> tuple[Option, ...]:
        """The transport options that a settings profile sets."""
        return tuple(option for option in self.options if profile in option.profiles)

    @property
    def needs_options(self) -> bool:
        """Whether it does not work without options, which then belong beside its URL in every
        profile.
        """
        return bool(self.options_of("minimal"))


@dataclass(frozen=True, slots=True)
class ResultBackend:
    """A result backend as Celery knows it.

    `url` is empty where the settings build it, or need none. `app` is the Django app that it needs
    in INSTALLED_APPS, with tables, and `distribution` what holds that app.
    """

    name: str
    url: str
    schemes: tuple[str, ...]
    extra: str = ""
    library: str = ""
    app: str = ""
    distribution: str = ""
    offered: bool = True
    meaning: str = ""


BROKERS = (
    Broker(
        name="redis",
        url="redis://localhost:6379/0",
        schemes=("redis", "rediss", "sentinel"),
        meaning="one small server for messages and results; the usual choice",
        extra="redis",
        library="redis",
        modules=("redis",),
        result_backend="redis",
        has_visibility_timeout=True,
        options=(
            Option(
                "visibility_timeout",
                "3600",
                "Seconds. Longer than any task, countdown or retry delay: "
                "after it, Redis delivers a task again.",
            ),
            Option(
                "socket_timeout",
                "10",
                "Seconds. Without them, .delay() hangs for ever where the network drops packets.",
            ),
            Option("socket_connect_timeout", "5"),
            Option("socket_keepalive", "True", profiles=PRODUCTION),
            Option("health_check_interval", "25", profiles=PRODUCTION),
            Option("max_retries", "3", profiles=PRODUCTION),
            Option("global_keyprefix", "{key_prefix}", profiles=PRODUCTION),
        ),
    ),
    Broker(
        name="rabbitmq",
        url="amqp://localhost:5672//",
        schemes=("amqp", "amqps", "pyamqp"),
        meaning="a message broker proper: nothing is lost, more to run",
        result_backend="rpc",
        quorum_queues=True,
        options=(
            Option(
                "confirm_publish",
                "True",
                ".delay() returns when the broker has the message, and gives up after some tries.",
                PRODUCTION,
            ),
            Option("max_retries", "3", profiles=PRODUCTION),
        ),
    ),
    Broker(
        name="filesystem",
        url="filesystem://localhost/",
        schemes=("filesystem",),
        words="(no server, development only)",
        meaning="no server: messages are files; for development only",
        result_backend="file",
        in_folder=True,
        options=(
            Option("data_folder_in", 'str({data_folder} / "broker")', profiles=PROFILES),
            Option("data_folder_out", 'str({data_folder} / "broker")', profiles=PROFILES),
            Option("control_folder", 'str({data_folder} / "broker")', profiles=PROFILES),
            Option(
                "polling_interval",
                "0.1",
                "Seconds between two polls of the folder; the default is 1.",
                PROFILES,
            ),
        ),
    ),
    Broker(
        name="sqs",
        url="sqs://",
        schemes=("sqs",),
        words="(Amazon SQS)",
        meaning="Amazon SQS: nothing to run, no results, no remote control",
        extra="sqs",
        # boto3 alone is not enough: the transport also needs pycurl and urllib3
        library="kombu[sqs]",
        modules=("boto3", "botocore", "pycurl", "urllib3"),
        has_visibility_timeout=True,
        has_remote_control=False,
        options=(
            # without it, and in the minimal profile, boto3 finds a region by itself
            Option("region", '"us-east-1"', variable="AWS_DEFAULT_REGION"),
            Option(
                "visibility_timeout",
                "3600",
                "Seconds, up to 12 hours. Longer than any task or countdown: "
                "after it, SQS delivers a task again.",
            ),
        ),
        notes=(
            "Amazon SQS takes its credentials from the environment (AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY, or a role); the settings hold none.",
            "Amazon SQS has no remote control and no events: `celery inspect`, `celery control` "
            "and Flower do not reach its workers.",
            "Amazon SQS stores no results: tasks whose results are read need another "
            "--result-backend.",
        ),
    ),
)

RESULT_BACKENDS = (
    ResultBackend(
        name="redis",
        url="redis://localhost:6379/0",
        schemes=("redis", "rediss", "sentinel"),
        extra="redis",
        library="redis",
        meaning="fast, and forgotten after a day",
    ),
    ResultBackend(
        name="rpc",
        url="rpc://",
        schemes=("rpc",),
        meaning="messages of the broker, read once by whoever sent the task",
    ),
    ResultBackend(
        name="django-db",
        url="django-db",
        schemes=("django-db",),
        app="django_celery_results",
        distribution="django-celery-results",
        meaning="in the project's database, to be seen in the admin",
    ),
    ResultBackend(
        name="django-cache",
        url="django-cache",
        schemes=("django-cache",),
        distribution="django-celery-results",
        offered=False,
    ),
    ResultBackend(
        name="file", url="", schemes=("file",), meaning="files of a folder; for development only"
    ),
    ResultBackend(
        name="none", url="", schemes=(), meaning="tasks are sent, and nobody asks what came out"
    ),
)

# Celery's own extras (its `extras_require`) by the scheme of a URL, for what init takes as a URL
# only.
URL_EXTRAS = {
    "arangodb": "arangodb",
    "azureblockblob": "azureblockblob",
    "cassandra": "cassandra",
    "consul": "consul",
    "cosmosdbsql": "cosmosdbsql",
    "couchbase": "couchbase",
    "couchdb": "couchdb",
    "db": "sqlalchemy",
    "dynamodb": "dynamodb",
    "elasticsearch": "elasticsearch",
    "gcpubsub": "gcpubsub",
    "gs": "gcs",
    "memcached": "pymemcache",
    "mongodb": "mongodb",
    "s3": "s3",
    "sqla": "sqlalchemy",
    "sqlalchemy": "sqlalchemy",
    "zookeeper": "zookeeper",
}

# What such an extra installs, where it is one library that projects also declare by its own name.
URL_LIBRARIES = {
    "gcpubsub": "kombu[gcpubsub]",
    "mongodb": "pymongo",
    "pymemcache": "pymemcache",
    "s3": "boto3",
    "sqlalchemy": "sqlalchemy",
}


def find_broker(text: str) -> Broker | None:
    """The broker of a name, or of the scheme of a URL; None for one that has no entry."""
    scheme = _scheme_of(text)
    for broker in BROKERS:
        if text == broker.name or ("://" in text and scheme in broker.schemes):
            return broker
    return None


def find_result_backend(text: str) -> ResultBackend | None:
    """The result backend of a name, or of the scheme of a URL; None for one that has no entry."""
    # redis+socket:// is Redis, too
    scheme = _scheme_of(text).partition("+")[0]
    for backend in RESULT_BACKENDS:
        if text == backend.name or ("://" in text and scheme in backend.schemes):
            return backend
    return None


def url_of_broker(text: str) -> str:
    """The URL of a broker given by name; a URL as it is."""
    broker = find_broker(text)
    if broker is not None and text == broker.name:
        return broker.url
    return text


def url_of_result_backend(text: str, broker_url: str) -> str:
    """The URL of a result backend given by name; a URL as it is.

    A broker that can keep the results too is the server that keeps them: Redis, wherever it is.
    """
    backend = find_result_backend(text)
    if backend is None or text != backend.name:
        return text
    if backend.url and _scheme_of(broker_url) in backend.schemes:
        return broker_url
    return backend.url


def extra_for(url: str) -> str | None:
    """Celery's extra for a broker or result backend, given as a URL or by name.

    None: no extra is needed.
    """
    scheme = _scheme_of(url)
    extras = _extras_by_scheme()
    return extras.get(scheme.rpartition("+")[2]) or extras.get(scheme.partition("+")[0])


def modules_of(broker: str) -> tuple[str, ...]:
    """The modules that the transport of a broker, by its name or its URL, has to import."""
    scheme = broker.partition(":")[0]
    for known in BROKERS:
        if broker == known.name or scheme in known.schemes:
            return known.modules
    return ()


def library_of(extra: str) -> str | None:
    """What an extra of Celery installs, where a project may declare it by its own name."""
    for entry in (*BROKERS, *RESULT_BACKENDS):
        if extra and entry.extra == extra:
            return entry.library or None
    return URL_LIBRARIES.get(extra)


def broker_schemes() -> frozenset[str]:
    """The schemes of the brokers that have an entry."""
    return frozenset(scheme for broker in BROKERS for scheme in broker.schemes)


def result_backend_schemes() -> frozenset[str]:
    """The schemes, and names that stand alone, of the result backends that have an entry."""
    return frozenset(scheme for backend in RESULT_BACKENDS for scheme in backend.schemes)


def has_visibility_timeout(url: str) -> bool:
    """Whether the broker of a URL delivers a message again that is not acknowledged in time."""
    broker = find_broker(url)
    return broker is not None and broker.has_visibility_timeout


def question_data() -> dict[str, object]:
    """What the questions of templates/init/copier.yml are made of."""
    return {
        "brokers": [broker.name for broker in BROKERS],
        "broker_words": broker_words(),
        "result_backends": [backend.name for backend in RESULT_BACKENDS if backend.offered],
        "result_backend_words": result_backend_words(),
        "result_backend_by_scheme": {
            word: broker.result_backend
            for broker in BROKERS
            for word in (broker.name, *broker.schemes)
        },
    }


def broker_words() -> str:
    """The names of the brokers for a help text, each with its words."""
    return ", ".join(f"{broker.name} {broker.words}".rstrip() for broker in BROKERS)


def result_backend_words() -> str:
    """The names of the result backends for a help text."""
    return ", ".join(backend.name for backend in RESULT_BACKENDS if backend.offered)


def _scheme_of(text: str) -> str:
    return text.partition("://")[0].lower()


def _extras_by_scheme() -> dict[str, str]:
    found = dict(URL_EXTRAS)
    for entry in (*BROKERS, *RESULT_BACKENDS):
        if entry.extra:
            found |= dict.fromkeys((entry.name, *entry.schemes), entry.extra)
    return found
