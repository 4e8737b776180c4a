from celery import task
from celery.decorators import periodic_task
from celery.task.schedules import crontab
from celery.utils.log import get_task_logger

logger = get_task_logger(__name__)


@task
def send_digest():
    logger.info('digest')


@task(ignore_result=True, name='posts.ping')
def ping(url):
    # a local name is none of Celery's
    task = url.lower()
    return task


@periodic_task(run_every=crontab(hour=3, minute=30), ignore_result=True)
def clean_up():
    logger.info('clean')
