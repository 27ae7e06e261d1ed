"""What to publish next: status, live readings, journal, backlog of readings, in this order. Pure; the session's window
paces it.

    up/journal flows only while the gate is open: the answer to a status of THIS connection came and says "agrees" (SPEC
    5.3). PUBACK frees the window and nothing else: the broker is not storage. What down/acks says is held advances the
    outbox; what was sent and is not acknowledged in time is sent again, and no more than a bound runs ahead of the
    acknowledgements.

Traps avoided: an acknowledgement that waited in the broker since yesterday does not open the gate, because its
challenge is not the one last sent; a broker that drops a long queue for an absent head-end costs nothing but the
resend.
"""

from firmware.base import ticks
from firmware.base.port import const
from firmware.sync import counters as count
from firmware.sync import messages

UP_JOURNAL = const(0)  # places in the session's up_topics
UP_READINGS = const(1)
UP_STATUS = const(2)

CHALLENGE_BYTES = const(8)
COMPARISON_AGREES = const(0)
READINGS_IN_TURN = const(32)  # further behind than this, what was just taken goes ahead as live
LIVE_AT_ONCE = const(16)
PUBLISHES_AT_ONCE = const(4)  # work of one fill(); the caller yields and comes again


class _Stream:
    """One numbered stream: what is sent next, what is held by the head-end, and since when that has not moved."""

    def __init__(self, wait_ms):
        self.next = 1
        self.acked = 0
        self.since_ms = 0
        self.first_wait_ms = wait_ms
        self.wait_ms = wait_ms

    def rewind(self, number, now_ms):
        """Send again from `number`."""
        self.next = max(number, 1)
        self.since_ms = now_ms

    def look(self, acked, now_ms):
        """Take note of what is acknowledged now."""
        if acked > self.acked:  # only an advance skips: a resend asked from below what was acknowledged goes on
            self.next = max(self.next, acked + 1)
        if acked != self.acked or self.next <= acked + 1:
            self.acked = acked
            self.since_ms = now_ms
            self.wait_ms = self.first_wait_ms

    def timed_out(self, max_ms, now_ms):
        """True, once, when what was sent stays unacknowledged: then all from the acknowledged on goes again."""
        if self.next <= self.acked + 1 or ticks.diff(now_ms, self.since_ms) < self.wait_ms:
            return False
        self.rewind(self.acked + 1, now_ms)
        self.wait_ms = min(self.wait_ms * 2, max_ms)
        return True


class Sender:
    """`seal` for up/journal; `topic` its topic; `source` and `random_bytes` as in the room's docstring."""

    def __init__(self, limits, session, source, seal, topic, random_bytes, counters):
        self._limits = limits
        self._session = session
        self._source = source
        self._seal = seal
        self._topic = topic
        self._random_bytes = random_bytes
        self._counters = counters
        self._journal = _Stream(limits.sync_ack_timeout_ms)
        self._readings = _Stream(limits.sync_ack_timeout_ms)
        self._live_sent = 0
        self._challenge = None
        self._status_ms = 0
        self._status_wanted = False
        self._answer_wait_ms = limits.sync_answer_timeout_ms
        self._resend_ms = None

    def on_connected(self, now_ms):
        """The session is open: say who we are; everything else follows the answer."""
        acked_sequence, _, acked_reading, last_reading = self._source.positions()
        self._journal.rewind(acked_sequence + 1, now_ms)
        self._readings.rewind(acked_reading + 1, now_ms)
        self._live_sent = max(self._live_sent, last_reading - LIVE_AT_ONCE)
        self._challenge = None
        self._answer_wait_ms = self._limits.sync_answer_timeout_ms
        self._status_wanted = True

    def announce(self):
        """Send a status as soon as the window has a place."""
        self._status_wanted = True

    # acknowledgements of the head-end

    def judge(self, ack, now_ms):
        """Fill in whether the acknowledgement answers the status last sent, and how old that is."""
        if self._challenge is not None and ack.challenge == self._challenge:
            ack.fresh = True
            ack.age_ms = max(ticks.diff(now_ms, self._status_ms), 0)

    def on_ack(self, ack, now_ms):
        """After the handler: gate and resends. The advance is noted first, as it would skip what is asked for here."""
        self._look(self._source.positions(), now_ms)
        if ack.comparison != COMPARISON_AGREES:
            self._session.shut_gate()
        elif ack.fresh and not self._session.gate_open:
            self._session.open_gate()
            self._journal.rewind(ack.sequence + 1, now_ms)
            self._answer_wait_ms = self._limits.sync_answer_timeout_ms
        if ack.resend_sequence is None and ack.resend_readings is None:
            return
        if self._resend_ms is not None and ticks.diff(now_ms, self._resend_ms) < self._limits.sync_resend_min_ms:
            self._counters.add(count.RESEND_IGNORED)
            return
        self._resend_ms = now_ms
        self._counters.add(count.RESEND_ASKED)
        if ack.resend_sequence is not None:
            self._journal.rewind(ack.resend_sequence, now_ms)
        if ack.resend_readings is not None:
            self._readings.rewind(ack.resend_readings, now_ms)

    # publishing

    def fill(self, now_ms):
        """Publish what may go now, a few at most -> True when there may be more at once."""
        positions = self._source.positions()
        self._look(positions, now_ms)
        for _ in range(PUBLISHES_AT_ONCE):
            if not self._publish_one(positions, now_ms):
                return False
        return True

    def wait_ms(self, now_ms):
        """How long until fill() has something to do by itself; what waits for a place in the window is woken by it."""
        if self._status_wanted:
            return self._status_period_ms()
        return max(self._status_period_ms() - ticks.diff(now_ms, self._status_ms), 0)

    def _look(self, positions, now_ms):
        for stream, acked in ((self._journal, positions[0]), (self._readings, positions[2])):
            stream.look(acked, now_ms)
            if stream.timed_out(self._limits.sync_status_period_ms, now_ms):
                self._counters.add(count.RESEND_TIMED_OUT)
        if ticks.diff(now_ms, self._status_ms) >= self._status_period_ms():
            self._status_wanted = True

    def _status_period_ms(self):
        return self._limits.sync_status_period_ms if self._session.gate_open else self._answer_wait_ms

    def _publish_one(self, positions, now_ms):
        return (
            self._publish_status(now_ms)
            or self._publish_live(positions)
            or self._publish_journal(positions)
            or self._publish_backlog(positions)
        )

    def _publish_status(self, now_ms):
        if not self._status_wanted or not self._session.can_publish(UP_STATUS):
            return False
        if self._challenge is not None and not self._session.gate_open:
            self._answer_wait_ms = min(self._answer_wait_ms * 2, self._limits.sync_status_period_ms)
        self._challenge = bytes(self._random_bytes(CHALLENGE_BYTES))
        payload = messages.encode_status(self._source.status(), self._challenge, self._counters.as_map())
        self._session.publish(UP_STATUS, payload)
        self._status_ms = now_ms
        self._status_wanted = False
        return True

    def _publish_live(self, positions):
        last = positions[3]
        if last <= self._live_sent or self._in_turn(last) or not self._session.can_publish(UP_READINGS):
            return False
        first = max(self._live_sent + 1, last - LIVE_AT_ONCE + 1)
        entries = self._source.readings_from(first, self._limits.sync_batch_max_bytes)
        self._live_sent = max(last, entries[-1][0]) if entries else last
        if not entries:
            return False
        self._session.publish(UP_READINGS, messages.encode_readings(True, entries))
        return True

    def _in_turn(self, last):
        """True when reading `last` will go in its turn at once anyway."""
        return last - self._readings.next < READINGS_IN_TURN and self._may_run(self._readings, last)

    def _may_run(self, stream, last):
        return stream.next <= last and stream.next - stream.acked <= self._limits.sync_ahead_max

    def _publish_journal(self, positions):
        stream = self._journal
        if not self._may_run(stream, positions[1]) or not self._session.can_publish(UP_JOURNAL):
            return False
        batch = self._source.journal_from(stream.next, self._limits.sync_batch_max_bytes)
        if batch is None:
            return False
        epoch, first_sequence, chain, records = batch
        payload = self._seal.close(self._topic, messages.encode_journal(epoch, first_sequence, chain, records, stream.next))
        self._session.publish(UP_JOURNAL, payload)
        stream.next = first_sequence + len(records)
        return True

    def _publish_backlog(self, positions):
        stream = self._readings
        if not self._may_run(stream, positions[3]) or not self._session.can_publish(UP_READINGS):
            return False
        entries = self._source.readings_from(stream.next, self._limits.sync_batch_max_bytes)
        if not entries:
            return False
        self._session.publish(UP_READINGS, messages.encode_readings(False, entries))
        stream.next = entries[-1][0] + 1
        self._live_sent = max(self._live_sent, entries[-1][0])
        return True
