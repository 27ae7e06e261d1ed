"""What the steps of the story share: the stage, the checks, and small stage directions."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from host_tools.demo.cast import TARIFF_TOTAL, Household
from host_tools.demo.checks import Checks, Verdict
from host_tools.demo.scenery import PRICE
from host_tools.demo.stage import Stage


@dataclass
class Act:
    """`down_since` and `queued` are what one step leaves for a later one."""

    stage: Stage
    checks: Checks
    down_since: float = 0.0
    queued: list[tuple[int, int]] = field(default_factory=list)  # (account, credit number)

    @property
    def homes(self) -> list[Household]:
        return self.stage.scenery.households

    def of(self, role: str) -> Household:
        return self.stage.scenery.of(role)

    @property
    def accounts(self) -> list[int]:
        return [one.account for one in self.homes]

    def note(self, name: str, should: str, verdict: Verdict) -> None:
        """A check that needs no waiting."""
        self.checks.note(name, should, *verdict)

    def say(self, text: str, style: str = "") -> None:
        self.checks.teller.event(text, style)

    def available(self, one: Household) -> int | None:
        """As the gateway's console had it last, ucu."""
        view = self.stage.console.accounts.get(one.account)
        return view.available_ucu if view else None

    async def use_energy(self, targets: Mapping[Household, int]) -> None:
        """Let households consume, at once, what brings each one's available balance down to about its target, ucu."""
        used = []
        for one, target_ucu in targets.items():
            assert one.tariff == TARIFF_TOTAL
            left = self.available(one)
            cwh = max(0, (left - target_ucu) // PRICE) if left is not None else 0
            await self.stage.site.ask("add_energy", meter=one.address, cwh=cwh)
            used.append(f"{one.account} {cwh / 100:.2f} kWh")
        self.say("an evening's energy flows at once: " + ", ".join(used), "cyan")

    def seconds_since(self, moment: float) -> float:
        return time.monotonic() - moment
