#!/bin/sh
if grep -q web /etc/role; then
  exec gunicorn config.wsgi
fi
exec celery -A config worker -l INFO
