"""A head-end database with one gateway for tests, without a broker."""

import json
from pathlib import Path
from typing import Any

from host_tools.head_end import commands
from host_tools.head_end.cli import main
from host_tools.head_end.database import Database
from host_tools.head_end.heard import Heard
from host_tools.head_end.ingest import ingest
from host_tools.head_end.outgoing import Outgoing
from host_tools.head_end.reconcile import reconcile
from tests.host.head_end.simulated_gateway import NOW_S, SimulatedGateway

TARIFF = {"tariff": 1, "version": 3, "effective": "2026-01-01", "currency": "CNY", "utc_offset_min": 480, "prices": {"total": "0.5500"}}
POLICY = {
    "policy": 1,
    "version": 2,
    "utc_offset_min": 480,
    "notice": {"level": "5.00", "period_s": 3600, "channels": ["head_end", "alarm"]},
    "floor": "0.00",
    "restore": "1.00",
    "hours": [{"days": [1, 2, 3, 4, 5], "from": "08:00", "to": "16:00"}],
    "reading_fresh_s": 1800,
    "clock_error_max_s": 60,
    "throttle_per_hour": 10,
    "brake": {"accounts_max": 2, "share_percent": 10, "window_s": 86400},
    "offline_right_s": 259200,
    "alarm": True,
}


class Books:
    """A head-end database with one gateway, one account and one tariff, and the gateway itself."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder, folder / "head_end.db"
        self.db = Database(self.path)
        self.gateway = SimulatedGateway()
        commands.add_gateway(self.db, "gw-001", self.gateway.key)
        commands.add_account(self.db, "gw-001", 1001, "000000000001", 1, 1)
        commands.set_document(self.db, "tariff", self.file("tariff.json", TARIFF), NOW_S)
        self.outgoing = Outgoing(self.db)
        self.now_ms, self.now_s = 0, NOW_S

    def later(self, after_s: int) -> None:
        self.now_ms, self.now_s = self.now_ms + 1000 * after_s, self.now_s + after_s

    def file(self, name: str, value: Any) -> str:
        path = self.folder / name
        path.write_text(value if isinstance(value, str) else json.dumps(value))
        return str(path)

    def hear(self, name: str, payload: bytes, after_s: int = 0) -> dict[int, Any] | None:
        """Ingest one message, `after_s` later -> the acknowledgement it gets."""
        self.later(after_s)
        heard = ingest(self.db, self.gateway.topic(name), payload, self.now_s)
        return None if heard is None else self.ack(heard)

    def ack(self, heard: Heard) -> dict[int, Any]:
        parcel = self.outgoing.acknowledge(heard, self.now_ms, self.now_s)
        return self.gateway.unseal(parcel.payload, parcel.topic)

    def journal(self, first: int, last: int | None = None, after_s: int = 0, gone_from: object = None) -> dict[int, Any] | None:
        return self.hear("up/journal", self.gateway.journal_payload(first, last, gone_from=gone_from), after_s)

    def sent(self, name: str, after_ms: int = 0) -> list[dict[int, Any]]:
        """What falls due for the gateway on one topic, `after_ms` later."""
        self.now_ms += after_ms
        return [
            self.gateway.unseal(parcel.payload, parcel.topic)
            for parcel in self.outgoing.due(self.now_ms, self.now_s)
            if parcel.topic == self.gateway.topic("down/" + name)
        ]

    def counter(self, name: str) -> int:
        return self.db.number("SELECT value FROM counters WHERE gateway = 'gw-001' AND name = ?", name)

    def receipt(self, number: int) -> str:
        row = self.db.row("SELECT receipt FROM credits WHERE account = 1001 AND number = ?", number)
        assert row is not None
        return str(row[0])

    def run(self, *arguments: str) -> int:
        return main(["--db", str(self.path), *arguments])

    def differences(self) -> list[str]:
        results, others = reconcile(self.db)
        return others + [sentence for result in results for sentence in result.differences]


def honest_story(books: Books) -> None:
    """Two credits, three charges, readings around them."""
    for number in (1, 2):
        commands.top_up(books.db, "1001", "5.00", f"ref-{number}", NOW_S)
    books.gateway.begin()
    books.journal(1)
    for body in books.sent("credits"):
        books.gateway.credit(body)
    for start, end in ((100_000, 100_010), (100_010, 100_500), (100_500, 100_501)):
        books.gateway.charge(start, end)
