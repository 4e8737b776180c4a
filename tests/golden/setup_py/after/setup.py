from setuptools import setup

setup(
    name="clinic",
    install_requires=[
        "django>=4.2",
        "celery[redis]>=5.4",
    ],
)
