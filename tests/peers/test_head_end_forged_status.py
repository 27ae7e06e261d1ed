"""The firmware on MicroPython, a real Mosquitto, the head-end, and somebody else who publishes on the gateway's status topic."""

import os
import time

import cbor2
import paho.mqtt.client as mqtt
import pytest

from host_tools.head_end import commands
from host_tools.head_end.database import Database
from tests.running_gateway import GATEWAY, Gateway, Scene, meters
from tests.scenarios import bad_links
from tests.scenarios.many_lives import head_end

pytestmark = pytest.mark.slow
TOPIC = f"pg1/{GATEWAY}/up/status"
FORGING_S = 15


def forged(sequence: int, epoch: int = 1) -> bytes:
    body = {1: True, 2: epoch, 3: sequence, 4: os.urandom(8), 5: 1, 6: 1, 7: 1, 8: 3, 9: 0, 10: 0, 11: os.urandom(8), 12: 1}
    return cbor2.dumps(body | {13: {}, 14: 0, 15: False}, canonical=True)


def test_a_forged_status_neither_stops_cuts_nor_brings_a_state(tmp_path):
    with bad_links.broker(tmp_path) as broker:
        scene = Scene(tmp_path / "site", 1, baud=19200, reply_delay_ms=2, port=broker.port, limits={"sync_answer_timeout_ms": 2_000})
        database = tmp_path / "head_end.db"
        db = Database(database)
        commands.import_site(db, str(scene.root / "settings.json"), str(scene.root / "key"))
        forger = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="forger")
        with meters(scene), head_end(database, broker.port), Gateway(scene) as gateway:
            gateway.wait_for(lambda: gateway.now and gateway.now["journal"]["acked"] > 0, "the books are kept")
            forger.connect("127.0.0.1", broker.port)
            forger.loop_start()
            standings, until = set(), time.monotonic() + FORGING_S
            while time.monotonic() < until:
                for payload in (forged(1), forged(10_000, epoch=7), cbor2.dumps({1: False})):
                    forger.publish(TOPIC, payload, qos=1, retain=True).wait_for_publish(5)
                time.sleep(0.5)
                standings.add((gateway.now["link"]["standing"], gateway.now["link"]["gate_open"]))
            forger.disconnect()
            forger.loop_stop()
            commands.top_up(db, "1001", "5.00", "while-forged", int(time.time()))
            gateway.wait_for(lambda: db.number("SELECT count(*) FROM credits WHERE receipt = 'applied'") == 1, "a payment still arrives")
        assert standings == {(0, True)}
        told = db.row("SELECT * FROM gateways")
        assert (told["comparison"], told["given_epoch"], told["epoch"]) == (0, 0, 1)
        counters = {row["name"]: row["value"] for row in db.rows("SELECT * FROM counters")}
        assert counters["status_contradicted"] >= 3 and "behind" not in counters and "fork" not in counters
        db.close()
