"""Poll cycle of 8 and of 32 meters at 2400 baud with answers after 100 ms, against the wire's own limit.

Both gateways run at the same time, each on its own pty; what is counted is the time between two energy requests to the same
meter, as the simulated line saw them. One turn of a meter is an energy exchange and a status exchange.
"""

import statistics
import tempfile
import threading
from pathlib import Path

from tests import timed_site
from tests.bench import wire
from tests.bench.rows import Row
from tests.running_gateway import Gateway, Scene, meters

BAUD = 2400
ANSWER_MS = 100
TURN = (wire.ENERGY, wire.STATUS)


def measure(sizes: tuple[int, ...] = (8, 32)) -> list[Row]:
    rows: dict[int, Row] = {}
    faults: list[BaseException] = []

    def one(size: int) -> None:
        try:
            rows[size] = _cycle(size)
        except Exception as fault:  # told by the thread that waits
            faults.append(fault)

    threads = [threading.Thread(target=one, args=(size,), daemon=True) for size in sizes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]
    return [rows[size] for size in sizes]


def _cycle(size: int) -> Row:
    with tempfile.TemporaryDirectory() as folder:
        scene = Scene(Path(folder) / "site", size, BAUD, ANSWER_MS)
        with meters(scene), Gateway(scene, no_uplink=True) as gateway:
            # the first round reads every relay's state besides; it is left out
            gateway.wait_for(lambda: gateway.now.get("bus", {}).get("cycle_ms"), "all meters were read once", 120)
            gateway.wait_for(lambda: len(timed_site.cycles_ms(scene.log)) >= 2 * size, "two cycles", 120)
            cycle_ms = statistics.median(timed_site.cycles_ms(scene.log)[size:])
    limit_ms = size * wire.limit_ms(TURN, BAUD, ANSWER_MS)
    note = f"{size} x sum over energy, status of (bytes x 11 / {BAUD} + {ANSWER_MS} ms), bytes {[wire.exchange_bytes(x) for x in TURN]}"
    return Row(f"poll cycle, {size} meters", round(cycle_ms), "ms", round(limit_ms), "the wire", note)
