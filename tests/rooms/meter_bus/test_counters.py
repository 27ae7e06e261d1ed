"""Counts of each meter stop at their top, and those of all meters go on."""

from firmware.meter_bus.counters import ANSWERED, CAUSES, SATURATED, SILENT, BusCounters
from tests.kit import eq


def test_each_meter_and_cause_has_its_own_count():
    counters = BusCounters(3)
    for meter in range(3):
        for cause in range(len(CAUSES)):
            for _ in range(1 + meter + cause):
                counters.add(meter, cause)
    for cause in range(len(CAUSES)):
        eq([counters.of(meter, cause) for meter in range(3)], [1 + cause, 2 + cause, 3 + cause])
        eq(counters.total(cause), 6 + 3 * cause)


def test_a_count_of_one_meter_stays_at_its_top_and_the_total_goes_on():
    counters = BusCounters(2)
    for _ in range(SATURATED + 2):
        counters.add(1, ANSWERED)
    eq((counters.of(1, ANSWERED), counters.total(ANSWERED)), (SATURATED, SATURATED + 2))
    eq((counters.of(0, ANSWERED), counters.of(1, SILENT), counters.total(SILENT)), (0, 0, 0))
