#!/bin/sh
set -e

case "$1" in
  web)
    exec gunicorn config.wsgi
    ;;
  worker)
    python wait.py
    celery -A config worker \
      -l INFO
    ;;
  *)
    exec "$@"
    ;;
esac
