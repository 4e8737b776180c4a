#!/bin/sh
while true; do
  celery -A config worker -Q slow
done
