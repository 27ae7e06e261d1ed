"""Every claim of steps 1 to 5 says yes to a good world and no to each world that is broken in one thing."""

import dataclasses

import pytest

from host_tools.demo import claims_outage, claims_running
from host_tools.demo.cast import HOURS, PROTECTED, SILENT, UNWARNED
from host_tools.demo.console import ARMED, CLOSED, OFF, ON, OPEN, UNKNOWN, AccountView
from host_tools.demo.proof import compare
from host_tools.demo.scenery import PRICES
from host_tools.demo.wire_log import WireLog
from host_tools.simulators.client import RelayState
from tests.host.demo.worlds import (
    CUSTOMER,
    GATEWAY,
    KEY,
    METER,
    cut_world,
    decision,
    event,
    image,
    journal,
    noted,
    relay,
    restore_world,
    wire,
)

OTHER = "210000000002"
TWO = [1001, 1002]
UNMOVED = relay()
CHARGE = {"account": 1001, "rate": 0, "from_cwh": 100, "to_cwh": 110, "tariff": 1, "price": 5500, "amount_ucu": 55_000,
          "total_charged_ucu": 55_000}
CHARGES = [CHARGE, CHARGE | {"from_cwh": 110, "to_cwh": 112, "amount_ucu": 11_000, "total_charged_ucu": 66_000}]
NOTICE = {"account": 1006, "channel": 1, "outcome": 1, "available_ucu": 4_160_000}
LEVEL = 5_000_000


def holds(verdict: tuple[bool, str]) -> bool:
    assert verdict[1], "a check without a number"
    return verdict[0]


# steps 1 to 3


@pytest.mark.parametrize(("counts", "accounts", "wanted"), [
    ({1001: 1, 1002: 3}, TWO, True), ({1001: 4}, TWO, False), ({1001: 1, 1002: 0}, TWO, False), ({}, TWO, False), ({}, [], False),
])
def test_every_account_needs_its_own_reading(counts, accounts, wanted):
    assert holds(claims_running.every_account(counts, accounts, "meters", "readings")) is wanted


@pytest.mark.parametrize(("receipts", "wanted"), [
    (["applied", "applied"], True), (["applied", "refused"], False), (["applied", "pending"], False), (["applied"], False),
    (["applied"] * 3, False), ([], False),
])
def test_a_refused_credit_is_no_good_receipt(receipts, wanted):
    assert holds(claims_running.credits_applied(receipts, 2)) is wanted


def test_no_credits_at_all_prove_nothing():
    assert not holds(claims_running.credits_applied([], 0))


@pytest.mark.parametrize(("change", "wanted"), [
    ({}, True), ({"amount_ucu": 11_001, "total_charged_ucu": 66_001}, False), ({"from_cwh": 111, "amount_ucu": 5_500,
     "total_charged_ucu": 60_500}, False), ({"price": 6_000, "amount_ucu": 12_000, "total_charged_ucu": 67_000}, False),
    ({"total_charged_ucu": 66_001}, False), ({"tariff": 2}, False), ({"to_cwh": 110, "amount_ucu": 0, "total_charged_ucu": 55_000}, False),
])
def test_a_charge_that_is_not_exact_is_seen(change, wanted):
    assert holds(claims_running.charges_exact([CHARGES[0], CHARGES[1] | change], PRICES, [1001])) is wanted


def test_charges_at_rate_prices_and_over_the_rollover_are_exact():
    rolled = CHARGE | {"from_cwh": 99_999_999, "to_cwh": 4, "rate": 3, "tariff": 2, "amount_ucu": 27_500, "total_charged_ucu": 27_500}
    assert holds(claims_running.charges_exact([rolled], PRICES, [1001]))
    assert not holds(claims_running.charges_exact([rolled | {"rate": 1}], PRICES, [1001]))


def test_an_account_without_a_charge_is_seen():
    assert not holds(claims_running.charges_exact(CHARGES, PRICES, TWO))
    assert not holds(claims_running.charges_exact([], PRICES, []))


@pytest.mark.parametrize(("held", "wanted"), [
    ({1001: 105, 1002: 55}, True), ({1001: 100, 1002: 60}, True), ({1001: 99, 1002: 55}, False), ({1001: 111, 1002: 55}, False),
    ({1001: 105}, False), ({}, False),
])
def test_a_register_that_the_meter_never_showed_is_seen(held, wanted):
    assert holds(claims_running.registers_between({1001: 100, 1002: 50}, held, {1001: 110, 1002: 60})) is wanted


@pytest.mark.parametrize(("notices", "wanted"), [
    ([NOTICE], True), ([], False), ([NOTICE, NOTICE], False), ([NOTICE | {"channel": 2}], False), ([NOTICE | {"outcome": 3}], False),
    ([NOTICE | {"available_ucu": 5_000_001}], False), ([NOTICE | {"available_ucu": 0}], False),
])
def test_the_notice_comes_once_and_in_time(notices, wanted):
    assert holds(claims_running.notice_given(notices, LEVEL)) is wanted


@pytest.mark.parametrize(("notices", "wanted"), [
    ([NOTICE, NOTICE | {"outcome": 2}], True), ([NOTICE], False), ([NOTICE | {"outcome": 2}] * 2, False),
    ([NOTICE | {"outcome": 2, "channel": 2}], False),
])
def test_a_notice_that_only_went_out_has_not_arrived(notices, wanted):
    assert holds(claims_running.notice_delivered(notices)) is wanted


@pytest.mark.parametrize(("notices", "wanted"), [([NOTICE], True), ([NOTICE, NOTICE | {"account": 1001}], False), ([], False)])
def test_a_notice_to_somebody_else_is_seen(notices, wanted):
    assert holds(claims_running.nobody_else(notices, 1006)) is wanted


@pytest.mark.parametrize(("answer", "memory", "wanted"), [
    ("created", b"..pg1/lamp-1/down/credits..", True), ("exists", b"..pg1/lamp-1/down/credits..", False),
    ("created", b"..pg1/lamp-1/down/orders..", False), ("created", b"", False), ("", b"", False),
])
def test_a_payment_that_never_reached_the_broker_cannot_be_lost_there(answer, memory, wanted):
    assert holds(claims_running.payment_in_broker(answer, memory, "lamp-1/down/credits")) is wanted


@pytest.mark.parametrize(("status", "reachable", "wanted"), [(0, False, True), (None, False, False), (0, True, False)])
def test_a_broker_that_still_answers_is_not_gone(status, reachable, wanted):
    assert holds(claims_running.broker_gone(status, reachable)) is wanted


@pytest.mark.parametrize(("since", "connected", "wanted"), [
    (True, False, True), (False, False, False), (True, True, False), (True, None, False),
])
def test_only_what_the_gateway_said_after_the_outage_counts(since, connected, wanted):
    assert holds(claims_running.outage_noticed(since, connected)) is wanted


@pytest.mark.parametrize(("numbered", "now", "wanted"), [
    (2, {"a": 12, "b": 6}, True), (1, {"a": 12, "b": 6}, False), (2, {"a": 30, "b": 5}, False), (2, {"a": 12}, False),
    (9, {"a": 10, "b": 4}, False),
])
def test_readings_that_no_meter_answered_are_seen(numbered, now, wanted):
    assert holds(claims_running.reads_go_on(numbered, {"a": 10, "b": 4}, now)) is wanted


# step 4


@pytest.mark.parametrize(("answers", "wanted"), [
    (["created", "created", "exists"], True), (["created"] * 3, False), (["created", "exists"], False),
    (["created", "None", "exists"], False),
])
def test_a_reference_used_twice_must_not_pay_twice(answers, wanted):
    assert holds(claims_outage.payments_booked(answers)) is wanted


@pytest.mark.parametrize(("events", "wanted"), [
    ([event("alarm", 1, on=True), event("alarm", 2, OTHER, on=True)], True), ([event("alarm", 1, on=True)], False),
    ([event("alarm", 1, on=True), event("alarm", 2, OTHER, on=False)], False), ([event("button", 1, on=True)], False), ([], False),
])
def test_each_meter_must_sound_its_own_alarm(events, wanted):
    assert holds(claims_outage.alarms_sound(events, [METER, OTHER])) is wanted


@pytest.mark.parametrize(("left", "wanted"), [
    ({1001: -800_000, 1002: -800_000, 1003: -900_000}, True), ({1001: -800_000, 1002: -799_999, 1003: -900_000}, False),
    ({1001: 1, 1002: -1, 1003: -1}, False), ({1001: -800_000, 1002: None, 1003: -900_000}, False),
    ({1001: None, 1002: -1, 1003: -1}, False), ({1001: -1}, False), ({}, False),
])
def test_the_four_are_as_far_below_zero_as_the_one(left, wanted):
    assert claims_outage.below_zero(left, 1001)[0] is wanted


@pytest.mark.parametrize(("decisions", "wanted"), [
    ([decision(1, 0)], True), ([decision(3, 2), decision(1, 0)], True), ([decision(1, 1 << 18)], False),
    ([decision(1, 0), decision(1, 0)], False), ([decision(4, 0)], False), ([decision(1, 0, available_ucu=1)], False), ([], False),
])
def test_a_cut_needs_one_decision_with_every_condition(decisions, wanted):
    assert holds(claims_outage.cut_decided(decisions)) is wanted


ALARM, TRIP = event("alarm", 5.0, on=True), event("relay_command", 10.0, code="1A")


@pytest.mark.parametrize(("events", "wanted"), [
    ([ALARM, TRIP], True), ([TRIP], False), ([ALARM], False), ([event("alarm", 6.1, on=True), TRIP], False),
    ([event("alarm", 12.0, on=True), TRIP], False), ([event("alarm", 5.0, OTHER, on=True), TRIP], False),
    ([event("alarm", 5.0, on=False), TRIP], False),
    ([event("alarm", 5.0, on=True), event("relay_command", 6.0, code="1A"), TRIP], False),
])
def test_a_cut_without_the_alarm_a_period_before_is_seen(events, wanted):
    assert holds(claims_outage.warned_first(events, METER, 4)) is wanted


@pytest.mark.parametrize(("moves", "wanted"), [([True], True), ([], False), ([True, False], False), ([True, False, True], False)])
def test_contacts_that_chatter_are_seen(moves, wanted):
    assert holds(claims_outage.relay_moved([event("relay_moved", 1, open=one) for one in moves], [True])) is wanted


@pytest.mark.parametrize("world", [cut_world, restore_world])
def test_a_relay_that_was_read_back_is_proven(world):
    assert holds(claims_outage.read_back(**world()))


def _seen(at: float, word: int) -> dict[str, object]:
    return {"seen": [noted("SEEN", at, account=CUSTOMER, seen=OPEN, status_word=word)]}


def _proven(at: float, word: int) -> dict[str, object]:
    return {"proven": [noted("RELAY", at, account=CUSTOMER, action=1, phase=5, word=word)]}


@pytest.mark.parametrize("broken", [
    {"since": None}, {"moves": []}, {"seen": []}, {"proven": []}, _seen(10.5, 0xD8), _proven(10.5, 0xD8), _seen(12, 0x00),
    _proven(12, 0x00), _seen(12, 0x40), {"meter_word": 0x00}, {"meter_word": 0x40}, {"since": 11.5},
    {**_seen(12, 0), **_proven(12, 0), "meter_word": 0}, _seen(12, 0xD0), _proven(12, 0xD0),
    {**_seen(12, 0xD0), **_proven(12, 0xD0), "meter_word": 0xD0},
])
def test_a_relay_that_was_not_read_back_is_not_proven(broken):
    assert not holds(claims_outage.read_back(**{**cut_world(), **broken}))


@pytest.mark.parametrize(("word", "wanted"), [(0x88, True), (0x08, True), (0xD8, False), (0x80, False), (0x00, False), (0x48, False)])
def test_a_restore_whose_meter_says_otherwise_is_not_proven(word, wanted):
    assert holds(claims_outage.read_back(**{**restore_world(), "meter_word": word})) is wanted


@pytest.mark.parametrize("word", [0x00, 0x80, 0x04, 0xD8])
def test_a_restore_that_was_only_acknowledged_is_not_proven(word):
    believed = [noted("RELAY", 22.0, account=CUSTOMER, action=2, phase=5, word=word)]
    assert not holds(claims_outage.read_back(**{**restore_world(), "proven": believed}))


@pytest.mark.parametrize(("role", "bit"), [(PROTECTED, 1), (HOURS, 17), (SILENT, 16), (UNWARNED, 18)])
def test_what_keeps_an_account_on_is_its_own_condition_and_nothing_else(role, bit):
    def verdict(failed: int, verdict: int = 4, contacts: RelayState | None = UNMOVED, left: int | None = -900_000) -> bool:
        return holds(claims_outage.stays_on(contacts, [decision(verdict, failed)], left, role))

    assert verdict(1 << bit)
    assert not verdict(1 << bit | 1 << 19)
    assert not verdict(0)
    assert not verdict(1 << bit, verdict=1)
    assert not verdict(1 << bit, contacts=relay(True, 1))
    assert not verdict(1 << bit, contacts=relay(False, 2))
    assert not verdict(1 << bit, contacts=None)
    assert not verdict(1 << bit, left=1)
    assert not verdict(1 << bit, left=None)
    assert not holds(claims_outage.stays_on(relay(), [], -900_000, role))
    assert not verdict(1 << (bit + 1))


@pytest.mark.parametrize(("events", "wanted"), [
    ([TRIP], True), ([], False), ([TRIP, event("relay_command", 11, OTHER, code="1A")], False), ([TRIP, TRIP], False),
    ([event("relay_command", 11, OTHER, code="1A")], False), ([TRIP, event("relay_command", 11, OTHER, code="2A")], True),
])
def test_a_second_trip_command_is_seen(events, wanted):
    assert holds(claims_outage.only_one_tripped(events, METER)) is wanted


# step 5


def test_a_journal_with_a_gap_or_without_records_is_not_sound():
    assert holds(claims_outage.journal_sound(image(journal())))
    assert not holds(claims_outage.journal_sound(image(journal(leave_out=3))))
    assert not holds(claims_outage.journal_sound(image([])))


def test_what_the_console_told_must_stand_there_as_told():
    told = [dataclasses.replace(one, chain=b"", raw=b"") for one in journal()]
    assert holds(claims_outage.told_kept(told, image(journal())))
    assert not holds(claims_outage.told_kept(told, image(journal(leave_out=5))))
    assert not holds(claims_outage.told_kept([], image(journal())))
    other = dataclasses.replace(told[2], fields=told[2].fields | {"amount_ucu": 1})
    assert not holds(claims_outage.told_kept([other], image(journal())))


def test_an_empty_wire_proves_nothing():
    proof = compare(WireLog(GATEWAY, KEY), image(journal()))
    assert not holds(claims_outage.acknowledged_once(proof, 1)) and not holds(claims_outage.published_kept(proof))
    whole = compare(wire(journal()), image(journal()))
    assert holds(claims_outage.acknowledged_once(whole, 1)) and holds(claims_outage.published_kept(whole))
    assert not holds(claims_outage.acknowledged_once(whole, 2))


def test_one_fault_of_the_proof_is_enough():
    lost = compare(wire(journal()), image(journal(leave_out=4)))
    assert lost.credits == 1 and not holds(claims_outage.acknowledged_once(lost, 1)) and not holds(claims_outage.published_kept(lost))


@pytest.mark.parametrize(("change", "wanted"), [
    ({}, True), ({"lives": 1}, False), ({"boot": {"sound": False, "boot_count": 2, "sequence": 9}}, False),
    ({"boot": {"sound": True, "boot_count": 1, "sequence": 9}}, False), ({"boot": {"sound": True, "boot_count": 2, "sequence": 8}}, False),
    ({"boot": {}}, False), ({"last_sequence": 0}, False),
])
def test_a_life_that_forgot_is_seen(change, wanted):
    world = {"boot": {"sound": True, "boot_count": 2, "sequence": 9}, "lives": 2, "lives_before": 1, "boots_before": 1, "last_sequence": 9}
    assert holds(claims_outage.starts_again(**(world | change))) is wanted


def view(wish: int = OFF, seen: int = OPEN) -> AccountView:
    return AccountView(CUSTOMER, METER, 1, 1, 1, 1, wish, seen, 0, "OFF")


@pytest.mark.parametrize(("shown", "contacts", "new_life", "wanted"), [
    (view(), relay(True, 1), True, True), (view(), relay(True, 1), False, False), (view(), relay(True, 2), True, False),
    (view(), relay(False, 0), True, False), (view(seen=UNKNOWN), relay(True, 1), True, False), (view(ON), relay(True, 1), True, False),
    (view(seen=ARMED), relay(True, 1), True, False), (view(seen=CLOSED), relay(True, 1), True, False), (None, relay(True, 1), True, False),
])
def test_a_cut_that_was_ordered_again_or_forgotten_is_seen(shown, contacts, new_life, wanted):
    assert holds(claims_outage.cut_stands(shown, contacts, new_life)) is wanted
