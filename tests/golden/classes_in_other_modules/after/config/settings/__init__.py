from .local import Local
from .production import Production
