"""The link never delays the bus: with every kind of bad uplink the meters are asked at the pace of a gateway that has none.

The real firmware on MicroPython reads eight meters on a pty; the simulated line writes down when each request began, so the
pace is what the meters see. A gateway without any uplink runs at the same time as its rivals and has the same machine under
it: what is left in the ratio of the medians is the link. Lines of 19200 baud and quick meters keep the cycle near a second.
"""

import contextlib
import statistics
import time
from pathlib import Path

import pytest

from tests import timed_site
from tests.running_gateway import Gateway, Scene, meters
from tests.scenarios import bad_links

METERS = 8
CYCLES = 20
SETTLE_SECONDS = 3.0
RATIO_MAX = 1.05
PATIENT = {"mqtt_connack_timeout_ms": 10_000, "sync_ack_timeout_ms": 20_000}
LIMITS = {
    "quiet_between_exchanges_ms": 30,
    "uncharged_max_ucu": 1_000,
    "reconnect_first_ms": 100,
    "reconnect_max_ms": 400,
    "uplink_connect_timeout_ms": 2_000,
    "mqtt_connack_timeout_ms": 2_000,
    "sync_ack_timeout_ms": 1_000,
}


class Rival:
    """One gateway with its own line and its own link."""

    def __init__(self, stack: contextlib.ExitStack, folder: Path, name: str) -> None:
        self.name = name
        (folder / "link").mkdir(parents=True)
        self.link = stack.enter_context(getattr(bad_links, name)(folder / "link"))
        patient = PATIENT if name == "three_seconds" else {}
        self.scene = Scene(
            folder / "site", METERS, baud=19200, reply_delay_ms=20, host=self.link.host, port=self.link.port, keep_alive_s=10,
            load_w=3_000, energy_speed=60, limits={**LIMITS, **patient},
        )  # fmt: skip
        stack.enter_context(meters(self.scene))
        self.gateway = stack.enter_context(Gateway(self.scene, **self.link.options))

    def cycles_ms(self, since_ns: int) -> list[float]:
        return timed_site.cycles_ms(self.scene.log, since_ns)


def medians_ms(tmp_path: Path, names: tuple[str, ...]) -> tuple[dict[str, float], dict[str, Gateway]]:
    """Median cycle of each, from at least CYCLES cycles that passed at the same time."""
    with contextlib.ExitStack() as stack:
        rivals = [Rival(stack, tmp_path / name, name) for name in names]
        for rival in rivals:
            rival.gateway.wait_for(lambda seen=rival.gateway: seen.now.get("bus", {}).get("cycle_ms"), "all meters were read once")
            rival.link.then(rival.gateway)
        time.sleep(SETTLE_SECONDS)
        since_ns = time.monotonic_ns()
        for rival in rivals:
            rival.gateway.wait_for(lambda seen=rival: len(seen.cycles_ms(since_ns)) >= METERS * CYCLES, "cycles", 120)
        found = {rival.name: statistics.median(rival.cycles_ms(since_ns)) for rival in rivals}
        return found, {rival.name: rival.gateway for rival in rivals}


@pytest.mark.parametrize(
    "links", [("black_hole", "silent_names"), ("dropped_syn", "full_backlog"), ("stopped_broker", "three_seconds")], ids=" and ".join
)
def test_poll_cycle_is_that_of_a_gateway_without_uplink(tmp_path, capsys, links):
    medians, gateways = medians_ms(tmp_path, ("none", *links))
    for name in links:
        ratio = medians[name] / medians["none"]
        counters = gateways[name].now["link"]["counters"]
        with capsys.disabled():
            print(f"\n  {name}: cycle {medians[name]:.0f} ms, without uplink {medians['none']:.0f} ms, ratio {ratio:.3f} {counters}")
        assert ratio <= RATIO_MAX, (name, medians)
        assert counters, f"{name}: the uplink was never tried"
