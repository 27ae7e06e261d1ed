"""The readings ring: numbered, bounded, the oldest dropped first and said so."""

from firmware.base.faults import StorageFault
from firmware.base.limits import Limits
from firmware.ledger import record_kinds as kinds
from firmware.ledger.ledger_store import Ledger
from firmware.ledger.reading_entry import crc16, entry_into, is_entry
from firmware.ledger.readings_store import BlockRing
from tests.kit import cases, eq, raises
from tests.nor_ram import RamRegion

UNITS = ((1,), (32,), (256,))
ERASE = 2048
JOURNAL = 16 * ERASE
LIMITS = Limits(accounts_max=4, readings_gap_min=20, acked_readings_step=30)


def stamp():
    return 1_800_000_000, 3


def make(region):
    ledger = Ledger(region, JOURNAL, LIMITS, stamp)
    ledger.open(1, 1)
    return ledger


def fresh(unit):
    region = RamRegion(JOURNAL + 4 * ERASE, ERASE, unit)
    ledger = make(region)
    ledger.record(kinds.SEGMENT, (5, bytes(6), 2, 0, 0, 0, 0, 0))
    ledger.commit()
    return region, ledger


def read(ledger, number, commit=True):
    got = ledger.add_reading(5, 1000 + number, 3, 0, [number, None, 7], None, 0x10)
    if commit:
        ledger.commit()
    return got


def test_the_crc_is_the_ccitt_one():
    eq(crc16(b"123456789", 0, 9), 0x29B1)
    eq(is_entry(b"\xff" * 44, 0, 44), 0, "blank flash is no reading")


def test_readings_come_back_with_none_for_no_value_cut_to_the_rates_of_the_account():
    def check(unit):
        region, ledger = fresh(unit)
        for number in range(1, 15):
            eq(read(ledger, number), number)
        again = make(region)
        eq((again.readings.last_number, again.readings.oldest_number), (14, 1))
        eq(again.outbox.readings_from(7, 1)[0], (7, 5, 1007, 3, 0, [7, None, 7], None, 0x10))
        got = []
        while len(got) < 14:
            got.extend(again.outbox.readings_from(len(got) + 1, 200))
        eq([row[0] for row in got], list(range(1, 15)))
        eq(again.outbox.readings_from(15, 200), [])
        eq(read(again, 15), 15)
        eq(again.outbox.readings_from(15, 200)[0][0], 15)

    cases(UNITS, check)


def test_a_reading_is_shown_only_when_it_is_durable():
    _, ledger = fresh(32)
    read(ledger, 1, commit=False)
    eq((ledger.outbox.positions()[3], ledger.outbox.readings_from(1, 500)), (0, []))
    ledger.commit()
    eq((ledger.outbox.positions()[3], len(ledger.outbox.readings_from(1, 500))), (1, 1))


def test_the_oldest_are_dropped_first_and_the_gap_is_journalled():
    def check(unit):
        region, ledger = fresh(unit)
        gaps = []
        for number in range(1, 400):
            read(ledger, number)
            ledger.on_tick()
        oldest = ledger.readings.oldest_number
        eq(oldest > 100, True)
        eq(ledger.readings.dropped, oldest - 1)
        eq(ledger.outbox.readings_from(1, 100)[0][0], oldest)

        def watch(kind, values, sequence, at_s, quality):
            if kind == kinds.READINGS_GAP:
                gaps.append(values)

        again = Ledger(region, JOURNAL, LIMITS, stamp)
        again.open(2, 1, watch)
        eq((gaps[0][0], gaps[-1][1] <= oldest - 1), (1, True))
        for index in range(1, len(gaps)):
            eq(gaps[index][0], gaps[index - 1][1] + 1)
        eq(again.readings.last_number, 399)

    cases(UNITS, check)


def test_who_wants_a_dropped_reading_is_told_of_the_gap_at_once():
    ledger = Ledger(RamRegion(JOURNAL + 4 * ERASE, ERASE, 32), JOURNAL, Limits(accounts_max=4, readings_gap_min=500), stamp)
    ledger.open(1, 1)
    ledger.record(kinds.SEGMENT, (5, bytes(6), 2, 0, 0, 0, 0, 0))
    for number in range(1, 300):
        read(ledger, number)
    last = ledger.readings.oldest_number - 1
    eq(40 < last < 300, True)
    told = []
    ledger.watch(lambda kind, values, *_: told.append((kind, values)))
    ledger.outbox.readings_from(last + 1, 100)
    ledger.on_tick()
    eq(told, [])
    for _ in range(2):
        ledger.outbox.readings_from(last, 100)
        ledger.outbox.readings_from(last + 1, 100)  # the answer goes on
        ledger.on_tick()
    eq(told, [(kinds.READINGS_GAP, (1, last))])


def test_acknowledged_readings_are_overwritten_silently_and_survive_a_restart_coarsely():
    region, ledger = fresh(32)
    for number in range(1, 400):
        read(ledger, number)
        ledger.acked(1, ledger.sequence, ledger.chain, bytes(8), number)
    eq((ledger.readings.dropped, ledger.readings.gap()), (0, None))
    again = make(region)
    eq(399 - 30 <= again.outbox.acked_readings <= 399, True)


def test_numbers_are_not_given_again_when_the_ring_was_lost():
    region, ledger = fresh(32)
    for number in range(1, 41):
        read(ledger, number)
    ledger.acked(1, ledger.sequence, ledger.chain, bytes(8), 40)
    for at in range(JOURNAL, region.size):
        region.flash[at] = 0xFF
    for unit in range(JOURNAL // 32, region.size // 32):
        region.programmed[unit] = 0
    again = make(region)
    eq(read(again, 41), 41)
    eq(make(region).readings.last_number, 41)


def test_what_a_cut_erase_took_from_the_oldest_block_counts_as_dropped():
    def check(unit, first_half):
        region, ledger = fresh(unit)
        number = 0
        while len(ledger.readings._ring) < 3:
            number += 1
            read(ledger, number)
        start = ledger.readings._block_at(ledger.readings._ring[0])
        second = ledger.readings._first(ledger.readings._ring[1])
        half = (start + 256, start + ERASE // 2) if first_half else (start + ERASE // 2, start + ERASE)
        region.flash[half[0] : half[1]] = b"\xff" * (half[1] - half[0])
        again = make(region)
        oldest = again.readings.oldest_number
        eq((1 < oldest < second) if first_half else oldest == second, True, "oldest %d, second block from %d" % (oldest, second))
        eq((again.outbox.readings_from(1, 200)[0][0], again.readings.last_number), (oldest, number))

    cases([unit + (first_half,) for unit in UNITS for first_half in (True, False)], check)


def test_a_torn_entry_whose_crc_fits_by_chance_gives_away_no_numbers():
    def check(unit):
        region, ledger = fresh(unit)
        for number in range(1, 8):
            read(ledger, number)
        at = ledger.readings._block_at(ledger.readings._ring[-1]) + ledger.readings._at
        whole = bytearray(64)
        end = entry_into(whole, 0, 3_758_096_128, 5, 1, 3, 0, [1, 2, 3], None, 0)
        region.flash[at : at + end] = whole[:end]
        again = make(region)
        eq(again.readings.last_number, 7)
        eq([read(again, 8), read(again, 9)], [8, 9])
        eq([row[0] for row in again.outbox.readings_from(6, 2_000)], [6, 7, 8, 9])

    cases(UNITS, check)


def test_the_ring_of_blocks_goes_round_the_end_of_the_region():
    ring = BlockRing(5)
    eq((len(ring), 0 in ring), (0, False))
    for block in (3, 4, 0):
        ring.append(block)
    eq([ring[place] for place in (0, 1, 2, -1)], [3, 4, 0, 0])
    eq([block in ring for block in range(5)], [True, False, False, True, True])
    ring.append(1)
    ring.append(2)
    eq((len(ring), [block in ring for block in range(5)]), (5, [True] * 5))
    ring.drop_oldest()
    eq((ring[0], ring[-1], ring.index(4), 3 in ring), (4, 2, 0, False))
    ring.set(2, 1)
    eq((len(ring), ring[0], ring[-1]), (1, 2, 2))


def test_a_lost_header_costs_the_readings_of_its_block_and_no_others():
    region, ledger = fresh(32)
    number = 0
    while len(ledger.readings._ring) < 4:
        number += 1
        read(ledger, number)
    readings = ledger.readings
    lost_from, lost_to = readings._first(readings._ring[2]), readings._first(readings._ring[3]) - 1
    start = readings._block_at(readings._ring[2])
    region.flash[start : start + 40] = bytes(40)
    again = make(region)
    eq((again.readings.oldest_number, again.readings.last_number), (1, number))
    found = []
    while not found or found[-1] < number:
        found += [row[0] for row in again.outbox.readings_from(found[-1] + 1 if found else 1, 300)]
    eq(found, [n for n in range(1, number + 1) if not lost_from <= n <= lost_to])
    eq(read(again, number + 1), number + 1)


def test_a_unit_at_which_the_medium_failed_is_not_tried_again():
    """The driver said no, and may have programmed half of it all the same."""

    def check(unit):
        region, ledger = fresh(unit)
        read(ledger, 1)
        read(ledger, 2, commit=False)
        region.fail_next = "program"
        raises(StorageFault, ledger.commit)
        region.fail_next = None
        before = region.programmed_bytes
        raises(StorageFault, ledger.commit)
        raises(StorageFault, lambda: read(ledger, 3))
        eq((region.programmed_bytes, ledger.sound), (before, False))
        again = make(region)
        eq(again.readings.last_number, 1)

    cases(UNITS, check)
