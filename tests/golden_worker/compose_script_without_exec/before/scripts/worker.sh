#!/bin/sh
set -e
python wait.py
celery -A config worker \
  -l INFO
