"""An ESP32's flash through the boot loader in its ROM, with esptool as the library.

A runtime image, as micropython.org publishes it, begins at the boot loader's place and holds boot loader, its own partition table
and the application behind 10000H. We write boot loader and application where they belong and our own table between them, so
that the journal has a partition of its own.

Traps avoided: esptool's stub is faster but some chips and settings refuse it, so the ROM's own commands do as well; a span that
is erased for a write must never reach into the journal; a chip of another kind answers the same protocol.
"""

import hashlib
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import esptool
from esptool import cmds
from esptool.logger import TemplateLogger, log
from esptool.reset import ResetStrategy
from esptool.util import FatalError

from host_tools.flash import partition_table
from host_tools.flash.board_folder import Board, Part
from host_tools.flash.errors import FlashError
from host_tools.flash.partition_table import APP_ALIGN, SECTOR, TABLE_BYTES, TABLE_OFFSET
from host_tools.flash.port import Port
from host_tools.flash.progress import step

BAUD, FAST_BAUD = 115200, 460800
IMAGE_MAGIC = 0xE9
CHIP_IDS = {"ESP32": 0, "ESP32-S3": 9}  # esp_chip_id_t, ESP-IDF esp_app_format.h: u16 at byte 12 of an image
BOOTLOADER_OFFSETS = {"ESP32": 0x1000, "ESP32-S3": 0}
READ_STEP = 0x10000


class _Quiet(TemplateLogger):
    """esptool's own words go nowhere; ours are said by progress and errors."""

    def print(self, *args: object, **kwargs: object) -> None:
        """Nothing."""

    note = warning = error = progress_bar = print

    def stage(self, finish: bool = False) -> None:
        """Nothing."""

    def set_verbosity(self, verbosity: str) -> None:
        """Nothing."""


def _silence_esptool() -> None:
    if hasattr(log, "set_logger"):  # esptool takes one logger only
        log.set_logger(_Quiet())
        ResetStrategy.print_once = _Quiet().print  # bound to the first logger before we came; a pty has no reset lines


@dataclass(frozen=True)
class Segment:
    """Bytes for a place in flash."""

    what: str
    offset: int
    data: bytes

    @property
    def end(self) -> int:
        """Behind the last sector that a write erases."""
        return self.offset + math.ceil(len(self.data) / SECTOR) * SECTOR


def chip_of(board: Board) -> str:
    """The chip that about.toml names, as esptool calls it; a word behind it says which memory it has."""
    chip = (str(board.about.get("board", {}).get("mcu", "")).split() or [""])[0]
    if chip not in CHIP_IDS:
        raise FlashError(f"{board.name}/about.toml must name the chip in board.mcu: one of {', '.join(CHIP_IDS)}, got {chip!r}")
    return chip


def split_runtime(image: bytes, board: Board) -> list[Segment]:
    """A published image as segments, with our partition table; FlashError when it is none, for another chip, or too big."""
    chip = chip_of(board)
    begin = BOOTLOADER_OFFSETS[chip]
    table, app = image[TABLE_OFFSET - begin :][:SECTOR], image[APP_ALIGN - begin :]
    if image[:1] != bytes([IMAGE_MAGIC]) or table[:2] != partition_table.MAGIC or app[:1] != bytes([IMAGE_MAGIC]):
        raise FlashError(f"the runtime image is not a whole one for {chip}: take the .bin that its maker publishes (about.toml names it)")
    for part in (image, app):
        if int.from_bytes(part[12:14], "little") != CHIP_IDS[chip]:
            raise FlashError(f"the runtime image is for another chip than {chip}: look at runtime.file in {board.name}/about.toml")
    room = board.parts["runtime"].size
    app = app.rstrip(b"\xff")
    if len(app) > room:
        raise FlashError(f"the runtime has {len(app)} bytes, its partition {room}: take the image that about.toml names")
    return [
        Segment("boot loader", begin, image[: TABLE_OFFSET - begin].rstrip(b"\xff")),
        Segment("partition table", TABLE_OFFSET, partition_table.encode_table(partition_table.rows_of(board))),
        Segment("runtime", board.parts["runtime"].offset, app),
    ]


class Loader:
    """The chip on a port, in its boot loader. `stub`: whether esptool's faster one runs there."""

    def __init__(self, board: Board, port: str, want_stub: bool = True):
        self.board = board
        self.port = port
        Port(port).close()  # no such port, not ours, in use: said as everywhere else
        _silence_esptool()
        with self._told("connect"):
            self._esp = esptool.detect_chip(port, BAUD, connect_attempts=3)
        try:
            self._check_chip()
            self.stub = want_stub and self._start_stub()
            with self._told("find the flash"):
                cmds.attach_flash(self._esp)
            self._check_size()
        except BaseException:
            self.close()
            raise

    def _check_chip(self) -> None:
        wanted = chip_of(self.board)
        if self._esp.CHIP_NAME != wanted:
            raise FlashError(f"the chip on {self.port} is an {self._esp.CHIP_NAME}, {self.board.name} has an {wanted}: nothing was changed")

    def _start_stub(self) -> bool:
        try:
            self._esp = self._esp.run_stub()
        except FatalError:
            with self._told("connect again"):
                self._esp.connect(attempts=3)  # a stub that did not start leaves the chip in between
            return False
        with self._told("go faster"):
            self._esp.change_baud(FAST_BAUD)
        return True

    def _check_size(self) -> None:
        with self._told("read the size of the flash"):
            said = cmds.detect_flash_size(self._esp)
        if said and said.endswith("MB") and int(said[:-2]) << 20 < self.board.flash_end:
            needs = f"{self.board.name} needs {self.board.flash_end >> 20}MB"
            raise FlashError(f"the flash on {self.port} has {said}, {needs}: nothing was changed; is it another variant of the board?")

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """esptool's and the port's faults as one sentence of ours."""
        try:
            yield
        except FatalError as fault:
            why = str(fault).splitlines()[0]
            hint = "hold its BOOT button while it is reset, " if what.startswith("connect") else "check cable and supply, "
            raise FlashError(f"the boot loader on {self.port} could not {what} ({why}): {hint}then give the same command again") from fault
        except (OSError, TypeError) as fault:  # pyserial: gone, or closed under it
            raise FlashError(f"{self.port} went away in the middle: plug it in again and give the same command, it begins anew") from fault

    def table(self) -> list[partition_table.Row] | None:
        """The partitions on the chip; None when there is no table."""
        try:
            return partition_table.parse_table(self.read(TABLE_OFFSET, TABLE_BYTES, "partition table"))
        except FlashError as fault:
            if "no partition table" in str(fault):
                return None
            raise

    def read(self, offset: int, size: int, what: str) -> bytes:
        """Bytes of the flash, proved by the chip's own MD5."""
        data = b""
        with step(f"reading {what}", size) as done, self._told(f"read the {what}"):
            while len(data) < size:
                count = min(READ_STEP, size - len(data))
                data += self._esp.read_flash(offset + len(data), count)
                done(count)
        if self.md5(offset, size) != hashlib.md5(data).hexdigest():
            raise FlashError(f"the {what} came over the line wrongly: give the same command again")
        return data

    def md5(self, offset: int, size: int) -> str:
        """Of a span, computed by the chip."""
        with self._told("compute a hash"):
            return self._esp.flash_md5sum(offset, size)

    def is_blank(self, part: Part) -> bool:
        """Is every byte of it FFH?"""
        return self.md5(part.offset, part.size) == hashlib.md5(b"\xff" * part.size).hexdigest()

    def write(self, segments: list[Segment], may_touch_journal: bool = False) -> list[str]:
        """Those that differ, each proved afterwards; their names."""
        span = self.board.journal_span
        for one in segments:
            if span is not None and not may_touch_journal and one.offset < span.end and span.offset < one.end:
                raise FlashError(f"the {one.what} would reach into the journal at {span.offset:#x}: nothing was changed")
        sent = []
        for one in segments:
            if self.md5(one.offset, len(one.data)) == hashlib.md5(one.data).hexdigest():
                continue
            with step(f"{one.what}, {len(one.data) >> 10} KB", 1) as done, self._told(f"write the {one.what}"):
                cmds.write_flash(self._esp, [(one.offset, one.data)], compress=self.stub, no_compress=not self.stub, no_progress=True)
                done(1)
            if self.md5(one.offset, len(one.data)) != hashlib.md5(one.data).hexdigest():
                raise FlashError(f"the {one.what} reads back other than it was written: try again; if it stays so, the flash is bad")
            sent.append(one.what)
        return sent

    def erase(self, part: Part) -> None:
        """Blank a part."""
        self.write([Segment(part.name, part.offset, b"\xff" * part.size)], may_touch_journal=True)

    def start(self) -> None:
        """Out of the boot loader, into what is in flash."""
        with self._told("restart the chip"):
            cmds.reset_chip(self._esp, "hard-reset")

    def close(self) -> None:
        """Release the port."""
        try:
            self._esp._port.close()
        except (OSError, TypeError):
            return  # it is gone already

    def __enter__(self) -> "Loader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
