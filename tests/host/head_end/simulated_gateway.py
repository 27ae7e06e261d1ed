"""A small gateway for tests: a journal in memory, messages made with cbor2 and hmac alone. It is not the firmware, and its
COSE_Mac0 is not cwt's: what it and the head-end agree on is SPEC section 5."""

import hashlib
import hmac
import queue
import struct
import time
import zlib
from typing import Any

import cbor2
import paho.mqtt.client as mqtt

from host_tools.journal_reader import ROW_SIZE, AccountRow, pack_record, pack_row, parse_record

TIMEOUT_S = 15
NOW_S = 1_900_000_000


def mac(key: bytes, protected: bytes, topic: str, content: bytes) -> bytes:
    return hmac.new(key, cbor2.dumps(["MAC0", protected, topic.encode(), content]), hashlib.sha256).digest()


class SimulatedGateway:
    """Books and messages; `send_*` need connect(), `*_payload` do not."""

    def __init__(self, name: str = "gw-001", key: bytes = bytes(range(32))) -> None:
        self.name, self.key = name, key
        self.epoch, self.chain, self.sequence = 0, bytes(8), 0
        self.records: dict[int, tuple[int, bytes, bytes]] = {}  # sequence -> (epoch, chain before, raw)
        self.at_s, self.quality = NOW_S, 3
        self.inbox: queue.Queue[tuple[str, dict[int, Any]]] = queue.Queue()
        self.client: mqtt.Client | None = None
        self.challenges = 0
        self.total_charged: dict[int, int] = {}

    # the journal

    def append(self, name: str, **fields: Any) -> int:
        self.sequence += 1
        self.at_s += 1
        if name == "EPOCH":
            self.epoch = fields["epoch"]
        raw = pack_record(name, self.sequence, self.at_s, self.quality, self.epoch, self.chain, **fields)
        self.records[self.sequence] = (self.epoch, self.chain, raw)
        self.chain = raw[-12:-4]
        return self.sequence

    def begin(self, account: int = 1001, serial: str = "000000000001", from_cwh: int = 100_000) -> None:
        self.append("EPOCH", epoch=1, reason=1, boot_count=1, firmware=1)
        self.append("SEGMENT", account=account, serial=bytes.fromhex(serial)[::-1], rates=0, from_cwh=[from_cwh, 0, 0, 0, 0])

    def credit(self, body: dict[int, Any]) -> int:
        return self.append("CREDIT", account=body[1], issuer=body[2], number=body[3], amount_ucu=body[4], total_ucu=body[5])

    def charge(
        self, start: int, end: int, error_ucu: int = 0, price: int = 5500, account: int = 1001, rollover: int = 100_000_000, **other: Any
    ) -> int:
        amount = (end - start) % rollover * price + error_ucu
        self.total_charged[account] = self.total_charged.get(account, 0) + amount
        fields: dict[str, Any] = {
            "account": account,
            "serial": bytes.fromhex("000000000001")[::-1],
            "rate": 0,
            "from_cwh": start,
            "to_cwh": end,
            "reading_at_s": self.at_s,
            "tariff": 1,
            "version": 3,
            "price": price,
            "amount_ucu": amount,
            "total_charged_ucu": self.total_charged[account],
            "cause": 4,
            "marks": 0,
        }
        return self.append("CHARGE", **(fields | other))

    def snapshot(
        self,
        account: int,
        from_cwh: int,
        charged_cwh: int,
        issuers: list[tuple[int, int, int]],
        acked: int,
        readings: int,
        serial: str = "000000000001",
    ) -> int:
        """A whole snapshot of one account."""
        row = AccountRow(account, serial=bytes.fromhex(serial)[::-1], issuers=issuers)
        row.from_cwh[0], row.charged_cwh[0], row.total_charged_ucu = from_cwh, charged_cwh, self.total_charged.get(account, 0)
        self.append("SNAPSHOT_BEGIN", rows=1, acked_epoch=1, acked_sequence=acked, acked_readings=readings, brake=0)
        self.append("SNAPSHOT_ROW", row=pack_row(row))
        return self.append("SNAPSHOT_END", rows=1, rows_crc=zlib.crc32(pack_row(row)))

    # messages

    def topic(self, name: str) -> str:
        return f"pg1/{self.name}/{name}"

    def seal(self, body: Any, topic: str) -> bytes:
        content, protected = cbor2.dumps(body, canonical=True), cbor2.dumps({1: 5})
        return cbor2.dumps(cbor2.CBORTag(17, [protected, {4: self.name.encode()}, content, mac(self.key, protected, topic, content)]))

    def unseal(self, payload: bytes, topic: str) -> dict[int, Any]:
        message = cbor2.loads(payload)
        assert message.tag == 17
        protected, unprotected, content, tag = message.value
        assert cbor2.loads(protected) == {1: 5} and unprotected == {4: self.name.encode()}
        assert tag == mac(self.key, protected, topic, content)
        body = cbor2.loads(content)
        assert cbor2.dumps(body, canonical=True) == content, "not deterministic"
        return dict(body)

    def journal_payload(self, first: int, last: int | None = None, topic: str | None = None, gone_from: object = None) -> bytes:
        epoch, before, _ = self.records[first]
        raws = [self.records[number][2] for number in range(first, (last or self.sequence) + 1)]
        body = {1: epoch, 2: first, 3: before, 4: raws} | ({} if gone_from is None else {5: gone_from})
        return self.seal(body, topic or self.topic("up/journal"))

    def status_payload(self, standing: int = 0, **changed: Any) -> bytes:
        self.challenges += 1
        body = {
            1: True,
            2: self.epoch,
            3: self.sequence,
            4: self.chain,
            5: 1,
            6: 1,
            7: self.at_s,
            8: 3,
            9: 0,
            10: 0,
            11: self.challenge(),
            12: standing,
            13: {},
            14: 0,
            15: False,
        }
        body.update({int(key[1:]): value for key, value in changed.items()})
        return cbor2.dumps(body, canonical=True)

    def challenge(self) -> bytes:
        return struct.pack(">Q", self.challenges)

    def readings_payload(self, numbers: range, live: bool = False, register: int = 100_000, account: int = 1001) -> bytes:
        items = [[n, account, NOW_S + 60 * n, 3, 0, [register + n], None, 0] for n in numbers]
        return self.readings_of(items, live)

    def readings_of(self, items: list[Any], live: bool = False) -> bytes:
        return cbor2.dumps({1: live, 2: items}, canonical=True)

    # over a broker

    def connect(self, port: int, clean: bool = False) -> None:
        client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=self.name, clean_session=clean)
        client.on_message = self._on_message
        client.will_set(self.topic("up/status"), cbor2.dumps({1: False}), qos=1, retain=True)
        client.connect("127.0.0.1", port, keepalive=30)
        client.subscribe(self.topic("down/#"), qos=1)
        client.loop_start()
        self.client = client

    def disconnect(self) -> None:
        if self.client is not None:
            self.client.disconnect()
            self.client.loop_stop()
            self.client = None

    def send(self, name: str, payload: bytes, retain: bool = False) -> None:
        assert self.client is not None
        self.client.publish(self.topic(name), payload, qos=1, retain=retain).wait_for_publish(TIMEOUT_S)

    def say_status(self, standing: int = 0) -> None:
        self.send("up/status", self.status_payload(standing), retain=True)

    def send_journal(self, first: int, last: int | None = None) -> None:
        self.send("up/journal", self.journal_payload(first, last))

    def _on_message(self, client: Any, userdata: Any, message: Any) -> None:
        self.inbox.put((message.topic, self.unseal(message.payload, message.topic)))

    def wait(self, name: str, wanted: Any = lambda body: True, timeout_s: float = TIMEOUT_S) -> dict[int, Any]:
        """The next message on down/`name` that `wanted` accepts; others are passed over."""
        until = time.monotonic() + timeout_s
        while True:
            topic, body = self.inbox.get(timeout=max(0.01, until - time.monotonic()))
            if topic == self.topic("down/" + name) and wanted(body):
                return body

    # a signed state

    def take_state(self, documents: list[dict[int, Any]]) -> list[bytes]:
        """Begin the epoch of the parts -> account rows; the journal goes on from its own chain."""
        rows = [row for document in sorted(documents, key=lambda d: d[3]) for row in document[5]]
        assert [d[3] for d in sorted(documents, key=lambda d: d[3])] == list(range(1, documents[0][4] + 1))
        assert all(len(row) == ROW_SIZE for row in rows)
        self.sequence = documents[0][2] - 1
        self.append("EPOCH", epoch=documents[0][1], reason=2, boot_count=2, firmware=1)
        return rows

    def parsed(self, sequence: int) -> Any:
        return parse_record(self.records[sequence][2])
