"""Layout of one account row (SPEC 4): the packed table in memory, the snapshot on flash and the state from the head-end.

One layout for all three, so a snapshot row is the row and nothing is translated. Field names carry an index where SPEC has
an array, because `base/records` knows flat fields only. What few accounts have stands behind the row: its position
(positions.py), and behind that the bond: the ratio where energy is not the register's difference alone, who came next, and at the end,
where there is one, the credit limit.
"""

from firmware.base.port import const
from firmware.base.records import Layout

DEBT_ISSUER = const(0xFFFF)  # its place has what was moved from the balance to a debt, as a negative total
REGISTERS = const(5)  # total, rate 1 ... 4
ISSUERS = const(4)

FLAG_PROTECTED = const(1)
FLAG_CARE = const(2)
FLAG_EXEMPT = const(4)
FLAG_HOLD = const(8)
FLAG_READING_HELD = const(16)
FLAG_VISITED = const(64)
FLAG_VISIT_ORDERED = const(128)
FLAG_EMERGENCY = const(256)
FLAG_EMERGENCY_OVER = const(512)
FLAG_MOVED_OUT = const(1024)
FLAG_ELSEWHERE = const(2048)  # the account lives at another gateway: nothing is charged, cut or restored here
FLAG_LIMITED = const(4096)  # the wish OFF is by the meter's load limit, its relay stays closed


ROW = Layout(
    "account row: account flags serial rates from_0 from_1 from_2 from_3 from_4 charged_0 charged_1 charged_2 charged_3 charged_4 "
    "charged_at_s total_charged_ucu issuer_0 number_0 total_0 issuer_1 number_1 total_1 issuer_2 number_2 total_2 "
    "issuer_3 number_3 total_3 episode episode_open notice_level notice_at_s wish wish_reason wish_at_s seen seen_at_s "
    "alarm fault order",
    b"<IH6sBIIIIIIIIIIIqHIqHIqHIqHIqHBBIBBIBIBBI",
)
ROW_SIZE = const(146)
POSITION_SIZE = const(18)
BOND = Layout("bond: ratio next_account limit_ucu", b"<HIq")
SHORT_BOND_SIZE = const(6)  # without a credit limit
BONDED_ROW_SIZE = const(170)
LONGEST_ROW_SIZE = const(178)
