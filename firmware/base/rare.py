"""Code that is needed seldom: loaded for one call and let go again. On a board the readers of people's documents are a tenth of the
heap's code, and a document comes once a month.

    parse_settings = Rare("firmware.settings.settings", "parse_settings")
    settings = parse_settings(text)

Every module that the call brought goes with it, so what is returned must be of classes whose modules others have loaded before;
an object keeps its class, but the next call would make another one. CPython keeps what it has loaded: it has room.

Trap avoided: a package holds its modules as attributes, too; without taking these away nothing is freed.
"""

import sys

_LETS_GO = sys.implementation.name == "micropython"


class Rare:
    """A function of a module, by their names."""

    def __init__(self, module, function):
        self._module = module
        self._function = function

    def __call__(self, *arguments):
        known = list(sys.modules)
        try:
            __import__(self._module)
            return getattr(sys.modules[self._module], self._function)(*arguments)
        finally:
            if _LETS_GO:
                _let_go(known)


def _let_go(known):
    for name in list(sys.modules):
        if name not in known and "." in name:
            del sys.modules[name]
            package, _, last = name.rpartition(".")
            if package in sys.modules and hasattr(sys.modules[package], last):
                delattr(sys.modules[package], last)
