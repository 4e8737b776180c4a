#!/bin/sh
python manage.py migrate
exec gunicorn config.wsgi
