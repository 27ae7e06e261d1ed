"""Asks a gateway on its console and takes the answers line by line (SPEC section 7).

    with ConsoleClient(port) as board:
        for row in board.ask("meters"): ...
        board.maintenance(read_key(path), 300)

A board that gives no answer is named: silent, busy, at MicroPython's prompt, older, newer. On the way out an answer or a
watch that still goes on is ended, so the next one finds the console at rest.

Traps avoided: a line may be noise, half, or another asker's: only lines with our number count. A request may be lost, or come
while the board starts, so it is sent again - but never the order that resets the board.
"""

import hashlib
import hmac
import json
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import serial

from host_tools.board.errors import BadInput, BoardTrouble
from host_tools.board.port import BAUD, open_port
from host_tools.board.silence import OTHER_VERSION, RAW_PROMPT, SENTENCES, is_blank, what_sits_there

PROTOCOL = 1
PURPOSE = b"lamplighter-maintenance-1"
KEY_BYTES = 32
ID_MAX = (1 << 30) - 1
LINE_BYTES_MAX = 1 << 20
HEARD_BYTES = 4_096
ANSWER_S = 5.0  # without a line of ours
SEND_AGAIN_S = 2.0
GARBLED_TRIES = 3
SEARCH_S = 30.0  # the board looks through its journal
MAINTENANCE_S = 100.0  # relay work is waited for
PROBE_S = 0.6
ECHO = b'"ask":'

Row = dict[str, Any]


@dataclass(frozen=True)
class Leaves:
    """How the board was left: `synced` = its books are durable, `resting` = no relay order was half done."""

    seconds: int
    synced: bool
    resting: bool


class ConsoleClient:
    """The console at `port`. `on_told` gets every line that answers nothing: records, accounts, numbers."""

    def __init__(self, port: str, baud: int = BAUD, on_told: Callable[[Row], None] | None = None, answer_s: float = ANSWER_S) -> None:
        self.port = port
        self.on_told = on_told
        self.about: Row = {}
        self.rows_told = 0
        self._answer_s = answer_s
        self._id = random.randrange(ID_MAX)
        self._left = b""
        self._heard = bytearray()  # the newest bytes, to tell what sits there when nobody answers
        self._told = 0
        self._under_way = False
        self._serial: serial.Serial | None = open_port(port, baud)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Leave the console at rest and give the port back."""
        port, self._serial = self._serial, None
        if port is None:
            return
        try:
            if self._under_way:
                port.write(b'\n{"ask":"watch","seconds":0}\n')
                port.flush()
                port.read(HEARD_BYTES)
        except (serial.SerialException, OSError):
            pass  # it is gone: there is nothing to leave in order
        finally:
            port.close()

    # asking

    def hello(self) -> Row:
        """Who is there; BoardTrouble names whatever is no gateway of this protocol."""
        for row in self.ask("status"):
            if "about" in row:
                self.about = row["about"]
                break
        protocol = self.about.get("protocol")
        if protocol != PROTOCOL:
            raise BoardTrouble("version", OTHER_VERSION.format(its=protocol, ours=PROTOCOL))
        return self.about

    @property
    def is_safe(self) -> bool:
        """Is the board in safe mode? Then it knows nothing of accounts, meters and journal."""
        return self.about.get("mode") == "safe"

    def rows(self, name: str, wait_s: float | None = None, **arguments: object) -> list[Row]:
        """All rows of one answer; asked again when the line garbled some."""
        for _ in range(GARBLED_TRIES):
            rows = list(self.ask(name, wait_s, **arguments))
            if len(rows) == self.rows_told:
                return rows
        raise BoardTrouble("garbled", f"lines of the answer are lost on the way, {GARBLED_TRIES} times: does another read {self.port}?")

    def ask(self, name: str, wait_s: float | None = None, **arguments: object) -> Iterator[Row]:
        """Rows of one answer, as they come; `rows_told` is then how many there were. BoardTrouble when the board says no,
        says nothing, or goes away.
        """
        self._id = (self._id + 1) & ID_MAX
        number = self._id
        request = json.dumps({"ask": name, "id": number, **arguments}, separators=(",", ":")).encode()
        self._write(b"\n" + request + b"\n")
        self._under_way = True
        wait_s = wait_s or self._answer_s
        heard_at = asked_at = time.monotonic()
        again = name != "maintenance"
        answered = False
        while True:
            for line in self._lines():
                row = self._object(line)
                if row is None or row.get("re") != number:
                    if self._pass_on(row):
                        self._check_restart(answered)
                        heard_at = time.monotonic()  # it has just begun: the request may be lost, and is sent again
                    continue
                answered, heard_at = True, time.monotonic()
                if row.get("end"):
                    self._under_way = False
                    self.rows_told = row.get("rows", 0)
                    self._check(name, row)
                    return
                yield row
            now = time.monotonic()
            if again and not answered and now - asked_at > SEND_AGAIN_S:
                asked_at = now
                self._write(b"\n" + request + b"\n")
            if now - heard_at > wait_s:
                raise self._why_silent(answered)

    def watch(self, seconds: int) -> None:
        """Have records, accounts and numbers told to `on_told` for so long; 0 ends it. listen() takes them."""
        for _ in self.ask("watch", seconds=seconds):
            pass
        self._under_way = seconds > 0

    def listen(self, seconds: float) -> None:
        """Take what is told for `seconds`."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for line in self._lines():
                self._pass_on(self._object(line))

    def maintenance(self, key: bytes, seconds: int) -> Leaves:
        """Have the board end its work in order and leave itself to us for `seconds`; afterwards it is at MicroPython's prompt."""
        nonce = bytes.fromhex(next(row["nonce"] for row in self.ask("challenge") if "nonce" in row))
        mac = hmac.new(key, PURPOSE + nonce + seconds.to_bytes(4, "big"), hashlib.sha256).hexdigest()
        leaves = None
        for row in self.ask("maintenance", wait_s=MAINTENANCE_S, seconds=seconds, mac=mac):
            if "leaves" in row:
                leaves = Leaves(**row["leaves"])
                break  # the board resets: its last line may be lost
        self._under_way = False
        if leaves is None:
            raise BoardTrouble("silent", "the board took the order of maintenance, but did not say that it leaves")
        return leaves

    # the line

    def _write(self, data: bytes) -> None:
        try:
            self._port.write(data)
        except (serial.SerialException, OSError) as fault:
            raise BoardTrouble("gone", f"{self.port} takes no bytes: {fault}") from fault

    @property
    def _port(self) -> serial.Serial:
        if self._serial is None:
            raise BoardTrouble("gone", f"{self.port} is closed")
        return self._serial

    def _read(self) -> bytes:
        try:
            port = self._port
            data: bytes = port.read(max(1, port.in_waiting))
        except (serial.SerialException, OSError) as fault:
            raise BoardTrouble("gone", f"the board at {self.port} went away in the middle: unplugged, or without power") from fault
        self._heard += data
        del self._heard[:-HEARD_BYTES]
        return data

    def _lines(self) -> Iterator[bytes]:
        """Whole lines that are there now; waits a moment when there are none."""
        self._left += self._read()
        while b"\n" in self._left:
            line, _, self._left = self._left.partition(b"\n")
            yield line
        if len(self._left) > LINE_BYTES_MAX:
            self._left = b""

    def _object(self, line: bytes) -> Row | None:
        try:
            row = json.loads(line)
        except ValueError:
            return None  # noise, half a line, or text of an interpreter
        return row if isinstance(row, dict) else None

    def _pass_on(self, row: Row | None) -> bool:
        """What answers nothing goes to who listens -> True when it is the first line of a life."""
        if row is None or "re" in row:
            return False
        self._told += 1
        if self.on_told is not None:
            self.on_told(row)
        return "boot" in row

    def _check_restart(self, answered: bool) -> None:
        if answered:
            self._under_way = False
            raise BoardTrouble("restarted", "the board restarted in the middle of the answer; ask again, and see `logs`")

    def _check(self, name: str, end: Row) -> None:
        reason, what = end.get("no"), end.get("what", "")
        if reason is None:
            return
        sentence = SENTENCES.get(reason, "the board says no: {reason} {what}")
        raise BoardTrouble(str(reason), sentence.format(name=name, reason=reason, what=what))

    def _why_silent(self, answered: bool) -> BoardTrouble:
        """A raw prompt says nothing by itself and a friendly one echoes: it is asked for its name and left as it was."""
        if answered:
            return BoardTrouble("silent", f"the board at {self.port} stopped in the middle of its answer")
        if is_blank(bytes(self._heard)) or ECHO in self._heard:
            self._write(b"\r\x01")
            until = time.monotonic() + PROBE_S
            while time.monotonic() < until:
                self._read()
            if RAW_PROMPT in self._heard:
                self._write(b"\x02")
        self._under_way = False
        return what_sits_there(self.port, bytes(self._heard), self._told > 0)


def read_key(path: Path) -> bytes:
    """A gateway's key from a file of 64 hex digits or 32 bytes. BadInput without a word of its content."""
    try:
        raw = path.read_bytes()
    except OSError as fault:
        raise BadInput("key-file", f"{path} cannot be read: {fault.strerror}") from fault
    if len(raw) == KEY_BYTES:
        return raw
    try:
        key = bytes.fromhex(raw.decode("ascii").strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise BadInput("key-file", f"{path} must hold 64 hex digits or 32 bytes, got {len(raw)} bytes of something else")
    return key
