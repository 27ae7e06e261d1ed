"""Gateways in safe mode at the head-end: whose report counts, who is restored, what is held back, what each order bears."""

import json
from typing import Any

import cbor2
import pytest

from host_tools.head_end import commands, lists, safe_mode
from host_tools.head_end.cli import main
from host_tools.head_end.database import Database
from host_tools.head_end.errors import BadInput
from host_tools.head_end.ingest import ingest
from host_tools.head_end.outgoing import Outgoing
from tests.host.head_end.simulated_gateway import NOW_S, SimulatedGateway
from tests.host.head_end.test_head_end_cddl import check
from tests.running_gateway import POLICY, TARIFF

NONCE, NEXT = b"12345678", b"abcdefgh"
ANN, BOB = 1001, 1002
VERIFIED = 5


def stay_of(account: int) -> bytes:
    return cbor2.dumps({1: NONCE, 2: bytes.fromhex(f"{account:012d}")[::-1]})


class Place:
    def __init__(self, folder) -> None:
        self.db, self.gateway = Database(folder / "head_end.db"), SimulatedGateway()
        commands.add_gateway(self.db, "gw-001", self.gateway.key)
        for account in (ANN, BOB):
            commands.add_account(self.db, "gw-001", account, f"{account:012d}", 1, 1)
        self.folder = folder
        self.document("policy", {**POLICY, "floor": "0.00", "restore": "1.00", "notice": {**POLICY["notice"], "level": "5.00"}})
        self.gateway.begin()
        self.gateway.charge(100_000, 101_000)  # 5.50 owed
        ingest(self.db, self.gateway.topic("up/journal"), self.gateway.journal_payload(1), NOW_S)
        self.outgoing = Outgoing(self.db)
        self.now_ms = 0

    def document(self, kind: str, text: dict[str, Any]) -> None:
        file = self.folder / "document.json"
        file.write_text(json.dumps(text))
        commands.set_document(self.db, kind, str(file), NOW_S)

    def report(self, boot_count: int = 9, nonce: bytes = NONCE, outcomes: tuple = (), topic: str | None = None, **changed: Any) -> None:
        body: dict[Any, Any] = {1: boot_count, 2: nonce, 3: 256, 4: NOW_S, 5: 3, 6: "KeyError: 7", 7: 900, 8: 0, 9: 0}
        body[10] = [list(outcome) for outcome in outcomes]
        check("safe-report", cbor2.dumps(body, canonical=True))
        body.update({int(key[1:]): value for key, value in changed.items()})
        sealed = self.gateway.seal(body, topic or self.gateway.topic("up/status"))
        status = {1: True, 11: bytes(8), 13: {}, 16: sealed}
        check("safe", cbor2.dumps(status, canonical=True))
        ingest(self.db, self.gateway.topic("up/status"), cbor2.dumps(status), NOW_S)

    def sent(self) -> list[tuple[str, dict[int, Any]]]:
        """What leaves now, opened."""
        self.now_ms += 100_000
        parcels = self.outgoing.due(self.now_ms, NOW_S + 10)
        return [(one.topic.rpartition("/")[2], self.gateway.unseal(one.payload, one.topic)) for one in parcels]

    def stay(self) -> dict[str, Any]:
        row = self.db.row("SELECT * FROM safe_modes")
        return {} if row is None else {name: row[name] for name in row.keys()}

    def counter(self, name: str) -> int:
        return self.db.number("SELECT value FROM counters WHERE name = ?", name)


@pytest.fixture
def place(tmp_path):
    made = Place(tmp_path)
    yield made
    made.db.close()


def test_only_an_authentic_report_that_is_not_older_is_believed(place):
    place.report(topic="pg1/gw-001/up/journal")
    assert place.stay() == {} and place.counter("bad_mac") == 1
    for name, value in (("k2", b"short"), ("k1", -1), ("k6", 5), ("k10", [[1, 2]]), ("k10", 5), ("k9", True)):
        body = {1: 9, 2: NONCE, 3: 256, 4: 0, 5: 3, 6: "", 7: 0, 8: 0, 9: 0, 10: []} | {int(name[1:]): value}
        status = {1: True, 16: place.gateway.seal(body, place.gateway.topic("up/status"))}
        ingest(place.db, place.gateway.topic("up/status"), cbor2.dumps(status), NOW_S)
    assert place.stay() == {} and place.counter("bad_fields") == 6
    place.report(9)
    place.report(8, NEXT)
    assert (place.stay()["nonce"], place.stay()["boot_count"], place.counter("safe_report_old")) == (NONCE, 9, 1)
    row = lists.gateways(place.db)[0]
    assert row["mode"] == "SAFE MODE: KeyError: 7" and row["online"] and any("lives in a row broke" in said for said in row["reports"])


def test_a_normal_status_of_a_later_life_ends_it_and_a_report_brings_it_back(place):
    place.report()
    ingest(place.db, place.gateway.topic("up/status"), place.gateway.status_payload(k5=9), NOW_S)
    assert place.stay()["ended_s"] is None, "of the same life: a recorded one"
    ingest(place.db, place.gateway.topic("up/status"), place.gateway.status_payload(k5=10), NOW_S)
    assert place.stay()["ended_s"] == NOW_S
    place.report(11, NEXT)
    assert (place.stay()["ended_s"], place.stay()["nonce"]) == (None, NEXT)


def test_who_pays_enough_is_restored_once_and_the_payment_itself_waits(place):
    place.report()
    commands.top_up(place.db, str(ANN), "6.40", "a", NOW_S)
    assert place.sent() == [], "0.90: not enough to restore"
    commands.top_up(place.db, str(ANN), "0.10", "b", NOW_S + 1)
    (found,) = place.sent()
    assert found[0] == "orders" and found[1] == {1: 20, 2: ANN, 3: 1, 4: 0xFFFFFFFF, 5: 2, 6: 1, 7: stay_of(ANN)}
    check("order", cbor2.dumps(found[1], canonical=True))
    check("stay-meter", found[1][7])
    assert len(place.sent()) == 1, "again, and no other"
    place.report(outcomes=[(20, ANN, 1, 2, 1, 1, 0, VERIFIED, 0, 0, NOW_S)])
    assert place.sent() == [], "it is told"
    assert place.db.number("SELECT count(*) FROM credits WHERE receipt = 'pending'") == 2
    commands.top_up(place.db, str(ANN), "3.00", "c", NOW_S + 2, 7)
    ((_, order),) = place.sent()
    assert (order[3], order[5], order[6]) == (2, 1, 7), "the hold goes on until the newest, of whatever issuer"


def test_without_safe_mode_nobody_is_restored_so(place):
    commands.top_up(place.db, str(ANN), "60.00", "a", NOW_S)
    assert [topic for topic, _ in place.sent()] == ["credits", "orders"]
    assert place.db.row("SELECT 1 FROM orders") is None


def test_what_needs_the_books_is_held_back_until_the_stay_is_over(place):
    place.report()
    commands.top_up(place.db, str(ANN), "0.01", "a", NOW_S)
    for what in ("hold", "release", "restore", "cut"):
        commands.order(place.db, str(BOB), what, 60, NOW_S)
    commands.release_brake(place.db, "gw-001", NOW_S)
    place.document("tariff", TARIFF)
    sent = place.sent()
    assert [(topic, body[1], body[7]) for topic, body in sent] == [("orders", 2, stay_of(BOB)), ("orders", 1, None)]
    ingest(place.db, place.gateway.topic("up/status"), place.gateway.status_payload(k5=10), NOW_S)
    sent = place.sent()
    assert sorted((topic, body[1]) for topic, body in sent) == [
        ("credits", ANN), ("orders", 1), ("orders", 2), ("orders", 3), ("orders", 4), ("orders", 5), ("orders", 6), ("orders", 7),
    ]  # fmt: skip
    assert [body[7] for _, body in sent if body[1] == 2] == [None]


def test_outcomes_end_the_resending_and_older_orders_of_their_sort(place):
    place.report()
    for what in ("restore", "cut", "restore", "cut"):
        commands.order(place.db, str(BOB), what, 60, NOW_S)
    outcomes = [(2, BOB, 3, 0, 0, 1, 0, 1, 0, 0, 0), (1, BOB, 4, 0, 0, 2, 11, 0, 0, 0, 0), (2, BOB, 99, 0, 0, 1, 0, 5, 0, 0, 0)]
    place.report(outcomes=outcomes)
    states = [row["state"] for row in place.db.rows("SELECT state FROM orders ORDER BY number")]
    assert (states, place.sent(), place.counter("safe_outcome_unknown")) == (["overtaken", "overtaken", "accepted", "refused"], [], 1)
    place.report(outcomes=[(2, BOB, 3, 0, 0, 1, 0, VERIFIED, 0, 0, NOW_S)])
    assert place.db.number("SELECT phase FROM safe_outcomes WHERE number = 3") == VERIFIED
    record = place.gateway.append("ORDER", account=BOB, number=3, order=2, verdict=1, reason=0, failed=0, credit_number=0, expires_at_s=0)
    ingest(place.db, place.gateway.topic("up/journal"), place.gateway.journal_payload(record), NOW_S)
    assert place.db.number("SELECT record_sequence FROM orders WHERE number = 3") == record, "the books have it"


def test_a_document_is_taken_away_and_not_sent_again(place):
    for version in (1, 2, 3):
        place.document("tariff", {**TARIFF, "version": version})
    place.db.run("INSERT INTO deliveries SELECT 1, what, id, version, 'accepted', NULL, 1 FROM documents WHERE version < 3")
    with pytest.raises(BadInput, match="not in safe mode"):
        safe_mode.take_away(place.db, "gw-001", "tariff", 1, 2, 3, NOW_S)
    place.report()
    for version, instead, said in ((9, None, "version 9 is not kept"), (2, 9, "instead"), (2, 2, "another")):
        with pytest.raises(BadInput, match=said):
            safe_mode.take_away(place.db, "gw-001", "tariff", 1, version, instead, NOW_S)
    assert safe_mode.take_away(place.db, "gw-001", "tariff", 1, 2, 3, NOW_S)["number"] == 1
    assert safe_mode.leave(place.db, "gw-001", NOW_S)["number"] == 2
    (swap, leave) = [body for _, body in place.sent()]
    assert cbor2.loads(swap[7])[1] == NONCE and cbor2.loads(leave[7]) == {1: NONCE}
    check("swap", swap[7])
    place.report(outcomes=[(22, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0), (21, 0, 2, 0, 0, 1, 0, 0, 0, 0, 0)])
    rows = place.db.rows("SELECT version, state, reason FROM deliveries WHERE what = 1 ORDER BY version")
    assert [tuple(row) for row in rows] == [(1, "accepted", None), (2, "refused", 12), (3, "accepted", None)]
    ingest(place.db, place.gateway.topic("up/status"), place.gateway.status_payload(k5=10), NOW_S)
    assert place.sent() == []


def test_orders_for_a_stay_do_not_outlive_it(place):
    place.report()
    safe_mode.leave(place.db, "gw-001", NOW_S)
    assert [body[1] for _, body in place.sent()] == [21]
    ingest(place.db, place.gateway.topic("up/status"), place.gateway.status_payload(k5=10), NOW_S)
    assert [body[1] for _, body in place.sent()] == [6], "the policy alone"
    place.report(11, NEXT)
    assert [cbor2.loads(body[7]) for _, body in place.sent()] == [{1: NEXT}], "the operator wants it out of there, a day long"
    assert place.outgoing.due(10**9, NOW_S + 86_401) == []


def test_the_command_shows_it_and_names_what_is_wrong(place, capsys):
    path = str(place.db.path)
    assert main(["--db", path, "safe-mode", "gw-001"]) == 2 and "not in safe mode" in capsys.readouterr().err
    assert main(["--db", path, "safe-mode", "gw-002"]) == 2 and "unknown" in capsys.readouterr().err
    place.report(outcomes=[])
    commands.order(place.db, str(BOB), "cut", 60, NOW_S)
    place.report(outcomes=[(1, BOB, 1, 0, 0, 2, 11, 0, 0, 0, 0)])
    assert main(["--db", path, "safe-mode", "gw-001"]) == 0
    said = capsys.readouterr().out
    assert "SAFE MODE" in said and "KeyError: 7" in said and "order 1 cut refused: nobody is cut in safe mode" in said
    assert main(["--db", path, "safe-mode", "gw-001", "take-away"]) == 2
    assert main(["--db", path, "safe-mode", "gw-001", "leave", "tariff"]) == 2
    assert main(["--db", path, "safe-mode", "gw-001", "leave"]) == 0
    assert main(["--db", path, "gateways"]) == 0 and "SAFE MODE: KeyError: 7" in capsys.readouterr().out
