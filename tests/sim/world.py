"""One run: everything that is simulated around the firmware, and lives of the firmware in it, one after the other.

The composition is main.Firmware itself, fed with a board of simulated devices. Time is `loop.now_ms`, true milliseconds since the
run began; the firmware sees only its own ticks, which drift and wrap, its RTC, which lies, and what others tell it.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from firmware import boot, supervisor
from firmware import main as composition
from firmware.base import aio
from firmware.base.faults import MaintenanceAsked
from firmware.diagnostics import console_task
from firmware.main import Firmware, Site
from firmware.meter_bus import bus_task
from firmware.sync import sync_task
from host_tools.head_end import commands, registers
from host_tools.journal_reader import parse_region
from host_tools.simulators.config import MeterCfg
from tests.sim.account import Version
from tests.sim.board import TICKS_MASK, Board, CountingSlots, Rtc
from tests.sim.boards import Boards
from tests.sim.central import Central
from tests.sim.flash import Flash, PowerLost, Violation
from tests.sim.judge import Condemned, Judge
from tests.sim.link import Broker
from tests.sim.loop import Loop, SpinningLoop, Task, installed
from tests.sim.office import PLACES_MAX
from tests.sim.options import MODELS, RATIOS, Options, stream
from tests.sim.rich import UTC_OFFSET_MIN, Rich, date_text, documents_of
from tests.sim.street import House, LoadPlan, Pair

FOLDER = "/dev/shm" if Path("/dev/shm").is_dir() else None
KEY = bytes([0x5A]) * 32
DAY_MS = 86_400_000
NOTES_MAX = 40
RESERVES_MAX = 12  # blocks that are kept for a snapshot, credits and acknowledgements
ACCOUNT_FIRST = 1001
FLAGS = {"protected": 1, "care": 2, "exempt": 4}
SILENCE_MS_MAX = 600_000
TARIFFS_FROM = 20_454  # 2026-01-01
# Waits that end only to look around: each is bounded by what it waits for besides, so long ones cost no reaction.
IDLE = (
    (console_task, "IDLE_MS", 200_000), (supervisor, "CHECK_MS", 200_000), (sync_task, "BEAT_MS", 200_000),
    (bus_task, "IDLE_WAIT_MS", 200_000),
)  # fmt: skip


class World:
    """`run()` plays the story of `options`; Failure when it went wrong."""

    gateway = "gw-sim"
    key = KEY
    offset_s = UTC_OFFSET_MIN * 60

    def __init__(self, options: Options) -> None:
        self.options = options
        self.loop = Loop()
        self.notes: deque[tuple[int, Callable[[], str] | str]] = deque(maxlen=NOTES_MAX)
        self.folder = Path(tempfile.mkdtemp(prefix="lamplighter-sim-", dir=FOLDER))
        self.rtc = Rtc(self)
        self.dark_ms = 0  # when the power went, the last time
        self.boots = 0
        self.dead = True
        self.is_over = False
        self.healed = False
        self.nobody_pays = False
        self.firmware: Firmware | None = None
        self.word_ms = -(10**12)  # when the head-end said the last word that reached the gateway
        self.held_by_central_max = 0
        self.overrides: dict[tuple[int, int], frozenset[str]] = {}
        self.policies: dict[int, dict[str, Any]] = {}
        self.lives = Boards(self)
        self._disturbed_ms = -1
        self._life: Task | None = None
        self._booted_ms = 0
        self._start_ticks = options.start_ticks_ms
        size = (options.journal_blocks + options.readings_blocks) * options.erase_size
        journal = options.journal_blocks * options.erase_size
        self.flash = Flash(size, options.erase_size, options.program_unit, journal, stream(options.seed, "flash"))
        self.broker = Broker(self.loop, stream(options.seed, "link"))
        self.judge = Judge(self)
        self.judge.books.state_of = self.lives.state
        self.meters: dict[bytes, House] = {}  # all that there ever were
        self.tenants = [ACCOUNT_FIRST + index for index in range(options.meters)]  # whose meter each is, by the records
        self.given_flags: dict[int, int] = {}  # of those who moved in
        self.houses = [self._house(index, 0) for index in range(options.meters)]
        self.pair = Pair(self.loop, self.houses, stream(options.seed, "line"))
        self.pair.on_time = self.judge.on_time
        if "time_told" in options.faults:
            rng = stream(options.seed, "time_told")
            for house in self.houses:
                house.drift(rng, 0)
        self.flash.tap = self._on_durable
        self.broker.on_puback = self.judge.on_puback
        self.broker.on_delivered = self.judge.on_delivered
        self.broker.on_publish = self.judge.on_publish
        self._write_files()
        self.central = Central(self.loop, self.broker, self.gateway, options.start_s, options.batch_ms, self.folder)
        commands.import_site(self.central.db, str(self.folder / "settings.json"), str(self.folder / "key"))
        for document in self.tariff_documents(1, TARIFFS_FROM, options.price).values():
            self.central.set_document("tariff", document)
        self.central.set_document("policy", options.policy)
        heard = self.broker.heard

        def hear(topic: str, payload: bytes) -> None:
            heard(topic, payload)
            if not topic.endswith("/journal"):
                return
            held = self.central.number("SELECT sequence FROM gateways WHERE name = ?", self.gateway)
            self.held_by_central_max = max(self.held_by_central_max, held)

        self.broker.heard = hear

    # what is true

    @property
    def true_s(self) -> int:
        return self.options.start_s + self.loop.now_ms // 1000

    @property
    def relay_valid_s(self) -> int:
        return self.options.limits.get("relay_valid_s", 300)

    def ticks(self) -> int:
        passed = self.loop.now_ms - self._booted_ms
        return (self._start_ticks + passed + passed * self.options.tick_ppm // 1_000_000) & TICKS_MASK

    def house_of(self, account: int) -> House | None:
        return self.houses[self.tenants.index(account)] if account in self.tenants else None

    def account_of(self, house: House) -> int:
        return self.tenants[int(house.address) % 100 - 1]

    def moved_in(self, before: int, account: int) -> None:
        """By a record, the meter of `before` is this account's."""
        self.tenants[self.tenants.index(before)] = account

    def flags_of(self, account: int) -> int:
        if account in self.given_flags:
            return self.given_flags[account]
        flags = self.options.flags[account - ACCOUNT_FIRST]
        return sum(bit for name, bit in FLAGS.items() if flags[name])

    def policy_in_force(self) -> dict[str, Any]:
        return self.policies[self.judge.books.policy_version]

    @property
    def released(self) -> set[int]:
        return self.judge.books.released

    def may_be_full(self) -> bool:
        """A journal without room, or whose medium failed, gives no verdict; the head-end sends the message again."""
        if self.flash.broken:
            return True
        size, image, books = self.flash.erase_size, self.flash.image, self.judge.books
        heads = [image[at : at + 16] for at in range(0, self.flash.journal_bytes, size) if image[at : at + 4] == b"LJ01"]
        first = sorted(int.from_bytes(head[12:16], "little") for head in heads)
        kept_from = min(books.acked, books.snapshot - 1) + 1  # records from here on may not go
        return sum(after > kept_from for after in first[1:]) + 1 >= self.options.journal_blocks - RESERVES_MAX

    def disturb(self) -> None:
        """Something is wrong now that excuses a late light."""
        self._disturbed_ms = self.loop.now_ms

    def disturbed_since(self, house: House, since_ms: int) -> bool:
        noise = self.pair.noise
        noisy = noise.deaf or noise.drop or noise.flip or noise.truncate or noise.garbage or noise.late
        troubled = house.silent or house.clock.state != "ok" or house.limited_by_others
        return self.dead or self.flash.broken or troubled or bool(noisy) or self._disturbed_ms >= since_ms

    def note(self, text: Callable[[], str] | str) -> None:
        self.notes.append((self.loop.now_ms, text))

    # making

    def _house(self, index: int, number: int) -> House:
        """The meter of that account; `number` counts those before it."""
        options = self.options
        rng = stream(options.seed, f"house {index}" + (f" {number}" if number else ""))
        _, model = MODELS[options.models[index]]
        cfg = MeterCfg.model_validate({
            "address": f"{210000000001 + 100 * number + index:012d}", "model": model, "forward_cwh": rng.choice((0, 123_456, 99_999_000)),
            "reply_delay_ms": 40, "reply_jitter_ms": 60, "settlement_day": options.settlement_days[index],
        })  # fmt: skip
        cfg.relay.trip_delay_min = rng.choice((0, 0, 1, 5))
        now_ms = self.loop.now_ms
        local_ms = (options.start_s + self.offset_s) * 1000 + now_ms
        ratio = options.ratios[index] if options.ratios else 1
        plan = self.houses[index].plan if number else LoadPlan(rng, int((options.days + 3) * DAY_MS), options.peak_w // ratio)
        ratio = rng.choice(RATIOS) if number and options.ratios else ratio
        house = House(cfg, now_ms, local_ms, plan, self.judge.on_command)
        house.ratio = self.judge.books.truth.ratios[house.wire_address] = ratio
        self.meters[house.wire_address] = house
        return house

    def exchange(self, house: House) -> None:
        """Another meter of the same kind measures this household from now on."""
        index = self.houses.index(house)
        house.advance(self.loop.now_ms)
        other = self._house(index, 1 + sum(1 for one in self.meters.values() if one.plan is house.plan))
        self.houses[index] = other
        self.judge.books.closed.add(house.wire_address)
        self.pair.houses = {one.wire_address: one for one in self.houses}
        self._write_settings()
        registers.exchange(self.central.db, str(self.account_of(other)), other.address, None, self.central.now_s, other.ratio)
        self.note(f"account {self.account_of(other)} gets meter {other.address} for {house.address}, which shows {house.register_cwh}")

    def _write_settings(self) -> None:
        options = self.options
        rows = []
        for index, house in enumerate(self.houses):
            name = MODELS[options.models[index]][0]
            row: dict[str, Any] = {"account": self.tenants[index], "address": house.address, "model": name, "password_level": 2}
            row.update({"password": "000000", "tariff": 2 if options.models[index] == 2 else 1, "policy": 1})
            flags = self.flags_of(self.tenants[index])
            row.update({name: bool(flags & bit) for name, bit in FLAGS.items()})
            rows.append({**row, "ratio": house.ratio} if options.ratios else row)
        places = PLACES_MAX if "moves" in options.faults else 8
        limits = {"accounts_max": places, "task_silence_max_ms": SILENCE_MS_MAX, **options.limits}
        settings = {
            "gateway": self.gateway, "uplink": {"host": "127.0.0.1", "port": 1, "keep_alive_s": 60},
            "line": {"baud": 2400, "sets_meter_clocks": "time_told" in options.faults},
            "poll_period_s": options.poll_period_s, "utc_offset_min": UTC_OFFSET_MIN, "meters": rows, "limits": limits,
        }  # fmt: skip
        (self.folder / "settings.json").write_text(json.dumps(settings))

    def _write_files(self) -> None:
        options = self.options
        self._write_settings()
        (self.folder / "key").write_text(KEY.hex())
        for identity, document in self.tariff_documents(1, TARIFFS_FROM, options.price).items():
            (self.folder / f"tariff_{identity}_1.json").write_text(json.dumps(document))
        (self.folder / "policy_1_1.json").write_text(json.dumps(options.policy))
        self.know_policy(options.policy)
        self.judge.books.documents |= {(1, 1, 1), (1, 2, 1), (2, 1, 1)}

    def tariff_documents(self, version: int, effective_day: int, price: int) -> dict[str, dict[str, Any]]:
        """Both tariffs of this run at that price; the judges know them before anybody else."""
        documents = documents_of(self.options.shape, version, date_text(effective_day), price)
        for identity, document in documents.items():
            self.judge.books.tariffs[int(identity), version] = Version(effective_day, Rich(document))
        return documents

    def know_policy(self, document: dict[str, Any]) -> None:
        known = dict(document)
        known["notices"] = document["notice"] if isinstance(document["notice"], list) else [document["notice"]]
        for name in ("floor", "restore"):
            whole, _, part = document[name].lstrip("-").partition(".")
            amount = int(whole) * 1_000_000 + int(part.ljust(6, "0"))
            known[name] = -amount if document[name].startswith("-") else amount
        self.policies[document["version"]] = known

    # lives

    def _on_durable(self, records: list[Any]) -> None:
        self.judge.on_durable(records)

    def power_on(self) -> None:
        """A new life."""
        self.flash.power_back()
        self.dead = False
        self.boots += 1
        self._booted_ms = self.loop.now_ms
        if self.boots > 1:
            self._start_ticks = stream(self.options.seed, f"ticks {self.boots}").choice((0, 2**30 - 100_000, self.options.start_ticks_ms))
        flash = self.flash
        self.judge.on_boot(parse_region(bytes(flash.image), flash.erase_size, flash.program_unit, flash.journal_bytes))
        self.note(f"boot {self.boots}")
        board = Board(self)
        try:
            self.firmware = Firmware(board, Site(board), boot.begin(str(self.folder)))
        except PowerLost:
            raise
        except Exception as fault:
            raise Condemned(f"life {self.boots} does not begin: {fault!r}") from fault
        slots = self.firmware.gateway.slots
        if self.options.tick_s > 1:
            slots.__class__, slots.begun_ms = CountingSlots, aio.now_ms()
        self._life = self.loop.create_task(self.firmware.run())

    def power_off(self) -> None:
        """The board is without power from this instant."""
        self.dead = True
        self.dark_ms = self.loop.now_ms
        self.firmware = self._life = None
        self.flash.power_lost()
        self.broker.power_lost()
        self.loop.abandon()
        self.lives.swap()
        self.disturb()
        self.note(f"power lost, torn: {self.flash.torn or 'nothing'}")

    def pass_time(self, until_ms: int, off_ms: Callable[[], int]) -> None:
        """Live until then, with all power cuts on the way; `off_ms` says how long each lasts."""
        while self.loop.now_ms < until_ms:
            try:
                if self.dead:
                    self.power_on()
                self._watch_life()
                while self.loop.now_ms < until_ms:
                    self.loop.run_until(min(until_ms, self.loop.now_ms + 60_000))
                    self._watch_life()
            except PowerLost:
                self.power_off()
                self.loop.run_until(self.loop.now_ms + off_ms())

    def _watch_life(self) -> None:
        if self._life is not None and self._life.done():
            fault = self._life.error
            if isinstance(fault, MaintenanceAsked):
                return
            if self.flash.broken:
                raise PowerLost  # the board resets
            raise Condemned(f"life {self.boots} ended by itself: {fault!r}")

    def close(self) -> None:
        self.dead = True
        self.flash.power_lost()
        self.broker.power_lost()
        self.loop.abandon()
        self.central.db.close()
        shutil.rmtree(self.folder, ignore_errors=True)


@contextlib.contextmanager
def seldom(tick_s: int) -> Iterator[None]:
    """Tasks look around seldom while nothing happens, and the tick comes each `tick_s` seconds."""
    changes = [*IDLE, (composition, "TICK_MS", 1_000 * tick_s), (composition, "RTC_EVERY_TICKS", 3_600 // tick_s)]
    before = [(module, name, getattr(module, name)) for module, name, _ in changes]
    for module, name, value in changes:
        setattr(module, name, value)
    try:
        yield
    finally:
        for module, name, value in before:
            setattr(module, name, value)


__all__ = ["Condemned", "SpinningLoop", "Violation", "World", "installed", "seldom"]
