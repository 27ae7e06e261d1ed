"""Kinds of journal records, their fields and the class of space each may use (SPEC 2, design 4.11).

Trap avoided: a kind whose length does not fit its layout is treated like an unknown kind, so a newer writer cannot make an
older reader misread money.
"""

from firmware.base.port import const
from firmware.base.records import BYTES6, BYTES8, I64, U8, U16, U32, Layout, fixed_bytes
from firmware.ledger.account_row import ROW_SIZE

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

FIRST_LIFE = const(1)  # EPOCH reasons
GIVEN_BY_HEAD_END = const(2)

# classes of space, the strictest first
ORDINARY = const(1)
CREDIT_CLASS = const(2)
BOOKS = const(3)

_REGISTERS = (("from_0", U32), ("from_1", U32), ("from_2", U32), ("from_3", U32), ("from_4", U32))
_CREDIT = (("account", U32), ("issuer", U16), ("number", U32), ("amount_ucu", I64), ("total_ucu", I64))

_TABLE = (
    (EPOCH, "EPOCH", BOOKS, (("epoch", U32), ("reason", U8), ("boot_count", U32), ("firmware", U32))),
    (BOOT, "BOOT", CREDIT_CLASS, (("boot_count", U32), ("reset_cause", U8), ("firmware", U32))),
    (
        SNAPSHOT_BEGIN,
        "SNAPSHOT_BEGIN",
        BOOKS,
        (("rows", U16), ("acked_epoch", U32), ("acked_sequence", U32), ("acked_readings", U32), ("brake", U8)),
    ),
    (SNAPSHOT_ROW, "SNAPSHOT_ROW", BOOKS, (("row", fixed_bytes(ROW_SIZE)),)),
    (SNAPSHOT_END, "SNAPSHOT_END", BOOKS, (("rows", U16), ("rows_crc", U32))),
    (SEGMENT, "SEGMENT", ORDINARY, (("account", U32), ("serial", BYTES6), ("rates", U8)) + _REGISTERS),
    (CREDIT, "CREDIT", CREDIT_CLASS, _CREDIT),
    (CREDIT_REFUSED, "CREDIT_REFUSED", CREDIT_CLASS, _CREDIT + (("reason", U8),)),
    (
        CHARGE,
        "CHARGE",
        ORDINARY,
        (
            ("account", U32),
            ("serial", BYTES6),
            ("rate", U8),
            ("from_cwh", U32),
            ("to_cwh", U32),
            ("reading_at_s", U32),
            ("tariff", U32),
            ("version", U32),
            ("price", U32),
            ("amount_ucu", I64),
            ("total_charged_ucu", I64),
            ("cause", U8),
            ("marks", U8),
        ),
    ),
    (
        HELD,
        "HELD",
        ORDINARY,
        (("account", U32), ("serial", BYTES6), ("why", U8), ("rate", U8), ("register_cwh", U32), ("last_cwh", U32)),
    ),
    (EPISODE, "EPISODE", ORDINARY, (("account", U32), ("episode", U16), ("open", U8), ("available_ucu", I64))),
    (
        NOTICE,
        "NOTICE",
        ORDINARY,
        (
            ("account", U32),
            ("episode", U16),
            ("level", U8),
            ("channel", U8),
            ("outcome", U8),
            ("available_ucu", I64),
            ("restore_ucu", I64),
        ),
    ),
    (
        DECISION,
        "DECISION",
        ORDINARY,  # a restore or a withdrawal is CREDIT_CLASS: class_of looks at the verdict
        (
            ("account", U32),
            ("verdict", U8),
            ("reason", U8),
            ("failed", U32),
            ("available_ucu", I64),
            ("floor_ucu", I64),
            ("register_cwh", U32),
            ("reading_at_s", U32),
            ("policy", U32),
            ("policy_version", U32),
            ("tariff", U32),
            ("tariff_version", U32),
            ("order", U32),
            ("episode", U16),
            ("notice_at_s", U32),
        ),
    ),
    (
        RELAY,
        "RELAY",
        CREDIT_CLASS,
        (("account", U32), ("serial", BYTES6), ("action", U8), ("phase", U8), ("word", U16), ("detail", U8)),
    ),
    (SEEN, "SEEN", CREDIT_CLASS, (("account", U32), ("seen", U8), ("status_word", U16))),
    (
        ORDER,
        "ORDER",
        CREDIT_CLASS,
        (
            ("account", U32),
            ("number", U32),
            ("order", U8),
            ("verdict", U8),
            ("reason", U8),
            ("failed", U32),
            ("credit_number", U32),
            ("expires_at_s", U32),
        ),
    ),
    (DOCUMENT, "DOCUMENT", ORDINARY, (("what", U8), ("id", U32), ("version", U32), ("digest", BYTES8))),
    (FLAGS, "FLAGS", CREDIT_CLASS, (("account", U32), ("flags", U16), ("order", U32))),
    (BRAKE, "BRAKE", BOOKS, (("closed", U8), ("due", U16), ("accounts", U16), ("order", U32))),
    (CLOCK, "CLOCK", ORDINARY, (("before_s", U32), ("after_s", U32), ("source", U8))),
    (READINGS_GAP, "READINGS_GAP", CREDIT_CLASS, (("first", U32), ("last", U32))),
    (EVENT, "EVENT", ORDINARY, (("code", U16), ("account", U32), ("value", I64))),
    (
        ACKED,
        "ACKED",
        BOOKS,
        (("epoch", U32), ("sequence", U32), ("chain", BYTES8), ("countersign", BYTES8), ("readings", U32)),
    ),
    (FAULT, "FAULT", CREDIT_CLASS, (("account", U32), ("fault", U8), ("value", U32))),
    (EXEMPT, "EXEMPT", CREDIT_CLASS, (("account", U32), ("until_s", U32), ("order", U32))),
    (
        VISIT,
        "VISIT",
        CREDIT_CLASS,
        (
            ("account", U32),
            ("episode", U16),
            ("what", U8),
            ("days_left", U16),
            ("lead_days", U16),
            ("available_ucu", I64),
            ("visited_at_s", U32),
            ("order", U32),
        ),
    ),
    (LEVEL, "LEVEL", ORDINARY, (("account", U32), ("episode", U16), ("level", U8), ("available_ucu", I64))),
)

# kind -> layout of its fields, kind -> class; the place in the list is the kind
LAYOUTS = [None] * (len(_TABLE) + 1)
_CLASSES = bytearray(len(_TABLE) + 1)
for _kind, _name, _class, _fields in _TABLE:
    LAYOUTS[_kind] = Layout(_name, _fields)
    _CLASSES[_kind] = _class
del _TABLE, _REGISTERS, _CREDIT  # 100 little tuples that the layouts have taken over

_RESTORING_VERDICTS = (2, 5)


def layout_of(kind):
    """Layout of a known kind, None for another."""
    return LAYOUTS[kind] if 0 < kind < len(LAYOUTS) else None


def class_of(kind, values):
    """Class of space of a record about to be written."""
    if kind == DECISION and values[1] in _RESTORING_VERDICTS:
        return CREDIT_CLASS
    return _CLASSES[kind]
