"""MicroPython itself onto a board, by the way of its platform: esptool, the boot drive of an RP2, dfu-util.

A gateway at work is asked aside and backed up first; one that does not answer is reset into its boot loader only with a
person's word, and what its flash holds is read before anything is written. The journal lies outside every image.

Trap avoided: after the first partition table is written a chip counts as ours, so the journal's place is made blank before that.
"""

import argparse
import os
import shutil
import subprocess
import time
from pathlib import Path

from host_tools import uf2
from host_tools.flash import backup as backups
from host_tools.flash import files_image, partition_table
from host_tools.flash.application import Application
from host_tools.flash.board_folder import Board
from host_tools.flash.errors import FlashError
from host_tools.flash.esp32 import Loader, Segment, split_runtime
from host_tools.flash.flashing import Asked
from host_tools.flash.progress import say, step
from host_tools.flash.session import FindKey, Session, SilentBoard

INFO = "INFO_UF2.TXT"
DRIVES = ("/media/*/RPI-RP2", "/run/media/*/RPI-RP2", "/Volumes/RPI-RP2")
DRIVE_S = 30
DFU_S = 300


def put_runtime(board: Board, given: argparse.Namespace, made: Application, find_key: FindKey, agreed: Asked) -> bool:
    """The runtime; True when the application cannot follow by the same port."""
    image = files_image.read_file(given.runtime)
    place = given.backups or backups.usual_place()
    if board.platform == "esp32":
        segments = split_runtime(image, board)
        kept = _taken_aside(board, given, place, find_key, agreed)
        put_esp32(board, given.port, segments, made, place, kept, given.erase_journal)
        return False
    if board.platform == "rp2":
        check_uf2(board, image)
        drive = Path(given.port) if is_drive(given.port) else _into_drive(board, given, place, find_key)
        copy_to_drive(drive, image)
        say("the runtime is on the board: it restarts by itself; now flash the application over its serial port")
        return True
    if board.platform == "stm32":
        put_dfu(board, given.runtime)
        say("the runtime is on the board: it restarts by itself; now flash the application over its serial port")
        return True
    raise FlashError(f"{board.name} is emulated and runs the runtime that `make setup` built: leave --runtime out")


def _taken_aside(board: Board, given: argparse.Namespace, place: Path, find_key: FindKey, agreed: Asked) -> bool:
    """True when the board answered and is backed up; False when nothing answers and a person said to go on."""
    try:
        with Session(board, given.port, find_key, given.hold, any_runtime=True) as session:
            backups.take_backup(session.live, place)
        return True
    except SilentBoard as silence:
        if not agreed(f"nothing answers on {given.port}; reset whatever is there into its boot loader?"):
            raise FlashError(f"nothing was changed: {silence}") from silence
        return False


def put_esp32(
    board: Board, port: str, segments: list[Segment], made: Application, place: Path, kept: bool, erase_journal: bool, stub: bool = True
) -> None:
    """Boot loader, table and runtime where they differ; a chip that is new to us gets the files, too."""
    with Loader(board, port, stub) as loader:
        rows, span = loader.table(), board.journal_span
        known = rows is not None and sorted(rows, key=lambda row: row.offset) == partition_table.rows_of(board)
        if not known:
            elsewhere = any(row.label == "journal" for row in rows or [])
            if span is not None and (elsewhere or not loader.is_blank(span)):
                if not erase_journal:
                    why = "has its journal elsewhere" if elsewhere else "holds something where the journal is to be"
                    raise FlashError(f"the chip on {port} {why}: nothing was changed; type --erase-journal out in full if that may be lost")
                loader.erase(span)
            segments = [*segments, Segment("files", board.parts["files"].offset, made.littlefs)]
        elif not kept:
            _keep_flash(loader, board, place)
        sent = loader.write(segments)
        loader.start()
    say(f"{', '.join(sent) or 'nothing'} written to the {'known' if known else 'new'} chip, all verified")


def _keep_flash(loader: Loader, board: Board, place: Path) -> None:
    """A backup by the boot loader, of a board whose application does not answer."""
    part, span = board.parts["files"], board.journal_span
    image = loader.read(part.offset, part.size, "files")
    try:
        files, raw = files_image.read_littlefs(image, board.erase_size), b""
    except FlashError:
        files, raw = {}, image
    journal = loader.read(span.offset, span.size, "journal") if span is not None else b""
    if files or raw.strip(b"\xff") or journal.strip(b"\xff"):
        said = {"runtime": [], "machine": "read by its boot loader"}
        folder = backups.keep(place, board, said, files, backups.without_blank_end(journal, board.erase_size), raw)
        say(f"backup of what the flash holds, in {folder}")


def is_drive(port: str) -> bool:
    """Is this the boot drive of an RP2?"""
    return (Path(port) / INFO).is_file()


def check_uf2(board: Board, image: bytes) -> None:
    """FlashError when the file is none, is for another chip, or would reach beyond the runtime's place."""
    try:
        parts = uf2.decode(image)
    except uf2.BadUf2 as fault:
        raise FlashError(f"the runtime image is no UF2 for an RP2040: {fault}") from fault
    room = board.parts["runtime"]
    for part in parts:
        begin, end = part.address - uf2.FLASH_START, part.end - uf2.FLASH_START
        if begin < room.offset or end > room.end:
            raise FlashError(f"the runtime image reaches to {end:#x}, its place ends at {room.end:#x}: nothing was changed")


def copy_to_drive(drive: Path, image: bytes) -> None:
    """The boot ROM programs what is copied; the drive goes away when all of it has come."""
    if "RP2" not in (drive / INFO).read_text(errors="replace"):
        raise FlashError(f"{drive} is the boot drive of another chip than an RP2040: nothing was changed")
    try:
        with step("runtime", len(image)) as done, open(drive / "runtime.uf2", "wb", buffering=0) as file:
            for at in range(0, len(image), 65536):
                done(file.write(image[at : at + 65536]))
            os.fsync(file.fileno())
    except OSError as fault:
        raise FlashError(f"the drive {drive} went away or is full ({fault.strerror}): hold BOOTSEL, plug in again, and repeat") from fault


def _into_drive(board: Board, given: argparse.Namespace, place: Path, find_key: FindKey) -> Path:
    """Ask a live board aside, back it up, send it into its boot ROM, wait for the drive."""
    with Session(board, given.port, find_key, given.hold, any_runtime=True) as session:
        backups.take_backup(session.live, place)
        session.live.to_boot_rom()
    ends = time.monotonic() + DRIVE_S
    while time.monotonic() < ends:
        for pattern in DRIVES:
            for found in Path("/").glob(pattern.lstrip("/")):
                if is_drive(str(found)):
                    return found
        time.sleep(0.5)
    raise FlashError("the board is in its boot ROM but no drive RPI-RP2 is mounted: mount it and give its folder with --port")


def put_dfu(board: Board, image: Path) -> None:
    """By dfu-util, which knows the address from a .dfu file."""
    program = shutil.which("dfu-util")
    if program is None:
        raise FlashError("dfu-util is not installed: install the package dfu-util and give the same command again")
    if image.suffix != ".dfu":
        raise FlashError(f"{image.name} does not say where it belongs: give the .dfu file of the runtime")
    ids = [word for one in board.about.get("usb", {}).get("ids", []) for word in ("-d", str(one))][:2]
    try:
        ran = subprocess.run(
            [program, *ids, "-a", "0", "-D", str(image), "-R"],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=DFU_S,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as fault:
        raise FlashError(f"dfu-util did not end well: {fault}; give the same command again") from fault
    if ran.returncode:
        said = (ran.stderr or ran.stdout).strip().splitlines()
        why = said[-1] if said else "it said nothing"
        raise FlashError(f"dfu-util could not write the runtime ({why}): is the board in its boot loader? See flash.how in about.toml")
