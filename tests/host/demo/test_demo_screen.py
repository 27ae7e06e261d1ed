"""What a person sees: whole at 80 x 24, never jumping, in words and not in colours alone."""

import io
import itertools

import pytest
from rich.console import Console as Terminal

from host_tools.demo import cast, feed, programme
from host_tools.demo.checks import Check, Step
from host_tools.demo.console import CLOSED, OFF, ON, OPEN, UNKNOWN, AccountView, Console
from host_tools.demo.panels import METERS_WIDTH, clock, feed_lines, head_line, meters_lines, numbers_lines, strip_line, verdict_lines
from host_tools.demo.plain import PlainTeller
from host_tools.demo.screen import ScreenTeller, last_table
from host_tools.journal_reader import kinds
from tests.host.demo.worlds import CUSTOMER, noted

TOTAL = len(programme.ALL_CHECKS)
ROLES = {one.account: one.role for one in cast.households(40)}
NOW = {
    "bus": {"cycle_ms": 8_912, "answered": 99_999, "silent": 9_999, "orders": 64}, "link": {"connected": False, "gate_open": False},
    "journal": {"sequence": 9_999, "acked": 9_998, "sound": True}, "readings": {"last": 9_999, "acked": 9_998},
    "clock": {"quality": 3, "error_s": 1},
}


SIZES = list(itertools.product([1, 20, 60, 79, 80, 123, 124, 300], [1, 2, 5, 10, 16, 20, 24, 40, 90]))


def told(meters: int = 12) -> Console:
    """A gateway whose numbers are as wide as they get."""
    console = Console()
    console.now = NOW
    for one in cast.households(meters):
        console.accounts[one.account] = AccountView(one.account, one.address, 99_999_999, 0, -123_456_789, 999, OFF, UNKNOWN, 0, "UNKNOWN")
    return console


def teller(width: int, height: int) -> ScreenTeller:
    return ScreenTeller(Terminal(file=io.StringIO(), width=width, height=height), ROLES, 90)


def picture(width: int, height: int, step: int = 4, meters: int = 12, waiting: str = "") -> list[str]:
    screen = teller(width, height)
    for number in range(1, step + 1):
        state = "runs" if number == step else "holds"
        screen.step_changed(Step(number, programme.SCENES[number - 1].title, programme.should(number), state), [])
    return [line.plain for line in screen.picture(told(meters), waiting, width, height)]


@pytest.mark.parametrize(("width", "height"), [(80, 24), (80, 60), (100, 30), (120, 35), (130, 35), (200, 50)])
@pytest.mark.parametrize("step", range(1, 9))
def test_nothing_that_a_person_needs_is_cut_off(width, height, step):
    lines = picture(width, height, step, waiting="account 1004 stays on: its meter fell silent (59/60 s)")
    text = "\n".join(lines)
    assert len(lines) == height and max(map(len, lines)) <= width
    assert f"step {step} of 8: {programme.SCENES[step - 1].title}" in lines[0] and "0:00 of about 1:30" in lines[0]
    said = " ".join(text.split())
    for word in programme.should(step).split():
        assert word in said
    for one in cast.households(12):
        row = next(line for line in lines if line.startswith(f" {one.account} "))
        assert "999999.99" in row and "-123.46" in row and "999 s ago !" in row and "OFF" in row and "unknown" in row and one.role in row
    assert "DOWN; head-end has 9998/9999 records, 9998/9999 readings" in text
    assert "8.9 s a round, 99999 answers, 9999 silences, 64 orders waiting" in text
    assert "59/60 s" in text and "…" not in text


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_any_size_is_filled_exactly(width, height):
    for meters in (0, 8, 12, 40):
        lines = picture(width, height, meters=meters)
        assert len(lines) == height and max(map(len, lines)) <= width


def test_no_line_moves_when_the_story_goes_on():
    def places(lines: list[str]) -> dict[str, int]:
        return {name: next(place for place, line in enumerate(lines) if line.startswith(name))
                for name in (" account", " 1001", " 1012", " bus", " link")}

    for size in ((80, 24), (80, 40), (130, 35), (200, 50)):
        assert len({tuple(places(picture(*size, step, waiting=waiting)).items()) for step in range(1, 9) for waiting in ("", "x")}) == 1
        before, after = picture(*size, meters=0), picture(*size)
        assert [before.index(line) for line in before if line.startswith((" bus", " link"))] == [
            after.index(line) for line in after if line.startswith((" bus", " link"))]


def test_meters_that_find_no_room_are_counted():
    lines = picture(80, 24, meters=40)
    assert any("and 29 more meters" in line for line in lines) and any(line.startswith(" 1001 ") for line in lines)
    console = Console()
    console.accounts[1] = AccountView(1, "", None, 0, None, None, ON, CLOSED, 0, "ON")
    console.accounts[2] = AccountView(2, "", None, 0, None, 4, ON, CLOSED, 0, "ON")
    views = list(console.accounts.values())
    assert meters_lines(views, {}, 2)[1].plain == " and 2 more meters: 2 with supply on, not all read yet"
    assert meters_lines(views[1:] * 2, {}, 2)[1].plain == " and 2 more meters: 2 with supply on, all read within 4 s"


def test_the_words_alone_tell_what_the_colours_tell():
    def row(**change) -> str:
        view = dict(account=1, address="", register_cwh=123_456, balance_ucu=0, available_ucu=1_239_999, age_s=3, wish=ON, seen=CLOSED,
                    fault=0, word="ON") | change
        line = meters_lines([AccountView(**view)], {1: "who"}, 3)[1]
        assert line.cell_len <= METERS_WIDTH + 2
        return " ".join(line.plain.split())

    assert row() == "1 1234.56 1.23 3 s ago on on ok who"
    assert row(wish=OFF, seen=OPEN, word="OFF", available_ucu=-1) == "1 1234.56 -0.01 3 s ago OFF OFF cut off who"
    assert row(register_cwh=None, available_ucu=None, age_s=None) == "1 - - not yet on on ok who"
    assert row(age_s=None) == "1 1234.56 1.23 undated on on ok who"
    assert row(age_s=31) == "1 1234.56 1.23 31 s ago ! on on ok who"
    assert row(word="FAULT", fault=8) == "1 1234.56 1.23 3 s ago on on own purse who"
    assert row(word="FAULT", fault=1) == "1 1234.56 1.23 3 s ago on on fault who"
    assert row(word="PRESS BUTTON", seen=3) == "1 1234.56 1.23 3 s ago on button press it who"


def test_the_strip_says_which_steps_held_and_which_failed():
    steps = {1: Step(1, "", "", "holds"), 2: Step(2, "", "", "fails"), 3: Step(3, "", "", "runs")}
    checks = [Check(1, "a", "", True, "", 0), Check(2, "b", "", False, "", 0)]
    assert strip_line(steps, checks).plain.split() == f"1 ok 2 FAIL 3 NOW 4 - 5 - 6 - 7 - 8 - 1/{TOTAL} checks ok 1 FAIL".split()
    assert strip_line(steps, checks).cell_len <= 80


def test_the_link_is_told_in_words():
    console = told()
    assert "DOWN" in numbers_lines(console, full=False)[1].plain
    console.now = NOW | {"link": {"connected": True, "gate_open": False}}
    assert "up, comparing books" in numbers_lines(console, full=False)[1].plain
    console.now = NOW | {"link": {"connected": True, "gate_open": True}}
    assert "up, books compared" in numbers_lines(console, full=True)[1].plain
    console.now = NOW | {"journal": {"sound": False}}
    assert "journal NOT SOUND" in numbers_lines(console, full=True)[2].plain


def test_the_feed_shows_whole_events_and_leaves_routine_out_when_it_is_small():
    events = [(1.0, "a charge", "dim"), (2.0, "word " * 30, "red"), (3.0, "another charge", "dim"), (4.0, "the last", "")]
    small = [line.plain for line in feed_lines(events, 80, 4)]
    assert small[-1] == "   4.0  the last" and not any("charge" in line for line in small) and len(small) == 4
    large = [line.plain for line in feed_lines(events, 80, 10)]
    assert len(large) == 6 and large[0] == "   1.0  a charge"
    assert feed_lines(events, 80, 0) == [] and [line.plain for line in feed_lines(events, 80, 2)] == ["   4.0  the last"]


def test_time_is_told_as_people_tell_it():
    assert [clock(0), clock(75.9), clock(600)] == ["0:00", "1:15", "10:00"]
    assert head_line(None, 3, 90, 80).plain.startswith(" Lamplighter  everything is being started")


def a_check(ok: bool) -> Check:
    return Check(4, "cut_read_back", "the relay was read back open", ok, "never", 3.0)


def test_the_end_names_what_failed_and_what_was_never_checked():
    lines = [line.plain for line in verdict_lines([a_check(False)], False, 93.4, ["supply_stays"])]
    assert lines == ["FAILED  step 4: the relay was read back open: never", "NEVER CHECKED  supply_stays",
                     f"0 of {TOTAL} checks hold, 93 s."]
    assert verdict_lines([], False, 1.0, ["a", "b", "c", "d", "e"])[0].plain == "NEVER CHECKED  a, b, c and 2 more"
    assert [line.plain for line in verdict_lines([a_check(True)], True, 93.4, [])] == [f"All {TOTAL} checks hold, 93 s."]


def test_the_last_table_has_every_check_with_its_number_at_80_columns():
    out = io.StringIO()
    Terminal(file=out, width=80).print(last_table([a_check(True), a_check(False)]))
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert any("4   ok" in line and "read back open" in line and "never" in line for line in lines)
    assert any("FAILED" in line and "read back open" in line and "never" in line for line in lines)


def test_plain_text_has_no_control_characters_and_says_the_same():
    said: list[str] = []
    plain = PlainTeller(ROLES, said.append)
    step = Step(4, "A floor is reached, offline", "account 1001 is cut", "runs")
    plain.step_changed(step, [])
    plain.event("the broker is stopped", "bold red")
    plain.event("1001: charged 0.01", "dim")
    plain.check_done(a_check(False))
    step.state = "fails"
    plain.step_changed(step, [a_check(False)])
    plain._meters_at = -1e9
    plain.look(told(), "something")
    plain.finish([a_check(False)], False, 93.0, [])
    text = "\n".join(said)
    assert all(line.isprintable() for line in said) and "charged" not in text
    for words in ("Step 4 of 8: A floor is reached, offline", "should: account 1001 is cut", "the broker is stopped",
                  "FAILED  the relay was read back open: never", "STEP 4 FAILS: 0 of 1 checks", "999999.99",
                  f"0 of {TOTAL} checks hold, 93 s."):
        assert words in text


FEED = [
    ("CHARGE", {"from_cwh": 99_999_999, "to_cwh": 4, "amount_ucu": 27_500}, "1001 (customer): charged 0.0275 for 0.05 kWh"),
    ("CREDIT", {"amount_ucu": 20_000_000}, "1001 (customer): 20.00 paid in"),
    ("CREDIT_REFUSED", {"number": 3}, "1001 (customer): credit 3 refused"),
    ("EPISODE", {"open": 1, "available_ucu": 4_160_000}, "1001 (customer): balance runs low, 4.16"),
    ("NOTICE", {"channel": 2, "outcome": 2}, "1001 (customer): notice by alarm on the meter has arrived"),
    ("DECISION", {"verdict": 1, "available_ucu": -1, "failed": 0}, "1001 (customer): CUT decided at -0.000001, every condition holds"),
    ("DECISION", {"verdict": 2, "available_ucu": 1_000_000}, "1001 (customer): RESTORE decided at 1.00"),
    ("DECISION", {"verdict": 4, "available_ucu": -1_000_000, "failed": 2}, "1001 (customer): stays on at -1.00: it is protected"),
    ("RELAY", {"action": 1, "phase": 5}, "1001 (customer): cut read back from the meter: done"),
    ("RELAY", {"action": 1, "phase": 6}, "1001 (customer): cut read back from the meter: NOT done"),
    ("SEEN", {"seen": 2}, "1001 (customer): supply seen OFF"),
    ("FAULT", {"fault": 8}, "1001 (customer): the meter keeps its own purse: read, never cut"),
    ("FAULT", {"fault": 1}, "1001 (customer): fault: relay does not obey"),
    ("ORDER", {"number": 1, "order": 1, "verdict": 2, "reason": 2}, "1001 (customer): order to cut REFUSED: overtaken by a credit"),
]


@pytest.mark.parametrize(("name", "fields", "words"), FEED)
def test_a_record_is_told_in_plain_words(name, fields, words):
    told_ = feed.in_plain_words(noted(name, 0.0, account=CUSTOMER, **fields).record, ROLES)
    assert told_ is not None and told_[0] == words


def test_a_document_that_came_twice_is_no_alarm_and_a_bad_one_is():
    def order(reason: int) -> feed.Told | None:
        fields = {"account": 0, "number": 1, "order": 6, "verdict": 2, "reason": reason, "credit_number": 3}
        return feed.in_plain_words(noted("ORDER", 0.0, **fields).record, ROLES)

    assert order(9) is None and order(6) == ("gateway: order to policy REFUSED: bad document", "bold yellow")


def test_what_nobody_would_mention_is_not_told():
    assert feed.in_plain_words(noted("ACKED", 0.0).record, ROLES) is None
    for kind in kinds.KINDS.values():
        for value in (0, 1, 2, 9, 255):
            def blank(code: str, value: int = value) -> object:
                return [0] * 5 if code == "5I" else bytes(int(code[:-1])) if code.endswith("s") else value

            fields = {name: blank(code) for name, code in kind.fields}
            if kind.name != "SNAPSHOT_ROW":
                words = feed.in_plain_words(noted(kind.name, 0.0, **fields).record, ROLES)
                assert words is None or words[0]


def test_each_condition_of_a_cut_has_a_reason_in_words():
    assert feed.why_not(1 << 16 | 1 << 18) == "its reading is too old; no notice arrived long enough ago"
    assert "condition" not in feed.why_not(0x1FF07FF) and feed.why_not(0) == ""
