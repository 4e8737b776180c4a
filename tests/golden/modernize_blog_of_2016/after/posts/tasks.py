from celery import shared_task
from celery.utils.log import get_task_logger

logger = get_task_logger(__name__)


@shared_task
def send_digest():
    logger.info('digest')


@shared_task(ignore_result=True, name='posts.ping')
def ping(url):
    # a local name is none of Celery's
    task = url.lower()
    return task


@shared_task(ignore_result=True)
def clean_up():
    logger.info('clean')
