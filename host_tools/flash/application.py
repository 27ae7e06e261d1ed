"""A board's application: compiled, packed, described. `build_application(board, out)` is what everything else starts from.

Into `out` it writes application.romfs (the image), slot.bin (image and descriptor, the size of a slot) and files.littlefs (the board's
own files); on a board without slots the .mpy files lie in files.littlefs under /app, unless they are frozen into the runtime; on Linux
application.tar takes their place.
"""

import io
import json
import os
import tarfile
from dataclasses import dataclass, field
from pathlib import Path

from firmware.base.version import FIRMWARE_VERSION
from host_tools.flash import files_image, sources, version
from host_tools.flash.board_folder import Board, find_board
from host_tools.flash.compiler import compile_all
from host_tools.flash.errors import FlashError
from host_tools.flash.romfs import build_romfs
from host_tools.flash.slot import slot_image
from host_tools.set_up import paths

BUILD_FILE = "build.json"  # in the image: which board and commit it is of


@dataclass
class Application:
    """What was built: `program` is the content of the image, `files` what stands on littlefs, `written` the files in `out`."""

    board: Board
    description: str
    firmware_version: int
    program: dict[str, bytes]
    files: dict[str, bytes]
    romfs: bytes = b""
    slot: bytes = b""
    littlefs: bytes = b""
    written: dict[str, Path] = field(default_factory=dict)


def build_application(
    board: Board | str,
    out: Path,
    settings: Path | None = None,
    key: Path | None = None,
    description: str | None = None,
) -> Application:
    """Compile anew and pack everything that this board runs, into the folder `out`. FlashError when something is wrong or too big."""
    made = make_application(board, settings, key, description, anew=True)
    images = {"application.romfs": made.romfs, "slot.bin": made.slot, "files.littlefs": made.littlefs}
    if made.board.platform == "linux":
        images = {"application.tar": tar_of(made)}
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, data in images.items():
            if data:
                made.written[name] = out / name
                write_private(out / name, data) if "key" in made.files else (out / name).write_bytes(data)
    except OSError as fault:
        raise FlashError(f"{out} cannot be written: {fault.strerror}; give another folder with --out") from fault
    return made


def make_application(
    board: Board | str, settings: Path | None = None, key: Path | None = None, description: str | None = None, anew: bool = False
) -> Application:
    """The same in memory, of what was compiled before unless `anew`."""
    checkout = paths.checkout()
    board = find_board(board) if isinstance(board, str) else board
    models = sources.model_files(checkout)
    given = files_image.provisioned(settings, key, [Path(name).stem for name in models], board.limits)
    said = description or version.commit_description(checkout)
    program = compile_all(sources.python_sources(board, checkout, paths.micropython_library()), board.arch, board.roots, anew)
    program |= {name: path.read_bytes() for name, path in models.items()}
    about = {"board": board.name, "firmware": FIRMWARE_VERSION, "commit": said}
    program[BUILD_FILE] = json.dumps(about, sort_keys=True).encode() + b"\n"
    made = Application(board, said, FIRMWARE_VERSION, program, files_image.own_files(board, checkout) | given)
    _pack(made)
    return made


def _pack(made: Application) -> None:
    board = made.board
    if board.has_slots:
        made.romfs = build_romfs(made.program)
        made.slot = slot_image(made.romfs, made.firmware_version, board.parts["slot_a"].size, board.erase_size)
    elif board.is_frozen:
        made.files |= {f"models/{Path(name).name}": made.program[name] for name in made.program if name.startswith(sources.MODELS)}
    elif board.platform != "linux":
        made.files |= {f"app/{path}": data for path, data in made.program.items()}
    if "files" in board.parts and board.platform != "linux":
        program_size = files_image.program_size_of(board.platform)
        made.littlefs = files_image.build_littlefs(made.files, board.parts["files"].size, board.erase_size, program_size)


def tar_of(made: Application) -> bytes:
    """Application and files for a Linux board: nobody's user, no times."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path, data in sorted((made.program | made.files).items()):
            entry = tarfile.TarInfo(path)
            entry.size = len(data)
            entry.mode = 0o600 if path in files_image.SECRETS else 0o644
            archive.addfile(entry, io.BytesIO(data))
    return stream.getvalue()


def write_private(path: Path, data: bytes) -> None:
    """A file that holds the key: for its owner only, from its first byte on."""
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
