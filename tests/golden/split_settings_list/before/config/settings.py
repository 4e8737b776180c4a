from split_settings.tools import include, optional

include(
    'components/base.py',
    optional('local.py'),
)
