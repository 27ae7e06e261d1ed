"""The end of a run demands: who is due is cut, once everything has held for long enough; and each payment then brings light.

All is healed. An operator ends every hold; what the households have is taken back by corrections, and nobody pays. The conditions
are read from the policy by the judge's own words; an account for which all of them held for its `patience` without a break must be
dark. Whose hours do not come within HOURS_MAX is not waited for. One half of the runs end under a policy that lets cut at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.sim import lifeline
from tests.sim.judge import WRONG_CLOCKS
from tests.sim.options import policy_document, stream
from tests.sim.street import House

if TYPE_CHECKING:
    from tests.sim.actors import Actors
    from tests.sim.world import World

MINUTE_MS, HOUR_MS = 60_000, 3_600_000
STEP_MS = 5 * MINUTE_MS
HOURS_MAX = 5
SLACK_MS = 40 * MINUTE_MS  # a reading, the way of a notice to the head-end and back, a relay that moves
DEBT_UCU = 20_000_000
LIFELINE_PAUSE_S = 3_600  # as shipped: so long nobody is cut whom somebody else limited
METER_CLOCK_S = 21_600  # as shipped: so long a meter's clock that was wrong may veto
PROTECTED, CARE, EXEMPT, HOLD, ORDERED_ON = 1, 2, 4, 8, 32


class Demand:
    """`cuts(...)` returns when nothing more is to be waited for."""

    def __init__(self, world: World, actors: Actors) -> None:
        self.world, self.actors = world, actors
        self.since_ms: dict[int, int] = {}  # account -> since when everything holds
        self.cut = 0

    def cuts(self) -> None:
        world = self.world
        world.nobody_pays = True
        if stream(world.options.seed, "last policy").random() < 0.5:
            self._last_policy()
        for house in world.houses:
            world.central.order(world.account_of(house), "release", None, [])
            due = world.judge.due_ucu(world.account_of(house))
            if due is not None and due > -DEBT_UCU:
                self.actors.take_back(world.account_of(house), due + DEBT_UCU)
        end_ms = world.loop.now_ms + HOURS_MAX * HOUR_MS
        while world.loop.now_ms < end_ms and self._is_worth_it(end_ms):
            world.pass_time(world.loop.now_ms + STEP_MS, self.actors.off_ms)
            if world.judge.books.brake:
                world.central.release_brake()
            for house in world.houses:
                self._look(house)
        self.cut = sum(1 for house in world.houses if _is_cut(house))

    def _last_policy(self) -> None:
        """At once, and everybody."""
        world = self.world
        document = policy_document(stream(world.options.seed, "last"), self.actors.next_policy(), world.judge.local_day(world.true_s))
        for name in ("notice_hours", "calendar", "care"):
            document.pop(name, None)
        document["hours"] = [{"days": [1, 2, 3, 4, 5, 6, 7], "from": "00:00", "to": "24:00"}]
        document["notice"] = {"level": "5.00", "period_s": 60, "channels": ["head_end"]}
        document["throttle_per_hour"] = 100
        if lifeline.KIND in world.options.faults:
            lifeline.give(stream(world.options.seed, "last lifeline"), document)
        document["brake"] = {"accounts_max": 8, "share_percent": 100, "window_s": 3_600}
        world.know_policy(document)
        world.central.set_document("policy", document)

    def _patience_ms(self, policy: dict[str, Any]) -> int:
        options = self.world.options
        clocks_s = options.limits.get("meter_clock_every_s", METER_CLOCK_S) if options.faults & WRONG_CLOCKS else 0
        notices_s = sum(step["period_s"] for step in policy["notices"])
        queue_s = len(self.world.houses) * 3_600 // policy["throttle_per_hour"]
        if lifeline.KIND in options.faults:
            clocks_s += LIFELINE_PAUSE_S
        return SLACK_MS + 1000 * (clocks_s + notices_s + queue_s + 2 * options.poll_period_s)

    def _may_be_cut(self, house: House) -> bool:
        """By what it is, whatever the time."""
        world = self.world
        number = world.account_of(house)
        account = world.judge.books.account(number)
        flags = account.flags | world.flags_of(number)
        if not account.lives_here:
            return False
        return not (house.relay is None or house.held or account.held or flags & (PROTECTED | CARE | EXEMPT | HOLD | ORDERED_ON))

    def _holds(self, house: House) -> bool:
        """All conditions, now."""
        world = self.world
        policy, due = world.policy_in_force(), world.judge.due_ucu(world.account_of(house))
        if due is None or due > policy["floor"] or not self._may_be_cut(house) or world.judge.books.brake or world.may_be_full():
            return False
        end_s = world.true_s + world.relay_valid_s + 60 * house.cfg.relay.trip_delay_min + 900
        if not world.judge.inside_hours(policy, world.true_s, end_s):
            return False
        windows = policy.get("notice_hours")
        return not windows or world.judge.allowed(windows, world.true_s) and world.judge.allowed(windows, world.true_s + 900)

    def _look(self, house: House) -> None:
        world = self.world
        number = world.account_of(house)
        house.advance(world.loop.now_ms)
        if _is_cut(house) or not self._holds(house):
            self.since_ms.pop(number, None)
            return
        since_ms = self.since_ms.setdefault(number, world.loop.now_ms)
        if world.loop.now_ms - since_ms > self._patience_ms(world.policy_in_force()):
            minutes = (world.loop.now_ms - since_ms) // MINUTE_MS
            world.judge.condemn(f"account {number} is due, all conditions hold since {minutes} min, and it is not cut")

    def _is_worth_it(self, end_ms: int) -> bool:
        """Somebody has light who must lose it, and there is time for it."""
        world, policy = self.world, self.world.policy_in_force()
        for house in world.houses:
            if house.relay is None or _is_cut(house) or not self._may_be_cut(house):
                continue
            since_ms = self.since_ms.get(world.account_of(house), self._next_hours_ms(policy, end_ms))
            if since_ms + self._patience_ms(policy) < end_ms:
                return True
        return False

    def _next_hours_ms(self, policy: dict[str, Any], end_ms: int) -> int:
        """When cutting is allowed next."""
        world = self.world
        for at_ms in range(world.loop.now_ms, end_ms, 15 * MINUTE_MS):
            at_s = world.options.start_s + at_ms // 1000
            if world.judge.inside_hours(policy, at_s, at_s + 3_600):
                return at_ms
        return end_ms


def _is_cut(house: House) -> bool:
    """By one means or the other."""
    return house.relay is not None and house.relay.open or lifeline.in_force(house)
