"""The board's own files: what stands beside the application on littlefs, and that filesystem as an image.

Every board has boot.py (the porch, as source, because nothing is compiled for it yet) and main.py. Provisioning brings settings.json,
the key, tariffs, policies and certificates. A board without slots has the application under /app as well.

Traps avoided: the image carries no times and is written in sorted order, so it repeats; disk version 2.0 is read by every
MicroPython that knows littlefs 2, and a newer one raises it at the first write.
"""

import re
from pathlib import Path

from littlefs import LittleFS, LittleFSError

from firmware.base.faults import BadInput
from firmware.settings.settings import parse_settings
from host_tools.flash.board_folder import Board
from host_tools.flash.errors import FlashError

DISK_VERSION = 0x00020000
ANY_VERSION = 0
# MicroPython's VfsLfs2 reads and programs 32 bytes at a time unless told otherwise; the rp2 port's boot says progsize=256.
PROGRAM_SIZES = {"rp2": 256}
PROGRAM_SIZE_USUAL = 32
SECRETS = ("key", "client_key.der")
PROVISIONED = re.compile(r"settings\.json|key|(ca|client|client_key)\.der|(tariff|policy)_[1-9]\d{0,9}_[1-9]\d{0,9}\.json")
MAIN = '''# Started by MicroPython behind boot.py and in its namespace: `application` is boot.py's answer.
if application:
    import micropython
    micropython.kbd_intr(-1)  # as in boot.py: from here on the application hears the console
    from firmware.main import main
    main("%s")
'''


def main_text(board: Board) -> bytes:
    """main.py; it also says which board the firmware was put there for."""
    return (MAIN % board.name).encode()


def board_of_main(text: bytes) -> str | None:
    """The board that a main.py starts; None when it is none of ours."""
    found = re.search(rb'^\s*main\("([a-z0-9_]+)"\)', text, re.M)
    return found.group(1).decode() if found else None


def own_files(board: Board, checkout: Path) -> dict[str, bytes]:
    """boot.py and main.py; nothing on Linux, where a service starts the firmware."""
    if board.platform == "linux":
        return {}
    return {"boot.py": (checkout / "firmware" / "boot.py").read_bytes(), "main.py": main_text(board)}


def provisioned(
    settings: Path | None, key: Path | None, models: list[str], limits: tuple[tuple[str, int], ...] = ()
) -> dict[str, bytes]:
    """settings.json, or a folder with it and more; and the key. All are checked; FlashError names the field."""
    files: dict[str, bytes] = {}
    if settings is not None and settings.is_dir():
        for path in sorted(settings.iterdir()):
            if PROVISIONED.fullmatch(path.name):
                files[path.name] = read_file(path)
        if "settings.json" not in files:
            raise FlashError(f"{settings} holds no settings.json: name the file, or a folder that has one")
    elif settings is not None:
        files["settings.json"] = read_file(settings)
    if key is not None:
        files["key"] = read_file(key)
    if "settings.json" in files:
        check_settings(files["settings.json"], models, limits)
    if "key" in files:
        key_of(files["key"])
    return files


def check_settings(text: bytes, models: list[str], limits: tuple[tuple[str, int], ...] = ()) -> None:
    """FlashError with the firmware's own sentence when it would not start on these settings."""
    try:
        parse_settings(text, models, limits)
    except BadInput as fault:
        raise FlashError(f"the settings are not good: {fault}") from fault


def key_of(data: bytes) -> bytes:
    """The 32 bytes that a key file holds, raw or as 64 hex digits; the key is never put into a sentence."""
    if len(data) == 32:
        return data
    try:
        key = bytes.fromhex(data.decode("ascii").strip())
    except ValueError as fault:
        raise FlashError("the key must be 64 hex digits or 32 bytes: give the file that the head-end's `gateway add` wrote") from fault
    if len(key) != 32:
        raise FlashError(f"the key must be 64 hex digits or 32 bytes, got {len(data)} bytes: give the file of the head-end")
    return key


def read_file(path: Path) -> bytes:
    """Its bytes; FlashError when it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as fault:
        raise FlashError(f"{path} cannot be read: {fault.strerror}") from fault


def _filesystem(size: int, block_size: int, program_size: int, disk_version: int) -> LittleFS:
    return LittleFS(
        mount=False,
        block_size=block_size,
        block_count=size // block_size,
        read_size=program_size,
        prog_size=program_size,
        lookahead_size=program_size,
        disk_version=disk_version,
    )


def program_size_of(platform: str) -> int:
    """Bytes that the runtime of this platform programs at a time."""
    return PROGRAM_SIZES.get(platform, PROGRAM_SIZE_USUAL)


def build_littlefs(files: dict[str, bytes], size: int, block_size: int, program_size: int) -> bytes:
    """{path: content} -> image of exactly `size` bytes."""
    disk = _filesystem(size, block_size, program_size, DISK_VERSION)
    try:
        disk.format()
        disk.mount()
        for path in sorted(files):
            folder = path.rpartition("/")[0]
            if folder:
                disk.makedirs(folder, exist_ok=True)
            with disk.open(path, "wb") as file:
                file.write(files[path])
        disk.unmount()
    except LittleFSError as fault:
        need = sum(map(len, files.values()))
        raise FlashError(f"{len(files)} files of {need} bytes do not fit into the {size} bytes of the part `files`: {fault}") from fault
    return bytes(disk.context.buffer)


def read_littlefs(image: bytes, block_size: int, program_size: int = PROGRAM_SIZE_USUAL) -> dict[str, bytes]:
    """Image -> {path: content}; FlashError when it holds no filesystem."""
    disk = _filesystem(len(image), block_size, program_size, ANY_VERSION)
    disk.context.buffer[:] = image
    try:
        disk.mount()
        files = {}
        for folder, _, names in disk.walk("/"):
            for name in names:
                path = f"{folder.rstrip('/')}/{name}"
                with disk.open(path, "rb") as file:
                    files[path.lstrip("/")] = bytes(file.read())
        disk.unmount()
    except LittleFSError as fault:
        raise FlashError(f"the image holds no littlefs of {block_size}-byte blocks: {fault}") from fault
    return files
