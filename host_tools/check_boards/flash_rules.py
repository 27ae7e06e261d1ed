"""The rules of a board's flash: whole blocks, nothing over anything else, the journal outside every filesystem and slot.

On ESP32 the parts are partitions (Espressif, "Partition Tables": data partitions at multiples of 4 KB, applications of
64 KB, the table itself and what lies before it are not ours). The internal flash of an STM32H7 programs words of 32 bytes
with an ECC each, in sectors of 128 KB (RM0399 section 4): a word is programmed once, whatever its bytes.
"""

from __future__ import annotations

from collections.abc import Iterator

from host_tools.check_boards.figures import journal_blocks_least
from host_tools.check_boards.folder import Folder

PARTS = ("runtime", "files", "slot_a", "slot_b", "journal", "readings")
UNITS = (1, 32, 256)
ERASE_SIZES = (1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072)
READINGS_BLOCKS_MIN = 2
ESP32_FREE_FROM = 0x9000
ESP32_APP_STEP = 0x10000
H7_ECC_WORD = 32
BARE = ("esp32", "rp2", "stm32")
APPLICATION_BYTES = 900 * 1024  # on littlefs, where each of its files takes whole blocks; measured 760 KB
APPLICATION_HEAP = 1024 * 1024  # to load it from there


def flash_is_formed(folder: Folder) -> Iterator[str]:
    """Rows, units and sizes by themselves."""
    wiring = folder.wiring
    seen: set[str] = set()
    for row in wiring["FLASH"]:
        if not isinstance(row, tuple) or len(row) != 3 or not all(isinstance(item, int) for item in row[1:]):
            yield f"wiring.py: FLASH has {row!r}, which is not (part, offset, size)"
            continue
        if row[0] not in PARTS:
            yield f"wiring.py: FLASH part {row[0]!r} is none of {', '.join(PARTS)}"
        elif row[0] in seen:
            yield f"wiring.py: FLASH part {row[0]} stands twice"
        seen.add(row[0])
    for part in ("journal", "readings") + (("files",) if wiring["PLATFORM"] in (*BARE, "qemu") else ()):
        if part not in seen:
            yield f"wiring.py: FLASH has no part {part}"
    if wiring["PROGRAM_UNIT"] not in UNITS:
        yield f"wiring.py: PROGRAM_UNIT must be one of {', '.join(map(str, UNITS))}, not {wiring['PROGRAM_UNIT']}"
    if wiring["ERASE_SIZE"] not in ERASE_SIZES:
        yield f"wiring.py: ERASE_SIZE must be a power of two from 1 KB to 128 KB, not {wiring['ERASE_SIZE']}"
    if wiring.get("APPLICATION", "frozen") != "frozen":
        yield f"wiring.py: APPLICATION says \"frozen\" or is not there, not {wiring['APPLICATION']!r}"
    if wiring["FLASH_CYCLES"] < 0 or (wiring["PLATFORM"] in BARE and wiring["FLASH_CYCLES"] == 0):
        yield "wiring.py: FLASH_CYCLES must be the erases that a block is rated for"


def flash_holds(folder: Folder) -> Iterator[str]:
    """The layout as a whole."""
    yield from _in_whole_blocks(folder)
    yield from _apart(folder)
    yield from _journal(folder)
    yield from _application(folder)
    yield from _by_platform(folder)


def _application(folder: Folder) -> Iterator[str]:
    """It is executed from a slot, frozen into the runtime, or loaded from files."""
    wiring, parts = folder.wiring, folder.parts()
    if wiring["PLATFORM"] not in BARE or "slot_a" in parts or wiring.get("APPLICATION") == "frozen":
        return
    if parts["files"][1] < APPLICATION_BYTES:
        yield f"wiring.py: without slots the application lies in files, which have {parts['files'][1]} bytes of {APPLICATION_BYTES}"
    if wiring["HEAP_BYTES"] < APPLICATION_HEAP:
        yield f"wiring.py: without slots the application is loaded into RAM, and a heap of {wiring['HEAP_BYTES']} bytes is too small"


def _in_whole_blocks(folder: Folder) -> Iterator[str]:
    erase, total = folder.wiring["ERASE_SIZE"], folder.fact("flash", "bytes")
    for part, (offset, size) in folder.parts().items():
        if size <= 0 or offset < 0:
            yield f"wiring.py: {part} at {offset:#x} has {size} bytes"
        elif offset % erase or size % erase:
            yield f"wiring.py: {part} at {offset:#x}, {size:#x} bytes, is not whole blocks of {erase:#x}"
        if total and offset + size > total:
            yield f"wiring.py: {part} ends at {offset + size:#x}, behind the end of the flash at {total:#x} (about.toml)"


def _apart(folder: Folder) -> Iterator[str]:
    rows = sorted((offset, size, part) for part, (offset, size) in folder.parts().items())
    for before, after in zip(rows, rows[1:], strict=False):
        if before[0] + before[1] > after[0]:
            yield f"wiring.py: {before[2]} and {after[2]} overlap at {after[0]:#x}"


def _journal(folder: Folder) -> Iterator[str]:
    parts, erase = folder.parts(), folder.wiring["ERASE_SIZE"]
    (journal_at, journal), (readings_at, readings) = parts["journal"], parts["readings"]
    if readings_at != journal_at + journal:
        yield "wiring.py: readings must begin where journal ends: they are one region"
    least = journal_blocks_least(folder.wiring["ACCOUNTS_MAX"], erase, folder.wiring["PROGRAM_UNIT"])
    if journal // erase < least:
        yield f"wiring.py: the journal has {journal // erase} blocks, and {folder.wiring['ACCOUNTS_MAX']} accounts need {least}"
    if readings // erase < READINGS_BLOCKS_MIN:
        yield f"wiring.py: readings need at least {READINGS_BLOCKS_MIN} blocks"
    slots = [parts[part][1] for part in ("slot_a", "slot_b") if part in parts]
    if len(slots) == 1 or len(set(slots)) > 1:
        yield "wiring.py: slot_a and slot_b come together and are equally large"


def _by_platform(folder: Folder) -> Iterator[str]:
    wiring, parts = folder.wiring, folder.parts()
    if wiring["PLATFORM"] == "esp32":
        for part, (offset, _) in parts.items():
            if offset < ESP32_FREE_FROM:
                yield f"wiring.py: {part} at {offset:#x} lies over the boot loader or the partition table (up to {ESP32_FREE_FROM:#x})"
        if "runtime" in parts and parts["runtime"][0] % ESP32_APP_STEP:
            yield f"wiring.py: the runtime at {parts['runtime'][0]:#x} is not at a multiple of {ESP32_APP_STEP:#x}"
    if wiring["PLATFORM"] == "stm32" and wiring["ERASE_SIZE"] == ERASE_SIZES[-1] and wiring["PROGRAM_UNIT"] % H7_ECC_WORD:
        yield f"wiring.py: internal flash of an STM32H7 programs words of {H7_ECC_WORD} bytes once; PROGRAM_UNIT must be a multiple"


