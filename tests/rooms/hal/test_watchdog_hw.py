"""The hardware watchdog through a start: each piece of a replay feeds it, but not for ever. On a stand-in for machine.WDT."""

from firmware.base import aio
from firmware.hal.watchdog_hw import START_MS_MAX, HardwareWatchdog
from tests.kit import eq


class Wdt:
    made = 0

    def __init__(self):
        Wdt.made += 1
        self.fed = 0

    def feed(self):
        self.fed += 1


def test_a_start_feeds_while_it_goes_on_and_no_longer_than_it_may():
    made = []

    def make():
        made.append(Wdt())
        return made[0]

    async def start():
        watchdog = HardwareWatchdog(make)
        eq((watchdog.started, len(made)), (False, 0))
        watchdog.progress()
        eq((watchdog.started, len(made), made[0].fed), (True, 1, 1))
        await aio.sleep_ms(START_MS_MAX - 1)
        watchdog.progress()
        eq(made[0].fed, 2)
        await aio.sleep_ms(2)
        watchdog.progress()
        eq(made[0].fed, 2, "a replay that goes round for ever must end")
        watchdog.feed()
        eq((made[0].fed, watchdog.fed, len(made)), (3, 3, 1))

    aio.run_virtual(start)
