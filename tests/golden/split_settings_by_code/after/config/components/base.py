SECRET_KEY = "x"
INSTALLED_APPS = ["django.contrib.contenttypes", "doctors"]
TIME_ZONE = "UTC"
DATABASES = {}
