"""`make bench`: every number against its limit or a peer of the same run. It measures, and asserts nothing.

usage: python -m tests.bench [--json] [--only NAME ...]     names: poll payment journal mqtt heap site board_heap board
"""

import argparse
import dataclasses
import json
import signal
import sys
import time
from collections.abc import Callable, Sequence

from rich.console import Console
from rich.table import Table

from host_tools.set_up import paths
from tests.bench import board_cost, board_heap, mqtt_rate, on_micropython, payment, poll_cycle
from tests.bench.rows import Row

INTERRUPTED = 130


def mqtt() -> list[Row]:
    told = mqtt_rate.measure()
    note = "a journal record of 60 bytes a message, 100 ms round trip by a delaying proxy"
    return [
        Row("QoS 1 publishes, ours", told["ours_per_s"], "messages/s", told["umqtt_per_s"], "plain umqtt.simple", note),
        Row("QoS 1 publishes, ours", told["ours_per_s"], "messages/s", told["window_limit_per_s"], "the window", "window / round trip"),
    ]


PARTS: dict[str, Callable[[], list[Row]]] = {
    "poll": poll_cycle.measure,
    "payment": payment.measure,
    "journal": on_micropython.journal,
    "mqtt": mqtt,
    "heap": on_micropython.heap,
    "site": on_micropython.site,
    "board": board_cost.measure,
    "board_heap": board_heap.measure,
}


def measure(names: Sequence[str], tell: Console) -> list[Row]:
    """All parts, one after the other, so that none disturbs another."""
    rows = []
    for name in names:
        began = time.monotonic()
        tell.print(f"measuring {name} ...", style="dim", end=" ")
        rows += PARTS[name]()
        tell.print(f"{time.monotonic() - began:.0f} s", style="dim")
    return rows


def table(rows: list[Row]) -> Table:
    """Numbers, and below them what the limits mean."""
    shown = Table(title="Each number against its limit, or a peer of the same run")
    for heading in ("what", "measured", "against", "limit or peer", "ratio"):
        shown.add_column(heading, justify="left" if heading in ("what", "limit or peer") else "right", no_wrap=heading == "what")
    for row in rows:
        shown.add_row(row.what, f"{row.value:g} {row.unit}", f"{row.against:g}", row.limit, f"{row.ratio:g}")
    return shown


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")
    parser.add_argument("--only", nargs="+", choices=sorted(PARTS), metavar="NAME", help=" ".join(PARTS))
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ended from outside, it ends what it started just the same
    try:
        rows = measure(options.only or list(PARTS), Console(stderr=True))
    except KeyboardInterrupt:
        return INTERRUPTED
    except (paths.NotSetUp, RuntimeError) as fault:
        print(fault, file=sys.stderr)
        return 2
    if options.json:
        print(json.dumps([{**dataclasses.asdict(row), "ratio": row.ratio} for row in rows], indent=1))
        return 0
    console = Console()
    console.print(table(rows))
    for note in dict.fromkeys(f"{row.what}: {row.note}" for row in rows if row.note):
        console.print(note, style="dim", soft_wrap=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
