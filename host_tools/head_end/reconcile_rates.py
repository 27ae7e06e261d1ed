"""The rate registers of a meter against its total register, by the readings that charges were made from (SPEC, kind 10, why 5).

Since a segment began its rates together passed no more than its total. A gateway that charges a reading which says otherwise has
charged for a register that somebody moved. What an operator released or had charged moves where the total is counted from.

Trap avoided: an older firmware wrote nothing down of that when a reading was released: from there on nothing is held against the total.
"""

from collections.abc import Sequence

from host_tools.head_end.segments import Segment
from host_tools.journal_reader import AccountRow, Record
from host_tools.journal_reader.words import energy

SLACK_CWH = 500  # registers are asked for one after the other while a large meter passes energy
RELEASED = 0


class RatesProof:
    """Of the segment that a record began; none without rates."""

    def __init__(self) -> None:
        self.begins: dict[int, int] = {}  # rate -> register
        self.total_cwh = 0  # where the total stood then
        self.is_sure = False

    def begin(self, rates: int, registers: Sequence[int]) -> None:
        """`registers` [total, rate 1 ... 4] of a SEGMENT."""
        self.begins = {rate: registers[rate] for rate in range(1, min(rates, len(registers) - 1) + 1)}
        self.total_cwh, self.is_sure = registers[0], True

    def open(self, row: AccountRow) -> None:
        """The books begin in the middle of a segment."""
        self.begin(row.rates, row.from_cwh)
        self.total_cwh = row.charged_cwh[0]

    def written_off(self, record: Record, reached: int) -> None:
        """HELD 0: of register 0 it says where the total is counted from now on."""
        if not self.begins or record.number("why") != RELEASED:
            return
        if record.number("rate") == 0:
            self.total_cwh, self.is_sure = record.number("register_cwh"), True
        elif record.number("register_cwh") != reached:
            self.is_sure = False

    def charged_again(self) -> None:
        """An operator had a jump charged."""
        self.is_sure = False

    def differs(self, segment: Segment, registers: Sequence[int | None]) -> str | None:
        """What is wrong with a reading that was charged."""
        total = registers[0]
        used = [(register, self.begins[rate]) for rate, register in enumerate(registers) if rate in self.begins and register is not None]
        if total is None or not self.is_sure or len(used) < len(self.begins):
            return None
        passed = sum(segment.passed(begin, register) for register, begin in used) % segment.rollover
        by_total = segment.passed(self.total_cwh, total)
        ahead = segment.off(by_total, passed)
        if ahead <= SLACK_CWH:
            return None
        return f"the rates passed {energy(passed)} since the segment began, the total register {energy(by_total)}: {energy(ahead)} less"

    def row_differs(self, row: AccountRow) -> str | None:
        """What is wrong with a snapshot's row."""
        if not self.begins or row.charged_cwh[0] == self.total_cwh:
            return None
        return f"snapshot counts the total register from {energy(row.charged_cwh[0])}, computed {energy(self.total_cwh)}"
