"""The heap of the whole firmware after a virtual day is that of its first hour, and 200 accounts stand in one packed table.

Both run on MicroPython, where gc.mem_alloc() counts to the byte; the day is tests/scenarios/heap_day.py.
"""

import json
import subprocess

import pytest

from host_tools.set_up import paths
from tests import compiled

HOURS = 24
FLAT_BYTES_MAX = 256
TABLE_ROWS = 200
SECONDS_MAX = 60

ACCOUNTS = """
import gc
from firmware.base.limits import Limits
from firmware.ledger import record_kinds as kinds
from firmware.ledger.accounts import Accounts
from firmware.ledger.account_row import ROW, ROW_SIZE
for field in ROW.names():  # where a field stands is worked out once, not for each account
    ROW.offset_of(field)
gc.collect(); before = gc.mem_alloc()
accounts = Accounts(Limits().accounts_max)
gc.collect(); empty = gc.mem_alloc() - before
for n in range(accounts.capacity):
    accounts.apply(kinds.SEGMENT, (1001 + n, bytes([n + 1, 0, 0, 0, 0, 0x21]), 0, n, 0, 0, 0, 0), n + 1, 1_800_000_000)
    accounts.apply(kinds.CREDIT, (1001 + n, 1, 1, 1_000_000 + n, 1_000_000 + n), n + 1, 1_800_000_000)
gc.collect(); full = gc.mem_alloc() - before
balances = [accounts.balance_ucu(accounts.row_of(1001 + n)) for n in range(accounts.count)]
import json
print(json.dumps([accounts.count, ROW_SIZE, empty, full, balances]))
"""


def micropython(*arguments: str) -> list:
    """Run MicroPython -> its lines, parsed."""
    command = [str(paths.micropython()), "-X", "heapsize=2M", *arguments]
    done = subprocess.run(
        command, cwd=compiled.folder(), env=compiled.environment(), capture_output=True, text=True, timeout=SECONDS_MAX, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("job", [f"-X heapsize=2M -m tests.scenarios.heap_day {HOURS}"])
def test_heap_after_a_day_is_that_of_the_first_hour(told, capsys):
    hours = told
    first, last = hours[1], hours[HOURS]
    with capsys.disabled():
        print(f"\n  heap at hour 1: {first['heap']} bytes, at hour {HOURS}: {last['heap']} bytes, {last['sequence']} records")
    assert abs(last["heap"] - first["heap"]) <= FLAT_BYTES_MAX, [hour["heap"] for hour in hours]
    # the day was no idle one: everybody was read and charged, two households were cut and restored hour after hour
    assert last["hour"] == HOURS and last["readings"] >= 8 * 4 * HOURS
    assert sum(hour["cuts"] for hour in hours) >= 2 * (HOURS - 2) and sum(hour["restores"] for hour in hours) >= 2 * (HOURS - 2)
    assert all(hour["credits_agree"] and hour["sound"] for hour in hours)
    assert (last["held"], last["readings_held"]) == (last["sequence"], last["readings"]), "the backlog drained"


def test_two_hundred_accounts_live_in_one_packed_table(capsys):
    count, row_bytes, empty, full, balances = micropython("-c", ACCOUNTS)[0]
    with capsys.disabled():
        print(f"\n  {count} accounts of {row_bytes} bytes: {empty} bytes of heap empty, {full} full")
    assert count == TABLE_ROWS and len(balances) == TABLE_ROWS
    assert balances == [1_000_000 + n for n in range(TABLE_ROWS)]
    assert full - empty <= FLAT_BYTES_MAX, "an account costs heap beside its row"
    assert TABLE_ROWS * row_bytes <= full <= TABLE_ROWS * (row_bytes + 8) + 2048
