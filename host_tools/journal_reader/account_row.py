"""The account row (SPEC section 4): one account folded from the journal, in a snapshot or in a state order."""

import struct
from dataclasses import dataclass, field

_CODE = "<IH6sB5I5IIq" + "HIq" * 4 + "HBBIBBIBIBBI"
ROW_SIZE = struct.calcsize(_CODE)  # 146 bytes
_POSITION = "<HHHIq"
LONGER_ROW_SIZE = ROW_SIZE + struct.calcsize(_POSITION)  # 164 bytes
_BOND = "<HI"
BONDED_ROW_SIZE = LONGER_ROW_SIZE + struct.calcsize(_BOND)  # 170 bytes
_LIMIT = "<q"
LONGEST_ROW_SIZE = BONDED_ROW_SIZE + struct.calcsize(_LIMIT)  # 178 bytes

DEBT_ISSUER = 0xFFFF  # the place of what was moved from the balance to a debt: a negative total

FLAG_NAMES = (
    "protected",
    "care",
    "exempt",
    "hold",
    "reading held",
    "ordered on",
    "visited",
    "visit ordered",
    "emergency",
    "emergency repaid",
    "moved out",
    "elsewhere",
    "limited",
)


@dataclass
class AccountRow:
    """Fields as in SPEC 4; `issuers` is a list of (issuer, number, total_ucu), free places left out."""

    account: int
    flags: int = 0
    serial: bytes = bytes(6)
    rates: int = 0
    from_cwh: list[int] = field(default_factory=lambda: [0] * 5)
    charged_cwh: list[int] = field(default_factory=lambda: [0] * 5)
    charged_at_s: int = 0
    total_charged_ucu: int = 0
    issuers: list[tuple[int, int, int]] = field(default_factory=list)
    episode: int = 0
    episode_open: int = 0
    notice_level: int = 0
    notice_at_s: int = 0
    wish: int = 0
    wish_reason: int = 0
    wish_at_s: int = 0
    seen: int = 0
    seen_at_s: int = 0
    alarm: int = 0
    fault: int = 0
    order: int = 0
    # where the account stands in its month and step period; zeros, and left out of the bytes, where no tariff needs it
    day: int = 0
    month_day: int = 0
    period_day: int = 0
    used_cwh: int = 0
    month_ucu: int = 0
    # left out of the bytes where they are usual: the ratio of the transformers before the meter, who moved in behind the account,
    # and its credit limit
    ratio: int = 1
    next_account: int = 0
    limit_ucu: int = 0

    @property
    def position(self) -> tuple[int, int, int, int, int]:
        return (self.day, self.month_day, self.period_day, self.used_cwh, self.month_ucu)

    @property
    def balance_ucu(self) -> int:
        return sum(total for _, _, total in self.issuers) - self.total_charged_ucu


def parse_row(data: bytes) -> AccountRow:
    """Row from exactly as many bytes as one of its forms has; struct.error otherwise."""
    position = struct.unpack(_POSITION, data[ROW_SIZE:LONGER_ROW_SIZE]) if len(data) > ROW_SIZE else (0,) * 5
    bond = struct.unpack(_BOND, data[LONGER_ROW_SIZE:BONDED_ROW_SIZE]) if len(data) > LONGER_ROW_SIZE else (1, 0)
    limit = struct.unpack(_LIMIT, data[BONDED_ROW_SIZE:]) if len(data) > BONDED_ROW_SIZE else (0,)
    flat = struct.unpack(_CODE, data[:ROW_SIZE])
    head, issuers, tail = flat[:16], flat[16:28], flat[28:]
    places = [(issuers[i], issuers[i + 1], issuers[i + 2]) for i in range(0, 12, 3)]
    return AccountRow(
        head[0],
        head[1],
        head[2],
        head[3],
        list(head[4:9]),
        list(head[9:14]),
        head[14],
        head[15],
        [place for place in places if place[0]],
        *tail,
        *position,
        *bond,
        *limit,
    )


def pack_row(row: AccountRow) -> bytes:
    """ROW_SIZE bytes, more with a position or a bond; struct.error for a value out of range, ValueError for more than 4 issuers."""
    if len(row.issuers) > 4:
        raise ValueError("an account row has room for 4 issuers, got " + str(len(row.issuers)))
    places: list[int] = []
    for place in row.issuers + [(0, 0, 0)] * (4 - len(row.issuers)):
        places.extend(place)
    position = struct.pack(_POSITION, *row.position)
    if (row.ratio, row.next_account, row.limit_ucu) != (1, 0, 0):
        limit = struct.pack(_LIMIT, row.limit_ucu) if row.limit_ucu else b""
        return _packed(row, places) + position + struct.pack(_BOND, row.ratio, row.next_account) + limit
    return _packed(row, places) + (position if any(row.position) else b"")


def pack_whole_row(row: AccountRow) -> bytes:
    """BONDED_ROW_SIZE bytes, with position and bond also where they are usual, more with a credit limit: as a record CARRIED has it."""
    data = pack_row(row)
    if len(data) >= BONDED_ROW_SIZE:
        return data
    return data + bytes(LONGER_ROW_SIZE - len(data)) + struct.pack(_BOND, 1, 0)


def _packed(row: AccountRow, places: list[int]) -> bytes:
    """What every row has."""
    return struct.pack(
        _CODE,
        row.account,
        row.flags,
        row.serial,
        row.rates,
        *row.from_cwh,
        *row.charged_cwh,
        row.charged_at_s,
        row.total_charged_ucu,
        *places,
        row.episode,
        row.episode_open,
        row.notice_level,
        row.notice_at_s,
        row.wish,
        row.wish_reason,
        row.wish_at_s,
        row.seen,
        row.seen_at_s,
        row.alarm,
        row.fault,
        row.order,
    )
