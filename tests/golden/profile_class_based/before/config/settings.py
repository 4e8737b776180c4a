from configurations import Configuration


class Base(Configuration):
    SECRET_KEY = "x"
    INSTALLED_APPS = ["django.contrib.contenttypes", "doctors"]
    CELERY_TASK_TIME_LIMIT = 300


class Dev(Base):
    DEBUG = True
