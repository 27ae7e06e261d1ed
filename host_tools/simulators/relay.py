"""The relay inside the meter and the rules of command 1CH.

An acknowledgement is about the command, not about the contacts: the command bit (b6) changes at once, the
contacts (b4) after the delay, after the customer's button, or never (overdrawn purse). `welded` contacts
report open while current flows, which only the load can betray.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from host_tools.simulators.config import PurseCfg, RelayCfg
from host_tools.simulators.meter_clock import MeterClock, local_datetime

# 9C words of newer meters
DONE_CLOSE, DONE_PERMIT, DONE_TRIP, DONE_DELAYED = 0x0001, 0x0002, 0x0004, 0x0008
DONE_KEEP, DONE_KEEP_OFF, DONE_ALARM, DONE_ALARM_OFF, DONE_NOTHING = 0x0100, 0x0200, 0x0400, 0x0800, 0x0000


@dataclass(frozen=True)
class Refusal:
    """The error byte of older meters and the error word of newer ones."""

    byte: int
    word: int
    why: str


SUSPENDED = Refusal(0x04, 0x0001, "suspended")
WRONG_MAC = Refusal(0x04, 0x0002, "ciphertext")
WRONG_PASSWORD = Refusal(0x04, 0x0004, "password")
NEEDS_KEY = Refusal(0x04, 0x0004, "plaintext refused")
EXPIRED = Refusal(0x04, 0x0010, "valid-until in the past")
KEEP_POWER = Refusal(0x01, 0x0020, "keep-power")
UNKNOWN_CODE = Refusal(0x01, 0x0004, "unknown command")

Log = Callable[[int, str, dict[str, object]], None]
COMMANDS = {
    0x1A: "trip",
    0x1B: "permit close",
    0x1C: "close",
    0x2A: "alarm on",
    0x2B: "alarm off",
    0x3A: "keep power",
    0x3B: "keep power off",
}


class Relay:
    """State of the contacts and of everything 1CH can set. Times are monotonic milliseconds."""

    def __init__(self, cfg: RelayCfg, purse: PurseCfg | None, log: Log) -> None:
        self.cfg = cfg
        self.purse = purse
        self._log = log
        self.open = cfg.initially_open
        self.wants_open = cfg.initially_open
        self.armed = False
        self.alarm = False
        self.keep_power = cfg.keep_power
        self.welded = cfg.welded
        self.delay_ms = cfg.delay_ms
        self.moves_at_ms: int | None = None
        self.by_itself = False  # the meter opened it and will close it: nobody ordered that
        self.movements = 0
        self.trips = 0
        self.closes = 0
        self.trips_ms: list[int] = []  # newest first, as the closes
        self.closes_ms: list[int] = []
        self._wrong_today = (0, 0)  # local day, count

    @property
    def conducts(self) -> bool:
        return self.welded or not self.open

    # -- the wire ---------------------------------------------------------

    def command(self, data: bytes, now_ms: int, clock: MeterClock) -> int | Refusal:
        """One 1CH request. Returns the 9C word, or why it is refused. Logs either."""
        code = data[8] if len(data) == 16 else -1
        outcome = self._judge(data, now_ms, clock)
        result = outcome.why if isinstance(outcome, Refusal) else f"acknowledged {outcome:04X}"
        self._log(
            now_ms,
            "relay_command",
            {
                "code": f"{code:02X}" if code >= 0 else "?",
                "command": COMMANDS.get(code, "unknown"),
                "accepted": not isinstance(outcome, Refusal),
                "result": result,
                "operator": data[4:8][::-1].hex().upper(),
                "valid_until": data[10:16][::-1].hex().upper() if len(data) == 16 else "",
            },
        )
        return outcome

    def _judge(self, data: bytes, now_ms: int, clock: MeterClock) -> int | Refusal:
        day = local_datetime(clock.local_ms(now_ms)).toordinal()
        if self._wrong_today[0] != day:
            self._wrong_today = (day, 0)
        if self.cfg.lock_after and self._wrong_today[1] >= self.cfg.lock_after:
            return SUSPENDED
        if len(data) < 8 or data[0] in (0x98, 0x99):
            return WRONG_MAC
        if self.cfg.passwords.get(f"{data[0]:02X}") != data[1:4][::-1].hex():
            self._wrong_today = (day, self._wrong_today[1] + 1)
            return WRONG_PASSWORD
        if len(data) != 16:
            return UNKNOWN_CODE
        code = data[8]
        if self.cfg.plaintext == "none" or (self.cfg.plaintext == "close_only" and code not in (0x1B, 0x1C)):
            return NEEDS_KEY
        if code not in COMMANDS or data[9] not in (0, 1) or (code == 0x1C and self.cfg.close_code == "1B"):
            return UNKNOWN_CODE
        if not clock.still_ahead(now_ms, data[10:16]):
            return EXPIRED
        return self._obey(code, now_ms)

    def _obey(self, code: int, now_ms: int) -> int | Refusal:
        if code == 0x1A:
            return self._trip(now_ms)
        if code in (0x1B, 0x1C):
            return self._close(code, now_ms)
        if code in (0x2A, 0x2B):
            self._set_alarm(code == 0x2A, now_ms)
            return DONE_ALARM if self.alarm else DONE_ALARM_OFF
        self.keep_power = code == 0x3A
        if self.keep_power and self.wants_open and not self.open:
            self.wants_open, self.moves_at_ms = False, None  # a delayed trip is called off
        return DONE_KEEP if self.keep_power else DONE_KEEP_OFF

    def _trip(self, now_ms: int) -> int | Refusal:
        if self.keep_power:
            return KEEP_POWER
        self.wants_open = True
        self.armed = False
        minutes = self.cfg.trip_delay_min
        if self.open:
            self.moves_at_ms = None
        elif self.moves_at_ms is None:  # a repeated trip does not start the delay again
            self.moves_at_ms = now_ms + minutes * 60_000 + self.delay_ms
        return DONE_DELAYED if minutes else DONE_TRIP

    def _close(self, code: int, now_ms: int) -> int:
        if self.purse is not None and self.purse.balance < 0:
            return DONE_NOTHING
        self.wants_open = False
        if not self.open:
            self.moves_at_ms = None  # cancels a pending trip
        elif code == 0x1B and self.cfg.needs_button:
            self.armed = True
        else:
            self.armed = False
            if self.moves_at_ms is None or self.by_itself:
                self.moves_at_ms, self.by_itself = now_ms + self.delay_ms, False
        return DONE_CLOSE if code == 0x1C else DONE_PERMIT

    def _set_alarm(self, on: bool, now_ms: int) -> None:
        if self.alarm != on:
            self.alarm = on
            self._log(now_ms, "alarm", {"on": on})

    # -- the customer and time ---------------------------------------------

    def press_button(self, now_ms: int) -> bool:
        """True when the press closes the relay."""
        works = self.armed and self.open
        self._log(now_ms, "button", {"works": works})
        if works:
            self.armed = False
            self.moves_at_ms = now_ms + self.delay_ms
        return works

    def open_by_itself(self, now_ms: int, for_ms: int) -> None:
        """The meter opens the contacts and closes them again later, unless it is ordered otherwise."""
        self.open = self.by_itself = True
        self.movements += 1
        self.moves_at_ms = now_ms + for_ms
        self._log(now_ms, "relay_moved", {"open": True, "welded": self.welded, "by_itself": True})

    def on_tick(self, now_ms: int) -> None:
        """Moves the contacts when their time has come."""
        if self.moves_at_ms is None or now_ms < self.moves_at_ms:
            return
        self.moves_at_ms = None
        self.by_itself = False
        if self.open == self.wants_open:
            return
        self.open = self.wants_open
        self.movements += 1
        self.trips += self.open
        self.closes += not self.open
        moments = self.trips_ms if self.open else self.closes_ms
        moments.insert(0, now_ms)
        del moments[10:]
        self._log(now_ms, "relay_moved", {"open": self.open, "welded": self.welded})
