"""The journal on a NOR region: order, units, torn tail against corruption, space, wear, reading back."""

from firmware.base.faults import BadInput, Refused, StorageFault
from firmware.base.limits import Limits
from firmware.ledger import record_kinds as kinds
from firmware.ledger.ledger_store import AGREES, BEHIND, FORK, UNKNOWN, Ledger
from firmware.ledger.record_kinds import BOOKS, CREDIT_CLASS, ORDINARY
from tests.kit import cases, eq, raises
from tests.nor_ram import RamRegion

METER = b"\x01\x02\x03\x04\x05\x06"
UNITS = ((1,), (32,), (256,))
ERASE = 2048
JOURNAL_BLOCKS = 24
SIZE = (JOURNAL_BLOCKS + 4) * ERASE
LIMITS = Limits(accounts_max=6, journal_credit_reserve_blocks=2)


def stamp():
    return 1_800_000_000, 3


def make(region):
    ledger = Ledger(region, JOURNAL_BLOCKS * ERASE, LIMITS, stamp)
    region.boots += 1
    ledger.open(region.boots, 256)
    return ledger


def fresh(unit, accounts=3):
    region = RamRegion(SIZE, ERASE, unit)
    ledger = make(region)
    for account in range(1, accounts + 1):
        ledger.record(kinds.SEGMENT, (account, METER, 0, 0, 0, 0, 0, 0))
    ledger.commit()
    return region, ledger


def pay(ledger, account, number):
    ledger.record(kinds.CREDIT, (account, 1, number, 1000, number * 1000))
    ledger.commit()


def ack_all(ledger):
    return ledger.acked(ledger.epoch, ledger.sequence, ledger.chain, bytes(8), 0)


def drain(ledger, sequence=1, limit=600):
    """All raw records from `sequence`, checked for gaps."""
    records = []
    while True:
        step = ledger.outbox.journal_from(sequence, limit)
        if step is None:
            return records
        eq(step[1], sequence)
        records.extend(step[3])
        sequence += len(step[3])


def test_what_was_committed_is_replayed_in_each_unit_size():
    def check(unit):
        region, ledger = fresh(unit)
        for number in range(1, 20):
            pay(ledger, number % 3 + 1, number)
        again = make(region)
        eq((again.sequence, again.chain, again.epoch), (ledger.sequence, ledger.chain, 1))
        eq([again.accounts.row_bytes(row) for row in range(3)], [ledger.accounts.row_bytes(row) for row in range(3)])
        eq((again.sound, again.troubles, again.journal.torn), (True, (), 0))

    cases(UNITS, check)


def test_nothing_is_shown_before_it_is_durable():
    _, ledger = fresh(32)
    before = ledger.sequence, ledger.chain
    ledger.record(kinds.CREDIT, (1, 1, 1, 5, 5))
    eq((ledger.sequence, ledger.chain), before)
    eq(ledger.outbox.positions()[1], before[0])
    eq(ledger.outbox.journal_from(before[0] + 1, 600), None)
    ledger.commit()
    eq(len(ledger.outbox.journal_from(before[0] + 1, 600)[3]), 1)


def test_several_records_of_one_step_share_one_padding_and_one_sync():
    region, ledger = fresh(256)
    syncs, programmed = region.syncs, region.programmed_bytes
    for number in range(1, 5):
        ledger.record(kinds.CREDIT, (1, 1, number, 1, number))
    ledger.commit()
    eq((region.syncs - syncs, region.programmed_bytes - programmed), (1, 256))


def test_a_commit_of_nothing_costs_no_sync():
    region, ledger = fresh(32)
    before = region.syncs
    ledger.commit()
    eq(region.syncs, before)


def test_the_outbox_reads_every_record_once_from_any_sequence():
    def check(unit):
        _, ledger = fresh(unit)
        for number in range(1, 60):
            pay(ledger, 1, number)
        everything = drain(ledger)
        eq(len(everything), ledger.sequence)
        for sequence in (2, 17, 40, ledger.sequence):
            eq(drain(ledger, sequence, 200), everything[sequence - 1 :])
        one = ledger.outbox.journal_from(5, 1)
        eq((one[0], one[1], one[2], len(one[3])), (1, 5, ledger.journal.chain_at(4), 1))

    cases(UNITS, check)


def test_a_chain_asked_for_between_leaves_the_outbox_its_place():
    def check(unit):
        region, ledger = fresh(unit)
        for number in range(1, 60):
            pay(ledger, 1, number)
        everything = drain(ledger)
        # the chain before each record, each found by a walk of its own
        before = {sequence: make(region).outbox.journal_from(sequence, 1)[2] for sequence in range(2, ledger.sequence + 1)}
        journal, at = ledger.journal, 1
        while at <= ledger.sequence:
            _, first, _, records = ledger.outbox.journal_from(at, 200)
            eq(records, everything[at - 1 : at - 1 + len(records)])
            for asked in (max(1, first - 2), first, first, 1, min(first + 7, ledger.sequence - 1)):  # on, again, back and ahead
                eq(journal.chain_at(asked), before[asked + 1])
            at = first + len(records)
        pay(ledger, 1, 60)
        eq(journal.chain_at(ledger.sequence - 1), make(region).outbox.journal_from(ledger.sequence, 1)[2])

    cases(UNITS, check)


def test_a_torn_tail_is_sealed_and_its_sequence_goes_to_the_next_valid_record():
    def check(unit):
        region, ledger = fresh(unit)
        pay(ledger, 1, 1)
        last = ledger.sequence
        at = ledger.journal.block_at(ledger.journal.ring[-1]) + ledger.journal._at
        region.flash[at : at + 20] = b"\x2a" * 20  # a step of which only some bytes were programmed
        again = make(region)
        eq((again.sequence, again.sound, again.journal.torn_tail), (last, True, True))
        pay(again, 1, 2)
        third = make(region)
        eq((third.sequence, third.sound, third.journal.torn, third.journal.torn_tail), (last + 1, True, 1, False))
        eq(len(drain(third)), last + 1)

    cases(UNITS, check)


def test_missing_records_with_valid_ones_behind_them_are_corruption():
    region, ledger = fresh(32)
    for number in range(1, 10):
        pay(ledger, 1, number)
    target = drain(ledger)[6]
    at = bytes(region.flash).find(target)
    region.flash[at + 12 : at + 20] = bytes(8)
    again = make(region)
    eq((again.sound, again.troubles), (False, ("corrupt", "state incomplete")))
    eq(again.journal.damage, [(1, 7, 7)])
    eq((again.sequence, again.accounts.balance_ucu(0)), (ledger.sequence, 9000), "all that is valid is kept")
    pay(again, 1, 10)
    eq(make(region).accounts.balance_ucu(0), 10000, "credits go on")
    eq(len(drain(again, 8)), ledger.sequence + 1 - 7)


def test_one_flipped_bit_is_mended_and_counted():
    region, ledger = fresh(1)
    for number in range(1, 6):
        pay(ledger, 1, number)
    target = drain(ledger)[5]
    at = bytes(region.flash).find(target)
    region.flash[at + 13] ^= 4
    again = make(region)
    eq((again.sound, again.journal.damage, again.journal.mended), (True, [], 1))
    eq((again.chain, again.accounts.balance_ucu(0)), (ledger.chain, 5000))
    eq(drain(again)[5], target)


def test_charges_stop_first_credits_later_and_the_books_last():
    region, ledger = fresh(32)
    number = 0
    refused = {}
    while len(refused) < 2:
        number += 1
        for klass in (ORDINARY, CREDIT_CLASS):
            if klass not in refused:
                try:
                    ledger.record(kinds.EVENT, (1, 0, number), klass)
                except Refused:
                    refused[klass] = ledger.journal.free_blocks
        ledger.commit()
    eq(refused[ORDINARY] > refused[CREDIT_CLASS] > 1, True)
    eq((ledger.may_record(ORDINARY), ledger.may_record(CREDIT_CLASS), ledger.may_record(BOOKS)), (False, False, True))
    raises(Refused, pay, ledger, 1, 1)
    eq(ledger.accounts.balance_ucu(0), 0)
    while ledger.on_tick():
        pass
    eq(ledger.snapshot.whole, 0, "while nothing is acknowledged a snapshot frees nothing: the last room waits for one that does")
    eq(ack_all(ledger), True)
    while ledger.on_tick():
        pass
    eq(ledger.may_record(ORDINARY), True)
    pay(ledger, 1, 1)
    eq((make(region).accounts.balance_ucu(0), make(region).sound), (1000, True))


def test_a_snapshot_that_fills_many_blocks_is_not_due_again_by_its_own_blocks():
    """A small journal of many accounts: the blocks between two snapshots are fewer than those that one snapshot takes."""

    def check(unit):
        limits = Limits(accounts_max=20, journal_credit_reserve_blocks=2, journal_snapshot_blocks=1)
        region = RamRegion(SIZE, ERASE, unit)
        ledger = Ledger(region, JOURNAL_BLOCKS * ERASE, limits, stamp)
        ledger.open(1, 256)
        for account in range(1, 21):
            ledger.record(kinds.SEGMENT, (account, METER, 0, 0, 0, 0, 0, 0))
        ledger.commit()
        for number in range(1, 200):
            pay(ledger, 1, number)
            ack_all(ledger)
            while ledger.on_tick():
                pass
        snapshots, blocks = ledger.snapshot.whole, len(ledger.journal.ring)
        eq(snapshots > 0, True)
        for _ in range(300):
            ack_all(ledger)
            ledger.on_tick()
        eq((ledger.snapshot.whole, len(ledger.journal.ring)), (snapshots, blocks))

    cases(UNITS, check)


def test_a_block_goes_only_when_the_head_end_holds_it_and_a_snapshot_covers_it():
    region, ledger = fresh(32)
    for number in range(1, 400):
        pay(ledger, 1, number)
        while ledger.on_tick():
            pass
        eq(ledger.journal.first_sequence, 1)
        if ledger.journal.free_blocks < 9:
            break
    ack_all(ledger)
    for extra in range(1, 400):
        pay(ledger, 1, number + extra)
        while ledger.on_tick():
            pass
        if extra % 5 == 0:
            ack_all(ledger)
    eq(ledger.journal.first_sequence > 1, True)
    again = make(region)
    eq((again.sound, again.troubles, again.accounts.balance_ucu(0)), (True, (), (number + extra) * 1000))
    eq(again.sequence, ledger.sequence)


def test_wear_is_even_over_a_hundred_turns_of_the_ring():
    region, ledger = fresh(256)
    number = 0
    while min(ledger.journal.erases()) < 100:
        for _ in range(4):
            number += 1
            ledger.record(kinds.CREDIT, (1, 1, number, 1, number))
            ledger.commit()
        ledger.on_tick()
        ack_all(ledger)
    spread = max(ledger.journal.erases()) - min(ledger.journal.erases())
    eq(spread <= 2, True, "spread %d" % spread)
    eq(region.erase_counts[:JOURNAL_BLOCKS], ledger.journal.erases())
    eq(ledger.sound, True)


def test_an_acknowledgement_of_acknowledgements_is_not_journalled():
    _, ledger = fresh(32)
    eq(ack_all(ledger), True)
    after_first = ledger.sequence
    eq(ack_all(ledger), True)
    eq(ledger.sequence, after_first)
    eq(ledger.outbox.positions()[:2], (after_first, after_first))


def test_comparison_tells_behind_fork_and_unknown():
    _, ledger = fresh(32)
    pay(ledger, 1, 1)
    eq(ledger.compare(1, ledger.sequence, ledger.chain), AGREES)
    eq(ledger.compare(1, 2, ledger.journal.chain_at(2)), AGREES)
    eq(ledger.compare(1, 0, bytes(8)), AGREES)
    eq(ledger.compare(1, 2, bytes(8)), FORK)
    eq(ledger.compare(1, ledger.sequence + 1, bytes(8)), BEHIND)
    eq(ledger.compare(2, 1, bytes(8)), BEHIND)
    eq(ledger.acked(1, 2, bytes(8), bytes(8), 0), False)
    eq(ledger.outbox.acked_sequence, 0)
    eq(UNKNOWN not in (AGREES, FORK, BEHIND), True)


def test_the_head_ends_state_replaces_ours_and_pardons_corruption():
    region, ledger = fresh(32)
    for number in range(1, 8):
        pay(ledger, 1, number)
    rows = [ledger.accounts.row_bytes(1), ledger.accounts.row_bytes(0)]
    region.flash[ledger.journal.block_at(0) + 150] = 0
    region.flash[ledger.journal.block_at(0) + 160] = 0
    again = make(region)
    eq(again.sound, False)
    again.import_state(3, 500, rows)
    eq((again.sound, again.epoch, again.accounts.count), (True, 3, 2))
    eq(again.accounts.balance_ucu(again.accounts.row_of(1)), 7000)
    pay(again, 1, 8)
    third = make(region)
    eq((third.sound, third.troubles, third.epoch, third.sequence), (True, (), 3, again.sequence))
    eq((third.accounts.count, third.accounts.row_of(3)), (2, -1))
    step = third.outbox.journal_from(500, 300)
    eq((step[0], step[1], step[2]), (3, 500, ledger.chain))
    eq([store.outbox.positions()[0] for store in (again, third)], [499, 499], "what it replaced waits for nobody")
    raises(Refused, third.import_state, 3, 900, rows)
    raises(Refused, third.import_state, 4, 900, [b"short"])


def test_a_driver_that_fails_makes_the_journal_read_only_and_visible():
    def check(operation):
        region, ledger = fresh(32)
        region.fail_next = operation
        raises(StorageFault, pay, ledger, 1, 1)
        region.fail_next = None
        eq((ledger.sound, ledger.troubles, ledger.may_record(BOOKS)), (False, ("medium failed",), False))
        raises(StorageFault, pay, ledger, 1, 2)
        eq(ledger.on_tick(), False)

    cases((("program",), ("sync",)), check)


def test_a_region_that_is_too_small_is_refused_at_once():
    region = RamRegion(8 * ERASE, ERASE, 32)
    raises(BadInput, Ledger(region, 5 * ERASE, LIMITS, stamp).open, 1, 1)
    raises(BadInput, Ledger, region, 5 * ERASE + 1, LIMITS, stamp)


def test_a_snapshot_goes_on_after_a_restart_where_it_stopped():
    region = RamRegion(SIZE, ERASE, 32)
    limits = Limits(accounts_max=6, snapshot_rows_per_tick=2, journal_snapshot_blocks=1)
    ledger = Ledger(region, JOURNAL_BLOCKS * ERASE, limits, stamp)
    ledger.open(1, 1)
    for account in range(1, 7):
        ledger.record(kinds.SEGMENT, (account, METER, 0, 0, 0, 0, 0, 0))
    ledger.record(kinds.ORDER, (0, 44, 7, 1, 0, 0, 0, 0))
    number = 0
    while not ledger.snapshot.begun:
        number += 1
        pay(ledger, 1, number)
        ledger.on_tick()
    begun = ledger.snapshot.begun
    again = Ledger(region, JOURNAL_BLOCKS * ERASE, limits, stamp)
    again.open(2, 1)
    eq(again.snapshot.begun, begun)
    while again.snapshot.begun:
        pay(again, 1, number + 1)
        number += 1
        again.on_tick()
    eq(again.snapshot.whole, begun)
    ack_all(again)
    last = Ledger(region, JOURNAL_BLOCKS * ERASE, limits, stamp)
    last.open(3, 1)
    eq((last.sound, last.accounts.gateway_order, last.accounts.balance_ucu(0)), (True, 44, number * 1000))


def test_each_life_that_left_nothing_behind_keeps_a_unit_of_its_own():
    def check(unit):
        region, ledger = fresh(unit)
        end = ledger.journal._at
        eq([make(region).journal._at - end for _ in range(3)], [unit, 2 * unit, 3 * unit])
        region.flash[ledger.journal.block_at(ledger.journal.ring[-1]) + end] = 0x2A  # the first byte of a torn record
        eq(make(region).journal._at - end >= 254, True, "units of FFH in the torn record may be touched")
        region.boots = 0
        eq(make(region).journal._at, ERASE, "a count that cannot be right begins the next block")

    cases(UNITS, check)
