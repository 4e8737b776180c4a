import os

SECRET_KEY = "x"
INSTALLED_APPS = ["doctors"]
CELERY_BROKER_URL = "amqp://{}:{}@{}".format(os.environ["MQ_USER"], os.environ["MQ_PASSWORD"], os.environ["MQ"])
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 20
