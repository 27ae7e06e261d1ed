"""A second gateway beside that of Books, and an account that is carried between the two: what each would write."""

from typing import Any

import cbor2

from host_tools.head_end import commands
from host_tools.head_end.folding import fold
from host_tools.head_end.ingest import ingest
from host_tools.journal_reader import pack_whole_row, parse_row
from tests.host.head_end.books import Books, honest_story
from tests.host.head_end.simulated_gateway import SimulatedGateway

GIVE, TAKE = 14, 15
ELSEWHERE = 2048
SERIAL = bytes.fromhex("000000000001")[::-1]


class Pair:
    """`a` has account 1001 with two credits and three charges, `b` waits for it."""

    def __init__(self, books: Books, waits: bool = True) -> None:
        self.books, self.db, self.a = books, books.db, books.gateway
        honest_story(books)
        self.fed = {"gw-001": 0, "gw-002": 0, "gw-003": 0}
        self.b = self.another("gw-002", waits)
        self.tell(self.a)

    def another(self, name: str, waits: bool = True) -> SimulatedGateway:
        gateway = SimulatedGateway(name, bytes(range(32, 64)))
        commands.add_gateway(self.db, name, gateway.key)
        gateway.append("EPOCH", epoch=1, reason=1, boot_count=1, firmware=1)
        gateway.append("SEGMENT", account=1001, serial=bytes(6), rates=0, from_cwh=[0] * 5)
        gateway.append("FLAGS", account=1001, flags=ELSEWHERE if waits else 0, order=0)
        self.tell(gateway)
        return gateway

    def tell(self, gateway: SimulatedGateway) -> None:
        """Its records since the last time reach the head-end, which acknowledges them."""
        first, self.fed[gateway.name] = self.fed[gateway.name] + 1, gateway.sequence
        heard = ingest(self.db, gateway.topic("up/journal"), gateway.journal_payload(first), self.books.now_s)
        assert heard is not None and heard.stored
        self.books.outgoing.acknowledge(heard, self.books.now_ms, self.books.now_s)

    def sent(self, gateway: SimulatedGateway, name: str) -> list[dict[int, Any]]:
        self.books.now_ms += 100_000
        return [
            gateway.unseal(parcel.payload, parcel.topic)
            for parcel in self.books.outgoing.due(self.books.now_ms, self.books.now_s)
            if parcel.topic == gateway.topic("down/" + name)
        ]

    def order(self, gateway: SimulatedGateway, code: int) -> dict[int, Any] | None:
        return next((order for order in self.sent(gateway, "orders") if order[1] == code), None)

    def transfer(self, to: str = "gw-002", *more: str) -> int:
        return self.books.run("transfer", "1001", to, "--reason", "new pole", *more)

    def give(self, gateway: SimulatedGateway) -> None:
        """The gateway does order 14."""
        order = self.order(gateway, GIVE)
        assert order is not None and cbor2.loads(order[7]) == {1: 0, 2: 0, 3: "new pole"}
        records = [gateway.parsed(number) for number in sorted(gateway.records)]
        row = fold(1001, [record for record in records if record.account == 1001])
        fields = {"account": 1001, "what": 1, "order": order[3], "until_s": 0, "owed_ucu": 0, "share": 0, "most_ucu": 0}
        gateway.append("CARRIED", **fields, row=pack_whole_row(row))
        self.verdict(gateway, order)
        self.tell(gateway)

    def take(self, gateway: SimulatedGateway, more_ucu: int = 0) -> dict[int, Any]:
        """The gateway does order 15 -> its document."""
        order = self.order(gateway, TAKE)
        assert order is not None
        document = cbor2.loads(order[7])
        row = parse_row(document[2])
        row.total_charged_ucu -= more_ucu
        gateway.total_charged[1001] = row.total_charged_ucu
        fields = {"account": 1001, "what": document[1], "order": order[3], "until_s": document[3], "owed_ucu": document[4]}
        gateway.append("CARRIED", **fields, share=document[5], most_ucu=document[6], row=pack_whole_row(row))
        self.verdict(gateway, order)
        self.tell(gateway)
        return document

    def verdict(self, gateway: SimulatedGateway, order: dict[int, Any], reason: int = 0) -> None:
        gateway.append(
            "ORDER", account=1001, number=order[3], order=order[1], verdict=2 if reason else 1, reason=reason, failed=0, credit_number=0,
            expires_at_s=0,
        )  # fmt: skip

    def whole_way(self) -> None:
        assert self.transfer() == 0
        self.give(self.a)
        self.take(self.b)
