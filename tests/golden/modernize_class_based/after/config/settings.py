from configurations import Configuration


class Limits:
    CELERY_TASK_TIME_LIMIT = 300


class Base(Limits, Configuration):
    SECRET_KEY = "x"
    INSTALLED_APPS = ["django.contrib.contenttypes", "doctors"]
    CELERY_BROKER_URL = "redis://"

    @property
    def CACHE_URL(self):
        return self.CELERY_BROKER_URL


class Dev(Base):
    CELERY_TASK_ALWAYS_EAGER = True
    CELERY_BROKER_TRANSPORT_OPTIONS = {"url": Base.CELERY_BROKER_URL}
