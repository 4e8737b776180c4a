from configurations import Configuration


class Limits:
    CELERYD_TASK_TIME_LIMIT = 300


class Base(Limits, Configuration):
    SECRET_KEY = "x"
    INSTALLED_APPS = ["django.contrib.contenttypes", "doctors"]
    BROKER_URL = "redis://"

    @property
    def CACHE_URL(self):
        return self.BROKER_URL


class Dev(Base):
    CELERY_ALWAYS_EAGER = True
    BROKER_TRANSPORT_OPTIONS = {"url": Base.BROKER_URL}
