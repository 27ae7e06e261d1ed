"""Meter models: those that ship load, and every wrong field is named."""

import json
import os

from firmware.base.faults import BadInput
from firmware.meters.model import (
    ENFORCEABLE,
    NEEDS_UTILITY_KEY,
    NO_RELAY,
    OWN_PURSE,
    Meter,
    MeterRow,
    enforceable,
    limit_that_fits,
    power_max_w,
)
from firmware.meters.model_document import load_model
from tests.kit import cases, eq, raises

FOLDER = "firmware/meters/models"


def document(name):
    with open(FOLDER + "/" + name + ".json") as file:
        return json.load(file)


def changed(field, value, name="export_1p"):
    fields = document(name)
    fields[field] = value
    return fields


def test_every_model_that_ships_loads_under_the_name_of_its_file():
    names = sorted([name[:-5] for name in os.listdir(FOLDER) if name[-5:] == ".json"])
    wanted = ["button_1p", "export_1p", "legacy_1997", "purse_1p", "sg_feecontrol_1p", "three_phase_tou"]
    eq([name for name in wanted if name not in names], [])
    for name in names:
        eq(load_model(document(name), name).name, name)


def test_a_model_says_whether_supply_may_be_cut():
    def check(name, word, want):
        eq(enforceable(load_model(document(name)), word), want)

    cases(
        (
            ("export_1p", None, ENFORCEABLE),
            ("export_1p", 0x0050, ENFORCEABLE),
            ("export_1p", 0x0100, OWN_PURSE),
            ("export_1p", 0x0200, OWN_PURSE),
            ("export_1p", 0x0300, OWN_PURSE),
            ("button_1p", 0, ENFORCEABLE),
            ("three_phase_tou", 0, ENFORCEABLE),
            ("purse_1p", 0, OWN_PURSE),
            ("sg_feecontrol_1p", 0, NEEDS_UTILITY_KEY),
            ("legacy_1997", None, NO_RELAY),
            ("base_2007", 0, NO_RELAY),
        ),
        check,
    )


def test_a_wrong_field_is_refused_by_name():
    def check(field, value):
        eq(raises(BadInput, load_model, changed(field, value)).field, field)

    cases(
        (
            ("name", ""),
            ("name", 5),
            ("about", None),
            ("protocol", "dlms"),
            ("protocol", 2007),
            ("billing_register", "reverse"),
            ("rates", 5),
            ("rates", -1),
            ("rates", True),
            ("rates", "4"),
            ("baud", 2401),
            ("baud", True),
            ("baud", "2400"),
            ("preamble", 9),
            ("reply_start_timeout_ms", 0),
            ("inter_byte_timeout_ms", 1),
            ("quiet_ms", -1),
            ("relay_method", "plain"),
            ("close_code", "1D"),
            ("needs_button", True),
            ("needs_button", 0),
            ("trip_delay_max_min", 61),
            ("status_bytes", 0),
            ("status_bytes", 1),
            ("status_extended", False),
            ("command_bit", "yes"),
            ("alarm", 1),
            ("purse", "both"),
            ("daily_freezes", 255),
            ("settlements", 13),
            ("phases", 2),
            ("max_current_a", 0),
            ("max_curent_a", 60),
            ("block_reads", None),
        ),
        check_or_command_bit(check),
    )


def check_or_command_bit(check):
    """Without the extended bits the command bit cannot be valid: that field is named."""

    def wrapped(field, value):
        if field == "status_extended":
            eq(raises(BadInput, load_model, changed(field, value)).field, "command_bit")
        else:
            check(field, value)

    return wrapped


def test_a_missing_field_is_refused_by_name():
    def check(field):
        fields = document("export_1p")
        del fields[field]
        eq(raises(BadInput, load_model, fields).field, field)

    names = ("name", "about", "protocol", "billing_register", "rates", "baud", "daily_freezes", "phases", "max_current_a")
    cases([(name,) for name in names + ("relay_method", "close_code")], check)


def test_impossible_combinations_are_refused_by_name():
    def check(name, field, value, named):
        eq(raises(BadInput, load_model, changed(field, value, name)).field, named)

    cases(
        (
            ("legacy_1997", "relay_method", "dlt645-1c", "close_code"),
            ("legacy_1997", "daily_freezes", 12, "daily_freezes"),
            ("legacy_1997", "settlements", 12, "settlements"),
            ("legacy_1997", "status_bytes", 2, "status_bytes"),
            ("legacy_1997", "billing_register", "combined", "billing_register"),
            ("export_1p", "billing_register", "combined", "daily_freezes"),
            ("sg_feecontrol_1p", "alarm", True, "alarm"),
        ),
        check,
    )


LIMIT = {"di": "04EE0101", "bytes": 3, "unit_w": 10, "none": 999999}


def test_a_wrong_field_of_a_load_limit_is_refused_by_name():
    def check(field, value):
        fields = dict(LIMIT)
        fields[field] = value
        eq(raises(BadInput, load_model, changed("load_limit", fields, "lifeline_1p")).field, "load_limit." + field)

    cases(
        (
            ("di", "4EE0101"),
            ("di", "04ee0101"),
            ("di", "04EEFF01"),
            ("di", "00000000"),
            ("di", 5),
            ("bytes", 0),
            ("bytes", 5),
            ("unit_w", 0),
            ("unit_w", 1001),
            ("none", 1_000_000),
            ("none", -1),
            ("unit", 10),
        ),
        check,
    )


def test_a_load_limit_needs_a_relay_and_a_power():
    eq(raises(BadInput, load_model, changed("load_limit", LIMIT, "base_2007")).field, "load_limit")
    eq(raises(BadInput, load_model, changed("power_read", False, "lifeline_1p")).field, "load_limit")
    eq(load_model(document("export_1p")).limit_di, 0)


def test_a_limit_is_rounded_up_to_what_the_register_holds_and_none_where_it_cannot():
    model = load_model(document("lifeline_1p"))

    def check(ratio, power_w, limit_w):
        eq(limit_that_fits(model, ratio, power_w), limit_w)

    cases(((1, 500, 500), (1, 491, 500), (1, 1, 10), (1, 0, 0), (40, 500, 800)), check)
    cases(((60_000, 500, 0), (1, 60_000, 60_000), (1, 65_531, 0)), check)
    model.limit_bytes, model.limit_none = 1, 50
    cases(((1, 490, 490), (1, 500, 0), (1, 990, 990), (1, 991, 0)), check)
    eq(limit_that_fits(load_model(document("export_1p")), 1, 500), 0)


def test_a_file_under_another_name_is_refused():
    eq(raises(BadInput, load_model, document("export_1p"), "import_1p").field, "name")
    raises(BadInput, load_model, [])


def test_a_meter_bears_its_password_with_its_level_first():
    meter = Meter(bytes(6), load_model(document("export_1p")), 2, b"\x37\x06\x02")
    eq(meter.password, b"\x02\x37\x06\x02")
    eq(len(meter.operator), 4)
    eq(meter.block_refused, False)


def test_registers_wrap_where_the_register_does():
    eq(load_model(document("export_1p")).modulus_cwh, 100000000)
    combined = changed("billing_register", "combined")
    combined["daily_freezes"] = 0
    eq(load_model(combined).modulus_cwh, 80000000)
    eq(load_model(changed("rollover_kwh", 100_000)).modulus_cwh, 10000000)


def test_the_most_a_meter_can_pass_grows_with_its_phases():
    eq(power_max_w(load_model(document("export_1p"))), 18000)
    eq(power_max_w(load_model(document("three_phase_tou"))), 90000)


def test_the_model_of_another_meter_is_told_without_putting_away_the_one_at_hand():
    wired = (b"\1\0\0\0\0\x21", "one", 2, b"\0\0\0", 40), (b"\2\0\0\0\0\x21", "other", 2, b"\0\0\0", 1)
    row = MeterRow(2, lambda index: wired[index], {"one": "A", "other": "B"})
    at_hand = row[0]
    eq((row.model_of(0), row.model_of(1)), ("A", "B"))
    at_hand.block_refused = True
    eq((row[0].block_refused, row[1].block_refused, row[0].block_refused), (True, False, True))
    eq((row[0].ratio, row[1].ratio), (40, 1))
