from django.conf import settings


def broker(request):
    return settings.BROKER_URL
