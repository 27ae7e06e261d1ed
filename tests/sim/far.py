"""Another gateway, to which accounts go for a while: no firmware, but what SPEC says that one writes and sends. Its way never fails.

It waits for an account, takes it by order 15, books credits, charges energy now and then where the tariff is a plain one, and gives it
back by order 14. Other orders it refuses. Its records are folded by a second Books of the same kind, so what it says of an account
is judged like what the firmware says.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import cbor2

from host_tools.head_end import commands
from host_tools.head_end.messages import seal, topic
from host_tools.journal_reader import AccountRow, pack_record, pack_whole_row, parse_record, parse_row
from tests.sim.account import ELSEWHERE, ROLLOVER
from tests.sim.books import Books
from tests.sim.judge_cuts import Condemned

if TYPE_CHECKING:
    from tests.sim.world import World

NAME = "gw-far"
KEY = bytes([0xA5]) * 32
GIVE, TAKE, TARIFF, POLICY = 14, 15, 5, 6
GIVEN = 1
CAUSE_DECISION = 3
NOT_SUPPORTED = 7
WAY_MS = 1_500
AGAIN_MS = 300_000


class Far:
    """`carried(account, given)` is called when it took an account, or gave it away."""

    def __init__(self, world: World, carried: Callable[[int, bool], None]) -> None:
        self.world, self._carried = world, carried
        self.rows: dict[int, AccountRow] = {}
        self._beside: dict[int, tuple[int, int, int, int]] = {}
        self._records: list[bytes] = []
        self._statuses = 0
        commands.add_gateway(world.central.db, NAME, KEY)
        theirs = world.judge.books
        self.books = Books(theirs.issued, theirs.tariffs, truth=theirs.truth, offset_s=theirs.offset_s)
        world.central.another[f"pg1/{NAME}/"] = self._on_message
        self._append("EPOCH", epoch=1, reason=1, boot_count=1, firmware=1)
        self._say_again()

    def expect(self, account: int) -> None:
        """Its meter stands in the settings here, as arriving."""
        if not self.books.account(account).flags & ELSEWHERE:
            self._append("FLAGS", account=account, flags=ELSEWHERE, order=0)
            self._say()

    # the journal

    def _append(self, name: str, **fields: Any) -> None:
        books = self.books
        epoch = fields["epoch"] if name == "EPOCH" else books.epoch
        raw = pack_record(name, books.sequence + 1, self.world.true_s, 3, epoch, books.chain, **fields)
        self._records.append(raw)
        for sentence in books.fold(parse_record(raw), self.world.loop.now_ms):
            raise Condemned("the other gateway: " + sentence)

    def _say(self) -> None:
        """All that the head-end does not hold."""
        held = self.world.central.number("SELECT sequence FROM gateways WHERE name = ?", NAME)
        if held < len(self._records):
            before = self._records[held - 1][-12:-4] if held else bytes(8)
            self._publish("up/journal", {1: self.books.epoch, 2: held + 1, 3: before, 4: self._records[held:]})

    def _say_again(self) -> None:
        self._statuses += 1
        books, challenge = self.books, self._statuses.to_bytes(8, "big")
        status = {1: True, 2: books.epoch, 3: books.sequence, 4: books.chain, 5: 1, 6: 1, 7: self.world.true_s, 8: 3, 9: 0, 10: 0}
        status |= {11: challenge, 12: 0, 13: {}, 14: 0, 15: False}
        self._say()
        self.world.central.heard(topic(NAME, "up/status"), cbor2.dumps(status, canonical=True))
        self.world.loop.after(AGAIN_MS, self._say_again)

    def _publish(self, name: str, body: dict[int, object]) -> None:
        self.world.central.heard(topic(NAME, name), seal(body, NAME, KEY, topic(NAME, name)))

    # messages

    def _on_message(self, to_topic: str, payload: bytes) -> None:
        self.world.loop.after(WAY_MS, lambda: self._take(to_topic.rpartition("/")[2], cbor2.loads(cbor2.loads(payload).value[2])))

    def _take(self, kind: str, body: dict[int, Any]) -> None:
        if kind == "credits":
            self._credit(*(body[field] for field in range(1, 6)))
        elif kind == "orders" and body[1] in (TARIFF, POLICY):
            self._document(body[1], body[3], body[7])
        elif kind == "orders" and body[2] and body[3] > self.books.account(body[2]).order:
            self._order(body[1], body[2], body[3], body[7])
        self._say()

    def _credit(self, account: int, issuer: int, number: int, amount: int, total: int) -> None:
        if account in self.rows and number > self.books.newest_credit.get((account, issuer), 0):
            self._append("CREDIT", account=account, issuer=issuer, number=number, amount_ucu=amount, total_ucu=total)
            row = self.rows[account]
            row.issuers = sorted([place for place in row.issuers if place[0] != issuer] + [(issuer, number, total)])

    def _document(self, code: int, version: int, text: bytes) -> None:
        what = 1 if code == TARIFF else 2
        identity = json.loads(text)["tariff" if what == 1 else "policy"]
        if (what, identity, version) not in self.books.documents:
            self._append("DOCUMENT", what=what, id=identity, version=version, digest=hashlib.sha256(text).digest()[:8])

    def _order(self, code: int, account: int, number: int, document: bytes) -> None:
        reason = 0
        if code == TAKE and account not in self.rows:
            self._arrives(account, number, cbor2.loads(document))
        elif code == GIVE and account in self.rows:
            self._leaves(account, number)
        else:
            reason = NOT_SUPPORTED
        told: dict[str, Any] = {"failed": 0, "credit_number": 0, "expires_at_s": 0}
        if reason:
            self._append("ORDER", account=account, number=number, order=code, verdict=2, reason=reason, **told)
            if account in self.rows:
                self.rows[account].order = number

    def _arrives(self, account: int, number: int, document: dict[int, Any]) -> None:
        self._beside[account] = (document[3], document[4], document[5], document[6])
        self._carry(account, document[1], number, document[2])
        self.rows[account] = parse_row(document[2])
        self.rows[account].order = number
        self._carried(account, False)

    def _leaves(self, account: int, number: int) -> None:
        self._charge(account)
        self._carry(account, GIVEN, number, pack_whole_row(self.rows.pop(account)))
        self._carried(account, True)

    def _carry(self, account: int, what: int, number: int, row: bytes) -> None:
        until_s, owed, share, most = self._beside[account]
        if self.books.account(account).debt is None and what == GIVEN:
            owed = share = most = 0
        debt = {"until_s": until_s, "owed_ucu": owed, "share": share, "most_ucu": most}
        self._append("CARRIED", account=account, what=what, order=number, row=row, **debt)

    def _charge(self, account: int) -> None:
        """What flowed since the last charge, where that was today, under a plain price: no midnight or band to be thought of."""
        world, row, books = self.world, self.rows[account], self.books
        house, tariff, now_s = world.house_of(account), 2 if row.rates else 1, world.true_s
        day = books.local_day(now_s)
        version = books.in_force(tariff, day)
        if house is None or house.held or version is None or world.options.shape or books.local_day(row.charged_at_s) != day:
            return
        if not books.account(account).lives_here:
            return
        if not row.charged_at_s <= now_s or house.wire_address != row.serial or world.central.clock_s:
            return
        house.advance(world.loop.now_ms)
        shown = house.energy.forward.shown()
        if any((shown[rate] - row.charged_cwh[rate]) % ROLLOVER > ROLLOVER // 2 for rate in books.account(account).billed):
            return  # it stands behind what is charged: held
        for rate in books.account(account).billed:
            price, start, end = books.tariffs[tariff, version].rich.price(rate, 0, 0), row.charged_cwh[rate], shown[rate]
            if start == end or price is None:
                continue
            amount = (end - start) % ROLLOVER * row.ratio * price
            row.total_charged_ucu += amount
            row.charged_cwh[rate], row.charged_at_s = end, now_s
            self._append(
                "CHARGE", account=account, serial=row.serial, rate=rate, from_cwh=start, to_cwh=end, reading_at_s=now_s, tariff=tariff,
                version=version, price=price, amount_ucu=amount, total_charged_ucu=row.total_charged_ucu, cause=CAUSE_DECISION, marks=0,
            )  # fmt: skip
