"""Layout of one account row (SPEC 4): the packed table in memory, the snapshot on flash and the state from the head-end.

One layout for all three, so a snapshot row is the row and nothing is translated. Field names carry an index where SPEC has
an array, because `base/records` knows flat fields only.
"""

from firmware.base.port import const
from firmware.base.records import BYTES6, I64, U8, U16, U32, Layout

REGISTERS = const(5)  # total, rate 1 ... 4
ISSUERS = const(4)

FLAG_PROTECTED = const(1)
FLAG_CARE = const(2)
FLAG_EXEMPT = const(4)
FLAG_HOLD = const(8)
FLAG_READING_HELD = const(16)
FLAG_VISITED = const(64)
FLAG_VISIT_ORDERED = const(128)


def _indexed(name, count, kind):
    return tuple((name + str(index), kind) for index in range(count))


def _issuers():
    fields = ()
    for place in range(ISSUERS):
        mark = str(place)
        fields += (("issuer_" + mark, U16), ("number_" + mark, U32), ("total_" + mark, I64))
    return fields


ROW = Layout(
    "account row",
    (("account", U32), ("flags", U16), ("serial", BYTES6), ("rates", U8))
    + _indexed("from_", REGISTERS, U32)
    + _indexed("charged_", REGISTERS, U32)
    + (("charged_at_s", U32), ("total_charged_ucu", I64))
    + _issuers()
    + (
        ("episode", U16),
        ("episode_open", U8),
        ("notice_level", U8),
        ("notice_at_s", U32),
        ("wish", U8),
        ("wish_reason", U8),
        ("wish_at_s", U32),
        ("seen", U8),
        ("seen_at_s", U32),
        ("alarm", U8),
        ("fault", U8),
        ("order", U32),
    ),
)
ROW_SIZE = ROW.size
