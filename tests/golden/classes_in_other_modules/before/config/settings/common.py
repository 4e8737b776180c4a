import os

from configurations import Configuration


class Common(Configuration):
    SECRET_KEY = os.getenv("SECRET_KEY", "x")
    INSTALLED_APPS = ["doctors"]
    TIME_ZONE = "UTC"
