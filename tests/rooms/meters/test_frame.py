"""The frame reader against noise, echoes, doubled starts and truncation, however the bytes are cut."""

from firmware.base.faults import Broken
from firmware.meters.dlt645.frame import FRAME, LONGEST_BYTES, NEED_DATA, FrameReader, encode_frame_into
from tests.kit import cases, eq, raises

try:
    from micropython import heap_lock, heap_unlock
except ImportError:

    def heap_lock():
        """CPython has none: there the test checks the frames only."""

    def heap_unlock():
        """See heap_lock."""


FE = "FEFEFEFE"
REPLY = "6812907856341268910833333433896745335416"  # 12 34 56.. forward total 1234.56
ASKED = "68129078563412681104333334336816"  # its request; the checksum is 68H
DOUBLED = "68" + "6803000000000068910733343435333333D416"


def read(text, step=64, flush=True):
    """(hex of each frame found, reader)."""
    raw = bytes.fromhex(text)
    reader = FrameReader()
    found = []
    for at in range(0, len(raw), step):
        reader.feed(raw, at, min(at + step, len(raw)))
        take(reader, found)
    if flush:
        reader.flush()
        take(reader, found)
    return found, reader


def take(reader, found):
    while reader.next_event() == FRAME:
        found.append("%02X:%d" % (reader.control, reader.data_end - reader.data_start))


def test_frames_are_found_however_the_bytes_are_cut():
    text = FE + ASKED + "FEFE" + REPLY + "00FF68" + FE + REPLY + "681616"

    def check(step):
        found, reader = read(text, step)
        eq(found, ["11:4", "91:8", "91:8"])
        eq((reader.noise_bytes, reader.bad_frames), (6, 0))

    cases([(step,) for step in (1, 2, 3, 5, 16, 17, 100)], check)


def test_what_is_missing_is_never_more_than_what_still_comes():
    reader = FrameReader()
    frame = bytearray(64)
    end = encode_frame_into(frame, 0, bytes(6), 0x91, bytes(8), 8)
    told = []
    for at in range(end):
        eq(reader.next_event(), NEED_DATA)
        told.append(reader.missing())
        assert told[-1] <= end - at, at
        reader.feed(frame, at, at + 1)
    eq(reader.next_event(), FRAME)
    eq(told[-1], 1)
    eq(told[4], 12)  # the preamble counts for nothing
    eq(told[14], 10)  # the length is known: 8 bytes of data, sum and end


def test_a_doubled_start_costs_one_byte_and_not_the_frame():
    found, reader = read(DOUBLED)
    eq(found, ["91:7"])
    eq(reader.noise_bytes, 1)


def test_a_wrong_sum_or_end_is_counted_and_the_frame_behind_it_is_found():
    def check(broken):
        found, reader = read(broken + FE + REPLY)
        eq(found, ["91:8"])
        eq(reader.bad_frames, 1)
        eq(reader.noise_bytes, 20)

    cases([(REPLY[:-4] + "5516",), (REPLY[:-2] + "17",), (REPLY[:20] + "34" + REPLY[22:],)], check)


def test_a_reply_cut_off_at_any_byte_yields_nothing_and_the_next_one_is_found():
    def check(n):
        found, _ = read(FE + REPLY[: 2 * n])
        eq(found, [])
        found, reader = read(FE + REPLY[: 2 * n] + REPLY)
        eq(found, ["91:8"])
        if n:
            eq(reader.noise_bytes, n + 4)

    cases([(n,) for n in range(20)], check)


def test_a_long_length_of_noise_does_not_hide_frames_after_the_time_out():
    hidden = "68AAAAAAAAAAAA6891FF33" + FE + REPLY
    found, reader = read(hidden, flush=False)
    eq(found, [])
    reader.flush()
    take(reader, found)
    eq(found, ["91:8"])
    reader.feed(bytes.fromhex(REPLY), 0, 20)  # and the reader goes on as before
    take(reader, found)
    eq(found, ["91:8", "91:8"])


def test_a_time_out_in_the_middle_of_a_frame_ends_it():
    found, reader = read(FE + REPLY[:20])
    eq(found, [])
    reader.feed(bytes.fromhex(REPLY[20:]), 0, 10)
    eq(reader.next_event(), NEED_DATA)
    eq(reader.noise_bytes, 4 + 10 + 10)


def test_reset_forgets_and_counts_what_was_half_received():
    _, reader = read(FE + REPLY[:20], flush=False)
    reader.reset()
    eq(reader.noise_bytes, 14)
    reader.feed(bytes.fromhex(REPLY), 0, 20)
    eq(reader.next_event(), FRAME)


def test_preamble_is_not_noise_but_a_stray_fe_is():
    eq(read(FE + REPLY)[1].noise_bytes, 0)
    eq(read("FE" * 9 + REPLY)[1].noise_bytes, 0)
    eq(read(REPLY + FE)[1].noise_bytes, 4)
    eq(read("FE00FE" + REPLY)[1].noise_bytes, 2)


def test_feeding_more_than_the_room_is_our_own_bug():
    reader = FrameReader(room=16)
    raises(Broken, reader.feed, bytearray(LONGEST_BYTES + 17), 0, LONGEST_BYTES + 17)


def test_the_longest_frame_passes_and_is_encoded_as_it_was():
    data = bytearray([(7 * i) & 0xFF for i in range(200)])
    out = bytearray(220)
    eq(encode_frame_into(out, 3, b"\x01\x02\x03\x04\x05\x06", 0x91, data, 200), 3 + 4 + 12 + 200)
    reader = FrameReader()
    reader.feed(out, 3, 219)
    eq(reader.next_event(), FRAME)
    eq(bytes(reader.buf[reader.data_start : reader.data_end]), bytes(data))
    eq(reader.address_equals(b"\x01\x02\x03\x04\x05\x06"), True)
    eq(reader.address_equals(b"\x01\x02\x03\x04\x05\x07"), False)


def test_a_frame_that_does_not_fit_is_our_own_bug():
    address = bytes(6)
    raises(Broken, encode_frame_into, bytearray(300), 0, address, 0x11, bytes(201), 201)
    raises(Broken, encode_frame_into, bytearray(19), 0, address, 0x11, bytes(4), 4)


def test_our_request_is_the_one_of_the_capture():
    out = bytearray(64)
    address = bytes.fromhex("129078563412")
    n = encode_frame_into(out, 0, address, 0x11, bytes.fromhex("00000100"), 4)
    eq(bytes(out[:n]), bytes.fromhex(FE + ASKED))


def test_receiving_allocates_nothing():
    raw = bytes.fromhex("00FF68" + FE + ASKED + FE + REPLY)
    reader = FrameReader()
    count = 0
    n = len(raw)
    heap_lock()
    try:
        reader.feed(raw, 0, n)
        while reader.next_event() == FRAME:
            count += 1
    finally:
        heap_unlock()
    eq(count, 2)
