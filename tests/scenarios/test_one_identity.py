"""One gateway's identity on a board without its books, on old books, and on two boards at once (design 4.12).

Real are the firmware on MicroPython, the broker, the head-end with its database and simulated meters. Energy flows an hour a
second, so that an account is due soon after it was not: whoever may cut does so within seconds.
"""

import contextlib
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from host_tools.head_end import commands, state
from host_tools.head_end.database import Database
from host_tools.head_end.reconcile import reconcile
from tests.peers.mqtt_world import Broker
from tests.running_gateway import GATEWAY, PREPAID, Gateway, Scene, meters
from tests.scenarios.many_lives import head_end

LIMITS = {"accounts_max": 4, "reconnect_first_ms": 1_000, "reconnect_max_ms": 4_000, "load_after_cut_wait_ms": 50}
ALARM = {"notice": {"level": "5.00", "period_s": 1, "channels": ["alarm"]}}
COIN = 1_000_000
CUT, BEHIND, FORK, GIVEN = 1, 1, 2, 2
AWAITS_STATE = 2
DUE_SECONDS = 8.0  # long enough for a warning, its period and a cut


class World:
    """Broker, head-end and its database, meters, and the folder of a gateway."""

    def __init__(self, folder: Path, broker: Broker, db: Database, scene: Scene):
        self.folder, self.broker, self.db, self.scene = folder, broker, db, scene
        self.account = scene.account(0)
        self._paid = 0

    def pay(self, coins: int) -> None:
        self._paid += 1
        commands.top_up(self.db, str(self.account), f"{coins}.00", f"payment {self._paid}", int(time.time()), 1)

    def row(self) -> dict:
        return dict(self.db.row("SELECT * FROM gateways WHERE name = ?", GATEWAY))

    def holds_all(self, gateway: Gateway) -> bool:
        return bool(gateway.now) and self.row()["sequence"] >= gateway.now["journal"]["sequence"] - 3

    def give_state(self, gateway: Gateway) -> None:
        """The head-end gives it by itself to a gateway that is behind; a fork wants a person's word (`gateway give-state`)."""
        gateway.wait_for(lambda: self.row()["comparison"] in (BEHIND, FORK), "the head-end finds the books wrong", 60)
        if self.row()["comparison"] == FORK:
            state.give(self.db, GATEWAY, int(time.time()))
        gateway.wait_for(lambda: taken_state(gateway), "the signed state", 60)

    def keep(self) -> Path:
        """A backup of a board that is off."""
        kept = self.folder / "backup"
        shutil.copytree(self.scene.root, kept, symlinks=True)
        return kept

    def restore(self, kept: Path, mark: bool = True) -> None:
        """What flash.py restore does: files and journal of the backup, and the mark."""
        for name in ("region.bin", "boot_count"):
            shutil.copy(kept / name, self.scene.root / name)
        if mark:
            (self.scene.root / "restored").write_text("1\n")


@pytest.fixture
def world(tmp_path) -> Iterator[World]:
    broker = Broker(tmp_path)
    broker.start()
    db = Database(tmp_path / "head_end.db")
    try:
        scene = _scene(tmp_path / "site", broker.port)
        commands.import_site(db, str(scene.root / "settings.json"), str(scene.root / "key"))
        for kind in ("tariff", "policy"):
            commands.set_document(db, kind, str(scene.root / f"{kind}_1_1.json"), int(time.time()))
        with meters(scene), head_end(tmp_path / "head_end.db", broker.port):
            yield World(tmp_path, broker, db, scene)
    finally:
        db.close()
        broker.stop()


def _scene(folder: Path, port: int) -> Scene:
    return Scene(
        folder, meters=1, baud=19200, reply_delay_ms=2, port=port, load_w=3_000, energy_speed=3_600, limits=LIMITS,
        policy={**PREPAID, **ALARM},
    )  # fmt: skip


def balance(gateway: Gateway, world: World) -> int:
    return gateway.accounts.get(world.account, {}).get("balance_ucu") or 0


def available(gateway: Gateway, world: World) -> int:
    """Unknown counts as much."""
    value = gateway.accounts.get(world.account, {}).get("available_ucu")
    return COIN if value is None else value


def register(gateway: Gateway, world: World) -> int:
    return gateway.accounts.get(world.account, {}).get("register_cwh") or 0


def cuts(gateway: Gateway) -> list:
    return gateway.records_of("RELAY", action=CUT)


def standing(gateway: Gateway) -> int | None:
    return gateway.now.get("link", {}).get("standing")


def taken_state(gateway: Gateway) -> bool:
    return bool(gateway.records_of("EPOCH", reason=GIVEN)) and standing(gateway) == 0


def test_a_board_without_backup_starts_a_new_epoch_with_the_head_ends_balances(world):
    with Gateway(world.scene) as gateway:
        world.pay(1_000)
        gateway.wait_for(lambda: balance(gateway, world) > 900 * COIN, "the payment")
        gateway.wait_for(lambda: world.holds_all(gateway), "the head-end holds the books")
        gateway.kill()
    for name in ("region.bin", "boot_count"):
        (world.scene.root / name).unlink()
    world.broker.stop()
    with Gateway(world.scene) as spare:
        spare.wait_for(lambda: register(spare, world), "it reads")
        assert balance(spare, world) <= 0, "it knows of no payment"
        time.sleep(DUE_SECONDS)
        assert not cuts(spare), "who never heard of the head-end cuts nobody"
        world.broker.start()
        world.give_state(spare)
        spare.wait_for(lambda: balance(spare, world) > 900 * COIN, "the payment is back")
        assert spare.records_of("EPOCH", reason=GIVEN)[-1]["epoch"] == 2 and not cuts(spare)
        spare.wait_for(lambda: world.row()["epoch"] == 2 and world.holds_all(spare), "the new epoch is with the head-end")


@pytest.mark.parametrize("mark", [True, False], ids=["restored", "without the mark"])
def test_old_books_cut_nobody_before_the_head_end_has_compared_them(world, mark):
    with Gateway(world.scene) as gateway:
        world.pay(8)
        gateway.wait_for(lambda: balance(gateway, world) > 5 * COIN, "the first payment")
        gateway.wait_for(lambda: world.holds_all(gateway), "the head-end holds the books")
        gateway.kill()
        kept = world.keep()
        gateway.start()
        world.pay(1_000)
        gateway.wait_for(lambda: balance(gateway, world) > 900 * COIN, "the second payment, which the backup does not know")
        gateway.wait_for(lambda: world.holds_all(gateway), "the head-end holds it")
        gateway.kill()
    world.restore(kept, mark)
    world.broker.stop()
    with Gateway(world.scene) as restored:
        restored.wait_for(lambda: available(restored, world) < 0, "by the old books the account is due")
        if not mark:
            restored.wait_for(lambda: cuts(restored), "a wrong cut: this is what the mark is for")
            return
        time.sleep(DUE_SECONDS)
        assert not cuts(restored) and standing(restored) == AWAITS_STATE
        assert not (world.scene.root / "restored").exists(), "the journal says so itself"
        restored.kill()
        restored.start()
        time.sleep(DUE_SECONDS)
        assert not cuts(restored), "a restart does not make old books right"
        world.broker.start()
        world.give_state(restored)
        restored.wait_for(lambda: balance(restored, world) > 800 * COIN, "the second payment is back")
        assert not cuts(restored)


def test_of_two_boards_of_one_identity_the_one_with_the_old_books_has_no_say(world):
    """Its records find no place at the head-end, and a status that others contradict is not believed while those live."""
    with contextlib.ExitStack() as both:
        first = both.enter_context(Gateway(world.scene))
        world.pay(30)
        first.wait_for(lambda: balance(first, world) > 25 * COIN, "the payment")
        first.wait_for(lambda: world.holds_all(first), "the head-end holds the books")
        first.kill()
        kept = world.keep()
        first.start()
        world.pay(1_000)
        first.wait_for(lambda: balance(first, world) > 900 * COIN, "a payment that the backup does not know")
        second = both.enter_context(Gateway(_restored_elsewhere(world, kept, both)))
        second.wait_for(lambda: available(second, world) < 0, "by its old books the account is due", 60)
        time.sleep(DUE_SECONDS)
        assert not cuts(first) and not cuts(second) and standing(second) == AWAITS_STATE
        assert world.row()["epoch"] == 1 and first.now["journal"]["sound"]
        first.kill()  # a person takes it away: from now on the head-end believes the other one
        world.give_state(second)
        second.wait_for(lambda: balance(second, world) > 800 * COIN, "its books are the head-end's now")
        second.wait_for(lambda: world.row()["epoch"] == 2 and world.holds_all(second), "one history again", 60)
        first.start()  # switched on again by mistake
        first.wait_for(lambda: standing(first) == AWAITS_STATE, "it finds out", 60)
        assert not cuts(first) and not cuts(second)
    time.sleep(2)  # nobody sends any more
    assert reconcile(world.db)[1] == []


def _restored_elsewhere(world: World, kept: Path, both: contextlib.ExitStack) -> Scene:
    """The backup on another board, on a line of its own with the same meters."""
    other = _scene(world.folder / "elsewhere", world.broker.port)
    both.enter_context(meters(other))
    for name in ("region.bin", "boot_count"):
        shutil.copy(kept / name, other.root / name)
    (other.root / "restored").write_text("1\n")
    return other
