"""Kinds of journal records, their fields and the class of space each may use (SPEC 2, design 4.11).

Trap avoided: a kind whose length does not fit its layout is treated like an unknown kind, so a newer writer cannot make an
older reader misread money.
"""

from firmware.base.port import const
from firmware.base.records import Layout

EPOCH = const(1)
BOOT = const(2)
SNAPSHOT_BEGIN = const(3)
SNAPSHOT_ROW = const(4)
SNAPSHOT_END = const(5)
SEGMENT = const(6)
CREDIT = const(7)
CREDIT_REFUSED = const(8)
CHARGE = const(9)
HELD = const(10)
EPISODE = const(11)
NOTICE = const(12)
DECISION = const(13)
RELAY = const(14)
SEEN = const(15)
ORDER = const(16)
DOCUMENT = const(17)
FLAGS = const(18)
BRAKE = const(19)
CLOCK = const(20)
READINGS_GAP = const(21)
EVENT = const(22)
ACKED = const(23)
FAULT = const(24)
EXEMPT = const(25)
VISIT = const(26)
LEVEL = const(27)
MONTH = const(28)
EMERGENCY = const(29)
REASON = const(30)
SUSPECT = const(31)
THROUGH = const(32)
MOVED = const(33)
DEBT = const(34)
RECOVERY = const(35)
CARRIED = const(36)
CREDIT_LIMIT = const(37)
LIMIT = const(38)

FIRST_LIFE = const(1)  # EPOCH reasons
GIVEN_BY_HEAD_END = const(2)

# classes of space, the strictest first
ORDINARY = const(1)
CREDIT_CLASS = const(2)
BOOKS = const(3)

# kind -> name and fields; the line is the kind. SPEC 2 tells what they mean
WORDS = """
EPOCH: epoch reason boot_count firmware
BOOT: boot_count reset_cause firmware
SNAPSHOT_BEGIN: rows acked_epoch acked_sequence acked_readings brake
SNAPSHOT_ROW: row
SNAPSHOT_END: rows rows_crc
SEGMENT: account serial rates from_0 from_1 from_2 from_3 from_4
CREDIT: account issuer number amount_ucu total_ucu
CREDIT_REFUSED: account issuer number amount_ucu total_ucu reason
CHARGE: account serial rate from_cwh to_cwh reading_at_s tariff version price amount_ucu total_charged_ucu cause marks
HELD: account serial why rate register_cwh last_cwh
EPISODE: account episode open available_ucu
NOTICE: account episode level channel outcome available_ucu restore_ucu
DECISION: account verdict reason failed available_ucu floor_ucu register_cwh reading_at_s policy policy_version tariff tariff_version \
order episode notice_at_s
RELAY: account serial action phase word detail
SEEN: account seen status_word
ORDER: account number order verdict reason failed credit_number expires_at_s
DOCUMENT: what id version digest
FLAGS: account flags order
BRAKE: closed due accounts order
CLOCK: before_s after_s source
READINGS_GAP: first last
EVENT: code account value
ACKED: epoch sequence chain countersign readings
FAULT: account fault value
EXEMPT: account until_s order
VISIT: account episode what days_left lead_days available_ucu visited_at_s order
LEVEL: account episode level available_ucu
MONTH: account serial rates settled_at_s from_0 from_1 from_2 from_3 from_4
EMERGENCY: account episode what amount_ucu available_ucu
REASON: account number order what text
SUSPECT: what id version state share floor_ucu restore_ucu emergency_ucu due
THROUGH: account what id version relief_ucu available_ucu counted
MOVED: account to_account serial order
DEBT: account owed_ucu share most_ucu order
RECOVERY: account move issuer number amount_ucu moved_ucu left_ucu available_ucu restore_ucu
CARRIED: account what order until_s owed_ucu share most_ucu row
CREDIT_LIMIT: account limit_ucu before_ucu order
LIMIT: account what limit_w found_w"""

# kind -> code of its fields (base/records); the place is the kind
_CODES = (
    None,
    b"<IBII",  # EPOCH
    b"<IBI",
    b"<HIIIB",
    b"<146s",
    b"<HI",
    b"<I6sBIIIII",  # SEGMENT
    b"<IHIqq",
    b"<IHIqqB",
    b"<I6sBIIIIIIqqBB",  # CHARGE
    b"<I6sBBII",
    b"<IHBq",
    b"<IHBBBqq",
    b"<IBBIqqIIIIIIIHI",  # DECISION
    b"<I6sBBHB",
    b"<IBH",
    b"<IIBBBIII",  # ORDER
    b"<BII8s",
    b"<IHI",
    b"<BHHI",
    b"<IIB",  # CLOCK
    b"<II",
    b"<HIq",
    b"<II8s8sI",
    b"<IBI",
    b"<III",
    b"<IHBHHqII",  # VISIT
    b"<IHBq",
    b"<I6sBIIIIII",  # MONTH
    b"<IHBqq",
    b"<IIBB64s",  # REASON
    b"<BIIBHqqqH",  # SUSPECT
    b"<IBIIqqB",
    b"<II6sI",  # MOVED
    b"<IqBqI",  # DEBT
    b"<IIHIqqqqq",
    b"<IBIIqBq170s",  # CARRIED
    b"<IqqI",  # CREDIT_LIMIT
    b"<IBII",
)
KINDS = const(39)

# of some kinds there is a longer form, which says what few accounts need (SPEC 2): its further fields follow
_LONGER_SEGMENT = b"<I6sBIIIIIHI"
_LONGER_CHARGE = b"<I6sBIIIIIIqqBBHHHIBB"
_LONGER_ROW = b"<164s"
_LONGER_CARRIED = b"<IBIIqBq178s"
_LONGEST_ROWS = (b"<170s", b"<178s")
_SEGMENT_FIELDS = const(8)
_CHARGE_FIELDS = const(13)
_ROW_BYTES = const(146)
_LONGER_ROW_BYTES = const(164)
_BONDED_ROW_BYTES = const(170)
LONGER_WORDS = """CHARGE: account serial rate from_cwh to_cwh reading_at_s tariff version price amount_ucu total_charged_ucu cause marks \
day month_day period_day used_cwh band step
SEGMENT: account serial rates from_0 from_1 from_2 from_3 from_4 ratio since_s"""

# kind -> class of space
_CLASSES = (
    b"\0"
    b"\3\2\3\3\3\1"  # EPOCH, BOOT, SNAPSHOT_BEGIN, SNAPSHOT_ROW, SNAPSHOT_END, SEGMENT
    b"\2\2\1\1\1\1"  # CREDIT, CREDIT_REFUSED, CHARGE, HELD, EPISODE, NOTICE
    b"\1\2\2\2\1\2"  # DECISION (but class_of looks at its verdict), RELAY, SEEN, ORDER, DOCUMENT, FLAGS
    b"\3\1\2\1\3\2"  # BRAKE, CLOCK, READINGS_GAP, EVENT, ACKED, FAULT
    b"\2\2\1\1\1\1"  # EXEMPT, VISIT, LEVEL, MONTH, EMERGENCY, REASON
    b"\3\2\2\2\2\2\2\2"  # SUSPECT, THROUGH, MOVED, DEBT, RECOVERY, CARRIED, CREDIT_LIMIT, LIMIT
)

_RESTORING_VERDICTS = (2, 5)


def code_of(kind):
    """Code of the fields of a known kind, None for another."""
    return _CODES[kind] if 0 < kind < KINDS else None


def longer_code_of(kind):
    """Code of the longer form of a kind, None when there is none."""
    if kind == CHARGE:
        return _LONGER_CHARGE
    if kind == SEGMENT:
        return _LONGER_SEGMENT
    if kind == CARRIED:
        return _LONGER_CARRIED
    return _LONGER_ROW if kind == SNAPSHOT_ROW else None


def longest_codes_of(kind):
    """Codes of its longest forms, () when there are not more than two."""
    return _LONGEST_ROWS if kind == SNAPSHOT_ROW else ()


def code_for(kind, values):
    """Code of the form in which these values are written, None for an unknown kind."""
    if kind == CHARGE and len(values) > _CHARGE_FIELDS or kind == SEGMENT and len(values) > _SEGMENT_FIELDS:
        return longer_code_of(kind)
    if kind == CARRIED and len(values[7]) > _BONDED_ROW_BYTES:
        return _LONGER_CARRIED
    if kind == SNAPSHOT_ROW and len(values[0]) > _ROW_BYTES:
        return _LONGEST_ROWS[len(values[0]) > _BONDED_ROW_BYTES] if len(values[0]) > _LONGER_ROW_BYTES else _LONGER_ROW
    return code_of(kind)


def layout_of(kind):
    """Layout of a known kind, made for who asks; None for another."""
    return Layout(WORDS.split("\n")[kind], _CODES[kind]) if 0 < kind < KINDS else None


def class_of(kind, values):
    """Class of space of a record about to be written."""
    if kind == DECISION and values[1] in _RESTORING_VERDICTS:
        return CREDIT_CLASS
    return _CLASSES[kind]
