"""A meter whose clock is off and whose covers are opened: the real firmware tells a simulated meter the time and counts with it, and the
head-end lists both for people, in words. Nobody is cut for it.
"""

import json
from pathlib import Path

import pytest

from host_tools.journal_reader import kinds
from tests.peers.test_contract_story import OLD, Story
from tests.peers.test_settlement_story import Site


class Watched(Story):
    """By the network's time, on a pair where the gateway is the only master."""

    def __init__(self, folder: Path) -> None:
        sim = {"model": "encrypted", "load": 300, "forward_cwh": 100_000, "clock": {"offset_s": 75}}
        Site.__init__(self, folder, "sg_feecontrol_1p", sim, {"prices": {"total": "0.5500"}})
        self.world._files[6]["sets_meter_clocks"] = True
        self.world._files[3].update(cover_counts_first_s=120, cover_counts_every_s=300)
        self.world.write_again()

    def tell(self) -> None:
        super().tell()
        gateway = self.world.gateway
        gateway._note_clock(gateway.clock.on_network_time(self.world.rtc.at_s, gateway._ticks_ms(), 100))


@pytest.mark.slow
def test_clocks_and_covers_are_told_to_the_operator(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    story = Watched(tmp_path)
    meter = story.sim.meter
    meter.covers_opened = [254, 3]
    story.lives(700)
    clock = meter.clock
    assert abs(clock.local_ms(meter.now_ms) - clock.true_local_ms(meter.now_ms)) <= 2_000
    assert meter.broadcasts == 1
    events = story.command(capsys, "meter-events")["meter events"]
    assert [(row["account"], row["code"]) for row in events] == [(OLD, 8), (None, 7)]
    assert events[0]["words"].startswith("the meter's clock was 7") and "ahead" in events[0]["words"], events[0]
    meter.open_cover()  # while the gateway is off
    story.lives(700)
    meter.open_cover(terminal=True)
    meter.open_cover(terminal=True)
    story.lives(700)
    assert meter.broadcasts == 1  # once a day, over restarts
    events = story.command(capsys, "meter-events", str(OLD), "--limit", "2")["meter events"]
    told = [row["words"] for row in events]
    assert told == [
        "the cover of the meter's terminals was OPENED: 3 times before, 5 now",
        "the meter's cover was OPENED: 254 times before, 255 now",
    ]
    noted = [json.loads(row["fields"]) for row in story.db.rows("SELECT fields FROM records WHERE kind = ?", kinds.EVENT)]
    assert sum(fields["code"] in (10, 11) for fields in noted) == 4  # the first count of each is noted, once
    assert story.command(capsys, "reconcile")["differences"] == []
