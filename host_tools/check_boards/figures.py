"""What a board's flash means: days offline and years of wear, computed from its wiring and the firmware's own layouts.

Traffic after design section 4, "Sizes": each account is read every 15 minutes, and 200 accounts write 10 to 60 KB of money
records a day; other boards have their share of that. Each reading and each money record is counted as a step of its own,
padded to the program unit: at one reading every few seconds that is what happens.

Offline means that the head-end acknowledges nothing, so no block of money records may be reused, and a snapshot frees none.
Wear counts the whole ring, for the writer goes round and round it.
"""

from __future__ import annotations

from dataclasses import dataclass

from firmware.base.limits import Limits
from firmware.ledger import record_kinds as kinds
from firmware.ledger.block import HEADER_SIZE, align
from firmware.ledger.reading_entry import ENTRY_SIZE
from firmware.ledger.record import LENGTH_MAX, size_of
from host_tools.check_boards.folder import Folder

READINGS_PER_ACCOUNT_DAY = 24 * 4
MONEY_BYTES_DAY = (10_000, 60_000)  # of 200 accounts: a quiet site, a busy one
MONEY_ACCOUNTS = 200
DAYS_PER_YEAR = 365


@dataclass(frozen=True)
class Figures:
    """`money_days` at the busy and the quiet end; `wear_years` of the part that wears first, None where nothing is rated."""

    readings_bytes_day: int
    money_bytes_day: tuple[int, int]
    readings_days: float
    money_days: tuple[float, float]
    readings_erases_day: float
    money_erases_day: float
    wear_years: float | None


def figures(folder: Folder) -> Figures:
    """Of a board whose wiring has no faults."""
    wiring = folder.wiring
    accounts, erase, unit = wiring["ACCOUNTS_MAX"], wiring["ERASE_SIZE"], wiring["PROGRAM_UNIT"]
    sizes = {part: size for part, (_, size) in folder.parts().items()}
    journal_blocks, readings_blocks = sizes["journal"] // erase, sizes["readings"] // erase
    usable = erase - align(HEADER_SIZE, unit)

    per_block = usable // align(ENTRY_SIZE, unit)
    readings_day = accounts * READINGS_PER_ACCOUNT_DAY
    readings_erases = readings_day / per_block

    record = size_of(kinds.CHARGE)
    padded = align(record, unit)
    money = [bytes_day * accounts / MONEY_ACCOUNTS / record * padded for bytes_day in MONEY_BYTES_DAY]
    snapshot, every = snapshot_blocks(accounts, erase, unit), snapshot_every(journal_blocks, accounts, erase, unit)
    share = every / (every + snapshot)  # of the blocks that records get; the rest are snapshots
    records_blocks = (journal_blocks - ordinary_reserve(accounts, erase, unit)) * share
    quiet, busy = (records_blocks * usable / bytes_day for bytes_day in money)
    money_erases = money[1] / usable / share
    return Figures(
        readings_bytes_day=readings_day * align(ENTRY_SIZE, unit),
        money_bytes_day=(int(money[0]), int(money[1])),
        readings_days=(readings_blocks - 1) * per_block / readings_day,
        money_days=(busy, quiet),
        readings_erases_day=readings_erases,
        money_erases_day=money_erases,
        wear_years=_wear_years(wiring["FLASH_CYCLES"], (journal_blocks, money_erases), (readings_blocks, readings_erases)),
    )


def _wear_years(cycles: int, *rings: tuple[int, float]) -> float | None:
    """Rated erases of a block x blocks / erases a day, of the ring (blocks, erases a day) that ends first."""
    if not cycles:
        return None
    return min(cycles * blocks / erases_day / DAYS_PER_YEAR for blocks, erases_day in rings)


def snapshot_blocks(accounts: int, erase: int, unit: int) -> int:
    """Erase blocks that a snapshot takes at most; as Ledger._snapshot_blocks counts them."""
    row = size_of(kinds.SNAPSHOT_ROW) + unit // Limits.snapshot_rows_per_tick + 1
    return (accounts + 2) * row // (erase - align(HEADER_SIZE, unit) - LENGTH_MAX) + 2


def ordinary_reserve(accounts: int, erase: int, unit: int) -> int:
    """Free blocks below which no charge is journalled (reserve 1)."""
    return snapshot_blocks(accounts, erase, unit) + 1 + Limits.journal_credit_reserve_blocks


def snapshot_every(blocks: int, accounts: int, erase: int, unit: int) -> int:
    """Blocks of records between two snapshots."""
    room = snapshot_blocks(accounts, erase, unit)
    every = (blocks - ordinary_reserve(accounts, erase, unit) - 2 * room) // 2
    return max(room, min(every, Limits.journal_snapshot_blocks))


def journal_blocks_least(accounts: int, erase: int, unit: int) -> int:
    """Blocks below which the firmware refuses the journal for so many accounts."""
    return 2 * snapshot_blocks(accounts, erase, unit) + Limits.journal_credit_reserve_blocks + 3
