"""Tariff documents, the book of versions, and exact pricing."""

import json

from firmware.base import days
from firmware.base.faults import BadInput, Broken
from firmware.tariff import book, pricing
from firmware.tariff.book import TariffBook
from firmware.tariff.tariff import parse_tariff
from tests.kit import cases, eq, raises


def document(**changes):
    fields = {
        "tariff": 1,
        "version": 1,
        "effective": "2026-01-01",
        "currency": "CNY",
        "utc_offset_min": 480,
        "prices": {"total": "0.5500"},
    }
    for name in changes:
        if changes[name] is None:
            del fields[name]
        else:
            fields[name] = changes[name]
    return json.dumps(fields)


def flat(version=1, effective="2026-01-01", price="0.55", tariff=1):
    return parse_tariff(document(tariff=tariff, version=version, effective=effective, prices={"total": price}))


def test_a_flat_tariff_is_read_to_integers():
    got = flat()
    eq((got.tariff, got.version, got.currency, got.utc_offset_min, got.rates, got.prices), (1, 1, "CNY", 480, 0, (5500,)))
    eq(days.date_of_day(got.effective_day), (2026, 1, 1))
    eq((got.price_of(0), got.price_of(1), got.serves(0), got.serves(2)), (5500, None, True, False))


def test_prices_per_rate_serve_meters_with_that_many_registers_or_fewer():
    got = parse_tariff(document(prices={"rates": ["1.0000", "0.5", "0"]}).encode())
    eq((got.rates, got.prices), (3, (10000, 5000, 0)))
    eq([got.price_of(rate) for rate in range(5)], [None, 10000, 5000, 0, None])
    eq([got.serves(rates) for rates in range(5)], [False, True, True, True, False])


def test_every_fault_of_a_tariff_names_its_field():
    def check(text, field):
        fault = raises(BadInput, parse_tariff, text)
        eq(fault.field, field, str(fault))

    cases(
        (
            (document(tariff=None), "tariff"),
            (document(tariff=0), "tariff"),
            (document(tariff=True), "tariff"),
            (document(tariff="1"), "tariff"),
            (document(tariff=1 << 32), "tariff"),
            (document(version=None), "version"),
            (document(version=-1), "version"),
            (document(effective=None), "effective"),
            (document(effective="2026-02-30"), "effective"),
            (document(effective="2026-1-01"), "effective"),
            (document(effective="2026-13-01"), "effective"),
            (document(effective=20260101), "effective"),
            (document(currency=None), "currency"),
            (document(currency="cny"), "currency"),
            (document(currency="CN"), "currency"),
            (document(utc_offset_min=None), "utc_offset_min"),
            (document(utc_offset_min=900), "utc_offset_min"),
            (document(prices=None), "prices"),
            (document(prices={}), "prices"),
            (document(prices={"total": "1", "rates": ["1"]}), "prices"),
            (document(prices={"total": "0.55001"}), "prices.total"),
            (document(prices={"total": "1e3"}), "prices.total"),
            (document(prices={"total": "NaN"}), "prices.total"),
            (document(prices={"total": "+1"}), "prices.total"),
            (document(prices={"total": "-1"}), "prices.total"),
            (document(prices={"total": ""}), "prices.total"),
            (document(prices={"total": " 1"}), "prices.total"),
            (document(prices={"total": "."}), "prices.total"),
            (document(prices={"total": "1."}), "prices.total"),
            (document(prices={"total": ".5"}), "prices.total"),
            (document(prices={"total": "10000.0001"}), "prices.total"),
            (document(prices={"total": 1}), "prices.total"),
            (document(prices={"total": "1", "peak": "2"}), "prices.peak"),
            (document(prices={"rates": []}), "prices.rates"),
            (document(prices={"rates": ["1", "1", "1", "1", "1"]}), "prices.rates"),
            (document(prices={"rates": ["1", "x"]}), "prices.rates[1]"),
            (document(bands=[]), "bands"),
            ('{"tariff": 1, "tariff": 2}', "tariff"),
            ("[]", "tariff document"),
            ("", "tariff document"),
            (b"\xff\xfe", "tariff document"),
        ),
        check,
    )


def test_a_version_is_created_once_and_never_replaced():
    held = TariffBook(4)
    eq(held.add(flat()), book.CREATED)
    eq(held.add(flat()), book.EXISTS)
    eq(held.add(flat(price="0.56")), book.CONFLICT)
    eq((held.get(1, 1).prices, len(held)), ((5500,), 1))


def test_a_full_book_refuses_and_keeps_what_it_has():
    held = TariffBook(2)
    held.add(flat(1))
    held.add(flat(2))
    eq(held.add(flat(3)), book.FULL)
    eq((len(held), held.get(1, 3)), (2, None))


def test_in_force_is_the_latest_effective_day_then_the_higher_version():
    held = TariffBook(8)
    held.add(flat(1, "2026-01-01"))
    held.add(flat(2, "2026-07-01"))
    held.add(flat(3, "2026-03-01"))
    held.add(flat(4, "2026-03-01"))
    held.add(flat(9, "2026-02-01", tariff=2))

    def check(date, version):
        got = held.in_force(1, days.day_of_date(*date))
        eq(None if got is None else got.version, version)

    cases(
        (
            ((2025, 12, 31), None),
            ((2026, 1, 1), 1),
            ((2026, 2, 28), 1),
            ((2026, 3, 1), 4),
            ((2026, 6, 30), 4),
            ((2026, 7, 1), 2),
            ((2027, 1, 1), 2),
        ),
        check,
    )
    eq(held.in_force(7, days.day_of_date(2026, 3, 1)), None)


def test_pruning_drops_only_versions_that_no_unsettled_day_needs():
    held = TariffBook(8)
    for version, effective in ((1, "2026-01-01"), (2, "2026-03-01"), (3, "2026-07-01")):
        held.add(flat(version, effective))
    eq(held.prune(days.day_of_date(2026, 3, 1)), [(1, 1)])
    eq(held.in_force(1, days.day_of_date(2026, 3, 1)).version, 2)
    eq(held.in_force(1, days.day_of_date(2026, 7, 1)).version, 3)
    eq(held.prune(days.day_of_date(2026, 3, 1)), [])


def test_a_total_register_is_charged_exactly():
    lines = pricing.charge_lines(flat(), 0, [12345, 0, 0, 0, 0], [12445, 9, 9, 9, 9])
    eq(lines, [(0, 12345, 12445, 5500, 550000)])
    eq(pricing.total_ucu(lines), 550000)


def test_rate_registers_are_charged_each_and_still_ones_leave_no_line():
    tariff = parse_tariff(document(prices={"rates": ["1.0000", "0.5", "0.0001"]}))
    lines = pricing.charge_lines(tariff, 3, [0, 10, 20, 30, 40], [99, 13, 20, 130, 400])
    eq(lines, [(1, 10, 13, 10000, 30000), (3, 30, 130, 1, 100)])
    eq(pricing.total_ucu(lines), 30100)


def test_a_rollover_is_no_jump():
    eq(pricing.difference_cwh(99999990, 5), 15)
    eq(pricing.difference_cwh(0, 99999999), 99999999)
    eq(pricing.difference_cwh(7, 7), 0)


def test_the_biggest_amount_is_exact():
    tariff = flat(price="10000.0000")
    lines = pricing.charge_lines(tariff, 0, [1, 0, 0, 0, 0], [0, 0, 0, 0, 0])
    eq(lines[0][4], 9999999900000000)
    tariff = flat(price="9999.9999")
    eq(pricing.charge_lines(tariff, 0, [0] * 5, [99999998, 0, 0, 0, 0])[0][4], 9999999700000002)


def test_what_cannot_be_priced_is_a_bug_not_a_charge():
    raises(Broken, pricing.charge_lines, flat(), 2, [0] * 5, [1] * 5)
    raises(Broken, pricing.charge_lines, flat(), 0, [None] * 5, [1] * 5)
    raises(Broken, pricing.charge_lines, flat(), 0, [0] * 5, [None] * 5)
    raises(Broken, pricing.difference_cwh, 0, 100000000)
    raises(Broken, pricing.difference_cwh, -1, 5)


def at(cwh):
    return [cwh, 0, 0, 0, 0]


def test_one_day_is_one_span():
    eq(pricing.split(10, 10, at(1), at(5), []), [(10, at(1), at(5), 0)])


def test_each_midnight_with_a_freeze_is_an_edge():
    freezes = [(12, at(30)), (11, at(20)), (10, at(0)), (14, at(99))]
    want = [(10, at(1), at(20), 0), (11, at(20), at(30), 0), (12, at(30), at(35), 0)]
    eq(pricing.split(10, 12, at(1), at(35), freezes), want)


def test_a_midnight_without_a_freeze_is_marked_and_belongs_to_the_first_day():
    eq(pricing.split(10, 11, at(1), at(5), []), [(10, at(1), at(5), pricing.MARK_UNSPLIT)])
    want = [(10, at(1), at(30), pricing.MARK_UNSPLIT), (12, at(30), at(35), pricing.MARK_UNSPLIT)]
    eq(pricing.split(10, 13, at(1), at(35), [(12, at(30))]), want)


def test_splitting_loses_and_doubles_no_energy():
    spans = pricing.split(5, 9, at(99999990), at(40), [(7, at(99999999)), (8, at(12))])
    total = 0
    for _, before, after, _ in spans:
        total += pricing.difference_cwh(before[0], after[0])
    eq(total, pricing.difference_cwh(99999990, 40))
    raises(Broken, pricing.split, 9, 8, at(0), at(1), [])
    raises(Broken, pricing.split, 5, 9, at(0), at(1), [(7, at(0)), (7, at(1))])
