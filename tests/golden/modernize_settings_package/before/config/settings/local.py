from .base import *

CELERY_ALWAYS_EAGER = True
