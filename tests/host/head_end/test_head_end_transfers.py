"""Accounts that are carried between gateways: one after the other, whole, with every credit once, and books that add up over both."""

import sqlite3

import pytest

from host_tools.head_end import commands, outbox, state, stays
from host_tools.head_end.covered import covering
from host_tools.head_end.database import MIGRATIONS, Database
from host_tools.head_end.errors import BadInput
from host_tools.head_end.folding import fold, records_of
from host_tools.head_end.ingest import ingest
from host_tools.head_end.reconcile import reconcile
from host_tools.head_end.reconcile_gateways import notes
from host_tools.head_end.statement import statement
from host_tools.journal_reader import parse_row
from tests.host.head_end.books import Books
from tests.host.head_end.simulated_gateway import NOW_S
from tests.host.head_end.two_gateways import ELSEWHERE, GIVE, TAKE, Pair

CHARGED = 501 * 5500


@pytest.fixture
def pair(books: Books) -> Pair:
    return Pair(books)


def balance(pair: Pair) -> int:
    return fold(1001, records_of(pair.db, 1001)).balance_ucu


def test_one_gateway_gives_then_the_other_takes_and_the_books_of_both_add_up(pair, capsys):
    pair.a.append("EPISODE", account=1001, episode=1, open=1, available_ucu=0)
    pair.a.append("NOTICE", account=1001, episode=1, level=2, channel=1, outcome=2, available_ucu=0, restore_ucu=0)
    pair.tell(pair.a)
    assert pair.transfer() == 0
    assert pair.order(pair.b, TAKE) is None, "not before the other has given"
    pair.give(pair.a)
    document = pair.take(pair.b)
    row = parse_row(document[2])
    assert (row.notice_level, row.notice_at_s) == (0, 0), "what was said there is no notice here"
    assert (document[1], row.balance_ucu, row.charged_cwh[0], row.issuers) == (2, 10_000_000 - CHARGED, 100_501, [(1, 2, 10_000_000)])
    pair.b.charge(100_501, 100_600)
    pair.tell(pair.b)
    results, others = reconcile(pair.db)
    assert (others, results[0].differences, notes(pair.db)) == ([], [], [])
    (segment,) = results[0].segments
    assert segment["registers"]["0"] == {
        "from_cwh": 100_000, "to_cwh": 100_600, "charged_cwh": 600, "written_off_cwh": 0, "uncharged_cwh": 0,
    }  # fmt: skip
    assert results[0].balance_ucu == balance(pair) == 10_000_000 - 600 * 5500
    told = statement(pair.db, 1001)
    assert (told.total.closing_ucu, told.total.energy_cwh, told.notes) == (balance(pair), {0: 600}, [])
    assert told.covered is not None and told.covered.valid and told.covered.sequence == pair.b.sequence
    capsys.readouterr()
    for command in ("why 1001", "accounts", "transfers", "enquire 1001", "verify-journal --gateway gw-001"):
        assert pair.books.run(*command.split()) == 0, command
    assert pair.books.run("verify-journal", "--gateway", "gw-002") == 0
    said = capsys.readouterr().out
    assert "gw-002" in said and "done" in said and "taken from another gateway" in said


def test_a_payment_on_the_way_waits_and_comes_once(pair):
    assert pair.transfer() == 0
    commands.top_up(pair.db, "1001", "3.00", "early", NOW_S)
    assert [credit[3] for credit in pair.sent(pair.a, "credits")] == [3], "it still lives there"
    pair.give(pair.a)
    pair.a.append("CREDIT_REFUSED", account=1001, issuer=1, number=3, amount_ucu=3_000_000, total_ucu=13_000_000, reason=6)
    pair.tell(pair.a)
    commands.top_up(pair.db, "1001", "4.00", "late", NOW_S)
    assert pair.sent(pair.a, "credits") == pair.sent(pair.b, "credits") == []
    pair.take(pair.b)
    assert pair.sent(pair.a, "credits") == []
    credits = pair.sent(pair.b, "credits")
    assert [credit[3] for credit in credits] == [3, 4]
    for credit in credits:
        pair.b.credit(credit)
    pair.tell(pair.b)
    assert (balance(pair), pair.books.differences(), pair.sent(pair.b, "credits")) == (17_000_000 - CHARGED, [], [])


def test_a_credit_booked_before_it_left_is_in_the_row_and_not_sent_again(pair):
    assert pair.transfer() == 0
    commands.top_up(pair.db, "1001", "3.00", "early", NOW_S)
    (credit,) = pair.sent(pair.a, "credits")
    pair.a.credit(credit)
    pair.give(pair.a)
    pair.take(pair.b)
    assert (balance(pair), pair.sent(pair.b, "credits"), pair.books.differences()) == (13_000_000 - CHARGED, [], [])
    assert pair.books.run("receipt", "early") == 0


def test_receipts_name_the_gateway_that_booked_them(pair):
    pair.whole_way()
    commands.top_up(pair.db, "1001", "3.00", "late", NOW_S)
    (credit,) = pair.sent(pair.b, "credits")
    pair.b.credit(credit)
    pair.tell(pair.b)
    for reference, gateway in (("ref-1", 1), ("ref-2", 1), ("late", 2)):  # record 4 of the second one is of this account, too
        told = commands.receipt(pair.db, reference)
        covered = covering(pair.db, gateway, int(str(told["record"])))
        assert covered is not None and covered.valid and told["countersignature"] == covered.in_words()


def test_orders_on_the_way_follow_the_account_and_a_cut_does_not(pair):
    assert pair.transfer() == 0
    for words in (("flags", "1001", "--protected"), ("order", "1001", "cut"), ("debt", "1001", "5.00", "--share", "50")):
        assert pair.books.run(*words) == 0
    assert [order[1] for order in pair.sent(pair.a, "orders") if order[1] != 5] == [GIVE]
    pair.give(pair.a)
    assert [order[1] for order in pair.sent(pair.b, "orders") if order[1] != 5] == [TAKE]
    pair.take(pair.b)
    orders = [order for order in pair.sent(pair.b, "orders") if order[1] != 5]
    assert [order[1] for order in orders] == [9, 16] and orders[0][3] > 5
    assert pair.order(pair.a, 9) is None


def test_a_gateway_that_is_never_heard_is_left_by_its_books(pair, capsys):
    commands.top_up(pair.db, "1001", "3.00", "unheard", NOW_S)
    assert pair.transfer("gw-002", "--from-books") == 0
    assert "from books yes" in capsys.readouterr().out
    assert pair.take(pair.b)[1] == 3
    (credit,) = pair.sent(pair.b, "credits")
    pair.b.credit(credit)
    pair.b.charge(100_501, 100_700)
    pair.tell(pair.b)
    assert (pair.books.differences(), balance(pair)) == ([], 13_000_000 - 700 * 5500)
    pair.a.charge(100_501, 100_650)  # it lived on, and booked what nobody heard of
    pair.a.credit(credit)
    pair.give(pair.a)
    assert (pair.books.differences(), balance(pair)) == ([], 13_000_000 - 700 * 5500)
    assert notes(pair.db) == ["gateway gw-001: 2 charges and credits of account 1001 are void, which lived elsewhere then"]


@pytest.mark.parametrize("early", [True, False])
def test_a_late_order_withdrawn_takes_nothing_from_who_has_it(pair, early):
    third = pair.another("gw-003")
    assert pair.transfer() == 0
    pair.give(pair.a)
    assert pair.transfer("gw-003") == 2, "gw-002 may have it"
    late = pair.order(pair.b, TAKE)
    assert pair.transfer("gw-003", "--from-books") == 0
    fields = {"account": 1001, "what": 2, "order": late[3], "until_s": 0, "owed_ucu": 0, "share": 0, "most_ucu": 0}
    for step in ("late", "third") if early else ("third", "late"):
        if step == "third":
            pair.take(third)
            third.charge(100_501, 100_700)
            pair.tell(third)
        else:
            pair.b.append("CARRIED", **fields, row=bytes(170))
            pair.tell(pair.b)
    assert stays.gateway_of(pair.db, 1001) == 3 and pair.books.differences() == []
    assert pair.order(pair.b, GIVE) is not None, "it is to give it away"


def test_a_refusal_is_shown_and_said_again(pair, capsys):
    assert pair.transfer() == 0
    assert pair.transfer() == 0 and "exists" in capsys.readouterr().out
    pair.give(pair.a)
    pair.verdict(pair.b, pair.order(pair.b, TAKE), 5)
    pair.tell(pair.b)
    assert pair.books.run("transfers") == 0 and "gw-002 refused to take it: unknown account" in capsys.readouterr().out
    assert pair.books.run("move-out", "1001", "--reason", "x") == 2
    assert pair.transfer() == 0
    pair.take(pair.b)
    assert pair.books.differences() == []


def test_there_and_back_again(pair):
    pair.whole_way()
    pair.b.charge(100_501, 100_600)
    pair.tell(pair.b)
    assert pair.transfer("gw-001") == 0
    pair.give(pair.b)
    pair.take(pair.a)
    pair.a.charge(100_600, 100_700)
    pair.tell(pair.a)
    assert (pair.books.differences(), balance(pair), stays.gateways(pair.db, 1001)[-1][0]) == ([], 10_000_000 - 700 * 5500, 1)


def test_a_row_that_is_changed_on_the_way_is_named(pair):
    assert pair.transfer() == 0
    pair.give(pair.a)
    pair.take(pair.b, more_ucu=1)
    assert any("snapshot has total charged" in one for one in pair.books.differences())


def test_charges_of_a_gateway_that_gave_the_account_away_are_named(pair):
    pair.whole_way()
    pair.a.charge(100_501, 100_511)
    pair.tell(pair.a)
    assert pair.books.differences() == ["gateway gw-001: moves money of account 1001, which is not its own"]


def test_states_leave_the_account_where_it_lives(pair):
    pair.whole_way()
    assert rows_of(pair, "gw-001") == [(1001, ELSEWHERE, bytes(6), 0)]
    assert rows_of(pair, "gw-002") == [(1001, 0, bytes.fromhex("000000000001")[::-1], 10_000_000 - CHARGED)]


def test_a_state_on_the_way_has_it_at_neither(pair):
    assert pair.transfer() == 0
    pair.give(pair.a)
    assert [row[1] for name in ("gw-001", "gw-002") for row in rows_of(pair, name)] == [ELSEWHERE, ELSEWHERE]
    pair.take(pair.b)
    assert pair.books.differences() == []


def rows_of(pair: Pair, gateway: str) -> list:
    import cbor2

    state.give(pair.db, gateway, NOW_S)
    found = pair.db.rows("SELECT document FROM orders o JOIN gateways g ON g.id = o.gateway_id WHERE code = 8 AND name = ?", gateway)
    rows = [parse_row(row) for row in cbor2.loads(bytes(found[-1]["document"]))[5]]
    return [(row.account, row.flags, row.serial, row.balance_ucu) for row in rows]


@pytest.mark.parametrize(
    "arguments, said",
    [
        (("4004", "gw-002"), "account: 4004 is unknown"),
        (("1001", "gw-9"), "gateway: gw-9 is unknown"),
        (("1001", "gw-001"), "gateway: account 1001 is at gw-001 already"),
        (("x", "gw-002"), "account: must be a number"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(pair, capsys, arguments, said):
    capsys.readouterr()
    assert pair.books.run("transfer", *arguments, "--reason", "x") == 2
    assert capsys.readouterr().err.startswith(said)
    assert pair.books.run("transfer", "1001", "gw-002", "--reason", " ") == 2
    assert pair.db.number("SELECT count(*) FROM orders") == 0


def test_a_gateway_whose_settings_do_not_wait_gets_nothing(books, capsys):
    pair = Pair(books, waits=False)
    assert pair.transfer() == 2
    assert capsys.readouterr().err == (
        'gateway: gw-002 does not wait for account 1001: its settings must have the meter, with "arrives": true\n'
    )
    assert pair.transfer("gw-002", "--from-books") == 2


def test_settings_that_name_an_account_of_another_gateway_are_imported(pair, tmp_path):
    meter = {"account": 1001, "address": "000000000001", "tariff": 1, "policy": 1}
    (tmp_path / "key").write_text(pair.b.key.hex())
    for name, gateway, more in (("wrong", "gw-002", {}), ("b", "gw-002", {"arrives": True}), ("a", "gw-001", {})):
        pair.books.file(f"{name}.json", {"gateway": gateway, "meters": [{**meter, **more}]})
    arguments = (str(tmp_path / "wrong.json"), str(tmp_path / "key"))
    with pytest.raises(BadInput, match="another gateway"):
        commands.import_site(pair.db, *arguments)
    assert commands.import_site(pair.db, str(tmp_path / "b.json"), str(tmp_path / "key"))["accounts_elsewhere"] == [1001]
    pair.whole_way()
    (tmp_path / "key").write_text(pair.a.key.hex())
    assert commands.import_site(pair.db, str(tmp_path / "a.json"), str(tmp_path / "key"))["accounts_elsewhere"] == [1001]


def test_an_older_database_learns_where_its_accounts_live(tmp_path):
    path = tmp_path / "old.db"
    old = sqlite3.connect(path)
    for file in sorted(MIGRATIONS.glob("*.sql"))[:11]:
        old.executescript(file.read_text())
    old.execute("INSERT INTO gateways (name, key) VALUES ('gw-001', ?)", (bytes(32),))
    old.execute("INSERT INTO accounts (account, gateway_id, meter, tariff, policy) VALUES (1001, 1, '000000000001', 1, 1)")
    old.execute("INSERT INTO records VALUES (1, 1, 1, 3, 'X', 1001, 0, 0, x'00', x'00', '{}', 0)")
    old.execute("PRAGMA user_version = 11")
    old.commit()
    old.close()
    db = Database(path)
    assert stays.gateways(db, 1001) == [(1, 0)] and not stays.on_its_way(db, 1001)
    assert db.number("SELECT count(*) FROM account_records") == 1
    commands.add_account(db, "gw-001", 1002, "000000000002", 1, 1)
    assert stays.gateways(db, 1002) == [(1, 0)]


def test_a_database_of_the_day_before_is_told_where_the_account_went(pair, capsys):
    pair.whole_way()
    for table in ("transfers", "orders"):
        pair.db.run(f"DELETE FROM {table}")
    pair.db.run("DELETE FROM stays WHERE place = 2")
    pair.db.run("UPDATE stays SET last = ?", stays.OPEN)
    pair.db.run("UPDATE accounts SET gateway_id = 1")
    pair.db.run("DELETE FROM records WHERE gateway_id = 1 AND sequence > ?", 7)
    pair.db.run("DELETE FROM records WHERE gateway_id = 2 AND sequence > 3")
    for gateway, held in ((pair.a, 7), (pair.b, 3)):
        pair.db.run("UPDATE gateways SET sequence = ?, chain = ? WHERE name = ?", held, gateway.parsed(held).chain, gateway.name)
        pair.fed[gateway.name] = held
    pair.tell(pair.b)
    assert stays.gateway_of(pair.db, 1001) == 1, "nobody gave it yet"
    pair.tell(pair.a)
    assert stays.on_its_way(pair.db, 1001)
    assert pair.transfer() == 0
    assert (stays.gateway_of(pair.db, 1001), stays.on_its_way(pair.db, 1001)) == (2, False)
    assert balance(pair) == 10_000_000 - CHARGED


def test_who_was_told_of_the_stop_there_is_told_of_the_light_here(pair):
    names = "failed available_ucu floor_ucu register_cwh reading_at_s policy policy_version tariff tariff_version order episode"
    decision = dict.fromkeys([*names.split(), "notice_at_s"], 0)
    pair.a.append("DECISION", account=1001, verdict=1, reason=1, **decision)
    pair.a.append("SEEN", account=1001, seen=2, status_word=16)
    pair.tell(pair.a)
    outbox.make(pair.db, NOW_S)
    pair.whole_way()
    pair.b.append("DECISION", account=1001, verdict=2, reason=5, **decision)
    pair.b.append("SEEN", account=1001, seen=1, status_word=0)
    pair.tell(pair.b)
    outbox.make(pair.db, NOW_S)
    outbox.make(pair.db, NOW_S)
    assert [row["what"] for row in pair.db.rows("SELECT what FROM outbox WHERE what != 'receipt' ORDER BY id")] == ["stop", "restore"]


def test_charges_are_held_against_the_readings_of_the_gateway_that_made_them(pair):
    pair.whole_way()
    at_s = pair.b.parsed(pair.b.charge(100_501, 100_600)).number("reading_at_s")
    pair.tell(pair.b)
    reading = pair.b.readings_of([[1, 1001, at_s, 3, 0, [100_590], None, 0]])
    assert ingest(pair.db, pair.b.topic("up/readings"), reading, NOW_S) is not None
    assert any("the reading of that instant says 1005.90" in one for one in pair.books.differences())


def test_who_moves_in_where_the_account_lives_by_now_is_paid_there(pair):
    """The order was refused at the gateway before, and the account went to another one."""
    assert pair.books.run("move-in", "1001", "7001", "--reason", "x") == 0
    order = pair.order(pair.a, 13)
    assert order is not None
    pair.verdict(pair.a, order, 4)
    pair.tell(pair.a)
    pair.whole_way()
    commands.top_up(pair.db, "7001", "5.00", "new-1", NOW_S)
    assert pair.books.run("move-in", "1001", "7001", "--reason", "x") == 0
    order = pair.order(pair.b, 13)
    assert order is not None and not pair.sent(pair.a, "credits") and not pair.sent(pair.b, "credits")
    pair.verdict(pair.b, order)
    pair.tell(pair.b)
    assert [credit[1] for credit in pair.sent(pair.b, "credits")] == [7001]
    assert stays.gateways(pair.db, 7001) == [(2, 0)]
