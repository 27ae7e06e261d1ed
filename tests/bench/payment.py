"""From a payment at the head-end to the relay read back closed: Mosquitto, head-end, gateway, meters, all real processes.

Every household starts below its floor and is cut; then they pay one after the other, while the bus goes on reading. Against
it stands the wire time of the exchanges that a restore needs: date, time, status, command, status read back.
"""

import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from host_tools.head_end import commands
from host_tools.head_end.database import Database
from host_tools.set_up import paths
from tests.bench import wire
from tests.bench.rows import Row
from tests.peers.mqtt_world import HOST
from tests.running_gateway import CLOSED, OPEN, PREPAID, Gateway, Scene, meters
from tests.scenarios.bad_links import broker

METERS = 5
BAUD = 2400
ANSWER_MS = 100
LOOK_MS = 300  # between the command and the first look at the status word
RESTORE = (wire.DATE, wire.TIME, wire.STATUS, wire.RELAY, wire.STATUS)
LIMITS = {"reconnect_first_ms": 200, "supply_retry_s": 10}


def measure() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder, broker(Path(folder)) as one:
        scene = Scene(
            Path(folder) / "site", METERS, BAUD, ANSWER_MS, port=one.port, load_w=600, energy_speed=10, limits=LIMITS, policy=PREPAID
        )
        database = Path(folder) / "head_end.db"
        db = Database(database)
        try:
            commands.import_site(db, str(scene.root / "settings.json"), str(scene.root / "key"))
            for kind in ("tariff", "policy"):
                commands.set_document(db, kind, str(scene.root / f"{kind}_1_1.json"), int(time.time()))
            with head_end(database, one.port), meters(scene), Gateway(scene) as gateway:
                took_ms = [_pay(scene, gateway, db, index) for index in range(METERS)]
        finally:
            db.close()
    limit_ms = wire.limit_ms(RESTORE, BAUD, ANSWER_MS)
    bytes_of = [wire.exchange_bytes(exchange) for exchange in RESTORE]
    note = (
        f"median of {METERS}, longest {max(took_ms):.0f}; date, time, status, command, status: bytes {bytes_of} x 11 / {BAUD}"
        f" + 5 x {ANSWER_MS} ms; besides, the firmware waits {LOOK_MS} ms before it looks, and for a reading that has begun"
    )
    return [Row("payment to relay read back closed", round(statistics.median(took_ms)), "ms", round(limit_ms), "the wire", note)]


def _pay(scene: Scene, gateway: Gateway, db: Database, index: int) -> float:
    account = scene.account(index)
    gateway.wait_for(
        lambda: gateway.accounts.get(account, {}).get("seen") == OPEN and not gateway.now["bus"]["orders"], f"{account} is cut", 90
    )
    began = time.monotonic()
    commands.top_up(db, str(account), "50.00", f"payment-{account}", int(time.time()))
    gateway.wait_for(lambda: _closed(gateway, account, began), f"{account} is closed again")
    return 1_000 * (_closed(gateway, account, began)[0]["heard_s"] - began)


def _closed(gateway: Gateway, account: int, since_s: float) -> list[dict]:
    return [one for one in gateway.records_of("SEEN", account=account, seen=CLOSED) if one["heard_s"] > since_s]


@contextlib.contextmanager
def head_end(database: Path, port: int) -> Iterator[None]:
    """`head_end serve` as a process of its own for the block."""
    command = [sys.executable, "-m", "host_tools.head_end", "--db", str(database), "serve", "--broker", f"{HOST}:{port}"]
    process = subprocess.Popen(
        command, cwd=paths.checkout(), env=dict(os.environ), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
