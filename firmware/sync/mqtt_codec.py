"""MQTT 3.1.1 packets: umqtt.simple as an encoder over memory, and the checks that it leaves out (SPEC 5; design section
7).

umqtt encodes CONNECT, PUBLISH and SUBSCRIBE into a `_Memory` and reads one complete PUBLISH, validated here first, out
of it. Its module attribute `socket` never is a socket: `usocket` is replaced while it is imported, on both
interpreters; `ustruct` and `ubinascii`, which CPython lacks, are lent for the same moment.

Traps avoided: umqtt waits for the answer after each packet, so a memory that runs dry must raise (`_Dry`), not return
b""; a topic longer than its PUBLISH makes it read into the next packet; a SUBSCRIBE above 127 bytes silently gets a
wrong length on MicroPython; each piece is a write of its own, so all are joined and leave as ONE buffer (Nagle).
"""

import binascii
import struct
import sys

from firmware.base.faults import WireFault, require
from firmware.base.port import const

CONNACK = const(2)  # packet types of the first byte's high half
PUBLISH = const(3)
PUBACK = const(4)
SUBACK = const(9)
PINGRESP = const(13)
PINGREQ_PACKET = b"\xc0\x00"
PUBLISH_DUP = const(0x08)

PACKET_ID_MAX = const(65_535)
TOPIC_MAX_BYTES = const(120)  # SUBSCRIBE of umqtt has a one-byte remaining length: 2 + 2 + topic + 1 <= 127
REMAINING_LENGTH_BYTES_MAX = const(4)


class _Dry(Exception):
    """umqtt wants an answer; the packet before it is complete."""


class _Memory:
    """What umqtt takes for its socket: writes are collected, reads come from a window, and raise when it is empty."""

    def __init__(self):
        self.written = bytearray()
        self._source = b""
        self._at = 0
        self._end = 0

    def serve(self, buf, start, end):
        """Let umqtt read buf[start:end]."""
        self.written = bytearray()
        self._source = buf
        self._at = start
        self._end = end

    def release(self):
        """Forget the window, so that no buffer is kept alive here."""
        self._source = b""
        self._at = self._end = 0

    def connect(self, address):
        """umqtt connects before it encodes."""

    def setblocking(self, flag):
        """umqtt sets it before each read."""

    def write(self, data, length=None):
        """Collect; `length` is MicroPython's second argument of stream.write."""
        self.written.extend(data if length is None else memoryview(data)[:length])

    def read(self, count):
        """`count` bytes, or _Dry."""
        if count < 0 or self._at + count > self._end:
            raise _Dry()
        data = bytes(memoryview(self._source)[self._at : self._at + count])
        self._at += count
        return data


_memory = _Memory()


class _SocketModule:
    """Stands where umqtt expects the module `socket`."""

    def socket(self):
        return _memory

    def getaddrinfo(self, host, port):
        return [(0, 0, 0, "", (host, port))]


def _import_umqtt():
    lent = {"usocket": _SocketModule(), "ustruct": struct, "ubinascii": binascii}
    before = {}
    for name in lent:
        before[name] = sys.modules.get(name)
        sys.modules[name] = lent[name]
    try:
        import umqtt.simple

        return umqtt.simple
    finally:
        for name in lent:
            if before[name] is None:
                del sys.modules[name]
            else:
                sys.modules[name] = before[name]


_umqtt = _import_umqtt()
_umqtt.socket = _SocketModule()  # also when somebody had imported it before us


def connect_packet(client_id, keep_alive_s, will_topic, will_payload, user=None, password=None, clean=False):
    """CONNECT: persistent session unless `clean`, will retained at QoS 1 -> bytearray. Names are bytes."""
    require(0 < keep_alive_s <= 65_535, "keep-alive must fit 16 bits")
    client = _client(client_id, keep_alive_s, user, password)
    client.set_last_will(will_topic, will_payload, True, 1)
    try:
        client.connect(clean)
    except _Dry:
        pass  # it waits for CONNACK, which is the session's business
    return _memory.written


def publish_packet(topic, payload, packet_id, retain=False):
    """PUBLISH at QoS 1, complete in one bytearray; set PUBLISH_DUP in its first byte to send it again."""
    require(0 < packet_id <= PACKET_ID_MAX, "packet id must be 1 ... 65535")
    require(0 < len(topic) <= TOPIC_MAX_BYTES, "topic must be 1 ... 120 bytes")
    client = _client(b"")
    client.pid = packet_id - 1  # umqtt adds 1 and never wraps
    try:
        client.publish(topic, payload, retain, 1)
    except _Dry:
        pass  # it waits for PUBACK
    return _memory.written


def subscribe_packet(topic_filter, packet_id):
    """SUBSCRIBE to one filter at QoS 1 -> bytearray."""
    require(0 < packet_id <= PACKET_ID_MAX, "packet id must be 1 ... 65535")
    require(0 < len(topic_filter) <= TOPIC_MAX_BYTES, "topic filter must be 1 ... 120 bytes")
    client = _client(b"")
    client.set_callback(_ignore)
    client.pid = packet_id - 1
    try:
        client.subscribe(topic_filter, 1)
    except _Dry:
        pass  # it waits for SUBACK
    return _memory.written


def puback_packet(packet_id):
    """PUBACK -> bytes."""
    return bytes((PUBACK << 4, 2, packet_id >> 8, packet_id & 0xFF))


def packet_id_at(buf, at):
    """The 16-bit number at buf[at]: high byte first."""
    return buf[at] << 8 | buf[at + 1]


def parse_publish(buf, start, body, end):
    """One complete PUBLISH buf[start:end] whose body begins at `body` -> (topic, payload, packet id or 0 at QoS 0).

    Raises WireFault for what umqtt would trip over: QoS 2 or 3, topic beyond the packet, wildcard or NUL in it, id 0.
    """
    packet_id = _check_publish(buf, start, body, end)
    got = []
    client = _client(b"")
    client.set_callback(lambda topic, payload: got.append((topic, payload)))
    _memory.serve(buf, start, end)
    try:
        client.wait_msg()
    except _Dry:
        raise WireFault("PUBLISH ends early")
    finally:
        _memory.release()
    return got[0][0], got[0][1], packet_id


def _check_publish(buf, start, body, end):
    qos = buf[start] >> 1 & 3
    if qos > 1:
        raise WireFault("PUBLISH at QoS " + str(qos) + ", only 0 and 1 are subscribed")
    if end - body < 2:
        raise WireFault("PUBLISH without a topic length")
    topic_end = body + 2 + packet_id_at(buf, body)
    if topic_end == body + 2 or topic_end + 2 * qos > end:
        raise WireFault("PUBLISH with a topic of impossible length")
    for at in range(body + 2, topic_end):
        if buf[at] in b"\x00+#":
            raise WireFault("PUBLISH with a wildcard or NUL in its topic")
    if not qos:
        return 0
    packet_id = packet_id_at(buf, topic_end)
    if not packet_id:
        raise WireFault("PUBLISH with packet id 0")
    return packet_id


def _client(client_id, keep_alive_s=0, user=None, password=None):
    _memory.serve(b"", 0, 0)
    client = _umqtt.MQTTClient(client_id, "memory", 1883, user, password, keep_alive_s)
    client.sock = _memory
    return client


def _ignore(topic, payload):
    """umqtt wants a callback before it subscribes."""
