a = b = 1
__all__ = "a", "b"
