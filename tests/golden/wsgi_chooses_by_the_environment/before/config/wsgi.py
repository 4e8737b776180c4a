import os

if os.environ.get("PROD"):
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.production")
else:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
