"""Composition only: board + settings -> rooms -> gateway -> tasks. `python -m firmware.main BOARD`, on either interpreter.

Exit code 2 = bad settings (one sentence says which field), 75 = maintenance was asked and the board has no reset of its own;
anything else that ends the process is a reset, and the journal is replayed in the next life.
"""

import io
import json
import os
import sys

from firmware import boot
from firmware.base import aio, memory
from firmware.base.faults import BadInput, Fault, MaintenanceAsked
from firmware.base.port import const
from firmware.base.rare import Rare
from firmware.clock.clock import NETWORK, Clock
from firmware.console_evidence import Decisions, event_of
from firmware.console_view import ConsoleView
from firmware.cutoff.policy import PolicyBook, parse_policy
from firmware.diagnostics import event_ring
from firmware.diagnostics.answers import Answers
from firmware.diagnostics.console_task import Console
from firmware.diagnostics.maintenance import Maintenance
from firmware.gateway import RESET_UNKNOWN, Gateway
from firmware.gateway_source import Source
from firmware.leaving import Leaving
from firmware.ledger.ledger_store import Ledger
from firmware.ledger.record_kinds import DECISION, REASON
from firmware.meter_bus.bus_task import MeterBus
from firmware.meters.dlt645.protocol import Dlt645Protocol
from firmware.meters.model import MeterRow
from firmware.settings.settings_store import LAST_FAULT, MAINTENANCE, RESTORED, SAFE, SettingsStore, document_name
from firmware.supervisor import Supervisor
from firmware.sync import messages
from firmware.sync.sync_task import Sync
from firmware.tariff.book import TariffBook
from firmware.tariff.tariff import parse_tariff

TICK_MS = const(1_000)
SETTLED_AFTER_TICKS = const(30)
SOUND_AFTER_TICKS = const(900)  # each meter was read, and each part did its work
EXIT_BAD_INPUT = const(2)
EXIT_MAINTENANCE = const(75)
MEND_S = const(3_600)
REST_PIECE_MS = const(500)
FAULT_CHARS_MAX = const(1_000)
CONSOLE_BYTES_S = const(6_000)  # half of what a UART at 115200 baud carries
RTC_EVERY_TICKS = const(3_600)


load_model = Rare("firmware.meters.model_document", "load_model")
live_safely = Rare("firmware.safe_mode", "live")
kept_orders = Rare("firmware.safe_orders", "kept_orders")
without_orders = Rare("firmware.safe_orders", "without_orders")


class Documents:
    """Tariff and policy texts on the board's files, and the decoders of order documents."""

    def __init__(self, store):
        self._store = store
        self.unsaid, self.said = store.unsaid, store.said
        self.decode_state = messages.decode_state
        self.decode_flags = messages.decode_flags
        self.decode_report = messages.decode_report
        self.decode_debt = messages.decode_debt
        self.decode_limit = messages.decode_limit
        self.decode_held = messages.decode_held
        self.decode_move = messages.decode_move
        self.decode_carried = messages.decode_carried

    def store(self, kind, identity, version, text):
        """Keep one document; durable before its record is journalled, and unsaid until `said()`."""
        self._store.replace_unsaid(document_name(kind, identity, version), text)

    def drop_tariff(self, identity, version):
        """A version that no unsettled day needs any more."""
        self._store.remove(document_name("tariff", identity, version))

    def drop_older_policies(self, identity, version):
        """Versions that `version` replaced."""
        for known, older, name in self._store.documents("policy"):
            if known == identity and older < version:
                self._store.remove(name)

    def load(self, tariffs, policies):
        """Everything kept, oldest version first -> [sentence] of what could not be read: nobody is cut for want of a file."""
        troubles = []
        for kind, parse, book in (("tariff", parse_tariff, tariffs), ("policy", parse_policy, policies)):
            for _, _, name in self._store.documents(kind):
                try:
                    book.add(parse(self._store.read(name)))
                except BadInput as fault:
                    troubles.append(name + ": " + str(fault))
        return troubles


class Site:
    """What people set, checked before anything is begun: settings, key, models, documents, uplink, line. BadInput names it."""

    def __init__(self, board):
        store = self._store = SettingsStore(board.root)
        self.settings = store.read_settings(model_names(board.model_root), getattr(board, "limits", ()))
        self.models = load_models(board.model_root, self.settings.meters.models())
        self.key = store.read_key()
        limits = self.settings.limits
        self.documents = Documents(store)
        self.tariffs = TariffBook(limits.tariff_versions_max)
        self.policies = PolicyBook(limits.policy_versions_max)
        self.troubles = self.documents.load(self.tariffs, self.policies)
        self.uplink = board.uplink(self.settings)
        try:
            self.line = board.line(self.settings.baud)
        except OSError as fault:
            raise BadInput("line", "the serial device " + str(board.line_path) + " cannot be used: " + str(fault))

    def write_flag(self, seconds):
        """boot.py leaves the board alone for so long, once."""
        self._store.replace(MAINTENANCE, str(seconds) + "\n")

    def is_restored(self):
        """Did flash.py put a backup's books here?"""
        return self._store.read(RESTORED) is not None

    def end_restored(self):
        """The journal says so itself now."""
        self._store.remove(RESTORED)

    def take_kept_orders(self, gateway):
        """What safe mode did goes through the books before anything is decided; an order that they have already changes nothing."""
        raw = self._store.read(SAFE)
        if raw is None:
            return
        if not gateway.orders.take_all_kept(kept_orders(raw)):
            return  # no room, or the flash failed: the next life tries again
        rest = without_orders(raw)
        if rest is None:
            self._store.remove(SAFE)
        elif rest != raw:
            self._store.replace(SAFE, rest)

    def end_stays(self):
        """This life is sound: the next stay in safe mode, should there be one, is the first."""
        self._store.remove(SAFE)

    def last_fault(self):
        """What ended an earlier life, "" when nothing did."""
        try:
            return (self._store.read(LAST_FAULT) or b"").decode()
        except (Fault, ValueError) as fault:
            return "it cannot be read: " + str(fault)


class Firmware:
    """All objects of one life. `board` as DESIGN.md describes it; `boots` = (in all, in a row that did not settle)."""

    def __init__(self, board, site, boots):
        self.board = board
        self._site = site
        limits = site.settings.limits
        self._clock = Clock(limits)
        self._clock.on_rtc(board.clock.rtc_s(), aio.now_ms())
        ledger = Ledger(board.region(), board.journal_bytes, limits, self._stamp)
        doors = (self._order, self._wake, self._announce, self._ask)
        self.gateway = Gateway(ledger, site, self._clock, aio.now_ms, doors)
        self._decisions = Decisions(limits.accounts_max)
        self._events = event_ring.EventRing(limits.console_events_kept)
        threshold = memory.collect_when_full()
        ledger.open(boots[0], board.firmware_version, self._on_replayed, getattr(board.watchdog, "progress", _nothing))
        memory.collect_again(threshold)
        if site.is_restored() and self.gateway.on_restored():
            site.end_restored()
        ledger.watch(self._on_record)
        self._note_event(event_ring.BEGUN, 0, boots[1])
        self.supervisor = Supervisor(board.watchdog, self._on_task_fault)
        self._build_bus(limits)
        self._build_sync(limits, boots[0])
        reset_cause = getattr(board, "reset_cause", RESET_UNKNOWN)
        self.gateway.begin(boots[0], board.firmware_version, reset_cause)
        site.take_kept_orders(self.gateway)
        self._build_console(limits, boots, reset_cause)

    def _build_console(self, limits, boots, reset_cause):
        board, site = self.board, self._site
        about = {"board": board.name, "firmware": board.firmware_version, "boot_count": boots[0], "in_a_row": boots[1]}
        about["reset_cause"] = reset_cause
        about["troubles"] = site.troubles
        view = ConsoleView(self.gateway, self.bus, self.sync, about, aio.now_ms, site, self._decisions)
        leaving = Leaving(self.bus, self.gateway.ledger, site.write_flag)
        maintenance = Maintenance(site.key, board.random_bytes, leaving, limits)
        answers = Answers(view, self._events, self._note_event, maintenance)
        beat = self.supervisor.watch("console", limits.task_silence_max_ms)
        speed = getattr(board, "console_bytes_s", CONSOLE_BYTES_S)
        streams = getattr(board, "console_streams", False)
        self.console = Console(board.console, view, answers, self._note_event, limits, beat, speed, streams)

    def _build_bus(self, limits):
        listed = self._site.settings.meters
        meters = MeterRow(len(listed), listed.wired, self._site.models)
        beat = self.supervisor.watch("bus", limits.task_silence_max_ms)
        self.bus = MeterBus(self._site.line, Dlt645Protocol(), meters, limits, self.gateway, self._stamp, beat)

    def _build_sync(self, limits, boot_count):
        settings = self._site.settings
        source = Source(self.gateway, boot_count, self.board.firmware_version)
        self.sync = Sync(
            self._site.uplink, settings.host, settings.port, settings.gateway, self._site.key, limits, source, self.gateway,
            self.board.random_bytes, self.supervisor.watch("sync", limits.task_silence_max_ms), self._on_uplink_event,
        )

    def _on_replayed(self, kind, values, sequence, at_s, quality):
        self.gateway.on_replayed(kind, values, sequence, at_s, quality)
        if kind in (DECISION, REASON):
            self._decisions.on_record(kind, values, sequence, at_s, quality)

    def _on_record(self, kind, values, sequence, at_s, quality):
        self._decisions.on_record(kind, values, sequence, at_s, quality)
        self.gateway.supply.causes.on_record(kind, values, sequence, at_s)
        event = event_of(kind, values)
        if event is not None:
            self._note_event(*event)

    def _on_uplink_event(self, code, value):
        self.gateway.on_uplink_event(code, value)
        self._note_event(code, 0, value)

    def _note_event(self, code, account, value):
        self._events.add(code, account, value, self._stamp()[0])

    def _on_task_fault(self, name, fault):
        self.gateway.on_fault(name, fault)
        keep_fault(self.board.root, "task " + name + ": " + _text_of(fault))

    def _stamp(self):
        return self._clock.now_s(aio.now_ms()), self._clock.quality

    def _order(self, meter, action, limit_w=0):
        return self.bus.order(meter, action, limit_w)

    def _ask(self, meter):
        self.bus.plan.ask_soon(meter, aio.now_ms())

    def _wake(self):
        self.sync.wake()

    def _announce(self):
        self.sync.announce()

    async def _tick(self):
        beat = self.supervisor.watch("tick", self._site.settings.limits.task_silence_max_ms)
        ticked = 0
        kept = False
        while True:
            beat()
            self.gateway.on_tick()
            ticked += 1
            if ticked == SETTLED_AFTER_TICKS:
                boot.settled(self.board.root)
            elif ticked == SOUND_AFTER_TICKS:
                boot.sound(self.board.root)
                self._site.end_stays()
            if self._clock.quality == NETWORK and (not kept or ticked % RTC_EVERY_TICKS == 0):
                self.board.clock.set_rtc(self._clock.now_s(aio.now_ms()))  # an offline restart finds the time there
                kept = True
            await aio.sleep_ms(TICK_MS)

    async def run(self):
        """Live until something breaks."""
        memory.collect_seldom()
        supervisor = self.supervisor
        supervisor.start("bus", self.bus.run())
        supervisor.start("sync", self.sync.run())
        supervisor.start("tick", self._tick())
        supervisor.start("console", self.console.run())
        await supervisor.run()


def model_names(root):
    """The meter models that there are: every *.json under `root`."""
    return sorted([name[:-5] for name in os.listdir(root) if name.endswith(".json")])


def load_models(root, names):
    """{name: Model} of those that meters here are of; BadInput names file and field."""
    models = {}
    for name in names:
        with open(root + "/" + name + ".json") as file:
            try:
                models[name] = load_model(json.loads(file.read()), name)
            except ValueError:
                raise BadInput(name + ".json", "is not JSON")
    return models


async def live(board):
    """One life of the gateway on `board`: the usual one, or after three that broke the smallest."""
    root = board.root
    cause = getattr(board, "reset_cause", RESET_UNKNOWN)
    safe = boot.broken(root, cause) >= boot.LIVES_THAT_BREAK
    try:
        if safe:
            unseen = cause if boot.broken(root, cause) > boot.broken(root) else RESET_UNKNOWN
            await live_safely(board, boot.begin(root, cause), unseen)
            boot.excused(root, boot.LIVES_THAT_BREAK - 1)  # one try: a life that breaks too leads back here
        else:
            await _live_usually(board, cause)
    except MaintenanceAsked:
        boot.sound(root)  # whoever serves the board mends it, or tries
        if not hasattr(board, "reset"):
            return EXIT_MAINTENANCE  # whoever started this process finds the flag among its files
    except BadInput:
        raise
    except Exception:
        boot.broke(root)
        raise
    if hasattr(board, "reset"):
        board.reset()
    return 0


async def _live_usually(board, cause):
    try:
        site = Site(board)
    except BadInput:
        raise  # before anything was begun: it counts as no life
    except Exception as fault:
        boot.begin(board.root, cause)
        keep_fault(board.root, "start: " + _text_of(fault))
        raise
    try:
        firmware = Firmware(board, site, boot.begin(board.root, cause))
    except Exception as fault:
        keep_fault(board.root, "start: " + _text_of(fault))
        if type(fault) is BadInput and getattr(board.watchdog, "started", False):
            site.write_flag(MEND_S)  # found by the replay: the watchdog would not let flash.py work at this life's prompt
            sys.stderr.write(str(fault) + "\n")
            boot.excused(board.root)
            board.reset()
        raise
    await firmware.run()


def keep_fault(root, text):
    """What ends this life, for whoever asks the next one."""
    try:
        SettingsStore(root).replace(LAST_FAULT, text[:FAULT_CHARS_MAX])
    except Fault as fault:
        sys.stderr.write("the fault cannot be kept: " + str(fault) + "\n")


def main(board_name):
    """Run the firmware on one of board_configs/ -> exit code. A board that can reset itself does, whatever ended this life;
    bad settings leave it at its prompt, where flash.py mends them, and supply as it is."""
    module = "board_configs." + board_name + ".board"
    board = None
    try:
        __import__(module)
        board = sys.modules[module].make()
        return aio.run(live(board))
    except BadInput as fault:
        sys.stderr.write(str(fault) + "\n")
        return EXIT_BAD_INPUT
    except Exception as fault:  # our bug or a failing part: a new life replays the journal
        if not hasattr(board, "reset"):
            raise
        sys.print_exception(fault)
        aio.run(_rest(board))
        board.reset()


async def _rest(board):
    """Lives that end again and again begin more seldom: each costs the flash a few erases."""
    for _ in range(boot.rest_s(board.root) * 1_000 // REST_PIECE_MS):
        board.watchdog.feed()
        await aio.sleep_ms(REST_PIECE_MS)


def _text_of(fault):
    text = io.StringIO()
    if hasattr(sys, "print_exception"):
        sys.print_exception(fault, text)  # MicroPython has no traceback module
    else:
        text.write(type(fault).__name__ + ": " + str(fault))
    return text.getvalue()


def _nothing():
    """This board has no watchdog for its start."""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "unix"))
