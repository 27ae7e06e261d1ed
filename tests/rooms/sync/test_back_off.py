"""Pauses between connections: doubling, jittered, bounded."""

from firmware.sync.back_off import BackOff
from tests.kit import eq


def test_pauses_double_to_the_maximum_and_begin_small_after_proof_of_life():
    back_off = BackOff(1_000, 5_000, lambda n: b"\x00" * n)
    eq([back_off.next_ms() for _ in range(5)], [1_000, 2_000, 4_000, 5_000, 5_000])
    back_off.reset()
    eq(back_off.next_ms(), 1_000)


def test_jitter_takes_away_up_to_half():
    for draw, want in ((b"\x00\x00", 1_000), (b"\x80\x00", 750), (b"\xff\xff", 500)):
        eq(BackOff(1_000, 5_000, lambda n, draw=draw: draw).next_ms(), want)
