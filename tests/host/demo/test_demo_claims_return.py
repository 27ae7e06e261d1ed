"""The claims of steps 6 to 8: yes to a good world, no to each world that is broken in one thing."""

import pytest

from host_tools.demo import claims_return
from host_tools.demo.claims_return import Backlog
from host_tools.demo.wire_log import WireLog
from tests.host.demo.worlds import CUSTOMER, GATEWAY, KEY, noted, relay


def holds(verdict: tuple[bool, str]) -> bool:
    assert verdict[1], "a check without a number"
    return verdict[0]


@pytest.mark.parametrize(("size", "left", "sessions", "wanted"), [
    (450, 0, [False], True), (450, 0, [False, True], True), (450, 0, [True], False), (450, 0, [], False), (0, 0, [False], False),
    (450, 450, [False], False), (450, 1, [False], False),
])
def test_a_broker_that_remembers_is_seen(size, left, sessions, wanted):
    assert holds(claims_return.broker_forgot(size, left, sessions)) is wanted


@pytest.mark.parametrize(("moments", "wanted"), [
    ([Backlog(90, 60, 0), Backlog(40, 0, 3), Backlog(0, 0, 9)], True), ([Backlog(0, 5, 3)], True),
    ([Backlog(90, 60, 0), Backlog(1, 0, 2), Backlog(0, 0, 9)], False), ([Backlog(0, 0, 9)], False), ([], False),
])
def test_live_readings_that_wait_behind_the_backlog_are_seen(moments, wanted):
    assert holds(claims_return.live_passes_backlog(moments)) is wanted


@pytest.mark.parametrize(("now", "records", "readings", "wanted"), [
    (Backlog(0, 0, 4), 90, 60, True), (Backlog(1, 0, 4), 90, 60, False), (Backlog(0, 1, 4), 90, 60, False),
    (Backlog(0, 0, 4), 0, 60, False), (Backlog(0, 0, 4), 90, 0, False),
])
def test_a_backlog_with_a_hole_is_not_drained(now, records, readings, wanted):
    assert holds(claims_return.backlog_drained(now, records, readings, 5.0)) is wanted


QUEUED = [(1007, 2), (1007, 3), (1012, 2)]


@pytest.mark.parametrize(("receipts", "queued", "booked", "wanted"), [
    (["applied"] * 3, QUEUED, {1007: 3, 1012: 2}, True), (["applied"] * 2 + ["pending"], QUEUED, {1007: 3, 1012: 2}, False),
    (["applied"] * 2 + ["refused"], QUEUED, {1007: 3, 1012: 2}, False), (["applied"] * 3, QUEUED, {1007: 2, 1012: 2}, False),
    (["applied"] * 3, QUEUED, {1007: 3}, False), (["applied"] * 3, QUEUED, {1007: 3, 1012: 1}, False), ([], [], {}, False),
    (["applied"] * 2, QUEUED[:2], {1007: 3}, False), (["applied"] * 3, QUEUED, {1007: 4, 1012: 2}, True),
])
def test_a_payment_that_did_not_come_through_is_seen(receipts, queued, booked, wanted):
    assert holds(claims_return.queued_arrived(receipts, queued, booked, 5.0)) is wanted


BALANCES = {1001: 5, 1002: 7}
RECONCILED = {"ok": True, "accounts": [1, 2], "totals": {"balance_ucu": 12}, "differences": []}


@pytest.mark.parametrize(("change", "wanted"), [
    ({}, True), ({"status": 1}, False), ({"answer": {"ok": False, "differences": ["account 1001 ..."]}}, False),
    ({"answer": {"error": "locked"}}, False), ({"theirs": {1001: 5, 1002: 8}}, False), ({"theirs": {1001: 5}}, False),
    ({"answer": RECONCILED | {"accounts": [1]}}, False), ({"after": {1001: 6, 1002: 8}}, False),
    ({"after": {1001: 6, 1002: 7}, "theirs": {1001: 6, 1002: 7}}, True),
    ({"before": {}, "after": {}, "answer": RECONCILED | {"accounts": []}}, False),
])
def test_books_that_differ_by_a_millionth_are_seen(change, wanted):
    world = {"status": 0, "answer": RECONCILED, "before": BALANCES, "theirs": BALANCES, "after": BALANCES}
    assert holds(claims_return.books_agree(**(world | change))) is wanted


REFUSED = noted("ORDER", 30.0, account=CUSTOMER, number=1, order=1, verdict=2, reason=2)


@pytest.mark.parametrize(("records", "state", "handed", "paid", "wanted"), [
    ([REFUSED], ("refused", 2), 9.0, 5.0, True), ([REFUSED], ("refused", 2), 4.0, 5.0, False), ([], ("refused", 2), 9.0, 5.0, False),
    ([REFUSED], ("pending", 0), 9.0, 5.0, False), ([REFUSED], ("refused", 4), 9.0, 5.0, False),
    ([REFUSED], ("refused", 2), None, 5.0, False),
    ([REFUSED], ("refused", 2), 9.0, None, False), ([REFUSED] * 2, ("refused", 2), 9.0, 5.0, False),
])
def test_an_order_that_was_not_late_or_not_refused_is_seen(records, state, handed, paid, wanted):
    assert holds(claims_return.late_cut_refused(records, state, handed, paid)) is wanted


@pytest.mark.parametrize(("moved", "contacts", "wanted"), [
    ({1001: 2, 1002: 0}, relay(False, 2), True), ({1001: 3}, relay(True, 3), False), ({1001: 2, 1002: 1}, relay(False, 2), False),
    ({1001: 2}, relay(True, 2), False), ({}, relay(False, 0), False), ({1001: 2}, None, False),
])
def test_supply_that_does_not_stay_is_seen(moved, contacts, wanted):
    assert holds(claims_return.moved_twice(moved, contacts, 1001)) is wanted


@pytest.mark.parametrize(("database", "wanted"), [({1: b"a"}, True), ({1: b"a", 2: b"x"}, False), ({3: b"c"}, False), ({}, False)])
def test_a_record_that_differs_between_flash_and_database_is_seen(database, wanted):
    assert holds(claims_return.flash_equals_database({1: b"a", 2: b"b"}, database)) is wanted


@pytest.mark.parametrize(("flash", "theirs", "wanted"), [
    ({1: 5, 2: 6}, {1: 5, 2: 6}, True), ({1: 5, 2: 6}, {1: 5, 2: 7}, False), ({1: 5}, {1: 5, 2: 6}, False), ({1: 5, 2: 6}, {1: 5}, False),
    ({}, {}, False),
])
def test_a_balance_that_differs_is_seen(flash, theirs, wanted):
    assert holds(claims_return.balances_equal(flash, theirs)) is wanted


@pytest.mark.parametrize(("up", "down", "unreadable", "wanted"), [(5, 5, 0, True), (5, 5, 1, False), (0, 5, 0, False), (5, 0, 0, False)])
def test_a_wire_that_was_not_understood_is_seen(up, down, unreadable, wanted):
    log = WireLog(GATEWAY, KEY, packets_up=up, packets_down=down, unreadable=unreadable)
    assert holds(claims_return.wire_understood(log)) is wanted


@pytest.mark.parametrize(("lines", "wanted"), [
    ({"gateway": [], "head-end": []}, True), ({"gateway": ["Traceback (most recent call last):"], "head-end": []}, False), ({}, False),
])
def test_a_process_that_stumbled_is_seen(lines, wanted):
    assert holds(claims_return.nobody_complained(lines)) is wanted
