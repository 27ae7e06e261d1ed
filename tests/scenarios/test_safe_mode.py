"""A poisoned tariff breaks three lives; the customer pays; the light comes on - with real parts (issue: safe mode).

The firmware on MicroPython from a copy with a bug in it, Mosquitto, simulated meters on a pty, the head-end and its database. The bug:
one price cannot be multiplied. Its tariff reaches the gateway as any other does; what cures it comes from afar, too.
"""

import contextlib
import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cbor2
import paho.mqtt.client as paho
import pytest

from host_tools.head_end import commands, lists, safe_mode
from host_tools.head_end.database import Database
from host_tools.head_end.reconcile import reconcile
from host_tools.head_end.why import why
from host_tools.set_up import paths
from host_tools.simulators.client import SiteClient
from tests.peers.mqtt_world import Broker, sealed, until
from tests.running_gateway import GATEWAY, PREPAID, TARIFF, Gateway, Scene, meters
from tests.scenarios.many_lives import head_end

ANN, BOB, CEM = (Scene.account(index) for index in range(3))  # Ann is cut and pays, Bob has paid, Cem is cut and owes
POISON, CURE = 2, 3
BUG = ("            price = tariff.price_of(rate)\n", "            price = tariff.price_of(rate)\n            1 // (price - 66660)\n")
WAIT_S = 60.0
QUIET_S = 6.0  # several readings, looks and notice periods


class Place:
    """Everything that runs, and who looks at it."""

    def __init__(self, scene: Scene, gateway: Gateway, db: Database, site: SiteClient, client: paho.Client) -> None:
        self.scene, self.gateway, self.db, self.site, self.client = scene, gateway, db, site, client

    def dark(self) -> list[bool]:
        """Relay open?, by meter."""
        return [meter.relay is not None and meter.relay.open for meter in self.site.state().meters]

    def movements(self) -> list[int]:
        return [meter.relay.movements for meter in self.site.state().meters if meter.relay is not None]

    def tariff(self, version: int, price: str) -> None:
        file = self.scene.folder / f"tariff_{version}.json"
        file.write_text(json.dumps({**TARIFF, "version": version, "prices": {"total": price}}))
        commands.set_document(self.db, "tariff", str(file), int(time.time()))

    def pay(self, account: int, amount: str, reference: str) -> None:
        commands.top_up(self.db, str(account), amount, reference, int(time.time()))

    def order(self, account: int, code: int) -> dict[str, Any]:
        row = self.db.row("SELECT * FROM orders WHERE account = ? AND code = ? ORDER BY id DESC", account, code)
        return {} if row is None else {name: row[name] for name in row.keys()}

    def fields(self, account: int, kind: int) -> list[dict[str, Any]]:
        rows = self.db.rows("SELECT fields FROM records WHERE account = ? AND kind = ? ORDER BY sequence", account, kind)
        return [json.loads(row["fields"]) for row in rows]

    def publish(self, payload: bytes) -> None:
        self.client.publish(f"pg1/{GATEWAY}/down/orders", payload, qos=1).wait_for_publish(5)

    def stay(self) -> dict[str, Any]:
        row = self.db.row("SELECT * FROM safe_modes")
        return {} if row is None else {name: row[name] for name in row.keys()}


def copy_with_bug(folder: Path) -> Path:
    """What the gateway's process needs of the checkout, with one line more."""
    for name in ("firmware", "board_configs"):
        shutil.copytree(paths.checkout() / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "tests").mkdir()
    for name in ("__init__.py", "gateway_program.py"):
        shutil.copy(paths.checkout() / "tests" / name, folder / "tests" / name)
    pricing = folder / "firmware/tariff/pricing.py"
    text = pricing.read_text()
    assert text.count(BUG[0]) == 1
    pricing.write_text(text.replace(*BUG))
    return folder


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with contextlib.ExitStack() as stack:
        broker = Broker(tmp_path, "user root\n")
        broker.start()
        stack.callback(broker.stop)
        scene = Scene(tmp_path / "site", meters=3, baud=9600, reply_delay_ms=20, port=broker.port, energy_speed=600, policy=PREPAID)
        db = Database(tmp_path / "head_end.db")
        stack.callback(db.close)
        commands.import_site(db, str(scene.root / "settings.json"), str(scene.root / "key"))
        for kind in ("tariff", "policy"):
            commands.set_document(db, kind, str(scene.root / f"{kind}_1_1.json"), int(time.time()))
        stack.enter_context(meters(scene))
        stack.enter_context(head_end(tmp_path / "head_end.db", broker.port))
        client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        client.connect("127.0.0.1", broker.port)
        client.loop_start()
        stack.callback(client.loop_stop)
        site = stack.enter_context(SiteClient(scene.control))
        gateway = Gateway(scene, copy_with_bug(tmp_path / "copy"))
        stack.callback(gateway.kill)
        yield Place(scene, gateway, db, site, client)


def test_a_poisoned_tariff_breaks_three_lives_the_customer_pays_and_the_light_comes_on(place):
    _usual_life(place)
    _three_lives(place)
    _the_light(place)
    _what_is_refused(place)
    _the_cure(place)
    _usual_life_again(place)


def _usual_life(place: Place) -> None:
    place.pay(BOB, "100.00", "bob")
    place.gateway.start()
    until(lambda: place.dark() == [True, False, True], "two are cut lawfully", WAIT_S)
    until(lambda: place.db.row("SELECT 1 FROM credits WHERE receipt = 'pending'") is None, "bob's payment is booked", WAIT_S)
    until(lambda: len(place.fields(ANN, 15)) >= 2 and place.fields(CEM, 15)[-1]["seen"] == 2, "the cuts are heard of", WAIT_S)


def _three_lives(place: Place) -> None:
    place.tariff(POISON, "6.6660")
    moved = place.movements()
    assert place.gateway.ended() == 1
    for _ in range(2):
        place.gateway.start()
        assert place.gateway.ended() == 1
    assert any("ZeroDivisionError" in line for line in place.gateway.other), place.gateway.other
    assert (place.dark(), place.movements()) == ([True, False, True], moved), "supply stays as it is"
    place.gateway.start()
    place.gateway.wait_for(lambda: place.gateway.boot.get("mode") == "safe", "safe mode")
    until(lambda: place.stay().get("ended_s", 0) is None, "the head-end knows", WAIT_S)
    assert "ZeroDivisionError" in place.stay()["fault"] and place.stay()["broken"] == 3
    assert "SAFE MODE" in str(lists.gateways(place.db)[0]["mode"])


def _the_light(place: Place) -> None:
    place.pay(ANN, "0.50", "ann, too little")
    time.sleep(1.5)
    assert place.order(ANN, 20) == {} and place.dark()[0], "what does not restore restores nobody"
    place.pay(ANN, "25.00", "ann")
    until(lambda: not place.dark()[0], "the light comes on", WAIT_S)
    until(lambda: place.db.row("SELECT 1 FROM safe_outcomes WHERE account = ? AND phase = 5", ANN), "it is proven and told", WAIT_S)
    assert place.order(ANN, 20)["state"] == "accepted" and place.order(ANN, 20)["credit_number"] == 2
    assert "RESTORED in safe mode" in str(lists.accounts(place.db)[0]["supply"])
    assert place.db.number("SELECT count(*) FROM credits WHERE receipt = 'pending'") == 2, "no word about money"


def _what_is_refused(place: Place) -> None:
    moved, topic = place.movements(), f"pg1/{GATEWAY}/down/orders"
    commands.order(place.db, str(BOB), "cut", 60, int(time.time()), ["hours", "notice", "fresh"])
    until(lambda: place.order(BOB, 1)["state"] == "refused", "the cut is refused, and told", WAIT_S)
    assert place.order(BOB, 1)["reason"] == 11
    recorded = {1: 2, 2: CEM, 3: 50, 4: 2**32 - 1, 5: 0, 6: 0, 7: None}
    meter = bytes.fromhex(Scene.address(2))[::-1]
    of_another_stay = {**recorded, 7: cbor2.dumps({1: bytes(8), 2: meter})}
    forged = {**recorded, 7: cbor2.dumps({1: place.stay()["nonce"], 2: meter})}
    for payload in (sealed(topic, recorded), sealed(topic, of_another_stay), sealed(topic, forged, b"\x11" * 32), cbor2.dumps(forged)):
        place.publish(payload)
    place.publish(sealed(topic.replace("orders", "credits"), forged))  # authentic, but for another topic
    until(lambda: place.stay()["strange"] == 2, "they are counted", WAIT_S)
    time.sleep(1)
    assert (place.dark(), place.movements()) == ([False, False, True], moved)


def _the_cure(place: Place) -> None:
    place.gateway.kill()  # a power cut in the middle of it
    place.gateway.start()
    place.gateway.wait_for(lambda: place.gateway.boot.get("mode") == "safe", "the same stay")
    place.tariff(CURE, "0.5600")
    now_s = int(time.time())
    safe_mode.take_away(place.db, GATEWAY, "tariff", 1, POISON, CURE, now_s)
    safe_mode.leave(place.db, GATEWAY, now_s)
    assert place.gateway.ended(WAIT_S) == 0
    names = sorted(path.name for path in place.scene.root.glob("tariff_*"))
    assert names == ["tariff_1_1.json", "tariff_1_3.json"]


def _usual_life_again(place: Place) -> None:
    moved = place.movements()
    place.gateway.start()
    db = place.db
    until(lambda: db.row("SELECT 1 FROM credits WHERE receipt = 'pending'") is None, "the payments are booked", WAIT_S)
    assert place.gateway.boot.get("mode") is None and place.stay()["ended_s"]
    time.sleep(QUIET_S)
    assert (place.dark(), place.movements()) == ([False, False, True], moved), "nobody is cut again"
    assert [credit["number"] for credit in place.fields(ANN, 7)] == [1, 2], "each once"
    orders = [(one["order"], one["verdict"], one["reason"]) for account in (ANN, BOB) for one in place.fields(account, 16)]
    assert orders == [(20, 1, 0), (1, 2, 11)]
    last = place.fields(ANN, 13)[-1]
    assert (last["verdict"], last["reason"], last["order"]) == (2, 4, place.order(ANN, 20)["number"])
    assert place.order(ANN, 20)["record_sequence"] and place.order(BOB, 1)["record_sequence"]
    assert place.fields(ANN, 18)[-1]["flags"] & 32 == 0, "no longer held on"
    text = "\n".join(str(line) for line in why(db, ANN)["text"])
    assert "restore for a payment" in text and "relay restore verified" in text, text
    results, others = reconcile(db)
    assert others + [sentence for result in results for sentence in result.differences] == []
    states = {row["version"]: (row["state"], row["reason"]) for row in db.rows("SELECT * FROM deliveries WHERE what = 1")}
    assert states == {1: ("accepted", 9), POISON: ("refused", 12), CURE: ("accepted", None)}
    assert (place.scene.root / "safe_mode").exists() is False
