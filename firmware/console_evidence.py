"""Where each account's last decision stands in the journal, and what is known of it now (part of the hall): the console's "why".

Trap avoided: a search back through the journal for one account would hold the gateway for seconds; the place of each last
decision is kept instead, found in the replay and in every record since.
"""

from array import array

from firmware.cutoff import conditions, decide
from firmware.diagnostics import event_ring as events
from firmware.gateway_meters import EVENT_COVER, EVENT_TERMINAL_COVER
from firmware.ledger import record, record_kinds

_FOLLOW = (
    record_kinds.DECISION, record_kinds.RELAY, record_kinds.SEEN, record_kinds.FAULT, record_kinds.NOTICE, record_kinds.ORDER,
    record_kinds.CREDIT, record_kinds.CREDIT_REFUSED, record_kinds.EXEMPT, record_kinds.VISIT, record_kinds.LEVEL,
    record_kinds.HELD, record_kinds.REASON, record_kinds.CREDIT_LIMIT, record_kinds.LIMIT,
)  # fmt: skip


class Decisions:
    """`on_record` for each record of the journal, replayed or new; `last(account)` -> sequence, 0 = none. Where nothing was decided yet
    what an operator gave as a reason stands for it."""

    def __init__(self, capacity):
        self._accounts = array("I", [0] * capacity)
        self._sequences = array("I", [0] * capacity)
        self._count = 0

    def on_record(self, kind, values, sequence, at_s, quality):
        if kind not in (record_kinds.DECISION, record_kinds.REASON):
            return
        place = self._place_of(values[0])
        if kind == record_kinds.REASON and place < self._count:
            return  # it stands behind the last decision
        if place < len(self._accounts):
            self._accounts[place] = values[0]
            self._sequences[place] = sequence
            self._count = max(self._count, place + 1)

    def last(self, account):
        place = self._place_of(account)
        return self._sequences[place] if place < self._count else 0

    def _place_of(self, account):
        for place in range(self._count):
            if self._accounts[place] == account:
                return place
        return self._count


def follows(raw, account):
    """True when this record belongs to what came of a decision for `account`."""
    if raw[1] not in _FOLLOW:
        return False
    values = record.values_of(raw, 0, len(raw))
    return values is not None and values[0] == account


def event_of(kind, values):
    """(code, account, value) of a record that belongs in the ring of events, else None."""
    if kind == record_kinds.EVENT:
        covers = values[0] == EVENT_COVER or values[0] == EVENT_TERMINAL_COVER
        return None if covers and values[2] >> 32 == values[2] & 0xFFFFFFFF else values  # a count that is merely noted
    if kind == record_kinds.HELD:
        return events.HELD, values[0], values[2]
    if kind == record_kinds.FAULT:
        return events.FAULT, values[0], values[1]
    if kind == record_kinds.BRAKE:
        return events.BRAKE, 0, values[0]
    if kind == record_kinds.CLOCK:
        return events.CLOCK_SET, 0, values[1] - values[0]
    return None


def facts_in_parts(supply, slot):
    """What a decision would be taken from now, in dicts small enough for a line each."""
    facts, policy = supply.facts_of(slot)
    decision = decide.decide(facts, policy)
    failed = decide.failed_conditions(facts, policy)
    parts = [{"verdict": decision.verdict, "reason": decision.reason, "failed": failed, "override": facts.override}]
    for names in _FACTS:
        parts.append({name: getattr(facts, name) for name in names})
    if policy is not None:
        parts.append({name: getattr(policy, name) for name in _POLICY})
        parts.append({"notices": policy.notices})
        parts.append({"unimplemented": [name[:40] for name in policy.unimplemented[:4]]})
    if facts.brake_closed:
        parts.append({"closed_by": supply.causes.closed_by})
    parts[0]["ordered_on"] = bool(facts.flags & conditions.FLAG_ORDERED_ON)
    return parts


_FACTS = (
    ("available_ucu", "balance_ucu", "reading_at_s", "now_s", "clock_quality", "clock_error_s", "meters_disagree"),
    ("meter_clock_error_s", "flags", "serial_ok", "journal_sound", "tariff_valid", "enforceable", "standing", "visited"),
    ("wish", "seen", "fault", "episode_open", "notice_level", "notice_at_s", "alarm", "last_contact_s"),
    ("visit_ordered", "days_left", "emergency_ucu", "limit_ucu"),
    ("throttle_ok", "brake_closed", "ordered", "valid_s", "trip_delay_s", "meter_clock_error_s_max"),
)
_POLICY = (
    "policy", "version", "floor_ucu", "restore_ucu", "reading_fresh_s", "clock_error_max_s", "throttle_per_hour", "offline_right_s",
    "utc_offset_min", "care_lead_days",
)  # fmt: skip
