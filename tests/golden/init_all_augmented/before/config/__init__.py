__all__ = ["a"]
__all__ += ["b"]
a = b = 1
