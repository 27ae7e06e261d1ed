"""What the head-end sends, and what the simulated gateway of these tests sends, fits the normative CDDL."""

from pathlib import Path

import cbor2
import pycddl
import pytest

from host_tools.head_end import commands, state
from host_tools.head_end.database import Database
from host_tools.head_end.heard import Heard
from host_tools.head_end.ingest import ingest
from host_tools.head_end.outgoing import Outgoing
from tests.host.head_end.simulated_gateway import NOW_S, SimulatedGateway

CDDL = (Path(__file__).resolve().parents[3] / "firmware/sync/messages.cddl").read_text()
# pycddl 0.6 knows neither a range below zero, nor a range as the key of a table, nor an unnamed choice inside an array;
# all three are lawful CDDL, so they are said to it in other words
CDDL = CDDL.replace("i64 = -9223372036854775808..9223372036854775807", "i64 = int").replace("* u32 =>", "* uint =>")
CDDL = CDDL.replace("power_w: u32 / null", "power_w: maybe-u32").replace("status_word: u16 / null", "status_word: maybe-u16")
CDDL += "\nmaybe-u32 = u32 / null\nmaybe-u16 = u16 / null\n"


def check(rule: str, content: bytes) -> None:
    """The first rule of a CDDL text is what is validated."""
    pycddl.Schema(f"checked = {rule}\n{CDDL}").validate_cbor(content)


def test_everything_sent_down_fits_the_cddl(tmp_path):
    db, gateway = Database(tmp_path / "head_end.db"), SimulatedGateway()
    commands.add_gateway(db, "gw-001", gateway.key)
    for account in range(1001, 1040):
        commands.add_account(db, "gw-001", account, f"{account:012d}", 1, 1)
    gateway.begin()
    assert ingest(db, gateway.topic("up/journal"), gateway.journal_payload(1), NOW_S) is not None
    commands.top_up(db, "1001", "12.50", "ref-1", NOW_S)
    commands.order(db, "1001", "cut", 30, NOW_S, ["hours"])
    commands.release_brake(db, "gw-001", NOW_S)
    assert state.give(db, "gw-001", NOW_S) == 2
    outgoing, rules = Outgoing(db), {"credits": "credit", "orders": "order", "acks": "ack"}
    parcels = outgoing.due(0, NOW_S)
    parcels.append(outgoing.acknowledge(Heard("gw-001", "journal", 7, 9, bytes(8)), 0, NOW_S))
    parcels.append(outgoing.acknowledge(Heard("gw-001", "journal"), 0, NOW_S))
    assert len(parcels) == 1 + 1 + 1 + 3 + 2
    for parcel in parcels:
        assert len(parcel.payload) < 4096, "must fit a packet of the gateway"
        body = gateway.unseal(parcel.payload, parcel.topic)
        check(rules[parcel.topic.rsplit("/", 1)[1]], cbor2.dumps(body, canonical=True))
        if body.get(1) == 8 and parcel.topic.endswith("orders"):
            check("state", body[7])


def test_the_simulated_gateway_says_what_the_cddl_allows():
    gateway = SimulatedGateway()
    gateway.begin()
    message = cbor2.loads(gateway.journal_payload(1))
    check("up-journal", message.value[2])
    check("up-status", gateway.status_payload())
    check("up-readings", gateway.readings_payload(range(1, 4)))


def test_the_cddl_refuses_what_is_wrong():
    with pytest.raises(pycddl.ValidationError):
        check("credit", cbor2.dumps({1: 1001, 2: 0, 3: 1, 4: 1, 5: 1, 6: 1}))
