"""enquire: balance, seven days' use and days left, in words, Chinese and English."""

import json

import pytest

from host_tools.head_end import commands
from host_tools.head_end.enquiry import enquire
from tests.host.head_end.books import POLICY
from tests.host.head_end.simulated_gateway import NOW_S

COIN = 1_000_000
DAY_S = 86_400
MIDNIGHT_S = NOW_S - (NOW_S + 480 * 60) % DAY_S


@pytest.fixture
def asked(books):
    """An account with a policy (floor 0, restore 1), 50.00 paid on the first day; `day` uses energy."""
    commands.set_document(books.db, "policy", books.file("policy.json", POLICY), NOW_S)
    books.gateway.at_s = MIDNIGHT_S + 3_600
    books.gateway.begin()
    commands.top_up(books.db, "1001", "50.00", "ref-1", NOW_S)
    books.journal(1)
    for body in books.sent("credits"):
        books.gateway.credit(body)
    books.register = 100_000
    return books


def day(books, number, used_cwh, cause=1):
    """Energy of the local day `number` behind the first one, settled at the midnight behind it."""
    ends_s = MIDNIGHT_S + (number + 1) * DAY_S
    books.gateway.at_s = max(books.gateway.at_s, ends_s + 300)
    books.gateway.charge(books.register, books.register + used_cwh, reading_at_s=ends_s, cause=cause)
    books.register += used_cwh


def ask(books, language, at_s):
    books.journal(1)
    return enquire(books.db, 1001, language, at_s)


def test_a_week_of_use_gives_days_left_in_both_languages(asked):
    day(asked, 0, 5_000)  # the day it came in counts for nothing
    for number in range(1, 8):
        day(asked, number, 200)
    now_s = MIDNIGHT_S + 8 * DAY_S + 600
    answer = ask(asked, "en", now_s)
    charged = 7 * 200 * 5_500
    left = 50 * COIN - 5_000 * 5_500 - charged
    assert (answer.days, answer.used_cwh, answer.charged_ucu, answer.balance_ucu) == (7, 1_400, charged, left)
    assert answer.days_left == left * 7 // charged == 13
    assert answer.text == [
        "Account 1001: the balance is CNY 14.80, by the reading of 2030-03-26 00:00.",
        "Used on the last 7 whole day(s): 14.00 kWh for CNY 7.70.",
        "At this rate the money lasts about 13 more day(s).",
    ]
    assert ask(asked, "zh", now_s).text == [
        "户号1001：余额14.80元（截至2030年03月26日00:00的读数）。",
        "最近7个整日用电14.00千瓦时，电费7.70元。",
        "照此用量，约可再用13天。",
    ]


def test_only_the_last_seven_whole_days_count(asked):
    for number in range(12):
        day(asked, number, 1_000 if number < 5 else 100)
    answer = ask(asked, None, MIDNIGHT_S + 12 * DAY_S + 60)
    assert (answer.days, answer.used_cwh) == (7, 700)
    asked.gateway.charge(asked.register, asked.register + 50, reading_at_s=MIDNIGHT_S + 12 * DAY_S + 50)
    assert ask(asked, None, MIDNIGHT_S + 12 * DAY_S + 60).used_cwh == 700, "today is not over"


def test_fewer_days_are_taken_when_fewer_are_known(asked):
    for number in range(3):
        day(asked, number, 100)
    answer = ask(asked, None, MIDNIGHT_S + 3 * DAY_S + 60)
    assert (answer.days, answer.used_cwh) == (2, 200) and answer.text[1].startswith("最近2个整日")


def test_on_the_first_day_nobody_can_say(asked):
    asked.gateway.charge(100_000, 100_100)
    answer = ask(asked, "en", MIDNIGHT_S + 7_200)
    assert (answer.days, answer.days_left) == (0, None)
    assert answer.text[1:] == ["Too little is known of your use to say how long the money lasts."]


def test_a_meter_that_is_silent_is_told_and_not_guessed(asked):
    for number in range(4):
        day(asked, number, 100)
    answer = ask(asked, "en", MIDNIGHT_S + 6 * DAY_S)
    assert answer.days_left is None and "not read for more than a day" in answer.text[-1]


@pytest.mark.parametrize(
    "used_cwh, words",
    ((9_000, "used up"), (2_700, "less than a day"), (1, "more than a year"), (0, "Too little"), (700, "about 5 more day")),
)
def test_much_little_and_none(asked, used_cwh, words):
    day(asked, 0, 0)
    for number in range(1, 4 if used_cwh > 700 else 8):
        day(asked, number, used_cwh)
    days = 4 if used_cwh > 700 else 8
    assert words in ask(asked, "en", MIDNIGHT_S + days * DAY_S + 60).text[-1]


def test_who_is_off_is_told_what_to_pay_and_what_is_on_its_way(asked):
    day(asked, 0, 0)
    day(asked, 1, 10_000)
    asked.gateway.append(
        "DECISION", account=1001, verdict=1, reason=1, failed=0, available_ucu=0, floor_ucu=0, register_cwh=0, reading_at_s=0,
        policy=1, policy_version=2, tariff=1, tariff_version=3, order=0, episode=1, notice_at_s=0,
    )  # fmt: skip
    commands.top_up(asked.db, "1001", "2.50", "ref-2", NOW_S)
    answer = ask(asked, "en", MIDNIGHT_S + 2 * DAY_S + 60)
    assert answer.off and answer.pending_ucu == 2_500_000
    assert answer.text[1:] == ["A payment of CNY 2.50 is on its way.", "Supply is off; a payment of CNY 6.00 brings it back."]


def test_emergency_credit_that_is_given_lies_below_the_floor(asked):
    for number in range(3):
        day(asked, number, 1_000)
    asked.gateway.append("EPISODE", account=1001, episode=1, open=1, available_ucu=0)
    asked.gateway.append("EMERGENCY", account=1001, episode=1, what=1, amount_ucu=5 * COIN, available_ucu=0)
    answer = ask(asked, None, MIDNIGHT_S + 3 * DAY_S + 600)
    assert answer.available_ucu == answer.balance_ucu + 5 * COIN
    asked.gateway.append("EMERGENCY", account=1001, episode=1, what=2, amount_ucu=5 * COIN, available_ucu=0)
    assert ask(asked, None, MIDNIGHT_S + 3 * DAY_S + 600).available_ucu == answer.balance_ucu


def test_the_command_speaks_the_language_of_the_account(asked, capsys):
    asked.journal(1)
    assert asked.run("recipient", "1001", "--to", "1", "--language", "en") == 0
    capsys.readouterr()
    assert asked.run("enquire", "1001") == 0
    assert capsys.readouterr().out.startswith("Account 1001: the balance is CNY 50.00")
    assert asked.run("enquire", "1001", "--language", "zh") == 0
    assert capsys.readouterr().out.startswith("户号1001：余额50.00元")
    assert asked.run("enquire", "1001", "--json") == 0
    assert json.loads(capsys.readouterr().out)["balance_ucu"] == 50 * COIN
    assert asked.run("enquire", "7") == 2 and capsys.readouterr().err.startswith("account: ")
