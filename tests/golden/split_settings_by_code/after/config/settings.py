from split_settings.tools import include, optional

# In this order.
COMPONENTS = ['base']

include('celery_settings.py')

include(*[f'components/{name}.py' for name in COMPONENTS], optional('local.py'))
