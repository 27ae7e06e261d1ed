"""Load limits in the place of cuts: what a run has of them, and what the judges say of them.

In a run of the kind "lifeline" plain meters have the register, and most versions of the policy have a lifeline; now and then a meter
forgets its limit, or somebody else sets one. The decision is judged as any cut is; here, that a meter is limited by such a decision only,
to what a policy says, that nobody lifts a limit against the last wish, and that none outlives a payment.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from host_tools.journal_reader import Record
from tests.sim.account import ELSEWHERE

if TYPE_CHECKING:
    from tests.sim.books import Books
    from tests.sim.judge import Judge
    from tests.sim.street import House

KIND = "lifeline"
MODEL = ("lifeline_1p", "lifeline")
MEANS = 1  # LIMIT what
POWERS_W = (300, 495, 1_500)
TOLD_MAX_W = 65_535
STEP_W = 10  # of the simulated meter


def give(rng: random.Random, document: dict[str, Any]) -> dict[str, Any]:
    """This version of the policy has a lifeline, or not."""
    if rng.random() < 0.8:
        document["lifeline"] = {"power_w": rng.choice(POWERS_W)}
    return document


def in_force(house: House) -> bool:
    """Its meter limits what this household may take."""
    return house.limit is not None and house.limit.watts is not None


def fold(books: Books, record: Record, now_ms: int) -> Iterator[str]:
    """By what means a cut is done."""
    account = books.account(record.number("account"))
    if record.number("what") == MEANS:
        if not account.off:
            yield f"account {record.account} is to be limited, and it is not cut"
        account.limited = True


def told(judge: Judge, house: House, mind_changed: bool) -> None:
    """A meter took a limit, or the end of one; `mind_changed`: the last wish is so new that one of before it may still arrive."""
    world = judge.world
    number = world.account_of(house)
    account, watts = judge.books.account(number), house.limit.watts if house.limit else None
    house.limited_by_others = False
    world.note(lambda: f"meter of {number}: limit {watts}")
    if account.flags & ELSEWHERE and not mind_changed:
        judge.condemn(f"account {number} lives elsewhere, and its limit becomes {watts}")
    if watts is None:
        if account.off and account.limited and not mind_changed and not world.may_be_full():
            judge.condemn(f"account {number}: its limit is lifted, and the last wish is off")
        return
    if not account.limited and (account.off or not mind_changed):
        judge.condemn(f"account {number} is limited to {watts} W, and nobody decided it")
    step_w = STEP_W * account.ratio
    allowed = [-(-policy["lifeline"]["power_w"] // step_w) * STEP_W for policy in world.policies.values() if "lifeline" in policy]
    if watts not in [one for one in allowed if one * account.ratio < TOLD_MAX_W]:
        judge.condemn(f"account {number} is limited to {watts} W, the policies say {allowed}")


def disturb(rng: random.Random, house: House) -> str:
    """The meter forgets its limit, or somebody sets one -> what happened, "" for nothing."""
    if house.limit is None:
        return ""
    if house.limit.watts is not None:
        house.limit.set_watts(rng.choice((None, 50)))
        return f"loses its limit, it is {house.limit.watts}"
    house.limit.set_watts(200)
    house.limited_by_others = True
    return "is limited by somebody to 200 W"
