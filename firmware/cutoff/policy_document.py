"""The policy document as people write it: read once, strictly, and let go again (design section 5; SPEC 5.7).

    {"policy": 1, "version": 2, "utc_offset_min": 480,
     "notice": [{"level": "20.00", "period_s": 86400, "channels": ["text"]}, {"level": "5.00", "period_s": 3600, "channels": ["alarm"]}],
     "floor": "0.00", "restore": "1.00", "hours": [{"days": [1, 2, 3, 4, 5], "from": "08:00", "to": "16:00"}],
     "reading_fresh_s": 1800, "clock_error_max_s": 60, "throttle_per_hour": 10,
     "brake": {"accounts_max": 2, "share_percent": 10, "window_s": 86400}, "offline_right_s": 259200, "alarm": true,
     "notice_hours": [{"days": [1, 2, 3, 4, 5, 6, 7], "from": "08:00", "to": "21:00"}], "care": {"lead_days": 5},
     "emergency": "5.00", "lifeline": {"power_w": 500},
     "calendar": {"until": "2027-12-31", "holidays": [], "hot_days": [], "cold_days": []}}

`notice` is one level or up to four, from the highest down; `notice_hours`, `care`, `emergency`, `lifeline` and `calendar` may be left
out: then notices go at any hour, a visit is ordered with the last level, there is no emergency credit, who is cut has nothing, and
hours alone close days.

A known field that is malformed or missing is refused and names itself. A field that this version does not implement
may be one that protects somebody (storm days, a social tariff), so the policy is kept and everybody under it is
uncuttable: `unimplemented` lists what was not understood.
"""

from array import array

from firmware.base import days
from firmware.base.decimal_text import shown
from firmware.base.document import Fields, checked_int, read_document
from firmware.base.faults import BadInput
from firmware.base.port import const
from firmware.cutoff.calendar import DAY_MAX
from firmware.cutoff.hours import DAY_MIN, WINDOWS_MAX
from firmware.cutoff.policy import CHANNEL_ALARM, CHANNEL_HEAD_END, CHANNEL_TEXT, CHANNEL_VISIT

LEVELS_MAX = const(4)
LEAD_DAYS_MAX = const(366)
LIFELINE_W_MAX = const(60_000)
MONEY_DIGITS = const(6)
MONEY_UCU_MAX = 10_000_000 * 1_000_000
ID_MAX = const(0xFFFFFFFF)
YEAR_S = const(31_622_400)
CHANNELS_MAX = const(8)
DATES_MAX = const(128)  # in each list

_CHANNELS = (("head_end", CHANNEL_HEAD_END), ("alarm", CHANNEL_ALARM), ("visit", CHANNEL_VISIT), ("text", CHANNEL_TEXT))
_LISTS = ("holidays", "hot_days", "cold_days")


def fill(policy, text):
    """JSON text or bytes into `policy`. BadInput names a known field that is wrong."""
    fields = Fields(read_document(text, "policy document"))
    unknown = []
    policy.policy = fields.take_int("policy", 1, ID_MAX)
    policy.version = fields.take_int("version", 1, ID_MAX)
    policy.utc_offset_min = fields.take_int("utc_offset_min", -840, 840)
    policy.notices = _take_notices(fields, unknown)
    policy.notice_ucu = policy.notices[0][0]
    policy.notice_hours = None
    if fields.has("notice_hours"):
        policy.notice_hours = parse_hours(fields.take_list("notice_hours", WINDOWS_MAX), "notice_hours", unknown)
    policy.care_lead_days = 0
    if fields.has("care"):
        policy.care_lead_days = _take_care(fields.take_fields("care"), unknown)
    policy.emergency_ucu = _money(fields, "emergency") if fields.has("emergency") else 0
    if policy.emergency_ucu < 0:
        raise BadInput("emergency", "must not be negative")
    policy.lifeline_w = 0
    if fields.has("lifeline"):
        policy.lifeline_w = _take_lifeline(fields.take_fields("lifeline"), unknown)
    policy.calendar = None
    if fields.has("calendar"):
        policy.calendar = parse_calendar(fields.take_fields("calendar"), unknown)
    policy.floor_ucu = _money(fields, "floor")
    policy.restore_ucu = _money(fields, "restore")
    policy.hours = parse_hours(fields.take_list("hours", WINDOWS_MAX), "hours", unknown)
    policy.reading_fresh_s = fields.take_int("reading_fresh_s", 0, YEAR_S)
    policy.clock_error_max_s = fields.take_int("clock_error_max_s", 0, YEAR_S)
    policy.throttle_per_hour = fields.take_int("throttle_per_hour", 0, 10_000)
    _take_brake(policy, fields.take_fields("brake"), unknown)
    policy.offline_right_s = fields.take_int("offline_right_s", 0, ID_MAX)
    policy.alarm = fields.take_flag("alarm")
    unknown.extend(fields.unknown())
    policy.unimplemented = sorted(unknown)
    if policy.restore_ucu <= policy.floor_ucu:
        # equal amounts would cut and restore at one and the same balance, for ever
        raise BadInput("restore", "must be more than floor")
    if policy.notices[-1][0] < policy.floor_ucu:
        name = "notice[" + str(len(policy.notices) - 1) + "].level" if len(policy.notices) > 1 else "notice.level"
        raise BadInput(name, "must not be below floor: the notice comes before the cut")


def _take_notices(fields, unknown):
    """One object, or a list of them with falling levels."""
    value = fields.take("notice")
    if type(value) is not list:
        return (_take_notice(Fields(value, "notice"), unknown),)
    if not value or len(value) > LEVELS_MAX:
        raise BadInput("notice", "must have 1 to " + str(LEVELS_MAX) + " levels, got " + str(len(value)))
    notices = []
    visits = 0
    for index in range(len(value)):
        path = "notice[" + str(index) + "]"
        notices.append(_take_notice(Fields(value[index], path), unknown))
        if index and notices[index][0] >= notices[index - 1][0]:
            raise BadInput(path + ".level", "must be below the level before it")
        if notices[index][2] & CHANNEL_VISIT & visits:
            raise BadInput(path + ".channels", "may not name a visit again: there is one in an episode")
        visits |= notices[index][2]
    return tuple(notices)


def _take_care(fields, unknown):
    lead_days = fields.take_int("lead_days", 0, LEAD_DAYS_MAX)
    unknown.extend(fields.unknown())
    return lead_days


def _take_lifeline(fields, unknown):
    power_w = fields.take_int("power_w", 1, LIFELINE_W_MAX)
    unknown.extend(fields.unknown())
    return power_w


def _take_notice(fields, unknown):
    level_ucu = _money(fields, "level")
    period_s = fields.take_int("period_s", 0, YEAR_S)
    channels = 0
    items = fields.take_list("channels", CHANNELS_MAX)
    if not items:
        raise BadInput(fields.at("channels"), "must name at least one channel")
    for index in range(len(items)):
        path = fields.at("channels") + "[" + str(index) + "]"
        bit = _channel(items[index], path)
        if bit & channels:
            raise BadInput(path, "stands there twice")
        channels |= bit
        if not bit:
            unknown.append(path)
    unknown.extend(fields.unknown())
    return level_ucu, period_s, channels


def _channel(name, path):
    if type(name) is not str:
        raise BadInput(path, "must be a text in quotes, got " + shown(name))
    for known, bit in _CHANNELS:
        if name == known:
            return bit
    return 0  # a channel of a later version


def _take_brake(policy, fields, unknown):
    policy.brake_accounts_max = fields.take_int("accounts_max", 0, 100_000)
    policy.brake_share_percent = fields.take_int("share_percent", 0, 100)
    policy.brake_window_s = fields.take_int("window_s", 1, YEAR_S)
    unknown.extend(fields.unknown())


def _money(fields, name):
    amount_ucu = fields.take_decimal(name, MONEY_DIGITS, negative=True)
    if abs(amount_ucu) > MONEY_UCU_MAX:
        raise BadInput(fields.at(name), "is more than ten million")
    return amount_ucu


def parse_hours(items, path, unknown):
    """List of {"days", "from", "to"} -> windows; unknown fields are added to `unknown`."""
    windows = []
    for index in range(len(items)):
        fields = Fields(items[index], path + "[" + str(index) + "]")
        mask = _days_mask(fields)
        from_min = _minute(fields.take("from"), fields.at("from"))
        to_min = _minute(fields.take("to"), fields.at("to"))
        if from_min == DAY_MIN:
            raise BadInput(fields.at("from"), 'must be a time before "24:00"')
        if from_min == to_min:
            raise BadInput(fields.at("to"), "must differ from `from`: an empty window says nothing")
        windows.append((mask, from_min, to_min))
        unknown.extend(fields.unknown())
    return tuple(windows)


def _days_mask(fields):
    path = fields.at("days")
    items = fields.take_list("days", 7)
    if not items:
        raise BadInput(path, "must name at least one day, 1 Monday to 7 Sunday")
    mask = 0
    for index in range(len(items)):
        here = path + "[" + str(index) + "]"
        bit = 1 << checked_int(items[index], 1, 7, here)
        if mask & bit:
            raise BadInput(here, "stands there twice")
        mask |= bit
    return mask


def _minute(text, field):
    if type(text) is str and len(text) == 5 and text[2] == ":":
        digits = text[:2] + text[3:]
        if all(char in "0123456789" for char in digits):
            hour, minute = int(text[:2]), int(text[3:])
            if hour * 60 + minute <= DAY_MIN and minute < 60:
                return hour * 60 + minute
    raise BadInput(field, 'must be a time such as "08:00", got ' + shown(text))


def parse_calendar(fields, unknown):
    """Fields of a calendar -> its closed spans; unknown fields are added to `unknown`."""
    spans = array("H")
    spans.append(_day(fields.take("until"), fields.at("until")) + 1)
    spans.append(DAY_MAX)
    for name in _LISTS:
        items = fields.take_list(name, DATES_MAX, [])
        for index in range(len(items)):
            _take_span(spans, items[index], fields.at(name) + "[" + str(index) + "]")
    unknown.extend(fields.unknown())
    return spans


def _take_span(spans, text, field):
    if type(text) is str and len(text) == 21 and text[10] == "/":
        first, last = _day(text[:10], field), _day(text[11:], field)
    else:
        first = last = _day(text, field)
    if last < first:
        raise BadInput(field, "ends before it begins: " + text)
    spans.append(first)
    spans.append(last)


def _day(text, field):
    if type(text) is str and len(text) == 10 and text[4] == "-" and text[7] == "-":
        digits = text[:4] + text[5:7] + text[8:]
        if all(char in "0123456789" for char in digits):
            day = days.day_of_date(int(text[:4]), int(text[5:7]), int(text[8:]))
            if day is not None and day < DAY_MAX:
                return day
    raise BadInput(field, 'must be a date such as "2026-10-01", got ' + shown(text))
