"""What is known of one account when its supply is judged: one object, reused, of plain integers.

True, False and None mean three things here: None is "not known", which forbids a cut and restores nothing. A gateway that
just started has no reading yet; that alone must neither cut nor give supply.
"""

from firmware.base.port import const

ON = const(0)  # wish
OFF = const(1)

UNKNOWN = const(0)  # seen
CLOSED = const(1)
OPEN = const(2)
ARMED = const(3)
LIMITED = const(4)  # a load limit is in force, whatever the relay does


class Facts:
    """Facts(limits); the caller fills the attributes from account row, reading, clock and journal."""

    def __init__(self, limits):
        self.valid_s = limits.relay_valid_s  # how long a relay order stays valid
        self.meter_clock_error_s_max = limits.meter_clock_error_s_max
        self.clear()

    def clear(self):
        """Nothing is known."""
        self.available_ucu = None  # balance - uncharged energy; None = no reading or no price
        self.balance_ucu = 0
        self.reading_at_s = 0  # 0 = none since the start
        self.now_s = 0  # 0 = not known
        self.clock_quality = 0
        self.clock_error_s = None
        self.meters_disagree = False
        self.meter_clock_error_s = None  # None = not read, or no date
        self.flags = 0
        self.serial_ok = None
        self.journal_sound = None
        self.tariff_valid = None
        self.enforceable = None
        self.standing = None  # SPEC 5.3 field 12
        self.visited = False  # a visit is recorded in this episode
        self.visit_ordered = False
        self.emergency_ucu = 0  # emergency credit that is given and not repaid: the floor lies so much lower
        self.limit_ucu = 0  # credit limit of the account: floor, restore amount and levels lie so much lower
        self.days_left = None  # that a care customer's money lasts; None = not known, or no care customer
        self.lifeline_w = 0  # the limit that takes the place of a cut here: policy and meter both have one
        self.limited = False  # the wish OFF is by the load limit
        self.wish = ON
        self.seen = UNKNOWN
        self.seen_before = UNKNOWN  # what was seen last, perhaps in an earlier life
        self.fault = 0
        self.episode_open = False
        self.notice_level = 0
        self.notice_at_s = 0
        self.notice_asked = 0  # channels (policy masks) asked in this episode since the start
        self.alarm = False
        self.credited = False  # this step was caused by a credit
        self.last_contact_s = 0  # last authenticated word of the head-end
        self.trip_delay_s = 0
        self.throttle_ok = False
        self.brake_closed = True
        self.ordered = False  # a cut order is accepted and has not expired
        self.override = 0  # conditions that order overrides
