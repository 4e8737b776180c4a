from config.components import config

SECRET_KEY = config('SECRET_KEY')
INSTALLED_APPS = ['doctors']
TIME_ZONE = 'UTC'
