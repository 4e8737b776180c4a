#!/bin/sh
case "$1" in web) exec gunicorn config.wsgi ;; worker) exec celery -A config worker "$@" ;; esac
