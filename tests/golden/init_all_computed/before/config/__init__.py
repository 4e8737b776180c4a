import os

__all__ = [n for n in ["os"]]
