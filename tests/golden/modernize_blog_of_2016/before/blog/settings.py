import os
from datetime import timedelta

import djcelery
djcelery.setup_loader()

BASE_DIR = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SECRET_KEY = 'not a secret'
DEBUG = True

INSTALLED_APPS = (
    'django.contrib.contenttypes',
    'django.contrib.auth',
    'djcelery',
    'posts',
)

ROOT_URLCONF = 'blog.urls'
DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': ':memory:'}}
TIME_ZONE = 'UTC'
USE_TZ = True

# Celery
BROKER_URL = os.environ.get('BROKER_URL', 'redis://localhost:6379/0')
CELERY_RESULT_BACKEND = BROKER_URL
CELERY_ACCEPT_CONTENT = ['json']
CELERY_TASK_SERIALIZER = 'json'
CELERYD_CONCURENCY = 4
CELERYD_TASK_SOFT_TIME_LIMIT = 60
CELERY_ALWAYS_EAGER = False
CELERYBEAT_SCHEDULE = {
    'digest': {
        'task': 'posts.tasks.send_digest',
        'schedule': timedelta(hours=24),
    },
}
