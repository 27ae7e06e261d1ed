"""One history over many lives: the firmware on MicroPython, killed and killed again, while the world around it goes on.

Real are the broker (Mosquitto), the head-end (host_tools.head_end with its database), the meters (simulated site on a pty, at
19200 baud so that a life of 300 ms reads some) and the firmware's own composition. Between gateway and broker stands
a tap that writes down what was acknowledged. The region is tests/mortal_region.py: what was not synced dies with the process,
and what was under way is torn.

Every choice comes from one seed; when a kill finds the firmware at which instruction does not, as in life.
"""

import contextlib
import json
import os
import random
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from host_tools.head_end import commands
from host_tools.head_end.database import Database
from host_tools.journal_reader import read_region
from host_tools.set_up import paths
from tests import compiled, mortal_region
from tests.running_gateway import HEAP, PREPAID, TARIFF, Scene, meters
from tests.scenarios import bad_links
from tests.scenarios.uplink_tap import Tap
from tests.scenarios.witness import Witness
from tests.scenarios.witness_books import Books

METERS = 3
PROGRAM_UNIT = int(os.environ.get("KILLS_UNIT", "32"))
ERASE_SIZE = 4096 if PROGRAM_UNIT > 32 else 1024  # small pages, as inside a microcontroller: many erases in a short history
JOURNAL_BLOCKS, READINGS_BLOCKS = 24, 8
LIMITS = {
    "accounts_max": METERS, "reconnect_first_ms": 30, "reconnect_max_ms": 100, "quiet_between_exchanges_ms": 2,
    "load_after_cut_wait_ms": 50, "supply_retry_s": 1, "uncharged_max_ucu": 300_000,
    "acked_readings_step": 20, "readings_gap_min": 10,
}  # fmt: skip
LOAD_W, ENERGY_SPEED = 3_000, 3_600  # 1.65 a second and meter: accounts reach their floor, and credits lift them again
POLICY = {**PREPAID, "notice": {"level": "5.00", "period_s": 1, "channels": ["head_end", "alarm"]}}
ENOUGH_UCU = 4_000_000
KILLED = -9
STOP_SECONDS = 5.0
LONG_SECONDS = 0.25  # a life in which there is time to judge the one before it


@dataclass(frozen=True)
class Plan:
    """One life: how long until SIGKILL, what word of its own kills it at once, in which operation of the flash it dies by itself,
    and when something happens in the world."""

    seconds: float
    seed: int = 0
    last_word: str = ""
    fate: dict[str, int] = field(default_factory=dict)
    actions: tuple[float, ...] = ()


def plan(draw: random.Random, fated: bool = True) -> Plan:
    """Many lives end in the start or the replay; some live long enough to cut and restore."""
    shortest, longest = draw.choices(((0.02, 0.1), (0.1, 0.4), (0.5, 1.2)), (30, 45, 25))[0]
    seconds = draw.uniform(shortest, longest)
    fate = {}
    if fated:
        chances = (("program", 0.25, 30), ("sync", 0.2, 20), ("erase", 0.45, 3))
        fate = {name: draw.randrange(most) for name, chance, most in chances if draw.random() < chance}
    count = draw.choices((0, 1, 2, 3), (3, 4, 2, 1))[0]
    last_word = draw.choices(("", "credit", "order", "ack", "record"), (76, 10, 4, 5, 5))[0]
    return Plan(seconds, draw.getrandbits(24), last_word, fate, tuple(sorted(draw.uniform(0, seconds) for _ in range(count))))


@dataclass
class Life:
    """What one life said on its console."""

    boot: dict[str, Any] = field(default_factory=dict)
    now: dict[str, Any] = field(default_factory=dict)
    accounts: list[list[Any]] = field(default_factory=list)
    records: list[dict[str, Any]] = field(default_factory=list)
    unsound: list[str] = field(default_factory=list)
    other: list[str] = field(default_factory=list)

    def listen(self, stream: Any) -> None:
        for line in stream:
            try:
                said = json.loads(line)
            except ValueError:
                self.other.append(line.decode(errors="replace").rstrip())
                continue
            for name in ("boot", "now", "accounts"):
                if name in said:
                    setattr(self, name, said[name])
            if "record" in said:
                self.records.append(said["record"])
            if said.get("boot", {}).get("sound") is False or said.get("now", {}).get("journal", {}).get("sound") is False:
                self.unsound.append(line.decode().strip()[:400])


class Lives:
    """The history: `live(plan)` for each life; `counts` of what happened, `witness` of what was wrong with it."""

    def __init__(self, scene: Scene, tap: Tap, db: Database, seed: int, mutant: str, blocks: int) -> None:
        self.scene, self.tap, self.db = scene, tap, db
        self.draw = random.Random(seed)
        self.counts: Counter[str] = Counter()
        self.books = Books()
        self.witness = Witness(self.books)
        self.region = scene.folder / "region.bin"
        self.free_blocks = blocks  # the fewest that a life ever told of
        self._mutant = mutant
        self._unjudged: list[tuple[int, Path, int, Life]] = []
        self._heard = 0
        self.journal_bytes = blocks * ERASE_SIZE
        mortal_region.blank(str(self.region), self.journal_bytes + READINGS_BLOCKS * ERASE_SIZE, PROGRAM_UNIT)
        self.set_tariff(1, "0.5500")

    # the world

    def set_tariff(self, version: int, price: str) -> None:
        """A version in force from the beginning of the year: from its arrival on it counts."""
        path = self.scene.folder / f"tariff_{version}.json"
        path.write_text(json.dumps({**TARIFF, "version": version, "prices": {"total": price}}))
        commands.set_document(self.db, "tariff", str(path), int(time.time()))
        self.books.prices[version] = int(price.replace(".", ""))

    def pay(self) -> None:
        """People pay when they run low, so that accounts go down and up whatever time a life has."""
        account, issuer, share = self.scene.account(self.draw.randrange(METERS)), self.draw.choice((1, 1, 2)), self.draw.random()
        paid_ucu = sum(amount for key, amount in self.books.issued.items() if key[0] == account)
        charged_ucu = self.books.accounts[account].charged_ucu if account in self.books.accounts else 0
        most_ucu = 3_000_000 if paid_ucu - charged_ucu < ENOUGH_UCU else 300_000
        self.issue(account, issuer, 10_000 + int(share * most_ucu))

    def issue(self, account: int, issuer: int, amount_ucu: int) -> None:
        """The witness knows of it before anybody could tell the gateway."""
        number = 1 + sum(1 for key in self.books.issued if key[:2] == (account, issuer))
        self.books.issued[account, issuer, number] = amount_ucu
        amount = f"{amount_ucu // 1_000_000}.{amount_ucu % 1_000_000:06d}"
        answer = commands.top_up(self.db, str(account), amount, f"payment {len(self.books.issued)}", int(time.time()), issuer)
        assert answer["number"] == number

    def order(self) -> None:
        account = self.scene.account(self.draw.randrange(METERS))
        what = self.draw.choice(("cut", "restore", "hold", "release", "release"))
        commands.order(self.db, str(account), what, None, int(time.time()))
        self.counts["orders"] += 1

    def act(self) -> None:
        if self.draw.random() < 0.8:
            self.pay()
        else:
            self.order()

    # lives

    def start(self, one: Plan) -> tuple[subprocess.Popen[bytes], Life, threading.Thread]:
        options = {
            "model_root": str(self.scene.models), "region": str(self.region), "journal_bytes": self.journal_bytes,
            "erase_size": ERASE_SIZE, "program_unit": PROGRAM_UNIT, "seed": one.seed, "fate": one.fate, "mutant": self._mutant,
        }  # fmt: skip
        path = self.scene.folder / "options.json"
        path.write_text(json.dumps(options))
        environment = {**os.environ, "LAMPLIGHTER_ROOT": str(self.scene.root), "LAMPLIGHTER_LINE": str(self.scene.line)}
        environment["MICROPYPATH"] = compiled.path()
        command = [str(paths.micropython()), "-X", f"heapsize={HEAP}", "-m", "tests.scenarios.mortal_gateway", str(path)]
        process = subprocess.Popen(
            command, cwd=compiled.folder(), env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        life = Life()
        thread = threading.Thread(target=life.listen, args=(process.stdout,), daemon=True)
        thread.start()
        self.counts["lives"] += 1
        return process, life, thread

    def live(self, one: Plan) -> None:
        """Start, let things happen, kill; judge the lives before while this one has time."""
        process, life, thread = self.start(one)
        begun = time.monotonic()
        self.tap.then = lambda heard: process.kill() if heard.what == one.last_word else None
        try:
            if one.seconds > LONG_SECONDS:
                self.judge_one()
            for at in [*one.actions, one.seconds]:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(max(0.0, begun + at - time.monotonic()))
                if at < one.seconds:
                    self.act()
        finally:
            self.end(process, life, thread)
        if process.returncode != KILLED:
            self.witness.fault(f"life {self.counts['lives']} ended by itself with {process.returncode}: {life.other[-8:]}")

    def end(self, process: subprocess.Popen[bytes], life: Life, thread: threading.Thread) -> None:
        """SIGKILL, if it still lives; then keep the flash as it was left, for judging."""
        process.kill()
        process.wait()
        thread.join()
        assert process.stdout is not None
        process.stdout.close()
        events = self.tap.drained()
        number = self.counts["lives"]
        copy = self.scene.folder / f"region_{number}.bin"
        shutil.copyfile(self.region, copy)
        self._unjudged.append((number, copy, events, life))
        self.counts["died" if self._died_by_fate() else "killed"] += 1
        self.counts["started"] += bool(life.boot)

    def _died_by_fate(self) -> bool:
        """How it died, counted: by the log of the region, or by what its side file says was under way."""
        log, side = Path(f"{self.region}.log"), Path(f"{self.region}.units")
        lines = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        with side.open("r+b") as file:
            file.seek(-1, os.SEEK_END)
            under_way = file.read(1)
            file.seek(-1, os.SEEK_END)
            file.write(mortal_region.IDLE)
        for line in lines:
            what, _, rest = line.partition(": ")
            if what == "died":
                self.counts["torn " + " ".join(rest.split())] += 1
            else:
                self.witness.fault(f"life {self.counts['lives']}: flash {line}")
        if not lines and under_way != mortal_region.IDLE:
            name = "program" if under_way == mortal_region.PROGRAMMING else "erase"
            self.counts[f"torn {name} by SIGKILL"] += 1
        return bool(lines)

    # judging

    def judge_one(self) -> None:
        """The oldest life that waits for its judgement."""
        if not self._unjudged:
            return
        number, copy, events, life = self._unjudged.pop(0)
        self.witness.hear(self.tap.events[self._heard : events])
        self._heard = events
        self.witness.hear_console(life.records)
        if life.now:
            self.free_blocks = min(self.free_blocks, life.now["journal"]["free_blocks"])
        for line in life.unsound:
            self.witness.fault(f"life {number}: not sound: {line}")
        image = read_region(copy, ERASE_SIZE, PROGRAM_UNIT, self.journal_bytes)
        self.witness.judge(image, number)
        self.counts["erases"] = sum(block.erases for block in image.blocks)
        if not self.witness.faults:  # what is wrong stays to be looked at, and what came before it
            copy.replace(self.scene.folder / "last_good.bin")

    def judge_all(self) -> None:
        while self._unjudged:
            self.judge_one()


@contextlib.contextmanager
def world(folder: Path, seed: int, mutant: str = "", blocks: int = JOURNAL_BLOCKS) -> Iterator[Lives]:
    """Broker, head-end, meters, tap and the gateway's files; each ended by its own id."""
    with bad_links.broker(folder) as broker, Tap(broker.port) as tap:
        scene = Scene(
            folder / "site", METERS, baud=19200, reply_delay_ms=2, port=tap.port, load_w=LOAD_W, energy_speed=ENERGY_SPEED,
            limits=LIMITS, policy=POLICY,
        )  # fmt: skip
        database = folder / "head_end.db"
        db = Database(database)
        try:
            commands.import_site(db, str(scene.root / "settings.json"), str(scene.root / "key"))
            commands.set_document(db, "policy", str(scene.root / "policy_1_1.json"), int(time.time()))
            with meters(scene), head_end(database, broker.port):
                yield Lives(scene, tap, db, seed, mutant, blocks)
        finally:
            db.close()


@contextlib.contextmanager
def head_end(database: Path, port: int) -> Iterator[None]:
    """The real head-end as a process, connected when the block begins."""
    command = [sys.executable, "-m", "host_tools.head_end", "--db", str(database), "serve", "--broker", f"127.0.0.1:{port}"]
    process = subprocess.Popen(command, cwd=paths.checkout(), stderr=subprocess.PIPE, start_new_session=True, text=True)
    assert process.stderr is not None
    try:
        line = process.stderr.readline()
        assert "connected" in line, line
        yield
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
        process.kill()
        process.wait()
        process.stderr.close()


__all__ = ["Lives", "compiled", "plan", "world"]
