"""The head-end: the real one's own logic on a database in memory, called at virtual times instead of by its asyncio server.

It loses nothing by itself; `away` is a server that is not running: what the broker hands over then is lost, as the design allows.
`restore()` puts back the database of an earlier moment, as an operator does after a broken disk.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cbor2

from host_tools.head_end import commands, debts, limits, moves, openings, state, transfers
from host_tools.head_end.database import Database
from host_tools.head_end.errors import BadInput
from host_tools.head_end.garbage import Garbage
from host_tools.head_end.heard import BEHIND, Heard
from host_tools.head_end.ingest import ingest
from host_tools.head_end.outgoing import Outgoing, Parcel
from tests.sim.link import Broker
from tests.sim.loop import Loop

POLL_MS_MAX = 60_000
AWAITS_STATE = 2  # SPEC 5.3 field 12


class Central:
    """`start_s`: wall seconds at the run's beginning; what came within `batch_ms` is answered together, as a busy server does."""

    def __init__(self, loop: Loop, broker: Broker, gateway: str, start_s: int, batch_ms: int, folder: Path) -> None:
        self.loop, self.broker, self.gateway = loop, broker, gateway
        self.away = False
        self.batch_ms = batch_ms
        self.start_s = start_s
        self.clock_s = 0  # by how much its clock is wrong
        self._folder = folder
        self.db = Database(":memory:")
        self.db.run("UPDATE head_end SET name = 'head-end-sim', countersign_key = ?", bytes(32))  # nothing of the host's chance
        self.outgoing = Outgoing(self.db)
        self._garbage = Garbage(self.db)
        self._waiting: dict[str, Heard] = {}
        self._answering = False
        self._poll_ms = -1
        self.another: dict[str, Callable[[str, bytes], None]] = {}  # topics of gateways that are not at this broker
        self.said_ms: dict[bytes, int] = {}  # payload -> when, the last time
        broker.heard = self.heard

    @property
    def now_s(self) -> int:
        return self.start_s + self.clock_s + self.loop.now_ms // 1000

    # from gateways

    def heard(self, topic: str, payload: bytes) -> None:
        if self.away:
            return
        heard = ingest(self.db, topic, payload, self.now_s, self._garbage)
        if heard is None:
            return
        if heard.came_online:
            self.outgoing.hurry(heard.gateway, self.loop.now_ms)
            self.look_soon()
        before = self._waiting.get(heard.gateway)
        if before is not None:
            heard.challenge = heard.challenge or before.challenge
            if not heard.stored:
                heard.resend_from = heard.resend_from or before.resend_from
                heard.resend_readings_from = heard.resend_readings_from or before.resend_readings_from
        self._waiting[heard.gateway] = heard
        if not self._answering:
            self._answering = True
            self.loop.after(self.batch_ms, self._answer)

    def _answer(self) -> None:
        self._answering = False
        waiting, self._waiting = self._waiting, {}
        if self.away:
            return
        self._garbage.write()
        for heard in waiting.values():
            parcel = self.outgoing.acknowledge(heard, self.loop.now_ms, self.now_s)
            self._say(parcel)
            if heard.challenge is not None and state.give_when_behind(self.db, heard.gateway, self.now_s, (BEHIND,)):
                self.look_soon()
            if heard.stored or heard.resend_from or heard.resend_readings_from:
                self.look_soon()

    # to gateways

    def _say(self, parcel: Parcel) -> None:
        for prefix, hear in self.another.items():
            if parcel.topic.startswith(prefix):
                hear(parcel.topic, parcel.payload)
                return
        self.said_ms[parcel.payload] = self.loop.now_ms
        self.broker.publish(parcel.topic, parcel.payload)

    def look_soon(self) -> None:
        """Something may be due: look at the database within a moment."""
        self._look_at(self.loop.now_ms + 200)

    def _look_at(self, due_ms: int) -> None:
        if 0 <= self._poll_ms <= due_ms and self._poll_ms >= self.loop.now_ms:
            return
        self._poll_ms = due_ms
        self.loop.at(due_ms, lambda: self._look(due_ms))

    def _look(self, due_ms: int) -> None:
        if due_ms != self._poll_ms:
            return
        self._poll_ms = -1
        if self.away:
            return
        for parcel in self.outgoing.due(self.loop.now_ms, self.now_s):
            self._say(parcel)
        if self.outgoing.tries:
            online = self.number("SELECT online FROM gateways WHERE name = ?", self.gateway)
            soonest = min(one.due_ms for one in self.outgoing.tries.values()) if online else self.loop.now_ms + POLL_MS_MAX
            self._look_at(min(max(soonest, self.loop.now_ms + 1_000), self.loop.now_ms + POLL_MS_MAX))

    # the server's own troubles

    def set_away(self, away: bool) -> None:
        self.away = away
        if not away:  # a new process: its schedule begins anew
            self.outgoing = Outgoing(self.db)
            self._waiting = {}
            self.look_soon()

    def backup(self) -> sqlite3.Connection:
        """The database as it is now."""
        copy = sqlite3.connect(":memory:")
        self.db.connection.backup(copy)
        return copy

    def restore(self, copy: sqlite3.Connection) -> None:
        """The database of then is the database of now."""
        copy.backup(self.db.connection)
        self.set_away(False)

    # operators

    def pay(self, account: int, amount_ucu: int, reference: str, issuer: int) -> dict[str, Any]:
        text = f"{amount_ucu // 1_000_000}.{amount_ucu % 1_000_000:06d}"
        answer = commands.top_up(self.db, str(account), text, reference, self.now_s, issuer)
        self.look_soon()
        return answer

    def take_back(self, account: int, amount_ucu: int, reference: str) -> int:
        """A correction by an operator -> its number."""
        last = openings.last_credit(self.db, account, commands.ISSUER)
        with self.db.transaction():
            openings.add_credit(self.db, account, commands.ISSUER, last, -amount_ucu, reference, self.now_s)
        self.look_soon()
        return last[0] + 1

    def order(self, account: int, what: str, expires_min: int | None, overrides: list[str]) -> dict[str, Any]:
        answer = commands.order(self.db, str(account), what, expires_min, self.now_s, overrides)
        self.look_soon()
        return answer

    def limit(self, account: int, amount: str) -> None:
        limits.put(self.db, str(account), amount, "simulated", self.now_s)
        self.look_soon()

    def debt(self, account: int, amount: str, share: int | None, most: str | None) -> tuple[int, int, int]:
        """So much more is owed -> what was ordered: owed in all, percent, most of one credit."""
        answer = debts.put(self.db, str(account), amount, share, most, self.now_s)
        order = self.db.row("SELECT document FROM orders WHERE account = ? AND number = ?", account, answer["number"])
        assert order is not None
        self.look_soon()
        document = cbor2.loads(bytes(order["document"]))
        return document[1], document[2], document[3]

    def move_out(self, account: int) -> None:
        moves.move_out(self.db, str(account), "simulated", self.now_s)
        self.look_soon()

    def move_in(self, account: int, new: int, flags: int) -> str:
        """-> "created", or "exists" where the order is on its way or accepted."""
        answer = moves.move_in(self.db, str(account), str(new), "", flags, "simulated", self.now_s)
        self.look_soon()
        return str(answer["answer"])

    def transfer(self, account: int, gateway: str) -> None:
        transfers.transfer(self.db, str(account), gateway, "simulated", False, self.now_s)
        self.look_soon()

    def release_brake(self) -> dict[str, Any]:
        answer = commands.release_brake(self.db, self.gateway, self.now_s)
        self.look_soon()
        return answer

    def give_state(self) -> bool:
        """`gateway give-state`, where its status tells that it waits for one and none was given."""
        row = self.db.row("SELECT * FROM gateways WHERE name = ?", self.gateway)
        if row is None or not row["status"] or json.loads(row["status"])["standing"] != AWAITS_STATE or row["given_epoch"] > row["epoch"]:
            return False
        try:
            state.give(self.db, self.gateway, self.now_s)
        except BadInput:
            return False
        self.look_soon()
        return True

    def set_document(self, kind: str, document: dict[str, Any]) -> None:
        path = self._folder / f"{kind}_document.json"
        path.write_text(json.dumps(document))
        commands.set_document(self.db, kind, str(path), self.now_s)
        self.look_soon()

    # what it knows

    def number(self, sql: str, *values: Any) -> int:
        return self.db.number(sql, *values)

    def knows(self, account: int) -> bool:
        return self.number("SELECT count(*) FROM accounts WHERE account = ?", account) > 0

    def lets_go(self, account: int) -> bool:
        """An order about its held reading is on its way."""
        return self.number("SELECT count(*) FROM orders WHERE account = ? AND code = 10 AND state = 'pending'", account) > 0

    def under_way(self, account: int) -> bool:
        """An order that carries it is not answered yet."""
        return self.number("SELECT count(*) FROM orders WHERE account = ? AND code IN (14, 15) AND state = 'pending'", account) > 0

    def settled(self, sequence: int) -> bool:
        """It holds all records up to `sequence`, and everything that it sent has its receipt."""
        return (
            self.number("SELECT sequence FROM gateways WHERE name = ?", self.gateway) == sequence
            and not self.number("SELECT count(*) FROM credits WHERE receipt = 'pending'")
            and not self.number("SELECT count(*) FROM orders WHERE state = 'pending'")
        )
