"""Every fault of a tariff with bands, steps or fees is one sentence that names its field; equal texts are the same version."""

from firmware.base.faults import BadInput
from firmware.tariff.tariff import parse_tariff
from tests.kit import cases, eq, raises
from tests.rooms.tariff.documents import BAND_PRICES, HUNAN_THRESHOLDS, SEASONS, banded, stepped, tariff, text

DEAR = {"over": "month", "surcharges": ["0", "9999"], "thresholds": [{"kwh": ["1"]}]}
ONE_ROW = {"band": "peak", "from": "08:00", "to": "12:00"}


def fault(document, field):
    got = raises(BadInput, parse_tariff, document)
    eq(got.field, field, str(got))


def row(without_seasons=False, **changes):
    """A document whose only row of hours has these changes."""
    fields = dict(ONE_ROW)
    fields.update(changes)
    return banded({"hours": [fields]}, seasons=[] if without_seasons else SEASONS)


def test_every_fault_of_the_calendar_names_its_field():
    cases(
        (
            (text(seasons=[{"name": "dry", "from": "01-01"}]), "seasons"),
            (text(seasons=[{"name": "dry", "from": "01-01"}, {"name": "dry", "from": "06-01"}]), "seasons[1].name"),
            (text(seasons=[{"name": "Dry", "from": "01-01"}]), "seasons[0].name"),
            (text(seasons=[{"name": "dry", "from": "06-01"}, {"name": "wet", "from": "06-01"}]), "seasons[1].from"),
            (text(seasons=[{"name": "dry", "from": "02-29"}]), "seasons[0].from"),
            (text(seasons=[{"name": "dry", "from": "6-1"}]), "seasons[0].from"),
            (text(seasons=[{"name": "dry", "from": "01-01", "to": "02-01"}]), "seasons[0].to"),
            (text(seasons=[{"from": "01-01"}]), "seasons[0].name"),
            (text(seasons=["dry"]), "seasons[0]"),
            (text(seasons={}), "seasons"),
            (text(weekend=[0]), "weekend[0]"),
            (text(weekend=[6, 6]), "weekend[1]"),
            (text(holidays=["2026-02-30"]), "holidays[0]"),
            (text(holidays=["2026-10-01", "2026-10-01"]), "holidays[1]"),
            (text(holidays=["2026-10-01"], workdays=["2026-10-01"]), "workdays[0]"),
            (text(month_begins=29), "month_begins"),
            (text(month_begins="1"), "month_begins"),
        ),
        fault,
    )


def test_every_fault_of_the_bands_names_its_field():
    cases(
        (
            (text(bands={}), "bands"),
            (text(prices=BAND_PRICES), "bands"),
            (banded(prices={"bands": []}), "prices.bands"),
            (banded(prices={"bands": [{"name": "peak"}]}), "prices.bands[0].price"),
            (banded(prices={"bands": [{"name": "peak", "price": "-1"}]}), "prices.bands[0].price"),
            (banded(prices={"bands": [{"name": "a", "price": "1"}, {"name": "a", "price": "2"}]}), "prices.bands[1].name"),
            (banded(prices={"bands": [{"name": "a", "price": "1", "kwh": 1}]}), "prices.bands[0].kwh"),
            (banded(prices={"total": "1", "bands": []}), "prices"),
            (banded({"missed_edge": None}), "bands.missed_edge"),
            (banded({"missed_edge": "guess"}), "bands.missed_edge"),
            (banded({"missed_edge": []}), "bands.missed_edge"),
            (banded({"late_read_s": 900}), "bands.late_read_s"),
            (banded({"rest": "noon"}), "bands.rest"),
            (banded({"rest": None}), "bands.rest"),
            (banded({"hours": None}), "bands.hours"),
            (banded({"else": "flat"}), "bands.else"),
            (row(band="noon"), "bands.hours[0].band"),
            (row(to="8:00"), "bands.hours[0].to"),
            (row(to="24:15"), "bands.hours[0].to"),
            (row(to="12:60"), "bands.hours[0].to"),
            (row(to="12:10"), "bands.hours[0].to"),
            (row(to="08:00"), "bands.hours[0].to"),
            (row(**{"from": "24:00"}), "bands.hours[0].from"),
            (row(days=[]), "bands.hours[0].days"),
            (row(days=["workday"]), "bands.hours[0].days[0]"),
            (row(days=["work", "work"]), "bands.hours[0].days[1]"),
            (row(seasons=["monsoon"]), "bands.hours[0].seasons[0]"),
            (row(seasons="summer"), "bands.hours[0].seasons"),
            (row(month=7), "bands.hours[0].month"),
            (banded({"hours": [ONE_ROW, {"band": "flat", "from": "11:45", "to": "13:00", "days": ["holiday"]}]}), "bands.hours[1]"),
            (
                banded({"hours": [{"band": "flat", "from": "08:00", "to": "09:00", "seasons": ["summer"]}]}, seasons=[]),
                "bands.hours[0].seasons",
            ),
        ),
        fault,
    )


def test_a_gap_or_an_overlap_is_told_with_its_time_and_day():
    got = str(raises(BadInput, parse_tariff, banded({"rest": None})))
    eq("at 07:00 on a day of type work in spring" in got, True, got)
    overlapping = {"hours": [ONE_ROW, {"band": "flat", "from": "11:45", "to": "13:00", "days": ["holiday"], "seasons": ["winter"]}]}
    got = str(raises(BadInput, parse_tariff, banded(overlapping)))
    eq("overlaps a row before it at 11:45 on a day of type holiday in winter" in got, True, got)


def test_every_fault_of_the_steps_names_its_field():
    cases(
        (
            (stepped({"over": "week"}), "steps.over"),
            (stepped({"over": 1}), "steps.over"),
            (stepped({"surcharges": ["0", "0", "0"]}), "steps.surcharges"),
            (stepped(prices={"steps": ["1"]}), "prices.steps"),
            (stepped(prices={"steps": []}), "prices.steps"),
            (stepped(prices={"total": "1"}), "steps.surcharges"),
            (text(prices={"steps": ["1", "2"]}), "steps"),
            (stepped({"thresholds": []}), "steps.thresholds"),
            (stepped({"thresholds": HUNAN_THRESHOLDS[:1]}), "steps.thresholds"),
            (stepped({"thresholds": [{"kwh": ["1", "2"]}, {"kwh": ["1", "2"], "seasons": ["winter"]}]}), "steps.thresholds[1].seasons"),
            (stepped({"thresholds": [{"kwh": ["180"]}]}), "steps.thresholds[0].kwh"),
            (stepped({"thresholds": [{"kwh": ["180", "180"]}]}), "steps.thresholds[0].kwh[1]"),
            (stepped({"thresholds": [{"kwh": ["0", "180"]}]}), "steps.thresholds[0].kwh[0]"),
            (stepped({"thresholds": [{"kwh": ["1.001", "2"]}]}), "steps.thresholds[0].kwh[0]"),
            (stepped({"thresholds": [{"kwh": [1, 2]}]}), "steps.thresholds[0].kwh[0]"),
            (stepped({"thresholds": [{"kwh": ["1", "10000000.01"]}]}), "steps.thresholds[0].kwh[1]"),
            (stepped({"thresholds": [{"kwh": ["1", "2"], "kw": 1}]}), "steps.thresholds[0].kw"),
            (stepped({"thresholds": [{"kwh": ["1", "2"], "seasons": ["x"]}]}), "steps.thresholds[0].seasons[0]"),
            (stepped({"thresholds": [{"kwh": ["1", "2"], "seasons": ["x"]}]}, seasons=[]), "steps.thresholds[0].seasons"),
            (stepped({"by": "kWh"}), "steps.by"),
            (
                text(steps={"over": "month", "surcharges": ["0", "9999"], "thresholds": [{"kwh": ["1"]}]}, prices={"total": "2"}),
                "steps.surcharges",
            ),
        ),
        fault,
    )


def test_every_fault_of_the_fees_names_its_field():
    cases(
        (
            (text(fee_per_day="0"), "fee_per_day"),
            (text(fee_per_day=1), "fee_per_day"),
            (text(fee_per_day="-1"), "fee_per_day"),
            (text(fee_per_day="1", fee_per_month="30"), "fee_per_month"),
            (text(fee_per_month="1000000.000001"), "fee_per_month"),
            (text(minimum_per_month="0.0000001"), "minimum_per_month"),
            (text(minimum_per_year="1"), "minimum_per_year"),
        ),
        fault,
    )


def test_equal_documents_are_the_same_version_and_any_change_is_another():
    base = tariff(banded(fee_per_day="0.10"))
    eq(base.same_as(tariff(banded(fee_per_day="0.10"))), True)
    for other in (
        banded(fee_per_day="0.20"),
        banded({"late_read_s": 60}, fee_per_day="0.10"),
        banded({"missed_edge": "first"}, fee_per_day="0.10"),
        banded({"rest": "valley"}, fee_per_day="0.10"),
        banded(fee_per_day="0.10", holidays=["2026-10-01"]),
        banded(fee_per_day="0.10", minimum_per_month="1"),
        banded(fee_per_day="0.10", seasons=SEASONS[:3] + [{"name": "winter", "from": "11-30"}]),
        banded(fee_per_day="0.10", steps={"over": "month", "surcharges": ["0", "1"], "thresholds": [{"kwh": ["9"]}]}),
    ):
        eq(base.same_as(tariff(other)), False, other)

    plain = (text(), banded(), stepped(), text(fee_per_day="1"), text(minimum_per_month="1"))
    eq([tariff(document).is_plain() for document in plain], [True, False, False, False, False])
