"""The whole firmware on a virtual clock: fake line, RAM flash, an uplink that a test may open and close. Both interpreters.

    world = World(meters=3)
    world.run(script, for_ms)        script(world) is awaited while the firmware lives
    world.restart()                  a new life on the same flash, line and files

The composition is main.Firmware itself; only the devices of board.make() are replaced.
"""

import json
import os

from firmware.base import aio
from firmware.base.faults import UplinkFault
from firmware.main import Firmware, Site
from tests.fake_site import FakeLine, FakeMeter, bcd
from tests.nor_ram import RamRegion

START_S = 1_790_000_000  # 2026-09-21, a Monday afternoon at UTC+8
UTC_OFFSET_MIN = 480
KEY_HEX = "5a" * 32
REGION_BYTES = 96 * 1024
ROOT = "rooms"  # folder below build/; a long run that must not meet the tests takes its own
ACCOUNTS_MAX = 16  # the journal must hold two snapshots of so many


class NoUplink:
    """Every connection fails at once."""

    async def connect(self, host, port, timeout_ms):
        await aio.sleep_ms(10)
        raise UplinkFault("no uplink")


class FakeRtc:
    """Wall time that goes with the virtual clock."""

    def __init__(self):
        self.at_s = START_S

    def rtc_s(self):
        return self.at_s

    def set_rtc(self, at_s):
        self.at_s = at_s


class Feeding:
    def __init__(self):
        self.fed = 0

    def feed(self):
        self.fed += 1


class FakeConsole:
    """A reader that reads everything unless it is `deaf`; `ask(text)` types, `told` counts lines, `keep` keeps them."""

    def __init__(self):
        self.told = 0
        self.lines = []
        self.keep = False
        self.deaf = False
        self._typed = b""

    def ask(self, text):
        self._typed += text.encode()

    def write(self, text):
        if self.deaf:
            return False
        self.told += 1
        if self.keep:
            self.lines.append(text)
        return True

    def read_into(self, buf):
        n = min(len(buf), len(self._typed))
        buf[:n] = self._typed[:n]
        self._typed = self._typed[n:]
        return n


class FakeBoard:
    """What board.make() returns, for `world`."""

    name = "fake"
    firmware_version = 1
    model_root = "firmware/meters/models"
    journal_bytes = 64 * 1024

    def __init__(self, world):
        self.root = world.root
        self.clock = world.rtc
        self.watchdog = Feeding()
        self.console = world.console
        self.console_streams = world.console_streams
        self.console_bytes_s = world.console_bytes_s
        self._world = world

    def region(self):
        return self._world.region

    def uplink(self, settings):
        return self._world.uplink

    def line(self, baud):
        return FakeLine(self._world.meters, baud)

    def random_bytes(self, count):
        return bytes([7] * count)


def policy(**changes):
    """A policy that lets everything happen at once, unless a test says otherwise."""
    whole = {
        "policy": 1,
        "version": 1,
        "utc_offset_min": UTC_OFFSET_MIN,
        "notice": {"level": "5.00", "period_s": 10, "channels": ["alarm"]},
        "floor": "0.00",
        "restore": "1.00",
        "hours": [{"days": [1, 2, 3, 4, 5, 6, 7], "from": "00:00", "to": "24:00"}],
        "reading_fresh_s": 60,
        "clock_error_max_s": 60,
        "throttle_per_hour": 10,
        "brake": {"accounts_max": 5, "share_percent": 50, "window_s": 86400},
        "offline_right_s": 259200,
        "alarm": True,
    }
    whole.update(changes)
    return whole


class World:
    """Everything that survives a restart: files, flash, meters, wall time."""

    def __init__(
        self, meters=1, model="export_1p", policies=None, flags=None, limits=None, poll_period_s=5, power_w=6_000, prices=None, line=None
    ):
        self.root = self.make_root()
        self.rtc = FakeRtc()
        self.region = self.make_region()
        self.uplink = NoUplink()
        self.meters = [FakeMeter(bcd(n + 1, 5) + b"\x21", 1000 * n, power_w) for n in range(meters)]
        for meter in self.meters:
            meter.clock_s = START_S + UTC_OFFSET_MIN * 60
        self.boots = 0
        self.firmware = None
        self.console = FakeConsole()
        self.console_streams = False  # told unasked, it is half of what a long life computes
        self.console_bytes_s = 6_000
        self._files = (model, policies or [policy()], flags or {}, limits or {}, poll_period_s, prices or {"total": "0.5500"}, line or {})
        self._write_files(*self._files)

    def make_root(self):
        """Where files stand; a World on a board has other files and another flash."""
        return fresh_root()

    def make_region(self):
        return RamRegion(REGION_BYTES, 4096, 32)

    @property
    def gateway(self):
        return self.firmware.gateway

    def slot(self, index=0):
        return self.gateway.slots[index]

    def row(self, field, index=0):
        """One field of the account row behind meter `index`."""
        return self.gateway.ledger.accounts.get(self.slot(index).row, field)

    def balance(self, index=0):
        return self.gateway.ledger.accounts.balance_ucu(self.slot(index).row)

    def credit(self, amount_ucu, index=0, number=None, total=None):
        """A credit of the head-end, as sync hands it over."""
        accounts = self.gateway.ledger.accounts
        row = self.slot(index).row
        number = number or accounts.newest_credit(row, 1) + 1
        place = [p for p in range(4) if accounts.get(row, "issuer_" + str(p)) == 1]
        before = accounts.get(row, "total_" + str(place[0])) if place else 0
        total = before + amount_ucu if total is None else total
        self.gateway.on_credit(self.slot(index).account, 1, number, amount_ucu, total, START_S)

    def run(self, script, for_ms=0, max_virtual_ms=200_000_000):
        """One life: `script(world)` and then `for_ms` more -> what script returned. A task that dies fails the test."""
        kept = []

        async def life():
            self.boots += 1
            for meter in self.meters:
                meter.begin_again()
            board = FakeBoard(self)
            self.firmware = Firmware(board, Site(board), (self.boots, 1))
            life_task = aio.create_task(self.firmware.run())
            clock_task = aio.create_task(self._pass_wall_time())
            kept.append(await script(self))
            await aio.sleep_ms(for_ms)
            if life_task.done():
                await life_task
            await aio.cancel(clock_task)
            await aio.cancel(life_task)

        aio.run_virtual(life, 0, max_virtual_ms)
        return kept[0]

    def power_cut(self):
        """What was not synced is gone."""
        self.region.cut_power()

    async def _pass_wall_time(self):
        while True:
            await aio.sleep_ms(1000)
            self.rtc.at_s += 1

    def write_again(self):
        """Worlds share one folder: the one that lives next writes its files anew."""
        fresh_root()
        self._write_files(*self._files)

    def change_model(self, model):
        """The installer corrects the model in the settings; it counts from the next life on."""
        self._files = (model,) + self._files[1:]
        self._write_files(*self._files)

    def _write_files(self, model, policies, flags, limits, poll_period_s, prices, line):
        rows = []
        for index, meter in enumerate(self.meters):
            text = "".join(["%02x" % byte for byte in reversed(list(meter.address))])
            row = {"account": 1001 + index, "address": text, "model": model, "password_level": 2, "password": "000000"}
            row.update({"tariff": 1, "policy": 1, "protected": False, "care": False, "exempt": False})
            row.update(flags.get(index, {}))
            rows.append(row)
        settings = {"gateway": "gw-test", "uplink": {"host": "127.0.0.1", "port": 1, "keep_alive_s": 60}}
        settings.update({"line": dict(line, baud=2400), "poll_period_s": poll_period_s, "utc_offset_min": UTC_OFFSET_MIN})
        settings.update({"meters": rows, "limits": dict(limits, accounts_max=limits.get("accounts_max", ACCOUNTS_MAX))})
        tariff = {"tariff": 1, "version": 1, "effective": "2026-01-01", "currency": "CNY", "utc_offset_min": UTC_OFFSET_MIN}
        tariff["prices"] = prices
        self._write("settings.json", json.dumps(settings))
        self._write("key", KEY_HEX)
        self._write("tariff_1_1.json", json.dumps(tariff))
        for document in policies:
            name = "policy_%d_%d.json" % (document["policy"], document["version"])
            self._write(name, json.dumps(document))

    def _write(self, name, text):
        with open(self.root + "/" + name, "w") as file:
            file.write(text)


def fresh_root():
    """A folder below build/ with nothing of an earlier test in it; one for each worker and each interpreter."""
    import sys

    root = "build"
    for part in ("", "/" + ROOT + (os.getenv("PYTEST_XDIST_WORKER") or ""), "/" + sys.implementation.name):
        root += part
        try:
            os.mkdir(root)
        except OSError:
            pass  # it is there already
    for name in os.listdir(root):
        os.remove(root + "/" + name)
    return root
