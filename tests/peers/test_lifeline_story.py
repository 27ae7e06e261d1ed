"""A customer under a lifeline: the real firmware limits a simulated meter instead of cutting it, the meter enforces its own register, and
the head-end says in words what was done and what lifts it.
"""

import json
from pathlib import Path

import pytest

from host_tools.head_end.cli import main
from host_tools.head_end.outbox import make
from host_tools.journal_reader import kinds
from tests.fake_board import policy
from tests.peers.test_contract_story import OLD, Story
from tests.peers.test_settlement_story import Site

LIFELINE_W = 500


class Lit(Story):
    """In contact with its head-end, which keeps the policy."""

    def __init__(self, folder: Path, power_w: int = LIFELINE_W) -> None:
        sim = {"model": "lifeline", "load": 300, "forward_cwh": 100_000, "load_limit": {"off_s": 40}}
        Site.__init__(self, folder, "lifeline_1p", sim, {"prices": {"total": "0.5500"}})
        text = json.dumps(policy(lifeline={"power_w": power_w}))
        Path(self.world.root, "policy_1_1.json").write_text(text)
        assert main(["--db", str(self.db_path), "policy", "set", f"{self.world.root}/policy_1_1.json"]) == 0

    def tell(self) -> None:
        super().tell()
        self.world.gateway.head_end.last_contact_s = self.world.rtc.at_s

    def records(self, kind: int) -> list[dict[str, int]]:
        rows = self.db.rows("SELECT fields FROM records WHERE kind = ? ORDER BY sequence", kind)
        return [json.loads(row["fields"]) for row in rows]


@pytest.mark.slow
def test_who_owes_is_limited_told_so_and_lifted_by_a_payment(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    story = Lit(tmp_path)
    meter = story.sim.meter
    assert meter.limit is not None and meter.relay is not None
    for _ in range(2):
        story.lives(600)  # it begins with nothing
    (account,) = story.command(capsys, "accounts")["accounts"]
    assert (account["supply"], account["flags"], account["fault"]) == ("LIMITED, seen LIMITED", ["limited"], "none")
    assert (meter.limit.watts, meter.relay.open, meter.relay.trips) == (LIFELINE_W, False, 0)
    assert [record["what"] for record in story.records(kinds.LIMIT)] == [1]
    why = story.command(capsys, "why", str(OLD))["text"]
    assert any("instead of the cut a load limit of 500 W" in line for line in why), why
    assert any("load limit verified, 500 W" in line for line in why), why
    meter.set_load(2_000)  # more than the lifeline: the meter's own business
    story.lives(600)
    assert meter.relay.movements > 2 and meter.limit.writes == 1
    assert story.command(capsys, "accounts")["accounts"][0]["fault"] == "none"
    meter.set_load(300)
    asked = story.command(capsys, "enquire", str(OLD), "--language", "en")
    assert "Supply is limited to 500 W; a payment of CNY" in asked["text"][-1]
    make(story.db, story.world.rtc.at_s)
    story.command(capsys, "topup", str(OLD), "20.00", "--reference", "a")
    story.lives(60)
    assert story.command(capsys, "accounts")["accounts"][0]["supply"] == "ON, seen CLOSED"
    assert (meter.limit.watts, meter.relay.open) == (None, False)
    make(story.db, story.world.rtc.at_s)
    told = [(row["what"], row["form"]) for row in story.db.rows("SELECT what, form FROM outbox ORDER BY id")]
    assert [one for one in told if one[0] in ("stop", "restore")] == [("stop", "limit"), ("restore", "restore_limit")]
    assert story.command(capsys, "reconcile")["differences"] == []


@pytest.mark.slow
def test_a_policy_that_loses_its_lifeline_gives_supply_back_before_it_cuts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    story = Lit(tmp_path)
    meter = story.sim.meter
    assert meter.limit is not None and meter.relay is not None
    for _ in range(2):
        story.lives(600)
    assert meter.limit.watts == LIFELINE_W
    Path(story.world.root, "policy_1_2.json").write_text(json.dumps(policy(version=2)))
    for _ in range(2):
        story.lives(600)
    decided = [(record["verdict"], record["failed"]) for record in story.records(kinds.DECISION) if record["verdict"] in (1, 2)]
    assert decided == [(1, 0), (2, 1 << 8), (1, 0)]
    assert (meter.limit.watts, meter.relay.open, meter.relay.trips) == (None, True, 1), "no limit is left behind"
    assert story.command(capsys, "accounts")["accounts"][0]["supply"] == "OFF, seen OPEN"
