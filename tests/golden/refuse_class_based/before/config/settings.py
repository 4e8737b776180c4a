from configurations import Configuration


class Base(Configuration):
    SECRET_KEY = "x"
    INSTALLED_APPS = []
