"""One account as the judges have it, and one tariff version."""

from __future__ import annotations

from dataclasses import dataclass, field

from host_tools.journal_reader import DEBT_ISSUER, Record
from tests.sim.place import Place
from tests.sim.rich import Rich

ROLLOVER = 100_000_000
CUT, RESTORE, WITHDRAWN = 1, 2, 5
UNBOUND = bytes(6)
REFUSED_FULL, REFUSED_ELSEWHERE = 4, 6
DELIVERED = 2
MOVED_OUT, ELSEWHERE = 1 << 10, 1 << 11  # flags
ROW_FLAGS = 0x2F | MOVED_OUT | ELSEWHERE  # of those that every record of them tells


def notice_counts(record: Record) -> bool:
    """It arrived, on a channel that counts."""
    return record.number("level") > 0 and record.number("outcome") == DELIVERED


@dataclass
class Account:
    """One account as its records say."""

    serial: bytes = UNBOUND
    rates: int = 0
    bound_cwh: list[int] = field(default_factory=lambda: [0] * 5)
    charged_cwh: list[int] = field(default_factory=lambda: [0] * 5)
    energy_cwh: int = 0  # charged in all
    written_off_cwh: int = 0
    held: bool = False
    charged_ucu: int = 0
    charged_at_s: int = 0
    credits: dict[int, tuple[int, int]] = field(default_factory=dict)  # issuer -> (number, total)
    flags: int = 0
    limit_ucu: int = 0  # credit limit
    debt: tuple[int, int, int] | None = None  # owed in all, percent, most of a credit; none when it is paid off
    paid: list[int] = field(default_factory=list)  # credits to a debtor that no RECOVERY looked at yet
    ratio: int = 1  # of the transformers before its meter
    next_account: int = 0  # who moved in behind it
    off: bool = False
    limited: bool = False  # off by the load limit of its meter
    cut_order: int = 0
    cut_policy: int = 0  # the version by which it was decided
    episode: int = 0
    episode_open: bool = False
    notices_ms: dict[int, int] = field(default_factory=dict)  # level -> true time at which its notice arrived
    notice_given: int = 0  # sequence of the notice that the head-end was given
    order: int = 0
    wish_ms: int = 0
    place: Place = field(default_factory=Place)
    line: tuple[int, int, int] = (0, 0, 0)  # sequence, reading and beginning of the last line of energy

    @property
    def balance_ucu(self) -> int:
        return sum(total for _, total in self.credits.values()) - self.charged_ucu

    @property
    def billed(self) -> range:
        return range(1, self.rates + 1) if self.rates else range(1)

    @property
    def moved_ucu(self) -> int:
        """From the balance to the debt."""
        return -self.credits.get(DEBT_ISSUER, (0, 0))[1]

    @property
    def left_ucu(self) -> int:
        """Of the debt."""
        return 0 if self.debt is None else max(0, self.debt[0] - self.moved_ucu)

    @property
    def lives_here(self) -> bool:
        """It is neither closed nor another gateway's."""
        return not self.flags & (MOVED_OUT | ELSEWHERE)


@dataclass
class Version:
    """One tariff version, and what its document says."""

    effective_day: int
    rich: Rich
