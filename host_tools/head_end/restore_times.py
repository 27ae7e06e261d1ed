"""How long after a payment the light was back, by the gateways' own records: restores that a payment brought, and what is still awaited.

Two clocks are in it. `way_s` runs from the booking here to the gateway's record of the credit, so it is off by as much as both clocks
differ; `relay_s` runs from that record to the relay read back closed, by the gateway's clock alone. A restore that a person at the
meter has to finish ends with his button, and `relay_s` with the meter that is ready for it.
"""

from dataclasses import dataclass, field
from math import ceil

from host_tools.head_end.commands import known_account
from host_tools.head_end.database import Database
from host_tools.journal_reader import Record, kinds, parse_record

RESTORED = 2  # DECISION verdict
BY_PAYMENT = (2, 5)  # DECISION reason: restore amount reached, credit during cut
RESTORE, VERIFIED, REFUSED, GIVEN_UP = 2, 5, 3, 7  # RELAY action, phases
CUT_DECIDED = 1
CLOSED, ARMED = 1, 3  # SEEN
LIGHT, BUTTON, UNDER_WAY, FAILED, OVERTAKEN = "light", "waits for the button", "under way", "not obeyed", "cut again before"
WITHIN = 0.95
DAY_S = 86_400


@dataclass
class Restore:
    """One restore; seconds are None where a time is not known."""

    account: int
    gateway: str
    at_s: int
    reference: str | None = None
    paid_at_s: int | None = None
    taken_at_s: int | None = None
    way_s: int | None = None
    relay_s: int | None = None
    button_s: int | None = None
    state: str = UNDER_WAY

    @property
    def total_s(self) -> int | None:
        """From the booking here to the light, or to the meter that waits for its button."""
        return None if self.way_s is None or self.relay_s is None else self.way_s + self.relay_s

    def as_row(self) -> dict[str, object]:
        names = ("account", "gateway", "reference", "paid_at_s", "way_s", "relay_s", "button_s")
        return {name: getattr(self, name) for name in names} | {"total_s": self.total_s, "state": self.state}


@dataclass
class _Account:
    """What its records tell so far."""

    restores: list[Restore] = field(default_factory=list)
    paid: Restore | None = None  # the last credit, for the restore that it brings
    open: Restore | None = None
    seen: int = 0

    def take(self, record: Record, made: Restore) -> None:
        """`made` is a restore of this account that would begin with this record."""
        if record.kind == kinds.CREDIT:
            made.taken_at_s = _when(record)
            self.paid = made
        elif record.kind == kinds.DECISION:
            self._decided(record, made)
        elif record.kind == kinds.SEEN:
            self.seen = record.number("seen")
            if self.open is not None and self.open.state == BUTTON and self.seen == CLOSED:
                self.open.button_s = _between(self.open.taken_at_s, _when(record))
                self._end(LIGHT)
        elif record.kind == kinds.RELAY and self.open is not None and record.number("action") == RESTORE:
            self._relay(record, self.open)

    def _decided(self, record: Record, made: Restore) -> None:
        if record.number("verdict") == CUT_DECIDED:
            self.paid = None  # what was paid before it brings no restore
            self._end(OVERTAKEN)
        if record.number("verdict") == RESTORED and record.number("reason") in BY_PAYMENT:
            begun = self.paid or made  # no credit: the policy asks for less now
            begun.at_s, begun.taken_at_s = record.at_s, begun.taken_at_s or _when(record)
            self.paid, self.open = None, begun
            self.restores.append(begun)

    def _relay(self, record: Record, restore: Restore) -> None:
        phase = record.number("phase")
        if phase in (REFUSED, GIVEN_UP):
            restore.state = FAILED
        if phase != VERIFIED or restore.relay_s is not None:
            return
        restore.relay_s = _between(restore.taken_at_s, _when(record))
        if self.seen == ARMED:
            restore.state = BUTTON
        else:
            self._end(LIGHT)

    def _end(self, state: str) -> None:
        if self.open is not None:
            self.open.state, self.open = state, None


def restores(db: Database, account: int | None, days: int, now_s: int) -> list[Restore]:
    """Restores of the last `days`, the oldest first; BadInput for an account that is not known."""
    if account is not None:
        known_account(db, account)
    rows = db.run(
        "SELECT r.account, r.raw, g.name, c.reference, c.at_s AS paid_at_s FROM account_records r JOIN gateways g ON g.id = r.gateway_id"
        " LEFT JOIN credits c ON r.kind = ? AND c.account = r.account AND c.issuer = json_extract(r.fields, '$.issuer')"
        " AND c.number = json_extract(r.fields, '$.number')"
        " WHERE r.kind IN (?, ?, ?, ?) AND (? IS NULL OR r.account = ?) ORDER BY r.account, r.place, r.sequence",
        *(kinds.CREDIT, kinds.CREDIT, kinds.DECISION, kinds.RELAY, kinds.SEEN, account, account),
    )
    told: dict[int, _Account] = {}
    for row in rows:
        record = parse_record(bytes(row["raw"]))
        made = Restore(int(row["account"]), str(row["name"]), record.at_s, row["reference"], row["paid_at_s"])
        made.way_s = _between(made.paid_at_s, _when(record)) if record.kind == kinds.CREDIT else None
        told.setdefault(made.account, _Account()).take(record, made)
    found = [restore for one in told.values() for restore in one.restores if not restore.at_s or restore.at_s >= now_s - days * DAY_S]
    return sorted(found, key=lambda restore: restore.at_s)


def figures(found: list[Restore]) -> list[str]:
    """The answer to "how soon is the light back?" in lines."""
    lit = [restore for restore in found if restore.relay_s is not None]
    lines = [f"{len(found)} restores by payment, {len(lit)} done, {sum(one.state in (UNDER_WAY, FAILED) for one in found)} not yet"]
    for words, values in (
        ("payment booked here to light", [one.total_s for one in lit]),
        ("of it at the gateway", [one.relay_s for one in lit]),
    ):
        known = sorted(value for value in values if value is not None)
        if known:
            middle, most = known[ceil(len(known) / 2) - 1], known[ceil(len(known) * WITHIN) - 1]
            lines.append(f"{words}: half within {middle} s, 95 of 100 within {most} s, the longest {known[-1]} s ({len(known)} known)")
    return lines


def _when(record: Record) -> int | None:
    """None where the gateway did not know the time."""
    return record.at_s if record.quality else None


def _between(begun_s: int | None, ended_s: int | None) -> int | None:
    return ended_s - begun_s if begun_s and ended_s else None
