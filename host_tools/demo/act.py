"""What the steps of the story share: the stage, the checks, and small stage directions."""

import time
from dataclasses import dataclass, field
from pathlib import Path

from host_tools.demo.cast import TARIFF_TOTAL, Household
from host_tools.demo.checks import Checks
from host_tools.demo.scenery import PRICE
from host_tools.demo.stage import Stage


@dataclass
class Act:
    """`notes` carries what one step leaves for a later one."""

    stage: Stage
    checks: Checks
    region: Path | None = None
    down_since: float = 0.0
    journal_at_return: int = 0
    queued: list[tuple[int, int]] = field(default_factory=list)  # (account, credit number)
    sequence_at_kill: int = 0

    @property
    def homes(self) -> list[Household]:
        return self.stage.scenery.households

    def of(self, role: str) -> Household:
        return self.stage.scenery.of(role)

    def begin(self, number: int, title: str, should: str) -> None:
        self.checks.begin(number, title, should)

    def say(self, text: str, style: str = "") -> None:
        self.checks.teller.event(text, style)

    def available(self, one: Household) -> int | None:
        """As the gateway's console had it last, ucu."""
        view = self.stage.console.accounts.get(one.account)
        return view.available_ucu if view else None

    async def use_energy(self, one: Household, target_ucu: int) -> None:
        """Let the household consume, at once, what brings its available balance down to about `target_ucu`."""
        assert one.tariff == TARIFF_TOTAL
        left = self.available(one)
        cwh = max(0, (left - target_ucu) // PRICE) if left is not None else 0
        await self.stage.site.ask("add_energy", meter=one.address, cwh=cwh)
        self.say(f"account {one.account} ({one.role}) uses {cwh / 100:.2f} kWh at once", "dim")

    def seconds_since(self, moment: float) -> float:
        return time.monotonic() - moment
