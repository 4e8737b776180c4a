#!/bin/sh
if [ "$ROLE" = "slow" ]; then
  celery -A config worker -Q slow
  echo "ended"
else
  exec gunicorn config.wsgi
fi
