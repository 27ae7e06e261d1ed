"""What a board holds, kept on this machine: its files, its journal and readings, and what it said of itself.

A backup is a folder GATEWAY-YYYY-MM-DD-HHMMSS with backup.json, files/... and journal.bin (journal and readings as one region, as
`python -m host_tools.journal_reader` reads it; blank blocks at its end are left out). It holds the gateway's key, so it is for
its owner only. It appears under its name when it is whole; a block that an older backup of the same gateway has is not read again.

Trap avoided: a backup that was not proved is none: each file and block is compared by hash with the board's own.
"""

import hashlib
import json
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from host_tools.flash.application import write_private
from host_tools.flash.board_folder import Board, Part
from host_tools.flash.errors import FlashError
from host_tools.flash.install import holds, slot_in_use
from host_tools.flash.live_board import LiveBoard, block_digest
from host_tools.flash.progress import say, step
from host_tools.set_up import paths

ABOUT, JOURNAL, RAW_FILES = "backup.json", "journal.bin", "files.bin"
USUAL_PLACE = "backups"
UNNAMED = "unnamed"
FORMAT = 1


@dataclass(frozen=True)
class Backup:
    """A whole backup, read from its folder."""

    folder: Path
    about: dict[str, Any]
    files: dict[str, bytes]
    journal: bytes

    @property
    def gateway(self) -> str:
        return str(self.about.get("gateway", UNNAMED))


def usual_place() -> Path:
    """Where backups lie unless a folder is given."""
    return paths.checkout() / USUAL_PLACE


def gateway_of(settings: bytes | None) -> str | None:
    """The gateway's name in a settings.json; None when it cannot be told."""
    try:
        name = json.loads(settings or b"null")["gateway"]
    except (ValueError, TypeError, KeyError):
        return None
    good = isinstance(name, str) and name.replace("-", "").replace("_", "").isalnum()
    return name if good else None


def take_backup(live: LiveBoard, place: Path) -> Path | None:
    """Copy everything; the folder, or None when the board holds nothing yet."""
    files = _read_files(live)
    span = live.board.journal_span
    digests: list[str] = []
    if span is not None:
        with step("looking at the journal", span.size // live.board.erase_size) as done:
            digests = live.digests(span, done=done)
    raw = b"" if live.mounted() else _raw_files(live)
    if not files and not any(digests) and not raw:
        return None
    gateway = gateway_of(files.get("settings.json")) or UNNAMED
    journal = _read_journal(live, span, digests, _older(place, gateway, live.board)) if span is not None else b""
    said = live.identity()
    about: dict[str, Any] = {"runtime": list(said.runtime), "machine": said.machine}
    if live.board.has_slots:
        in_use = slot_in_use(live) if live.mounted() else "a"
        whole = holds(live, live.board.parts["slot_" + in_use])
        about["slot"] = {"in_use": in_use, "sha256": whole.sha256.hex() if whole else None}
    folder = keep(place, live.board, about, files, journal, raw)
    say(f"backup of {gateway}: {len(files)} files, {sum(map(bool, digests))} blocks of journal and readings, in {folder}")
    return folder


def _read_files(live: LiveBoard) -> dict[str, bytes]:
    if not live.mounted():
        return {}
    stored = live.files()
    for path in stored:
        if any(part in ("", ".", "..") for part in path.split("/")):
            raise FlashError(f"the board names a file {path!r}, which no board of ours has: nothing was read of it")
    with step("reading files", len(stored)) as done:
        files = {}
        for path in sorted(stored):
            files[path] = live.read_file(path)
            done(1)
    return files


def _raw_files(live: LiveBoard) -> bytes:
    """A file system that cannot be mounted, as it lies there."""
    part, blank = live.board.parts["files"], b"\xff" * live.board.erase_size
    blocks = [live.read_block(part, number) if digest else blank for number, digest in enumerate(live.digests(part))]
    return without_blank_end(b"".join(blocks), live.board.erase_size)


def without_blank_end(image: bytes, block_size: int) -> bytes:
    """Whole blocks, up to the last one that is not blank."""
    return image[: -(-len(image.rstrip(b"\xff")) // block_size) * block_size]


def _read_journal(live: LiveBoard, span: Part, digests: list[str], older: bytes) -> bytes:
    size = live.board.erase_size
    last = max((number for number, digest in enumerate(digests) if digest), default=-1)
    known = {block_digest(older[at : at + size]): older[at : at + size] for at in range(0, len(older), size)}
    blocks = []
    with step("reading the journal", last + 1) as done:
        for number in range(last + 1):
            digest = digests[number]
            data = known.get(digest) if digest else b"\xff" * size
            blocks.append(live.read_block(span, number) if data is None else data)
            done(1)
    return b"".join(blocks)


def keep(place: Path, board: Board, said: dict[str, Any], files: dict[str, bytes], journal: bytes, raw: bytes = b"") -> Path:
    """Write a backup; `said` is what the board told of itself, `raw` a file system that cannot be read."""
    gateway = gateway_of(files.get("settings.json")) or UNNAMED
    about = said | {
        "format": FORMAT,
        "gateway": gateway,
        "board": board.name,
        "taken_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "erase_size": board.erase_size,
        "program_unit": board.program_unit,
        "journal": {"bytes": len(journal), "sha256": hashlib.sha256(journal).hexdigest()},
        "journal_size": board.parts["journal"].size if "journal" in board.parts else 0,
        "files": {path: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()} for path, data in files.items()},
    }
    stamp = time.strftime("%Y-%m-%d-%H%M%S", time.gmtime())
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = next(
            path for number in range(1000) if not (path := place / f"{gateway}-{stamp}{f'-{number}' if number else ''}").exists()
        )
        partial = place / f".{folder.name}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(mode=0o700)
        for path, data in files.items():
            target = partial / "files" / path
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_private(target, data)
        write_private(partial / JOURNAL, journal)
        if raw:
            write_private(partial / RAW_FILES, raw)
        write_private(partial / ABOUT, json.dumps(about, indent=2, sort_keys=True).encode() + b"\n")
        os.rename(partial, folder)
    except OSError as fault:
        raise FlashError(f"the backup cannot be written to {place}: {fault.strerror}; nothing was changed, give another folder") from fault
    return folder


def _older(place: Path, gateway: str, board: Board) -> bytes:
    """The journal of the newest backup of this gateway on this kind of board, b"" when there is none."""
    for folder in sorted(place.glob(f"{gateway}-2*"), reverse=True) if place.is_dir() else ():
        try:
            found = read_backup(folder)
        except FlashError:
            continue
        if found.about["board"] == board.name and found.about["erase_size"] == board.erase_size:
            return found.journal
    return b""


def read_backup(folder: Path) -> Backup:
    """A backup, every hash checked."""
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        if about["format"] != FORMAT:
            raise FlashError(f"{folder} is a backup of another version of flash.py: use that one")
        files = {path: (folder / "files" / path).read_bytes() for path in about["files"]}
        journal = (folder / JOURNAL).read_bytes()
        whole = all(hashlib.sha256(data).hexdigest() == about["files"][path]["sha256"] for path, data in files.items())
        whole = whole and hashlib.sha256(journal).hexdigest() == about["journal"]["sha256"]
    except FileNotFoundError as fault:
        raise FlashError(f"{folder} is no backup: {Path(fault.filename).name} is not in it") from fault
    except OSError as fault:
        raise FlashError(f"{folder} cannot be read: {fault.strerror}") from fault
    except (ValueError, TypeError, KeyError) as fault:
        raise FlashError(f"{folder} is no backup: its {ABOUT} cannot be read") from fault
    if not whole:
        raise FlashError(f"the backup in {folder} is damaged: a file in it is not as it was taken; use another one")
    return Backup(folder, about, files, journal)


def newest_key(place: Path, gateway: str) -> bytes | None:
    """The gateway's key in its newest backup, None when there is none."""
    for folder in sorted(place.glob(f"{gateway}-2*"), reverse=True) if place.is_dir() else ():
        try:
            found = read_backup(folder)
        except FlashError:
            continue
        if found.gateway == gateway and "key" in found.files:
            return found.files["key"]
    return None
