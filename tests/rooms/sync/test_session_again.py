"""A publish that goes again on a later connection: its age counts from there, and its DUP stays."""

from firmware.base.limits import Limits
from firmware.sync import counters as count
from firmware.sync import session as s
from tests.kit import eq

UP = [(b"pg1/g/up/journal", False, True), (b"pg1/g/up/readings", False, False), (b"pg1/g/up/status", True, False)]
DOWN = (b"pg1/g/down/credits", b"pg1/g/down/orders", b"pg1/g/down/acks")
STATUS = 2
STATUS_AGAIN = 0x3B  # PUBLISH, DUP, QoS 1, retain


def written(session, now_ms):
    """The first bytes of all that waits to be written."""
    firsts = []
    while session.output() is not None:
        buf, start, end = session.output()
        firsts.append(buf[start])
        session.wrote(end - start, now_ms)
    return firsts


def connect(session, now_ms, present):
    """Up to CONNACK; with `present` 0 the filters are subscribed, too."""
    session.on_connected(now_ms)
    written(session, now_ms)
    session.feed(bytes((0x20, 2, present, 0)), 0, 4, now_ms)
    for packet_id in (1, 2, 3) if not present else ():
        written(session, now_ms)
        session.feed(bytes((0x90, 3, 0, packet_id, 1)), 0, 5, now_ms)
    eq(session.state, s.OPEN)


def test_what_left_long_ago_does_not_close_the_connection_on_which_it_goes_again():
    session = s.Session(Limits(mqtt_puback_timeout_ms=2_000), b"g", UP, DOWN, (b"w", b"x"), count.SyncCounters())
    connect(session, 0, 0)
    session.publish(STATUS, b"said before the link died")
    written(session, 0)
    session.on_closed(count.CLOSED_LINK_FAULT)
    connect(session, 60_000, 1)
    session.on_tick(60_000)
    eq(session.state, s.OPEN)
    eq(written(session, 60_000), [STATUS_AGAIN])
    session.on_tick(62_000)
    eq(session.state, s.CLOSED)


def test_what_has_left_once_bears_dup_also_when_the_next_connection_ends_before_it_is_written():
    session = s.Session(Limits(), b"g", UP, DOWN, (b"w", b"x"), count.SyncCounters())
    connect(session, 0, 0)
    session.publish(STATUS, b"said before the link died")
    written(session, 0)
    session.on_closed(count.CLOSED_LINK_FAULT)
    connect(session, 100, 1)
    session.on_closed(count.CLOSED_LINK_FAULT)
    connect(session, 200, 1)
    eq(written(session, 200), [STATUS_AGAIN])
