"""A post-paid customer: what the operator types becomes a signed order, the real firmware cuts and restores a simulated meter by the
lowered amounts, what the customer is told to pay brings the light back, and the head-end computes each floor once more.
"""

from pathlib import Path

import pytest

from host_tools.head_end.cli import main
from host_tools.journal_reader import kinds
from tests.peers.test_contract_story import OLD, Story

LIMIT = ("credit-limit", str(OLD))
WHY = ("--reason", "post-paid contract")


class Lent(Story):
    """In contact with its head-end, which keeps the policy."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        assert main(["--db", str(self.db_path), "policy", "set", f"{self.world.root}/policy_1_1.json"]) == 0

    def tell(self) -> None:
        super().tell()
        self.world.gateway.head_end.last_contact_s = self.world.rtc.at_s

    def floors(self) -> list[int]:
        """Of the cuts, as the gateway told them."""
        rows = self.db.rows(
            "SELECT json_extract(fields, '$.floor_ucu') AS floor FROM records WHERE kind = ? AND json_extract(fields, '$.verdict') = 1"
            " ORDER BY sequence",
            kinds.DECISION,
        )
        return [int(row["floor"]) for row in rows]

    def supply(self, capsys: pytest.CaptureFixture[str]) -> str:
        return str(self.command(capsys, "accounts")["accounts"][0]["supply"])


@pytest.mark.slow
def test_a_post_paid_customer_uses_first_is_cut_at_the_limit_and_pays_what_the_notice_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    story = Lent(tmp_path)
    assert story.command(capsys, *LIMIT, "20.00", *WHY)["answer"] == "created"
    story.command(capsys, "topup", str(OLD), "10.00", "--reference", "a")
    for _ in range(3):
        story.lives(600)  # 80 kW behind the transformers: 7.33 each
    assert story.supply(capsys) == "ON, seen CLOSED" and story.floors() == []
    for _ in range(3):
        story.lives(600)
    assert story.supply(capsys) == "OFF, seen OPEN" and story.floors() == [-20_000_000]
    (row,) = story.command(capsys, "credit-limit")["credit limits"]
    assert (row["limit"], row["cut at"], row["restored from"], row["order"]) == ("20.00", "-20.00", "-19.00", "")
    asked = story.command(capsys, "enquire", str(OLD), "--language", "en")
    owed_cents = -(-(-19_000_000 - asked["balance_ucu"]) // 10_000)
    pay = f"{owed_cents // 100}.{owed_cents % 100:02d}"
    assert f"a payment of CNY {pay} brings it back" in asked["text"][-1]
    story.command(capsys, "topup", str(OLD), pay, "--reference", "b")
    story.lives(60)
    assert story.supply(capsys) == "ON, seen CLOSED"
    story.command(capsys, "topup", str(OLD), "25.00", "--reference", "c")
    story.lives(60)
    story.command(capsys, *LIMIT, "0", *WHY)
    story.lives(1_200)  # a little below zero when the limit falls
    assert story.floors() == [-20_000_000, 0] and story.command(capsys, "credit-limit")["credit limits"][0]["limit"] == "0.00"
    assert story.command(capsys, "reconcile")["differences"] == []
