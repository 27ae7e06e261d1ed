"""Policy documents: known fields are strict, unknown ones make everybody under them uncuttable."""

import json

from firmware.base.faults import BadInput
from firmware.cutoff import policy as p
from firmware.cutoff.policy import PolicyBook, parse_policy
from tests.kit import cases, eq, raises


def fields():
    return {
        "policy": 1,
        "version": 2,
        "utc_offset_min": 480,
        "notice": {"level": "5.00", "period_s": 3600, "channels": ["head_end", "alarm"]},
        "floor": "-2.50",
        "restore": "1.00",
        "hours": [{"days": [1, 7], "from": "22:00", "to": "02:30"}],
        "reading_fresh_s": 1800,
        "clock_error_max_s": 60,
        "throttle_per_hour": 10,
        "brake": {"accounts_max": 2, "share_percent": 10, "window_s": 86400},
        "offline_right_s": 259200,
        "alarm": True,
    }


def put(document, path, value):
    """Set or (value None) remove the field at `path`, a tuple of names and indexes."""
    inner = document
    for step in path[:-1]:
        inner = inner[step]
    if value is None:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return json.dumps(document)


def test_a_policy_is_read_to_integers():
    got = parse_policy(json.dumps(fields()))
    eq((got.policy, got.version, got.utc_offset_min), (1, 2, 480))
    eq((got.notice_ucu, got.notices), (5_000_000, ((5_000_000, 3600, p.CHANNEL_HEAD_END | p.CHANNEL_ALARM),)))
    eq((got.notice_hours, got.care_lead_days, got.calendar, got.emergency_ucu, got.lifeline_w), (None, 0, None, 0, 0))
    eq((got.floor_ucu, got.restore_ucu), (-2_500_000, 1_000_000))
    eq(got.hours, ((1 << 1 | 1 << 7, 1320, 150),))
    eq((got.reading_fresh_s, got.clock_error_max_s, got.throttle_per_hour), (1800, 60, 10))
    eq((got.brake_accounts_max, got.brake_share_percent, got.brake_window_s), (2, 10, 86400))
    eq((got.offline_right_s, got.alarm, got.unimplemented), (259200, True, []))


def test_every_field_is_required():
    def check(path, name):
        eq(raises(BadInput, parse_policy, put(fields(), path, None)).field, name)

    rows = [((name,), name) for name in fields()]
    rows += [(("notice", name), "notice." + name) for name in fields()["notice"]]
    rows += [(("brake", name), "brake." + name) for name in fields()["brake"]]
    rows += [(("hours", 0, name), "hours[0]." + name) for name in ("days", "from", "to")]
    cases(rows, check)


def test_every_malformed_field_names_itself():
    def check(path, value, name):
        fault = raises(BadInput, parse_policy, put(fields(), path, value))
        eq(fault.field, name, str(fault))

    cases(
        (
            (("policy",), 0, "policy"),
            (("policy",), "1", "policy"),
            (("version",), True, "version"),
            (("utc_offset_min",), 841, "utc_offset_min"),
            (("notice",), [], "notice"),
            (("notice", "level"), 5, "notice.level"),
            (("notice", "level"), "5.0000001", "notice.level"),
            (("notice", "level"), "-3", "notice.level"),
            (("notice", "period_s"), -1, "notice.period_s"),
            (("notice", "period_s"), "3600", "notice.period_s"),
            (("notice", "channels"), [], "notice.channels"),
            (("notice", "channels"), "alarm", "notice.channels"),
            (("notice", "channels"), [1], "notice.channels[0]"),
            (("notice", "channels"), ["alarm", "alarm"], "notice.channels[1]"),
            (("floor",), "1e3", "floor"),
            (("floor",), "99999999", "floor"),
            (("restore",), "-2.50", "restore"),
            (("restore",), "NaN", "restore"),
            (("hours",), {}, "hours"),
            (("hours", 0), 5, "hours[0]"),
            (("hours", 0, "days"), [], "hours[0].days"),
            (("hours", 0, "days"), [0], "hours[0].days[0]"),
            (("hours", 0, "days"), [1, 8], "hours[0].days[1]"),
            (("hours", 0, "days"), [3, 3], "hours[0].days[1]"),
            (("hours", 0, "from"), "24:00", "hours[0].from"),
            (("hours", 0, "from"), "8:00", "hours[0].from"),
            (("hours", 0, "from"), "08:60", "hours[0].from"),
            (("hours", 0, "to"), "24:01", "hours[0].to"),
            (("hours", 0, "to"), 1600, "hours[0].to"),
            (("hours", 0, "to"), "22:00", "hours[0].to"),
            (("reading_fresh_s",), -5, "reading_fresh_s"),
            (("clock_error_max_s",), "60", "clock_error_max_s"),
            (("throttle_per_hour",), 1.5, "throttle_per_hour"),
            (("brake",), 3, "brake"),
            (("brake", "accounts_max"), -1, "brake.accounts_max"),
            (("brake", "share_percent"), 101, "brake.share_percent"),
            (("brake", "window_s"), 0, "brake.window_s"),
            (("offline_right_s",), -1, "offline_right_s"),
            (("alarm",), 1, "alarm"),
        ),
        check,
    )


def test_fields_of_a_later_version_are_kept_and_listed_wherever_they_stand():
    document = fields()
    document["calendar"] = {"until": "2026-12-31", "storm_days": ["2026-07-01"], "share": 0.5}
    document["care"] = {"lead_days": 3, "phone": True}
    document["notice_hours"] = [{"days": [1], "from": "08:00", "to": "09:00", "season": 1}]
    document["storms"] = 0.5
    document["notice"]["second_level"] = "2.00"
    document["notice"]["channels"].append("sms")
    document["hours"][0]["season"] = "winter"
    document["brake"]["tariff"] = True
    got = parse_policy(json.dumps(document))
    names = ["brake.tariff", "calendar.share", "calendar.storm_days", "care.phone", "hours[0].season", "notice.channels[2]"]
    eq(got.unimplemented, names + ["notice.second_level", "notice_hours[0].season", "storms"])
    eq(got.floor_ucu, -2_500_000)


def levels(*amounts, channels=("text",)):
    return [{"level": amount, "period_s": 60, "channels": list(channels)} for amount in amounts]


def test_several_levels_a_calendar_notice_hours_and_care_are_read():
    document = fields()
    document["notice"] = levels("20.00", "5.00", "-2.50")
    document["notice"][1]["channels"].append("visit")
    document["notice_hours"] = []
    document["care"] = {"lead_days": 5}
    document["calendar"] = {"until": "1970-01-11", "holidays": ["1970-01-02/1970-01-04"], "cold_days": ["1970-01-08"]}
    got = parse_policy(json.dumps(document))
    text, both = p.CHANNEL_TEXT, p.CHANNEL_TEXT | p.CHANNEL_VISIT
    eq(got.notices, ((20_000_000, 60, text), (5_000_000, 60, both), (-2_500_000, 60, text)))
    eq((got.notice_ucu, got.notice_hours, got.care_lead_days, got.unimplemented), (20_000_000, (), 5, []))
    eq(list(got.calendar), [11, 65535, 1, 3, 7, 7])
    document["calendar"]["cold_days"] = ["1970-01-09"]
    eq(got.same_as(parse_policy(json.dumps(document))), False)


def test_malformed_levels_and_calendars_name_themselves():
    def check(name, value, field):
        document = fields()
        document[name] = value
        eq(raises(BadInput, parse_policy, json.dumps(document)).field, field)

    cases(
        (
            ("notice", [], "notice"),
            ("notice", levels("5", "4", "3", "2", "1"), "notice"),
            ("notice", levels("5", "5"), "notice[1].level"),
            ("notice", levels("5", "-3"), "notice[1].level"),
            ("notice", levels("5", "x"), "notice[1].level"),
            ("notice", [5], "notice[0]"),
            ("notice", levels("5", "4", channels=("text", "visit")), "notice[1].channels"),
            ("notice_hours", {}, "notice_hours"),
            ("notice_hours", [{"days": [1], "from": "8", "to": "09:00"}], "notice_hours[0].from"),
            ("emergency", 5, "emergency"),
            ("lifeline", 500, "lifeline"),
            ("lifeline", {}, "lifeline.power_w"),
            ("lifeline", {"power_w": 0}, "lifeline.power_w"),
            ("lifeline", {"power_w": 60_001}, "lifeline.power_w"),
            ("lifeline", {"power_w": "500"}, "lifeline.power_w"),
            ("emergency", "-0.01", "emergency"),
            ("care", 5, "care"),
            ("care", {}, "care.lead_days"),
            ("care", {"lead_days": 367}, "care.lead_days"),
            ("calendar", [], "calendar"),
            ("calendar", {}, "calendar.until"),
            ("calendar", {"until": "2026-02-29"}, "calendar.until"),
            ("calendar", {"until": "2199-01-01"}, "calendar.until"),
            ("calendar", {"until": "2026-12-31", "holidays": {}}, "calendar.holidays"),
            ("calendar", {"until": "2026-12-31", "holidays": [1]}, "calendar.holidays[0]"),
            ("calendar", {"until": "2026-12-31", "hot_days": ["2026-7-01"]}, "calendar.hot_days[0]"),
            ("calendar", {"until": "2026-12-31", "cold_days": ["2026-07-02/2026-07-01"]}, "calendar.cold_days[0]"),
            ("calendar", {"until": "2026-12-31", "cold_days": ["2026-07-02/2026-07-xx"]}, "calendar.cold_days[0]"),
        ),
        check,
    )


def version(number, floor="0.00"):
    document = fields()
    document["version"] = number
    document["floor"] = floor
    return parse_policy(json.dumps(document))


def test_the_newest_version_is_in_force_and_none_is_replaced():
    book = PolicyBook(1)
    eq(book.newest(1), None)
    eq(book.add(version(2)), p.CREATED)
    eq(book.add(version(2)), p.EXISTS)
    eq(book.add(version(2, "0.10")), p.CONFLICT)
    eq(book.add(version(3)), p.CREATED)
    eq(book.add(version(1)), p.EXISTS)
    eq((book.newest(1).version, len(book)), (3, 1))
    document = fields()
    document["policy"] = 2
    eq(book.add(parse_policy(json.dumps(document))), p.FULL)
