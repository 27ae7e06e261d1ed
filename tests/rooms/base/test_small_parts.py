"""Limits, CRC, mailbox and tick arithmetic."""

from firmware.base import crc, ticks
from firmware.base.faults import BadInput, Broken
from firmware.base.limits import Limits, limit_names
from firmware.base.mailbox import Mailbox
from tests.kit import cases, eq, raises

PERIOD = 1 << 30


def test_limits_are_varied_for_one_instance_only():
    eq(Limits(poll_period_ms=5, read_retries=0).poll_period_ms, 5)
    eq(Limits().poll_period_ms, 900_000)
    eq("poll_period_ms" in limit_names() and "__init__" not in limit_names(), True)


def test_wrong_limits_are_refused_by_name():
    def check(name, value):
        eq(raises(BadInput, Limits, **{name: value}).field, name)

    cases((("polls", 1), ("__init__", 1), ("read_retries", -1), ("read_retries", True), ("read_retries", 1.0)), check)
    cases((("read_retries", "2"), ("read_retries", None)), check)


def test_crc_is_that_of_the_window():
    eq(crc.crc32(b"123456789", 0, 9), 0xCBF43926)
    buf = bytearray(b"xx123456789yy")
    eq(crc.crc32(buf, 2, 11), 0xCBF43926)
    eq(crc.crc32(buf, 6, 11, crc.crc32(buf, 2, 6)), 0xCBF43926)
    eq(crc.crc32(buf, 5, 5), 0)


def test_a_crc_tells_each_single_flipped_bit_and_takes_no_two_for_one():
    whole = b"xx" + bytes([n * 37 & 0xFF for n in range(60)]) + b"yy"
    stored = crc.crc32(whole, 2, 62)
    for bit in range(60 * 8):
        buf = bytearray(whole)
        buf[2 + bit // 8] ^= 1 << bit % 8
        eq((crc.mend_one_bit(buf, 2, 62, stored), bytes(buf)), (True, whole), "bit %d" % bit)
    for first, second in ((0, 1), (3, 300), (478, 479)):
        buf = bytearray(whole)
        buf[2 + first // 8] ^= 1 << first % 8
        buf[2 + second // 8] ^= 1 << second % 8
        hurt = bytes(buf)
        eq((crc.mend_one_bit(buf, 2, 62, stored), bytes(buf)), (False, hurt))
    buf = bytearray(whole)
    buf[2] ^= 1
    eq(crc.mend_one_bit(buf, 2, 62, stored, 1), False, "a spared byte stays as it is")
    eq([crc.is_one_bit(difference) for difference in (0, 1, 0x80000000, 3, 0xFFFFFFFF)], [False, True, True, False, False])


def test_mailbox_keeps_order_refuses_when_full_and_counts():
    box = Mailbox(3, "orders")
    eq(box.get(), None)
    for turn in range(5):
        eq([box.put((turn, n)) for n in range(4)], [True, True, True, False])
        eq(len(box), 3)
        eq(box.peek(), (turn, 0))
        eq([box.get() for _ in range(4)], [(turn, 0), (turn, 1), (turn, 2), None])
    eq(box.peek(), None, "a taken item is not kept alive")
    eq((box.name, box.dropped, len(box)), ("orders", 5, 0))
    raises(Broken, box.put, None)
    raises(Broken, Mailbox, 0)


def test_mailbox_allocates_nothing():
    box = Mailbox(4)
    item = "item"
    try:
        from micropython import heap_lock, heap_unlock
    except ImportError:

        def heap_lock():
            pass

        heap_unlock = heap_lock
    heap_lock()
    try:
        for _ in range(10):
            box.put(item)
            box.get()
    finally:
        heap_unlock()
    eq(len(box), 0)


def test_ticks_wrap_at_two_to_the_thirtieth():
    def check(a, n, total):
        eq(ticks.add(a, n), total)
        eq(ticks.diff(total, a), n)
        eq(ticks.diff(a, total), -n)

    top = PERIOD - 1
    cases(((0, 0, 0), (top, 1, 0), (0, -1, top), (5, 10, 15), (top - 9, 20, 10), (10, -20, PERIOD - 10)), check)
    half = PERIOD // 2
    eq((ticks.diff(half, 0), ticks.diff(0, half)), (-half, -half))
    cases(((0, half - 1, half - 1), (top, half - 1, half - 2), (0, 1 - half, half + 1), (half, half - 1, top)), check)


def test_deadline_is_reached_across_the_wrap():
    eq(ticks.reached(PERIOD - 1, 0), False)
    eq(ticks.reached(0, PERIOD - 1), True)
    eq(ticks.reached(7, 7), True)
