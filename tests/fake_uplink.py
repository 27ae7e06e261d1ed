"""An uplink in memory for the virtual clock: broker and head-end in one, which holds what it is sent and says so. Both interpreters.

It agrees with every status, acknowledges the journal with the chain of the last record it holds, and readings by number.
`send(kind, message)` publishes to down/<kind>. Its memory does not grow: the long runs watch the heap.
"""

from firmware.base import aio
from firmware.base.faults import UplinkFault
from firmware.base.wire import cbor
from firmware.ledger import record
from firmware.sync.dispatch import Seal

CONNECT, PUBLISH, PUBACK, SUBSCRIBE, PINGREQ = 1, 3, 4, 8, 12


class FakeUplink:
    """FakeUplink(gateway, key, clock): what Board.uplink is; `clock()` -> wall seconds. `open` False refuses connections."""

    def __init__(self, gateway, key, clock):
        self.open = True
        self.connections = 0
        self.held = 0
        self.readings_held = 0
        self.received = 0
        self._epoch = 1
        self._chain = bytes(8)
        self._seal = Seal(gateway.encode(), key)
        self._prefix = b"pg1/" + gateway.encode() + b"/"
        self._clock = clock
        self._stream = None

    async def connect(self, host, port, timeout_ms):
        if not self.open:
            await aio.sleep_ms(10)
            raise UplinkFault("closed")
        self.connections += 1
        self._stream = FakeStream(self)
        return self._stream

    def send(self, kind, message):
        """One sealed message of the head-end; lost when nobody is connected."""
        topic = self._prefix + b"down/" + kind.encode()
        if self._stream is not None:
            self._stream.publish(topic, bytes(self._seal.close(topic, cbor.encode(message))))

    def take(self, topic, payload):
        """One message of the gateway."""
        self.received += 1
        challenge = None
        if topic.endswith(b"/journal"):
            opened = bytes(self._seal.open(topic, payload))
            self._hold(cbor.decode(opened, 0, len(opened)))
        else:
            message = cbor.decode(payload, 0, len(payload))
            if topic.endswith(b"/readings"):
                for entry in message[2]:
                    if entry[0] == self.readings_held + 1:
                        self.readings_held += 1
            elif not message[1]:
                return
            else:
                challenge = message[11]
        self.send("acks", self._ack(challenge))

    def _hold(self, batch):
        first, records = batch[2], batch[4]
        if first <= self.held + 1 and first + len(records) - 1 > self.held:
            self.held = first + len(records) - 1
            self._epoch = batch[1]
            self._chain = record.chain_of(records[-1], 0, len(records[-1]))

    def _ack(self, challenge):
        return {
            1: self._epoch,
            2: self.held,
            3: self._chain,
            4: bytes(8),
            5: self.readings_held,
            6: self._clock(),
            7: challenge,
            8: 0,
            9: None,
            10: None,
        }


class FakeStream:
    """One connection: whole MQTT packets in, answers out."""

    def __init__(self, uplink):
        self._uplink = uplink
        self._inbox = b""
        self._outbox = b""
        self._news = aio.Event()
        self._closed = False
        self._packet_id = 0

    async def receive_into(self, buf, timeout_ms):
        if not self._outbox and not self._closed:
            self._news.clear()
            try:
                await aio.wait_for_ms(self._news.wait(), timeout_ms)
            except aio.TimeoutError:
                return 0
        if self._closed:
            return -1
        n = min(len(buf), len(self._outbox))
        buf[:n] = self._outbox[:n]
        self._outbox = self._outbox[n:]
        return n

    async def send(self, buf, start, end, timeout_ms):
        self._inbox += bytes(buf[start:end])
        while self._take_packet():
            pass
        await aio.sleep_ms(0)

    def close(self):
        self._closed = True

    def publish(self, topic, payload):
        """QoS 1; its PUBACK is not waited for."""
        self._packet_id = self._packet_id % 65_535 + 1
        body = len(topic).to_bytes(2, "big") + topic + self._packet_id.to_bytes(2, "big") + payload
        self._answer(0x32, body)

    def _answer(self, first, body):
        count = len(body)
        head = bytearray([first])
        while True:
            head.append(count & 0x7F | (0x80 if count > 0x7F else 0))
            count >>= 7
            if not count:
                break
        self._outbox += bytes(head) + body
        self._news.set()

    def _take_packet(self):
        data = self._inbox
        size, at, shift = 0, 1, 0
        while at < len(data):
            size |= (data[at] & 0x7F) << shift
            shift += 7
            at += 1
            if not data[at - 1] & 0x80:
                break
        else:
            return False
        if len(data) < at + size:
            return False
        self._inbox = data[at + size :]
        self._on_packet(data[0], data[at : at + size])
        return True

    def _on_packet(self, first, body):
        kind = first >> 4
        if kind == CONNECT:
            self._answer(0x20, b"\x00\x00")
        elif kind == SUBSCRIBE:
            topics, at = 0, 2
            while at < len(body):
                at += 3 + (body[at] << 8 | body[at + 1])
                topics += 1
            self._answer(0x90, body[:2] + b"\x01" * topics)
        elif kind == PINGREQ:
            self._answer(0xD0, b"")
        elif kind == PUBLISH:
            end = 2 + (body[0] << 8 | body[1])
            topic, payload = body[2:end], body[end:]
            if first & 0x06:
                self._answer(0x40, payload[:2])
                payload = payload[2:]
            self._uplink.take(topic, payload)
