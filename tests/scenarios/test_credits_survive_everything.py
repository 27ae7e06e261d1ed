"""Credits duplicated, reordered, replayed, with gaps, across restarts and power cuts: totals exact against an independent sum.

Once on virtual time, many lives a second, with the power cut inside the journal step (tests/scenarios/credit_story.py); and once
for real: Mosquitto, a publisher by paho, the firmware on MicroPython, killed again and again, and in the very moment in which
an acknowledgement leaves. Then a flood of everything that
is wrong: it is counted, it changes nothing, and the credit behind it arrives.
"""

import json
import os
import random
import subprocess
import threading
import time

import pytest

from firmware.sync import counters as count
from host_tools.set_up import paths
from tests import compiled, fake_board
from tests.peers.mqtt_world import GATEWAY, HeadEnd, sealed
from tests.running_gateway import Gateway, Scene, meters
from tests.scenarios import bad_links, credit_story
from tests.scenarios.uplink_tap import Heard, Tap

SEEDS = 20
CPYTHON_SEEDS = 6
METERS = 3
ISSUERS = (1, 2)
CREDITS = 15
KILLS = 3
ACKNOWLEDGED_SECONDS = 10.0
FLOOD = 300
OVERSIZED_BYTES = 20_000
LIMITS = {"reconnect_first_ms": 100, "reconnect_max_ms": 400}
CUT, RESTORE = 1, 2
REFUSED, EXPIRED, UNKNOWN_ACCOUNT = 2, 1, 1  # ORDER verdict and reason; CREDIT_REFUSED reason


def test_totals_are_exact_over_many_lives_on_micropython(capsys):
    command = [str(paths.micropython()), "-X", "heapsize=3M", "-m", "tests.scenarios.credit_story", "1", str(SEEDS)]
    done = subprocess.run(
        command, cwd=compiled.folder(), env=compiled.environment(), capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    sums = {name: sum(one[name] for one in told) for name in ("lives", "cuts", "delivered", "refused")}
    with capsys.disabled():
        print(f"\n  {len(told)} seeds: {sums}")
    assert len(told) == SEEDS
    assert sums["cuts"] >= SEEDS and sums["refused"] >= SEEDS, "the story cut and contradicted too little to prove anything"


@pytest.mark.parametrize("seed", range(1_000, 1_000 + CPYTHON_SEEDS))
def test_totals_are_exact_over_many_lives_on_cpython(monkeypatch, seed):
    monkeypatch.chdir(paths.checkout())
    monkeypatch.setattr(fake_board, "ROOT", "credits")
    credit_story.Story(seed).tell()


class Payers:
    """Credits of several issuers for every account, and their sums, by addition alone."""

    def __init__(self, scene: Scene) -> None:
        self.random = random.Random(645)
        self.totals: dict[tuple[int, int], int] = {}
        self.rows: list[dict[int, int]] = []
        for index in range(METERS):
            for issuer in ISSUERS:
                for number in range(1, CREDITS + 1):
                    self.rows.append(self.next(scene.account(index), issuer, number))

    def next(self, account: int, issuer: int, number: int) -> dict[int, int]:
        """The next credit, as it travels."""
        amount = self.random.randrange(-3_000_000, 20_000_000)
        total = self.totals[account, issuer] = self.totals.get((account, issuer), 0) + amount
        return {1: account, 2: issuer, 3: number, 4: amount, 5: total, 6: int(time.time())}

    def balance(self, account: int) -> int:
        return sum(total for (owner, _), total in self.totals.items() if owner == account)

    def shuffled(self) -> list[dict[int, int]]:
        """Doubles, gaps, any order; every newest number comes at least once, and somewhere."""
        rows = [row for row in self.rows for _ in range(self.random.choice((0, 1, 1, 2, 3)))]
        rows += [row for row in self.rows if row[3] == CREDITS]
        self.random.shuffle(rows)
        return rows


def balances_agree(gateway: Gateway, payers: Payers, scene: Scene) -> bool:
    seen = gateway.accounts
    return all(seen.get(scene.account(n), {}).get("balance_ucu") == payers.balance(scene.account(n)) for n in range(METERS))


def supply(gateway: Gateway) -> list[tuple[int, int, int]]:
    return [(one["wish"], one["seen"], one["fault"]) for one in gateway.accounts.values()]


def flood(head_end: HeadEnd, scene: Scene, now_s: int) -> dict[int, int]:
    """Everything wrong at once, FLOOD of noise and some of each kind -> how often each counter must have moved."""
    for number in range(FLOOD):
        head_end.send(("credits", "orders", "acks")[number % 3], os.urandom(1 + number))
    for kind in ("credits", "orders", "acks"):
        head_end.send(kind, b"\xd1" + bytes(OVERSIZED_BYTES))
    account = scene.account(0)
    credit = {1: account, 2: 1, 3: 1_000, 4: 9_000_000, 5: 9_000_000, 6: now_s}
    cut = {1: CUT, 2: account, 3: 1, 4: now_s + 600, 5: 0xFFFFFFFF, 6: 0, 7: None}
    own = f"pg1/{GATEWAY}/down/"
    head_end.send("credits", credit, key=bytes(32))
    head_end.send("orders", cut, key=bytes(32))
    head_end.client.publish(own + "orders", sealed("pg1/gw2/down/orders", cut, kid=b"gw2"), 1)  # for another gateway
    head_end.client.publish(own + "orders", sealed("pg1/gw2/down/orders", cut), 1)
    head_end.client.publish(own + "credits", sealed(own + "orders", credit), 1)  # from another topic
    head_end.send("credits", {**credit, 3: -1})
    head_end.send("orders", {**cut, 1: 1_000})
    head_end.send("orders", {**cut, 4: now_s - 60})  # past its expiry
    head_end.send("credits", {**credit, 1: 4_000_000})  # nobody's account
    return {count.POISON_TOO_LARGE: 3, count.POISON_NOT_COSE: FLOOD, count.POISON_MAC: 5, count.POISON_SHAPE: 2}


def test_real_credits_survive_kills_and_a_flood_of_everything_wrong(tmp_path, capsys):
    with bad_links.broker(tmp_path) as broker, Tap(broker.port) as tap:
        scene = Scene(tmp_path / "site", METERS, baud=19200, reply_delay_ms=5, port=tap.port, load_w=0, limits=LIMITS)
        payers = Payers(scene)
        head_end = HeadEnd(broker.port)
        head_end.answers = False  # nothing but credits goes down
        try:
            with meters(scene), Gateway(scene) as gateway:
                _kill_while_credits_come(gateway, head_end, payers)
                gateway.wait_for(lambda: balances_agree(gateway, payers, scene), "all totals are the independent sums")
                _kill_at_each_acknowledgement(gateway, head_end, payers, tap)
                gateway.wait_for(lambda: balances_agree(gateway, payers, scene), "what was acknowledged last is booked")
                _flood_changes_nothing(gateway, head_end, payers, scene, capsys)
                before = payers.totals.copy()
                gateway.kill()
                gateway.start()
                gateway.accounts, gateway.now = {}, {}
                gateway.wait_for(lambda: balances_agree(gateway, payers, scene), "the next life knows the same")
                assert payers.totals == before
                gateway.wait_for(lambda: gateway.now.get("journal", {}).get("sound"), "its journal is sound")
        finally:
            head_end.close()


def _kill_while_credits_come(gateway: Gateway, head_end: HeadEnd, payers: Payers) -> None:
    gateway.wait_for(lambda: gateway.now.get("link", {}).get("connected"), "the gateway is connected")
    rows = payers.shuffled()
    piece = len(rows) // (KILLS + 1) + 1
    for start in range(0, len(rows), piece):
        if start:
            time.sleep(payers.random.uniform(0, 0.05))
            gateway.kill()  # the broker keeps what was not acknowledged, and sends it again
            gateway.start()
        for row in rows[start : start + piece]:
            head_end.send("credits", row)


def _kill_at_each_acknowledgement(gateway: Gateway, head_end: HeadEnd, payers: Payers, tap: Tap) -> None:
    """The newest credit of each issuer and account: the gateway is gone as its PUBACK leaves, and nobody sends it again."""
    for account, issuer in sorted(payers.totals):
        row = payers.next(account, issuer, CREDITS + 1)
        struck = threading.Event()

        def then(heard: Heard, row: dict[int, int] = row, struck: threading.Event = struck) -> None:
            if heard == Heard("credit", row):
                gateway.strike()
                struck.set()

        tap.then = then
        head_end.send("credits", row)
        assert struck.wait(ACKNOWLEDGED_SECONDS), "a credit was not acknowledged"
        gateway.kill()
        tap.drained()
        gateway.accounts, gateway.now = {}, {}
        gateway.start()
    tap.then = None


def _flood_changes_nothing(gateway: Gateway, head_end: HeadEnd, payers: Payers, scene: Scene, capsys) -> None:
    gateway.wait_for(lambda: gateway.now.get("link", {}).get("connected"), "the gateway is connected")
    supply_before, now_s = supply(gateway), int(time.time())
    codes = (count.POISON_TOO_LARGE, count.POISON_NOT_COSE, count.POISON_MAC, count.POISON_SHAPE, count.POISON_TOPIC)
    counted = {code: gateway.counter(code) for code in codes}
    others = {name: len(gateway.records_of(name)) for name in ("CREDIT", "CREDIT_REFUSED", "ORDER", "DECISION", "RELAY")}
    wanted = flood(head_end, scene, now_s)
    head_end.send("credits", payers.next(scene.account(2), 1, CREDITS + 2))
    gateway.wait_for(lambda: balances_agree(gateway, payers, scene), "the credit behind the flood arrives and nothing else changed")
    gateway.wait_for(lambda: sum(gateway.counter(code) for code in codes) - sum(counted.values()) >= sum(wanted.values()), "all is counted")
    found = {code: gateway.counter(code) - counted[code] for code in codes}
    with capsys.disabled():
        print(f"\n  flood counted: {found}")
    assert {code: number for code, number in found.items() if number} == wanted
    refused = gateway.records_of("ORDER", account=scene.account(0), verdict=REFUSED, reason=EXPIRED)
    assert len(refused) == 1 and not gateway.records_of("ORDER", verdict=1)
    assert len(gateway.records_of("CREDIT_REFUSED", account=4_000_000, reason=UNKNOWN_ACCOUNT)) == 1
    moved = {name: len(gateway.records_of(name)) - others[name] for name in others}
    assert moved == {"CREDIT": 1, "CREDIT_REFUSED": 1, "ORDER": 1, "DECISION": 0, "RELAY": 0}, moved
    assert supply(gateway) == supply_before
