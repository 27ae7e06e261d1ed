"""The smallest life, chosen by main.py after three lives in a row that broke (design section 8; DESIGN, safe mode).

    files -> settings, key, models -> line, relay sequences; uplink, signed orders; console; a clock of seconds

Whatever broke the lives before may lie in the tariffs, the policies or the journal: none of them is read here, and nothing is
written to the journal. What works: the console with its order of maintenance, and signed orders - restore, end of the
stay, a document taken away. Nobody is cut: the bus is held from the beginning, and a held bus begins no other order than a restore.

Traps avoided: one part that fails - a meter model, the line, the uplink - must not take the others with it, so each is made and
run by itself, again and again; a part that is stuck is found by the supervisor, and the next life is this one again.
"""

import json

from firmware.base import aio, relay
from firmware.base.faults import BadInput, Fault, MaintenanceAsked
from firmware.base.limits import Limits
from firmware.base.port import const
from firmware.base.rare import Rare
from firmware.diagnostics import event_ring
from firmware.diagnostics.answers import Answers
from firmware.diagnostics.console_task import Console
from firmware.diagnostics.maintenance import Maintenance
from firmware.meter_bus.bus_task import MeterBus
from firmware.meters.dlt645.protocol import Dlt645Protocol
from firmware.meters.model import MeterRow
from firmware.safe_orders import NO_METER, NO_MODEL, NONCE_BYTES, SafeDesk, read_stay
from firmware.safe_view import SafeView
from firmware.settings.settings_store import LAST_FAULT, MAINTENANCE, SAFE, SettingsStore, document_name
from firmware.supervisor import Supervisor
from firmware.sync.dispatch import Seal
from firmware.sync.sync_task import Sync

TICK_MS = const(1_000)
AGAIN_FIRST_MS = const(5_000)
AGAIN_MAX_MS = const(300_000)
AGAIN_PIECE_MS = const(1_000)
TROUBLES_MAX = const(8)
RESET_WATCHDOG = const(3)  # SPEC 2, BOOT
CONSOLE_BYTES_S = const(6_000)
KINDS = (None, "tariff", "policy")
load_model = Rare("firmware.meters.model_document", "load_model")


async def live(board, boots, unseen):
    """One life in safe mode; it returns when a normal life shall be tried. MaintenanceAsked when the board is to be served."""
    await SafeMode(board, boots, unseen).run()


class SafeMode:
    """All that there is of it. `boots` = (in all, in a row that did not settle, in a row that broke); `unseen`: the reset cause,
    where it is all that is known of the end of the life before, else 0."""

    def __init__(self, board, boots, unseen):
        self.board = board
        self.troubles = []
        self.bus = self.sync = None
        self._store = SettingsStore(board.root)
        self._key = self._store.read_key()  # without one nobody could be believed: the prompt is left to flash.py
        self._boots = boots
        self.about = {"board": board.name, "firmware": board.firmware_version, "boot_count": boots[0], "in_a_row": boots[1]}
        self.about.update({"broken": boots[2], "reset_cause": getattr(board, "reset_cause", 0), "troubles": self.troubles})
        settings = self._settings = self._made("settings", self._read_settings)
        self.name = settings.gateway if settings is not None else "?"
        self.meters = len(settings.meters) if settings is not None else 0
        limits = self._limits = settings.limits if settings is not None else Limits()
        self._models = self._read_models()
        self.desk = SafeDesk(read_stay(self._made("safe_mode", lambda: self._store.read(SAFE))), self, limits)
        self.supervisor = Supervisor(board.watchdog, self._on_stuck)
        self._beats = {}
        self._one_by_one = False  # since the bus broke: then it is known which meter does it
        self._waiting = []  # meters whose restore waits for that of another
        self._line = self._made("line", lambda: board.line(settings.baud)) if settings is not None else None
        self._begin_bus()
        uplink = self._made("uplink", lambda: board.uplink(settings)) if settings is not None else None
        if uplink is not None:
            self.sync = self._made("uplink", lambda: self._make_sync(uplink, limits))
        self._events = event_ring.EventRing(limits.console_events_kept)
        self.note(event_ring.BEGUN, 0, boots[1])
        self._build_console(limits)
        self.desk.begin(board.random_bytes(NONCE_BYTES), self._fault_text(unseen))

    def _made(self, name, make):
        """What make() returns; None when it cannot be had, with the reason kept: the others go on."""
        try:
            return make()
        except Exception as fault:  # whatever is wrong with this one part
            self.troubles.append(name + ": " + str(fault))
            return None

    def _read_settings(self):
        return self._store.read_settings(None, getattr(self.board, "limits", ()))

    def _read_models(self):
        models = {}
        for name in self._settings.meters.models() if self._settings is not None else ():
            self._made("model " + name, lambda name=name: self._read_model(models, name))
        return models

    def _read_model(self, models, name):
        with open(self.board.model_root + "/" + name + ".json") as file:
            models[name] = load_model(json.loads(file.read()), name)

    def _begin_bus(self):
        if self._line is None:
            return
        meters = MeterRow(self.meters, self._settings.meters.wired, self._models)
        self.bus = MeterBus(self._line, Dlt645Protocol(), meters, self._limits, self, self._stamp, self._beat("bus"))
        self.bus.held = True  # only restores begin

    def _beat(self, name):
        if name not in self._beats:
            self._beats[name] = self.supervisor.watch(name, self._limits.task_silence_max_ms)
        return self._beats[name]

    def _make_sync(self, uplink, limits):
        settings = self._settings
        source = Source(self, Seal(settings.gateway.encode(), self._key), b"pg1/" + settings.gateway.encode() + b"/up/status")
        return Sync(
            uplink, settings.host, settings.port, settings.gateway, self._key, limits, source, self.desk, self.board.random_bytes,
            self._beat("sync"), self._on_uplink_event, True,
        )  # fmt: skip

    def _build_console(self, limits):
        board = self.board
        view = SafeView(self)
        answers = Answers(view, self._events, self.note, Maintenance(self._key, board.random_bytes, Leaving(self), limits))
        speed = getattr(board, "console_bytes_s", CONSOLE_BYTES_S)
        streams = getattr(board, "console_streams", False)
        self.console = Console(board.console, view, answers, self.note, limits, self._beat("console"), speed, streams)

    def _fault_text(self, unseen):
        """One line: the last one of what was kept says what it was."""
        if unseen:
            return "the watchdog: the firmware did not answer any more" if unseen == RESET_WATCHDOG else "a crash that left no word"
        lines = self.last_fault().strip().split("\n")
        return lines[0].split(":")[0] + ": " + lines[-1] if len(lines) > 1 else lines[0] or "unknown"

    def last_fault(self):
        """What ended an earlier life, "" when nothing was kept."""
        try:
            return (self._store.read(LAST_FAULT) or b"").decode()
        except (Fault, ValueError) as fault:
            return "it cannot be read: " + str(fault)

    # doors of the desk

    def save(self, data):
        """The file of the stay, durable on return."""
        self._store.replace(SAFE, data)

    def swap(self, what, identity, away, put, text):
        """Put a document, then take one away: between the two the newer one counts."""
        if what >= len(KINDS):
            raise BadInput("what", "must be 1 or 2, got " + str(what))
        if put:
            self._store.replace(document_name(KINDS[what], identity, put), text)
        if away and away != put:
            self._store.remove(document_name(KINDS[what], identity, away))

    def meter_of(self, serial):
        """Its place on the line."""
        meters = self._settings.meters
        for index in range(len(meters)):
            if meters.get(index, "serial") == serial:
                return index if meters.model_of(index) in self._models else NO_MODEL
        return NO_METER

    def send(self, meter):
        """A restore for the bus."""
        if self.bus is None or meter < 0:
            return
        if self._one_by_one and len(self.bus.lane):
            self._waiting.append(meter)
        else:
            self.bus.order(meter, relay.RESTORE)

    def news(self):
        """The head-end should hear of it."""
        if self.sync is not None:
            self.sync.announce()

    def now_s(self):
        """Wall time for people, 0 when it is not known."""
        return self.board.clock.rtc_s() or 0

    def at_rest(self):
        """No relay command waits for its proof."""
        return self.bus is None or self.bus.lane.at_rest()

    def note(self, code, account, value):
        """One event for the console."""
        self._events.add(code, account, value, self.now_s())

    # sink of the bus

    def on_relay(self, outcome):
        """A phase of a relay order."""
        self.desk.on_outcome(outcome)

    def on_status(self, meter, word, limit_w):
        """The sequence looks at it itself."""

    def on_meter_clock(self, meter, local_s):
        """The sequence looks at it itself."""

    def time_to_set(self):
        """No clock is set here."""
        return 0

    def _stamp(self):
        return self.now_s(), 0

    def _on_uplink_event(self, code, value):
        self.note(code, 0, value)

    def write_flag(self, seconds):
        """boot.py leaves the board alone for so long, once."""
        self._store.replace(MAINTENANCE, str(seconds) + "\n")

    # life

    async def run(self):
        """Live until the stay is over."""
        supervisor = self.supervisor
        if self.bus is not None:
            supervisor.start("bus", self._lasting("bus", self._run_bus))
        if self.sync is not None:
            supervisor.start("sync", self._lasting("sync", lambda: self.sync.run()))
        supervisor.start("console", self._lasting("console", self.console.run))
        life = aio.create_task(supervisor.run())
        try:
            while not self.desk.done and not life.done():
                await aio.sleep_ms(TICK_MS)
                self.desk.on_second()
                if self._waiting and not len(self.bus.lane):
                    self.send(self._waiting.pop(0))
            if life.done():
                await life  # raises what ended it
        finally:
            await aio.cancel(life)

    async def _run_bus(self):
        await self.bus.run()

    def _on_broken(self, name, fault):
        """A task's own fault."""
        self.troubles.append(name + ": " + type(fault).__name__ + ": " + str(fault))
        del self.troubles[:-TROUBLES_MAX]
        if name != "bus":
            return
        meters = self.desk.unproven()
        self._waiting = []
        self._begin_bus()
        if self._one_by_one and meters:
            self.desk.on_outcome(relay.Outcome(meters[0], relay.RESTORE, relay.GIVEN_UP, 0, relay.MALFORMED))  # its turn comes again
        self._one_by_one = True
        for meter in self.desk.unproven():
            self.send(meter)

    def _on_stuck(self, name, fault):
        """This life ends by it, and main.py keeps the fault."""

    def report(self):
        """What is sealed into the status."""
        return self.desk.report(self._boots[0], self.board.firmware_version, self._boots[2])

    async def _lasting(self, name, run):
        """A part that breaks begins anew, after longer and longer: the others have not broken."""
        wait_ms = AGAIN_FIRST_MS
        while True:
            try:
                await run()
            except MaintenanceAsked:
                raise
            except Exception as fault:  # whatever it is, it is this part's
                self._on_broken(name, fault)
            for _ in range(wait_ms // AGAIN_PIECE_MS):
                self._beats[name]()
                await aio.sleep_ms(AGAIN_PIECE_MS)
            wait_ms = min(2 * wait_ms, AGAIN_MAX_MS)


class Source:
    """The outbox of the uplink: nothing but the status, which has one sealed field."""

    def __init__(self, mode, seal, topic):
        self._mode = mode
        self._seal = seal
        self._topic = topic

    def positions(self):
        """Nothing is to be sent, nothing was."""
        return 0, 0, 0, 0

    def journal_from(self, sequence, max_bytes):
        """The journal is not read."""

    def readings_from(self, number, max_bytes):
        """None are taken."""
        return []

    def status(self):
        """SPEC 5.3, in safe mode."""
        return {16: bytes(self._seal.close(self._topic, self._mode.report()))}


class Leaving:
    """The `door` of diagnostics/maintenance.py."""

    def __init__(self, mode):
        self._mode = mode

    def hold(self):
        """Restores that somebody waits for go out all the same."""

    def at_rest(self):
        """No relay command waits for its proof."""
        return self._mode.at_rest()

    def go_on(self):
        """Nobody comes."""

    def leave(self, seconds):
        """The flag; there are no books to be synced."""
        self._mode.write_flag(seconds)
        return True
