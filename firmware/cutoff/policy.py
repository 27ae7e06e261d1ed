"""Policies: when a customer is warned, cut and restored (design section 5; SPEC 5.7), and the book of their newest versions.

What people write is read by policy_document.py, which is loaded for that and let go again. A field that it does not
implement may be one that protects somebody, so the policy is kept and everybody under it is uncuttable: `unimplemented`.
"""

from firmware.base.faults import require
from firmware.base.port import const
from firmware.base.rare import Rare

CHANNEL_HEAD_END = const(1)
CHANNEL_ALARM = const(2)
CHANNEL_VISIT = const(4)
CHANNEL_TEXT = const(8)

CREATED = const(1)
EXISTS = const(2)
CONFLICT = const(3)
FULL = const(4)

_fill = Rare("firmware.cutoff.policy_document", "fill")


class Policy:
    """One version, not changed after parsing; amounts in ucu, periods in s, `hours` as cutoff/hours.py windows; `notices` =
    ((level_ucu, period_s, channels mask), ...) from the highest level down, `notice_ucu` the first level."""

    def same_as(self, other):
        """True when both came from the same content."""
        return self._content() == other._content()

    def _content(self):
        return tuple([getattr(self, name) for name in _FIELDS])


_FIELDS = (
    "policy",
    "version",
    "utc_offset_min",
    "notice_ucu",
    "notices",
    "notice_hours",
    "care_lead_days",
    "emergency_ucu",
    "lifeline_w",
    "calendar",
    "floor_ucu",
    "restore_ucu",
    "hours",
    "reading_fresh_s",
    "clock_error_max_s",
    "throttle_per_hour",
    "brake_accounts_max",
    "brake_share_percent",
    "brake_window_s",
    "offline_right_s",
    "alarm",
    "unimplemented",
)


def parse_policy(text):
    """JSON text or bytes -> Policy. BadInput names a known field that is wrong."""
    policy = Policy()
    _fill(policy, text)
    return policy


class PolicyBook:
    """PolicyBook(capacity): at most so many versions; the newest of a policy is in force as soon as it is there."""

    def __init__(self, capacity):
        require(capacity > 0, "policy book without room")
        self._capacity = capacity
        self._versions = []

    def __len__(self):
        return len(self._versions)

    def verdict(self, policy):
        """What `add` would answer; changes nothing."""
        newest = self.newest(policy.policy)
        if newest is not None and newest.version >= policy.version:
            return EXISTS if newest.version > policy.version or newest.same_as(policy) else CONFLICT
        others = [held for held in self._versions if held.policy != policy.policy]
        return FULL if len(others) >= self._capacity else CREATED

    def add(self, policy):
        """CREATED, EXISTS, CONFLICT (same number, other content) or FULL. A newer version takes the place of the older
        one; one that is older than the newest is EXISTS: it changes nothing."""
        verdict = self.verdict(policy)
        if verdict == CREATED:
            self._versions = [held for held in self._versions if held.policy != policy.policy]
            self._versions.append(policy)
        return verdict

    def newest(self, policy_id):
        """The version in force, or None: then nobody under it is cut."""
        for held in self._versions:
            if held.policy == policy_id:
                return held
        return None
