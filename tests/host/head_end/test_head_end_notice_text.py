"""Words of notices: amounts and dates from integers, templates that are checked when they are loaded, quiet hours."""

import json

import pytest

from host_tools.head_end.errors import BadInput
from host_tools.head_end.notice_text import TEMPLATES, Place, Words
from host_tools.head_end.outbox_sending import Quiet


@pytest.mark.parametrize(
    "start, end, minute, wait",
    (
        (0, 0, 0, None),
        (21 * 60, 8 * 60, 21 * 60, 11 * 60),
        (21 * 60, 8 * 60, 8 * 60, None),
        (21 * 60, 8 * 60, 8 * 60 - 1, 1),
        (21 * 60, 8 * 60, 12 * 60, None),
        (12 * 60, 14 * 60, 13 * 60, 60),
        (12 * 60, 14 * 60, 14 * 60, None),
        (12 * 60, 14 * 60, 11 * 60, None),
    ),
)
@pytest.mark.parametrize("offset", (-600, 0, 330, 480))
def test_quiet_hours_are_local(start, end, minute, wait, offset):
    now_s = 19_000 * 86_400 + (minute - offset) * 60 + 30
    found = Quiet(start, end).ends_at_s(now_s, offset)
    assert found == (None if wait is None else now_s - 30 + wait * 60)


@pytest.mark.parametrize(
    "ucu, down, up",
    ((0, "0.00", "0.00"), (1, "0.00", "0.01"), (-1, "-0.01", "0.00"), (12_345_678, "12.34", "12.35"), (-12_345_678, "-12.35", "-12.34")),
)
def test_amounts_are_rounded_for_the_customer_to_be_right(ucu, down, up):
    words = Words("zh")
    assert words.money(ucu, "CNY") == down + "元" and words.money(ucu, "CNY", up=True) == up + "元"
    assert Words("en").money(ucu, "INR") == "INR " + down


@pytest.mark.parametrize(
    "change, said",
    (
        ({"low": "{price}"}, "low of"),
        ({"low": "{account.__class__}"}, "low of"),
        ({"low": "{account!r}"}, "low of"),
        ({"low": "{account:>9999}"}, "low of"),
        ({"low": "{"}, "low of"),
        ({"low": ""}, "low of"),
        ({"low": 7}, "low of"),
        ({"more": "x"}, "more of"),
        ({"stop": None}, "stop of"),
        ({"currencies": {"CNY": "{amount}"}}, "currencies of"),
        ({"currencies": {"other": "{sum}"}}, "currencies of"),
    ),
)
def test_a_wrong_template_is_named_when_it_is_loaded(tmp_path, change, said):
    document = json.loads((TEMPLATES / "zh.json").read_text()) | change
    (tmp_path / "zh.json").write_text(json.dumps({key: value for key, value in document.items() if value is not None}))
    with pytest.raises(BadInput, match="^templates: " + said):
        Words("zh", tmp_path)


def test_what_is_to_be_paid_is_rounded_up_and_what_is_there_down():
    place = Place("CNY", 480, 0, 0, False)
    said = Words("en").say("low_owing", place, account=1, level=1, date_s=0, available_ucu=1_239_999, pay_ucu=1_230_001)
    assert "CNY 1.23 was left" in said and "at least CNY 1.24" in said and "1970-01-01 08:00" in said
