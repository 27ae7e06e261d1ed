"""The emulated board's heap: 200 accounts in 256 KB, what a poll leaves to be collected, how long a collection holds the loop."""

import tempfile
from pathlib import Path

from tests.bench.rows import Row
from tests.boards import small_heap

METERS = 200
HEAP_KB = 256
HEAPS_KB = (256, 1024)


def measure() -> list[Row]:
    """Rows for the board's column."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = _heap(folder)
        polled = small_heap.poll_bytes(folder)
        rows.append(
            Row(
                "board: heap a poll", round(polled["bytes"] / polled["polls"]), "bytes", HEAP_KB * 1024, "the heap",
                "register and status word; what console, ticks and uplink allocate meanwhile is in it",
            )  # fmt: skip
        )
        for heap_kb in HEAPS_KB:
            counted_ms, by_wall_ms = small_heap.pause_ms(folder / "pauses", heap_kb)
            note = f"{METERS} accounts; instructions counted, {small_heap.CLOCK_NS} ns each (25 MHz); against this machine's own time"
            rows.append(Row(f"board: GC pause, {heap_kb} KB", round(counted_ms, 1), "ms", round(by_wall_ms, 1), "wall time", note))
    return rows


def _heap(folder: Path) -> list[Row]:
    board = small_heap.SmallHeap(folder / "heap", METERS, HEAP_KB)
    try:
        told = board.told("heap_story.compose()")[-1]
    finally:
        board.stop()
    all_of_it = told["used"] + told["free"]
    note = f"after the start; {told['code']} bytes are modules; the largest hole has {told['hole']} bytes"
    return [Row(f"board: heap in use, {METERS} accounts", told["used"], "bytes", all_of_it, f"{HEAP_KB} KB less its own tables", note)]
