"""Registers, curves, clock and freezes."""

from datetime import datetime

import pytest

from host_tools.simulators.config import MeterCfg
from host_tools.simulators.energy import WMS_PER_CWH, RandomLoad, Register, StepLoad
from host_tools.simulators.frames import unbcd
from host_tools.simulators.items import read_item
from host_tools.simulators.meter import Meter
from host_tools.simulators.meter_clock import MeterClock, read_stamp6, to_local_ms

HOUR_MS = 3_600_000
NOON = to_local_ms(datetime(2025, 6, 3, 12, 0, 0))


def meter(at=NOON, speed=1, **fields):
    return Meter(MeterCfg(address="000000000001", **fields), 0, at, speed)


def di(m, number):
    value = read_item(m, number)
    assert value is not None
    return value


def test_one_kilowatt_for_one_hour_is_one_hundred_units_however_often_asked():
    once, often = meter(load=1000), meter(load=1000)
    once.advance(HOUR_MS)
    for now in range(0, HOUR_MS + 1, 997):
        often.advance(now)
    often.advance(HOUR_MS)
    assert once.energy.forward.total.cwh == 100
    assert once.energy.forward.total.wms == often.energy.forward.total.wms == 1000 * HOUR_MS


def test_energy_runs_faster_than_time_when_told_so():
    fast = meter(load=6000, speed=60)
    fast.advance(60_000)
    assert fast.energy.forward.total.cwh == 600


def test_the_register_shows_the_floor_and_rolls_over_after_999999_99():
    register = Register()
    register.set_cwh(99_999_999)
    register.wms += WMS_PER_CWH - 1
    assert register.cwh == 99_999_999
    register.wms += 1
    assert register.cwh == 0


def test_a_stepped_load_is_integrated_edge_to_edge():
    m = meter(load={"steps": [[0, 1000], [10, 3000], [20, 0]], "repeat_s": 30})
    m.advance(60_000)
    assert m.energy.forward.total.wms == 2 * (1000 + 3000) * 10_000


def test_a_random_load_depends_on_seed_and_period_only():
    a = RandomLoad(100, 5000, 10, 7)
    values = [a.at(t) for t in range(0, 100_000, 10_000)]
    assert [a.at(t + 9_999) for t in range(0, 100_000, 10_000)] == values
    assert len(set(values)) > 3 and all(100 <= v <= 5000 for v in values)
    assert [RandomLoad(100, 5000, 10, 8).at(t) for t in range(0, 100_000, 10_000)] != values


def test_a_step_curve_says_when_it_changes_next():
    curve = StepLoad(((0, 1), (10, 2)), 30)
    assert [curve.next_change(t) for t in (0, 9_999, 10_000, 30_000)] == [10_000, 10_000, 30_000, 40_000]


def test_exported_energy_counts_in_the_reverse_register_and_combined_follows_its_mode():
    m = meter(load=-2000, forward_cwh=50, combined_mode=9)
    m.advance(HOUR_MS)
    assert (m.energy.forward.total.cwh, m.energy.reverse.total.cwh) == (50, 200)
    assert di(m, 0x00000000) == bytes.fromhex("50010080")


def test_each_rate_counts_in_its_hours_and_the_total_is_their_sum():
    m = meter(load=1000, rates=2, schedule=[("00:00", 1), ("13:00", 2)])
    m.advance(3 * HOUR_MS)
    assert m.energy.forward.shown() == (300, 100, 200)
    assert di(m, 0x0001FF00) == bytes.fromhex("00030000" "00010000" "00020000")
    assert read_item(m, 0x00010300) is None


def test_a_freeze_is_taken_at_the_meters_own_midnight():
    m = meter(load=1000, clock={"offset_s": 3600})
    m.advance(11 * HOUR_MS)
    assert di(m, 0x05060001) == bytes.fromhex("0000040625")
    assert unbcd(di(m, 0x05060101)) == 1100
    m.advance(34 * HOUR_MS)
    assert len(m.history.daily) == 1
    m.advance(35 * HOUR_MS)
    assert [s.forward[0] for s in m.history.daily] == [3500, 1100]


def test_a_drifting_clock_moves_its_midnight_and_not_the_energy():
    m = meter(load=1000, clock={"drift_ppm": 1000})
    m.advance(24 * HOUR_MS)
    assert m.energy.forward.total.cwh == 2400
    assert m.history.daily[0].forward[0] == 1198


def test_sixty_two_days_are_remembered_and_a_day_never_frozen_reads_zero_time():
    m = meter(load=100)
    m.advance(70 * 24 * HOUR_MS)
    assert len(m.history.daily) == 62
    assert read_item(m, 0x0506003F) is None
    assert di(meter(), 0x05060001) == bytes(5)
    assert read_item(meter(daily_freezes=False), 0x05060001) is None


def test_a_settlement_day_keeps_the_register():
    m = meter(load=1000, settlement_day="0506")
    m.advance(42 * HOUR_MS)
    assert unbcd(di(m, 0x00010001)) == 4200
    m.advance(43 * HOUR_MS)
    assert (unbcd(di(m, 0x00010001)), unbcd(di(m, 0x00010002))) == (4200, 0)


def test_history_can_be_invented_with_consistent_stamps():
    m = meter(forward_cwh=10_000, history_days=40, history_daily_cwh=100)
    assert di(m, 0x05060001) == bytes.fromhex("0000030625")
    assert [s.forward[0] for s in list(m.history.daily)[:3]] == [9900, 9800, 9700]
    assert m.history.settlements[0].stamp == bytes.fromhex("0000010625")


def test_setting_the_clock_over_midnight_freezes_once():
    m = meter(load=1000)
    m.advance(1000)
    m.set_clock(13 * 3600)
    assert len(m.history.daily) == 1


@pytest.mark.parametrize("ppm", [-99_999, -37, 0, 41, 99_999])
def test_the_clock_knows_the_first_moment_of_a_local_time(ppm):
    clock = MeterClock(500, NOON, 7, ppm)
    moment = clock.when(NOON + 86_400_000)
    assert clock.local_ms(moment) >= NOON + 86_400_000 > clock.local_ms(moment - 1)


def test_a_lost_clock_starts_in_2000_and_an_invalid_one_is_not_bcd():
    m = meter(clock={"state": "lost"})
    m.advance(5000)
    assert di(m, 0x04000101) == bytes.fromhex("06010100")
    assert di(m, 0x04000102) == bytes.fromhex("050000")
    assert m.status_word(1) & 0x8004
    m.clock.set_state(m.now_ms, "invalid")
    with pytest.raises(ValueError):
        read_stamp6(di(m, 0x04000102) + di(m, 0x04000101)[1:])


def test_voltage_current_and_power_agree_with_the_load():
    m = meter(load=4601, phases=3, voltage_dv=2300)
    assert di(m, 0x0201FF00) == bytes.fromhex("0023" "0023" "0023")
    assert unbcd(di(m, 0x02030000)) == 46_010
    powers = [unbcd(di(m, 0x02030100 + (p << 8))) for p in range(3)]
    assert sum(powers) == 46_010
    assert unbcd(di(m, 0x02020200)) == powers[1] * 1000 // 2300


def test_date_and_weekday_are_in_wire_order():
    m = meter()
    assert di(m, 0x04000101) == bytes.fromhex("02030625")
    assert di(m, 0x04000102) == bytes.fromhex("000012")
    assert di(m, 0x0400010C) == bytes.fromhex("000012" "02030625")
