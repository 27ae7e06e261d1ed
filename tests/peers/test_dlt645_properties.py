"""Any bytes whatever: the codec never raises, never grows, and finds every frame that noise surrounds."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.base.faults import WireFault
from firmware.base.questions import DONE, NEED_DATA, REFUSED, SEND
from firmware.meters.dlt645.exchange import DATA_BYTES_MAX, Exchange
from firmware.meters.dlt645.frame import FRAME, FrameReader, encode_frame_into
from host_tools.decode.dlt645 import decode_bytes

ME = bytes.fromhex("129078563412")
SOUP = st.binary(max_size=900)
# noise without 68H cannot begin a frame, so it can hide none
QUIET = st.binary(max_size=40).map(lambda raw: raw.replace(b"\x68", b"\x00"))


def frame_of(control: int, data: bytes, address: bytes = ME) -> bytes:
    out = bytearray(256)
    return bytes(out[: encode_frame_into(out, 0, address, control, data, len(data), 2)])


FRAMES = st.builds(
    frame_of,
    st.sampled_from([0x91, 0xB1, 0x92, 0xB2, 0xD1, 0x11, 0x9C, 0xF1, 0x81]),
    st.one_of(
        st.binary(max_size=20),
        st.builds(lambda rest, seq: b"\0\0\1\0" + rest + seq, st.binary(max_size=200 - 5), st.binary(max_size=1)),
    ),
    st.sampled_from([ME, bytes(6)]),
)


@given(SOUP, st.integers(1, 256))
def test_any_bytes_pass_through_the_reader_and_every_byte_is_accounted_for(raw, step):
    reader = FrameReader()
    size = len(reader.buf)
    in_frames = 0
    preamble_and_noise = 0
    for at in range(0, len(raw), step):
        reader.feed(raw, at, min(at + step, len(raw)))
        while reader.next_event() == FRAME:
            in_frames += reader.data_end - reader.data_start + 12
    reader.flush()
    while reader.next_event() == FRAME:
        in_frames += reader.data_end - reader.data_start + 12
    preamble_and_noise = len(raw) - in_frames
    assert len(reader.buf) == size
    assert reader.noise_bytes <= preamble_and_noise
    assert reader.noise_bytes >= preamble_and_noise - raw.count(0xFE)


@given(st.lists(st.tuples(QUIET, FRAMES), min_size=1, max_size=5), QUIET, st.integers(1, 256))
def test_frames_between_noise_are_all_found(parts, tail, step):
    raw = b"".join(noise + frame for noise, frame in parts) + tail
    reader = FrameReader()
    count = 0
    for at in range(0, len(raw), step):
        reader.feed(raw, at, min(at + step, len(raw)))
        while reader.next_event() == FRAME:
            count += 1
    assert count == len(parts)
    assert reader.bad_frames == 0


@settings(max_examples=200)
@given(st.lists(st.one_of(SOUP.map(lambda raw: raw[:250]), FRAMES), max_size=12), st.booleans())
def test_an_exchange_meets_any_bytes_with_an_event_or_a_wire_fault(parts, wildcard):
    exchange = Exchange()
    exchange.start_read(b"\xaa" * 6 if wildcard else ME, 0x00010000, wildcard_ok=wildcard)
    for part in parts:
        try:
            exchange.feed(part, 0, len(part))
            event = exchange.next_event()
            while event not in (NEED_DATA,):
                assert event in (SEND, DONE, REFUSED)
                event = exchange.next_event()
            exchange.on_time_out()
            while exchange.next_event() != NEED_DATA:
                pass
        except WireFault:
            while _event_or_fault(exchange) != NEED_DATA:
                pass
        assert exchange.data_end <= DATA_BYTES_MAX
        assert exchange.request_end <= len(exchange.request)


def _event_or_fault(exchange: Exchange) -> int:
    try:
        return exchange.next_event()
    except WireFault:
        return DONE


@given(SOUP)
def test_the_decoder_of_captures_takes_any_bytes(raw):
    decoded = decode_bytes(raw)
    assert 0 <= decoded["junk_bytes"] <= len(raw)


@given(st.sampled_from([0x91, 0xB1, 0x92, 0xD1, 0x81, 0xC1, 0x93, 0x08, 0x16, 0x17, 0x1C, 0x9C, 0xDC, 0x80]), st.data())
def test_the_decoder_takes_any_data_under_any_identifier(control, data):
    identifier = data.draw(st.sampled_from([b"\x00\xff\x01\x00", b"\x01\x01\x00\x04", b"\x0c\x01\x00\x04", b"\x1f\x90"]))
    body = identifier + data.draw(st.binary(max_size=40))
    decoded = decode_bytes(frame_of(control, body))
    assert len(decoded["frames"]) == 1
    assert decoded["frames"][0]["data"] == body.hex().upper()
