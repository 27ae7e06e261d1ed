"""What is published next: status first, the gate, live before backlog, resends, and nothing unbounded ahead of the
head-end.
"""

from firmware.base.limits import Limits
from firmware.base.wire import cbor
from firmware.sync import counters as count
from firmware.sync import messages
from firmware.sync import sender as sn
from tests.kit import eq

JOURNAL, READINGS, STATUS = sn.UP_JOURNAL, sn.UP_READINGS, sn.UP_STATUS


class OpenSession:
    """Takes everything that has room; remembers (topic, decoded payload)."""

    def __init__(self):
        self.gate_open = False
        self.room = 1_000
        self.sent = []

    def can_publish(self, topic):
        return self.room > 0 and (topic != JOURNAL or self.gate_open)

    def publish(self, topic, payload):
        self.room -= 1
        self.sent.append((topic, cbor.decode(payload, 0, len(payload))))
        return 1

    def open_gate(self):
        self.gate_open = True

    def shut_gate(self):
        self.gate_open = False

    def take(self, topic):
        got = [value for kind, value in self.sent if kind == topic]
        self.sent = [entry for entry in self.sent if entry[0] != topic]
        return got


class Books:
    """A source with numbered records and readings, ten to a message; records below `oldest` are gone."""

    def __init__(self, records, readings):
        self.records = records
        self.oldest = 1
        self.readings = readings
        self.acked = 0
        self.readings_acked = 0

    def positions(self):
        return self.acked, self.records, self.readings_acked, self.readings

    def journal_from(self, sequence, max_bytes):
        if sequence > self.records:
            return None
        sequence = max(sequence, self.oldest)
        return 1, sequence, bytes(8), [bytes(23)] * min(10, self.records - sequence + 1)

    def readings_from(self, number, max_bytes):
        return [(n, 7, 0, 3, 0, [n], None, 0) for n in range(number, min(self.readings, number + 9) + 1)]

    def status(self):
        return {2: 1, 3: self.records}


class NoSeal:
    def close(self, topic, payload):
        return payload


def make(records, readings, **overrides):
    session, books = OpenSession(), Books(records, readings)
    draws = [0]

    def random_bytes(n):
        draws[0] += 1
        return bytes([draws[0]] * n)

    sender = sn.Sender(Limits(**overrides), session, books, NoSeal(), b"t", random_bytes, count.SyncCounters())
    return sender, session, books


def fill(sender, now_ms):
    for _ in range(1_000):
        if not sender.fill(now_ms):
            return


def ack(sequence=0, readings=0, challenge=None, comparison=0, resend=None, resend_readings=None):
    return messages.Ack([1, sequence, bytes(8), bytes(8), readings, 0, challenge, comparison, resend, resend_readings])


def acknowledge(sender, books, message, now_ms):
    sender.judge(message, now_ms)
    books.acked = max(books.acked, message.sequence)
    books.readings_acked = max(books.readings_acked, message.readings)
    sender.on_ack(message, now_ms)


def connect(sender, session, books, now_ms=0, held=0, held_readings=0):
    """Connected, status out, answered with its challenge; what flowed by then is forgotten."""
    sender.on_connected(now_ms)
    fill(sender, now_ms)
    challenge = session.take(STATUS)[-1][11]
    acknowledge(sender, books, ack(held, held_readings, challenge), now_ms)


def spans(sent):
    """[(first, last)] of journal messages."""
    return [(value[2], value[2] + len(value[4]) - 1) for value in sent]


def test_status_goes_first_and_no_journal_before_its_answer():
    sender, session, books = make(25, 0)
    sender.on_connected(0)
    fill(sender, 0)
    eq([topic for topic, _ in session.sent], [STATUS])
    acknowledge(sender, books, ack(0, 0, b"stale ch"), 10)
    fill(sender, 10)
    eq(session.take(JOURNAL), [])
    acknowledge(sender, books, ack(0, 0, bytes([1] * 8)), 50)
    fill(sender, 50)
    eq(spans(session.take(JOURNAL)), [(1, 10), (11, 20), (21, 25)])


def test_comparison_that_does_not_agree_keeps_the_gate_shut_and_shuts_it_later():
    for comparison in (1, 2, 3):
        sender, session, books = make(5, 0)
        sender.on_connected(0)
        fill(sender, 0)
        challenge = session.take(STATUS)[0][11]
        acknowledge(sender, books, ack(0, 0, challenge, comparison), 0)
        fill(sender, 0)
        eq(session.take(JOURNAL), [])
        acknowledge(sender, books, ack(0, 0, challenge), 0)
        fill(sender, 0)
        eq(len(session.take(JOURNAL)), 1)
        acknowledge(sender, books, ack(0, 0, None, comparison), 0)
        books.records += 1
        fill(sender, 0)
        eq(session.take(JOURNAL), [])


def test_freshness_is_only_for_the_challenge_last_sent_and_tells_its_age():
    sender, session, books = make(0, 0)
    sender.on_connected(100)
    fill(sender, 100)
    first = session.take(STATUS)[0][11]
    sender.announce()
    fill(sender, 200)
    second = session.take(STATUS)[0][11]
    old, new = ack(0, 0, first), ack(0, 0, second)
    sender.judge(old, 260)
    sender.judge(new, 260)
    eq((old.fresh, old.age_ms, new.fresh, new.age_ms), (False, 0, True, 60))


def test_unanswered_status_is_repeated_ever_more_slowly():
    sender, session, books = make(0, 0, sync_answer_timeout_ms=1_000, sync_status_period_ms=8_000)
    sender.on_connected(0)
    times = []
    for now_ms in range(0, 30_000, 100):
        fill(sender, now_ms)
        times += [now_ms] * len(session.take(STATUS))
    eq(times, [0, 1_000, 3_000, 7_000, 15_000, 23_000])


def test_journal_starts_after_what_the_database_holds_even_if_that_went_back():
    sender, session, books = make(25, 0)
    books.acked = 20
    connect(sender, session, books, 0, 4)
    fill(sender, 0)
    eq(spans(session.take(JOURNAL)), [(5, 14), (15, 24), (25, 25)])


def test_live_reading_goes_ahead_of_a_backlog_and_comes_again_in_its_turn():
    sender, session, books = make(0, 500)
    sender.on_connected(0)
    session.room = 3
    fill(sender, 0)
    books.readings += 1
    session.room = 2
    fill(sender, 0)
    session.room = 1_000
    fill(sender, 0)
    readings = session.take(READINGS)
    live = [[entry[0] for entry in value[2]] for value in readings if value[1]]
    turn = [entry[0] for value in readings if not value[1] for entry in value[2]]
    eq(501 in live[1], True)
    eq([value[1] for value in readings[:4]].count(True) >= 2, True)
    eq(turn, list(range(1, 502)))


def test_without_backlog_a_reading_goes_once():
    sender, session, books = make(0, 0)
    connect(sender, session, books)
    for number in range(1, 6):
        books.readings = number
        fill(sender, 0)
    eq([(value[1], value[2][0][0]) for value in session.take(READINGS)], [(False, n) for n in range(1, 6)])


def test_what_is_not_acknowledged_is_sent_again_at_a_slowing_rate():
    sender, session, books = make(15, 0, sync_ack_timeout_ms=1_000, sync_status_period_ms=4_000)
    connect(sender, session, books)
    fill(sender, 0)
    session.take(JOURNAL)
    times = []
    for now_ms in range(0, 16_000, 100):
        fill(sender, now_ms)
        if session.take(JOURNAL):
            times.append(now_ms)
    eq(times, [1_000, 3_000, 7_000, 11_000, 15_000])


def test_resend_request_is_obeyed_and_a_flood_of_them_is_not():
    sender, session, books = make(25, 12, sync_resend_min_ms=2_000)
    connect(sender, session, books)
    fill(sender, 0)
    session.sent = []
    acknowledge(sender, books, ack(25, 12, None, 0, 21, 11), 100)
    fill(sender, 100)
    eq(spans(session.take(JOURNAL)), [(21, 25)])
    eq([value[2][0][0] for value in session.take(READINGS)], [11])
    for now_ms in range(200, 2_000, 100):
        acknowledge(sender, books, ack(25, 12, None, 0, 1), now_ms)
        fill(sender, now_ms)
    eq(session.take(JOURNAL), [])
    acknowledge(sender, books, ack(25, 12, None, 0, 1), 2_200)
    fill(sender, 2_200)
    eq(spans(session.take(JOURNAL)), [(1, 10), (11, 20), (21, 25)])


def test_what_is_gone_is_said_in_each_answer_to_who_asks_for_it():
    sender, session, books = make(25, 0, sync_resend_min_ms=2_000)
    books.oldest = 8
    connect(sender, session, books)
    fill(sender, 0)
    eq([(value[2], value.get(5)) for value in session.take(JOURNAL)], [(8, 1), (18, None)])
    acknowledge(sender, books, ack(0, 0, None, 0, 3), 3_000)
    fill(sender, 3_000)
    eq([(value[2], value.get(5)) for value in session.take(JOURNAL)], [(8, 3), (18, None)])
    acknowledge(sender, books, ack(0, 0, None, 0, 8), 6_000)
    fill(sender, 6_000)
    eq([(value[2], value.get(5)) for value in session.take(JOURNAL)], [(8, None), (18, None)])


def test_no_more_than_the_bound_runs_ahead_of_the_acknowledgements():
    sender, session, books = make(500, 500, sync_ahead_max=100)
    connect(sender, session, books)
    fill(sender, 0)
    eq(spans(session.take(JOURNAL))[-1][1] <= 120, True)
    session.take(READINGS)
    acknowledge(sender, books, ack(100, 100), 0)
    fill(sender, 0)
    eq(spans(session.take(JOURNAL))[-1][1] <= 220, True)


def test_one_fill_publishes_a_few_at_most():
    sender, session, books = make(500, 500)
    connect(sender, session, books)
    session.sent = []
    eq(sender.fill(0), True)
    eq(len(session.sent), sn.PUBLISHES_AT_ONCE)
