from split_settings.tools import include, optional

include(
    'components/base.py',
    'components/celery.py',
    optional('local.py'),
)
