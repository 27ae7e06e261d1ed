"""What the durable records add up to, by a fold of its own (a second one beside tests/scenarios/witness_books.py: rates, epochs, flags).

Records come in the order in which they became durable. Credits must be those that were issued, booked once, totals by addition
alone; a charge begins where the one before ended and costs what its tariff says; a snapshot must say what the fold says.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from host_tools.journal_reader import DEBT_ISSUER, AccountRow, Record, chain_after, kinds, parse_row
from tests.sim import lifeline, pots
from tests.sim.account import (
    CUT,
    ELSEWHERE,
    MOVED_OUT,
    REFUSED_ELSEWHERE,
    REFUSED_FULL,
    RESTORE,
    ROLLOVER,
    UNBOUND,
    WITHDRAWN,
    Account,
    Version,
    notice_counts,
)  # fmt: skip
from tests.sim.moving import CARRIES, NOT_ELSEWHERE, Truth, adds_up, carried, differs, moved
from tests.sim.place import FIXED_FEE, MINIMUM, MORE_FOLLOWS


@dataclass
class Books:
    """`issued` and `tariffs` grow with the story: (account, issuer, number) -> amount; (tariff, version) -> Version."""

    issued: dict[tuple[int, int, int], int] = field(default_factory=dict)
    tariffs: dict[tuple[int, int], Version] = field(default_factory=dict)
    accounts: dict[int, Account] = field(default_factory=dict)
    history: dict[int, bytes] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    sequence: int = 0
    chain: bytes = bytes(8)
    epoch: int = 0
    brake: bool = False
    policy_version: int = 1
    newest_credit: dict[tuple[int, int], int] = field(default_factory=dict)
    orders: dict[tuple[int, int], Record] = field(default_factory=dict)
    refused: set[tuple[int, int, int]] = field(default_factory=set)  # credits: account, issuer, number
    documents: set[tuple[int, int, int]] = field(default_factory=set)
    acked: int = 0
    snapshot: int = 0  # where the last whole one begins
    begun: int = 0
    given_at: int = 0  # the last EPOCH that the head-end gave
    state_of: Callable[[], Books] | None = None  # what the head-end's records add up to
    in_state: bool = False
    closed: set[bytes] = field(default_factory=set)  # meters that were exchanged: what no tariff serves of them is written off
    released: set[int] = field(default_factory=set)  # accounts of which an operator let a held register go
    truth: Truth = field(default_factory=Truth)
    offset_s: int = 0
    suspected: dict[tuple[int, ...], int] = field(default_factory=dict)  # what SUSPECT and THROUGH said last

    def account(self, number: int) -> Account:
        return self.accounts.setdefault(number, Account())

    def fold(self, record: Record, now_ms: int) -> Iterator[str]:
        """One more durable record -> sentences of what is wrong with it."""
        given = record.kind == kinds.EPOCH and record.number("reason") == 2
        if record.sequence != self.sequence + 1 and not (given and record.sequence > self.sequence):
            yield f"sequence {record.sequence} follows {self.sequence}"
        if record.kind == kinds.EPOCH:
            if record.number("epoch") <= self.epoch:
                yield f"epoch {record.number('epoch')} follows {self.epoch}"
            self.epoch = record.number("epoch")
        if given and self.state_of is not None:
            self._take_state(record, self.state_of(), now_ms)
        if chain_after(record, self.chain, self.epoch) != record.chain:
            yield f"the chain does not continue at sequence {record.sequence}"
        self.sequence, self.chain = record.sequence, record.chain
        self.history[record.sequence] = record.raw
        self.counts["written again" if self._is_again(record) else record.name] += 1
        if record.kind in NOT_ELSEWHERE and self.account(record.number("account")).flags & ELSEWHERE:
            yield f"sequence {record.sequence}: {record.name} of account {record.account}, which lives at another gateway"
        act = _FOLDS.get(record.kind)
        if act is not None:
            for sentence in act(self, record, now_ms):
                yield f"sequence {record.sequence}: {sentence}"

    def _is_again(self, record: Record) -> bool:
        """What is kept behind a snapshot because its rows do not tell it - debts, ends of exemptions, suspicions: no news."""
        if record.kind in (kinds.DEBT, kinds.EXEMPT):
            return not record.number("order")
        if record.kind not in (kinds.SUSPECT, kinds.THROUGH):
            return False
        suspect = record.kind == kinds.SUSPECT
        key = (0 if suspect else record.number("account"), *(record.number(name) for name in ("what", "id", "version")))
        said = record.number("state" if suspect else "counted")
        again = self.suspected.get(key) == said
        self.suspected[key] = said
        return again

    def _take_state(self, record: Record, theirs: Books, now_ms: int) -> None:
        """From here on the accounts are those of the head-end's records."""
        self.accounts, self.newest_credit, self.orders = theirs.accounts, theirs.newest_credit, theirs.orders
        self.given_at, self.in_state = record.sequence, True
        for account in self.accounts.values():
            account.wish_ms = now_ms  # what was ordered before may still arrive
            account.debt, account.paid = None, []  # until it is ordered again

    def _credits_given(self, ours: Account, row: AccountRow) -> Iterator[str]:
        """A state brings what was issued meanwhile, too, and the orders that need no verdict any more."""
        for issuer, number, total in row.issuers:
            if issuer == DEBT_ISSUER:
                continue
            if number < ours.credits.get(issuer, (0, 0))[0] or total != self.issued_total(row.account, issuer, number):
                yield f"the state of account {row.account} has credit {number} of issuer {issuer} with total {total}"
            ours.credits[issuer] = (number, total)
            self.newest_credit[row.account, issuer] = number
        ours.order = max(ours.order, row.order)

    def issued_total(self, account: int, issuer: int, number: int) -> int:
        return sum(self.issued.get((account, issuer, one), 0) for one in range(1, number + 1))

    def under_way_ucu(self, account: int) -> int:
        """What was issued and is not booked yet."""
        issued = sum(amount for key, amount in self.issued.items() if key[0] == account)
        return issued - sum(total for issuer, (_, total) in self.account(account).credits.items() if issuer != DEBT_ISSUER)

    def dearest(self, tariff: int, day: int, rate: int) -> int | None:
        """The most that a tariff asks on that local day."""
        version = self.in_force(tariff, day)
        return None if version is None else self.tariffs[tariff, version].rich.dearest(rate)

    def fee_ucu(self, tariff: int, day: int) -> int:
        """The fee of that local day by the version in force."""
        version = self.in_force(tariff, day)
        return 0 if version is None else self.tariffs[tariff, version].rich.fee_ucu(day)

    def in_force(self, tariff: int, day: int) -> int | None:
        """The version with the latest date not behind `day`, the newest of those; of those that the gateway has."""
        known = [
            (said.effective_day, version) for (identity, version), said in self.tariffs.items()
            if identity == tariff and said.effective_day <= day and (1, identity, version) in self.documents
        ]  # fmt: skip
        return max(known)[1] if known else None

    # one kind each

    def _segment(self, record: Record, now_ms: int) -> Iterator[str]:
        account = self.account(record.number("account"))
        registers = record.fields["from_cwh"]
        assert isinstance(registers, list)
        serial, longer = record.octets("serial"), "ratio" in record.fields
        if serial != UNBOUND and account.serial == serial and registers != account.bound_cwh:  # a move that the power cut comes again
            yield "its meter is bound a second time"
        yield from adds_up(account)
        account.energy_cwh = account.written_off_cwh = 0
        account.serial, account.rates = serial, record.number("rates")
        account.bound_cwh, account.charged_cwh = list(registers), list(registers)
        account.charged_at_s = record.number("since_s") if longer else record.at_s
        account.ratio = record.number("ratio") if longer else 1
        if account.ratio != self.truth.ratios.get(serial, 1):
            yield f"its meter is bound with ratio {account.ratio}, it is {self.truth.ratios.get(serial, 1)}"
        account.next_account = 0 if serial != UNBOUND else account.next_account

    def _credit(self, record: Record, now_ms: int) -> Iterator[str]:
        number, issuer, account = record.number("number"), record.number("issuer"), record.number("account")
        name = f"credit {number} of issuer {issuer} for account {account}"
        if number <= self.newest_credit.get((account, issuer), 0):
            yield name + " is booked again"
        if self.issued.get((account, issuer, number)) != record.number("amount_ucu"):
            yield name + " was not issued so"
        if self.issued_total(account, issuer, number) != record.number("total_ucu"):
            yield name + " bears another total than its amounts add up to"
        self.newest_credit[account, issuer] = number
        self.account(account).credits[issuer] = (number, record.number("total_ucu"))
        pots.paid(self.account(account), record.number("amount_ucu"))

    def _credit_refused(self, record: Record, now_ms: int) -> Iterator[str]:
        self.refused.add((record.number("account"), record.number("issuer"), record.number("number")))
        elsewhere = record.number("reason") == REFUSED_ELSEWHERE and self.account(record.number("account")).flags & ELSEWHERE
        if record.number("reason") != REFUSED_FULL and not elsewhere:
            yield f"a credit that was issued by right is refused for reason {record.number('reason')}"

    def _charge(self, record: Record, now_ms: int) -> Iterator[str]:
        account = self.account(record.number("account"))
        version = self.tariffs.get((record.number("tariff"), record.number("version")))
        if version is None:
            yield f"charges by version {record.number('version')} of tariff {record.number('tariff')}, which nobody made"
            return
        if record.number("cause") in (FIXED_FEE, MINIMUM):
            yield from self._fee(record, account, version)
            return
        rate, start, end = record.number("rate"), record.number("from_cwh"), record.number("to_cwh")
        span = (end - start) % ROLLOVER
        if start != account.charged_cwh[rate]:
            yield f"charges rate {rate} from {start}, the charge before ended at {account.charged_cwh[rate]}"
        if span > ROLLOVER // 2:
            yield f"charges rate {rate} backwards, from {start} to {end}"
        at_s = record.number("reading_at_s")
        of_one_reading = account.line[:2] == (record.sequence - 1, at_s)
        began_s = account.line[2] if of_one_reading else account.charged_at_s
        account.line = (record.sequence, at_s, began_s)
        ratio = self.truth.ratios.get(record.octets("serial"), 1)
        if account.flags & MOVED_OUT:
            yield f"{span} cwh are charged to who has moved out"
        yield from self._charged_by(record, began_s)
        yield from self._priced(record, account, version, (span, ratio))
        account.charged_cwh[rate] = end
        account.energy_cwh += span
        if not record.number("marks") & MORE_FOLLOWS:
            account.charged_at_s = record.number("reading_at_s")
        yield from self._amount(record, account, span * ratio * record.number("price"))

    def _priced(self, record: Record, account: Account, version: Version, passed: tuple[int, int]) -> Iterator[str]:
        rich, rate = version.rich, record.number("rate")
        if rich.is_plain != ("day" not in record.fields):
            yield f"a {'plain' if rich.is_plain else 'rich'} tariff is charged by the other form of record"
        elif rich.is_plain and rich.price(rate, 0, 0) != record.number("price"):
            yield f"charges at price {record.number('price')}, its tariff version says {rich.price(rate, 0, 0)}"
        elif not rich.is_plain:
            tariff = record.number("tariff")
            reached_day = self.local_day(record.number("reading_at_s"))
            yield from account.place.closes_before(record.number("day"), reached_day, lambda day: self.fee_ucu(tariff, day))
            began_s = account.charged_at_s + self.offset_s if account.charged_at_s else 0
            yield from account.place.energy(record, rich, passed, began_s, record.number("reading_at_s") + self.offset_s)

    def _fee(self, record: Record, account: Account, version: Version) -> Iterator[str]:
        """What is charged besides energy, by the version of its day."""
        day, tariff = record.number("day"), record.number("tariff")
        if self.in_force(tariff, day) != record.number("version"):
            yield f"the fee of day {day} is by version {record.number('version')}, version {self.in_force(tariff, day)} is in force"
        if day >= self.local_day(record.number("reading_at_s")):
            yield f"the fee of day {day}, which has not ended"
        reached_day = self.local_day(record.number("reading_at_s"))
        yield from account.place.closes_before(day, reached_day, lambda one: self.fee_ucu(tariff, one))
        yield from account.place.fee(record, version.rich)
        yield from self._amount(record, account, record.number("amount_ucu"))

    def _amount(self, record: Record, account: Account, amount: int) -> Iterator[str]:
        account.charged_ucu += amount
        if (record.number("amount_ucu"), record.number("total_charged_ucu")) != (amount, account.charged_ucu):
            yield f"charges {record.number('amount_ucu')} of {record.number('total_charged_ucu')}, not {amount} of {account.charged_ucu}"

    def _charged_by(self, record: Record, began_s: int) -> Iterator[str]:
        """The version of the day on which the span began, else of the day on which it ended, of those that are known by now."""
        begun, ended = self.local_day(began_s), self.local_day(record.number("reading_at_s"))
        version = self.in_force(record.number("tariff"), min(begun, ended)) or self.in_force(record.number("tariff"), ended)
        if version != record.number("version"):
            yield f"charges by version {record.number('version')}, version {version} is in force from day {min(begun, ended)} on"

    def local_day(self, at_s: int) -> int:
        return (at_s + self.offset_s) // 86_400

    def _held(self, record: Record, now_ms: int) -> Iterator[str]:
        account, rate = self.account(record.number("account")), record.number("rate")
        account.held = record.number("why") in (1, 2, 5)
        if record.number("why") == 0 and rate in account.billed:  # else where the total of its rates is counted from
            lost = (record.number("register_cwh") - account.charged_cwh[rate]) % ROLLOVER
            if lost and record.number("account") not in self.released and record.octets("serial") not in self.closed:
                yield f"{lost} cwh are written off, and nobody ordered it"
            account.charged_cwh[rate] = record.number("register_cwh")
            account.charged_at_s = record.at_s  # what comes behind it begins on this day
            account.written_off_cwh += lost

    def _episode(self, record: Record, now_ms: int) -> Iterator[str]:
        account, opens = self.account(record.number("account")), bool(record.number("open"))
        wanted = account.episode + 1 if opens else account.episode
        if opens == account.episode_open or record.number("episode") != wanted:
            yield f"episode {record.number('episode')} {'opens' if opens else 'closes'} in episode {account.episode}"
        account.episode, account.episode_open = record.number("episode"), opens
        account.notices_ms, account.notice_given = {}, 0

    def _notice(self, record: Record, now_ms: int) -> Iterator[str]:
        account = self.account(record.number("account"))
        if record.number("channel") == 1 and record.number("outcome") == 1:
            account.notice_given = record.sequence
        if notice_counts(record):
            account.notices_ms.setdefault(record.number("level"), now_ms)
        yield from ()

    def _level(self, record: Record, now_ms: int) -> Iterator[str]:
        account = self.account(record.number("account"))
        account.notices_ms = {level: at for level, at in account.notices_ms.items() if level <= record.number("level")}
        yield from ()

    def _decision(self, record: Record, now_ms: int) -> Iterator[str]:
        account, verdict = self.account(record.number("account")), record.number("verdict")
        self.counts["decision " + ("", "cut", "restore", "not permitted", "delayed", "withdrawn")[verdict]] += 1
        if verdict == CUT:
            account.off, account.limited, account.cut_order, account.wish_ms = True, False, record.number("order"), now_ms
            account.cut_policy = record.number("policy_version")
        elif verdict in (RESTORE, WITHDRAWN):
            account.off, account.limited, account.wish_ms = False, False, now_ms
        yield from ()

    def _order(self, record: Record, now_ms: int) -> Iterator[str]:
        account, number = record.number("account"), record.number("number")
        if account:
            known = self.account(account)
            behind_carried = record.number("order") in CARRIES and number == known.order and (account, number) not in self.orders
            if number <= known.order and not behind_carried:  # CARRIED has consumed the number of its order
                yield f"order {number} has a second verdict"
            known.order = number
            self.orders[account, number] = record

    def _flags(self, record: Record, now_ms: int) -> Iterator[str]:
        self.account(record.number("account")).flags = record.number("flags")
        yield from ()

    def _brake(self, record: Record, now_ms: int) -> Iterator[str]:
        closed = bool(record.number("closed"))
        if closed == self.brake:
            yield f"the brake is {'closed' if closed else 'released'} and was so already"
        self.brake = closed
        if not closed:
            self.suspected = {}  # all of them are over

    def _document(self, record: Record, now_ms: int) -> Iterator[str]:
        what, identity, version = record.number("what"), record.number("id"), record.number("version")
        if (what, identity, version) in self.documents:
            yield f"document {what} {identity} version {version} is taken twice"
        self.documents.add((what, identity, version))
        if what == 2:
            self.policy_version = max(self.policy_version, version)

    def _acked(self, record: Record, now_ms: int) -> Iterator[str]:
        self.acked = max(self.acked, record.number("sequence"))
        yield from ()

    def _snapshot_begin(self, record: Record, now_ms: int) -> Iterator[str]:
        self.begun = record.sequence
        yield from ()

    def _snapshot_end(self, record: Record, now_ms: int) -> Iterator[str]:
        self.snapshot = self.begun
        if self.in_state:
            self.in_state, self.acked = False, max(self.acked, self.given_at - 1)
        yield from ()

    def _snapshot_row(self, record: Record, now_ms: int) -> Iterator[str]:
        row = parse_row(record.octets("row"))
        if not row.account:
            return
        ours = self.account(row.account)
        if self.in_state:
            yield from self._credits_given(ours, row)
        yield from differs(ours, row, "the snapshot")


_FOLDS = {
    kinds.SEGMENT: Books._segment, kinds.CREDIT: Books._credit, kinds.CREDIT_REFUSED: Books._credit_refused,
    kinds.CHARGE: Books._charge, kinds.HELD: Books._held, kinds.EPISODE: Books._episode, kinds.NOTICE: Books._notice,
    kinds.LEVEL: Books._level, kinds.SNAPSHOT_BEGIN: Books._snapshot_begin, kinds.SNAPSHOT_END: Books._snapshot_end,
    kinds.DECISION: Books._decision, kinds.ORDER: Books._order, kinds.FLAGS: Books._flags, kinds.BRAKE: Books._brake,
    kinds.DOCUMENT: Books._document, kinds.ACKED: Books._acked, kinds.SNAPSHOT_ROW: Books._snapshot_row,
    kinds.CREDIT_LIMIT: pots.credit_limit, kinds.LIMIT: lifeline.fold,
    kinds.DEBT: pots.debt, kinds.RECOVERY: pots.recovery, kinds.MOVED: moved, kinds.CARRIED: carried,
}  # fmt: skip
