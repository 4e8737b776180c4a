from .base import *

BROKER_URL = BROKER_URL + "production"
