"""A day of the whole firmware on a virtual clock, and its heap at each hour; MicroPython only, one JSON line an hour.

usage: micropython -m tests.scenarios.heap_day HOURS      eight meters, a reading each quarter, an uplink that acknowledges

Each hour two accounts pay a little; that is used up before the next payment, so they are warned, cut and restored all day.
"""

import gc
import json
import sys

from firmware.base import aio
from tests import fake_board
from tests.fake_uplink import FakeUplink

HOUR_MS = 3_600_000
PHASE_MS = 450_000  # between two quarters, when nothing is under way
PAYERS = 2
CUT, RESTORE = 0x1A, 0x1C  # N1 of the order
OPENING_UCU = 500_000_000
PAYMENT_UCU = 2_000_000


def world_of(meters):
    """The world of tests.fake_board with an uplink that answers."""
    fake_board.ROOT = "heap"
    notice = {"level": "1.50", "period_s": 10, "channels": ["alarm"]}
    brake = {"accounts_max": 50, "share_percent": 100, "window_s": 86400}
    policy = fake_board.policy(reading_fresh_s=1800, notice=notice, brake=brake)
    world = fake_board.World(meters=meters, policies=[policy], poll_period_s=900, power_w=6_000)
    world.uplink = FakeUplink("gw-test", bytes([0x5A] * 32), world.rtc.rtc_s)
    return world


class Payments:
    """Credits through the uplink, each total kept by number."""

    def __init__(self, world):
        self._world = world
        self._totals = [0] * len(world.meters)
        self._numbers = [0] * len(world.meters)

    def pay(self, index, amount_ucu):
        self._totals[index] += amount_ucu
        self._numbers[index] += 1
        credit = {1: 1001 + index, 2: 1, 3: self._numbers[index], 4: amount_ucu, 5: self._totals[index], 6: self._world.rtc.at_s}
        self._world.uplink.send("credits", credit)

    def agree(self):
        """True when the books hold every credit."""
        accounts = self._world.gateway.ledger.accounts
        return [accounts.get(row, "total_0") for row in range(accounts.count)] == self._totals


def heap():
    gc.collect()
    gc.collect()
    return gc.mem_alloc()


def switched(world):
    """Cuts and restores that meters took since the last look; the meters forget them, their list is not the firmware's."""
    cuts = restores = 0
    for meter in world.meters:
        cuts += len([order for order in meter.orders if order == CUT])
        restores += len([order for order in meter.orders if order == RESTORE])
        meter.orders = []
    return cuts, restores


async def day(world, hours):
    payments = Payments(world)
    await aio.sleep_ms(PHASE_MS)
    for index in range(len(world.meters)):
        payments.pay(index, OPENING_UCU if index >= PAYERS else PAYMENT_UCU)
    for hour in range(hours + 1):
        ledger = world.gateway.ledger
        cuts, restores = switched(world)
        told = {"hour": hour, "heap": heap(), "cuts": cuts, "restores": restores, "sequence": ledger.sequence, "held": world.uplink.held}
        told["readings"], told["readings_held"] = ledger.readings.last_number, world.uplink.readings_held
        told["sound"] = ledger.sound
        told["credits_agree"] = hour == 0 or payments.agree()
        print(json.dumps(told))
        if hour == hours:
            return
        await aio.sleep_ms(HOUR_MS // 2)
        for index in range(PAYERS):
            payments.pay(index, PAYMENT_UCU)
        await aio.sleep_ms(HOUR_MS // 2)


def main(hours):
    world = world_of(8)
    world.run(lambda w: day(w, hours))


if __name__ == "__main__":
    main(int(sys.argv[1]))
