from config.components import config

SECRET_KEY = config('SECRET_KEY', default='x')
INSTALLED_APPS = ['doctors']
TIME_ZONE = 'UTC'
