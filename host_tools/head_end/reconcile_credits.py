"""The credits of an account once more: what was issued here, by our own addition, against what the gateway's records say."""

import sqlite3
from collections.abc import Callable

from host_tools.head_end.database import Database
from host_tools.head_end.reconcile_result import Result
from host_tools.journal_reader import DEBT_ISSUER, Record
from host_tools.journal_reader.words import CREDIT_REFUSED, money, word

Place = tuple[int, int]  # (number, total) of one issuer


class Credits:
    def __init__(self, db: Database, result: Result, name: Callable[[Record | None, str], None]) -> None:
        self.db = db
        self.result = result
        self.name = name
        self.opening: dict[int, Place] = {}  # issuer -> where its credits stood before these books begin
        self.known: dict[tuple[int, int], tuple[int, int]] = {}  # (issuer, number) -> (amount, running sum of amounts)
        self.took: dict[int, Place] = {}  # issuer -> where its credits stand by the gateway's records

    def open(self, opening: dict[int, Place]) -> Place:
        """The books begin with these credits; the place of the debt's own issuer, which is none of ours."""
        self.opening, self.took = dict(opening), dict(opening)
        return self.opening.pop(DEBT_ISSUER, (0, 0))

    def read(self) -> None:
        """Our own addition of the amounts, not the stored totals."""
        sums: dict[int, int] = {}
        behind: set[int] = set()
        applied = {
            int(row["issuer"]): int(row["number"])
            for row in self.db.rows(
                "SELECT issuer, max(number) AS number FROM credits WHERE account = ? AND receipt = 'applied' GROUP BY issuer",
                self.result.account,
            )
        }
        for row in self.db.rows("SELECT * FROM credits WHERE account = ? ORDER BY issuer, number", self.result.account):
            issuer = int(row["issuer"])
            opened = self.opening.get(issuer)
            if opened is not None and int(row["number"]) > opened[0] and issuer not in behind:
                sums[issuer] = opened[1]
                behind.add(issuer)
            sums[issuer] = sums.get(issuer, 0) + int(row["amount_ucu"])
            self.known[(issuer, int(row["number"]))] = (int(row["amount_ucu"]), sums[issuer])
            if sums[issuer] != row["total_ucu"]:
                self.name(
                    None,
                    f"credit {row['number']} of issuer {issuer} has total {money(row['total_ucu'])} in the "
                    f"table, its amounts add up to {money(sums[issuer])}",
                )
            self._receipt(row, applied.get(issuer, 0))

    def _receipt(self, row: sqlite3.Row, applied: int) -> None:
        """A payment that is open, or refused and in no later total, is money that the customer does not have yet."""
        if row["receipt"] == "applied":
            return
        name = f"credit {row['number']} of issuer {row['issuer']}"
        if int(row["number"]) < applied:
            self.name(None, f"{name} is {row['receipt']} here, although the later credit {applied} contains it")
        elif row["receipt"] == "pending":
            self.result.pending_ucu += int(row["amount_ucu"])
        else:
            why = word(CREDIT_REFUSED, row["receipt_reason"] or 0)
            self.name(None, f"{name} over {money(row['amount_ucu'])}, reference {row['reference']}, was refused by the gateway: {why}")

    def take(self, record: Record) -> None:
        place = (record.number("issuer"), record.number("number"))
        told = (record.number("amount_ucu"), record.number("total_ucu"))
        ours = self.known.get(place)
        before = self.took.get(place[0], (0, 0))[0]
        if place[1] > before:
            self.took[place[0]] = (place[1], told[1])
        elif place[1] == before:
            self.name(record, f"credit {place[1]} of issuer {place[0]} comes again")
        if ours is None:
            self.name(record, f"credit {place[1]} of issuer {place[0]} over {money(told[0])} was not issued here")
        elif ours != told:
            self.name(
                record,
                f"credit {place[1]} of issuer {place[0]}: gateway has {money(told[0])} total {money(told[1])}, "
                f"issued were {money(ours[0])} total {money(ours[1])}",
            )

    def compare(self, theirs: dict[int, int]) -> None:
        """Issuer by issuer: the gateway's total against what is receipted here."""
        issuers = {place[0] for place in self.known} | set(theirs) | set(self.opening)
        for issuer in sorted(issuers - {DEBT_ISSUER}):
            applied = self.db.number(
                "SELECT max(number) FROM credits WHERE account = ? AND issuer = ? AND receipt = 'applied'",
                self.result.account,
                issuer,
            )
            opened = self.opening.get(issuer, (0, 0))
            ours = self.known[(issuer, applied)][1] if applied > opened[0] else opened[1]
            told = theirs.get(issuer, 0)
            self.result.credits_ucu += ours
            if ours != told:
                self.name(None, f"credits of issuer {issuer}: gateway has {money(told)}, receipted here are {money(ours)}")

    def snapshot(self, record: Record, took: dict[int, Place], given: bool) -> None:
        """A snapshot repeats the records before it; a signed state brings the credits of our own table."""
        expected = self.took
        if given:
            expected = {issuer: (number, self.known.get((issuer, number), (0, 0))[1]) for issuer, (number, _) in took.items()}
            expected.update({issuer: place for issuer, place in self.took.items() if issuer == DEBT_ISSUER})
        if took != expected:
            theirs, ours = (sum(total_ucu for _, total_ucu in places.values()) for places in (took, expected))
            self.name(record, f"snapshot has {money(theirs)} of credits, computed {money(ours)}")
        self.took = took
