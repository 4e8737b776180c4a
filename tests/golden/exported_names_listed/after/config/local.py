from config.settings import *

DEBUG = False
