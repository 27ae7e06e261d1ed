"""The life of the uplink on a virtual clock: a broker in memory, its faults, and what Sync does about each."""

from firmware.base import aio, ticks
from firmware.base.faults import Broken, StorageFault, UplinkFault
from firmware.base.limits import Limits
from firmware.base.wire import cbor
from firmware.sync import counters as count
from firmware.sync.dispatch import Seal
from firmware.sync.sync_task import Sync
from tests.kit import eq, raises

KEY = bytes(32)
ACKS = b"pg1/g/down/acks"
CREDITS = b"pg1/g/down/credits"
LIMITS = {"reconnect_first_ms": 1_000, "reconnect_max_ms": 8_000, "mqtt_keep_alive_s": 60}


class MemoryStream:
    """One connection to MemoryBroker; speaks MQTT just enough: one packet arrives with each send."""

    def __init__(self, broker):
        self.broker = broker
        self.incoming = []
        self.arrived = aio.Event()
        self.closed = False

    def give(self, data):
        self.incoming.append(data)
        self.arrived.set()

    async def receive_into(self, buf, timeout_ms):
        if not self.incoming:
            self.arrived.clear()
            try:
                await aio.wait_for_ms(self.arrived.wait(), timeout_ms)
            except aio.TimeoutError:
                return 0
        data = self.incoming.pop(0)
        if data is None:
            return -1
        buf[: len(data)] = data
        return len(data)

    async def send(self, buf, start, end, timeout_ms):
        if self.broker.takes_nothing:
            await aio.sleep_ms(timeout_ms)
            raise UplinkFault("the link takes no bytes")
        await aio.sleep_ms(1)
        if not self.broker.mute:
            self.broker.on_packet(self, bytes(memoryview(buf)[start:end]))

    def close(self):
        self.closed = True


class MemoryBroker:
    """Uplink and broker in one."""

    def __init__(self):
        self.streams = []
        self.connect_times = []
        self.published = []  # [(ms, topic, payload)]
        self.pubacked = []
        self.refuses = False
        self.hangs = False
        self.mute = False
        self.takes_nothing = False

    async def connect(self, host, port, timeout_ms):
        self.connect_times.append(aio.now_ms())
        if self.hangs:
            await aio.sleep_ms(timeout_ms)
            raise UplinkFault("no answer")
        if self.refuses:
            raise UplinkFault("refused")
        self.streams.append(MemoryStream(self))
        return self.streams[-1]

    def on_packet(self, stream, packet):
        kind = packet[0] >> 4
        if kind == 1:
            stream.give(b"\x20\x02\x00\x00")
        elif kind == 8:
            stream.give(b"\x90\x03" + packet[2:4] + b"\x01")
        elif kind == 12:
            stream.give(b"\xd0\x00")
        elif kind == 4:
            self.pubacked.append(packet[2] << 8 | packet[3])
        elif kind == 3:
            body = 2 if packet[1] < 0x80 else 3
            topic_end = body + 2 + packet[body + 1]
            topic, payload = packet[body + 2 : topic_end], packet[topic_end + 2 :]
            self.published.append((aio.now_ms(), topic, payload))
            stream.give(b"\x40\x02" + packet[topic_end : topic_end + 2])
            if topic.endswith(b"status"):
                challenge = cbor.decode(payload, 0, len(payload))[11]
                self.send(ACKS, {1: 1, 2: 0, 3: bytes(8), 4: bytes(8), 5: 0, 6: 0, 7: challenge, 8: 0, 9: None, 10: None})

    def send(self, topic, message, packet_id=9):
        payload = Seal(b"g", KEY).close(topic, cbor.encode(message))
        body = bytes((0, len(topic))) + topic + bytes((packet_id >> 8, packet_id & 255)) + payload
        size = len(body)
        self.streams[-1].give(b"\x32" + bytes((size & 127 | 128, size >> 7)) + body)

    def times(self, ending):
        return [ms for ms, topic, _ in self.published if topic.endswith(ending)]


class Books:
    def __init__(self):
        self.records = 0
        self.credits = []
        self.fault = None

    def positions(self):
        return 0, self.records, 0, 0

    def journal_from(self, sequence, max_bytes):
        return 1, sequence, bytes(8), [bytes(23)] * (self.records - sequence + 1)

    def readings_from(self, number, max_bytes):
        return []

    def status(self):
        return {2: 1}

    def on_credit(self, *credit):
        if self.fault:
            raise self.fault
        self.credits.append(credit)

    def on_acks(self, ack):
        pass


class World:
    def __init__(self, **limits):
        merged = dict(LIMITS)
        merged.update(limits)
        self.broker = MemoryBroker()
        self.books = Books()
        self.beats = [aio.now_ms()]
        self.longest_beat_ms = 0
        self.reports = []
        self.sync = Sync(self.broker, "h", 1, "g", KEY, Limits(**merged), self.books, self.books, bytes, self.beat, self.report)

    def beat(self):
        self.longest_beat_ms = max(self.longest_beat_ms, ticks.diff(aio.now_ms(), self.beats[-1]))
        self.beats[-1] = aio.now_ms()

    def report(self, code, value):
        self.reports.append(code)

    def of(self, code):
        return self.sync.counters.of(code)


def play(story, **limits):
    """Run story(world) beside Sync on the virtual clock; every stream must be closed at the end."""

    async def main():
        world = World(**limits)
        task = aio.create_task(world.sync.run())
        await story(world)
        await aio.cancel(task)
        eq([stream.closed for stream in world.broker.streams], [True] * len(world.broker.streams))
        eq(world.longest_beat_ms <= 2_000, True)

    aio.run_virtual(main)


def test_a_new_record_leaves_within_a_hundred_milliseconds():
    async def story(world):
        await aio.sleep_ms(500)
        eq((world.sync.connected, world.sync.gate_open), (True, True))
        for number in range(1, 20):
            world.books.records = number
            world.sync.wake()
            began_ms = aio.now_ms()
            await aio.sleep_ms(300)
            eq(ticks.diff(world.broker.times(b"journal")[-1], began_ms) <= 100, True)

    play(story)


def test_failed_connections_back_off_to_the_maximum_and_come_back():
    async def story(world):
        world.broker.refuses = True
        await aio.sleep_ms(60_000)
        times = world.broker.connect_times
        gaps = [times[n + 1] - times[n] for n in range(len(times) - 1)]
        eq(gaps[:5], [1_000, 2_000, 4_000, 8_000, 8_000])
        eq(world.of(count.CONNECT_FAILED), len(times))
        world.broker.refuses = False
        await aio.sleep_ms(9_000)
        eq(world.sync.connected, True)

    play(story)


def test_the_heart_beats_while_a_connect_hangs():
    async def story(world):
        world.broker.hangs = True
        await aio.sleep_ms(100_000)

    play(story)


def test_half_open_link_is_closed_within_one_and_a_half_keep_alives_and_replaced():
    async def story(world):
        await aio.sleep_ms(10_000)
        world.broker.mute = True
        await aio.sleep_ms(90_000)
        eq(world.of(count.CLOSED_SILENT), 1)
        eq(world.broker.streams[0].closed, True)
        world.broker.mute = False
        await aio.sleep_ms(30_000)
        eq(world.sync.connected, True)

    play(story)


def test_a_link_that_takes_no_bytes_is_closed_and_the_heart_beats_on():
    async def story(world):
        await aio.sleep_ms(1_000)
        world.broker.takes_nothing = True
        world.books.records = 1
        world.sync.wake()
        await aio.sleep_ms(25_000)
        eq(world.of(count.CLOSED_LINK_FAULT) >= 1, True)

    play(story)


def test_end_of_stream_is_reported_and_the_next_connection_follows():
    async def story(world):
        await aio.sleep_ms(1_000)
        world.broker.streams[0].give(None)
        await aio.sleep_ms(5_000)
        eq(world.of(count.CLOSED_BY_PEER), 1)
        eq(world.reports, [count.CONNECTED, count.CLOSED_BY_PEER, count.CONNECTED])

    play(story)


def test_puback_follows_the_durable_verdict_and_not_a_storage_fault():
    async def story(world):
        await aio.sleep_ms(1_000)
        before = list(world.broker.pubacked)
        world.books.fault = StorageFault("no flash")
        world.broker.send(CREDITS, {1: 7, 2: 1, 3: 1, 4: 5, 5: 5, 6: 0}, 41)
        await aio.sleep_ms(500)
        eq(world.broker.pubacked, before)
        eq(world.of(count.CLOSED_HANDLER_FAULT), 1)
        world.books.fault = None
        await aio.sleep_ms(5_000)
        world.broker.send(CREDITS, {1: 7, 2: 1, 3: 1, 4: 5, 5: 5, 6: 0}, 42)
        await aio.sleep_ms(500)
        eq(world.books.credits, [(7, 1, 1, 5, 5, 0)])
        eq(world.broker.pubacked[-1], 42)

    play(story)


def test_a_bug_in_the_handler_is_not_swallowed():
    async def main():
        world = World()
        task = aio.create_task(world.sync.run())
        await aio.sleep_ms(1_000)
        world.books.fault = Broken("bug")
        world.broker.send(CREDITS, {1: 7, 2: 1, 3: 1, 4: 5, 5: 5, 6: 0}, 41)
        await task

    raises(Broken, aio.run_virtual, main)


def test_wrong_names_and_keys_are_refused_at_once():
    def make(name, key):
        books = Books()
        return Sync(None, "h", 1, name, key, Limits(), books, books, bytes, None, None)

    for name in ("", "a/b", "a+b", "a#", "x" * 33, "a b"):
        raises(Broken, make, name, KEY)
    raises(Broken, make, "g", bytes(31))
