from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent

HOST = 'localhost'

SECRET_KEY = 'not a secret'

DEBUG = True

INSTALLED_APPS = [
    'django.contrib.contenttypes',
    'django.contrib.auth',
    'doctors',
]

ROOT_URLCONF = 'config.urls'

DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': ':memory:'}}

TIME_ZONE = 'Europe/Paris'

USE_TZ = True

REDIS_URL = f'redis://{HOST}:6379/0'
CELERY_BROKER_URL = REDIS_URL
