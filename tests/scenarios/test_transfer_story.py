"""A customer who is off is moved to another gateway, pays on the way, and has light there - with real parts.

Two gateways on MicroPython, Mosquitto, the head-end and its database, a simulated meter that is wired to one line, then to the other.
"""

import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from host_tools.head_end import commands, stays, transfers
from host_tools.head_end.database import Database
from host_tools.head_end.folding import fold, records_of
from host_tools.head_end.reconcile import reconcile
from host_tools.simulators.client import SiteClient
from tests.peers.mqtt_world import Broker, until
from tests.running_gateway import PREPAID, Gateway, Scene, meters
from tests.scenarios.many_lives import head_end

ANN = Scene.account(0)
WAIT_S = 60.0


def scene_at(folder: Path, port: int, name: str, **meter: Any) -> Scene:
    """A line with Ann's meter, or with a stranger's."""
    scene = Scene(folder, meters=1, baud=9600, reply_delay_ms=20, port=port, energy_speed=600, policy=PREPAID)
    settings = json.loads((scene.root / "settings.json").read_text())
    settings["gateway"] = name
    settings["meters"][0].update(meter)
    (scene.root / "settings.json").write_text(json.dumps(settings))
    return scene


def wired(scene: Scene, **changes: Any) -> None:
    """What hangs on the line from the next start on."""
    site = json.loads((scene.folder / "site.json").read_text())
    site["meters"][0].update(changes)
    (scene.folder / "site.json").write_text(json.dumps(site))


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[tuple[Database, Scene, Scene, Gateway, Gateway]]:
    with contextlib.ExitStack() as stack:
        broker = Broker(tmp_path, "user root\n")
        broker.start()
        stack.callback(broker.stop)
        first = scene_at(tmp_path / "a", broker.port, "gw-a")
        second = scene_at(tmp_path / "b", broker.port, "gw-b", arrives=True)
        wired(second, address=Scene.address(7))
        db = Database(tmp_path / "head_end.db")
        stack.callback(db.close)
        for scene in (first, second):
            commands.import_site(db, str(scene.root / "settings.json"), str(scene.root / "key"))
        for kind in ("tariff", "policy"):
            commands.set_document(db, kind, str(first.root / f"{kind}_1_1.json"), int(time.time()))
        stack.enter_context(head_end(tmp_path / "head_end.db", broker.port))
        gateways = [Gateway(scene) for scene in (first, second)]
        for gateway in gateways:
            stack.callback(gateway.kill)
        yield db, first, second, gateways[0], gateways[1]


def dark(client: SiteClient) -> bool:
    relay = client.state().meters[0].relay
    return relay is not None and relay.open


@pytest.mark.slow
def test_who_is_off_is_moved_pays_on_the_way_and_has_light_there(parts):
    db, first, second, there, here = parts
    with meters(second), here:
        until(lambda: waits(db), "the second gateway has told that it waits", WAIT_S)
    with meters(first), SiteClient(first.control) as line, there:
        until(lambda: dark(line) and fold(ANN, records_of(db, ANN)).seen == 2, "she is cut, and it is known", WAIT_S)
        transfers.transfer(db, str(ANN), "gw-b", "new pole", False, int(time.time()))
        until(lambda: stays.on_its_way(db, ANN), "the first one gives her away", WAIT_S)
        commands.top_up(db, str(ANN), "100.00", "on the way", int(time.time()))
        there.wait_for(lambda: there.accounts.get(ANN, {}).get("balance_ucu") == 0, "no balance is left behind")
        time.sleep(2)
        assert dark(line) and receipt(db) == "pending", "nobody cuts, restores or books there any more"
        shown = line.state().meters[0]
    left_ucu = fold(ANN, records_of(db, ANN)).balance_ucu
    wired(second, address=Scene.address(0), forward_cwh=shown.forward_cwh + 1, relay={"initially_open": True})
    with meters(second), SiteClient(second.control) as line, here:
        until(lambda: not dark(line), "the light comes on", WAIT_S)
        until(lambda: receipt(db) == "applied", "her payment is booked, once", WAIT_S)
        here.wait_for(lambda: here.accounts[ANN]["seen"] == 1, "it is seen")
        until(lambda: transfers.listed(db)[0]["state"] == "done", "it is done", WAIT_S)
    results, others = reconcile(db)
    assert (others, results[0].differences) == ([], [])
    (segment,) = results[0].segments
    assert segment["registers"]["0"]["from_cwh"] < shown.forward_cwh < segment["registers"]["0"]["to_cwh"]
    credits = db.rows("SELECT raw FROM records WHERE kind = 7")
    assert len(credits) == 1 and results[0].balance_ucu <= left_ucu + 100_000_000
    assert results[0].balance_ucu == fold(ANN, records_of(db, ANN)).balance_ucu


def waits(db: Database) -> bool:
    row = db.row("SELECT count(*) FROM records r JOIN gateways g ON g.id = r.gateway_id WHERE g.name = 'gw-b' AND kind = 18")
    return row is not None and row[0] > 0


def receipt(db: Database) -> str:
    row = db.row("SELECT receipt FROM credits")
    return "" if row is None else str(row["receipt"])
