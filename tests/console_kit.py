"""What the tests of the console do again and again with a World (tests/fake_board.py). Both interpreters."""

import gc
import json

from tests.hall_kit import until
from tests.kit import eq


def quiet(world):
    """A board that says nothing unasked; its console keeps what it says."""
    gc.collect()  # the world before left a flash of 96 KB
    world.console_streams = False
    world.console.keep = True
    return world


async def answer(world, request, within_ms=60_000):
    """The lines of one answer, its last one included."""
    if type(request) is dict:
        request = json.dumps(request) + "\n"
    del world.console.lines[:]
    world.console.ask(request)
    eq(await until(lambda: any('"end"' in line for line in world.console.lines), within_ms), True, request[:60])
    return [json.loads(line) for line in world.console.lines]


def part(lines, name):
    return [line[name] for line in lines if name in line]
