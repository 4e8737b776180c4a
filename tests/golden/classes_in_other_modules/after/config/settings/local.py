from .common import Common


class Local(Common):
    INSTALLED_APPS = Common.INSTALLED_APPS
    DEBUG = True
