"""Poll cycle of 8 and of 32 meters at 2400 baud with answers after 100 ms, against the wire's own limit.

Both gateways run at the same time, each on its own pty; what is counted is the time between two energy requests to the same
meter, as the simulated line saw them. One turn of a meter is an energy exchange and a status exchange.
"""

import contextlib
import statistics
import tempfile
from pathlib import Path

from tests import timed_site
from tests.bench import wire
from tests.bench.rows import Row
from tests.running_gateway import Gateway, Scene, meters

BAUD = 2400
ANSWER_MS = 100
TURN = (wire.ENERGY, wire.STATUS)


def measure(sizes: tuple[int, ...] = (8, 32)) -> list[Row]:
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        running = []
        for size in sizes:
            scene = Scene(folder / str(size), size, BAUD, ANSWER_MS)
            stack.enter_context(meters(scene))
            running.append((scene, stack.enter_context(Gateway(scene, no_uplink=True))))
        return [_cycle(scene, gateway) for scene, gateway in running]


def _cycle(scene: Scene, gateway: Gateway) -> Row:
    size = scene.meters
    # the first round looks at every relay besides; the cycle that ends with the second one is left out
    gateway.wait_for(lambda: len(timed_site.cycles_ms(scene.log)) >= 2 * size, "three rounds", 150)
    cycle_ms = statistics.median(timed_site.cycles_ms(scene.log)[size:])
    limit_ms = size * wire.limit_ms(TURN, BAUD, ANSWER_MS)
    note = (
        f"{size} x sum over energy, status of (bytes x 11 / {BAUD} + {ANSWER_MS} ms), bytes"
        f" {[wire.exchange_bytes(x) for x in TURN]}; the firmware leaves the line quiet for 60 ms after each exchange"
    )
    return Row(f"poll cycle, {size} meters", round(cycle_ms), "ms", round(limit_ms), "the wire", note)
