"""The ring of events: bounded, packed, the oldest gives way, and what repeats counts."""

from firmware.diagnostics.event_ring import EventRing
from tests.kit import eq


def rows(ring):
    return [ring.row(number) for number in range(ring.first, ring.last + 1)]


def test_an_empty_ring_has_nothing():
    ring = EventRing(3)
    eq((ring.first, ring.last), (1, 0))
    eq(ring.row(0), None)
    eq(ring.row(1), None)


def test_the_oldest_gives_way():
    ring = EventRing(3)
    for code in range(1, 6):
        ring.add(code, 1001, code * 10, 100 + code)
    eq((ring.first, ring.last), (3, 5))
    eq(rows(ring), [(3, 103, 3, 1, 1001, 30), (4, 104, 4, 1, 1001, 40), (5, 105, 5, 1, 1001, 50)])
    eq(ring.row(2), None)
    eq(ring.row(6), None)


def test_what_comes_again_without_another_in_between_is_one_that_counts():
    ring = EventRing(4)
    for at_s in range(5):
        ring.add(110, 0, at_s, at_s)
    ring.add(110, 7, 0, 9)
    ring.add(110, 0, 1, 10)
    eq(rows(ring), [(1, 4, 110, 5, 0, 4), (2, 9, 110, 1, 7, 0), (3, 10, 110, 1, 0, 1)])


def test_a_count_ends_at_its_highest_and_values_may_be_far_and_negative():
    ring = EventRing(1)
    for _ in range(0x10005):
        ring.add(1, 0xFFFFFFFF, -(1 << 62), 0xFFFFFFFF)
    eq(ring.row(ring.last), (1, 0xFFFFFFFF, 1, 0xFFFF, 0xFFFFFFFF, -(1 << 62)))
