from .base import *

CELERY_BROKER_URL = CELERY_BROKER_URL + "production"
