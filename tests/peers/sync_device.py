"""A gateway's uplink alone, on either interpreter: the real Sync and sockets over made-up books; tells what happens.

usage: OPTIONS=JSON sync_device.py     (MicroPython takes no argument over 255 bytes)
    {"host", "port", "resolver_port", "seconds", "limits", "records", "readings", "record_every_ms", "storage_faults",
    "tls": {"root", "ca", "name", "certificate", "key"}, "credits"}      ends when so many credits came and all records are held
One JSON object a line: report, credit, order, ack, record, trouble, end. A ticker of 20 ms beside it shows whether the uplink
ever holds the loop: its longest gap and its number of turns are in `end`.
"""

import json
import os
import sys
import time

from firmware.base import aio, ticks
from firmware.base.faults import StorageFault
from firmware.base.limits import Limits
from firmware.sync.sync_task import Sync

TICK_MS = 20
RECORD_BYTES = 60


def tell(**what):
    what["at_ms"] = time.time_ns() // 1_000_000
    print(json.dumps(what))
    if hasattr(sys.stdout, "flush"):
        sys.stdout.flush()


class Books:
    """Source and handler: records are blank, credits are kept by number."""

    def __init__(self, options):
        self.records = options.get("records", 0)
        self.readings = options.get("readings", 0)
        self.acked = 0
        self.readings_acked = 0
        self.storage_faults = options.get("storage_faults", 0)
        self.credits = 0

    def positions(self):
        return self.acked, self.records, self.readings_acked, self.readings

    def journal_from(self, sequence, max_bytes):
        if sequence > self.records:
            return None
        last = min(self.records, sequence + max_bytes // RECORD_BYTES - 1)
        return 1, sequence, bytes(8), [bytes(RECORD_BYTES)] * (last - sequence + 1)

    def readings_from(self, number, max_bytes):
        last = min(self.readings, number + max_bytes // 30 - 1)
        return [(n, 7, 1_700_000_000, 3, 0, [n, None], None, 0) for n in range(number, last + 1)]

    def status(self):
        return {
            2: 1,
            3: self.records,
            4: bytes(8),
            5: 1,
            6: 1,
            7: 1_700_000_000,
            8: 3,
            9: self.records - self.acked,
            10: self.readings - self.readings_acked,
            12: 0,
            14: 0,
            15: False,
        }

    def on_credit(self, *credit):
        if self.storage_faults:
            self.storage_faults -= 1
            raise StorageFault("made up")
        self.credits += 1
        tell(credit=credit)

    def on_order(self, *order):
        tell(order=order[:6])

    def on_acks(self, ack):
        self.acked = max(self.acked, ack.sequence)
        self.readings_acked = max(self.readings_acked, ack.readings)
        tell(ack=ack.sequence, readings=ack.readings, fresh=ack.fresh)


class Ticker:
    """The rest of the firmware, as far as the uplink may notice: something that wants a turn in each period of 20 ms."""

    def __init__(self):
        self.turns = 0
        self.longest_gap_ms = 0

    async def run(self):
        last_ms = due_ms = aio.now_ms()
        while True:
            while ticks.reached(aio.now_ms(), due_ms):
                due_ms = ticks.add(due_ms, TICK_MS)  # a turn that was held up for a whole period is lost
            await aio.sleep_ms(ticks.diff(due_ms, aio.now_ms()))
            now_ms = aio.now_ms()
            self.longest_gap_ms = max(self.longest_gap_ms, ticks.diff(now_ms, last_ms))
            self.turns += 1
            last_ms = now_ms


class Tls:
    """settings.tls, and the settings it stands in."""

    def __init__(self, given):
        self.tls = self if given else None
        self.ca = given.get("ca")
        self.name = given.get("name")
        self.certificate = given.get("certificate")
        self.key = given.get("key")


def uplink_of_unix(options):
    """The sockets of the unix board, with TLS when it is asked for."""
    from firmware.hal.clock_unix import UnixClock
    from firmware.hal.tls_stream import with_tls
    from firmware.hal.uplink_socket import SocketUplink

    resolver = options.get("resolver_port")
    given = options.get("tls", {})
    return with_tls(SocketUplink([("127.0.0.1", resolver)] if resolver else []), Tls(given), given.get("root"), UnixClock())


async def main(options, uplink):
    """Run Sync over `uplink` for options["seconds"]."""
    books = Books(options)
    beats = [0]

    def heartbeat():
        beats[0] += 1

    def report(code, value):
        tell(report=code, value=value)

    limits = Limits(**options.get("limits", {}))
    arguments = (options["host"], options["port"], "gw1", bytes(range(32)), limits, books, books)
    sync = Sync(uplink, *(arguments + (os.urandom, heartbeat, report)))
    ticker = Ticker()
    tasks = [aio.create_task(ticker.run())]
    if not options.get("idle"):
        tasks.append(aio.create_task(sync.run()))
    every_ms = options.get("record_every_ms", 0)
    trouble = None
    deadline_ms = ticks.add(aio.now_ms(), options["seconds"] * 1_000)
    while not ticks.reached(aio.now_ms(), deadline_ms):
        await aio.sleep_ms(every_ms or 100)
        if books.credits == options.get("credits") and books.acked == books.records:
            break
        if sync.trouble != trouble:
            trouble = sync.trouble
            tell(trouble=trouble)
        if every_ms and sync.gate_open:
            books.records += 1
            tell(record=books.records)
            sync.wake()
    counters = {str(code): value for code, value in sync.counters.as_map().items()}
    window = {"window": limits.mqtt_in_flight_max, "in_flight": sync.in_flight()}
    tell(end=True, gap_ms=ticker.longest_gap_ms, turns=ticker.turns, beats=beats[0], counters=counters, **window)
    for task in tasks:
        await aio.cancel(task)


if __name__ == "__main__":
    options = json.loads(os.getenv("OPTIONS"))
    aio.run(main(options, uplink_of_unix(options)))
