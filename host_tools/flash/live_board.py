"""A board at its prompt, as flash.py works on it: its files, the blocks of its flash, who it is.

Everything is compared by hash before it is sent and hashed again from the medium after it was written. Blocks and files go
compressed where the runtime can inflate; each piece is one command that stands alone.

Trap avoided: a file is written beside its place, proved, then renamed, so a power cut leaves the old one or the new one.
"""

import base64
import binascii
import hashlib
import zlib
from dataclasses import dataclass
from typing import NamedTuple

from host_tools.flash import board_code
from host_tools.flash.board_folder import Board, Part
from host_tools.flash.errors import FlashError
from host_tools.flash.files_image import board_of_main
from host_tools.flash.progress import Advance
from host_tools.flash.repl import Repl

PIECE_BYTES = 4096  # of a file, at a time
READ_BYTES = 1536
LIST_BLOCKS = 64  # blocks hashed by one command
MPY_VERSION = 6
PLATFORM_NAMES = {"qemu": "qemu_mps2", "esp32": "esp32", "rp2": "rp2", "stm32": "pyboard"}
NEW = ".new"


class StoredFile(NamedTuple):
    """A file on the board."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Identity:
    """What the board says of itself."""

    platform: str
    runtime: tuple[int, ...]
    mpy: int
    machine: str
    wiring_name: str | None
    wiring_flash: tuple[tuple[str, int, int], ...] | None


class LiveBoard:
    """LiveBoard(board, repl): `repl` is in the raw REPL."""

    def __init__(self, board: Board, repl: Repl):
        self.board = board
        self._repl = repl
        self._part: Part | None = None
        repl.run(board_code.FIRST)
        self._inflates = bool(repl.ask("deflate is not None"))

    # who it is

    def identity(self) -> Identity:
        """Asked of the runtime."""
        return Identity(*self._repl.values(board_code.IDENTITY)[-1])

    def check(self, any_runtime: bool = False) -> Identity:
        """The identity; FlashError when this is another board, or its runtime is too old for us."""
        said, board = self.identity(), self.board
        here = f"the board on {self._repl.device_name}"
        if said.platform != PLATFORM_NAMES[board.platform] or said.wiring_name not in (None, board.name):
            is_it = said.wiring_name or said.machine or said.platform
            raise FlashError(f"{here} is {is_it}, not {board.name}: nothing was changed; look at `flash.py list` for its name")
        if any_runtime:
            return said
        if said.runtime < board.runtime_oldest:
            version, oldest = (".".join(map(str, numbers)) for numbers in (said.runtime, board.runtime_oldest))
            raise FlashError(f"{here} runs MicroPython {version}, too old: {oldest} is needed; put it there with --runtime IMAGE")
        if said.mpy & 0xFF != MPY_VERSION:
            raise FlashError(f"{here} reads .mpy version {said.mpy & 0xFF}, not {MPY_VERSION}: put another runtime there (--runtime IMAGE)")
        self._check_layout(said, here)
        return said

    def _check_layout(self, said: Identity, here: str) -> None:
        ours = tuple((part.name, part.offset, part.size) for part in self.board.parts.values())
        if said.wiring_flash is not None and tuple(map(tuple, said.wiring_flash)) != ours:
            layout = f"{self.board.name}/wiring.py"
            raise FlashError(f"{here} has a runtime with another flash layout than {layout}: nothing was changed; flash its runtime first")

    # files

    def mounted(self) -> bool:
        """Is there a file system at /?"""
        return bool(self._repl.ask("_mounted()"))

    def files(self) -> dict[str, StoredFile]:
        """{path without the first /: size and hash} of every file; nothing of ROMFS."""
        found = {path.lstrip("/"): StoredFile(size, digest) for path, size, digest in self._repl.values("_walk('/')")}
        return {path: entry for path, entry in found.items() if not path.startswith("rom/")}

    def read_file(self, path: str) -> bytes:
        """The content, proved by its hash."""
        self._repl.run(f"_f=open({'/' + path!r},'rb')")
        pieces = []
        while piece := self._repl.run(f"print(binascii.b2a_base64(_f.read({READ_BYTES})).decode(),end='')").strip():
            pieces.append(_decoded(piece, self._repl.device_name))
        self._repl.run("_f.close()")
        data = b"".join(pieces)
        if hashlib.sha256(data).hexdigest() != self._repl.ask(f"_fh({'/' + path!r})")[1]:
            raise FlashError(f"{path} came over the line wrongly: the line is noisy; give the same command again")
        return data

    def write_file(self, path: str, data: bytes) -> None:
        """Replace a file wholly."""
        full = "/" + path
        self._repl.run(f"_md({full!r})\n_f=open({full + NEW!r},'wb')")
        for at in range(0, len(data), PIECE_BYTES):
            text, packed = self._packed(data[at : at + PIECE_BYTES])
            self._repl.run(f"_f.write(_u({text!r},{packed}))")
        self._repl.run("_f.close()")
        _, digest = self._repl.ask(f"_fh({full + NEW!r})")
        if digest != hashlib.sha256(data).hexdigest():
            raise FlashError(f"{path} reads back other than it was written: the flash or the line is bad; the old file still stands")
        self._repl.run(f"os.rename({full + NEW!r},{full!r})")

    def remove(self, path: str) -> None:
        """A file, or a folder with all in it; nothing happens when it is not there."""
        self._repl.run(f"_rm({'/' + path!r})")

    def rename(self, old: str, new: str) -> None:
        """Within the file system."""
        self._repl.run(f"os.rename({'/' + old!r},{'/' + new!r})")

    def swap(self, current: str, old: str, new: str) -> None:
        """`current` becomes `old` and `new` becomes `current`, in one command."""
        self._repl.run(
            f"try:\n os.rename({'/' + current!r},{'/' + old!r})\nexcept OSError as e:\n if e.args[0]!=2:\n  raise\n"
            f"os.rename({'/' + new!r},{'/' + current!r})"
        )

    def copy(self, old: str, new: str) -> None:
        """On the board, without the line."""
        code = "_md({1!r})\nwith open({0!r},'rb') as f:\n with open({1!r},'wb') as g:\n  while g.write(f.read(512)): pass"
        self._repl.run(code.format("/" + old, "/" + new))

    def board_it_was_for(self) -> str | None:
        """The board that the main.py there starts."""
        files = self.files()
        return board_of_main(self.read_file("main.py")) if "main.py" in files else None

    # blocks

    def _open(self, part: Part) -> None:
        if self._part != part:
            self._repl.run(board_code.open_part(self.board, part))
            self._part = part

    def digests(self, part: Part, count: int | None = None, done: Advance = lambda number: None) -> list[str]:
        """First 16 digits of each block's SHA-256, "" for a blank one."""
        self._open(part)
        blocks = part.size // self.board.erase_size if count is None else count
        found: list[str] = []
        for first in range(0, blocks, LIST_BLOCKS):
            last = min(blocks, first + LIST_BLOCKS)
            lines = self._repl.run(f"_list({first},{last})").split()
            if len(lines) != last - first:
                raise FlashError(f"the board on {self._repl.device_name} listed {len(lines)} blocks, not {last - first}: try again")
            found += ["" if line == "-" else line for line in lines]
            done(last - first)
        return found

    def write_block(self, part: Part, number: int, data: bytes) -> None:
        """Erase and program one block, then compare what is there."""
        self._open(part)
        text, packed = self._packed(data) if data.strip(b"\xff") else ("", False)
        said = self._repl.run(f"_put({number},{text!r},{packed})").strip()
        if said != block_digest(data):
            raise FlashError(f"block {number} of {part.name} reads back other than it was written: the flash or the line is bad; try again")

    def read_block(self, part: Part, number: int) -> bytes:
        """One block, proved by its hash."""
        self._open(part)
        size = self.board.erase_size
        data = _decoded(self._repl.run(f"_get({number})").strip(), self._repl.device_name).ljust(size, b"\xff")
        said = self._repl.run(f"_list({number},{number + 1})").strip()
        if (said if said != "-" else "") != (block_digest(data) if data.strip(b"\xff") else ""):
            raise FlashError(f"block {number} of {part.name} came over the line wrongly: the line is noisy; give the same command again")
        return data

    def sha256(self, part: Part, length: int) -> str:
        """Of the first `length` bytes of a part."""
        self._open(part)
        return self._repl.run(f"_sha({length})").strip()

    def _packed(self, data: bytes) -> tuple[str, bool]:
        """(text for the line, whether it must be inflated there)."""
        if self._inflates:
            squeeze = zlib.compressobj(9, zlib.DEFLATED, -12)
            small = squeeze.compress(data) + squeeze.flush()
            if len(small) < len(data):
                return base64.b64encode(small).decode(), True
        return base64.b64encode(data).decode(), False

    def to_boot_rom(self) -> None:
        """Into the chip's boot loader; the prompt is gone."""
        self._repl.exec_raw_no_follow("import machine\nmachine.bootloader()")

    def reset(self) -> None:
        """As after power-on; the prompt is gone."""
        self._repl.exec_raw_no_follow("import machine\nmachine.reset()")


def block_digest(data: bytes) -> str:
    """As the board says it."""
    return hashlib.sha256(data).hexdigest()[:16]


def _decoded(text: str, port: str) -> bytes:
    try:
        return base64.b64decode(text, validate=False)
    except binascii.Error as fault:
        raise FlashError(f"the board on {port} sent what is no data: is its line noisy? Give the same command again") from fault

