"""The line on virtual time: pace, collisions, each fault, driver release, baud."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from host_tools.simulators.frames import Frame, encode
from host_tools.simulators.line import BITS_PER_BYTE, MS, NS
from host_tools.simulators.virtual import VirtualBench

A, B = "000000000001", "000000000002"
READ = bytes.fromhex("00000100")
STEADY = {"reply_jitter_ms": 0, "reply_delay_ms": 50}


def bench(*meters, **line):
    return VirtualBench({"line": line, "meters": list(meters) or [{"address": A, **STEADY}]})


def wire_ns(count, baud):
    return count * BITS_PER_BYTE * NS // baud


@pytest.mark.parametrize("baud", [600, 1200, 2400, 4800, 9600, 19200])
def test_no_byte_arrives_before_the_wire_could_carry_it_and_none_late_by_more_than_a_chunk(baud):
    b = bench(baud=baud)
    request = encode(Frame(A, 0x11, READ, 4))
    heard = b.ask(Frame(A, 0x11, READ, 4), 3000)
    first = wire_ns(len(request), baud) + 50 * MS
    assert len(heard.raw) == 24
    for i, at in enumerate(heard.times_ns):
        exact = first + wire_ns(i + 1, baud)
        assert exact - 1 <= at <= exact + 4 * MS
    assert heard.times_ns[-1] - (first + wire_ns(24, baud)) in (-1, 0)


def test_bytes_at_2400_baud_come_one_by_one():
    assert len(set(bench().ask(Frame(A, 0x11, READ)).times_ns)) == 24


def test_a_request_written_in_pieces_is_one_request():
    b = bench()
    wire = encode(Frame(A, 0x11, READ))
    for i in range(0, len(wire), 3):
        b.send(wire[i : i + 3])
        b.listen(40)
    assert b.listen(1000).reply is not None


def test_pieces_written_at_one_instant_leave_one_after_the_other():
    b = bench()
    wire = encode(Frame(A, 0x11, READ, 4))
    for piece in (wire[:9], wire[9:11], wire[11:]):
        b.send(piece)
    heard = b.listen(1000)
    assert heard.reply is not None
    assert heard.times_ns == bench().ask(Frame(A, 0x11, READ, 4)).times_ns


def test_a_gap_of_more_than_half_a_second_ends_a_request():
    b = bench()
    wire = encode(Frame(A, 0x11, READ))
    b.send(wire[:9])
    b.listen(700)
    b.send(wire[9:])
    assert b.listen(1000).raw == b""
    assert b.ask(Frame(A, 0x11, READ)).reply is not None


def test_the_busy_wire_is_counted_once():
    b = bench()
    b.ask(Frame(A, 0x11, READ, 4))
    assert abs(b.site.state()["line"]["wire_busy_ms"] - wire_ns(20 + 24, 2400) // MS) <= 1


def test_a_wildcard_read_among_two_meters_collides_and_one_alone_does_not():
    two = bench({"address": A}, {"address": B})
    heard = two.ask(Frame("AAAAAAAAAAAA", 0x13))
    assert heard.raw and heard.reply is None
    assert two.line.counters.collisions == 1
    assert two.ask(Frame(A, 0x11, READ)).reply.address == A
    assert two.ask(Frame(B, 0x11, READ)).reply.address == B
    assert bench({"address": A}, {"address": B, "silent": True}).ask(Frame("AAAAAAAAAAAA", 0x13)).reply.address == A


def test_two_meters_with_one_address_never_separate():
    b = bench({"address": A}, {"address": A})
    for _ in range(10):
        heard = b.ask(Frame(A, 0x11, READ))
        assert heard.raw and heard.reply is None


def test_colliding_meters_never_exceed_the_pace_of_one_wire():
    b = bench(*({"address": f"{n:012d}"} for n in range(1, 6)))
    heard = b.ask(Frame("AAAAAAAAAAAA", 0x13))
    for earlier, later in zip(heard.times_ns, heard.times_ns[1:], strict=False):
        assert later - earlier >= wire_ns(1, 2400) // 2 or later == earlier
    assert len(heard.raw) <= 24 + 5 * 3


def test_a_dead_meter_of_eight_is_silent_and_the_rest_answer():
    b = bench(*({"address": f"{n:012d}", "silent": n == 3} for n in range(1, 9)))
    replies = [b.ask(Frame(f"{n:012d}", 0x11, READ)).reply for n in range(1, 9)]
    assert [r is None for r in replies] == [n == 3 for n in range(1, 9)]
    assert b.line.counters.unanswered == 1


def test_a_master_that_talks_over_a_reply_damages_both():
    b = bench()
    b.send(encode(Frame(A, 0x11, READ)))
    b.listen(130)
    b.send(encode(Frame(A, 0x11, READ)))
    assert b.listen(1500).reply is None
    assert b.line.counters.master_collisions == 1


def test_a_driver_let_go_too_late_damages_the_first_bytes_only():
    b = bench({"address": A, "reply_delay_ms": 20, "reply_jitter_ms": 0, "preamble": 0}, driver_release_ms=33)
    clean = bench({"address": A, "reply_delay_ms": 20, "reply_jitter_ms": 0, "preamble": 0}).ask(Frame(A, 0x11, READ))
    heard = b.ask(Frame(A, 0x11, READ))
    assert heard.reply is None
    assert [x == y for x, y in zip(heard.raw, clean.raw, strict=True)] == [False] * 3 + [True] * 17
    assert b.line.counters.damaged_by_driver == 1
    b.order(do="line", driver_release_ms=15)
    assert b.ask(Frame(A, 0x11, READ)).reply is not None


def test_a_preamble_protects_the_frame_from_a_slightly_late_driver():
    b = bench({"address": A, "reply_delay_ms": 20, "reply_jitter_ms": 0, "preamble": 4}, driver_release_ms=33)
    assert b.ask(Frame(A, 0x11, READ)).reply is not None


def test_another_baud_rate_is_noise_to_the_meter():
    b = bench({"address": A, "baud": 9600})
    assert b.ask(Frame(A, 0x11, READ)).raw == b""
    assert b.line.counters.wrong_baud == 1
    assert b.order(do="line", baud=9600)["ok"]
    assert b.ask(Frame(A, 0x11, READ)).reply is not None


def test_a_standing_echo_returns_the_request_at_its_own_pace():
    b = bench(echo=True)
    request = encode(Frame(A, 0x11, READ))
    heard = b.ask(Frame(A, 0x11, READ))
    assert heard.raw.startswith(request) and heard.reply is not None
    assert heard.times_ns[0] == wire_ns(1, 2400)


def struck(kind, **more):
    """One reply under one fault, and the clean reply after it."""
    b = bench()
    assert b.order(do="fault", kind=kind, count=1, meter=A, **more)["ok"]
    heard = b.ask(Frame(A, 0x11, READ), 4000)
    assert b.site.state()["line"]["faults"][kind] == 1
    assert b.ask(Frame(A, 0x11, READ)).reply is not None
    return heard


CLEAN = bench().ask(Frame(A, 0x11, READ)).raw


def test_drop_is_silence_once():
    assert struck("drop").raw == b""


def test_flip_changes_one_bit():
    raw = struck("flip").raw
    assert sum(bin(x ^ y).count("1") for x, y in zip(raw, CLEAN, strict=True)) == 1


def test_truncate_ends_early():
    raw = struck("truncate").raw
    assert 0 < len(raw) < len(CLEAN) and CLEAN.startswith(raw)


def test_echo_puts_the_request_before_the_reply():
    heard = struck("echo")
    assert heard.raw == encode(Frame(A, 0x11, READ)) + CLEAN
    assert [f.from_meter for f in heard.frames] == [False, True]


def test_late_comes_after_the_time_given_and_whole():
    heard = struck("late", ms=2000)
    assert heard.raw == CLEAN
    assert heard.times_ns[0] > 2050 * MS


def test_collision_leaves_no_frame():
    heard = struck("collision")
    assert heard.raw and heard.reply is None


def test_noise_comes_before_the_frame():
    raw = struck("noise").raw
    assert raw.endswith(CLEAN) and 1 <= len(raw) - len(CLEAN) <= 11


def test_a_late_reply_may_meet_the_next_request_and_both_suffer():
    b = bench()
    b.order(do="fault", kind="late", count=1, ms=400)
    b.ask(Frame(A, 0x11, READ), 550)
    assert b.ask(Frame(A, 0x11, READ)).reply is None
    assert b.ask(Frame(A, 0x11, READ)).reply is not None


def test_a_probability_strikes_about_as_often_as_it_says_and_repeats_with_the_seed():
    def story(seed):
        b = bench({"address": A, **STEADY}, seed=seed, faults=[{"kind": "drop", "probability": 0.2}])
        return [b.ask(Frame(A, 0x11, READ), 400).reply is None for _ in range(200)]

    first = story(3)
    assert 20 <= sum(first) <= 60
    assert story(3) == first != story(4)


def test_a_fault_for_one_meter_leaves_the_other_alone():
    b = bench({"address": A}, {"address": B}, faults=[{"kind": "drop", "probability": 1.0, "meter": A}])
    assert b.ask(Frame(A, 0x11, READ)).reply is None
    assert b.ask(Frame(B, 0x11, READ)).reply is not None
    b.order(do="clear_faults")
    assert b.ask(Frame(A, 0x11, READ)).reply is not None


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.binary(max_size=60), st.integers(0, 700)), max_size=8), st.integers(0, 99))
def test_garbage_never_stops_the_line(noise, seed):
    b = bench({"address": A}, {"address": A, "preamble": "echo"}, {"address": B}, seed=seed, echo=seed % 2 == 0)
    for data, gap in noise:
        b.send(data)
        b.listen(gap)
    b.listen(2000)
    assert b.ask(Frame(B, 0x11, READ)).reply is not None
