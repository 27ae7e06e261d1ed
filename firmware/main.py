"""Composition only: board + settings -> rooms -> gateway -> tasks. `python -m firmware.main BOARD`, on either interpreter.

Exit code 2 = bad settings (one sentence says which field); anything else that ends the process is a reset, and the journal
is replayed in the next life.
"""

import json
import os
import sys

from firmware import boot
from firmware.base import aio
from firmware.base.faults import BadInput
from firmware.base.port import const
from firmware.clock.clock import NETWORK, Clock
from firmware.console_view import ConsoleView
from firmware.cutoff.policy import PolicyBook, parse_policy
from firmware.diagnostics.console_task import Console
from firmware.gateway import Gateway
from firmware.gateway_source import Source
from firmware.ledger.ledger_store import Ledger
from firmware.meter_bus.bus_task import MeterBus
from firmware.meters.dlt645.protocol import Dlt645Protocol
from firmware.meters.model import Meter, load_model
from firmware.settings.settings_store import SettingsStore, document_name
from firmware.supervisor import Supervisor
from firmware.sync import messages
from firmware.sync.sync_task import Sync
from firmware.tariff.book import TariffBook
from firmware.tariff.tariff import parse_tariff

TICK_MS = const(1_000)
SETTLED_AFTER_TICKS = const(30)
TASK_SILENCE_MAX_MS = const(60_000)
EXIT_BAD_INPUT = const(2)
RTC_EVERY_TICKS = const(3_600)


class Documents:
    """Tariff and policy texts on the board's files, and the decoders of order documents."""

    def __init__(self, store):
        self._store = store
        self.decode_state = messages.decode_state
        self.decode_flags = messages.decode_flags

    def store(self, kind, identity, version, text):
        """Keep one document; durable before its record is journalled."""
        self._store.replace(document_name(kind, identity, version), text)

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
        self.models = load_models(board.model_root)
        store = SettingsStore(board.root)
        self.settings = store.read_settings(models=sorted(self.models))
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


class Firmware:
    """All objects of one life. `board` as DESIGN.md describes it; `boots` = (in all, in a row that did not settle)."""

    def __init__(self, board, site, boots):
        self.board = board
        self._site = site
        limits = site.settings.limits
        self._clock = Clock(limits)
        self._clock.on_rtc(board.clock.rtc_s(), aio.now_ms())
        ledger = Ledger(board.region(), board.journal_bytes, limits, self._stamp)
        doors = (self._order, self._wake, self._announce)
        self.gateway = Gateway(ledger, site, self._clock, aio.now_ms, doors)
        ledger.open(boots[0], board.firmware_version, self.gateway.on_replayed)
        self.supervisor = Supervisor(board.watchdog, self.gateway.on_fault)
        self._build_bus(limits)
        self._build_sync(limits, boots[0])
        self.gateway.begin(boots[0], board.firmware_version)
        about = {"board": board.name, "firmware": board.firmware_version, "boot_count": boots[0], "in_a_row": boots[1]}
        about["troubles"] = site.troubles
        view = ConsoleView(self.gateway, self.bus, self.sync, about, aio.now_ms)
        self.console = Console(view, board.console_write, self.supervisor.watch("console", TASK_SILENCE_MAX_MS))

    def _build_bus(self, limits):
        meters = []
        for meter in self._site.settings.meters:
            model = self._site.models[meter.model]
            meters.append(Meter(meter.serial, model, meter.password_level, meter.password))
        beat = self.supervisor.watch("bus", TASK_SILENCE_MAX_MS)
        self.bus = MeterBus(self._site.line, Dlt645Protocol(), meters, limits, self.gateway, self._stamp, beat)

    def _build_sync(self, limits, boot_count):
        settings = self._site.settings
        source = Source(self.gateway, boot_count, self.board.firmware_version)
        self.sync = Sync(
            self._site.uplink, settings.host, settings.port, settings.gateway, self._site.key, limits, source, self.gateway,
            self.board.random_bytes, self.supervisor.watch("sync", TASK_SILENCE_MAX_MS), self.gateway.on_uplink_event,
        )

    def _stamp(self):
        return self._clock.now_s(aio.now_ms()), self._clock.quality

    def _order(self, meter, action):
        return self.bus.order(meter, action)

    def _wake(self):
        self.sync.wake()

    def _announce(self):
        self.sync.announce()

    async def _tick(self):
        beat = self.supervisor.watch("tick", TASK_SILENCE_MAX_MS)
        ticked = 0
        while True:
            beat()
            self.gateway.on_tick()
            ticked += 1
            if ticked == SETTLED_AFTER_TICKS:
                boot.settled(self.board.root)
            if ticked % RTC_EVERY_TICKS == SETTLED_AFTER_TICKS and self._clock.quality == NETWORK:
                self.board.clock.set_rtc(self._clock.now_s(aio.now_ms()))  # an offline restart finds the time there
            await aio.sleep_ms(TICK_MS)

    async def run(self):
        """Live until something breaks."""
        supervisor = self.supervisor
        supervisor.start("bus", self.bus.run())
        supervisor.start("sync", self.sync.run())
        supervisor.start("tick", self._tick())
        supervisor.start("console", self.console.run())
        await supervisor.run()


def load_models(root):
    """{name: Model} of every *.json under `root`; BadInput names file and field."""
    models = {}
    for name in sorted(os.listdir(root)):
        if name.endswith(".json"):
            with open(root + "/" + name) as file:
                try:
                    models[name[:-5]] = load_model(json.loads(file.read()), name[:-5])
                except ValueError:
                    raise BadInput(name, "is not JSON")
    return models


async def live(board):
    """One life of the gateway on `board`."""
    site = Site(board)
    await Firmware(board, site, boot.begin(board.root)).run()
    return 0


def main(board_name):
    """Run the firmware on one of board_configs/ -> exit code."""
    module = "board_configs." + board_name + ".board"
    try:
        __import__(module)
        return aio.run(live(sys.modules[module].make()))
    except BadInput as fault:
        sys.stderr.write(str(fault) + "\n")
        return EXIT_BAD_INPUT


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "unix"))
