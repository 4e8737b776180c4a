#!/bin/sh
if [ "$1" = migrate ]; then python manage.py migrate; exit; fi
if [ "$1" = worker ]; then exec celery -A config worker -l INFO; fi
exec gunicorn config.wsgi
