from configurations import Configuration

class Base(Configuration): SECRET_KEY = "x"; INSTALLED_APPS = ["django.contrib.contenttypes", "doctors"]


class Dev(Base):
    DEBUG = True
