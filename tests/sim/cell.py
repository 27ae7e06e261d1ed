"""The world of one account for the exhaustive run: main.Firmware without its tasks, one meter, one relay, a flash that may lose its power.

`prepare()` begins the first life; `Cell.act()` does one thing, `key()` says what makes a state another one, `end_well()` plays the
undisturbed rest of the story.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from firmware.base import questions, relay
from firmware.base.reading import Reading
from firmware.main import Firmware, Site
from firmware.meter_bus.relay_sequence import FINISHED
from host_tools.journal_reader import Record, parse_region
from tests.sim.account import Version
from tests.sim.books import Books
from tests.sim.flash import Flash
from tests.sim.rich import Rich

START_S = 1_790_000_000
ACCOUNT, ISSUER = 1001, 1
PRICE = 5_500
COIN = 1_000_000
START_CWH = 1_000
TARIFF = {"tariff": 1, "version": 1, "effective": "2026-01-01", "currency": "CNY", "utc_offset_min": 0, "prices": {"total": "0.5500"}}
OVERRIDDEN = 1 << 18 | 1 << 20  # notice, offline
MESSAGES = ("credit 1", "credit 2", "cut", "restore")
AMOUNTS = {1: COIN, 2: 20 * COIN}
TURNS_MAX, WAITS_MAX, DOUBLES_MAX, LOST_MAX = 1, 1, 1, 1  # of each on one path
TRIP, ALARM_BIT, OPEN_BITS = 0x1A, 0x80, 0x50


class Wrong(Exception):
    """A state that must not be; args[0] says why."""


class Board:
    """What main.Firmware asks of a board when nothing of it runs."""

    name, firmware_version, console_streams, console_bytes_s = "cell", 1, False, 6_000
    model_root = "firmware/meters/models"
    line_path = ""

    def __init__(self, root: str) -> None:
        self.root = root
        self.clock = self.watchdog = self.console = self
        self.flash: Flash | None = None
        self.journal_bytes = 0

    def rtc_s(self) -> int:
        return START_S

    def region(self) -> Flash:
        assert self.flash is not None
        return self.flash

    def uplink(self, settings: object) -> Board:
        return self

    def line(self, baud: int) -> Board:
        return self

    def random_bytes(self, count: int) -> bytes:
        return bytes(count)


NOW_MS = [0]
SHARED: dict[str, Any] = {}


class Cell:
    """The world of one account; copied for each branch."""

    def __init__(self) -> None:
        self.flash = Flash(48 * 1024, 1024, 32, 36 * 1024, random.Random(1))
        self.books = Books()
        self.books.tariffs[1, 1] = Version(0, Rich(TARIFF))
        self.books.documents.add((1, 1, 1))
        self.books.issued = {(ACCOUNT, ISSUER, number): amount for number, amount in AMOUNTS.items()}
        self.flash.tap = self.on_durable
        self.now_ms = 0
        self.boots = 0
        self.crashes = 0
        self.given = dict.fromkeys(MESSAGES, 0)
        self.turns = self.waits = self.lost = 0
        self.relay_open = self.alarm = False
        self.limit_w: int | None = relay.NO_LIMIT if SHARED["limited"] else None  # None: the meter has no such register
        self.register_cwh = START_CWH
        self.firmware: Firmware | None = None
        self.begin()

    # lives

    def begin(self) -> None:
        self.flash.power_back()
        self.boots += 1
        if self.boots > 1:
            self._find()
        board = SHARED["board"]
        board.flash, board.journal_bytes = self.flash, self.flash.journal_bytes
        NOW_MS[0] = self.now_ms
        self.firmware = Firmware(board, SHARED["site"], (self.boots, 1))
        gateway = self.firmware.gateway
        gateway.head_end.standing, gateway.head_end.last_contact_s = 0, START_S
        gateway.on_meter_clock(0, START_S + self.now_ms // 1000)

    def _find(self) -> None:
        """What the flash holds now: all that was durable, and what else was whole."""
        image = parse_region(bytes(self.flash.image), self.flash.erase_size, self.flash.program_unit, self.flash.journal_bytes)
        if not image.needed_sound or max((one.sequence for one in image.records), default=0) < self.books.sequence:
            raise Wrong(f"the flash holds records up to {image.chain.last_sequence}, {self.books.sequence} was durable")
        self.on_durable([one for one in image.records if one.sequence > self.books.sequence])

    def on_durable(self, records: Iterable[Record]) -> None:
        for record in records:
            for sentence in self.books.fold(record, self.now_ms):
                raise Wrong(sentence)

    def fork(self) -> Cell:
        memo = {id(one): one for one in SHARED["kept"]}
        memo[id(self.books.history)] = dict(self.books.history)  # type: ignore[assignment]
        return copy.deepcopy(self, memo)

    def dark(self) -> Cell:
        """A copy of this world in which the power has just gone, in the middle of whatever the firmware was doing."""
        firmware, instant = self.firmware, self.flash.instant
        self.firmware = self.flash.instant = None
        found = self.fork()
        self.firmware, self.flash.instant = firmware, instant
        found.crashes += 1
        return found

    # actions

    def actions(self) -> list[str]:
        doubled = sum(count > 1 for count in self.given.values())
        names = [name for name in MESSAGES if self.given[name] < (2 if doubled < DOUBLES_MAX else 1)]
        names += ["turn"] if self.turns < TURNS_MAX else []
        names += ["wait"] if self.waits < WAITS_MAX else []
        assert self.firmware is not None
        if len(self.firmware.bus.lane):
            names += ["serve"]
            names += ["serve, answer lost", "serve, command lost"] if self.lost < LOST_MAX else []
        return names

    def act(self, name: str) -> None:
        """Do it, from its beginning to its end."""
        NOW_MS[0] = self.now_ms
        assert self.firmware is not None
        gateway = self.firmware.gateway
        if name in MESSAGES:
            self.given[name] += 1
            self._message(gateway, name)
        elif name == "turn":
            self.turns += 1
            self._turn(gateway)
        elif name == "wait":
            self.waits += 1
            self.now_ms = NOW_MS[0] = self.now_ms + 61_000
            for _ in range(61):
                gateway.on_tick()
        else:
            self.lost += name != "serve"
            self._serve(name)

    def _message(self, gateway: Any, name: str) -> None:
        if name.startswith("credit"):
            number = int(name[-1])
            total = sum(AMOUNTS[one] for one in range(1, number + 1))
            gateway.on_credit(ACCOUNT, ISSUER, number, AMOUNTS[number], total, START_S)
            if self.books.newest_credit.get((ACCOUNT, ISSUER), 0) < number:
                raise Wrong(f"{name} is acknowledged and not on flash")
            return
        order, number = (1, 1) if name == "cut" else (2, 2)
        gateway.on_order(order, ACCOUNT, number, START_S + 100_000, 1 if order == 1 else 0, OVERRIDDEN if order == 1 else 0, None)
        if self.books.account(ACCOUNT).order < number:
            raise Wrong(f"the order to {name} is acknowledged and has no verdict")

    def _turn(self, gateway: Any) -> None:
        """A reading; some energy flowed since the last one, unless it is dark."""
        if not self.relay_open:
            self.register_cwh += 2
        reading = Reading(0, gateway.slots[0].serial)
        reading.at_s, reading.quality = self.firmware._stamp()  # type: ignore[union-attr]
        reading.registers[0] = self.register_cwh
        reading.status_word, reading.limit_w = self.word(), self.limit_w
        gateway.on_reading(reading)

    def word(self) -> int:
        return (OPEN_BITS if self.relay_open else 0) | (ALARM_BIT if self.alarm else 0)

    def _serve(self, name: str) -> None:
        """One relay order from its first question to its end, the answer to its command lost or not."""
        bus = self.firmware.bus  # type: ignore[union-attr]
        sequence = bus.lane.next_due(NOW_MS[0])
        if sequence is None:
            self.now_ms = NOW_MS[0] = NOW_MS[0] + bus.lane.wait_ms(NOW_MS[0], 600_000) + 1
            sequence = bus.lane.next_due(NOW_MS[0])
        for _ in range(60):
            if sequence is None or sequence.state == FINISHED:
                break
            sequence.leave_in_time(NOW_MS[0])
            if sequence.state != FINISHED:
                self._question(sequence, name)
            self.now_ms = NOW_MS[0] = NOW_MS[0] + 2_000
        bus.lane.sweep()

    def _question(self, sequence: Any, name: str) -> None:
        question, now_ms = sequence.question(), NOW_MS[0]
        if question == questions.READ_CLOCK:
            sequence.on_clock(START_S + now_ms // 1000, now_ms)
        elif question in (questions.READ_LIMIT, questions.WRITE_LIMIT):
            self._limit_question(sequence, name)
        elif question == questions.READ_STATUS:
            if self.limit_w is None:
                self.firmware.gateway.on_status(0, self.word())  # type: ignore[union-attr]
            if sequence.state != FINISHED:
                sequence.on_status(self.word(), now_ms)
        elif question == questions.SEND_RELAY:
            if name != "serve, command lost":
                self._move(sequence.action)
            if name == "serve":
                sequence.on_relay_word(0, now_ms)
            else:
                sequence.on_silence(now_ms)
        else:
            sequence.on_load(0 if self.relay_open else 3_000, now_ms)

    def _limit_question(self, sequence: Any, name: str) -> None:
        now_ms = NOW_MS[0]
        if sequence.question() == questions.READ_LIMIT:
            if sequence.action == relay.STATUS:
                self.firmware.gateway.on_status(0, sequence.word, self.limit_w)  # type: ignore[union-attr]
            sequence.on_limit(self.limit_w, now_ms)
            return
        if name != "serve, command lost":
            self._set_limit(sequence.argument())
        if name == "serve":
            sequence.on_written(now_ms)
        else:
            sequence.on_silence(now_ms)

    def _move(self, action: int) -> None:
        if action in (relay.CUT, relay.RESTORE):
            off = self.books.account(ACCOUNT).off
            if (action == relay.CUT) != off:
                raise Wrong(f"the relay gets order {action}, and the last wish is {'off' if off else 'on'}")
            if action == relay.CUT and self.limit_w is not None:
                raise Wrong("the relay is opened where a limit is the means")
            self.relay_open = action == relay.CUT
        elif action in (relay.ALARM_ON, relay.ALARM_OFF):
            self.alarm = action == relay.ALARM_ON

    def _set_limit(self, limit_w: int) -> None:
        ours = self.books.account(ACCOUNT)
        if (limit_w != relay.NO_LIMIT) != (ours.off and ours.limited):
            raise Wrong(f"the meter's limit is set to {limit_w} W, and the last wish is {'off' if ours.off else 'on'}")
        self.limit_w = limit_w

    # judging

    def key(self) -> tuple[Any, ...]:
        """What makes two states different: no times, no sequences, no bytes."""
        assert self.firmware is not None
        gateway, ours = self.firmware.gateway, self.books.account(ACCOUNT)
        slot = gateway.slots[0]
        lane = tuple((one.action, one.state, one.begun(), one.sent()) for one in self.firmware.bus.lane._active)
        row = (ours.flags, tuple(sorted(ours.credits.items())), ours.charged_ucu, ours.episode_open, tuple(ours.notices_ms))
        row += (ours.off, ours.order)
        process = (slot.state, slot.cut_order, slot.override, slot.orders_lost, slot.held, slot.notice_asked, slot.reading is None)
        world = (self.relay_open, self.alarm, self.limit_w, self.register_cwh, tuple(self.given.values()), self.turns, self.waits)
        return (row, process, lane, world, self.lost, self.crashes)

    def end_well(self) -> None:
        """The undisturbed rest: everything comes, everything is served; then there is light, and the balance is right."""
        for name in ("credit 1", "credit 2", "restore"):
            self.act(name)
        for _ in range(3):
            self.now_ms += 1_000
            self.act("turn")
            for _ in range(12):
                if not len(self.firmware.bus.lane):  # type: ignore[union-attr]
                    break
                self.act("serve")
            self.act("wait")
        account = self.books.account(ACCOUNT)
        if account.off or self.relay_open or self.limit_w not in (None, relay.NO_LIMIT):
            raise Wrong(f"all is paid, the wish is off: {account.off}, the relay open: {self.relay_open}, the limit {self.limit_w}")
        if sum(total for _, total in account.credits.values()) != sum(AMOUNTS.values()):
            raise Wrong(f"{sum(AMOUNTS.values())} were paid, {account.credits} are booked")
        open_cwh = self.register_cwh - account.charged_cwh[0]
        if account.charged_ucu != (account.charged_cwh[0] - account.bound_cwh[0]) * PRICE or open_cwh < 0:
            raise Wrong(f"{account.charged_ucu} are charged to {account.charged_cwh[0]}, the meter stands at {self.register_cwh}")


def prepare(folder: Path, limited: bool = False) -> Cell:
    """A first life that has read its meter once, in debt and with its notice given; `limited`: the cut is by a load limit."""
    SHARED["limited"] = limited
    policy = {
        "policy": 1, "version": 1, "utc_offset_min": 0, "notice": {"level": "5.00", "period_s": 0, "channels": ["alarm"]}, "floor": "0.00",
        "restore": "2.00", "hours": [{"days": [1, 2, 3, 4, 5, 6, 7], "from": "00:00", "to": "24:00"}], "reading_fresh_s": 100_000,
        "clock_error_max_s": 600, "throttle_per_hour": 10, "brake": {"accounts_max": 9, "share_percent": 100, "window_s": 10},
        "offline_right_s": 1_000_000, "alarm": False,
    }  # fmt: skip
    policy.update({"lifeline": {"power_w": 495}} if limited else {})
    model = "lifeline_1p" if limited else "export_1p"
    row = {"account": ACCOUNT, "address": "210000000001", "model": model, "password_level": 2, "password": "000000", "tariff": 1}
    row.update({"policy": 1, "protected": False, "care": False, "exempt": False})
    settings = {
        "gateway": "cell", "uplink": {"host": "127.0.0.1", "port": 1, "keep_alive_s": 60}, "line": {"baud": 2400}, "poll_period_s": 900,
        "utc_offset_min": 0, "meters": [row], "limits": {"accounts_max": 2},
    }  # fmt: skip
    for name, document in (("settings", settings), ("policy_1_1", policy), ("tariff_1_1", TARIFF)):
        (folder / f"{name}.json").write_text(json.dumps(document))
    (folder / "key").write_text("5a" * 32)
    SHARED["board"] = Board(str(folder))
    site = SHARED["site"] = Site(SHARED["board"])
    SHARED["kept"] = [SHARED["board"], site, site.settings, site.settings.limits, site.settings.meters, site.models, site.tariffs]
    SHARED["kept"] += [site.policies, site.documents, *site.models.values()]
    cell = Cell()
    SHARED["kept"] += [cell.flash._rng, *cell.books.tariffs.values()]
    cell.act("turn")
    for _ in range(12):
        if len(cell.firmware.bus.lane):  # type: ignore[union-attr]
            cell.act("serve")
    cell.turns = 0
    return cell
