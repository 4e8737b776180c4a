from config import base

settings = {name: value for name, value in vars(base).items() if name.isupper()}

globals().update(settings)
