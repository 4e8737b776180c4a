"""What a worker's container is given: a broken project for each mistake, and a healthy twin."""

from __future__ import annotations

import pytest

from tests.unit.checks.projects import Mistake, found_in, settings, with_twin

BROKER = "CELERY_BROKER_URL = 'redis://redis:6379/0'\n"
BESIDE = settings(BROKER, instead="CELERY_BROKER_URL")
BESIDE_ENV = settings(
    "import os\nCELERY_BROKER_URL = os.environ.get('BROKER', 'redis://redis:6379/0')\n",
    instead="CELERY_BROKER_URL",
)
SOFT = settings("CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 20\n")
OS = settings(
    f"import os\n{BROKER}DATABASES = {{'default': {{'ENGINE': 'x', 'HOST': os.environ['DB_HOST']}}}}\n",
    instead="CELERY_BROKER_URL",
)
ENVIRON = settings(
    f"import environ\nenv = environ.Env()\n{BROKER}DATABASES = {{'default': env.db()}}\n",
    instead="CELERY_BROKER_URL",
)
FALLBACK = settings(
    f"import environ\nenv = environ.Env()\n{BROKER}"
    "DATABASES = {'default': env.db('DATABASE_URL', default=f'sqlite:///{BASE_DIR}/db.sqlite3')}\n",
    instead="CELERY_BROKER_URL",
)
HOST = settings(
    f"from os import getenv\n{BROKER}"
    "DATABASES = {'default': {'ENGINE': 'x', 'HOST': getenv('DB_HOST') or 'localhost'}}\n",
    instead="CELERY_BROKER_URL",
)
USED = settings(
    f"from os import getenv\n{BROKER}DATABASES = {{'default': {{'ENGINE': 'x',"
    " 'HOST': getenv('DB_HOST', 'main'), 'USER': getenv('DB_USER', 'it'),"
    " 'CONN_MAX_AGE': int(getenv('AGE', '0')), 'OPTIONS': {'timeout': getenv('TIMEOUT', '1')}}}\n",
    instead="CELERY_BROKER_URL",
)
DJ = settings(
    f"import dj_database_url\n{BROKER}"
    "DATABASES = {'default': dj_database_url.config(default='sqlite:///db.sqlite3')}\n",
    instead="CELERY_BROKER_URL",
)
DOTENV = settings(
    "from dotenv import load_dotenv\nimport os\nload_dotenv()\n"
    f"{BROKER}DATABASES = {{'default': {{'ENGINE': 'x', 'HOST': os.environ['DB_HOST']}}}}\n",
    instead="CELERY_BROKER_URL",
)
READ_ENV = settings(
    "import environ\nenv = environ.Env(DEBUG=(bool, False))\n"
    f"environ.Env.read_env(BASE_DIR / '.env')\n{BROKER}"
    "DATABASES = {'default': env.db('DATABASE_URL')}\n",
    instead="CELERY_BROKER_URL",
)
FILE = "    env_file: .env\n"
WEB = "  web:\n    build: .\n    command: gunicorn config.wsgi\n"
WORKER = (
    "  worker:\n    build: .\n    stop_grace_period: 600s\n    command: celery -A config worker"
)
REDIS = "  redis:\n    image: redis:7\n"
CACHE = "  cache:\n    image: redis:7\n    networks: [c]\n"
DB_HOST = "    environment:\n      - DB_HOST=db\n"
URL = "    environment: {DATABASE_URL: 'postgres://u:p@db/shop'}\n"
ENTRY = 'FROM python\nCOPY . .\nENTRYPOINT ["/entry.sh"]\n'
DB = "  db:\n    image: postgres:16\n"
POSTGRES = "  main:\n    image: postgres:16\n"
SERVER = "{'default': {'ENGINE': 'django.db.backends.postgresql'}}"
LITE = "{'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': 'x'}}"
# settings that choose a file of SQLite where a variable is missing
CHOICES = (
    f"if getenv('DB_HOST'):\n    DATABASES = {SERVER}\nelse:\n    DATABASES = {LITE}\n",
    f"DATABASES = {LITE}\nif 'DB_HOST' in environ:\n    DATABASES = {SERVER}\n",
    f"DATABASES = {SERVER} if getenv('DB_HOST') else {LITE}\n",
    f"AT = getenv('DB_HOST', '')\nif not AT:\n    DATABASES = {LITE}\nelse:\n    DATABASES = {SERVER}\n",
    f"if getenv('DB_HOST') is None:\n    DATABASES = {LITE}\nelse:\n    DATABASES = {SERVER}\n",
    f"HERE = getenv('DB_HOST', '').lower() in ('db', 'it')\nDATABASES = {LITE}\n"
    f"if HERE and bool('1'):\n    DATABASES = {SERVER}\n",
    f"if getenv('DB_HOST') == 'db':\n    DATABASES = {SERVER}\nelse:\n    DATABASES = {LITE}\n"
    "DATABASES['default']['CONN_MAX_AGE'] = 60\n",
    "DATABASES = {'default': {'ENGINE': 'django.db.backends.' + 'x'}}\n"
    "if getenv('DB_HOST', ''):\n    DATABASES['default'] = dict(ENGINE='django.db.backends.mysql')\n"
    "else:\n    DATABASES['default'] = {'ENGINE': 'django.contrib.gis.db.backends.spatialite'}\n",
)
HEROKU = (
    f"import dj_database_url\nDATABASES = {LITE}\nGIVEN = dj_database_url.config()\n"
).replace("{", "{{").replace("}", "}}") + "DATABASES['default'].update({})\n"


def choosing(text: str) -> dict[str, str]:
    return settings(f"from os import environ, getenv\n{BROKER}{text}", instead="CELERY_BROKER_URL")


PRODUCTION = {
    "config/production.py": "from .settings import *\nDEBUG = False\n",
    "config/local.py": "from .settings import *\nDEBUG = True\n",
}


def services(*parts: str, more: str = "") -> dict[str, str]:
    return {"compose.yml": f"services:\n{''.join(parts)}{REDIS}{more}"}


def chosen(module: str) -> str:
    return f"    environment:\n      DJANGO_SETTINGS_MODULE: {module}\n"


def networks(
    worker: str,
    redis: str,
    more: str = "networks: {a: , b: }\n",
    at: str = "redis",
    cache: str = "b",
    built: str = "image: redis:7",
) -> dict[str, str]:
    url = f"    environment:\n      CELERY_BROKER_URL: redis://{at}:6379/0"
    redis = redis.replace("[c]", f"[{cache}]")
    server = REDIS.replace("image: redis:7", built)
    return {
        **settings("", instead="CELERY_BROKER_URL"),
        "compose.yml": f"services:\n{WORKER}\n{url}{worker}{server}{redis}{more}",
    }


POD = """apiVersion: apps/v1
kind: Deployment
metadata: {{name: {0}}}
spec:
  selector: {{}}
  template:
    spec:
      terminationGracePeriodSeconds: 600
      containers:
        - name: {0}
          image: shop:1
          command: [{1}]
          {2}
"""


def pods(worker: str, name: str = "DB_HOST") -> dict[str, str]:
    web = f"env: [{{name: {name}, valueFrom: {{secretKeyRef: {{name: db}}}}}}]"
    return {
        "k8s/web.yaml": POD.format("web", "gunicorn, config.wsgi", web),
        "k8s/worker.yaml": POD.format("worker", "celery, -A, config, worker", worker),
    }


def units(web: str, worker: str) -> dict[str, str]:
    return {
        "deploy/web.service": f"[Service]\nWorkingDirectory=/srv\n{web}"
        "ExecStart=/srv/bin/gunicorn config.wsgi\n",
        "deploy/worker.service": f"[Service]\nUser=it\nKillMode=mixed\nWorkingDirectory=/srv\n{worker}"
        "ExecStart=/srv/bin/celery -A config worker\n",
    }


# the .env of this machine is not in the image
KEPT_OUT = {".dockerignore": ".git\n.env\n", "Dockerfile": "FROM python:3.13\nCOPY . .\n"}
KEY = "    environment: {SECRET_KEY: x}\n"
READS_KEY = {
    "decouple": "from decouple import config\nSECRET_KEY = config('SECRET_KEY')\n",
    "cast": "from decouple import config\nSECRET_KEY = config('SECRET_KEY', cast=str)\n",
    "auto": "from decouple import AutoConfig\nconfig = AutoConfig()\nSECRET_KEY = config('SECRET_KEY')\n",
    "environ": "import environ\nenv = environ.Env(DEBUG=(bool, False))\n"
    "environ.Env.read_env(BASE_DIR / '.env')\nSECRET_KEY = env.str('SECRET_KEY')\n",
    "environs": "from environs import Env\nenv = Env()\nenv.read_env()\nSECRET_KEY = env('SECRET_KEY')\n",
    "os": "import os\nSECRET_KEY = os.environ['SECRET_KEY']\n",
    "alias": "from os import environ as env\nSECRET_KEY = env['SECRET_KEY']\n",
    "module": "import os as system\nSECRET_KEY = system.environ['SECRET_KEY']\n",
    "name": "import os\nenv = os.environ\nSECRET_KEY = env['SECRET_KEY']\n",
}
FALLS_BACK = {
    "os": ("import os", "os.environ.get"),
    "getenv": ("from os import getenv as get", "get"),
    "alias": ("from os import environ as env", "env.get"),
    "module": ("import os as system", "system.getenv"),
    "name": ("import os\nenv = os.environ", "env.get"),
}
SCHEMES = {
    "positional": "environ.Env(DATABASE_URL=(str, 'sqlite:///db.sqlite3'))\nDATABASES = {'default': env.db()}\n",
    "named": "environ.Env(DEBUG=(bool, False), DATABASE_URL=(str, 'sqlite:///it'))\n"
    "DATABASES = {'default': env.db('DATABASE_URL')}\n",
    "beside": "environ.Env(DEBUG=(bool, False))\n"
    "DATABASES = {'default': env.db(default='sqlite:///db.sqlite3')}\n",
    "file": "environ.Env(DEBUG=(bool, False))\nenviron.Env.read_env(BASE_DIR / '.env')\n"
    "DATABASES = {'default': env.db(default='sqlite:///db.sqlite3')}\n",
}


def falling_back(head: str, call: str) -> dict[str, str]:
    host = f"{call}('DB_HOST', 'localhost')"
    return reading(f"{head}\nDATABASES = {{'default': {{'ENGINE': 'x', 'HOST': {host}}}}}\n")


def reading(lines: str) -> dict[str, str]:
    return KEPT_OUT | settings(f"{lines}{BROKER}", instead="CELERY_BROKER_URL")


MISTAKES = [
    *(
        Mistake(
            "celery.E932",
            falling_back(*how) | services(WEB, DB_HOST, WORKER, "  # <-\n"),
            falling_back(*how) | services(WEB, DB_HOST, WORKER, "\n", DB_HOST),
        )
        for how in FALLS_BACK.values()
    ),
    *(
        Mistake(
            "celery.E927",
            reading(lines) | services(WEB, KEY, WORKER, "  # <-\n"),
            reading(lines) | services(WEB, KEY, WORKER, "\n", KEY),
        )
        for lines in READS_KEY.values()
    ),
    # with a default; with the .env of this machine in the image, or mounted
    *(
        Mistake(
            "celery.E927",
            reading(READS_KEY["decouple"]) | services(WEB, KEY, WORKER, "  # <-\n"),
            twin | services(WEB, KEY, WORKER, "\n", more),
        )
        for twin, more in (
            (reading(READS_KEY["decouple"].replace("Y')", "Y', default='x')")), ""),
            (reading(READS_KEY["decouple"]) | {".dockerignore": ".git\n"}, ""),
            (reading(READS_KEY["decouple"]) | {".dockerignore": ".env\n!.env\n"}, ""),
            (reading(READS_KEY["decouple"]), "    volumes: ['.:/app']\n"),
            (
                reading(READS_KEY["decouple"]) | {".dockerignore": "", ".env": "SECRET_KEY=x\n"},
                "",
            ),
        )
    ),
    *(
        Mistake(
            "celery.E932",
            reading(f"import environ\nenv = {lines}") | services(WEB, URL, WORKER, "  # <-\n"),
            reading(f"import environ\nenv = {lines}") | services(WEB, URL, WORKER, "\n", URL),
        )
        for lines in SCHEMES.values()
    ),
    # the default of the scheme is what the web server has
    Mistake(
        "celery.E932",
        reading(f"import environ\nenv = {SCHEMES['named']}")
        | services(WEB, URL, WORKER, "  # <-\n"),
        reading(
            f"import environ\nenv = {SCHEMES['named']}".replace(
                "sqlite:///it", "postgres://u:p@db/shop"
            )
        )
        | services(WEB, URL, WORKER, "\n"),
    ),
    Mistake(
        "celery.E927",
        OS | services(WEB, DB_HOST, WORKER, "  # <-\n"),
        OS | services(WEB, DB_HOST, WORKER, "\n", DB_HOST),
    ),
    # the variables of another file, and of a service that is taken over
    Mistake(
        "celery.E927",
        OS
        | {"web.env": "export DB_HOST='db'\n"}
        | services(WEB, "    env_file: [web.env]\n", WORKER, "  # <-\n"),
        OS
        | {"web.env": "export DB_HOST='db'\n"}
        | services(
            WEB, "    env_file: [web.env]\n", WORKER, "\n    env_file:\n      - path: ./web.env\n"
        ),
    ),
    Mistake(
        "celery.E927",
        ENVIRON
        | {"worker.env": "OTHER=1\n"}
        | services(WEB, URL, WORKER, "  # <-\n", "    env_file: worker.env\n"),
        ENVIRON
        | services(
            WEB, URL, WORKER.replace("    build: .\n", "    extends: {service: web}\n"), "\n"
        ),
    ),
    Mistake(
        "celery.E927",
        ENVIRON | services(WEB, URL, WORKER, "  # <-\n"),
        # an env_file that is not in the repository may hold it
        ENVIRON | services(WEB, URL, WORKER, "\n    env_file: .production\n"),
    ),
    Mistake(
        "celery.E927",
        ENVIRON | services(WEB, URL, WORKER, "  # <-\n"),
        ENVIRON | services(WEB, URL, WORKER, "\n    environment: [DATABASE_URL]\n"),
    ),
    Mistake(
        "celery.E927",
        DOTENV | {".env": "DEBUG=1\n"} | services(WEB, DB_HOST, WORKER, "  # <-\n"),
        # the .env of the image is not in the repository
        DOTENV | services(WEB, DB_HOST, WORKER, "\n"),
    ),
    Mistake(
        "celery.E927",
        OS | services(WEB, DB_HOST, WORKER, "  # <-\n"),
        OS | {"Dockerfile": "FROM python\nENV DB_HOST=db\n"} | services(WEB, DB_HOST, WORKER, "\n"),
    ),
    Mistake(
        "celery.E927",
        OS | pods("env: []"),
        OS | pods("envFrom: [{configMapRef: {name: it}}]"),
        at="k8s/worker.yaml:12",
    ),
    # what starts the process may give it the variable
    *(
        Mistake(
            "celery.E927",
            OS | services(WEB, DB_HOST, WORKER, "  # <-\n"),
            OS | services(WEB, DB_HOST, WORKER.replace("celery -A", f"{wrapper} celery -A"), "\n"),
        )
        for wrapper in ("doppler run --", "dotenv run --", "sh -c '. /run/env && celery it';")
    ),
    Mistake(
        "celery.E927",
        OS
        | {"Dockerfile": ENTRY, "entry.sh": 'exec "$@"\n'}
        | services(WEB, DB_HOST, WORKER, "  # <-\n"),
        OS
        | {"Dockerfile": ENTRY, "entry.sh": 'set -a\n. /etc/env\nexec "$@"\n'}
        | services(WEB, DB_HOST, WORKER, "\n"),
    ),
    *(
        Mistake(
            "celery.E927",
            OS | {"config/env.py": "OTHER = 1\n"} | services(WEB, DB_HOST, WORKER, "  # <-\n"),
            OS | {"config/env.py": text} | services(WEB, DB_HOST, WORKER, "\n"),
        )
        for text in (
            "from dotenv import load_dotenv\nload_dotenv()\n",
            "import os\nos.environ.setdefault('DB_HOST', 'db')\n",
            "import os\nos.environ['DB_HOST'] = 'db'\n",
            "SCHEME = {'DB_HOST': (str, 'db')}\n",
        )
    ),
    Mistake(
        "celery.E927",
        DOTENV | {".env": "DEBUG=1\n"} | services(WEB, DB_HOST, WORKER, "  # <-\n"),
        {
            "config/settings.py": DOTENV["config/settings.py"].replace(
                "dotenv()", "dotenv('/run/env')"
            )
        }
        | {".env": "DEBUG=1\n"}
        | services(WEB, DB_HOST, WORKER, "\n"),
    ),
    Mistake(
        "celery.E927",
        OS | services(WEB, DB_HOST, WORKER, "  # <-\n"),
        OS
        | services(WEB, DB_HOST, WORKER, "\n")
        | {"compose.prod.yml": "services: {worker: {env_file: [.prod]}}\n"},
    ),
    Mistake(
        "celery.E927",
        OS | pods("env: []"),
        OS | pods("env: []") | {"k8s/kustomization.yaml": "patches: [{path: worker.yaml}]\n"},
        at="k8s/worker.yaml:12",
    ),
    Mistake(
        "celery.E927",
        OS | pods("env: []"),
        OS | pods("env: []") | {"k8s/prod/patch.yaml": "spec: {env: [{name: DB_HOST}]}\n"},
        at="k8s/worker.yaml:12",
    ),
    Mistake(
        "celery.E932",
        FALLBACK | pods("env: []", "DATABASE_URL"),
        FALLBACK
        | pods("env: [{name: DATABASE_URL, valueFrom: {secretKeyRef: {}}}]", "DATABASE_URL"),
        at="k8s/worker.yaml:12",
    ),
    Mistake(
        "celery.E932",
        FALLBACK | services(WEB, URL, WORKER, "  # <-\n"),
        FALLBACK | services(WEB, URL, WORKER, "\n", URL),
    ),
    Mistake(
        "celery.E932",
        FALLBACK
        | services(WEB, URL.replace("postgres://u:p@db/shop", "${DSN}"), WORKER, "  # <-\n"),
        # one database for both, in a volume
        FALLBACK | services(WEB, URL.replace("postgres://u:p@db/shop", "sqlite:///"), WORKER, "\n"),
    ),
    Mistake(
        "celery.E932",
        HOST | services(WEB, DB_HOST, WORKER, "  # <-\n"),
        HOST | services(WEB, DB_HOST.replace("=db", "=localhost"), WORKER, "\n"),
    ),
    # from the network of the host a database is at localhost, by its port there
    Mistake(
        "celery.E932",
        USED | services(WEB, DB_HOST, WORKER, "  # <-\n", more=DB + POSTGRES),
        settings(
            "import os\nCELERY_BROKER_URL = os.environ.get('BROKER', 'redis://redis:6379/0')\n"
            "DATABASES = {'default': {'ENGINE': 'x', 'HOST': os.getenv('DB_HOST', 'main')}}\n",
            instead="CELERY_BROKER_URL",
        )
        | services(
            WEB + "    network_mode: host\n",
            "    environment: {DB_HOST: localhost, BROKER: 'redis://localhost:6379/0'}\n",
            WORKER,
            "\n",
            more=POSTGRES + "    ports: ['5432:5432']\n",
        ),
    ),
    # as Heroku once wrote it: what is not given changes nothing
    *(
        Mistake(
            "celery.E932",
            choosing(HEROKU.format(given)) | services(WEB, URL, WORKER, "  # <-\n"),
            choosing(HEROKU.format(given)) | services(WEB, URL, WORKER, "\n", URL),
        )
        for given in ("dj_database_url.config(conn_max_age=500)", "GIVEN")
    ),
    Mistake(
        "celery.E932",
        DJ | services(WEB, URL, WORKER, "  # <-\n"),
        DJ | services(WEB, WORKER, "\n"),
    ),
    Mistake(
        "celery.E932",
        DOTENV | {".env": "DB_HOST=localhost\n"} | services(WEB, DB_HOST, WORKER, "  # <-\n"),
        DOTENV | {".env": "DB_HOST=db # it\n"} | services(WEB, DB_HOST, WORKER, "\n"),
    ),
    # the settings choose: SQLite without the variable
    *(
        Mistake(
            "celery.E932",
            choosing(text) | services(WEB, DB_HOST, WORKER, "  # <-\n"),
            choosing(text) | services(WEB, DB_HOST, WORKER, "\n", DB_HOST),
        )
        for text in CHOICES
    ),
    # both take the file, or it cannot be told what is taken
    *(
        Mistake(
            "celery.E932",
            choosing(CHOICES[0]) | services(WEB, DB_HOST, WORKER, "  # <-\n"),
            choosing(CHOICES[0] + more) | services(WEB, given, WORKER, "\n") | files,
        )
        for more, given, files in (
            ("", DB_HOST.replace("=db", "="), {}),
            ("", DB_HOST.replace("=db", "=${HOST:-}"), {}),
            ("", "    environment: {OTHER: 1}\n", {}),
            ("", DB_HOST, {"Dockerfile": "FROM python\nENV DB_HOST=db\n"}),
            ("from here.local import *\n", DB_HOST, {}),
            (f"if check():\n    DATABASES = {SERVER}\n", DB_HOST, {}),
            ("DATABASES.update(load())\n", DB_HOST, {}),
        )
    ),
    Mistake(
        "celery.E932",
        choosing(CHOICES[0]) | pods("env: []"),
        choosing(CHOICES[0]) | pods("env: [{name: DB_HOST, valueFrom: {}}]"),
        at="k8s/worker.yaml:12",
    ),
    # two units of one folder
    Mistake(
        "celery.E932",
        choosing(CHOICES[0]) | units("Environment=DB_HOST=db\n", ""),
        choosing(CHOICES[0]) | units("Environment=DB_HOST=db\n", "EnvironmentFile=/etc/it\n"),
        at="deploy/worker.service:5",
    ),
    # only what says which database it is, and only of web servers
    Mistake(
        "celery.E932",
        USED | services(WEB, DB_HOST, WORKER, "  # <-\n"),
        USED | services(WEB, "    environment: {AGE: 60, TIMEOUT: 5, DB_USER: x}\n", WORKER, "\n"),
    ),
    Mistake(
        "celery.E932",
        HOST | services(WEB, DB_HOST, WORKER, "  # <-\n"),
        HOST | services(WEB, WEB.replace("web", "staging"), DB_HOST, WORKER, "\n"),
    ),
    Mistake(
        "celery.E932",
        HOST | services(WEB, DB_HOST, WORKER, "  # <-\n"),
        HOST
        | services(WEB, WEB.replace("web", "migrate").replace("gun", ""), DB_HOST, WORKER, "\n"),
    ),
    Mistake(
        "celery.E932",
        HOST | services(WEB, DB_HOST, WORKER, "  # <-\n"),
        HOST
        | services(WEB, DB_HOST, WORKER, "\n")
        | {"compose.override.yml": "services: {worker: {environment: {DB_HOST: db}}}\n"},
    ),
    # other names of one server, and what stands in front of it
    Mistake(
        "celery.E932",
        USED | services(WEB, DB_HOST, WORKER, "  # <-\n", more=POSTGRES + DB),
        USED | services(WEB, DB_HOST, WORKER, "\n", more=POSTGRES + "    container_name: db\n"),
    ),
    Mistake(
        "celery.E932",
        USED | services(WEB, DB_HOST, WORKER, "  # <-\n", more=POSTGRES + DB),
        USED
        | services(
            WEB, DB_HOST, WORKER, "\n", more=POSTGRES + "  db:\n    image: edoburu/pgbouncer\n"
        ),
    ),
    # both have it, each its own
    Mistake(
        "celery.E932",
        DJ | services(WEB, URL, WORKER, "  # <-\n", URL.replace("/shop", "/old"), more=DB),
        DJ | services(WEB, URL, WORKER, "\n", URL.replace("/shop", "/shop?sslmode=off"), more=DB),
    ),
    Mistake(
        "celery.E932",
        DJ | services(WEB, URL, WORKER, "  # <-\n", URL.replace("/shop", "/old"), more=DB),
        # a host outside of the file may be a pooler of the same server
        DJ | services(WEB, URL, WORKER, "\n", URL.replace("@db/", "@db.acme.net/")),
    ),
    # the worker is given the .env of a developer, which the web server overrides
    *(
        Mistake(
            "celery.E932",
            read | {".env": own} | services(WEB, FILE + URL, WORKER, "  # <-\n", FILE, more=DB),
            read | {".env": own} | services(WEB, FILE + URL, WORKER, "\n", FILE + URL, more=DB),
        )
        for read in (DJ, ENVIRON, READ_ENV)
        for own in (
            "DATABASE_URL=sqlite:///db.sqlite3\n",
            "DATABASE_URL=postgres://me@localhost/shop\n",
        )
    ),
    # two files of SQLite may be one, by a volume
    Mistake(
        "celery.E932",
        DJ
        | {".env": "DATABASE_URL=sqlite:///db.sqlite3\n"}
        | services(WEB, FILE + URL, WORKER, "  # <-\n", FILE),
        DJ
        | {".env": "DATABASE_URL=sqlite:///db.sqlite3\n"}
        | services(
            WEB, FILE + URL.replace("postgres://u:p@db/shop", "sqlite:////x"), WORKER, "\n", FILE
        ),
    ),
    # an image of the project's own, the network of the host, none at all, and the settings' broker
    Mistake(
        "celery.E931",
        networks("  # <-\n    networks: [a]\n", "    networks: [b]\n", built="build: ./redis"),
        networks("\n    networks: [a]\n", "    networks: [a]\n", built="build: ./redis"),
    ),
    *(
        Mistake(
            "celery.E931",
            networks(f"  # <-\n    network_mode: {mode}\n", "", ""),
            networks(f"\n    network_mode: {mode}\n{more}", redis, "", at),
        )
        for mode, more, redis, at in (
            ("host", "", "", "localhost"),
            ("host", "", "    network_mode: host\n", "redis"),
            ("host", "    extra_hosts: ['redis:10.0.0.2']\n", "", "redis"),
            ("none", "", "", "redis.example.com"),
        )
    ),
    Mistake(
        "celery.E931",
        BESIDE_ENV | services(WORKER, "  # <-\n    networks: [a]\n", more="networks: {a: }\n"),
        BESIDE_ENV
        | {"Dockerfile": "FROM python\nENV BROKER=redis://it.example.com\n"}
        | services(WORKER, "\n    networks: [a]\n", more="networks: {a: }\n"),
    ),
    Mistake(
        "celery.E931",
        networks("  # <-\n    networks: [a]\n", "    networks: [b]\n"),
        networks("\n    networks: [a]\n", "    networks:\n      a:\n        aliases: [it]\n"),
    ),
    Mistake(
        "celery.E931",
        networks("  # <-\n", "    networks:\n      a:\n"),
        networks("\n    networks: [default]\n", ""),
    ),
    Mistake(
        "celery.E931",
        networks("  # <-\n    networks: {a: }\n", ""),
        networks(
            "\n    networks: [a]\n",
            "    networks: [b]\n",
            "networks: {a: {name: x}, b: {name: x}}\n",
        ),
    ),
    # the host behind the scheme, and not the scheme
    Mistake(
        "celery.E931",
        networks("  # <-\n    networks: [a]\n", f"    networks: [b]\n{CACHE}", at="cache"),
        networks("\n    networks: [a]\n", f"    networks: [b]\n{CACHE}", at="cache", cache="a"),
    ),
    # the default network under its own name
    Mistake(
        "celery.E931",
        networks(
            "  # <-\n    networks: [b]\n", "", "networks: {default: {name: x}, b: {name: y}}\n"
        ),
        networks("\n    networks: [b]\n", "", "networks: {default: {name: x}, b: {name: x}}\n"),
    ),
    Mistake(
        "celery.E931",
        networks("  # <-\n    networks: [b]\n", ""),
        networks("\n    networks: [b]\n", "", "networks: {b: {external: {name: default}}}\n"),
    ),
    # the files of a stack are merged
    Mistake(
        "celery.E931",
        networks("  # <-\n    networks: [a]\n", "")
        | {"compose.override.yml": "services: {redis: {networks: [b]}}\n"},
        networks("\n    networks: [a]\n", "")
        | {"compose.override.yml": "services: {redis: {networks: [default, a]}}\n"},
    ),
    # the word of another variable is no server
    Mistake(
        "celery.E931",
        networks("  # <-\n    networks: [a]\n", "    networks: [b]\n"),
        networks(
            "\n      ALLOWED_HOSTS: redis\n      ORIGINS: http://redis\n    networks: [a]\n",
            f"    networks: [b]\n{CACHE}",
            at="cache",
            cache="a",
        ),
    ),
    Mistake(
        "celery.W123",
        PRODUCTION
        | BESIDE
        | services(WEB, chosen("config.production"), WORKER, "\n", chosen("config.local  # <-")),
        PRODUCTION
        | BESIDE
        | services(WEB, chosen("config.production"), WORKER, "\n", chosen("config.production")),
    ),
    Mistake(
        "celery.W123",
        PRODUCTION
        | {
            **SOFT,
            "Procfile": "web: DJANGO_SETTINGS_MODULE=config.production gunicorn config.wsgi\n"
            "worker: REMAP_SIGTERM=SIGQUIT DJANGO_SETTINGS_MODULE=config.local celery -A config worker  # <-\n",
        },
        PRODUCTION
        | {
            **SOFT,
            "config/worker.py": "from .production import *\n",
            "Procfile": "web: DJANGO_SETTINGS_MODULE=config.production gunicorn config.wsgi\n"
            "worker: REMAP_SIGTERM=SIGQUIT DJANGO_SETTINGS_MODULE=config.worker celery -A config worker\n",
        },
    ),
    Mistake(
        "celery.W123",
        PRODUCTION
        | {
            "deploy/web.service": "[Service]\nEnvironment=DJANGO_SETTINGS_MODULE=config.production\n"
            "WorkingDirectory=/srv\nExecStart=/srv/bin/gunicorn config.wsgi\n",
            "deploy/worker.service": "[Service]\nUser=it\nKillMode=mixed\nWorkingDirectory=/srv\n"
            "Environment=DJANGO_SETTINGS_MODULE=config.local  # <-\n"
            "ExecStart=/srv/bin/celery -A config worker\n",
        },
        PRODUCTION
        | {
            "config/jobs.py": "from .production import *\nCONN_MAX_AGE = 0\n",
            "deploy/web.service": "[Service]\nEnvironment=DJANGO_SETTINGS_MODULE=config.production\n"
            "WorkingDirectory=/srv\nExecStart=/srv/bin/gunicorn config.wsgi\n",
            "deploy/worker.service": "[Service]\nUser=it\nKillMode=mixed\nWorkingDirectory=/srv\n"
            "Environment=DJANGO_SETTINGS_MODULE=config.jobs\n"
            "ExecStart=/srv/bin/celery -A config worker\n",
        },
    ),
    # one web server that has the worker's settings; a module for the web alone
    Mistake(
        "celery.W123",
        PRODUCTION
        | BESIDE
        | services(WEB, chosen("config.production"), WORKER, "\n", chosen("config.local  # <-")),
        PRODUCTION
        | BESIDE
        | services(
            WEB,
            chosen("config.production"),
            WEB.replace("web", "staging"),
            chosen("config.local"),
            WORKER,
            "\n",
            chosen("config.local"),
        ),
    ),
    Mistake(
        "celery.W123",
        PRODUCTION
        | {"config/base.py": "from .production import *\nROOT_URLCONF = 'config.urls'\n"}
        | BESIDE
        | services(WEB, chosen("config.base"), WORKER, "\n", chosen("config.production  # <-")),
        PRODUCTION
        | {"config/web.py": "from .production import *\nROOT_URLCONF = 'config.urls'\n"}
        | BESIDE
        | services(WEB, chosen("config.web"), WORKER, "\n", chosen("config.production")),
    ),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_is_found_and_nothing_else(tmp_path, mistake):
    assert found_in(tmp_path, mistake.broken) == [(mistake.id, mistake.place)]


@pytest.mark.parametrize("mistake", with_twin(MISTAKES), ids=str)
def test_nothing_is_found_in_the_healthy_twin(tmp_path, mistake):
    assert found_in(tmp_path, mistake.twin) == []
