"""The file of `sniff --save`: what was on the line and when, one JSON object a line, UTF-8.

    {"format":"lamplighter-bus-1","began_ms":1764151331123,"utc_offset_s":28800,"baud":2400,"silence_ms":500,"port":"/dev/ttyUSB0"}
    {"ms":120,"hex":"FEFEFEFE68"}           a chunk as the port gave it; ms since `began_ms`, never less than before
    {"ms":5000,"end":true}                  listening ended in order

`began_ms` is wall time in milliseconds since 1970-01-01 UTC, `utc_offset_s` the offset of the times that were shown,
`silence_ms` the pause that ends an unfinished frame: with them a replay shows what was shown. Passwords in relay orders are
in it as they were on the wire, so only its owner may read it. A last line that was torn by a crash is left out.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import IO, Any, NamedTuple

from firmware.base.faults import BadInput
from host_tools.bus.port import BAUDS

FORMAT = "lamplighter-bus-1"
LINE_BYTES_MAX = 20_000
DAY_S = 86_400
MS_MAX = 10**13


class Head(NamedTuple):
    """The first line."""

    began_ms: int
    utc_offset_s: int
    baud: int
    silence_ms: int
    port: str


class Recorder:
    """Writes a new file; every line is out before the next is heard."""

    def __init__(self, path: str, head: Head) -> None:
        self._path = path
        try:
            self._file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb", buffering=0)
        except FileExistsError:
            raise BadInput("save", f"{path} exists already: nothing is overwritten")
        except OSError as fault:
            raise BadInput("save", f"{path} cannot be written: {fault.strerror}")
        self._put({"format": FORMAT, **head._asdict()})

    def chunk(self, at_ms: int, data: bytes) -> None:
        """What came."""
        self._put({"ms": at_ms, "hex": data.hex().upper()})

    def end(self, at_ms: int) -> None:
        """The last line."""
        if not self._file.closed:
            self._put({"ms": at_ms, "end": True})
            self._file.close()

    def _put(self, document: dict[str, Any]) -> None:
        try:
            self._file.write(json.dumps(document, separators=(",", ":")).encode() + b"\n")
        except OSError as fault:
            self._file.close()
            raise BadInput("save", f"{self._path} cannot be written any more: {fault.strerror}")


class Tape:
    """A saved file: `head`, then `chunks()` of (ms, bytes); `end_ms` is known behind the last. BadInput names the line."""

    def __init__(self, path: str) -> None:
        self._path = path
        self.end_ms = 0
        self.torn = False
        try:
            self._file: IO[bytes] = open(path, "rb")
        except OSError as fault:
            raise BadInput("replay", f"{path} cannot be read: {fault.strerror}")
        self._number = 0
        first = self._next()
        if first is None or first.get("format") != FORMAT:
            raise BadInput("replay", f"{path} is not a file of `sniff --save` (its first line must name the format {FORMAT})")
        self.head = self._head(first)

    def chunks(self) -> Iterator[tuple[int, bytes]]:
        """In the order of time."""
        ended = False
        while (document := self._next()) is not None:
            if ended:
                raise self._wrong("nothing may follow the end")
            at_ms = document.get("ms")
            if type(at_ms) is not int or not self.end_ms <= at_ms <= MS_MAX:
                raise self._wrong("ms must be a whole number, not less than in the line before")
            self.end_ms = at_ms
            if document.get("end") is True:
                ended = True
                continue
            yield at_ms, self._bytes(document.get("hex"))
        self._file.close()

    def _bytes(self, text: object) -> bytes:
        if not isinstance(text, str) or not text:
            raise self._wrong("hex must hold the bytes of a chunk")
        try:
            return bytes.fromhex(text)
        except ValueError:
            raise self._wrong("hex holds something that is no byte")

    def _head(self, first: dict[str, Any]) -> Head:
        ranges = {"began_ms": (0, MS_MAX), "utc_offset_s": (-DAY_S, DAY_S), "silence_ms": (1, 60_000), "baud": (min(BAUDS), max(BAUDS))}
        for name, (low, high) in ranges.items():
            value = first.get(name)
            if type(value) is not int or not low <= value <= high:
                raise self._wrong(f"{name} must be a whole number, {low} to {high}")
        if not isinstance(first.get("port"), str):
            raise self._wrong("port must be a text")
        return Head(**{name: first[name] for name in Head._fields})

    def _next(self) -> dict[str, Any] | None:
        """The next object, or None behind the last."""
        try:
            line = self._file.readline(LINE_BYTES_MAX)
        except OSError as fault:
            raise BadInput("replay", f"{self._path} cannot be read: {fault.strerror}")
        if not line:
            return None
        self._number += 1
        try:
            document = json.loads(line.decode())
        except UnicodeError:
            raise self._wrong("is not UTF-8 text")
        except (ValueError, RecursionError):
            if not line.endswith(b"\n") and len(line) < LINE_BYTES_MAX and self._number > 1:
                self.torn = True
                return None
            raise self._wrong("is not JSON")
        if not isinstance(document, dict):
            raise self._wrong("must be an object in braces")
        return document

    def _wrong(self, what: str) -> BadInput:
        return BadInput("replay", f"{self._path}, line {self._number}: {what}")
