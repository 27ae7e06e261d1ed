"""Charges by band, step, rate register and transformer ratio: exact, or marked as estimated."""

from firmware.base.faults import Broken
from firmware.tariff.charging import charge_spans, line_of_nothing, position_on
from firmware.tariff.fees import MONTH_OPEN, fee_of_day_floor_ucu, minimum_due_ucu
from firmware.tariff.pricing import MARK_ESTIMATED, MARK_UNSPLIT
from tests.kit import cases, eq, raises
from tests.rooms.tariff.documents import at, banded, day, stepped, tariff, text

JULY_14 = (2026, 7, 14)
NOTHING = (0, 0)
ESTIMATED = MARK_ESTIMATED


def span(date, begin, end, before, after, marks=0):
    """One span of the total register: hours of a day."""
    return (day(*date), at(*date) + begin * 3600, at(*date) + end * 3600, [before, 0, 0, 0, 0], [after, 0, 0, 0, 0], marks)


def short(lines):
    """(from, to, price, amount, marks, band, step) of each line."""
    return [(line[1], line[2], line[3], line[4], line[5], line[8], line[9]) for line in lines]


def test_a_flat_tariff_is_one_line_with_its_position():
    lines, position = charge_spans(tariff(text()), NOTHING, [span(JULY_14, 8, 9, 100, 300)], 0)
    eq(lines, [(0, 100, 300, 5500, 1_100_000, 0, at(*JULY_14) + 9 * 3600, day(*JULY_14), 0, 0, day(2026, 7, 1), 200)])
    eq(position, (day(2026, 7, 1), 200))


def test_energy_read_at_the_edges_of_a_band_is_charged_at_its_price_exactly():
    spans = [span(JULY_14, 7, 8, 100, 200), span(JULY_14, 8, 12, 200, 500), span(JULY_14, 12, 12, 500, 500)]
    lines, _ = charge_spans(tariff(banded()), NOTHING, spans, 0)
    eq(short(lines), [(100, 200, 6000, 600_000, 0, 2, 0), (200, 500, 10000, 3_000_000, 0, 1, 0)])


def missed(rule):
    """Charges of 401 digits from 11:00 to 19:00 on a summer work day: an hour of peak, six of flat, one of peak again."""
    lines, _ = charge_spans(tariff(banded({"missed_edge": rule})), NOTHING, [span(JULY_14, 11, 19, 1000, 1401)], 0)
    return short(lines)


def test_a_missed_edge_is_split_by_the_rule_of_the_tariff_and_marked():
    eq(missed("by_time"), [(1000, 1100, 10000, 1_000_000, ESTIMATED, 1, 0), (1100, 1401, 6000, 1_806_000, ESTIMATED, 2, 0)])
    eq(missed("cheapest"), [(1000, 1401, 6000, 2_406_000, ESTIMATED, 2, 0)])
    eq(missed("first"), [(1000, 1401, 10000, 4_010_000, ESTIMATED, 1, 0)])


def test_a_reading_late_by_the_bus_is_no_missed_edge():
    begin, edge = at(2026, 7, 14, 7, 0, 40), at(2026, 7, 14, 8, 3, 0)
    spans = [(day(*JULY_14), begin, edge, [100, 0, 0, 0, 0], [200, 0, 0, 0, 0], 0)]
    spans.append((day(*JULY_14), edge, at(2026, 7, 14, 9), [200, 0, 0, 0, 0], [300, 0, 0, 0, 0], 0))
    lines, _ = charge_spans(tariff(banded()), NOTHING, spans, 0)
    eq(short(lines), [(100, 200, 6000, 600_000, 0, 2, 0), (200, 300, 10000, 1_000_000, 0, 1, 0)])


def test_a_long_silence_is_as_many_lines_as_there_are_bands():
    spans = [(day(2026, 7, 1), at(2026, 7, 1), at(2026, 8, 1), [0, 0, 0, 0, 0], [99_999, 0, 0, 0, 0], MARK_UNSPLIT)]
    lines, _ = charge_spans(tariff(banded()), NOTHING, spans, 0)
    eq([line[8] for line in lines], [3, 2, 1])
    eq((lines[0][1], lines[-1][2], lines[0][5]), (0, 99_999, MARK_UNSPLIT | ESTIMATED))
    eq(sum([line[2] - line[1] for line in lines]), 99_999)


def test_one_charge_crosses_all_steps_exactly():
    lines, position = charge_spans(tariff(stepped()), (day(2026, 7, 1), 17_990), [span(JULY_14, 0, 24, 100, 30_100)], 0)
    want = [(100, 110, 5880, 58_800, 0, 0, 0), (110, 27_110, 6380, 172_260_000, 0, 0, 1), (27_110, 30_100, 8880, 26_551_200, 0, 0, 2)]
    eq(short(lines), want)
    eq(position, (day(2026, 7, 1), 47_990))
    eq([line[11] for line in lines], [18_000, 45_000, 47_990])


def test_the_unit_that_reaches_a_threshold_is_of_the_lower_step():
    def check(used_cwh, energy_cwh, prices):
        lines, _ = charge_spans(tariff(stepped()), (day(2026, 4, 1), used_cwh), [span((2026, 4, 9), 0, 24, 0, energy_cwh)], 0)
        eq([(line[3], line[2] - line[1]) for line in lines], prices)

    cases(
        (
            (17_999, 1, [(5880, 1)]),
            (17_999, 2, [(5880, 1), (6380, 1)]),
            (18_000, 1, [(6380, 1)]),
            (34_999, 3, [(6380, 1), (8880, 2)]),
            (35_000, 1, [(8880, 1)]),
            (4_294_967_295, 5, [(8880, 5)]),
        ),
        check,
    )


def test_thresholds_are_those_of_the_season_of_the_day():
    march, june = [span((2026, 3, 9), 0, 24, 0, 40_000)], [span((2026, 6, 9), 0, 24, 0, 40_000)]
    eq([line[3] for line in charge_spans(tariff(stepped()), NOTHING, march, 0)[0]], [5880, 6380, 8880])
    eq([line[3] for line in charge_spans(tariff(stepped()), NOTHING, june, 0)[0]], [5880, 6380])


def test_a_new_month_begins_with_nothing_used_and_a_year_goes_on():
    spans = [span((2026, 7, 31), 0, 24, 0, 18_000), span((2026, 8, 1), 0, 24, 18_000, 18_100)]
    by_month, position = charge_spans(tariff(stepped()), NOTHING, spans, 0)
    eq(([line[9] for line in by_month], position), ([0, 0], (day(2026, 8, 1), 100)))
    by_year, position = charge_spans(tariff(stepped({"over": "year"})), NOTHING, spans, 0)
    eq(([line[9] for line in by_year], position), ([0, 1], (day(2026, 1, 1), 18_100)))


def test_a_version_change_in_the_middle_of_a_period_keeps_what_was_used():
    _, position = charge_spans(tariff(stepped()), NOTHING, [span(JULY_14, 0, 24, 0, 17_000)], 0)
    newer = tariff(stepped(version=2, effective="2026-07-15", prices={"steps": ["0.6000", "0.7000", "0.9000"]}))
    lines, position = charge_spans(newer, position, [span((2026, 7, 15), 0, 24, 17_000, 19_000)], 0)
    eq([(line[3], line[2] - line[1]) for line in lines], [(6000, 1000), (7000, 1000)])
    eq(position, (day(2026, 7, 1), 19_000))
    flat, position = charge_spans(tariff(text()), position, [span((2026, 7, 16), 0, 24, 19_000, 19_500)], 0)
    eq(position, (day(2026, 7, 1), 19_500), "what was used is counted without steps, too")


def test_a_billing_month_may_begin_on_another_day():
    spans = [span((2026, 7, 19), 0, 24, 0, 100), span((2026, 7, 20), 0, 24, 100, 300)]
    _, position = charge_spans(tariff(stepped(month_begins=20)), NOTHING, spans, 0)
    eq(position, (day(2026, 7, 20), 200))
    yearly = tariff(stepped({"over": "year"}, month_begins=20))
    eq(position_on(yearly, NOTHING, day(2026, 1, 19)), (day(2025, 1, 20), 0))
    eq(position_on(yearly, NOTHING, day(2026, 1, 20)), (day(2026, 1, 20), 0))


def test_a_surcharge_comes_on_top_of_the_band():
    steps = {"over": "month", "surcharges": ["0", "0.05", "0.30"], "thresholds": [{"kwh": ["1", "2"]}]}
    spans = [span(JULY_14, 8, 9, 0, 150), span(JULY_14, 12, 13, 150, 300)]
    lines, _ = charge_spans(tariff(banded(steps=steps)), NOTHING, spans, 0)
    eq(
        [(line[3], line[2] - line[1], line[8], line[9]) for line in lines],
        [(10000, 100, 1, 0), (10500, 50, 1, 1), (6500, 50, 2, 1), (9000, 100, 2, 2)],
    )


def test_rate_registers_fill_the_steps_in_their_order():
    steps = {"over": "month", "surcharges": ["0", "0.05"], "thresholds": [{"kwh": ["1"]}]}
    rated = tariff(text(prices={"rates": ["1.0", "0.5"]}, steps=steps))
    spans = [(day(*JULY_14), at(*JULY_14), at(*JULY_14), [0, 10, 20, 0, 0], [0, 70, 90, 0, 0], 0)]
    lines, position = charge_spans(rated, NOTHING, spans, 2)
    eq([(line[0], line[1], line[2], line[3]) for line in lines], [(1, 10, 70, 10000), (2, 20, 60, 5000), (2, 60, 90, 5500)])
    eq(position[1], 130)


def test_a_register_behind_transformers_counts_more_and_keeps_registers_and_money_in_step():
    lines, position = charge_spans(tariff(stepped()), (day(2026, 7, 1), 17_990), [span(JULY_14, 0, 24, 100, 103)], 0, 100_000_000, 40)
    eq(short(lines), [(100, 101, 5880, 235_200, 0, 0, 0), (101, 103, 6380, 510_400, 0, 0, 1)], "the digit with the threshold is cheap")
    eq(position[1], 18_110)


def test_a_rollover_in_the_middle_of_a_step_is_no_jump():
    lines, _ = charge_spans(tariff(stepped()), (day(2026, 7, 1), 17_990), [span(JULY_14, 0, 24, 99_999_995, 15)], 0)
    eq([(line[1], line[2]) for line in lines], [(99_999_995, 5), (5, 15)])
    lines, _ = charge_spans(tariff(stepped()), NOTHING, [span(JULY_14, 0, 24, 79_999_990, 0)], 0, 80_000_000)
    eq([(line[1], line[2], line[4]) for line in lines], [(79_999_990, 0, 58_800)])


def test_a_day_without_energy_is_settled_by_a_line_of_nothing():
    quiet = span((2026, 8, 1), 0, 24, 700, 700)
    got = line_of_nothing(tariff(banded()), (day(2026, 7, 1), 55), quiet, 0)
    eq(got, (0, 700, 700, 3000, 0, 0, at(2026, 8, 2), day(2026, 8, 1), 3, 0, day(2026, 8, 1), 0))
    eq(charge_spans(tariff(banded()), NOTHING, [quiet], 0), ([], (day(2026, 8, 1), 0)))


def test_what_cannot_be_charged_is_a_bug():
    raises(Broken, charge_spans, tariff(text()), NOTHING, [span(JULY_14, 0, 1, 0, 1)], 2)
    raises(Broken, charge_spans, tariff(text()), NOTHING, [span(JULY_14, 0, 1, None, 1)], 0)
    raises(Broken, charge_spans, tariff(text()), NOTHING, [span(JULY_14, 0, 1, 0, 100_000_000)], 0)


def test_the_biggest_amount_of_a_great_transformer_is_exact():
    dear = tariff(text(prices={"total": "9999.9999"}))
    lines, position = charge_spans(dear, NOTHING, [span(JULY_14, 0, 24, 1, 0)], 0, 100_000_000, 800)
    eq((lines[0][4], position[1]), (99_999_999 * 800 * 99_999_999, 4_294_967_295))


def test_a_fee_by_the_day_is_the_same_each_day_and_one_by_the_month_comes_to_the_month():
    daily, monthly = tariff(text(fee_per_day="0.30")), tariff(text(fee_per_month="20.00"))
    eq(fee_of_day_floor_ucu(daily, day(2026, 2, 28)), 300_000)
    for year, month, length in ((2026, 2, 28), (2028, 2, 29), (2026, 4, 30), (2026, 12, 31)):
        fees = [fee_of_day_floor_ucu(monthly, day(year, month, 1) + ahead) for ahead in range(length)]
        eq(sum(fees), 20_000_000, "month %d" % month)
        eq(max(fees) - min(fees) <= 1, True)
    eq(fee_of_day_floor_ucu(tariff(text()), day(2026, 2, 1)), 0)


def test_a_minimum_is_due_on_the_last_day_of_a_month_only():
    least = tariff(text(minimum_per_month="30.00"))

    def check(date, charged_ucu, due_ucu):
        eq(minimum_due_ucu(least, day(*date), charged_ucu), due_ucu)

    cases(
        (
            ((2026, 7, 31), 0, 30_000_000),
            ((2026, 7, 31), 29_999_999, 1),
            ((2026, 7, 31), 30_000_000, 0),
            ((2026, 7, 31), 99_000_000, 0),
            ((2026, 7, 31), MONTH_OPEN, 0),
            ((2026, 7, 30), 0, 0),
            ((2026, 8, 1), 0, 0),
            ((2028, 2, 29), 0, 30_000_000),
        ),
        check,
    )
    eq(minimum_due_ucu(tariff(text()), day(2026, 7, 31), 0), 0)
