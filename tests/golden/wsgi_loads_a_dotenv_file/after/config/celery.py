from celery import Celery
from dotenv import find_dotenv, load_dotenv

# The settings are chosen as in wsgi.py: a web process imports this file before
# those lines run. The environment variable wins.
load_dotenv(find_dotenv())

app = Celery("config")
# Every setting that starts with CELERY_, read when it is first needed.
app.config_from_object("django.conf:settings", namespace="CELERY")
# The tasks modules of all apps in INSTALLED_APPS.
app.autodiscover_tasks()
