#!/usr/bin/env python
import os
import sys


def main():
    if os.environ.get("PROD"):
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.production")
    else:
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
