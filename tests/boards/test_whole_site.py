"""The board at its fullest: 200 accounts, modem, PPP and TLS with certificates on both sides, in the heap of a real part.

Mosquitto, the head-end with its database and the meters are real processes. The connection is lost and comes back, since TLS wants
its large pieces of the heap again; a payment then finds its way from the database to the account and back.
"""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from board_configs.qemu_mps2 import wiring
from host_tools.emulator.machine import MODEM
from host_tools.head_end import commands
from host_tools.head_end.database import Database
from host_tools.simulators.modem.control import ModemClient
from host_tools.simulators.modem.running import spawned
from tests.boards.live_board import LiveBoard
from tests.peers import certificates
from tests.peers.mqtt_world import HOST, TLS_CONFIG, Broker, free_port, until
from tests.running_gateway import Scene, meters
from tests.scenarios.many_lives import head_end

pytestmark = pytest.mark.slow

METERS = 200
START_S = 120
CONNECT_S = 120
READ_METERS, READ_S = 40, 180  # the first turn of a meter takes a second: clock, register, status, freezes
COIN = 1_000_000
LIMITS = {"meters_max": METERS, "accounts_max": METERS, "reconnect_first_ms": 500, "reconnect_max_ms": 2_000}
ALARM = {"notice": {"level": "5.00", "period_s": 60, "channels": ["alarm"]}}
TLS = {"ca": "ca.der", "name": certificates.NAME, "certificate": "client.der", "key": "client_key.der"}


class Site:
    def __init__(self, live: LiveBoard, modem: ModemClient, db: Database) -> None:
        self.live = live
        self.modem = modem
        self.db = db
        self.used_max = 0

    def connected(self, more_than: int) -> int:
        """Wait until the board has connected more often than that -> how often."""
        end = time.monotonic() + CONNECT_S
        while True:
            status = self.live.status()
            self.used_max = max(self.used_max, status["memory"]["heap"])
            link = status["link"]
            if link["gate_open"] and link["counters"]["100"] > more_than:
                return int(link["counters"]["100"])
            assert time.monotonic() < end, (link, status["memory"])
            time.sleep(0.5)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = certificates.make(tmp_path)
    port = free_port()
    tls = TLS_CONFIG.format(port=port, host=HOST, certificates=tmp_path, server="broker", demands="true")
    broker = Broker(tmp_path, "user root\n" + tls)
    broker.start()
    db = Database(tmp_path / "head_end.db")
    scene = Scene(tmp_path / "site", meters=METERS, baud=19_200, reply_delay_ms=20, limits=LIMITS, policy=ALARM)
    settings = json.loads((scene.root / "settings.json").read_text())
    uplink = {"host": certificates.NAME, "port": port, "keep_alive_s": 5, "modem": {"apn": "internet"}, "tls": TLS}
    (scene.root / "settings.json").write_text(json.dumps({**settings, "uplink": uplink, "poll_period_s": 900}))
    for name, file in (("ca", "ca.der"), ("client", "client.der"), ("client.key", "client_key.der")):
        (scene.root / file).write_bytes((made / f"{name}.der").read_bytes())
    commands.import_site(db, str(scene.root / "settings.json"), str(scene.root / "key"))
    for kind in ("tariff", "policy"):
        commands.set_document(db, kind, str(scene.root / f"{kind}_1_1.json"), int(time.time()))
    way, control = tmp_path / "modem", tmp_path / "control"
    host = ("--host", f"{certificates.NAME}=10.0.2.2")
    try:
        with meters(scene), head_end(tmp_path / "head_end.db", broker.port), spawned(way, control, *host):
            live = LiveBoard(tmp_path, scene, {}, at_prompt=False)
            live.machine.ways[MODEM] = str(way)
            modem = ModemClient(control)
            try:
                live.start()
                yield Site(live, modem, db)
            finally:
                live.stop()
                modem.close()
    finally:
        db.close()
        broker.stop()


def test_two_hundred_accounts_with_modem_and_tls_live_in_the_heap_of_a_real_part(site, capsys):
    live, db = site.live, site.db
    assert live.boot(START_S)["board"] == wiring.NAME
    times = site.connected(0)
    site.modem.drop()
    times = site.connected(times)
    until(lambda: db.number("SELECT count(DISTINCT account) FROM readings") >= READ_METERS, "many meters were read", READ_S)
    account = live.scene.account(METERS - 1)
    commands.top_up(db, str(account), "25.00", "one payment", int(time.time()), 1)
    until(lambda: db.number("SELECT count(*) FROM credits WHERE receipt = 'applied'") == 1, "the receipt of the payment", 60)
    heap = live.status()["memory"]
    with capsys.disabled():
        print(f"\n  {METERS} accounts, modem and TLS: {heap}, {site.used_max} bytes at most when looked at; connected {times} times")
    assert heap["heap"] + heap["free"] < wiring.HEAP_BYTES
    assert not live.last_fault()
