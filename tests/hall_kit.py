"""What the tests of the hall do again and again with a World (tests/fake_board.py). Both interpreters."""

from firmware.base import aio
from firmware.base.reading import Reading
from firmware.ledger.record import values_of


async def until(condition, within_ms=600_000):
    """Wait until condition() holds -> True, or False when the time is over."""
    for _ in range(within_ms // 100):
        if condition():
            return True
        await aio.sleep_ms(100)
    return False


def alone(world, script):
    """Run `script(world)` at once, before the bus has read anything."""

    async def life(world):
        for meter in world.meters:
            meter.silent = True
        return script(world)

    return world.run(life)


def in_contact(world):
    """The head-end spoke a moment ago."""
    world.gateway.head_end.last_contact_s = world.rtc.at_s


def charged(world):
    return world.row("total_charged_ucu")


def records(world, kind):
    """Raw records of one kind, oldest first."""
    found = []
    ledger = world.gateway.ledger
    sequence = 1
    while sequence <= ledger.sequence:
        _, first, _, batch = ledger.outbox.journal_from(sequence, 1_000_000)
        found += [raw for raw in batch if raw[1] == kind]
        sequence = first + len(batch)
    return found


def told(world, kind):
    """Their fields."""
    return [values_of(raw, 0, len(raw)) for raw in records(world, kind)]


def read(world, at_s, registers, rates=0, index=0):
    """A reading as the bus hands it over, at a time of the test's choice -> the reading."""
    reading = Reading(index, world.slot(index).serial)
    reading.at_s, reading.quality, reading.rates, reading.status_word = at_s, 3, rates, 0
    reading.registers[: len(registers)] = registers
    world.rtc.at_s = at_s
    world.gateway.clock._set(3, at_s, world.gateway._ticks_ms(), 0)
    world.gateway.on_reading(reading)
    return reading


def only_the_window_counts(world):
    """Three accounts due through corrections would close the brake as well (test_causes.py)."""
    world.gateway.supply.causes.on_correction = lambda: None
