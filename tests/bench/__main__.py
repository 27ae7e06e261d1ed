"""make bench: what the product does, each figure against its limit or its peer in the same run. Asserts nothing.

    python -m tests.bench [--json] [NAME ...]        names: poll payment journal mqtt heap; all of them without a name

A part that fails says so in one line and leaves the others alone; the exit code is then 1.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from host_tools.set_up import paths
from tests.bench import mqtt_rate, payment, poll_cycle
from tests.bench.rows import Row

BOARD_HEAP_BYTES = 1024 * 1024  # of the emulated board that comes next
TIMEOUT_S = 300


def _on_micropython(module: str, *arguments: str, heap: str = "8M") -> dict[str, Any]:
    """The last JSON line that `module` prints under MicroPython."""
    command = [str(paths.micropython()), "-X", f"heapsize={heap}", "-m", module, *arguments]
    environment = {"MICROPYPATH": paths.micropython_path()}
    done = subprocess.run(
        command, env=environment, cwd=paths.checkout(), capture_output=True, text=True, timeout=TIMEOUT_S, stdin=subprocess.DEVNULL
    )
    if done.returncode:
        raise RuntimeError((done.stderr or done.stdout).strip().splitlines()[-1])
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def journal() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        told = _on_micropython("tests.bench.journal_program", folder)
    rows = []
    for case in told["cases"]:
        where = f"unit {case['unit']}, {case['region']}"
        rows.append(Row(f"journal, {where}", case["records_per_s"], "records/s", case["raw_per_s"], "program and sync alone"))
        rows.append(Row(f"flash, {where}", case["bytes"], "bytes/record", case["record_bytes"], "the record itself"))
    replay = told["replay"]
    rows.append(Row(f"replay of {replay['replayed']} records", replay["replay_ms"], "ms", replay["read_ms"], "reading the bytes alone"))
    return rows


def mqtt() -> list[Row]:
    told = mqtt_rate.measure()
    name = "QoS 1 at 100 ms round trip"
    return [
        Row(name, told["ours_per_s"], "messages/s", told["umqtt_per_s"], "plain umqtt.simple"),
        Row(name, told["ours_per_s"], "messages/s", told["window_limit_per_s"], "the window's limit"),
    ]


def heap() -> list[Row]:
    rows = []
    for meters in (12, 200):
        told = _on_micropython("tests.bench.heap_program", str(meters))
        note = f"{told['accounts']} accounts, {told['read']} meters read, rows {told['rows']} x {told['row_bytes']} bytes"
        rows.append(Row(f"heap in use, {meters} meters", told["data"], "bytes", BOARD_HEAP_BYTES, "a 1 MB heap", note))
    return rows


PARTS: dict[str, Callable[[], list[Row]]] = {
    "poll": poll_cycle.measure,
    "payment": payment.measure,
    "journal": journal,
    "mqtt": mqtt,
    "heap": heap,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Figures against their limits, in one run.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="one of: " + " ".join(PARTS))
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    options = parser.parse_args()
    for name in options.names:
        if name not in PARTS:
            print(f"NAME: there is no bench {name!r}, only {' '.join(PARTS)}", file=sys.stderr)
            return 2
    failed = False
    table = Table("what", "value", "unit", "against", "limit or peer", "ratio")
    for name in options.names or PARTS:
        try:
            rows = PARTS[name]()
        except (OSError, RuntimeError, ValueError, AssertionError, subprocess.SubprocessError) as fault:
            print(f"bench {name} failed: {fault}", file=sys.stderr)
            failed = True
            continue
        for row in rows:
            if options.json:
                print(json.dumps({**asdict(row), "ratio": row.ratio}), flush=True)
            table.add_row(row.what, f"{row.value:g}", row.unit, f"{row.against:g}", row.limit, f"{row.ratio:g}")
    if not options.json:
        Console().print(table)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
