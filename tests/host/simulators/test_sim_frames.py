"""The simulator's own codec against vectors, and against noise."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from host_tools.simulators.frames import (
    Assembler,
    Frame,
    NotBcd,
    bcd,
    bcd_signed,
    encode,
    is_wildcard,
    matches,
    unbcd,
)

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "dlt645.json").read_text(encoding="utf-8"))


def assembled(data):
    """Frames in the bytes; a line that falls silent frees what waits for more, one byte later each time."""
    found = []
    while data:
        ears = Assembler()
        found += ears.feed(data)
        data = bytes(ears._buf)[1:]
    return found


@pytest.mark.parametrize("vector", [v for v in VECTORS if v["valid"]], ids=lambda v: v["hex"][:40])
def test_every_good_vector_is_understood(vector):
    meaning = vector["meaning"]
    frame = assembled(bytes.fromhex(vector["hex"]))[0]
    assert frame.address == meaning["address"].upper()
    assert f"{frame.control:02X}" == meaning["control"].upper()
    assert frame.data.hex().upper() == meaning.get("data_plain", "").upper()
    assert frame.from_meter == meaning["is_response"]


@pytest.mark.parametrize("vector", [v for v in VECTORS if v["valid"]], ids=lambda v: v["hex"][:40])
def test_every_good_vector_is_rebuilt_byte_for_byte(vector):
    frame = assembled(bytes.fromhex(vector["hex"]))[0]
    assert encode(frame).hex().upper() in vector["hex"].upper()


@pytest.mark.parametrize("vector", [v for v in VECTORS if "frames_a_scanner_should_yield" in v], ids=lambda v: v["hex"])
def test_a_resynchronising_ear_finds_exactly_the_frames_listed(vector):
    found = assembled(bytes.fromhex(vector["hex"]))
    got = [encode(Frame(f.address, f.control, f.data)).hex().upper() for f in found]
    assert got == [h.upper() for h in vector["frames_a_scanner_should_yield"]]


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60), st.binary(max_size=40), st.integers(0, 255), st.integers(0, 4))
def test_a_frame_survives_encoding_after_noise_that_cannot_begin_one(noise, data, control, preamble):
    frame = Frame("123456789012", control, data, preamble)
    quiet = bytes(b for b in noise if b not in (0x68, 0xFE)) + b"\x00"
    assert Assembler().feed(quiet + encode(frame)) == [frame]


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400))
def test_garbage_never_raises_and_never_grows_without_bound(noise):
    ears = Assembler()
    for byte in noise:
        ears.feed(bytes([byte]))
    assert len(ears._buf) < 12 + 255


def test_a_false_head_that_swallows_part_of_a_frame_does_not_lose_it():
    frame = Frame("123456789012", 0x11, bytes(4))
    false_head = bytes.fromhex("68 000000000000 68 11 04")
    ears = Assembler()
    assert ears.feed(false_head + encode(frame)) == [frame]
    assert ears.bad_frames == 1


def test_bcd_is_low_byte_first_and_refuses_hex_digits():
    assert bcd(123456, 4) == bytes.fromhex("56341200")
    assert unbcd(bytes.fromhex("56341200")) == 123456
    assert bcd_signed(-12345, 3) == bytes.fromhex("452381")
    with pytest.raises(NotBcd):
        unbcd(b"\x0a")
    with pytest.raises(ValueError):
        bcd(100_000_000, 4)
    with pytest.raises(ValueError):
        bcd_signed(800_000, 3)


def test_a_wildcard_reaches_only_meters_with_these_low_digits():
    assert matches("000010604867", "000010604867")
    assert matches("AAAAAAAAAAAA", "000010604867")
    assert matches("AAAAAAAA4867", "000010604867")
    assert not matches("AAAAAAAA4868", "000010604867")
    assert not matches("0000106048AA", "000010604867")
    assert is_wildcard("AAAAAAAA4867") and not is_wildcard("000010604867")
