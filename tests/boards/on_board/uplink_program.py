"""The uplink of the emulated board as its settings make it, under the real Sync over made-up books; tells what happens.

usage: run(options)       as tests/peers/sync_device.py, and "modem": {"apn", ...}. Besides what sync_device tells: `heap` in bytes,
                          before the uplink is made, when it is connected, and at the end.
       judge(options)     {"host", "modem", "cases": [[port, tls, clock], ...]}: connects once for each and tells the sentence of the
                          fault, None when there is none, and what the clock says then. clock: "lost" begins it in 2000.
"""

import gc
import json
import time

import machine

from board_configs.qemu_mps2.board import make
from firmware.base import aio
from firmware.base.faults import UplinkFault
from firmware.hal import tls_micropython
from firmware.hal.tls_stream import with_tls
from tests.peers import sync_device


class Settings:
    """settings.tls and settings.modem of a Settings object."""

    def __init__(self, options):
        given = options["modem"]
        self.tls = sync_device.Tls(options.get("tls", {})).tls
        self.modem = self
        self.apn = given["apn"]
        self.pin = given.get("pin")
        self.user = given.get("user")
        self.password = given.get("password")


class Weighed:
    """An uplink that tells what a connection costs in heap, and how long it took."""

    def __init__(self, uplink):
        self._uplink = uplink

    async def connect(self, host, port, timeout_ms):
        begun_ms = aio.now_ms()
        stream = await self._uplink.connect(host, port, timeout_ms)
        sync_device.tell(connect_ms=aio.now_ms() - begun_ms)
        weigh("connected")
        return stream


def weigh(when):
    gc.collect()
    sync_device.tell(heap=gc.mem_alloc(), free=gc.mem_free(), when=when)


def run(text):
    """Options as JSON; ends with the line {"end": ...}."""
    options = json.loads(text)
    weigh("before")
    board = make()
    uplink = board.uplink(Settings(options))
    weigh("made")
    aio.run(sync_device.main(options, Weighed(uplink)))
    weigh("after")
    sync_device.tell(rtc=board.clock.rtc_s())


class Stopwatch(tls_micropython.Session):
    """A session whose steps are timed."""

    steps_us = []

    def step(self):
        begun_us = time.ticks_us()
        try:
            return super().step()
        finally:
            Stopwatch.steps_us.append(time.ticks_diff(time.ticks_us(), begun_us))


def judge(text):
    """Options as JSON; a line for each case, then {"end": ...}."""
    options = json.loads(text)
    tls_micropython.Session = Stopwatch
    board = make()
    modem = board.uplink(Settings({"modem": options["modem"]}))

    async def all_cases():
        ticker = sync_device.Ticker()
        beside = aio.create_task(ticker.run())
        for port, tls, clock in options["cases"]:
            if clock == "lost":
                machine.RTC().datetime((2000, 1, 1, 5, 0, 0, 0, 0))
            uplink = with_tls(modem, Settings({"modem": options["modem"], "tls": tls}), board.root, board.clock)
            sentence = None
            try:
                stream = await uplink.connect(options["host"], port, 10_000)
                stream.close()
            except UplinkFault as fault:
                sentence = str(fault)
            sync_device.tell(sentence=sentence, rtc=board.clock.rtc_s(), steps_us=list(Stopwatch.steps_us))
            Stopwatch.steps_us.clear()
            del uplink
        await aio.cancel(beside)
        gc.collect()
        sync_device.tell(end=True, gap_ms=ticker.longest_gap_ms, dialled=modem.dialled, heap=gc.mem_alloc())

    aio.run(all_cases())
