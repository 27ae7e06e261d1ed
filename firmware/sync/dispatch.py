"""From a message off the wire to the handler: known topic, authentic, of right shape - or garbage, by cause (SPEC 5;
DESIGN).

`handle` returns when the verdict is durable, or the message is garbage: then the PUBACK may go. Garbage changes
nothing. A handler that raises Refused has no room for a verdict: counted, acknowledged to the broker, and sent again by
the head-end, which waits for the record and not for the broker. StorageFault goes up and withholds the PUBACK.

Traps avoided: a poison message that is refused by not acknowledging it is sent again for ever and blocks all behind it.
So does a credit that a full journal cannot take: behind it wait the acknowledgements that make room.
"""

from firmware.base.faults import Refused, WireFault
from firmware.base.wire import cose
from firmware.sync import counters as count
from firmware.sync import messages


class Seal:
    """COSE_Mac0 with one key, for one gateway; the topic is authenticated with the payload."""

    def __init__(self, gateway_name, key):
        self._kid = gateway_name
        self._key = key

    def close(self, topic, payload):
        """-> the sealed payload."""
        return cose.mac0_encode(self._key, self._kid, payload, topic)

    def open(self, topic, sealed):
        """-> the payload. WireFault when it is no COSE_Mac0, Refused when its MAC does not verify."""
        return cose.mac0_decode(sealed, 0, len(sealed), self._key_of, topic)

    def _key_of(self, kid):
        return self._key if kid == self._kid else None


class Dispatcher:
    """`down_topics` as (credits, orders, acks); `sender` learns of acknowledgements around the handler."""

    def __init__(self, down_topics, seal, handler, sender, counters, report):
        self._credits, self._orders, self._acks = down_topics
        self._seal = seal
        self._handler = handler
        self._sender = sender
        self._counters = counters
        self._report = report
        self.last_ack_ms = None

    def handle(self, topic, payload, now_ms):
        """Bring one message to its verdict; True when it was one, False when it is counted and dropped."""
        if topic not in (self._credits, self._orders, self._acks):
            return self.garbage(count.POISON_TOPIC)
        try:
            opened = self._seal.open(topic, payload)
        except WireFault:
            return self.garbage(count.POISON_NOT_COSE)
        except Refused:
            return self.garbage(count.POISON_MAC)
        try:
            if topic == self._credits:
                act, message = self._on_credit, messages.decode_credit(opened, 0, len(opened))
            elif topic == self._orders:
                act, message = self._on_order, messages.decode_order(opened, 0, len(opened))
            else:
                act, message = self._on_ack, messages.decode_ack(opened, 0, len(opened))
        except WireFault:
            return self.garbage(count.POISON_SHAPE)
        try:
            act(message, now_ms)
        except Refused:
            return self.garbage(count.NO_ROOM)
        return True

    def garbage(self, cause):
        """Count and report one message that is thrown away."""
        self._counters.add(cause)
        self._report(cause, self._counters.of(cause))
        return False

    def _on_credit(self, credit, now_ms):
        self._handler.on_credit(*credit)

    def _on_order(self, order, now_ms):
        self._handler.on_order(*order)

    def _on_ack(self, ack, now_ms):
        self.last_ack_ms = now_ms
        self._sender.judge(ack, now_ms)
        self._handler.on_acks(ack)
        self._sender.on_ack(ack, now_ms)
