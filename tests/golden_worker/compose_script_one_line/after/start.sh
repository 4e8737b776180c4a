#!/bin/sh
if [ "$1" = worker ]; then celery -A config worker -l INFO; exit; fi
exec gunicorn config.wsgi
