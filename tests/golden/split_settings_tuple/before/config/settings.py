from os import environ

from split_settings.tools import include as take, optional

_ENV = environ.get('DJANGO_ENV', 'dev')

_parts = (
    'components/base.py',
    # the environment
    f'environments/{_ENV}.py',
    optional('environments/local.py'),
)

take(*_parts)
