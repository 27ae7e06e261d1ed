"""What a modem answers to AT commands (3GPP TS 27.007, ITU-T V.250): card, registration, dialling. Text in, lines out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Registration = Literal["home", "roaming", "searching", "denied", "idle"]
Card = Literal["ready", "absent", "busy", "pin", "puk"]

STATUS: dict[Registration, int] = {"idle": 0, "home": 1, "searching": 2, "denied": 3, "roaming": 5}
CARD_ERRORS: dict[Card, int] = {"absent": 10, "busy": 14}
INCORRECT_PASSWORD, NOT_ALLOWED, SIM_PIN_REQUIRED = 16, 3, 11
PIN_TRIES = 3
LINE_MAX = 256
HEARD_MAX = 200


@dataclass
class Commands:
    """`feed` bytes -> bytes to answer; `dialled` is set by a successful ATD."""

    registration: Registration = "home"
    card: Card = "ready"
    pin: str = "1234"
    apn: str = ""
    echo: bool = True
    numeric_errors: bool = False
    lte: bool = True
    signal: int = 20
    pin_tries: int = PIN_TRIES
    dialled: bool = False
    heard: list[str] = field(default_factory=list)
    _line: bytearray = field(default_factory=bytearray)

    def feed(self, data: bytes) -> bytes:
        """Bytes of the board; those behind a dial are dropped, nobody may send there."""
        out = bytearray()
        for byte in data:
            if self.echo:
                out.append(byte)
            if byte in b"\r\n":
                line = self._line.decode("latin1").strip()
                self._line.clear()
                if line:
                    out += self._answer(line)
                    if self.dialled:
                        break
            elif len(self._line) < LINE_MAX:
                self._line.append(byte)
        return bytes(out)

    def forget_line(self) -> None:
        """What was half typed is gone, as after a start."""
        self._line.clear()

    def _answer(self, line: str) -> bytes:
        self.heard = [*self.heard[-HEARD_MAX + 1 :], line]
        upper = line.upper()
        if not upper.startswith("AT"):
            return b""
        lines = self._of(upper[2:], line[2:])
        return "".join(f"\r\n{text}\r\n" for text in lines).encode()

    def _of(self, command: str, as_given: str) -> list[str]:
        if command in ("E0", "E1"):
            self.echo = command == "E1"
            return ["OK"]
        if command in ("", "Z", "&F", "H"):
            return ["OK"]
        if command.startswith("+CMEE="):
            self.numeric_errors = command != "+CMEE=0"
            return ["OK"]
        if command == "+CPIN?":
            return self._card_state()
        if command.startswith("+CPIN="):
            return self._try_pin(as_given[6:].strip('"'))
        if self.card != "ready" and (command.startswith("D") or "REG" in command):
            return self._error(CARD_ERRORS.get(self.card, SIM_PIN_REQUIRED))
        return self._of_network(command, as_given)

    def _of_network(self, command: str, as_given: str) -> list[str]:
        if command == "+CSQ":
            return [f"+CSQ: {self.signal},99", "OK"]
        if command in ("+CREG?", "+CEREG?"):
            if command == "+CEREG?" and not self.lte:
                return ["ERROR"]
            return [f"{command[:-1]}: 0,{STATUS[self.registration]}", "OK"]
        if command.startswith("+CGDCONT="):
            parts = as_given.split(",")
            if len(parts) < 3:
                return self._error(NOT_ALLOWED)
            self.apn = parts[2].strip('"')
            return ["OK"]
        if command.startswith("D"):
            if STATUS[self.registration] not in (1, 5) or not command.startswith("D*99"):
                return ["NO CARRIER"]
            self.dialled = True
            return ["CONNECT 115200"]
        return ["ERROR"]

    def _card_state(self) -> list[str]:
        if self.card in CARD_ERRORS:
            return self._error(CARD_ERRORS[self.card])
        return [{"ready": "+CPIN: READY", "pin": "+CPIN: SIM PIN", "puk": "+CPIN: SIM PUK"}[self.card], "OK"]

    def _try_pin(self, pin: str) -> list[str]:
        if self.card != "pin":
            return self._error(NOT_ALLOWED)
        if pin == self.pin:
            self.card, self.pin_tries = "ready", PIN_TRIES
            return ["OK"]
        self.pin_tries -= 1
        if not self.pin_tries:
            self.card = "puk"
        return self._error(INCORRECT_PASSWORD)

    def _error(self, number: int) -> list[str]:
        return [f"+CME ERROR: {number}" if self.numeric_errors else "ERROR"]
