"""Figures of the heap, on the board: one composition with many accounts, what one poll allocates, what a collection costs."""

import gc
import json
import time

import micropython

from firmware.base import aio, questions
from firmware.meters.dlt645 import frame
from firmware.meters.dlt645.protocol import Dlt645Protocol
from firmware.meters.model import Meter

ANSWER = 0x91
STATUS = bytes((3, 5, 0, 4, 0, 0))  # the identifier, low byte first, and status word 3
REGISTER = bytes((0, 0, 1, 0, 0x56, 0x34, 0x12, 0))
COLLECTIONS = 5


class Asleep:
    """Stands for the watchdog: counted instructions make a slow board, and nobody feeds it at the prompt."""

    def feed(self):
        pass

    progress = feed


def used():
    """Bytes in use."""
    gc.collect()
    gc.collect()
    return gc.mem_alloc()


def largest_hole():
    """Bytes of the largest block that can be had now."""
    low, high = 0, gc.mem_free()
    while high - low > 64:
        middle = (low + high) // 2
        try:
            hole = bytearray(middle)
        except MemoryError:
            high = middle
            continue
        del hole
        gc.collect()
        low = middle
    return low


def tell(**figures):
    """One line of JSON; the firmware prints others."""
    print("heap_story " + json.dumps(figures))


def compose():
    """main.Firmware as the settings on this board want it, and the heap that it takes."""
    from board_configs.qemu_mps2.board import make
    from firmware.main import Firmware, Site

    code = used()
    board = make()
    board.watchdog = Asleep()
    began_ms = time.ticks_ms()
    firmware = Firmware(board, Site(board), (1, 1))
    tell(code=code, used=used(), hole=largest_hole(), free=gc.mem_free(), ms=time.ticks_diff(time.ticks_ms(), began_ms))
    return firmware


def live(seconds, reserve):
    """So many seconds of its life, `reserve` bytes taken by somebody else; then the heap once more."""
    firmware = compose()
    taken = [bytearray(1024) for _ in range(reserve // 1024)]

    async def life():
        task = aio.create_task(firmware.run())
        await aio.sleep_ms(seconds * 1000)
        read = len([slot for slot in firmware.gateway.slots if slot.reading is not None])
        tell(lived=True, used=used() - len(taken) * 1024, free=gc.mem_free(), read=read, accounts=firmware.gateway.ledger.accounts.count)
        await aio.cancel(task)

    aio.run(life())


def polls(seconds):
    """What so many seconds of a life leave to be collected, and how many readings were taken meanwhile."""
    firmware = compose()
    gateway = firmware.gateway

    async def life():
        task = aio.create_task(firmware.run())
        while not all(slot.reading is not None and slot.enforceable for slot in gateway.slots):
            await aio.sleep_ms(100)
        await aio.sleep_ms(2_000)
        gc.threshold(-1)
        gc.collect()
        gc.disable()
        number, before = gateway.ledger.readings.last_number, gc.mem_alloc()
        await aio.sleep_ms(seconds * 1000)
        tell(polls=gateway.ledger.readings.last_number - number, bytes=gc.mem_alloc() - before, seconds=seconds)
        gc.enable()
        await aio.cancel(task)

    aio.run(life())


def pauses():
    """Milliseconds of a collection with all this in use."""
    firmware = compose()
    found = []
    for _ in range(COLLECTIONS):
        began_us = time.ticks_us()
        gc.collect()
        found.append(time.ticks_diff(time.ticks_us(), began_us))
    tell(pause_us=sorted(found)[COLLECTIONS // 2], free=gc.mem_free(), slots=len(firmware.gateway.slots))


def exchanges(model):
    """One read of a register and of the status word without a byte of heap: request made, answer taken, value there."""
    protocol = Dlt645Protocol()
    meter = Meter(bytes((1, 0, 0, 0, 0, 0x21)), model)
    model.block_reads = False
    answers = bytearray(64)
    good = True
    told = []
    for question, data in ((questions.READ_ENERGY, REGISTER), (questions.READ_STATUS, STATUS)):
        end = frame.encode_frame_into(answers, 0, meter.serial, ANSWER, data, len(data))
        micropython.heap_lock()
        try:
            for _ in range(3):
                protocol.begin(question, meter)
                frame.encode_frame_into(answers, 0, meter.serial, ANSWER, data, len(data))
                protocol.feed(answers, 0, end)
                good = protocol.next_event() == questions.DONE and good
        finally:
            micropython.heap_unlock()
        told.append((protocol.registers[0], protocol.status_word))
    tell(good=good, told=told)
