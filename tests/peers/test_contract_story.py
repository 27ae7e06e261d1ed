"""One meter behind transformers, two customers, a register that jumps: the real firmware, a simulated meter that shares no code with it,
and the head-end's own arithmetic over real SQLite. What operators type becomes signed orders that the firmware takes; reconcile finds
nothing, and no energy is between two segments.
"""

from pathlib import Path
from typing import Any

import pytest

from firmware.base import aio
from host_tools.head_end.cli import main
from host_tools.head_end.reconcile import reconcile
from tests.fake_board import World
from tests.peers.test_settlement_story import Site

OLD, NEW = 1001, 7001


class Story(Site):
    """A site whose orders are delivered, too."""

    def __init__(self, folder: Path) -> None:
        sim = {"model": "export_single", "load": 2_000, "forward_cwh": 100_000}
        super().__init__(folder, "export_1p", sim, {"prices": {"total": "0.5500"}})
        self.ratio(40, OLD)

    def ratio(self, ratio: int, account: int) -> None:
        """In the gateway's settings and at the head-end."""
        self.world._files[2][0] = {"ratio": ratio}
        self.world.write_again()
        where = ("--gateway", "gw-test", "--meter", self.world.meters[0].address[::-1].hex(), "--tariff", "1", "--policy", "1")
        assert main(["--db", str(self.db_path), "account", "add", str(account), *where, "--ratio", str(ratio)]) == 0

    def lives(self, seconds: int) -> None:
        """Orders come in the middle, their verdicts reach the head-end in the end."""
        world = self.world

        async def life(world: World) -> None:
            await aio.sleep_ms(seconds * 500)
            self.tell()
            self.ms += 120_000
            for parcel in self.outgoing.due(self.ms, world.rtc.at_s):
                body = self.voice.unseal(parcel.payload, parcel.topic)
                if parcel.topic == self.voice.topic("down/orders") and body[1] not in (5, 6):
                    world.gateway.on_order(*[body[key] for key in range(1, 8)])
            self.tell()
            for credit in self.due_credits():
                world.gateway.on_credit(*[credit[key] for key in range(1, 6)], world.rtc.at_s)
            await aio.sleep_ms(seconds * 500)
            self.tell()

        world.run(life)

    def segments(self, account: int) -> list[dict[str, Any]]:
        results, others = reconcile(self.db)
        assert others == [] and [sentence for result in results for sentence in result.differences] == []
        return next(result for result in results if result.account == account).segments


@pytest.mark.slow
def test_a_meter_and_its_customers_change_and_every_register_is_accounted_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    story = Story(tmp_path)
    story.command(capsys, "topup", str(OLD), "5000.00", "--reference", "a")
    story.lives(600)
    story.until("2026-09-23T12:00:00")
    story.lives(600)

    story.sim.meter.energy.forward.add(800_000 * 36_000_000, 1)
    story.lives(600)
    (held,) = story.command(capsys, "held", "list")["held readings"]
    assert (held["account"], held["why"], held["ratio"]) == (OLD, "jumped too far", 40)
    story.command(capsys, "held", "release", str(OLD), "--reason", "tested in the yard")
    story.lives(600)
    assert story.command(capsys, "held", "list")["held readings"] == []

    story.command(capsys, "move-out", str(OLD), "--reason", "to Changsha")
    story.lives(600)
    story.until("2026-09-25T00:02:00")  # nobody lives there for a day and two midnights
    story.lives(300)
    story.command(capsys, "move-in", str(OLD), str(NEW), "--reason", "contract 88")
    story.command(capsys, "topup", str(NEW), "9000.00", "--reference", "b")
    story.lives(600)
    story.ratio(60, NEW)
    story.until("2026-09-27T09:00:00")
    story.lives(600)
    story.command(capsys, "refund", str(OLD), "all", "--reference", "c")
    story.lives(600)

    (left,), (forty, sixty) = story.segments(OLD), story.segments(NEW)
    ends = [segment["registers"]["0"] for segment in (left, forty, sixty)]
    assert ends[0]["from_cwh"] == 100_000 and ends[0]["written_off_cwh"] // 40 in range(800_000, 800_200)
    assert (ends[0]["to_cwh"], ends[1]["to_cwh"]) == (ends[1]["from_cwh"], ends[2]["from_cwh"])
    assert [segment["ratio"] for segment in (left, forty, sixty)] == [40, 40, 60]
    for segment, end in zip((left, forty, sixty), ends, strict=True):
        moved_cwh = (end["to_cwh"] - end["from_cwh"]) * segment["ratio"]
        assert moved_cwh == end["charged_cwh"] + end["written_off_cwh"] + end["uncharged_cwh"]
    assert ends[1]["charged_cwh"] > 40 * 3_000, "what passed while nobody lived there is the new customer's"
    assert story.command(capsys, "statement", str(OLD))["balance_ucu"] == 0
