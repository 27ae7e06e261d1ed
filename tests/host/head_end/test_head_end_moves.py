"""Moving out and in: orders with reasons, accounts whose registers fit, payments that wait, and what is paid back."""

import cbor2
import pytest

from host_tools.head_end import commands
from host_tools.head_end.folding import fold, records_of
from host_tools.head_end.state import account_row
from host_tools.journal_reader import pack_row, parse_row
from tests.host.head_end.books import Books, honest_story
from tests.host.head_end.simulated_gateway import NOW_S

SERIAL = bytes.fromhex("000000000001")[::-1]
OUT, INTO = 12, 13


def order_of(books: Books, code: int) -> dict:
    return [order for order in books.sent("orders", 100_000) if order[1] == code][-1]


def told(books: Books, name: str, **fields: object) -> None:
    books.gateway.append(name, **fields)


def verdict(books: Books, order: dict, accepted: bool = True) -> None:
    told(
        books, "ORDER", account=order[2], number=order[3], order=order[1], verdict=1 if accepted else 2, reason=0 if accepted else 4,
        failed=0, credit_number=0, expires_at_s=0,
    )  # fmt: skip


def moved(books: Books, register: int = 100_501, flags: int = 0) -> None:
    """1001 has left, 7001 moved in; the gateway's records of it."""
    honest_story(books)
    books.journal(1)
    assert books.run("move-in", "1001", "7001", "--name", "Li", "--care", "--reason", "contract 17") == 0
    order, first = order_of(books, INTO), books.gateway.sequence + 1
    assert cbor2.loads(order[7]) == {1: 7001, 2: 2, 3: "contract 17"} and order[2] == 1001
    told(books, "REASON", account=1001, number=order[3], order=INTO, what=0, text=b"contract 17".ljust(64, b"\0"))
    told(books, "FLAGS", account=1001, flags=1024, order=order[3])
    registers = [register, 0, 0, 0, 0]
    told(books, "SEGMENT", account=7001, serial=SERIAL, rates=0, from_cwh=registers, ratio=1, since_s=books.gateway.at_s)
    told(books, "FLAGS", account=7001, flags=2, order=order[3])
    told(books, "MOVED", account=1001, to_account=7001, serial=SERIAL, order=order[3])
    verdict(books, order)
    books.journal(first)


def test_both_accounts_agree_and_the_old_ones_balance_stays(books, capsys):
    moved(books)
    books.gateway.charge(100_501, 100_511, account=7001)
    books.journal(books.gateway.sequence)
    assert books.differences() == []
    assert fold(1001, records_of(books.db, 1001)).balance_ucu == 10_000_000 - 501 * 5500
    assert fold(7001, records_of(books.db, 7001)).balance_ucu == -10 * 5500
    assert books.run("accounts") == 0
    assert "moved out" in (said := capsys.readouterr().out) and "7.2445" in said
    assert books.run("why", "1001") == 0
    assert "somebody else moved in, because: contract 17" in capsys.readouterr().out


def test_registers_that_do_not_fit_are_named(books):
    moved(books, 100_502)
    assert any("register 0 was left at 1005.01 kWh and taken over at 1005.02 kWh" in one for one in books.differences())


def test_a_charge_of_who_left_is_named(books):
    moved(books)
    books.gateway.charge(100_501, 100_511)
    books.journal(books.gateway.sequence)
    assert any("a charge for a meter that is not bound to the account" in one for one in books.differences())


def test_payments_for_the_new_account_wait_until_its_gateway_knows_it(books):
    honest_story(books)
    books.journal(1)
    assert books.run("move-in", "1001", "7001", "--reason", "x") == 0
    commands.top_up(books.db, "7001", "5.00", "new-1", NOW_S)
    assert books.sent("credits", 100_000) == []
    verdict(books, order_of(books, INTO))
    books.journal(books.gateway.sequence)
    assert [credit[1] for credit in books.sent("credits", 100_000)] == [7001]


def test_a_refused_move_may_be_ordered_again_and_an_accepted_one_exists(books, capsys):
    honest_story(books)
    books.journal(1)
    assert books.run("move-in", "1001", "7001", "--reason", "x") == 0
    assert books.run("move-in", "1001", "7001", "--reason", "x") == 0
    assert "exists" in capsys.readouterr().out
    verdict(books, order_of(books, INTO), False)
    books.journal(books.gateway.sequence)
    assert books.run("move-in", "1001", "7001", "--reason", "x") == 0
    order = order_of(books, INTO)
    assert order[3] == 2
    verdict(books, order)
    books.journal(books.gateway.sequence)
    capsys.readouterr()
    assert books.run("move-in", "1001", "7001", "--reason", "x") == 0
    assert "exists" in capsys.readouterr().out


def test_a_meter_that_is_exchanged_while_a_move_waits_is_the_new_accounts_too(books):
    honest_story(books)
    books.journal(1)
    assert books.run("move-in", "1001", "7001", "--reason", "x") == 0
    assert books.run("exchange", "1001", "000000000002", "--ratio", "40") == 0
    other = bytes.fromhex("000000000002")[::-1]
    order, first = order_of(books, INTO), books.gateway.sequence + 1
    at_s, registers = books.gateway.at_s, [300, 0, 0, 0, 0]
    told(books, "SEGMENT", account=1001, serial=other, rates=0, from_cwh=registers, ratio=40, since_s=at_s)
    told(books, "FLAGS", account=1001, flags=1024, order=order[3])
    told(books, "SEGMENT", account=7001, serial=other, rates=0, from_cwh=registers, ratio=40, since_s=at_s)
    told(books, "MOVED", account=1001, to_account=7001, serial=other, order=order[3])
    verdict(books, order)
    books.journal(first)
    assert books.differences() == []
    assert books.run("exchange", "1001", "000000000003") == 0  # who has left takes nobody along any more
    assert [row["meter"] for row in books.db.rows("SELECT meter FROM accounts WHERE account = 7001")] == ["000000000002"]


def test_moving_out_is_an_order_and_not_done_twice(books, capsys):
    honest_story(books)
    books.journal(1)
    assert books.run("move-out", "1001", "--reason", "to Changsha") == 0
    order = order_of(books, OUT)
    assert cbor2.loads(order[7]) == {1: 0, 2: 0, 3: "to Changsha"}
    assert books.run("move-in", "1001", "7001", "--reason", "x") == 2
    assert "order 1 about a move of 1001 is on its way" in capsys.readouterr().err
    told(books, "FLAGS", account=1001, flags=1024, order=order[3])
    verdict(books, order)
    books.journal(books.gateway.sequence - 1)
    assert books.run("move-out", "1001", "--reason", "x") == 2
    assert capsys.readouterr().err == "account: 1001 has moved out already\n"
    assert books.run("move-in", "1001", "7001", "--reason", "x") == 0


def test_a_state_tells_who_moved_in(books):
    moved(books)
    row = parse_row(pack_row(account_row(books.db, 1001)))
    assert (row.serial, row.next_account, row.balance_ucu) == (bytes(6), 7001, 10_000_000 - 501 * 5500)
    assert parse_row(pack_row(account_row(books.db, 7001))).serial == SERIAL


def test_the_balance_is_paid_back_once(books, capsys):
    moved(books)
    assert books.run("refund", "1001", "all", "--reference", "cash 9") == 0
    assert books.run("refund", "1001", "all", "--reference", "cash 9") == 0
    assert "exists" in capsys.readouterr().out
    (credit,) = books.sent("credits", 100_000)
    assert credit[4] == -(10_000_000 - 501 * 5500)
    assert books.run("refund", "1001", "0.01", "--reference", "cash 10") == 2
    assert capsys.readouterr().err == "amount: 0.01 is more than the balance of 1001, 0.00\n"
    books.gateway.credit(credit)
    books.journal(books.gateway.sequence)
    assert books.differences() == []
    assert books.run("refund", "1001", "all", "--reference", "cash 11") == 2
    assert "there is nothing to pay back" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments, said",
    [
        (("move-out", "4004", "--reason", "x"), "account: 4004 is unknown"),
        (("move-out", "1001", "--reason", " "), "reason: must have 1 to 64 bytes"),
        (("move-in", "1001", "0", "--reason", "x"), "new: must be a number from 1"),
        (("move-in", "1001", "1001", "--reason", "x"), "new: account 1001 exists already"),
        (("move-in", "7001", "7002", "--reason", "x"), "account: 7001 is unknown"),
        (("move-in", "1001", "7001", "--name", "a\nb", "--reason", "x"), "name: must be printable text"),
        (("refund", "1001", "-5", "--reference", "r"), "amount: "),
        (("refund", "1001", "99.00", "--reference", "r"), "amount: 99.00 is more than the balance"),
        (("refund", "1001", "1.00", "--reference", "settlement:1"), "reference: must not begin with"),
        (("refund", "1001", "1.00", "--reference", "ref-1"), "reference: ref-1 was used already"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(books, capsys, arguments, said):
    honest_story(books)
    books.journal(1)
    capsys.readouterr()
    assert books.run(*arguments) == 2
    assert capsys.readouterr().err.startswith(said)
    assert books.db.number("SELECT count(*) FROM orders") == 0


def test_who_left_and_who_has_no_meter_yet_move_nowhere(books, capsys):
    assert books.run("move-out", "1001", "--reason", "x") == 2
    assert "1001 has no meter yet" in capsys.readouterr().err
    moved(books)
    for arguments in (("move-out", "1001"), ("move-in", "1001", "7002")):
        assert books.run(*arguments, "--reason", "x") == 2
        assert capsys.readouterr().err == "account: the meter of 1001 is account 7001's\n"
    assert books.run("account", "add", "7003", "--gateway", "gw-001", "--meter", "000000000001", "--tariff", "1", "--policy", "1") == 2
    assert "bound to account 7001 already" in capsys.readouterr().err
