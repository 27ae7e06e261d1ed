"""What the firmware costs a board: instructions on the emulated one under QEMU's -icount, as milliseconds of the modelled clock.

The model is one instruction a cycle at 25 MHz and a heap of 256 KB. -icount shift=5 makes the board's own ticks count
instructions, 32 ns each; a cycle of 25 MHz is 40 ns, so its times are taken times 1.25.
"""

import ast
import tempfile
from pathlib import Path

from host_tools.check_boards.__main__ import folders
from host_tools.check_boards.figures import snapshot_blocks, snapshot_every
from host_tools.check_boards.folder import read_folder
from host_tools.set_up import paths
from tests.bench.on_micropython import program
from tests.bench.rows import Row
from tests.boards.board_kit import BoardAtPrompt, image_with_tests

HEAP_KB = 256
TO_MODEL = 1.25
START_MS_MAX = 10_000  # what a restart may take
RECORDS = 300
STEADY_S = 60
RUN_TIMEOUT_S = 300
METERS = 4
UNIT = 32
DAYS_PER_YEAR = 365
EXCHANGE = "2400 baud; half of them read the registers, which are priced, judged and kept"
EXTRA = ("-icount", "shift=5,sleep=off")


def measure() -> list[Row]:
    """All of it: the instructions, and the wear that a virtual day comes to."""
    with tempfile.TemporaryDirectory() as folder:
        board = BoardAtPrompt(Path(folder), image_with_tests(), EXTRA, heap_kb=HEAP_KB)
        slot, _ = _told(board, "prove_slot()")
        imports, kept = _told(board, "import_application()")
        start = _told(board, "first_life(1)")[0]
        restart = _told(board, f"restart(1, {RECORDS})")
        replay, replayed = _told(board, f"replaying({RECORDS})")
        busy = _told(board, f"steady(1, {STEADY_S}, 1)")
        idle = _told(board, f"steady(1, {STEADY_S}, 3600)")
        credit, judging = _told(board, "judging(1)")
        mac = _told(board, "mac_check()")[0]
    computed, played, exchanges, wired_ms = busy[:4]
    exchange = _ms(computed - played - idle[0]) / exchanges
    wire = round(wired_ms / exchanges)
    record = _ms(replay) / replayed
    limit = "10 s of a start"
    rows = [
        Row("board: proof of the slot", round(_ms(slot)), "ms", START_MS_MAX, limit),
        Row("board: imports", round(_ms(imports)), "ms", START_MS_MAX, limit, f"they keep {kept / 1024:.0f} KB of the heap"),
        Row("board: first start behind the imports", round(_ms(start)), "ms", START_MS_MAX, limit),
        Row("board: restart behind the imports", round(_ms(restart[0])), "ms", START_MS_MAX, limit, f"{restart[3]} records to replay"),
        Row("board: replay of one record", round(record, 2), "ms", 3, "3 ms", "a credit; collections of garbage included"),
        Row("board: computing of one exchange", round(exchange, 1), "ms", wire, "the wire", EXCHANGE),
        Row("board: computing without polls", round(_ms(idle[0]) / STEADY_S, 1), "ms/s", 1_000, "all its time"),
        Row("board: MAC of a message", round(_ms(mac), 1), "ms", round(exchange, 1), "an exchange"),
        Row("board: a credit and its record", round(_ms(credit), 1), "ms", round(exchange, 1), "an exchange"),
        Row("board: a decision", round(_ms(judging), 1), "ms", round(exchange, 1), "an exchange"),
    ]  # fmt: skip
    return rows + _wear()


def _ms(ticks_us: float) -> float:
    """Of the modelled clock."""
    return ticks_us * TO_MODEL / 1_000


def _told(board: BoardAtPrompt, call: str) -> tuple[int, ...]:
    prompt = board.start()
    try:
        said = prompt.run(f"from tests.boards.on_board import cost_program as cost\nprint(cost.{call})", RUN_TIMEOUT_S)
    finally:
        board.stop()
    told: tuple[int, ...] = ast.literal_eval(said.strip().splitlines()[-1])
    return told


def _wear() -> list[Row]:
    """Bytes of a virtual day, and the years that each board's flash lasts with them."""
    day = program("day_program", str(METERS))
    money, readings = day["journal_bytes"] / METERS, day["readings_bytes"] / METERS
    note = f"1 kW all day, read every 15 minutes, steps of {UNIT} bytes: {day['records'] / METERS:g} records"
    rows = [Row("journal of one account and day", round(money), "bytes", round(readings), "its readings", note)]
    for path in folders(paths.checkout() / "board_configs"):
        folder, wrong = read_folder(path)
        if wrong or not folder.wiring["FLASH_CYCLES"]:
            continue
        accounts, erase, unit = (folder.wiring[name] for name in ("ACCOUNTS_MAX", "ERASE_SIZE", "PROGRAM_UNIT"))
        blocks = {part: size // erase for part, (_, size) in folder.parts().items()}
        every = snapshot_every(blocks["journal"], accounts, erase, unit)
        snapshots = 1 + snapshot_blocks(accounts, erase, unit) / every
        padding = max(1, unit / UNIT)
        years = [
            folder.wiring["FLASH_CYCLES"] * blocks[part] * erase / (accounts * bytes_day * padding * more) / DAYS_PER_YEAR
            for part, bytes_day, more in (("journal", money, snapshots), ("readings", readings, 1))
        ]
        wear_note = f"{accounts} such accounts; the journal alone {years[0]:.0f} years"
        rows.append(Row(f"flash of {folder.name}", round(min(years), 1), "years", 10, "10 years", wear_note))
    return rows
