"""Incoming messages: authentic and well-formed ones reach the handler, all others are counted by cause and change
nothing.
"""

from firmware.base.faults import Refused, StorageFault
from firmware.base.wire import cbor
from firmware.sync import counters as count
from firmware.sync.dispatch import Dispatcher, Seal
from tests.kit import eq, raises

TOPICS = (b"pg1/g/down/credits", b"pg1/g/down/orders", b"pg1/g/down/acks")
KEY = bytes(range(32))
CREDIT = {1: 7, 2: 1, 3: 1, 4: 5, 5: 5, 6: 0}
ORDER = {1: 3, 2: 7, 3: 1, 4: 0, 5: 0, 6: 0, 7: None}
ACK = {1: 1, 2: 40, 3: bytes(8), 4: bytes(8), 5: 12, 6: 0, 7: None, 8: 0, 9: None, 10: None}


class Recorder:
    """Handler and sender in one: remembers the order of the calls."""

    def __init__(self):
        self.calls = []
        self.fault = None

    def on_credit(self, *credit):
        if self.fault:
            raise self.fault
        self.calls.append(("credit", credit))

    def on_order(self, *order):
        self.calls.append(("order", order))

    def on_acks(self, ack):
        self.calls.append(("acks", ack.sequence))

    def judge(self, ack, now_ms):
        self.calls.append(("judge", now_ms))

    def on_ack(self, ack, now_ms):
        self.calls.append(("sender", ack.sequence))


def make():
    recorder, reports, counters = Recorder(), [], count.SyncCounters()

    def report(code, value):
        reports.append((code, value))

    dispatcher = Dispatcher(TOPICS, Seal(b"g", KEY), recorder, recorder, counters, report)
    return dispatcher, recorder, reports


def sealed(topic, value, name=b"g", key=KEY):
    return Seal(name, key).close(topic, cbor.encode(value))


def test_each_topic_reaches_its_handler():
    dispatcher, recorder, reports = make()
    eq(dispatcher.handle(TOPICS[0], sealed(TOPICS[0], CREDIT), 1), True)
    eq(dispatcher.handle(TOPICS[1], sealed(TOPICS[1], ORDER), 2), True)
    eq(dispatcher.last_ack_ms, None)
    eq(dispatcher.handle(TOPICS[2], sealed(TOPICS[2], ACK), 3), True)
    eq(dispatcher.last_ack_ms, 3)
    eq(
        recorder.calls,
        [
            ("credit", (7, 1, 1, 5, 5, 0)),
            ("order", (3, 7, 1, 0, 0, 0, None)),
            ("judge", 3),
            ("acks", 40),
            ("sender", 40),
        ],
    )
    eq(reports, [])


def test_poison_is_garbage_by_cause_and_never_reaches_the_handler():
    good = sealed(TOPICS[0], CREDIT)
    for topic, payload, cause in (
        (b"pg1/g/down/other", good, count.POISON_TOPIC),
        (b"pg1/h/down/credits", good, count.POISON_TOPIC),
        (TOPICS[0], b"", count.POISON_NOT_COSE),
        (TOPICS[0], b"\xff\xff", count.POISON_NOT_COSE),
        (TOPICS[0], cbor.encode(CREDIT), count.POISON_NOT_COSE),
        (TOPICS[0], good[:-1], count.POISON_NOT_COSE),
        (TOPICS[0], sealed(TOPICS[0], CREDIT, b"g", bytes(32)), count.POISON_MAC),
        (TOPICS[0], sealed(TOPICS[0], CREDIT, b"h"), count.POISON_MAC),
        (TOPICS[1], good, count.POISON_MAC),  # the topic is authenticated
        (TOPICS[0], sealed(TOPICS[0], ORDER), count.POISON_SHAPE),
        (TOPICS[1], sealed(TOPICS[1], {}), count.POISON_SHAPE),
        (TOPICS[2], Seal(b"g", KEY).close(TOPICS[2], b"\xff"), count.POISON_SHAPE),
    ):
        dispatcher, recorder, reports = make()
        eq(dispatcher.handle(topic, payload, 0), False)
        eq(recorder.calls, [])
        eq(reports, [(cause, 1)])


def test_every_flipped_bit_of_a_credit_is_garbage():
    good = sealed(TOPICS[0], CREDIT)
    for bit in range(len(good) * 8):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        dispatcher, recorder, _ = make()
        eq(dispatcher.handle(TOPICS[0], bytes(bad), 0), False)
        eq(recorder.calls, [])


def test_storage_fault_of_the_handler_goes_up_so_that_the_puback_is_withheld():
    dispatcher, recorder, reports = make()
    recorder.fault = StorageFault("flash is gone")
    raises(StorageFault, dispatcher.handle, TOPICS[0], sealed(TOPICS[0], CREDIT), 0)
    eq(reports, [])


def test_a_credit_without_room_for_its_verdict_is_counted_and_lets_the_next_message_through():
    dispatcher, recorder, reports = make()
    recorder.fault = Refused("full")
    eq(dispatcher.handle(TOPICS[0], sealed(TOPICS[0], CREDIT), 1), False)
    eq(dispatcher.handle(TOPICS[2], sealed(TOPICS[2], ACK), 2), True)
    eq((reports, [call[0] for call in recorder.calls]), ([(count.NO_ROOM, 1)], ["judge", "acks", "sender"]))
