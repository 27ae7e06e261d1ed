"""Safe mode on the emulated board, in the heap of a real part with the settings of 200 accounts: three resets by a bug lead there, the
console says so, a signed restore goes out over modem and broker to the meter, a cut does not, and flash.py's order is taken.

The bug is in main.py on the board's files: the application in the slot is the one that everybody gets.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cbor2
import paho.mqtt.client as paho
import pytest

from board_configs.qemu_mps2 import wiring
from host_tools.emulator.machine import MODEM
from host_tools.flash import files_image
from host_tools.set_up import paths
from host_tools.simulators.client import SiteClient
from host_tools.simulators.modem.running import spawned
from tests.boards.board_kit import code_for_prompt
from tests.boards.live_board import LiveBoard
from tests.peers import certificates
from tests.peers.mqtt_world import Broker, opened, sealed, until
from tests.running_gateway import GATEWAY, Scene, meters

METERS, STANDING = 200, 2
WAIT_S = 120.0
LIMITS = {"meters_max": METERS, "accounts_max": METERS, "reconnect_first_ms": 500, "reconnect_max_ms": 2_000}
HEAP_MAX = 150 * 1024  # used when all of it runs, 127 KB when this was written; the usual life has 180 KB before its uplink
BUG = """
from firmware import main
def load(documents, tariffs, policies):
    raise ValueError("a poisoned price")
main.Documents.load = load
main.main("qemu_mps2")
"""
TOPIC = f"pg1/{GATEWAY}/down/orders"


class Air:
    """The broker from outside: the gateway's reports, and what is published to it."""

    def __init__(self, port: int) -> None:
        self.reports: list[dict[int, Any]] = []
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        self._client.on_message = self._hear
        self._client.connect("127.0.0.1", port)
        self._client.subscribe("pg1/+/up/#", qos=1)
        self._client.loop_start()

    def _hear(self, client: Any, userdata: Any, message: Any) -> None:
        status = cbor2.loads(message.payload) if message.topic.endswith("/status") else {}
        if 16 in status:
            self.reports.append(cbor2.loads(opened(message.topic, status[16])))

    def send(self, code: int, account: int, number: int, nonce: bytes | None, meter: str) -> None:
        document = None if nonce is None else cbor2.dumps({1: nonce, 2: bytes.fromhex(meter)[::-1]})
        body = {1: code, 2: account, 3: number, 4: 2**32 - 1, 5: 0, 6: 0, 7: document}
        self._client.publish(TOPIC, sealed(TOPIC, body), qos=1).wait_for_publish(5)

    def outcome(self, account: int) -> list[int]:
        return next((row for report in reversed(self.reports) for row in report[10] if row[1] == account), [0] * 11)

    def close(self) -> None:
        self._client.loop_stop()


def with_bug(live: LiveBoard) -> None:
    """Put it into main.py, and two hundred accounts into the settings."""
    files = files_image.read_littlefs(live.flash.read("files"), wiring.ERASE_SIZE)
    code = "\n".join("    " + line for line in code_for_prompt(BUG).splitlines())
    files["main.py"] = f"if application:\n    import micropython\n    micropython.kbd_intr(-1)\n{code}\n".encode()
    live.flash.write("files", files_image.build_littlefs(files, len(live.flash.read("files")), wiring.ERASE_SIZE, 32))


def cut_by_hand(scene: Scene) -> None:
    """Its relay is open before the board is there."""
    secret = scene.folder / "password"
    secret.write_text("000000\n")
    command = [sys.executable, "-m", "host_tools.bus", "relay", scene.address(0), "cut", "--yes", "--port", str(scene.line)]
    command += ["--model", str(scene.models / "export_1p.json"), "--password-file", str(secret), "--utc-offset-min", "0"]
    done = subprocess.run(command, cwd=paths.checkout(), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def board(tmp_path: Path) -> Iterator[tuple[LiveBoard, SiteClient, Air]]:
    broker = Broker(tmp_path, "user root\n")
    broker.start()
    scene = Scene(tmp_path / "site", meters=METERS, baud=19_200, reply_delay_ms=20, limits=LIMITS)
    settings = json.loads((scene.root / "settings.json").read_text())
    uplink = {"host": certificates.NAME, "port": broker.port, "keep_alive_s": 5, "modem": {"apn": "internet"}}
    (scene.root / "settings.json").write_text(json.dumps({**settings, "uplink": uplink}))
    place = json.loads((scene.folder / "site.json").read_text())
    (scene.folder / "site.json").write_text(json.dumps({**place, "meters": place["meters"][:STANDING]}))
    way, control = tmp_path / "modem", tmp_path / "control"
    try:
        with meters(scene), spawned(way, control, "--host", f"{certificates.NAME}=10.0.2.2"), SiteClient(scene.control) as site:
            cut_by_hand(scene)
            live = LiveBoard(tmp_path, scene, {}, at_prompt=False)
            with_bug(live)
            live.machine.ways[MODEM] = str(way)
            air = Air(broker.port)
            try:
                live.start()
                yield live, site, air
            finally:
                live.stop()
                air.close()
    finally:
        broker.stop()


def test_three_resets_lead_to_safe_mode_and_a_signed_restore_works_in_it(board, capsys):
    live, site, air = board
    lit, dark = Scene.account(1), Scene.account(0)
    boot = live.boot(WAIT_S)
    assert "ValueError: a poisoned price" in live.other, live.other
    assert (boot["mode"], boot["fault"]) == ("safe", "start: ValueError: a poisoned price")
    about = live.status()["about"]
    assert (about["mode"], about["meters"]) == ("safe", METERS)
    assert "Traceback" in live.last_fault() and live.status()["safe_mode"]["broken"] == 3
    until(lambda: air.reports, "the report is with the broker", WAIT_S)
    nonce = air.reports[-1][2]
    air.send(2, dark, 1, bytes(8), Scene.address(0))  # of another stay
    air.send(2, dark, 1, None, Scene.address(0))  # of a usual life
    air.send(1, lit, 5, nonce, Scene.address(1))
    until(lambda: air.outcome(lit)[5:7] == [2, 11] and air.reports[-1][9] == 2, "a cut and old orders are refused", WAIT_S)
    assert [meter.relay.open for meter in site.state().meters] == [True, False]
    air.send(2, dark, 2, nonce, Scene.address(0))
    until(lambda: not site.state().meters[0].relay.open, "the light comes on", WAIT_S)
    until(lambda: air.outcome(dark)[7] == 5, "its proof is told", WAIT_S)
    memory = live.status()["memory"]
    with capsys.disabled():
        print(f"\n  safe mode with the settings of {METERS} accounts, modem and broker: {memory}")
    assert memory["heap"] + memory["free"] < wiring.HEAP_BYTES and memory["heap"] < HEAP_MAX
    live.to_prompt()
    live.said("maintenance for 3600 s")
    live.said(">>> ")
    time.sleep(0.2)
    live.send(b"print(open('/boot_count').read().split()[2:], 'safe_mode' in __import__('os').listdir('/'))\r\n")
    live.said("['0', '0'] True")
