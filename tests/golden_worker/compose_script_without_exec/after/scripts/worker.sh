#!/bin/sh
set -e
python wait.py
exec celery -A config worker \
  -l INFO
