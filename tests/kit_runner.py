"""Runs the test_* functions of one module under MicroPython; tests/conftest.py starts it and reads its lines.

usage: micropython -m tests.kit_runner tests.rooms.base.test_crc

Each line for the reader is marked, so a test may print what it likes; a traceback is one line of JSON text. A start
line goes before each test: when the process dies or hangs, the reader knows in which one.
"""

import io
import json
import sys
import time

MARK = "@kit "


def tell(*parts):
    """One machine-readable line, on its own line whatever a test printed before."""
    print("\n" + MARK + json.dumps(parts))


def traceback_of(fault):
    """The traceback as text."""
    text = io.StringIO()
    sys.print_exception(fault, text)
    return text.getvalue()


def run_one(name, test):
    """Run one test and tell its verdict; a SystemExit in a test is a failure too, only Ctrl-C ends the run."""
    tell("start", name)
    began_ms = time.ticks_ms()
    trouble = None
    try:
        returned = test()
        if returned is not None:
            trouble = "returned %r: a test returns nothing (was it a generator or a coroutine?)" % (returned,)
    except KeyboardInterrupt:
        raise
    except BaseException as fault:
        trouble = traceback_of(fault)
    tell("end", name, time.ticks_diff(time.ticks_ms(), began_ms), trouble)


def main(module_name):
    """Import the module, run its tests in the order of their names, tell how it went."""
    module = __import__(module_name)
    for part in module_name.split(".")[1:]:
        module = getattr(module, part)
    names = sorted(name for name in dir(module) if name.startswith("test_") and callable(getattr(module, name)))
    tell("names", names)
    for name in names:
        run_one(name, getattr(module, name))
    tell("done")


if __name__ == "__main__":
    main(sys.argv[1])
