"""What the two interpreters spell differently, once.

`const` folds wire facts at compile time on MicroPython; CPython has no such name. Remember that `_X = const(1)` is
invisible to other modules on MicroPython: a constant that others import has no leading underscore.
"""

try:
    from micropython import const
except ImportError:

    def const(value):
        """Identity on CPython."""
        return value


__all__ = ("const",)
