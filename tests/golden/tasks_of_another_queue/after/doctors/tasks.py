from huey.contrib.djhuey import task


@task()
def report():
    pass
