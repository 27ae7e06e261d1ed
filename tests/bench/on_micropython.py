"""The bench parts that run wholly on MicroPython: journal and heap; programs beside this file print one JSON line."""

import json
import os
import subprocess
import tempfile
from typing import Any

from host_tools.set_up import paths
from tests.bench import wire
from tests.bench.rows import Row

HEAP = "16M"  # the region of the journal lies in memory too, and what is measured is not interrupted by a collection
SECONDS_MAX = 120
RECORDS = 10_000
SITE_METERS = 200
BAUD = 2_400
ANSWER_MS = 100


def program(name: str, *arguments: str) -> dict[str, Any]:
    """Run tests.bench.<name> -> what its last line says."""
    command = [str(paths.micropython()), "-X", f"heapsize={HEAP}", "-m", f"tests.bench.{name}", *arguments]
    environment = {**os.environ, "MICROPYPATH": paths.micropython_path()}
    done = subprocess.run(
        command, cwd=paths.checkout(), env=environment, capture_output=True, text=True, timeout=SECONDS_MAX, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{name} ended with {done.returncode}: {(done.stderr or done.stdout).strip()}")
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def journal() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        told = program("journal_program", folder)
    rows = []
    for one in told["cases"]:
        medium = "memory" if one["region"] == "memory" else "file, fsync each"
        rows.append(
            Row(
                f"journal, unit {one['unit']}, {medium}", one["records_per_s"], "records/s", one["raw_per_s"], "bare program + sync",
                "one credit a commit; against the same bytes without a journal",
            )  # fmt: skip
        )
    for one in told["cases"]:
        if one["region"] == "memory":
            least = -(-one["record_bytes"] // one["unit"]) * one["unit"]
            note = f"a credit of {one['record_bytes']} bytes in whole units, and its share of block headers"
            rows.append(Row(f"journal, unit {one['unit']}, flash a record", one["bytes"], "bytes", least, "whole units", note))
    replay = told["replay"]
    rows.append(
        Row(
            f"replay of {replay['replayed']} records", replay["replay_ms"], "ms", replay["read_ms"], "reading the region",
            "CRC, chain and fold in the interpreter; against a copy of the same bytes",
        )  # fmt: skip
    )
    return rows


def heap() -> list[Row]:
    rows = []
    for meters in (12, 200):
        told = program("heap_program", str(meters))
        table = told["rows"] * told["row_bytes"]
        note = (
            f"{told['read']} of {meters} meters read, {told['accounts']} accounts of {told['row_bytes']} bytes in a table of"
            f" {told['rows']}; 64-bit objects, code of {told['code']} bytes besides (on a board it is frozen into flash)"
        )
        rows.append(Row(f"heap in use, {meters} meters", told["data"], "bytes", table, "the packed table", note))
    return rows


def site() -> list[Row]:
    """200 accounts: what a look at each, a midnight and a start cost, against what the wire or the flash need for the same."""
    told = program("site_program", str(SITE_METERS))
    if told["charged"] != SITE_METERS:
        raise RuntimeError(f"site_program charged {told['charged']} of {SITE_METERS} accounts exactly")
    turn = SITE_METERS * wire.limit_ms((wire.ENERGY, wire.STATUS), BAUD, ANSWER_MS)
    freeze = SITE_METERS * wire.limit_ms((wire.FREEZE_TIME, wire.FREEZE_REGISTER), BAUD, ANSWER_MS)
    garbage = "{:.0f} KB allocated, 64-bit objects"
    records = f"{told['records']} records, {told['programmed'] / SITE_METERS:.0f} bytes of flash an account; "
    return [
        Row(
            f"decisions, {SITE_METERS} accounts", round(told["decisions_us"] / 1000), "ms", round(turn), "a round on the wire",
            garbage.format(told["decisions_bytes"] / 1024),
        ),
        Row(
            f"midnight, {SITE_METERS} accounts", round(told["midnight_us"] / 1000), "ms", round(turn + freeze), "its round on the wire",
            records + garbage.format(told["midnight_bytes"] / 1024),
        ),
        Row(
            f"restart, {SITE_METERS} accounts", round(told["start_us"] / 1000), "ms", round(told["copy_us"] / 1000, 2), "its bytes read",
            f"composition, documents and {told['replayed']} records",
        ),
    ]  # fmt: skip
