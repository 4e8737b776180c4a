from os import path

__all__ = [
    "path",  # a comment
]

VERSION = 1
