"""The story, in eight steps; here the first two and the order of all. Each says what should happen, then proves it.

Proof comes from where it cannot be talked into: the head-end's database, the simulated meters, the wire, the flash. The
energy of an evening is added to single meters so that the story fits into a minute and a half; amounts and decisions
follow from the meters' registers alone.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

from host_tools.demo import cast, story_outage, story_return
from host_tools.demo.act import Act
from host_tools.demo.cast import LOW
from host_tools.journal_reader.words import energy, money

LOW_TARGET_UCU = 4_200_000
STARTS = (0.0, 0.2, 0.32, 0.40, 0.70, 0.76, 0.88, 0.96)  # of the time given: no step begins earlier

Scene = Callable[[Act], Awaitable[None]]


async def tell(act: Act, seconds: float) -> None:
    """Run all steps; a claim that fails is noted and the story goes on as far as it can."""
    began = time.monotonic()
    for place, scene in enumerate(SCENES):
        await asyncio.sleep(max(0.0, began + STARTS[place] * seconds - time.monotonic()))
        await scene(act)
    act.checks.end()


async def readings_arrive(act: Act) -> None:
    act.begin(1, "Meters are read", "readings and charges of every account reach the head-end")
    books, homes = act.stage.books, act.homes

    def all_read() -> tuple[bool, str]:
        counts = [books.readings_of(one.account) for one in homes]
        there = sum(count > 0 for count in counts)
        return there == len(homes), f"{there} of {len(homes)} meters, {sum(counts)} readings"

    def all_charged() -> tuple[bool, str]:
        counts = [books.records("CHARGE", one.account) for one in homes]
        there = sum(count > 0 for count in counts)
        return there == len(homes), f"{there} of {len(homes)} accounts, {sum(counts)} charges"

    def credits_booked() -> tuple[bool, str]:
        pending = books.pending_credits()
        return pending == 0, f"{len(homes) - pending} of {len(homes)} credits have their receipt"

    await act.checks.until("readings_at_head_end", "every meter has a reading in the head-end's database", all_read, 60)
    await act.checks.until("opening_credits", "every opening credit has its receipt", credits_booked, 30)
    await act.checks.until("charges_at_head_end", "every account has a charge in the head-end's database", all_charged, 60)
    await act.checks.until(
        "registers_agree", "what the database holds are the meters' registers, never ahead of them",
        lambda: _registers(act), 15,
    )


async def _registers(act: Act) -> tuple[bool, str]:
    rows = {
        int(row["account"]): int(row["total_cwh"]) for row in act.stage.books.db.rows(
            "SELECT account, max(number), total_cwh FROM readings WHERE total_cwh IS NOT NULL GROUP BY account")
    }
    site = await act.stage.meters()
    behind = [site.meter(one.address).forward_cwh - rows.get(one.account, -1) for one in act.homes if one.account in rows]
    good = len(behind) == len(act.homes) and all(0 <= cwh < 2_000 for cwh in behind)
    return good, f"{len(behind)} meters, at most {energy(max(behind, default=0))} behind the live register"


async def balance_runs_low(act: Act) -> None:
    low = act.of(LOW)
    act.begin(2, "A balance runs low", f"account {low.account} gets a notice through the head-end, nobody else")
    books = act.stage.books
    await act.use_energy(low, LOW_TARGET_UCU)

    def told() -> tuple[bool, str]:
        given = books.records("NOTICE", low.account, channel=1, outcome=1)
        left = act.available(low)
        return given == 1, f"{given} notice, {money(left) if left is not None else 'nothing known'} left"

    def arrived() -> tuple[bool, str]:
        count = books.records("NOTICE", low.account, channel=1, outcome=2)
        return count == 1, f"{count} journalled as delivered"

    def others() -> tuple[bool, str]:
        count = books.records("NOTICE") - books.records("NOTICE", low.account)
        return count == 0, f"{count} notices to others"

    await act.checks.until("notice_given", "the notice is in the head-end's database, once", told, 40)
    await act.checks.until("notice_delivered", "the gateway knows that it arrived", arrived, 20)
    await act.checks.until("notice_to_nobody_else", "nobody else is bothered", others, 1)


SCENES: tuple[Scene, ...] = (
    readings_arrive, balance_runs_low, story_outage.broker_stops, story_outage.balance_reaches_floor,
    story_outage.gateway_is_killed, story_return.broker_returns, story_return.customer_pays, story_return.all_is_told,
)

assert len(SCENES) == len(STARTS) and len(cast.STAY_ON) == 4
