"""The board with many accounts in the heap of a real part, at its prompt: what tests and bench ask of on_board/heap_story.py."""

import json
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from board_configs.qemu_mps2 import wiring
from host_tools.emulator.flash_file import FlashFile
from host_tools.emulator.machine import CONSOLE, LINE, SOCKET, Machine
from host_tools.flash import files_image
from host_tools.flash.board_folder import find_board
from tests import timed_site
from tests.boards.board_kit import Prompt, files_at_prompt, image_with_tests
from tests.running_gateway import POLICY, TARIFF

KEY = "5a" * 32
BAUD = 19_200
POLLED, POLLED_S, POLL_HEAP_KB = 8, 20, 2_048  # nothing is collected meanwhile
START_S = 240  # 200 meters at the speed of a busy machine
STORY = "from tests.boards.on_board import heap_story\n"
MARK = "heap_story "
ICOUNT_SHIFT = 5  # 32 ns an instruction
CLOCK_NS = 40  # 25 MHz, and one cycle an instruction: a real Cortex-M3 needs a fifth more


def site(meters: int, poll_period_s: int = 900) -> dict[str, Any]:
    """A site file with so many meters."""
    rows = [
        {
            "account": 1001 + index, "address": f"21{index + 1:010d}", "model": "export_1p", "password_level": 2, "password": "000000",
            "tariff": 1, "policy": 1, "protected": False, "care": False, "exempt": False,
        }
        for index in range(meters)
    ]  # fmt: skip
    limits = {"meters_max": 200, "accounts_max": 200}
    uplink = {"host": "127.0.0.1", "port": 1, "keep_alive_s": 60}
    line = {"baud": BAUD}
    site = {"gateway": "gw-200", "uplink": uplink, "line": line, "poll_period_s": poll_period_s, "utc_offset_min": 480}
    return {**site, "meters": rows, "limits": limits}


class SmallHeap:
    """One board; `told(code)` runs code on it and returns its lines of JSON."""

    def __init__(
        self, folder: Path, meters: int, heap_kb: int, line: Path | None = None, counted: bool = False, poll_period_s: int = 900
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        board = find_board(wiring.NAME)
        own = files_image.read_littlefs(files_at_prompt(), board.erase_size)
        documents = {"settings.json": site(meters, poll_period_s), "tariff_1_1.json": TARIFF, "policy_1_1.json": POLICY}
        files = own | {name: json.dumps(text).encode() for name, text in documents.items()} | {"key": KEY.encode()}
        flash = FlashFile(folder / "flash.bin")
        flash.write("files", files_image.build_littlefs(files, board.parts["files"].size, board.erase_size, 32))
        flash.write("slot_a", image_with_tests())
        console = folder / "console.sock"
        ways = {CONSOLE: f"{SOCKET}{console}"} | ({LINE: str(line)} if line else {})
        extra = ("-icount", f"shift={ICOUNT_SHIFT},sleep=off") if counted else ()
        self.machine = Machine(flash, ways, {"heap_kb": heap_kb}, extra)
        self.machine.start()
        self.prompt = Prompt(console)
        self.prompt.enter()

    def told(self, code: str, timeout_s: float = START_S) -> list[dict[str, Any]]:
        """Lines of JSON that a piece of heap_story printed; AssertionError with its traceback when it fails."""
        said = self.prompt.run(STORY + code, timeout_s)
        return [json.loads(text.removeprefix(MARK)) for text in said.splitlines() if text.startswith(MARK)]

    def stop(self) -> None:
        self.machine.stop()
        self.prompt.close()


def simulated_meters(folder: Path, meters: int) -> AbstractContextManager[None]:
    """Their line, folder/"line", standing while the block lasts."""
    rows = [{"address": row["address"], "model": "export_single", "load": 500, "forward_cwh": 100_000} for row in site(meters)["meters"]]
    place = {"line": {"baud": BAUD, "seed": 1}, "utc_offset_s": 28_800, "meters": rows}
    (folder / "site.json").write_text(json.dumps(place))
    return timed_site.spawned(folder / "site.json", folder / "line", folder / "site.sock", folder / "requests")


def poll_bytes(folder: Path) -> dict[str, Any]:
    """What a steady poll leaves to be collected: eight meters that are read each second."""
    with simulated_meters(folder, POLLED):
        board = SmallHeap(folder / "polled", POLLED, POLL_HEAP_KB, folder / "line", poll_period_s=1)
        try:
            return board.told(f"heap_story.polls({POLLED_S})")[-1]
        finally:
            board.stop()


def pause_ms(folder: Path, heap_kb: int) -> tuple[float, float]:
    """A collection with 200 accounts in use -> (ms at the modelled clock, by counted instructions; ms by this machine's time)."""
    found = []
    for counted in (True, False):
        board = SmallHeap(folder / f"{heap_kb}_{counted}", 200, heap_kb, counted=counted)
        try:
            found.append(board.told("heap_story.pauses()")[-1]["pause_us"])
        finally:
            board.stop()
    return found[0] * 1000 / (1 << ICOUNT_SHIFT) * CLOCK_NS / 1e6, found[1] / 1000

