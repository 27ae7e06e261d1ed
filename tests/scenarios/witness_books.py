"""What the records add up to, by a fold of its own from sequence 1 on: snapshots are not believed, they are checked.

Credits must be those that were issued, each booked once, totals by addition alone; a charge must begin where the one
before ended, at the price of its tariff version; an order has one verdict.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from host_tools.journal_reader import DEBT_ISSUER, Record, kinds, parse_row

ROLLOVER = 100_000_000
_VERDICTS = ("", "cut", "restore", "not permitted", "delayed", "withdrawn")


@dataclass
class Account:
    """One account as its records say."""

    bound_at_cwh: int | None = None
    charged_to_cwh: int = 0
    charged_cwh: int = 0
    charged_ucu: int = 0
    owed_ucu: int = 0
    looked_at: dict[int, int] = field(default_factory=dict)  # issuer -> last credit of which a share went to the debt
    credits: dict[int, tuple[int, int]] = field(default_factory=dict)  # issuer -> (number, total)

    @property
    def balance_ucu(self) -> int:
        return sum(total for _, total in self.credits.values()) - self.charged_ucu


@dataclass
class Books:
    """`issued` grows while the story goes on: (account, issuer, number) -> amount. `prices`: tariff version -> price."""

    issued: dict[tuple[int, int, int], int] = field(default_factory=dict)
    prices: dict[int, int] = field(default_factory=dict)
    accounts: dict[int, Account] = field(default_factory=dict)
    newest_credit: dict[tuple[int, int], int] = field(default_factory=dict)
    newest_order: dict[int, int] = field(default_factory=dict)
    snapshots: int = 0
    counts: dict[str, int] = field(default_factory=dict)  # records by name, decisions by verdict besides
    _next: int = 1
    _waiting: dict[int, Record] = field(default_factory=dict)

    def fold(self, news: Iterable[Record]) -> Iterator[str]:
        """Records not seen before -> sentences of what is wrong with them. Folded strictly in order, gaps waited for."""
        self._waiting.update((record.sequence, record) for record in news)
        while self._next in self._waiting:
            record = self._waiting.pop(self._next)
            self._next += 1
            self.counts[record.name] = self.counts.get(record.name, 0) + 1
            for sentence in self._one(record):
                yield f"sequence {record.sequence}: {sentence}"

    def sum_of_amounts(self, account: int, issuer: int, number: int) -> int:
        return sum(self.issued[account, issuer, one] for one in range(1, number + 1))

    def _one(self, record: Record) -> Iterator[str]:
        if record.kind == kinds.SEGMENT:
            registers = record.fields["from_cwh"]
            assert isinstance(registers, list)
            if record.octets("serial") != bytes(6):
                account = self._account(record)
                if account.bound_at_cwh is not None:
                    yield "its meter is bound a second time"
                account.bound_at_cwh = account.charged_to_cwh = registers[0]
        elif record.kind == kinds.CREDIT:
            yield from self._credit(record)
        elif record.kind in (kinds.DEBT, kinds.RECOVERY):
            yield from self._debt(record)
        elif record.kind == kinds.CREDIT_REFUSED:
            yield "a credit that was issued by right is refused"
        elif record.kind == kinds.CHARGE:
            yield from self._charge(record)
        elif record.kind == kinds.ORDER and record.account:
            if record.number("number") <= self.newest_order.get(record.account, 0):
                yield f"order {record.number('number')} has a second verdict"
            self.newest_order[record.account] = record.number("number")
        elif record.kind == kinds.DECISION:
            name = _VERDICTS[record.number("verdict")]
            self.counts[name] = self.counts.get(name, 0) + 1
        elif record.kind in (kinds.SNAPSHOT_ROW, kinds.SNAPSHOT_END):
            yield from self._snapshot(record)

    def _account(self, record: Record) -> Account:
        assert record.account is not None
        return self.accounts.setdefault(record.account, Account())

    def _credit(self, record: Record) -> Iterator[str]:
        account, issuer, number = record.number("account"), record.number("issuer"), record.number("number")
        name = f"credit {number} of issuer {issuer} for account {account}"
        if number <= self.newest_credit.get((account, issuer), 0):
            yield name + " is booked again"
        if self.issued.get((account, issuer, number)) != record.number("amount_ucu"):
            yield name + " was not issued so"
        elif self.sum_of_amounts(account, issuer, number) != record.number("total_ucu"):
            yield name + " bears another total than its amounts add up to"
        self.newest_credit[account, issuer] = number
        self._account(record).credits[issuer] = (number, record.number("total_ucu"))

    def _debt(self, record: Record) -> Iterator[str]:
        """Balance and debt: what one has less, the other has less; once for each credit."""
        account = self._account(record)
        if record.kind == kinds.DEBT:
            account.owed_ucu = record.number("owed_ucu")
            account.credits.setdefault(DEBT_ISSUER, (0, 0))
            return
        move, below_ucu = account.credits.get(DEBT_ISSUER, (0, 0))
        credit, amount = (record.number("issuer"), record.number("number")), record.number("amount_ucu")
        if record.number("move") != move + 1 or credit[1] <= account.looked_at.get(credit[0], 0):
            yield f"move {record.number('move')} to the debt, of credit {credit}, follows move {move}; looked at was {account.looked_at}"
        if self.newest_credit.get((record.number("account"), credit[0]), 0) < credit[1]:
            yield f"a share of credit {credit} went to the debt, which is not booked"
        below_ucu -= amount
        if amount < 0 or (record.number("moved_ucu"), record.number("left_ucu")) != (-below_ucu, account.owed_ucu + below_ucu):
            yield f"{amount} moved to a debt of {account.owed_ucu}, of which {-below_ucu} is paid: {record.fields}"
        account.looked_at[credit[0]], account.credits[DEBT_ISSUER] = credit[1], (move + 1, below_ucu)

    def _charge(self, record: Record) -> Iterator[str]:
        account = self._account(record)
        start, end = record.number("from_cwh"), record.number("to_cwh")
        span = (end - start) % ROLLOVER
        if start != account.charged_to_cwh:
            yield f"charges from {start}, the charge before ended at {account.charged_to_cwh}"
        amount = span * self.prices.get(record.number("version"), -1)
        account.charged_to_cwh = end
        account.charged_cwh += span
        account.charged_ucu += amount
        if (record.number("amount_ucu"), record.number("total_charged_ucu")) != (amount, account.charged_ucu):
            yield f"charges {record.number('amount_ucu')} of {record.number('total_charged_ucu')}, not {amount} of {account.charged_ucu}"

    def _snapshot(self, record: Record) -> Iterator[str]:
        if record.kind == kinds.SNAPSHOT_END:
            self.snapshots += 1
            return
        row = parse_row(record.octets("row"))
        if not row.account:
            return
        ours = self.accounts.get(row.account, Account())
        places = {issuer: (number, total) for issuer, number, total in row.issuers}
        if (places, row.total_charged_ucu, row.charged_cwh[0]) != (ours.credits, ours.charged_ucu, ours.charged_to_cwh):
            yield f"the snapshot of account {row.account} is not what its records add up to"
        if row.order != self.newest_order.get(row.account, 0):
            yield f"the snapshot of account {row.account} knows another order number"
