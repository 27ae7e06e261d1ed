"""The notice outbox: what is told to customers, once each, when, in which words, and what becomes of it."""

import json
import random
import re

import cbor2
import pytest

from host_tools.head_end import commands, outbox, senders
from host_tools.head_end.errors import BadInput
from host_tools.head_end.ingest import ingest
from host_tools.head_end.months import CORRECTIONS
from host_tools.head_end.notice_text import Words, place_of
from host_tools.head_end.outbox_sending import NEVER_QUIET, PAUSE_FIRST_S, TRIES_MAX, Sending, parse_quiet
from tests.host.head_end.books import POLICY
from tests.host.head_end.simulated_gateway import NOW_S

COIN = 1_000_000


class Carrier:
    """A sender that keeps what it was given and answers as it is told, `taken` when it is told nothing."""

    def __init__(self, *answers):
        self.answers, self.got = list(answers), []

    def send(self, notice):
        self.got.append(notice)
        return self.answers.pop(0) if self.answers else senders.Outcome(senders.TAKEN)

    def whats(self):
        return [notice.what for notice in self.got]


@pytest.fixture
def told(books):
    """Books whose account has an address; a policy; records from `begin` on."""
    commands.set_document(books.db, "policy", books.file("policy.json", POLICY), NOW_S)
    assert books.run("recipient", "1001", "--to", "+8613800000000", "--language", "en") == 0
    books.gateway.begin()
    return books


def notice(books, level=1, channel=1, outcome=1, episode=1, available=4, pay=0):
    books.gateway.append(
        "NOTICE", account=1001, episode=episode, level=level, channel=channel, outcome=outcome,
        available_ucu=available * COIN, restore_ucu=pay * COIN,
    )  # fmt: skip


def decision(books, verdict, reason=1, available=0):
    books.gateway.append(
        "DECISION", account=1001, verdict=verdict, reason=reason, failed=0, available_ucu=available, floor_ucu=0, register_cwh=0,
        reading_at_s=0, policy=1, policy_version=2, tariff=1, tariff_version=3, order=0, episode=1, notice_at_s=0,
    )  # fmt: skip


def seen(books, what):
    books.gateway.append("SEEN", account=1001, seen=what, status_word=0)


def episode(books, is_open=1, number=1):
    books.gateway.append("EPISODE", account=1001, episode=number, open=is_open, available_ucu=0)


def send(books, carrier, after_s=0, quiet=NEVER_QUIET):
    """All records to the head-end, then one round -> what the carrier got in it."""
    books.journal(1)
    books.now_s = max(books.now_s, books.gateway.at_s) + after_s
    before = len(carrier.got)
    Sending(books.db, carrier, quiet).round(books.now_s)
    return carrier.got[before:]


def states(books):
    return [(row["what"], row["state"]) for row in outbox.listed(books.db, 100)]


def test_a_warning_is_one_notice_whatever_its_channels_and_outcomes(told):
    carrier = Carrier()
    episode(told)
    notice(told)
    notice(told, channel=2)
    [one] = send(told, carrier)
    assert (one.what, one.to, one.language, one.account) == ("low", "+8613800000000", "en", 1001)
    assert "CNY 4.00 was left (warning 1)" in one.text and "1001" in one.text
    notice(told, outcome=2)
    notice(told, channel=2, outcome=2)
    notice(told, level=0, channel=2, outcome=2)
    assert send(told, carrier) == []
    notice(told, level=2, available=1, pay=3)
    [two] = send(told, carrier)
    assert "(warning 2)" in two.text and "at least CNY 3.00" in two.text
    assert two.name != one.name


def test_a_level_that_was_left_upward_is_warned_of_again_and_a_new_episode_too(told):
    carrier = Carrier()
    episode(told)
    notice(told, 1)
    notice(told, 2)
    assert len(send(told, carrier)) == 1, "the newer level overtakes the one that was not sent yet"
    told.gateway.append("LEVEL", account=1001, episode=1, level=1, available_ucu=6 * COIN)
    notice(told, 1)  # a late outcome of a level that was not left
    assert send(told, carrier) == []
    notice(told, 2)
    assert [one.what for one in send(told, carrier)] == ["low"]
    episode(told, 0)
    episode(told, 1, 2)
    notice(told, 1, episode=2)
    assert [one.what for one in send(told, carrier)] == ["low"]


def test_stop_and_restore_are_told_when_they_are_seen_not_when_they_are_wished(told):
    carrier = Carrier()
    decision(told, 1, available=-500_000)
    assert send(told, carrier) == []
    seen(told, 2)
    [stop] = send(told, carrier)
    assert stop.what == "stop" and "CNY -0.50" in stop.text and "CNY 1.50 brings it back" in stop.text
    seen(told, 0)
    seen(told, 2)
    assert send(told, carrier) == []
    decision(told, 2, 2, COIN)
    assert send(told, carrier) == []
    seen(told, 3)
    [back] = send(told, carrier)
    assert back.what == "restore" and "press the button" in back.text
    seen(told, 1)
    assert send(told, carrier) == []


def test_what_was_not_cut_or_not_seen_is_not_told(told):
    carrier = Carrier()
    seen(told, 2)  # found off: nobody ordered it
    seen(told, 1)
    decision(told, 1)
    decision(told, 5)  # withdrawn before the relay moved
    seen(told, 1)
    decision(told, 3)
    seen(told, 2)
    decision(told, 1)
    seen(told, 1)
    seen(told, 3)
    assert send(told, carrier) == []
    decision(told, 1, reason=4)
    seen(told, 2)
    [stop] = send(told, carrier)
    assert "the operator stopped supply" in stop.text


def test_a_payment_has_a_receipt_with_balance_reference_and_countersignature(told):
    carrier = Carrier()
    commands.top_up(told.db, "1001", "5.00", "ref-1", NOW_S)
    told.journal(1)
    for body in told.sent("credits"):
        told.gateway.credit(body)
    told.gateway.charge(100_000, 100_100)
    ack = told.journal(3)
    [receipt] = send(told, carrier)
    assert "payment of CNY 5.00" in receipt.text and "balance CNY 5.00" in receipt.text and "Reference ref-1, record 3" in receipt.text
    assert ack[4].hex() in receipt.text
    assert re.search(r"booked on 2030-03-18 01:46", receipt.text), "local time of the policy"
    told.gateway.append("CREDIT", account=1001, issuer=1, number=2, amount_ucu=-COIN, total_ucu=4 * COIN)
    told.db.run("INSERT INTO credits VALUES (1001, 1, 3, 1000000, 5000000, ?, 0, 'pending', NULL, NULL)", CORRECTIONS[0] + "x")
    told.gateway.append("CREDIT", account=1001, issuer=1, number=3, amount_ucu=COIN, total_ucu=5 * COIN)
    assert send(told, carrier) == [], "a correction is no payment"


def test_nothing_is_told_twice_however_often_messages_and_processes_begin_again(told):
    """In any order of rounds, repeats of messages and new processes each notice goes out once."""
    chance = random.Random(7)
    episode(told)
    notice(told)
    decision(told, 1)
    seen(told, 2)
    decision(told, 2)
    seen(told, 1)
    names = []
    for first in range(1, told.gateway.sequence + 1):
        for _ in range(chance.randint(1, 3)):
            payload = told.gateway.journal_payload(chance.randint(1, first), first)
            ingest(told.db, told.gateway.topic("up/journal"), payload, NOW_S + 60)
            carrier = Carrier()
            Sending(told.db, carrier).round(NOW_S + 60)
            names += [one.name for one in carrier.got]
    assert [name.split("/")[2] for name in names] == ["low", "stop", "restore"] and len(set(names)) == 3


def test_quiet_hours_hold_and_end(told):
    carrier = Carrier()
    quiet = parse_quiet("21:00-08:00")  # it is 01:46 where the meter is
    notice(told)
    assert send(told, carrier, 0, quiet) == []
    [row] = outbox.listed(told.db, 10)
    until_s = row["due_at_s"]
    assert row["state"] == "waiting" and "held until" in row["fault"]
    assert (until_s + 480 * 60) % 86_400 == 8 * 3_600 and 0 < until_s - told.now_s < 86_400
    told.now_s = until_s - 1
    assert send(told, carrier, 0, quiet) == []
    told.now_s = until_s
    assert len(send(told, carrier, 0, quiet)) == 1


def test_what_is_no_news_any_more_when_the_quiet_hours_end_is_not_sent(told):
    carrier, quiet = Carrier(), parse_quiet("21:00-08:00")
    notice(told)
    send(told, carrier, 0, quiet)
    decision(told, 1)
    seen(told, 2)
    send(told, carrier, 0, quiet)
    decision(told, 2)
    seen(told, 1)
    episode(told, 0)
    send(told, carrier, 0, quiet)
    assert states(told) == [("low", "overtaken"), ("stop", "overtaken"), ("restore", "waiting")]
    assert send(told, carrier, 3 * 86_400) == []
    assert states(told)[2] == ("restore", "stale")


def test_a_warning_whose_episode_is_over_is_not_sent(told):
    carrier, quiet = Carrier(), parse_quiet("21:00-08:00")
    notice(told)
    assert send(told, carrier, 0, quiet) == [] and states(told) == [("low", "waiting")]
    episode(told, 0)
    assert send(told, carrier) == [] and states(told) == [("low", "overtaken")]


def test_tries_are_bounded_and_each_says_the_same(told):
    carrier = Carrier(*[senders.Outcome(senders.AGAIN, "no answer")] * 20)
    notice(told)
    assert len(send(told, carrier)) == 1
    assert send(told, carrier, PAUSE_FIRST_S - 1) == []
    assert told.run("recipient", "1001", "--to", "another", "--language", "zh") == 0
    assert len(send(told, carrier, 1)) == 1
    for _ in range(TRIES_MAX - 2):
        send(told, carrier, 4_000)
    assert states(told) == [("low", "failed")], "at once with the last try"
    send(told, carrier, 4_000)
    assert len(carrier.got) == TRIES_MAX and [one.number for one in carrier.got] == list(range(1, TRIES_MAX + 1))
    assert len({(one.name, one.text, one.to) for one in carrier.got}) == 1
    assert states(told) == [("low", "failed")] and outbox.listed(told.db, 1)[0]["fault"] == "no answer"


def test_a_refusal_is_final_and_a_process_that_dies_has_used_up_its_try(told):
    carrier = Carrier(senders.Outcome(senders.REFUSED, "no such number"))
    notice(told)
    send(told, carrier)
    assert send(told, carrier, 10_000) == [] and states(told) == [("low", "failed")]

    class Dying:
        def send(self, notice):
            raise SystemExit

    notice(told, 2)
    told.journal(1)
    for turn in range(TRIES_MAX + 3):
        try:
            Sending(told.db, Dying()).round(told.now_s + 10_000 * (turn + 1))
        except SystemExit:
            continue
    row = outbox.listed(told.db, 1)[0]
    assert (row["state"], row["tries"]) == ("failed", TRIES_MAX)


def test_an_account_without_address_is_listed_and_holds_up_nobody(told):
    commands.add_account(told.db, "gw-001", 1002, "000000000002", 1, 1)
    carrier = Carrier()
    told.gateway.append("NOTICE", account=1002, episode=1, level=1, channel=1, outcome=1, available_ucu=0, restore_ucu=0)
    told.gateway.append("NOTICE", account=777, episode=1, level=1, channel=1, outcome=1, available_ucu=0, restore_ucu=0)
    notice(told)
    assert [one.account for one in send(told, carrier)] == [1001]
    assert states(told) == [("low", "unaddressed"), ("low", "sent")]
    assert told.run("recipient", "1001") == 0
    notice(told, 2)
    assert send(told, carrier) == [] and states(told)[2] == ("low", "unaddressed")


def test_a_delivery_receipt_closes_it_and_counts_at_the_gateway_where_the_policy_says_text(told, capsys):
    carrier = Carrier()
    notice(told)
    send(told, carrier)
    assert told.run("delivered", "1") == 0 and "created" in capsys.readouterr().out
    assert states(told) == [("low", "delivered")]
    assert told.run("delivered", carrier.got[0].name) == 0 and "exists" in capsys.readouterr().out
    assert told.run("delivered", "1", "--failed", "late") == 2
    assert told.db.number("SELECT count(*) FROM orders") == 0, "no channel of this policy is text"
    text = POLICY | {"version": 3, "notice": {"level": "5.00", "period_s": 3600, "channels": ["text"]}}
    commands.set_document(told.db, "policy", told.file("policy.json", text), NOW_S)
    notice(told, 1, episode=4)
    send(told, Carrier(senders.Outcome(senders.DELIVERED)))
    assert states(told)[1] == ("low", "delivered")
    order = [one for one in told.sent("orders") if one[1] == 11][-1]
    document = cbor2.loads(order[7])
    assert (document[1], document[2], document[3]) == (3, 4, 1)
    notice(told, 1, episode=5)
    send(told, Carrier())
    assert told.run("delivered", "3", "--failed", "switched off") == 0
    assert states(told)[2] == ("low", "failed") and told.db.number("SELECT count(*) FROM orders") == 1


def test_an_old_database_tells_nobody_old_news(told):
    notice(told)
    told.journal(1)
    told.db.run("INSERT INTO outbox_cursors SELECT id, sequence FROM gateways")  # what the migration does
    assert send(told, Carrier()) == []
    notice(told, 2)
    assert len(send(told, Carrier())) == 1


def test_many_records_are_looked_at_in_bounded_turns(told, monkeypatch):
    monkeypatch.setattr(outbox, "AT_ONCE_MAX", 3)
    for number in range(1, 8):
        told.gateway.append("CREDIT", account=1001, issuer=1, number=number, amount_ucu=COIN, total_ucu=number * COIN)
    carrier = Carrier()
    for _ in range(4):
        send(told, carrier)
    assert [one.text.split("balance ")[1].split(".")[0] for one in carrier.got] == [f"CNY {n}" for n in range(1, 8)]


def test_only_one_process_sends(told):
    Sending(told.db, Carrier()).alone()
    first = Sending(told.db, Carrier())
    first.alone()
    with pytest.raises(BadInput, match="another process"):
        Sending(told.db, Carrier()).alone()


def test_chinese_notices_are_chinese(told):
    told.run("recipient", "1001", "--to", "1")
    notice(told, pay=2)
    [one] = send(told, Carrier())
    assert one.text == (
        f"【电费提醒】户号1001：截至{Words('zh').date(one.event_s, 480)}，可用余额4.00元，已达第1级提醒。"
        "请至少充值2.00元，以免停电；停电后充值此数即恢复供电。"
    )
    assert Words("zh").date(one.event_s, 480).startswith("2030年03月18日01:46")
    assert place_of(told.db, 1001).restore_ucu == COIN


@pytest.mark.parametrize(
    "words, field",
    (
        (("send-notices", "--to-file", "x", "--quiet", "9-5"), "quiet"),
        (("send-notices", "--to-file", "x", "--token-file", "y"), "token-file"),
        (("send-notices", "--to-url", "ftp://x/"), "to-url"),
        (("send-notices", "--to-url", "http://a:b@x/"), "to-url"),
        (("send-notices", "--to-url", "http://x:99999/"), "to-url"),
        (("send-notices", "--to-url", "http://x/", "--token-file", "/does/not/exist"), "token-file"),
        (("send-notices", "--to-file", "/", "--once"), "to-file"),
        (("send-notices", "--to-file", "x", "--templates", "/does/not/exist"), "templates"),
        (("delivered", "x"), "notice"),
        (("delivered", "gw-001/1001/low/1.1.0"), "notice"),
        (("delivered", "9" * 40), "notice"),
        (("delivered", "99"), "notice"),
        (("delivered", "1", "--failed", " "), "failed"),
        (("recipient", "7", "--to", "1"), "account"),
        (("recipient", "1001", "--to", " "), "to"),
        (("recipient", "1001", "--to", "1\n2"), "to"),
    ),
)
def test_wrong_use_is_one_sentence(books, capsys, words, field):
    assert books.run(*words) == 2
    said = capsys.readouterr().err
    assert said.startswith(field + ": ") and said.count("\n") == 1


def test_the_list_is_readable_and_json(told, capsys):
    notice(told)
    told.journal(1)
    path = told.folder / "out"
    for _ in range(2):
        assert told.run("send-notices", "--to-file", str(path), "--quiet", "none", "--once") == 0
    assert len(path.read_text().splitlines()) == 1
    capsys.readouterr()
    assert told.run("notices", "--json") == 0
    [row] = json.loads(capsys.readouterr().out)["notices"]
    assert (row["state"], row["what"], row["tries"]) == ("sent", "low", 1)
    assert told.run("notices") == 0
    assert "CNY 4.00" in capsys.readouterr().out
