"""One question to one meter over a line, asked by the firmware's own asker; and what the answers mean, in words."""

from __future__ import annotations

import time
from typing import Any

from firmware.base.limits import Limits
from firmware.meter_bus import asker_task, counters
from firmware.meters.dlt645 import items, protocol, relay
from firmware.meters.dlt645.exchange import Exchange
from firmware.meters.model import Meter, Model
from host_tools.bus.port import HostLine

ANSWERED, REFUSED, SILENT, MALFORMED = asker_task.ANSWERED, asker_task.REFUSED, asker_task.SILENT, asker_task.MALFORMED
NOT_OFFERED = -1
STATES = {ANSWERED: "answered", REFUSED: "refused", SILENT: "silent", MALFORMED: "malformed", NOT_OFFERED: "not offered"}
PURSES = ("", "keeps its own credit in energy", "keeps its own credit in money", "reserved purse bits set")


class ItemProtocol:
    """Any one item by its identifier, for the firmware's asker: `exchange` holds the answer."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.request = exchange.request
        self.feed = exchange.feed
        self.next_event = exchange.next_event
        self.on_time_out = exchange.on_time_out

    @property
    def request_end(self) -> int:
        return self.exchange.request_end

    def begin(self, _question: int, meter: Meter, di: int) -> None:
        """Ask for `di`."""
        self.exchange.preamble = meter.model.preamble
        start = self.exchange.start_read_1997 if meter.model.is_1997 else self.exchange.start_read
        start(meter.serial, di)


class Talk:
    """`ask` a question of base/questions, results on `protocol`; `ask_item` any identifier, its data on `exchange`."""

    def __init__(self, line: HostLine, meter: Meter, limits: Limits) -> None:
        self.meter = meter
        self.limits = limits
        self.protocol = protocol.Dlt645Protocol()
        self.exchange = self.protocol.exchange
        self.counters = counters.BusCounters(1)
        self._asker = asker_task.Asker(line, self.protocol, limits, self.counters, _alive)
        self._item_asker = asker_task.Asker(line, ItemProtocol(self.exchange), limits, self.counters, _alive)

    async def ask(self, question: int, arg: Any = None, attempts: int | None = None) -> int:
        """-> ANSWERED, REFUSED, SILENT, MALFORMED, or NOT_OFFERED: nothing was sent, the model has no such thing."""
        attempts = 1 + self.limits.read_retries if attempts is None else attempts
        result = await self._asker.ask(question, 0, self.meter, arg, attempts)
        not_offered = result == REFUSED and self.protocol.error_word == protocol.NOT_OFFERED
        return NOT_OFFERED if not_offered else result

    async def ask_item(self, di: int) -> int:
        """As `ask`."""
        return await self._item_asker.ask(0, 0, self.meter, di, 1 + self.limits.read_retries)

    def why(self, result: int) -> str:
        """Why the last question brought no answer."""
        if result == REFUSED:
            return "refused: " + refusal(self.exchange.error_word, self.exchange.error_width)
        if result == MALFORMED:
            return "the answer makes no sense"
        if result == NOT_OFFERED:
            return "this model has no such thing"
        if self.exchange.foreign_frames:
            return "only other meters answered"
        if self.counters.of(0, counters.BROKEN_OFF):
            return "bytes came, but no whole frame of this meter: noise, a wrong baud rate, or two meters at once"
        return "silent"

    def line_report(self) -> dict[str, int]:
        """What the line did meanwhile; only what is worth a look."""
        exchange, reader = self.exchange, self.exchange.reader
        found = {
            "repeated": self.counters.of(0, counters.RETRIED),
            "noise_bytes": reader.noise_bytes,
            "bad_frames": reader.bad_frames,
            "echoes": exchange.echo_frames,
            "foreign_frames": exchange.foreign_frames,
            "late_frames": exchange.late_frames,
        }
        return {name: count for name, count in found.items() if count}


def refusal(word: int, width: int) -> str:
    """Error byte or word of a meter in words, with its digits."""
    said = ", ".join(relay.REASON_NAMES[reason] for reason in relay.reasons(word, width)) or "no reason given"
    return f"{said} ({word:0{2 * width}X})"


def acknowledged(word: int) -> str:
    """What the two-byte acknowledgement of newer meters says; "" for the older ones' empty one."""
    return ", ".join(name for bit, name in relay.ACK_NAMES if word & bit)


def status_words(word: int, model: Model) -> list[str]:
    """Status word 3: only the bits that this model has."""
    said = ["relay open" if relay.relay_open(word) else "relay closed"]
    if model.command_bit:
        said.append("last command open" if relay.command_open(word) else "last command close")
    if model.status_extended:
        said += ["keep-power active"] if relay.keep_power(word) else []
        said += ["warning its customer"] if relay.alarm(word) else []
        said += [PURSES[relay.purse(word)]] if relay.purse(word) else []
    return said


class Wall:
    """Local time of this machine, or of the place whose offset from UTC was given, as the meters count it."""

    def __init__(self, utc_offset_min: int | None) -> None:
        self._offset_min = utc_offset_min

    def offset_s(self) -> int:
        """Seconds ahead of UTC now."""
        return time.localtime().tm_gmtoff if self._offset_min is None else self._offset_min * 60

    def local_s(self) -> int:
        """Local seconds now."""
        return int(time.time()) + self.offset_s()

    def ahead_s(self, clock_s: int) -> int:
        """How far a meter's clock is ahead of here."""
        return clock_s - self.local_s()


def clock_words(clock_s: int, ahead_s: int) -> str:
    """A meter's clock and how far off it is."""
    return f"{items.moment_text(clock_s, True)}, {difference(ahead_s)}"


def difference(ahead_s: int) -> str:
    """How far a clock is off, in words."""
    if abs(ahead_s) <= 1:
        return "agrees with this machine"
    amount = f"{abs(ahead_s)} s" if abs(ahead_s) < 600 else f"{abs(ahead_s) // 60} min"
    if abs(ahead_s) >= 2 * 86_400:
        amount = f"{abs(ahead_s) // 86_400} days"
    return f"{amount} {'ahead of' if ahead_s > 0 else 'behind'} this machine"


def _alive() -> None:
    """The heartbeat that a firmware task gives to its supervisor; nobody here waits for it."""
