"""What people type and hand over: one sentence for bad input, and nothing changed."""

import pytest

from host_tools.head_end import commands, lists, state, visits
from host_tools.head_end.errors import BadInput
from tests.host.head_end.books import POLICY, TARIFF
from tests.host.head_end.simulated_gateway import NOW_S


def test_the_same_reference_twice_answers_exists_and_another_amount_is_refused(books):
    first = commands.top_up(books.db, "1001", "12.50", "ref-1", NOW_S)
    again = commands.top_up(books.db, "1001", "12.5", "ref-1", NOW_S)
    assert (first["answer"], again["answer"], again["number"]) == ("created", "exists", 1)
    with pytest.raises(BadInput, match="^reference: "):
        commands.top_up(books.db, "1001", "12.51", "ref-1", NOW_S)
    assert books.run("topup", "1001", "12.50", "--reference", "ref-1") == 0
    assert books.run("topup", "1001", "13", "--reference", "ref-1") == 2
    assert books.db.number("SELECT count(*) FROM credits") == 1


@pytest.mark.parametrize(
    "amount", ("0", "-5", "nan", "inf", "-inf", "1e3", "1.1234567", "99999999999", "", "1,5", "0x10", " 1", "+1", "١", "9" * 400)
)
def test_a_bad_amount_gets_one_sentence_and_changes_nothing(books, amount, capsys):
    assert books.run("topup", "1001", "--reference", "r", "--", amount) == 2
    said = capsys.readouterr().err
    assert said.startswith("amount: ") and said.count("\n") == 1
    assert books.db.number("SELECT count(*) FROM credits") == 0


@pytest.mark.parametrize("account", ("77", "0", "x", "4294967295", "-1", "²"))
def test_an_unknown_account_gets_one_sentence(books, account, capsys):
    for command in (
        ["topup", "--reference", "r", "--", account, "1"],
        ["order", "--", account, "cut"],
        ["why", "--", account],
        ["readings", "--", account],
        ["journal", "--", account],
    ):
        assert books.run(*command) == 2
        assert capsys.readouterr().err.startswith("account: ")
    assert books.db.number("SELECT count(*) FROM orders") == 0


def test_a_protected_account_cannot_be_overridden(books, capsys):
    assert books.run("order", "1001", "cut", "--override", "protected") == 2
    assert capsys.readouterr().err.startswith("override: ")


@pytest.mark.parametrize(
    "change, field",
    (
        ({"prices": {"total": "0.55001"}}, "prices.total"),
        ({"prices": {"total": 0.55}}, "prices.total"),
        ({"prices": {}}, "prices"),
        ({"prices": {"total": "1", "rates": ["1"]}}, "prices"),
        ({"prices": {"rates": ["-1"]}}, "prices.rates[0]"),
        ({"version": "3"}, "version"),
        ({"version": True}, "version"),
        ({"effective": "2026-13-01"}, "effective"),
        ({"bands": []}, "bands"),
        ({"tariff": 0}, "tariff"),
        ({"currency": "cny"}, "currency"),
        ({"utc_offset_min": 1e3}, "utc_offset_min"),
    ),
)
def test_a_bad_tariff_is_refused_by_field(books, change, field, capsys):
    assert books.run("tariff", "set", books.file("bad.json", TARIFF | {"version": 4} | change)) == 2
    said = capsys.readouterr().err
    assert said.startswith(field + ": ") and said.count("\n") == 1
    assert books.db.number("SELECT count(*) FROM documents") == 1


@pytest.mark.parametrize("text", ("", "[", "[]", "3", '{"tariff": 1, "tariff": 2}', '{"tariff": NaN}', "[" * 100_000))
def test_a_file_that_is_no_document_is_refused(books, text, capsys):
    assert books.run("tariff", "set", books.file("bad.json", text)) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_versions_are_immutable(books, capsys):
    assert books.run("tariff", "set", books.file("same.json", TARIFF)) == 0
    assert books.run("tariff", "set", books.file("other.json", TARIFF | {"prices": {"total": "0.6"}})) == 2
    assert capsys.readouterr().err.startswith("version: ")


def test_a_policy_with_unknown_fields_is_let_through_with_a_warning(books, capsys):
    policy = POLICY | {"heat_days": [], "notice": POLICY["notice"] | {"sequence": 2}}
    assert books.run("policy", "set", books.file("policy.json", policy)) == 0
    said = capsys.readouterr().err
    assert "heat_days" in said and "notice.sequence" in said
    assert books.run("policy", "set", books.file("p.json", POLICY | {"version": 3, "floor": "1.0.0"})) == 2
    assert capsys.readouterr().err.startswith("floor: ")


def test_a_settings_file_is_imported_whole_or_not_at_all(books, capsys):
    key = books.file("key", "11" * 32 + "\n")
    meter = {"account": 2001, "address": "000000000002", "model": "x", "tariff": 1, "policy": 1, "protected": True}
    site = {"gateway": "gw-002", "uplink": {}, "meters": [meter, meter | {"account": 2002, "address": "000000000003"}]}
    bad = site | {"meters": [meter, meter | {"account": 2002, "address": "12"}]}
    assert books.run("import", books.file("bad.json", bad), "--key-file", key) == 2
    assert capsys.readouterr().err.startswith("meters.1.address: ")
    taken = site | {"meters": [meter, meter | {"account": 1001}]}
    assert books.run("import", books.file("taken.json", taken), "--key-file", key) == 2
    assert books.db.number("SELECT count(*) FROM gateways") == 1
    assert books.run("import", books.file("site.json", site), "--key-file", key) == 0
    assert books.run("import", books.file("site.json", site), "--key-file", books.file("short", "11")) == 2
    assert books.db.number("SELECT flags FROM accounts WHERE account = 2001") == 1


def test_a_database_of_a_newer_form_is_refused(books, capsys):
    books.db.run("PRAGMA user_version = 99")
    assert books.run("accounts") == 2
    assert capsys.readouterr().err.startswith("db: ")


def test_an_account_is_created_exists_or_is_changed(books, capsys):
    words = ["account", "add", "1001", "--gateway", "gw-001", "--meter", "000000000001", "--policy", "1"]
    assert books.run(*words, "--tariff", "1") == 0 and capsys.readouterr().out == "exists: account 1001\n"
    assert books.run(*words, "--tariff", "2", "--protected", "--name", "Ada") == 0 and capsys.readouterr().out == "changed: account 1001\n"
    assert books.run(*words, "--tariff", "2", "--protected") == 0 and capsys.readouterr().out == "exists: account 1001\n"
    assert books.run(*words, "--tariff", "2", "--meter", "000000000009") == 2 and capsys.readouterr().err.startswith("account: ")


def test_a_protection_that_the_gateway_does_not_have_is_not_shown_as_one(books):
    commands.add_account(books.db, "gw-001", 1001, "000000000001", 1, 1, flags=1)
    books.gateway.begin()
    books.journal(1)
    assert lists.accounts(books.db)[0]["flags"] == ["protected here only"]
    books.gateway.append("FLAGS", account=1001, flags=1, order=0)
    books.journal(3)
    assert lists.accounts(books.db)[0]["flags"] == ["protected"]


def test_gateways_tells_what_was_refused_and_what_was_reported(books, capsys):
    books.gateway.begin()
    books.journal(1)
    assert lists.gateways(books.db)[0]["documents"] == ["tariff 1 v3 on its way"]
    refusal = {"number": 3, "order": 5, "verdict": 2, "reason": 6, "failed": 0, "credit_number": 1, "expires_at_s": 0}
    books.gateway.append("ORDER", account=0, **refusal)
    books.journal(3)
    books.hear("up/journal", b"garbage")
    assert books.run("gateways") == 0
    said = capsys.readouterr().out
    assert "tariff 1 v3 refused: bad document" in said
    assert "bad cose: pg1/gw-001/up/journal: 7 bytes that are no COSE_Mac0" in said


def orders(books):
    return [(row["code"], row["number"], row["state"]) for row in books.db.rows("SELECT * FROM orders ORDER BY id")]


def answered(books, number, code):
    sequence = books.gateway.append(
        "ORDER", account=1001, number=number, order=code, verdict=1, reason=0, failed=0, credit_number=0, expires_at_s=0
    )
    books.journal(sequence)


def test_what_keeps_the_light_on_waits_for_its_gateway_however_long(books):
    books.gateway.begin()
    books.journal(1)
    for what in ("hold", "restore", "cut", "release"):
        commands.order(books.db, "1001", what, None, NOW_S)
    commands.order(books.db, "1001", "hold", 10, NOW_S)
    assert commands.order(books.db, "1001", "hold", None, NOW_S)["expires_at_s"] is None
    books.db.run("DELETE FROM orders WHERE number = 6")
    books.later(300 * 86_400)
    assert [(body[1], body[3]) for body in books.sent("orders") if body[2]] == [(3, 1), (2, 2)]
    assert [told for _, _, told in orders(books)] == ["pending", "pending", "expired", "expired", "expired"]


def test_an_order_that_a_higher_number_passed_over_goes_on_behind_it(books):
    """In safe mode only restores are taken: who was to be protected meanwhile must not be forgotten."""
    books.gateway.begin()
    books.journal(1)
    visits.set_flags(books.db, "1001", 1, None, NOW_S)
    for what in ("hold", "cut", "restore"):
        commands.order(books.db, "1001", what, None, NOW_S)
    answered(books, 4, 2)
    assert orders(books) == [(9, 5, "pending"), (3, 6, "pending"), (1, 3, "overtaken"), (2, 4, "accepted")]
    assert [(body[1], body[3]) for body in books.sent("orders") if body[2]] == [(9, 5), (3, 6)]
    visits.set_flags(books.db, "1001", 2, None, NOW_S)
    answered(books, 7, 9)
    assert orders(books) == [(9, 5, "overtaken"), (3, 8, "pending"), (1, 3, "overtaken"), (2, 4, "accepted"), (9, 7, "accepted")]
    answered(books, 8, 3)
    assert orders(books)[1] == (3, 8, "accepted")


def test_a_state_that_passes_an_order_over_gives_it_a_new_number(books):
    books.gateway.begin()
    books.journal(1)
    commands.order(books.db, "1001", "hold", None, NOW_S)
    commands.order(books.db, "1001", "cut", 1, NOW_S)
    books.later(120)
    books.sent("orders")
    state.give(books.db, "gw-001", books.now_s)
    assert orders(books)[:2] == [(3, 3, "pending"), (1, 2, "expired")]


def test_a_release_of_the_brake_does_not_wait_for_a_gateway_that_is_away(books):
    books.gateway.begin()
    books.journal(1)
    commands.release_brake(books.db, "gw-001", books.now_s)
    books.later(3_500)
    assert [body[1] for body in books.sent("orders") if body[1] == 7] == [7]
    books.later(200)
    assert not [body for body in books.sent("orders", 3_600_000) if body[1] == 7] and orders(books) == [(7, 1, "expired")]


def test_a_payment_that_its_gateway_refused_is_sent_again_by_the_same_reference_and_booked_once(books):
    books.gateway.begin()
    books.journal(1)
    commands.top_up(books.db, "1001", "50.00", "slip 7", NOW_S)
    (body,) = books.sent("credits")
    fields = {"account": 1001, "issuer": 1, "number": 1, "amount_ucu": body[4], "total_ucu": body[5]}
    books.journal(books.gateway.append("CREDIT_REFUSED", **fields, reason=1))
    assert books.receipt(1) == "refused" and books.sent("credits", 100_000) == []
    assert commands.top_up(books.db, "1001", "50.00", "slip 7", NOW_S)["answer"] == "sent again"
    (body,) = books.sent("credits", 100_000)
    assert (body[3], body[5]) == (1, 50_000_000)
    books.journal(books.gateway.credit(body))
    assert (books.receipt(1), books.differences()) == ("applied", [])
    assert commands.top_up(books.db, "1001", "50.00", "slip 7", NOW_S)["answer"] == "exists"
