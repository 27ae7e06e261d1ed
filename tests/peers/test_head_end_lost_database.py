"""The firmware on MicroPython, a real Mosquitto and a head-end that lost its database after the gateway had pruned its journal."""

import contextlib
import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from host_tools.head_end import commands, lists
from host_tools.head_end.database import Database
from host_tools.head_end.reconcile import reconcile
from host_tools.head_end.reconcile_gateways import notes
from host_tools.journal_reader import read_region
from host_tools.set_up import paths
from tests import compiled, mortal_region
from tests.running_gateway import GATEWAY, HEAP, Gateway, Scene, meters
from tests.scenarios import bad_links
from tests.scenarios.many_lives import head_end

pytestmark = pytest.mark.slow
ERASE_SIZE, UNIT, JOURNAL_BYTES, READINGS_BYTES = 1024, 32, 16 * 1024, 8 * 1024
LIMITS = {
    "accounts_max": 2, "reconnect_first_ms": 50, "reconnect_max_ms": 200, "uncharged_max_ucu": 300_000, "acked_readings_step": 20,
    "readings_gap_min": 10, "sync_answer_timeout_ms": 2_000,
}  # fmt: skip


class SmallGateway(Gateway):
    """With a journal so small that its oldest records go within seconds."""

    def __init__(self, scene: Scene, region: Path) -> None:
        super().__init__(scene)
        self.region = region

    def start(self) -> None:
        options: dict[str, Any] = {"model_root": str(self._scene.models), "region": str(self.region), "journal_bytes": JOURNAL_BYTES}
        options |= {"erase_size": ERASE_SIZE, "program_unit": UNIT, "seed": 1, "fate": {}}
        file = self._scene.folder / "options.json"
        file.write_text(json.dumps(options))
        environment = {**os.environ, "LAMPLIGHTER_ROOT": str(self._scene.root), "LAMPLIGHTER_LINE": str(self._scene.line)}
        environment["MICROPYPATH"] = compiled.path()
        self._process = subprocess.Popen(
            [str(paths.micropython()), "-X", f"heapsize={HEAP}", "-m", "tests.scenarios.mortal_gateway", str(file)],
            cwd=compiled.folder(), env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True, text=True,
        )  # fmt: skip
        self._thread = threading.Thread(target=self._listen, args=(self._process,), daemon=True)
        self._thread.start()

    def oldest(self) -> int:
        """The oldest record that the region holds."""
        with contextlib.suppress(OSError, ValueError, IndexError):
            copy = shutil.copy(self.region, self._scene.folder / "copy.bin")
            return read_region(copy, ERASE_SIZE, UNIT, JOURNAL_BYTES).records[0].sequence
        return 0


def begun(database: Path, scene: Scene) -> Database:
    db, now_s = Database(database), int(time.time())
    commands.import_site(db, str(scene.root / "settings.json"), str(scene.root / "key"))
    for kind in ("tariff", "policy"):
        commands.set_document(db, kind, str(scene.root / f"{kind}_1_1.json"), now_s)
    return db


def settled(db: Database, gateway: SmallGateway) -> Callable[[], bool]:
    """All credits are receipted and the database keeps up with the gateway."""
    return lambda: (
        db.number("SELECT count(*) FROM credits WHERE receipt != 'applied'") == 0
        and gateway.now["journal"]["sequence"] - db.number("SELECT sequence FROM gateways") < 20
    )


def test_a_head_end_that_lost_its_database_goes_on_with_a_gateway_that_pruned_its_journal(tmp_path):
    with bad_links.broker(tmp_path) as broker:
        scene = Scene(
            tmp_path / "site", 2, baud=19200, reply_delay_ms=2, port=broker.port, load_w=3_000, energy_speed=3_600, limits=LIMITS
        )
        region, database = scene.folder / "region.bin", tmp_path / "head_end.db"
        mortal_region.blank(str(region), JOURNAL_BYTES + READINGS_BYTES, UNIT)
        with meters(scene), SmallGateway(scene, region) as gateway:
            db = begun(database, scene)
            with head_end(database, broker.port):
                gateway.wait_for(lambda: gateway.now, "the first line")
                commands.top_up(db, "1001", "900.00", "before-1", int(time.time()))
                commands.top_up(db, "1002", "800.00", "before-2", int(time.time()))
                gateway.wait_for(settled(db, gateway), "the first payments are receipted")
                gateway.wait_for(lambda: gateway.oldest() > 50, "the gateway prunes its journal", 120)
                assert reconcile(db)[1] == []
            db.close()
            for file in tmp_path.glob("head_end.db*"):
                file.unlink()
            db = begun(database, scene)
            commands.top_up(db, "1001", "11.00", "early", int(time.time()))
            with head_end(database, broker.port):
                gateway.wait_for(lambda: db.number("SELECT count(*) FROM gaps WHERE what = 'records'") == 1, "the gap is named", 90)
                gateway.wait_for(settled(db, gateway), "the payment booked too early arrives", 90)
                commands.top_up(db, "1002", "22.00", "late", int(time.time()))
                gateway.wait_for(settled(db, gateway), "the payment booked after it arrives", 60)
                gateway.wait_for(lambda: db.number("SELECT max(readings_held) FROM gateways") > 0, "readings go on", 120)
                time.sleep(3)
                results, others = reconcile(db)
                (told,) = lists.gateways(db)
            assert [sentence for result in results for sentence in result.differences] == [] and others == []
            assert str(told["missing"]).startswith("['records 1-") and any("records 1 to" in sentence for sentence in notes(db))
            totals = {result.account: result.credits_ucu for result in results}
            assert totals == {1001: 911_000_000, 1002: 822_000_000}
            assert told["gateway"] == GATEWAY and told["comparison"] == "agrees"
            db.close()
