"""What must reach gateways, read from the database and sent again until its receipt has come (design, section 7).

The broker is not storage: a credit is done when its journal record is here, not when somebody acknowledged a packet.
Back-off lives in memory; a gateway that connects or sends a new status gets everything open at once.

Traps avoided: an offline gateway gets each message once, not once a second; its session at the broker would fill up. A database
that has none of a gateway's records yet, or that was restored and lacks what was acknowledged before, sends it no credit: its
numbers and totals may lie below those that the gateway has.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

from host_tools.head_end import fleet_brake, gaps, safe_mode, stays
from host_tools.head_end.database import Database
from host_tools.head_end.heard import Heard
from host_tools.head_end.messages import NEVER_S, countersign, seal, topic

RESEND_FIRST_MS = 2_000
RESEND_MAX_MS = 60_000
SAME_RESEND_MS = 2_000  # several messages in flight behind one gap ask for the same range once
AT_ONCE_MAX = 64  # messages of one round; the next round is a poll away
BRAKE_LOOK_MS = 10_000
STATE, TARIFF, POLICY, GIVE_AWAY, TAKE_OVER = 8, 5, 6, 14, 15


@dataclass(frozen=True)
class Parcel:
    """One message to publish."""

    topic: str
    payload: bytes


_Open = tuple[tuple[object, ...], bool, Callable[[], Parcel]]  # key, gateway reachable, how to make it


@dataclass
class _Try:
    sent_ms: int
    due_ms: int
    pause_ms: int


@dataclass
class Outgoing:
    """The schedule of one server run. `now_ms` are monotonic milliseconds, `now_s` wall seconds."""

    db: Database
    tries: dict[tuple[object, ...], _Try] = field(default_factory=dict)
    asked: dict[tuple[str, int], int] = field(default_factory=dict)
    braked: bool = False
    look_ms: int = 0

    def hurry(self, gateway: str, now_ms: int) -> None:
        """The gateway is here: everything open for it is due now, but for what was sent just now and is on its way."""
        for key, last in self.tries.items():
            if key[0] == gateway:
                last.due_ms, last.pause_ms = max(now_ms, last.sent_ms + RESEND_FIRST_MS), RESEND_FIRST_MS // 2

    def due(self, now_ms: int, now_s: int) -> list[Parcel]:
        """What to publish now, credits first: a customer waits for them."""
        if self.db.row("SELECT 1 FROM orders WHERE state = 'pending' AND expires_at_s < ?", now_s):
            with self.db.transaction():
                self.db.run("UPDATE orders SET state = 'expired' WHERE state = 'pending' AND expires_at_s < ?", now_s)
        self._look_at_brake(now_ms, now_s)
        safe_mode.restore_paid(self.db, now_s)
        makers: list[Callable[[], Parcel]] = []
        seen: set[tuple[object, ...]] = set()
        for key, online, make in [*self._credits(now_s), *self._orders(), *self._documents(), *self._missing(now_ms, now_s)]:
            seen.add(key)
            if len(makers) < AT_ONCE_MAX and self._is_due(key, online, now_ms):
                makers.append(make)
        for key in [key for key in self.tries if key not in seen]:
            del self.tries[key]
        return [make() for make in makers]

    def _look_at_brake(self, now_ms: int, now_s: int) -> None:
        """Before each cut order that leaves, and now and then besides."""
        cuts = self.db.row("SELECT 1 FROM orders WHERE state = 'pending' AND code = ?", fleet_brake.CUT)
        if cuts or now_ms >= self.look_ms:
            self.look_ms = now_ms + BRAKE_LOOK_MS
            self.braked = fleet_brake.look(self.db, now_s)

    def _is_due(self, key: tuple[object, ...], online: bool, now_ms: int) -> bool:
        last = self.tries.get(key)
        if last is None:
            self.tries[key] = _Try(now_ms, now_ms + RESEND_FIRST_MS, RESEND_FIRST_MS)
            return True
        if not online or now_ms < last.due_ms:
            return False
        last.pause_ms = min(2 * last.pause_ms, RESEND_MAX_MS)
        last.sent_ms, last.due_ms = now_ms, now_ms + last.pause_ms
        return True

    def _credits(self, now_s: int) -> Iterator[_Open]:
        for row in self.db.rows(
            "SELECT c.*, g.name AS gateway, g.key, g.online FROM credits c JOIN accounts a USING (account)"
            " JOIN gateways g ON g.id = a.gateway_id WHERE c.receipt = 'pending' AND g.sequence > 0"
            " AND (g.sequence >= g.owed OR g.owed_until_s < ?)"
            " AND NOT EXISTS (SELECT 1 FROM safe_modes s WHERE s.gateway_id = g.id AND s.ended_s IS NULL)"
            " AND NOT EXISTS (SELECT 1 FROM moves m JOIN orders o ON o.account = m.account AND o.number = m.number"
            "  AND o.gateway_id = a.gateway_id WHERE m.next_account = c.account AND o.state != 'accepted')"
            f" AND {stays.LIVES_HERE}"
            " ORDER BY c.at_s, c.account, c.number",
            now_s,
        ):
            body = {1: row["account"], 2: row["issuer"], 3: row["number"], 4: row["amount_ucu"], 5: row["total_ucu"], 6: row["at_s"]}
            key = (row["gateway"], "credit", row["account"], row["issuer"], row["number"])
            yield key, row["online"] != 0, _parcel(row["gateway"], row["key"], "down/credits", body)

    def _orders(self) -> Iterator[_Open]:
        for row in self.db.rows(
            "SELECT o.*, g.name AS gateway, g.key, g.online, s.nonce, a.meter FROM orders o JOIN gateways g ON g.id = o.gateway_id"
            " LEFT JOIN accounts a USING (account) LEFT JOIN safe_modes s ON s.gateway_id = g.id AND s.ended_s IS NULL"
            " WHERE o.state = 'pending' AND (o.account = 0 OR o.code IN (?, ?) OR a.gateway_id = o.gateway_id AND "
            f"{stays.LIVES_HERE} AND NOT EXISTS (SELECT 1 FROM orders t WHERE t.gateway_id = o.gateway_id AND t.account = o.account"
            "  AND t.code = ? AND t.state = 'pending' AND t.number < o.number)) ORDER BY o.id",
            *(GIVE_AWAY, TAKE_OVER, GIVE_AWAY),
        ):
            if row["code"] == fleet_brake.CUT and self.braked:
                continue
            if row["code"] not in safe_mode.TAKEN if row["nonce"] is not None else row["code"] in safe_mode.STAY_ONLY:
                continue
            body = {
                1: row["code"],
                2: row["account"],
                3: row["number"],
                4: row["expires_at_s"],
                5: row["credit_number"],
                6: row["overridden"],
                7: safe_mode.document_for(row["code"], row["document"], row["nonce"], row["meter"]),
            }
            key = (row["gateway"], "order", row["account"], row["number"], row["nonce"])
            yield key, row["online"] != 0, _parcel(row["gateway"], row["key"], "down/orders", body)

    def _documents(self) -> Iterator[_Open]:
        for row in self.db.rows(
            "SELECT d.*, g.name AS gateway, g.key, g.online FROM documents d JOIN gateways g"
            " WHERE EXISTS (SELECT 1 FROM accounts a WHERE a.gateway_id = g.id"
            "  AND d.id = CASE d.what WHEN 1 THEN a.tariff ELSE a.policy END)"
            " AND NOT EXISTS (SELECT 1 FROM deliveries v WHERE v.gateway_id = g.id AND v.what = d.what AND v.id = d.id"
            "  AND v.version = d.version) AND NOT EXISTS (SELECT 1 FROM safe_modes s WHERE s.gateway_id = g.id AND s.ended_s IS NULL)"
            " ORDER BY d.what, d.id, d.version"
        ):
            body = {1: TARIFF if row["what"] == 1 else POLICY, 2: 0, 3: row["version"], 4: NEVER_S, 5: 0, 6: 0, 7: row["text"]}
            key = (row["gateway"], "document", row["what"], row["id"], row["version"])
            yield key, row["online"] != 0, _parcel(row["gateway"], row["key"], "down/orders", body)

    def _missing(self, now_ms: int, now_s: int) -> Iterator[_Open]:
        """What is missing is asked for again, also when nothing new comes from the gateway."""
        for row in self.db.rows(
            "SELECT g.name, g.online, f.what, f.wanted FROM offers f JOIN gateways g ON g.id = f.gateway_id"
            " WHERE f.wanted = CASE f.what WHEN 'records' THEN g.sequence ELSE g.readings_held END + 1"
        ):
            heard = Heard(row["name"], "missing")
            if row["what"] == gaps.RECORDS:
                heard.resend_from = row["wanted"]
            else:
                heard.resend_readings_from = row["wanted"]
            yield (row["name"], "missing", row["what"], row["wanted"]), row["online"] != 0, partial(self.acknowledge, heard, now_ms, now_s)

    def acknowledge(self, heard: Heard, now_ms: int, now_s: int) -> Parcel:
        """What the database holds of this gateway, countersigned, and what it is asked for again."""
        with self.db.transaction():
            gateway = self.db.row("SELECT * FROM gateways WHERE name = ?", heard.gateway)
            secret = self.db.row("SELECT countersign_key FROM head_end")
            assert gateway is not None and secret is not None
            epoch, sequence, chain = int(gateway["epoch"]), int(gateway["sequence"]), bytes(gateway["chain"])
            signed = countersign(bytes(secret[0]), heard.gateway, epoch, sequence, chain)
            if sequence:
                self.db.run(
                    "INSERT OR IGNORE INTO acknowledgements VALUES (?, ?, ?, ?, ?, ?)", gateway["id"], sequence, epoch, chain, signed, now_s
                )
        body: dict[int, object] = {
            1: epoch,
            2: sequence,
            3: chain,
            4: signed,
            5: gateway["readings_held"],
            6: now_s,
            7: heard.challenge,
            8: gateway["comparison"],
            9: self._ask(heard.gateway, 9, heard.resend_from, now_ms),
            10: self._ask(heard.gateway, 10, heard.resend_readings_from, now_ms),
        }
        to_topic = topic(heard.gateway, "down/acks")
        return Parcel(to_topic, seal(body, heard.gateway, bytes(gateway["key"]), to_topic))

    def _ask(self, gateway: str, what: int, start: int | None, now_ms: int) -> int | None:
        if start is None:
            return None
        last = self.asked.get((gateway, what * 2**32 + start))
        if last is not None and now_ms - last < SAME_RESEND_MS:
            return None
        self.asked = {key: at for key, at in self.asked.items() if now_ms - at < SAME_RESEND_MS}
        self.asked[(gateway, what * 2**32 + start)] = now_ms
        return start


def _parcel(gateway: str, key: bytes, name: str, body: dict[int, object]) -> Callable[[], Parcel]:
    to_topic = topic(gateway, name)
    return lambda: Parcel(to_topic, seal(body, gateway, bytes(key), to_topic))
