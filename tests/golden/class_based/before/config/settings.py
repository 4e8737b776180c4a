from pathlib import Path

from configurations import Configuration


class Base(Configuration):
    BASE_DIR = Path(__file__).resolve().parent.parent
    SECRET_KEY = "x"
    INSTALLED_APPS = [
        "django.contrib.contenttypes",
        "doctors",
    ]
    DATABASES = {}
    TIME_ZONE = "UTC"


class Dev(Base):
    DEBUG = True


class Prod(Base):
    DEBUG = False
