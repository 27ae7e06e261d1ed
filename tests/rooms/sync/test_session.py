"""The MQTT session from memory: framing at every split, ids, window, DUP, gate, withheld PUBACK, time-outs, malice."""

from firmware.base.limits import Limits
from firmware.sync import counters as count
from firmware.sync import mqtt_codec as codec
from firmware.sync import session as s
from tests.kit import eq

UP = [(b"pg1/g/up/journal", False, True), (b"pg1/g/up/readings", False, False), (b"pg1/g/up/status", True, False)]
DOWN = (b"pg1/g/down/credits", b"pg1/g/down/orders", b"pg1/g/down/acks")
WILL = (b"pg1/g/up/status", b"\xa1\x01\xf4")
JOURNAL, READINGS, STATUS = 0, 1, 2


def make(**overrides):
    return s.Session(Limits(**overrides), b"g", UP, DOWN, WILL, count.SyncCounters())


def written(session, now_ms=0):
    """All that waits to be written, packet by packet."""
    packets = []
    while True:
        window = session.output()
        if window is None:
            return packets
        buf, start, end = window
        packets.append(bytes(buf[start:end]))
        session.wrote(end - start, now_ms)


def events(session):
    got = []
    while True:
        event = session.next_event()
        if event is None:
            return got
        got.append(event)


def feed(session, data, now_ms=0):
    """Everything in, all events out."""
    got = []
    at = 0
    while at < len(data):
        at = session.feed(data, at, len(data), now_ms)
        got += events(session)
    return got


def suback(packet_id, code=1):
    return bytes((0x90, 3, packet_id >> 8, packet_id & 255, code))


def puback(packet_id):
    return bytes((0x40, 2, packet_id >> 8, packet_id & 255))


def message(topic, payload, packet_id):
    return bytes(codec.publish_packet(topic, payload, packet_id))


def opened(session, now_ms=0, present=0):
    """Bring it to OPEN -> events of the way."""
    session.on_connected(now_ms)
    written(session, now_ms)
    got = feed(session, bytes((0x20, 2, present, 0)), now_ms)
    for packet in written(session, now_ms):
        if packet[0] == 0x82:
            got += feed(session, suback(packet[2] << 8 | packet[3]), now_ms)
    eq(session.state, s.OPEN)
    return got


def test_connect_asks_for_a_persistent_session_with_will_and_keep_alive():
    session = make(mqtt_keep_alive_s=60)
    session.on_connected(0)
    want = b"\x10\x23\x00\x04MQTT\x04\x2c\x00\x3c\x00\x01g\x00\x0fpg1/g/up/status\x00\x03\xa1\x01\xf4"
    eq(written(session), [want])


def test_all_filters_are_subscribed_at_qos_1_before_it_counts_as_connected():
    session = make()
    session.on_connected(0)
    written(session)
    eq(feed(session, b"\x20\x02\x00\x00"), [])
    packets = written(session)
    eq([bytes(packet[6:-1]) for packet in packets], list(DOWN))
    eq([packet[-1] for packet in packets], [1, 1, 1])
    eq(feed(session, suback(1) + suback(2)), [])
    eq(session.state, s.SUBSCRIBING)
    eq(feed(session, suback(3)), [(s.EVENT_CONNECTED, False)])


def test_a_kept_session_is_not_subscribed_again_but_a_wiped_one_is():
    session = make()
    opened(session)
    session.on_closed(count.CLOSED_BY_PEER)
    eq(opened(session, 0, 1), [(s.EVENT_CONNECTED, True)])
    session.on_closed(count.CLOSED_BY_PEER)
    session.on_connected(0)
    written(session)
    feed(session, b"\x20\x02\x00\x00")
    eq(len(written(session)), 3)


def test_session_present_without_a_suback_of_this_life_subscribes_all_the_same():
    session = make()
    session.on_connected(0)
    written(session)
    feed(session, b"\x20\x02\x01\x00")
    eq(len(written(session)), 3)


def test_messages_arrive_whole_however_the_bytes_are_split():
    stream = message(DOWN[0], b"p" * 300, 5) + b"\xd0\x00" + message(DOWN[1], b"", 6) + puback(9) + message(DOWN[2], b"q", 7)
    want = [
        (s.EVENT_MESSAGE, DOWN[0], b"p" * 300, 5),
        (s.EVENT_MESSAGE, DOWN[1], b"", 6),
        (s.EVENT_MESSAGE, DOWN[2], b"q", 7),
    ]
    for cut in range(len(stream)):
        session = make()
        opened(session)
        eq(feed(session, stream[:cut]) + feed(session, stream[cut:]), want)
    session = make()
    opened(session)
    got = []
    for byte in stream:
        got += feed(session, bytes((byte,)))
    eq(got, want)


def test_puback_is_withheld_until_told_and_sent_once():
    session = make()
    opened(session)
    feed(session, message(DOWN[0], b"x", 77))
    eq(written(session), [])
    session.puback(78)
    eq(written(session), [])
    session.puback(77)
    session.puback(77)
    eq(written(session), [b"\x40\x02\x00\x4d"])


def test_puback_of_an_earlier_connection_is_not_sent_on_the_next():
    session = make()
    opened(session)
    feed(session, message(DOWN[0], b"x", 77))
    session.on_closed(count.CLOSED_BY_PEER)
    opened(session, 0, 1)
    session.puback(77)
    eq(written(session), [])


def test_qos_0_message_is_handed_over_and_not_acknowledged():
    session = make()
    opened(session)
    eq(feed(session, b"\x30\x05\x00\x01tab"), [(s.EVENT_MESSAGE, b"t", b"ab", 0)])
    session.puback(0)
    eq(written(session), [])


def test_window_refuses_when_full_and_reopens_with_each_puback():
    session = make(mqtt_in_flight_max=3)
    opened(session)
    tokens = [session.publish(READINGS, b"x") for _ in range(4)]
    eq(tokens[3], None)
    written(session)
    eq(feed(session, puback(tokens[1])), [(s.EVENT_PUBACKED, tokens[1])])
    eq(session.publish(READINGS, b"y") is None, False)
    eq(session.publish(READINGS, b"z"), None)


def test_backlog_bound_refuses_although_the_window_has_room():
    session = make(mqtt_backlog_max_bytes=500)
    opened(session)
    eq(session.publish(READINGS, b"x" * 600) is None, False)
    eq(session.backlogged(), True)
    eq(session.publish(READINGS, b"x"), None)
    written(session)
    eq(session.publish(READINGS, b"x") is None, False)


def test_packet_ids_wrap_at_65535_and_pass_over_those_in_flight():
    session = make()
    opened(session)
    kept = session.publish(READINGS, b"kept")
    seen = set()
    for _ in range(65_600):
        token = session.publish(READINGS, b"x")
        if not 1 <= token <= 65_535 or token == kept:
            eq(token, "an id in range, not in flight")
        seen.add(token) if token > 65_500 or token < 10 else None
        written(session)
        feed(session, puback(token))
    eq(65_535 in seen, True)
    eq(1 in seen, True)
    eq(kept in seen, False)


def test_unacknowledged_publishes_go_again_with_dup_the_same_id_and_in_order():
    session = make()
    opened(session)
    session.publish(READINGS, b"first")
    session.publish(STATUS, b"second")
    before = written(session)
    session.on_closed(count.CLOSED_LINK_FAULT)
    eq(events(session), [(s.EVENT_CLOSE, count.CLOSED_LINK_FAULT)])
    session.on_connected(0)
    written(session)
    feed(session, b"\x20\x02\x01\x00")
    after = written(session)
    eq([packet[1:] for packet in after], [packet[1:] for packet in before])
    eq([packet[0] for packet in after], [0x3A, 0x3B])
    eq([packet[0] for packet in before], [0x32, 0x33])


def test_a_publish_of_which_no_byte_left_goes_without_dup():
    session = make()
    opened(session)
    session.publish(READINGS, b"never left")
    session.on_closed(count.CLOSED_LINK_FAULT)
    session.on_connected(0)
    written(session)
    feed(session, b"\x20\x02\x01\x00")
    eq(written(session)[0][0], 0x32)


def test_gated_topic_waits_for_the_gate_on_each_connection_and_its_resends_too():
    session = make(mqtt_in_flight_max=4)
    opened(session)
    eq(session.publish(JOURNAL, b"x"), None)
    session.open_gate()
    tokens = [session.publish(JOURNAL, b"j") for _ in range(4)]
    eq(tokens[3], None)  # the last place is kept for the status
    eq(session.publish(STATUS, b"s") is None, False)
    written(session)
    session.on_closed(count.CLOSED_BY_PEER)
    opened(session, 0, 1)
    eq([packet[0] for packet in written(session)], [])  # the status went while it was opened
    session.open_gate()
    eq([packet[0] for packet in written(session)], [0x3A, 0x3A, 0x3A])


def test_oversized_publish_is_drained_acknowledged_and_reported_at_every_split():
    big = b"\x32\xb4\x10\x00\x12pg1/g/down/credits\x12\x34" + b"z" * 2_078
    eq(len(big), 3 + 2_100)
    stream = big + message(DOWN[1], b"after", 9)
    for cut in range(0, len(stream), 7):
        session = make(mqtt_packet_max_bytes=1_024)
        opened(session)
        got = feed(session, stream[:cut]) + feed(session, stream[cut:])
        eq(got, [(s.EVENT_OVERSIZED, 0x32), (s.EVENT_MESSAGE, DOWN[1], b"after", 9)])
        eq(written(session), [b"\x40\x02\x12\x34"])


def test_oversized_topic_is_drained_and_acknowledged_too():
    big = b"\x32\xb4\x10\x08\x00" + b"t" * 2_048 + b"\x00\x42" + b"z" * 48
    session = make(mqtt_packet_max_bytes=1_024)
    opened(session)
    got = []
    for byte in big:
        got += feed(session, bytes((byte,)))
    eq(got, [(s.EVENT_OVERSIZED, 0x32)])
    eq(written(session), [b"\x40\x02\x00\x42"])


def test_each_malformed_packet_closes_and_is_counted():
    for bad in (
        b"\x32\xff\xff\xff\xff\x01",  # remaining length of five bytes
        b"\x36\x06\x00\x01t\x00\x01x",  # QoS 3
        b"\x34\x06\x00\x01t\x00\x01x",  # QoS 2
        b"\x32\x06\x00\x63t\x00\x01x",  # topic longer than the packet
        b"\x32\x03\x00\x01t",  # no room for the packet id
        b"\x32\x05\x00\x00\x00\x01x",  # empty topic
        b"\x32\x06\x00\x01t\x00\x00x",  # packet id 0
        b"\x32\x06\x00\x01#\x00\x01x",  # wildcard in a topic
        b"\x30\x01\x00",  # no topic length
        b"\x40\x03\x00\x01\x00",  # PUBACK of three bytes
        b"\x41\x02\x00\x01",  # reserved flags
        b"\xd0\x01\x00",  # PINGRESP with a body
    ):
        session = make()
        opened(session)
        eq(feed(session, bad + message(DOWN[0], b"never seen", 1)), [(s.EVENT_CLOSE, count.CLOSED_MALFORMED)])
        eq(session.state, s.CLOSED)
        eq(session.counters.of(count.CLOSED_MALFORMED), 1)


def test_every_packet_type_that_no_row_allows_closes_the_connection():
    allowed = {s.WAIT_CONNACK: (2,), s.SUBSCRIBING: (3, 9, 13), s.OPEN: (3, 4, 13)}
    for state in (s.WAIT_CONNACK, s.SUBSCRIBING, s.OPEN):
        for kind in range(16):
            if kind in allowed[state]:
                continue
            session = make()
            session.on_connected(0)
            if state == s.SUBSCRIBING:
                feed(session, b"\x20\x02\x00\x00")
            elif state == s.OPEN:
                session.on_closed(count.CLOSED_BY_PEER)
                opened(session)
            events(session)
            eq(feed(session, bytes((kind << 4, 2, 0, 1))), [(s.EVENT_CLOSE, count.CLOSED_UNEXPECTED)])


def test_refusals_of_the_broker_close_with_their_reason():
    session = make()
    session.on_connected(0)
    eq(feed(session, b"\x20\x02\x00\x05"), [(s.EVENT_CLOSE, count.CLOSED_CONNECT_REFUSED)])
    session.on_connected(0)
    written(session)
    feed(session, b"\x20\x02\x00\x00")
    packet = written(session)[0]
    eq(feed(session, suback(packet[2] << 8 | packet[3], 0x80)), [(s.EVENT_CLOSE, count.CLOSED_SUBSCRIBE_REFUSED)])


def test_connack_suback_and_puback_have_time_outs():
    session = make(mqtt_connack_timeout_ms=1_000, mqtt_puback_timeout_ms=2_000)
    session.on_connected(0)
    session.on_tick(999)
    eq(events(session), [])
    session.on_tick(1_000)
    eq(events(session), [(s.EVENT_CLOSE, count.CLOSED_CONNACK_TIMEOUT)])
    session.on_connected(0)
    feed(session, b"\x20\x02\x00\x00", 500)
    session.on_tick(1_499)
    eq(events(session), [])
    session.on_tick(1_500)
    eq(events(session), [(s.EVENT_CLOSE, count.CLOSED_SUBACK_TIMEOUT)])
    opened(session, 0)
    session.publish(READINGS, b"x")
    written(session, 100)
    session.on_tick(2_099)
    eq(events(session), [])
    session.on_tick(2_100)
    eq(events(session), [(s.EVENT_CLOSE, count.CLOSED_PUBACK_TIMEOUT)])


def test_half_open_link_is_noticed_within_one_and_a_half_keep_alives():
    for last_byte_ms in (0, 1_000, 29_999, 30_000, 45_000):
        session = make(mqtt_keep_alive_s=60)
        opened(session, 0)
        now_ms = 0
        closed_ms = None
        while now_ms <= 200_000 and closed_ms is None:
            if now_ms <= last_byte_ms:
                feed(session, b"\xd0\x00", now_ms)
            written(session, now_ms)
            session.on_tick(now_ms)
            if events(session):
                closed_ms = now_ms
            now_ms += max(session.wait_ms(now_ms), 1)
        eq(last_byte_ms < closed_ms <= last_byte_ms + 90_000, True)


def test_a_quiet_link_that_answers_pings_stays_open_and_pings_in_time():
    session = make(mqtt_keep_alive_s=60)
    opened(session, 0)
    now_ms = 0
    last_sent_ms = 0
    pings = 0
    while now_ms < 600_000:
        session.on_tick(now_ms)
        for packet in written(session, now_ms):
            eq(packet, b"\xc0\x00")
            eq(now_ms - last_sent_ms < 60_000, True)
            last_sent_ms = now_ms
            pings += 1
            feed(session, b"\xd0\x00", now_ms)
        eq(events(session), [])
        now_ms += max(session.wait_ms(now_ms), 1)
    eq(pings >= 10, True)


def test_garbage_flood_withholds_no_more_than_its_bound_and_then_closes():
    session = make()
    opened(session)
    got = []
    for packet_id in range(1, 100):
        got += feed(session, message(b"x/y", b"\xff", packet_id))
    eq(len(got), s.WITHHELD_MAX + 1)
    eq(got[-1], (s.EVENT_CLOSE, count.CLOSED_OVERRUN))


def test_random_bytes_never_raise_and_end_in_a_state_of_the_table():
    seed = 1
    for _ in range(300):
        session = make(mqtt_packet_max_bytes=128)
        opened(session)
        data = bytearray()
        for _ in range(60):
            seed = (seed * 1_103_515_245 + 12_345) & 0x3FFFFFFF
            data.append(seed >> 13 & 0xFF)
        feed(session, data)
        eq(session.state in (s.CLOSED, s.OPEN), True)
