"""Where one MQTT packet ends and the next begins (MQTT 3.1.1 section 2.2), in bounded memory.

A packet that fits is handed over whole, in one buffer that is allocated once. One that does not fit is drained: its
bytes are passed over, but its type and, for a PUBLISH at QoS 1, its packet id are kept, so that it can be counted and
acknowledged.

Trap avoided: an oversized packet that is refused by closing the link comes again at every reconnect and wedges the
queue.
"""

from firmware.base.faults import WireFault, require
from firmware.base.port import const
from firmware.sync.mqtt_codec import PUBLISH, REMAINING_LENGTH_BYTES_MAX

NEED_DATA = const(0)
PACKET = const(1)  # `packet`[0:`end`], body from `body`
OVERSIZED = const(2)  # `first`, and `packet_id` (0 = none to acknowledge)

_FIRST = const(0)
_LENGTH = const(1)
_BODY = const(2)
_DRAIN = const(3)

HEADER_BYTES_MAX = const(5)


class PacketReader:
    """PacketReader(packet_max_bytes): feed windows, take one result at a time."""

    def __init__(self, packet_max_bytes):
        require(packet_max_bytes >= 64, "a packet of 64 bytes must fit")
        self.packet = bytearray(packet_max_bytes)
        self.reset()

    def reset(self):
        """Forget everything: a new connection begins."""
        self.first = 0
        self.body = 0
        self.end = 0
        self.packet_id = 0
        self._state = _FIRST
        self._length = 0
        self._shift = 0
        self._drained = 0
        self._topic_bytes = 0

    def feed(self, buf, start, end):
        """Take bytes of buf[start:end] up to the end of one packet -> (index after them, NEED_DATA | PACKET |
        OVERSIZED).

        Raises WireFault on a remaining length of more than four bytes.
        """
        at = start
        while at < end:
            if self._state == _FIRST:
                self._begin(buf[at])
                at += 1
            elif self._state == _LENGTH:
                if self._take_length(buf[at]):
                    return at + 1, PACKET  # a packet without body
                at += 1
            elif self._state == _BODY:
                count = min(end - at, self.end - self._filled)
                self.packet[self._filled : self._filled + count] = memoryview(buf)[at : at + count]
                self._filled += count
                at += count
                if self._filled == self.end:
                    self._state = _FIRST
                    return at, PACKET
            else:
                at = self._drain(buf, at, end)
                if self._drained == self._length:
                    self._state = _FIRST
                    return at, OVERSIZED
        return at, NEED_DATA

    def _begin(self, first):
        self.first = self.packet[0] = first
        self.packet_id = 0
        self._length = 0
        self._shift = 0
        self._filled = 1
        self._state = _LENGTH

    def _take_length(self, byte):
        """One byte of the remaining length -> True when the packet is complete already."""
        if self._filled > REMAINING_LENGTH_BYTES_MAX:
            raise WireFault("remaining length of more than four bytes")
        self.packet[self._filled] = byte
        self._filled += 1
        self._length |= (byte & 0x7F) << self._shift
        self._shift += 7
        if byte & 0x80:
            return False
        self.body = self._filled
        self.end = self._filled + self._length
        if self.end > len(self.packet):
            self._state = _DRAIN
            self._drained = 0
            self._topic_bytes = 0
            return False
        self._state = _BODY if self._length else _FIRST
        return not self._length

    def _drain(self, buf, at, end):
        """Pass over bytes of the body, noting topic length and packet id by their place -> index after them."""
        while at < end and self._drained < self._length:
            place = self._drained
            id_place = self._topic_bytes + 2
            if place < 2:
                self._topic_bytes = self._topic_bytes << 8 | buf[at]
            elif self._has_id() and id_place <= place < id_place + 2:
                self.packet_id = self.packet_id << 8 | buf[at]
            else:
                beyond = self._length if place >= id_place or not self._has_id() else id_place
                count = min(beyond - place, end - at)
                self._drained += count
                at += count
                continue
            self._drained += 1
            at += 1
        return at

    def _has_id(self):
        return self.first >> 4 == PUBLISH and self.first >> 1 & 3 != 0
