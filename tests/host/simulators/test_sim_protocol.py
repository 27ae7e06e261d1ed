"""Reads, blocks, follow-up, wildcards, broadcasts and refusals on one simulated meter."""

from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from host_tools.simulators.config import parse_site
from host_tools.simulators.frames import Frame, bcd, unbcd
from host_tools.simulators.meter import Meter
from host_tools.simulators.models import MODELS
from host_tools.simulators.virtual import VirtualBench

ADDRESS = "000010604867"


def bench(**fields):
    return VirtualBench({"meters": [{"address": ADDRESS, "forward_cwh": 123456, **fields}]})


def read(b, di, address=ADDRESS):
    return b.ask(Frame(address, 0x11, bytes.fromhex(di)[::-1])).reply


def test_a_register_is_read_in_wire_order():
    assert read(bench(), "00010000").data == bytes.fromhex("00000100" "56341200")


def test_an_unknown_item_is_d1_02():
    for di in ("00FF0000", "09000000", "04990101", "02070000"):
        assert read(bench(), di) == Frame(ADDRESS, 0xD1, b"\x02", 4)


def test_a_foreign_address_meets_silence():
    assert bench().ask(Frame("000010604868", 0x11, bytes(4))).raw == b""


def test_wildcards_are_answered_with_the_real_address_unless_the_meter_echoes_them():
    assert read(bench(), "00010000", "AAAAAAAAAAAA").address == ADDRESS
    assert read(bench(), "00010000", "AAAAAAAA4867").address == ADDRESS
    assert read(bench(), "00010000", "AAAAAAAA4800") is None
    assert read(bench(wildcard_echo=True), "00010000", "AAAAAAAAAAAA").address == "AAAAAAAAAAAA"
    assert bench().ask(Frame("AAAAAAAAAAAA", 0x13)).reply.data == bytes.fromhex("674860100000")


def test_blocks_may_be_refused():
    assert len(read(bench(model="three_phase_4rate"), "0001FF00").data) == 24
    assert len(read(bench(), "040005FF").data) == 18
    assert read(bench(refuse_blocks=True), "0001FF00").data == b"\x02"


def test_a_long_reply_is_split_and_joined_again_by_number():
    b = bench(max_data=20, history_days=300)
    first = read(b, "000100FF")
    assert first.control == 0xB1 and len(first.data) == 20
    value, number = first.data[4:], 1
    while True:
        part = b.ask(Frame(ADDRESS, 0x12, bytes.fromhex("FF000100") + bytes([number]))).reply
        assert part.data[-1] == number and len(part.data) <= 20
        value += part.data[4:-1]
        if part.control == 0x92:
            break
        number += 1
    assert value == read(bench(history_days=300), "000100FF").data[4:]
    assert number == 2
    assert b.ask(Frame(ADDRESS, 0x12, bytes.fromhex("FF00010009"))).reply.control == 0xD2


def test_an_empty_load_profile_answers_with_the_item_only():
    assert read(bench(), "06010000").data == bytes.fromhex("00000106")


def test_a_write_is_refused_without_the_programming_key():
    data = bytes.fromhex("02010004" "02000000" "01000000" "302514")
    assert bench().ask(Frame(ADDRESS, 0x14, data)).reply == Frame(ADDRESS, 0xD4, b"\x04", 4)
    b = bench(programming_key=True)
    assert b.ask(Frame(ADDRESS, 0x14, data)).reply.control == 0x94
    assert b.site.state()["meters"][0]["clock_local"].endswith("14:25:31")


def test_security_functions_answer_with_two_byte_words():
    assert bench().ask(Frame(ADDRESS, 0x03, bytes(12))).reply == Frame(ADDRESS, 0xC3, b"\x08\x00", 4)


def test_broadcast_time_is_obeyed_once_a_day_within_five_minutes_and_never_answered():
    fast = {"address": ADDRESS, "clock": {"offset_s": 90}}
    b = VirtualBench({"start_local": "2025-06-03T12:00:00", "meters": [fast]})

    def tell(seconds):
        when = datetime(2025, 6, 3, 12, 0, 0) + timedelta(seconds=b.clock.ns // 10**9 + seconds)
        parts = (when.second, when.minute, when.hour, when.day, when.month, when.year % 100)
        data = b"".join(bcd(n, 1) for n in parts)
        assert b.ask(Frame("999999999999", 0x08, data)).raw == b""
        return b.site.state()["meters"][0]["clock_offset_s"]

    assert tell(-600) == 90
    assert abs(tell(0)) <= 1
    assert abs(tell(60)) <= 1


def test_a_broadcast_freeze_is_silent_and_a_unicast_one_acknowledged():
    b = bench()
    assert b.ask(Frame("999999999999", 0x16, b"\x99" * 4)).raw == b""
    assert unbcd(read(b, "05010101").data[4:]) == 123456
    assert b.ask(Frame(ADDRESS, 0x16, b"\x99" * 4)).reply == Frame(ADDRESS, 0x96, preamble=4)
    assert b.meter().broadcasts == 1


def test_a_change_of_baud_takes_effect_after_the_acknowledgement():
    b = bench()
    assert b.ask(Frame(ADDRESS, 0x17, b"\x20")).reply.data == b"\x20"
    assert read(b, "00010000") is None
    b.order(do="line", baud=9600)
    assert read(b, "00010000").control == 0x91
    assert bench(baud_locked=True).ask(Frame(ADDRESS, 0x17, b"\x20")).reply.data == b"\x08"


def test_the_preamble_is_as_configured_or_echoes_the_request():
    for count in range(5):
        assert bench(preamble=count).ask(Frame(ADDRESS, 0x11, bytes.fromhex("00000100"))).reply.preamble == count
        request = Frame(ADDRESS, 0x11, bytes.fromhex("00000100"), count)
        assert bench(preamble="echo").ask(request).reply.preamble == count


def test_a_1997_meter_answers_01_and_nothing_of_2007():
    old = {"address": ADDRESS, "model": "meter_1997", "forward_cwh": 7}
    b = VirtualBench({"line": {"baud": 1200}, "meters": [old]})
    assert b.ask(Frame(ADDRESS, 0x01, bytes.fromhex("1090"))).reply.data == bytes.fromhex("1090" "07000000")
    assert b.ask(Frame(ADDRESS, 0x01, bytes.fromhex("1F90"))).reply.data == bytes.fromhex("1F90" "07000000" "AA")
    assert b.ask(Frame(ADDRESS, 0x01, bytes.fromhex("2090"))).reply.data == bytes.fromhex("2090" "00000000")
    assert b.ask(Frame(ADDRESS, 0x01, bytes.fromhex("00B6"))).reply == Frame(ADDRESS, 0xC1, b"\x02", 4)
    assert b.ask(Frame("AAAAAAAAAAAA", 0x01, bytes.fromhex("1090"))).reply.address == ADDRESS
    assert b.ask(Frame(ADDRESS, 0x11, bytes(4))).raw == b""


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(sorted(MODELS)), st.integers(0, 31), st.binary(max_size=40), st.integers(0, 10**9))
def test_no_request_however_odd_makes_a_meter_raise(model, control, data, at_ms):
    site = parse_site({"meters": [{"address": ADDRESS, "model": model, "history_days": 3, "programming_key": True}]})
    meter = Meter(site.meters[0], 0, 1_700_000_000_000)
    for address in (ADDRESS, "AAAAAAAAAAAA", "999999999999"):
        reply = meter.answer(Frame(address, control, data), at_ms)
        assert reply is None or (reply.from_meter and len(reply.data) <= 200)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(MODELS)), st.integers(0, 2**32 - 1))
def test_no_item_makes_a_meter_raise(model, di):
    site = parse_site({"meters": [{"address": ADDRESS, "model": model, "history_days": 3}]})
    meter = Meter(site.meters[0], 0, 1_700_000_000_000)
    for group in (0, 2, 3, 4, 5, 0x1D, 0x1E):
        number = (di & 0x00FFFFFF) | group << 24
        reply = meter.answer(Frame(ADDRESS, 0x11, number.to_bytes(4, "little")), 1000)
        assert reply is not None or model == "meter_1997"
