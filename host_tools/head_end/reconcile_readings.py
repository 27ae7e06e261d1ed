"""What charges say of registers, against the readings that are held here.

Trap avoided: the register of a midnight is the meter's own freeze, by the meter's own clock: readings of ours around that time may
lie on its other side.
"""

from host_tools.head_end.database import Database
from host_tools.head_end.reconcile_charges import MORE_FOLLOWS
from host_tools.head_end.segments import Segment
from host_tools.journal_reader import Record, kinds
from host_tools.journal_reader.words import energy

FREEZE_CLOCK_S = 900  # a register frozen at the meter's own midnight may be so far from a reading of ours of that time
COLUMNS = ("total_cwh", "rate1_cwh", "rate2_cwh", "rate3_cwh", "rate4_cwh")


class Readings:
    """Believed readings of one account."""

    def __init__(self, db: Database, account: int, gateway_id: int) -> None:
        self.db = db
        self.whose = (account, gateway_id)
        self.gateway_id = gateway_id

    def look_up(self, record: Record, segment: Segment, rate: int, end: int, frozen: bool) -> tuple[int, list[str]]:
        """(1 when a reading shows the register charged up to, differences): it must lie between the readings around it, and equal
        the one of its instant."""
        at_s, column = record.number("reading_at_s"), COLUMNS[rate]
        if not at_s:
            return 0, []
        if "day" in record.fields and record.number("marks") & MORE_FOLLOWS:  # a line of the way there: where a step or a band ended
            return 0, self._look_behind(at_s - 1, end, segment, column)
        if frozen:
            return 0, self._look_around(at_s, end, segment, column, FREEZE_CLOCK_S)
        same = self.db.rows(f"SELECT {column} {_where(column)} AND at_s = ?", *self.whose, at_s)
        if any(int(row[0]) == end for row in same):
            return 1, []
        if same and not record.number("marks") & 1 and not self._restarted(at_s):
            return 0, [f"charged up to {energy(end)}, the reading of that instant says {energy(int(same[0][0]))}"]
        return 0, self._look_around(at_s, end, segment, column, 0)

    def shown(self, record: Record, rate: int, end: int) -> list[int | None] | None:
        """All registers of the reading from which this charge was made, where it is held here."""
        found = self.db.row(
            f"SELECT {', '.join(COLUMNS)} {_where(COLUMNS[rate])} AND at_s = ? AND {COLUMNS[rate]} = ? LIMIT 1",
            *self.whose,
            record.number("reading_at_s"),
            end,
        )
        return None if found is None else list(found)

    def _look_around(self, at_s: int, end: int, segment: Segment, column: str, margin_s: int) -> list[str]:
        """No reading more than `margin_s` before the charge lies behind it, none so long after it before it."""
        found, where = [], _where(column)
        before = self.db.row(
            f"SELECT {column} {where} AND at_s < ? AND at_s >= ? ORDER BY at_s DESC LIMIT 1", *self.whose, at_s - margin_s, segment.since_s
        )
        if before is not None and segment.goes_back(int(before[0]), end):
            found.append(f"charged up to {energy(end)}, an earlier reading says {energy(int(before[0]))}")
        return found + self._look_behind(at_s + margin_s, end, segment, column)

    def _look_behind(self, at_s: int, end: int, segment: Segment, column: str) -> list[str]:
        after = self.db.row(f"SELECT at_s, {column} {_where(column)} AND at_s > ? ORDER BY at_s LIMIT 1", *self.whose, at_s)
        if after is not None and segment.until_s is not None and int(after[0]) >= segment.until_s:
            return []  # of the meter that came behind it
        if after is not None and segment.goes_back(end, int(after[1])):
            return [f"charged up to {energy(end)}, a later reading says {energy(int(after[1]))}"]
        return []

    def _restarted(self, at_s: int) -> bool:
        """A restart lies in this second: a reading before it and one behind it may bear the same time, and one of them be lost."""
        found = self.db.row("SELECT 1 FROM records WHERE gateway_id = ? AND kind = ? AND at_s = ?", self.gateway_id, kinds.BOOT, at_s)
        return found is not None

    def look_beyond(self, segment: Segment, shown: dict[str, object], since_s: int) -> None:
        """What the newest reading shows beyond the last charge is not charged yet; `shown` as of Segment.as_json."""
        registers = shown["registers"]
        assert isinstance(registers, dict)
        for rate, reached in segment.reached.items():
            sql = f"SELECT {COLUMNS[rate]} {_where(COLUMNS[rate])} AND at_s >= ? ORDER BY at_s DESC, number DESC LIMIT 1"
            newest = self.db.row(sql, *self.whose, since_s)
            if newest is not None and not segment.goes_back(reached, int(newest[0])):
                uncharged_cwh = segment.passed(reached, int(newest[0])) * segment.ratio
                registers[str(rate)] |= {"to_cwh": int(newest[0]), "uncharged_cwh": uncharged_cwh}


def _where(column: str) -> str:
    return f"FROM readings WHERE account = ? AND gateway_id = ? AND marks & 1 = 0 AND {column} IS NOT NULL"
