"""One exchange: what counts as its answer, what is dropped and counted, what is nonsense."""

from firmware.base.faults import Broken, WireFault
from firmware.base.questions import DONE, NEED_DATA, REFUSED, SEND
from firmware.meters.dlt645.exchange import DATA_BYTES_MAX, FOLLOW_UPS_MAX, Exchange
from firmware.meters.dlt645.frame import encode_frame_into
from tests.kit import cases, eq, raises

try:
    from micropython import heap_lock, heap_unlock
except ImportError:

    def heap_lock():
        """CPython has none: there the test checks the events only."""

    def heap_unlock():
        """See heap_lock."""


ME = bytes.fromhex("129078563412")
OTHER = bytes.fromhex("130000000000")
ALL_AA = bytes.fromhex("AAAAAAAAAAAA")
FORWARD = 0x00010000
LONG_ITEM = 0x03300D01
LONG_DI = "010D3003"
PASSWORD = b"\x02\x06\x05\x04"
OPERATOR = b"\x01\x00\x00\x00"
UNTIL = bytes.fromhex("000000301299")


def sent(control, data, address=ME):
    """A frame as hex; `data` is hex before +33H."""
    out = bytearray(300)
    raw = bytes.fromhex(data)
    return bytes(out[: encode_frame_into(out, 0, address, control, raw, len(raw))])


def reading(di=FORWARD):
    exchange = Exchange()
    exchange.start_read(ME, di)
    return exchange


def hear(exchange, *frames):
    """Feed frames, return the last event."""
    event = NEED_DATA
    for raw in frames:
        exchange.feed(raw, 0, len(raw))
        event = exchange.next_event()
    return event


def request(exchange):
    return bytes(exchange.request[: exchange.request_end])


def test_a_read_is_asked_and_answered():
    exchange = reading()
    eq(request(exchange), sent(0x11, "00000100"))
    eq(hear(exchange, sent(0x91, "00000100" + "56341200")), DONE)
    eq(exchange.number(0, 4, False), 123456)
    eq(exchange.number(1, 4, False), None)
    eq(bytes(exchange.address), ME)


def test_an_answer_is_taken_byte_by_byte_and_not_before_its_last():
    exchange = reading()
    raw = sent(0x91, "0000010056341200")
    for i in range(len(raw)):
        exchange.feed(raw, i, i + 1)
        eq(exchange.next_event(), DONE if i == len(raw) - 1 else NEED_DATA)


def test_an_answer_cut_off_at_any_byte_is_no_answer():
    raw = sent(0x91, "0000010056341200")
    for n in range(len(raw)):
        exchange = reading()
        exchange.feed(raw, 0, n)
        eq(exchange.next_event(), NEED_DATA)
        eq(exchange.on_time_out(), NEED_DATA)


def test_noise_that_looks_like_a_long_frame_hides_the_answer_only_until_the_time_out():
    exchange = reading()
    raw = bytes.fromhex("68AAAAAAAAAAAA6891FF") + sent(0x91, "0000010056341200")
    exchange.feed(raw, 0, len(raw))
    eq(exchange.next_event(), NEED_DATA)
    eq(exchange.on_time_out(), DONE)


def test_what_is_not_ours_is_dropped_and_counted():
    good = sent(0x91, "0000010056341200")

    def check(raw, counts):
        exchange = reading()
        eq(hear(exchange, raw), NEED_DATA)
        eq((exchange.echo_frames, exchange.foreign_frames, exchange.late_frames), counts)
        eq(hear(exchange, good), DONE)
        eq(hear(exchange, good), NEED_DATA, "the same once more is late")
        eq(exchange.late_frames, counts[2] + 1)

    cases(
        (
            (sent(0x11, "00000100"), (1, 0, 0)),
            (sent(0x91, "0000010099999999", OTHER), (0, 1, 0)),
            (sent(0x91, "0000010099999999", ALL_AA), (0, 1, 0)),
            (sent(0x91, "00000200" + "11111111"), (0, 0, 1)),
            (sent(0x92, "00000100" + "1111111101"), (0, 0, 1)),
            (sent(0x9C, ""), (0, 0, 1)),
            (sent(0xD4, "04"), (0, 0, 1)),
            (sent(0x81, "1090" + "11111111"), (0, 0, 1)),
            (sent(0xD1, "02", OTHER), (0, 1, 0)),
        ),
        check,
    )


def test_echo_and_answer_in_one_buffer_are_told_apart():
    exchange = reading()
    eq(hear(exchange, sent(0x11, "00000100") + sent(0x91, "0000010056341200")), DONE)
    eq(exchange.echo_frames, 1)


def test_a_refusal_gives_its_error_word():
    exchange = reading()
    eq(hear(exchange, sent(0xD1, "02")), REFUSED)
    eq((exchange.error_word, exchange.error_width), (2, 1))


def test_an_answer_with_the_identifier_only_is_empty():
    exchange = reading(0x06010000)
    eq(hear(exchange, sent(0x91, "00000106")), DONE)
    eq(exchange.data_end, 0)


def test_nonsense_of_the_meter_itself_is_a_wire_fault_and_counted():
    def check(raw):
        exchange = reading()
        exchange.feed(raw, 0, len(raw))
        raises(WireFault, exchange.next_event)
        eq(exchange.malformed_frames, 1)
        eq(hear(exchange, sent(0x91, "0000010056341200")), NEED_DATA)

    cases(
        (
            (sent(0x91, "000001"),),
            (sent(0x91, ""),),
            (sent(0xD1, ""),),
            (sent(0xD1, "020202"),),
            (sent(0xF1, "02"),),
        ),
        check,
    )


def test_follow_ups_are_asked_for_and_joined():
    exchange = reading(LONG_ITEM)
    eq(hear(exchange, sent(0xB1, LONG_DI + "010203")), SEND)
    eq(request(exchange), sent(0x12, LONG_DI + "01"))
    eq(hear(exchange, sent(0xB2, LONG_DI + "0405" + "01")), SEND)
    eq(request(exchange), sent(0x12, LONG_DI + "02"))
    eq(hear(exchange, sent(0x92, LONG_DI + "06" + "02")), DONE)
    eq(bytes(exchange.data[: exchange.data_end]), bytes([1, 2, 3, 4, 5, 6]))


def test_a_repeated_part_is_ignored_not_appended_twice():
    exchange = reading(LONG_ITEM)
    first = sent(0xB1, LONG_DI + "010203")
    second = sent(0xB2, LONG_DI + "0405" + "01")
    eq(hear(exchange, first), SEND)
    eq(hear(exchange, first), NEED_DATA)
    eq(hear(exchange, second), SEND)
    eq(hear(exchange, second), NEED_DATA)
    eq((exchange.late_frames, exchange.repeated_frames), (1, 1))
    eq(hear(exchange, sent(0x92, LONG_DI + "06" + "02")), DONE)
    eq(bytes(exchange.data[: exchange.data_end]), bytes([1, 2, 3, 4, 5, 6]))


def test_a_missing_part_and_a_part_without_number_are_nonsense():
    for data in (LONG_DI + "07" + "02", LONG_DI):
        exchange = reading(LONG_ITEM)
        eq(hear(exchange, sent(0xB1, LONG_DI + "010203")), SEND)
        raw = sent(0x92, data)
        exchange.feed(raw, 0, len(raw))
        raises(WireFault, exchange.next_event)


def test_a_refused_follow_up_refuses_the_whole():
    exchange = reading(LONG_ITEM)
    eq(hear(exchange, sent(0xB1, LONG_DI + "010203")), SEND)
    eq(hear(exchange, sent(0xD2, "02")), REFUSED)


def endless(part):
    exchange = reading(LONG_ITEM)
    hear(exchange, sent(0xB1, LONG_DI + part))
    for seq in range(1, 256):
        hear(exchange, sent(0xB2, LONG_DI + part + "%02X" % seq))
    return seq


def test_a_meter_that_never_ends_is_stopped_by_length_and_by_count():
    eq(str(raises(WireFault, endless, "AA" * 190)), "the answer is too long")
    eq(str(raises(WireFault, endless, "")), "too many follow-ups")
    eq(FOLLOW_UPS_MAX * 200 > DATA_BYTES_MAX, True)


def test_wildcards_read_only_when_asked_for():
    exchange = Exchange()
    raises(Broken, exchange.start_read, ALL_AA, FORWARD)
    exchange.start_read(ALL_AA, FORWARD, wildcard_ok=True)
    eq(hear(exchange, sent(0x91, "0000010056341200")), DONE)
    eq(bytes(exchange.address), ME)
    exchange.start_read(ALL_AA, FORWARD, wildcard_ok=True)
    eq(hear(exchange, sent(0x91, "0000010056341200", ALL_AA)), DONE)
    exchange.start_read(bytes.fromhex("1290AAAAAAAA"), FORWARD, wildcard_ok=True)
    eq(hear(exchange, sent(0x91, "0000010056341200", OTHER)), NEED_DATA)
    eq(hear(exchange, sent(0x91, "0000010056341200")), DONE)


def test_the_only_meter_tells_its_address():
    exchange = Exchange()
    exchange.start_read_address()
    eq(request(exchange), sent(0x13, "", ALL_AA))
    eq(hear(exchange, sent(0x93, "129078563412")), DONE)
    eq(bytes(exchange.data[:6]), ME)
    for wrong in ("1290785634", "1290785634FF", "999999999999"):
        exchange.start_read_address()
        raw = sent(0x93, wrong)
        exchange.feed(raw, 0, len(raw))
        raises(WireFault, exchange.next_event)


def test_a_relay_order_is_the_frame_of_the_capture():
    exchange = Exchange()
    address = bytes.fromhex("611001301215")
    password = bytes.fromhex("02370602")
    exchange.start_relay(address, 0x1A, password, OPERATOR, UNTIL)
    want = "FEFEFEFE68611001301215681C10356A3935343333334D333333336345CC2C16"
    eq(request(exchange), bytes.fromhex(want))
    eq(hear(exchange, bytes.fromhex("68611001301215689C003516")), DONE)
    eq(exchange.data_end, 0)


def test_relay_answers_come_in_both_lengths():
    def check(raw, event, word, width):
        exchange = Exchange()
        exchange.start_relay(ME, 0x1C, PASSWORD, OPERATOR, UNTIL)
        eq(hear(exchange, raw), event)
        if event == DONE:
            eq(exchange.data_end, width)
        else:
            eq((exchange.error_word, exchange.error_width), (word, width))

    cases(
        (
            (sent(0x9C, ""), DONE, 0, 0),
            (sent(0x9C, "0400"), DONE, 4, 2),
            (sent(0xDC, "04"), REFUSED, 4, 1),
            (sent(0xDC, "2000"), REFUSED, 0x20, 2),
        ),
        check,
    )


def test_a_relay_order_that_must_not_leave_is_our_own_bug():
    def check(address, code, until):
        raises(Broken, Exchange().start_relay, address, code, PASSWORD, OPERATOR, until)

    cases(
        (
            (ALL_AA, 0x1A, UNTIL),
            (bytes.fromhex("1290AAAAAAAA"), 0x1A, UNTIL),
            (bytes.fromhex("999999999999"), 0x1A, UNTIL),
            (ME, 0x1D, UNTIL),
            (ME, 0x1E, UNTIL),
            (ME, 0x3A, UNTIL),
            (ME, 0x00, UNTIL),
            (ME, 0x1A, bytes(6)),
            (ME, 0x1A, bytes.fromhex("0000001E0C7E")),
        ),
        check,
    )


def test_an_exchange_without_a_request_takes_everything_as_late():
    exchange = reading()
    exchange.start_nothing()
    eq(exchange.request_end, 0)
    eq(hear(exchange, sent(0x91, "0000010056341200")), NEED_DATA)
    eq(exchange.late_frames, 1)


def test_a_read_allocates_nothing_from_request_to_answer():
    exchange = Exchange()
    raw = sent(0x11, "00000100") + sent(0x91, "0000010056341200")
    n = len(raw)
    heap_lock()
    try:
        exchange.start_read(ME, FORWARD)
        exchange.feed(raw, 0, n)
        event = exchange.next_event()
        value = exchange.number(0, 4, False)
    finally:
        heap_unlock()
    eq((event, value), (DONE, 123456))


def test_the_time_is_told_to_all_meters_second_first_and_nothing_is_an_answer():
    exchange = Exchange()
    exchange.start_time_broadcast(bytes.fromhex("254010050617"))
    told = "6899999999999968080658734338394A"  # the data of a frame seen in the field (dlt645.md 6.2), to the broadcast address
    raw = bytes.fromhex(told)
    eq(request(exchange), b"\xfe" * 4 + raw + bytes([sum(raw) & 0xFF, 0x16]))
    eq(hear(exchange, sent(0x88, "")), NEED_DATA)
    eq(hear(exchange, sent(0x88, "", b"\x99" * 6)), NEED_DATA)
    raises(Broken, exchange.start_time_broadcast, bytes.fromhex("170605104025"))  # the other way round: hour 40
