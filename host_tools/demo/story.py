"""The story, in eight steps; here the first two and the order of all. Each says what should happen, then proves it.

Proof comes from where it cannot be talked into: the head-end's database, the simulated meters, the wire, the flash. The
energy of an evening is added to single meters so that the story fits into a minute and a half; amounts and decisions
follow from the meters' registers alone. What counts as true is judged in `claims_*`, never here.
"""

import time
from collections.abc import Awaitable, Callable

from host_tools.demo import claims_running, programme, story_outage, story_return
from host_tools.demo.act import Act
from host_tools.demo.cast import LOW
from host_tools.demo.checks import Verdict
from host_tools.demo.scenery import NOTICE_LEVEL, PRICES
from host_tools.head_end.amounts import parse_decimal

LOW_TARGET_UCU = 4_200_000
NOTICE_LEVEL_UCU = parse_decimal(NOTICE_LEVEL, 6, "level")

Play = Callable[[Act], Awaitable[None]]


async def tell(act: Act, seconds: float) -> None:
    """Run all steps; a claim that fails is noted and the story goes on as far as it can."""
    began = time.monotonic()
    for number, (scene, play) in enumerate(zip(programme.SCENES, PLAYS, strict=True), 1):
        await act.checks.rest(began + scene.starts * seconds)
        act.checks.begin(number)
        await play(act)
    act.checks.end()


async def readings_arrive(act: Act) -> None:
    books, accounts, until = act.stage.books, act.accounts, act.checks.until
    before = await act.stage.registers()

    async def registers() -> Verdict:
        held = books.registers()
        return claims_running.registers_between(before, held, await act.stage.registers())

    await until("readings_at_head_end", "each meter's reading is in the head-end's database",
                lambda: claims_running.every_account(books.reading_counts(), accounts, "meters", "readings"), 60)
    await until("opening_credits", "each opening credit was applied",
                lambda: claims_running.credits_applied(books.receipts(), len(accounts)), 30)

    def charged() -> Verdict:
        charges = books.fields_of("CHARGE")
        counts = {account: sum(charge["account"] == account for charge in charges) for account in accounts}
        return claims_running.every_account(counts, accounts, "accounts", "charges")

    await until("charges_at_head_end", "each account's charge is in the head-end's database", charged, 60)
    await until("charges_exact", "each charge is exactly energy x price, none has a gap",
                lambda: claims_running.charges_exact(books.fields_of("CHARGE"), PRICES, accounts), 1)
    await until("registers_agree", "the database holds what the meters show", registers, 15)


async def balance_runs_low(act: Act) -> None:
    low, books, until = act.of(LOW), act.stage.books, act.checks.until
    await act.use_energy({low: LOW_TARGET_UCU})

    def of_low() -> list[dict[str, object]]:
        return [notice for notice in books.fields_of("NOTICE") if notice["account"] == low.account]

    await until("notice_given", f"account {low.account} gets its notice, once",
                lambda: claims_running.notice_given(of_low(), NOTICE_LEVEL_UCU), 40)
    await until("notice_delivered", "the gateway knows that it arrived", lambda: claims_running.notice_delivered(of_low()), 20)
    await until("notice_to_nobody_else", "nobody else is bothered",
                lambda: claims_running.nobody_else(books.fields_of("NOTICE"), low.account), 1)


PLAYS: tuple[Play, ...] = (
    readings_arrive, balance_runs_low, story_outage.broker_stops, story_outage.balance_reaches_floor,
    story_outage.gateway_is_killed, story_return.broker_returns, story_return.customer_pays, story_return.all_is_told,
)
