"""One run from its seed to its verdict: a time of faults, then healing, then demanded convergence."""

from __future__ import annotations

import gc
import time
from dataclasses import dataclass, field

from host_tools.head_end.amounts import AMOUNT_MAX_UCU
from host_tools.head_end.reconcile import reconcile
from tests.sim import lifeline
from tests.sim.account import ELSEWHERE, ROLLOVER
from tests.sim.actors import HOUR_MS, Actors
from tests.sim.demand import Demand
from tests.sim.flash import Violation
from tests.sim.judge import WRONG_CLOCKS, Condemned
from tests.sim.loop import SpinningLoop
from tests.sim.options import Options
from tests.sim.street import CWH_WMS
from tests.sim.world import World, installed, seldom

SETTLE_MS_MAX = 5 * HOUR_MS
QUIET_MS = 30 * 60_000  # convergence must last: nothing new is journalled but acknowledgements and readings
PLENTY_UCU = 10_000 * 1_000_000  # five hours of 12 kW and a month's fees in the dearest tariff, for a meter behind no transformer
# Readings of two lives may bear one second; a tariff that comes late applies from the first unsettled day (design 4.10), and
# the head-end names what was charged before.
# A register that somebody moved, and readings that a wrong clock dated, do not lie in their order: it is right to name them.
DISORDERED = ("an earlier reading says", "a later reading says")
LAWFUL = ("the reading of that instant says", "was charged, version")


@dataclass
class Verdict:
    """`sentence` is empty when all was well."""

    options: Options
    sentence: str = ""
    notes: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    lives: int = 0
    checks: int = 0
    days: float = 0.0
    seconds: float = 0.0


def play(options: Options) -> Verdict:
    """The whole story; every exception of the world around the firmware is a bug of the simulation and goes up."""
    begun = time.process_time()
    gc.disable()  # what a run leaves behind is little, and is collected at its end
    verdict = Verdict(options)
    world = World(options)
    try:
        with installed(world.loop, world.ticks), seldom(options.tick_s):
            try:
                _live(world)
            except Condemned as wrong:
                verdict.sentence = str(wrong)
            except (Violation, SpinningLoop) as wrong:
                verdict.sentence = f"{type(wrong).__name__}: {wrong}"
            finally:
                verdict.notes = [f"{at / 1000:.3f} {text if isinstance(text, str) else text()}" for at, text in world.notes]
                world.close()
    finally:
        verdict.counts = dict(world.judge.books.counts)
        verdict.lives, verdict.checks, verdict.days = world.boots, world.judge.checks, world.loop.now_ms / 86_400_000
        gc.enable()
        verdict.seconds = time.process_time() - begun
    return verdict


def _live(world: World) -> None:
    actors = Actors(world)
    actors.begin()
    world.pass_time(int(world.options.days * 24 * HOUR_MS), actors.off_ms)
    actors.heal()
    world.pass_time(world.loop.now_ms + 20 * 60_000, actors.off_ms)
    demand = Demand(world, actors)
    demand.cuts()
    world.judge.books.counts["dark at the end"] += demand.cut
    world.is_over = True
    plenty_ucu = PLENTY_UCU * max(world.options.ratios, default=1)
    for house in world.houses:
        number = world.account_of(house)
        due = (world.judge.due_ucu(number) or 0) + world.judge.books.under_way_ucu(number)
        for account in (number, actors.office.moving.get(number)):
            if account and world.central.knows(account):
                owed = max((rule[0] for rule in world.judge.books.truth.debts.get(account, [])), default=0)
                # a register that was set back and is held for ever looks as if it had rolled over: no payment is as large as that
                actors.pay(account, min(plenty_ucu + owed + max(0, -due), AMOUNT_MAX_UCU))
    _settle(world, actors)
    _compare(world)


def _settle(world: World, actors: Actors) -> None:
    """Until the head-end holds everything and nothing new comes; not longer than stated."""
    deadline_ms = world.loop.now_ms + SETTLE_MS_MAX
    while True:
        before = _news(world)
        world.pass_time(world.loop.now_ms + QUIET_MS, actors.off_ms)
        open_ends = _open_ends(world)
        if not open_ends and _news(world) == before:
            return
        if world.loop.now_ms > deadline_ms:
            raise Condemned(f"{SETTLE_MS_MAX // HOUR_MS} h after the last fault: " + (open_ends or "there is news without end"))


def _news(world: World) -> int:
    counts = world.judge.books.counts
    quiet = ("written again", "ACKED", "CHARGE", "SNAPSHOT_BEGIN", "SNAPSHOT_ROW", "SNAPSHOT_END", "READINGS_GAP", "CLOCK")
    return sum(count for name, count in counts.items() if name not in quiet)


def _open_ends(world: World) -> str:
    """What is not as it must be in the end, one sentence."""
    books = world.judge.books
    if not world.central.settled(books.sequence):
        held = world.central.number("SELECT sequence FROM gateways WHERE name = ?", world.gateway)
        pending = world.central.number("SELECT count(*) FROM credits WHERE receipt = 'pending'")
        orders = world.central.number("SELECT count(*) FROM orders WHERE state = 'pending'")
        return f"the head-end holds {held} of {books.sequence} records; {pending} credits and {orders} orders are pending"
    for house in world.houses:
        house.advance(world.loop.now_ms)
        number, relay = world.account_of(house), house.relay
        if books.account(number).flags & ELSEWHERE:
            return f"account {number} is at another gateway, or on its way"
        if books.account(number).paid and books.account(number).lives_here and not books.account(number).held:
            return f"account {number} has a debt, and {books.account(number).paid} were paid and never looked at"
        if relay is not None and relay.open and not relay.armed:
            return f"account {number} has paid and is dark"
        if lifeline.in_force(house):
            return f"account {number} has paid and is limited"
    return ""


def _compare(world: World) -> None:
    """Four parties that share no arithmetic: flash, head-end, meters and the payments themselves."""
    books, judge = world.judge.books, world.judge
    sql = "SELECT raw FROM records WHERE gateway_id = 1 AND sequence >= ? ORDER BY sequence"  # behind the last state that it gave
    stored = [bytes(row["raw"]) for row in world.central.db.rows(sql, books.given_at)]
    if stored != [books.history[sequence] for sequence in sorted(books.history) if sequence >= books.given_at]:
        judge.condemn(f"the head-end holds {len(stored)} records, the flash had {len(books.history)}, and they are not the same")
    for house in world.houses:
        number = world.account_of(house)
        account = books.account(number)
        house.advance(world.loop.now_ms)
        if account.serial != house.wire_address:
            judge.condemn(f"account {number}: its meter was never bound")
        flowed_cwh = house.start_cwh + house.jumped_cwh + house.true_wms(world.loop.now_ms, False) // CWH_WMS
        if flowed_cwh % ROLLOVER != house.register_cwh:
            judge.condemn(f"account {number}: {flowed_cwh} cwh have flowed, the meter shows {house.register_cwh}")
        shown = house.energy.forward.shown()
        used = sum((shown[rate] - account.bound_cwh[rate]) % ROLLOVER for rate in account.billed)
        open_cwh = sum((shown[rate] - account.charged_cwh[rate]) % ROLLOVER for rate in account.billed)
        if (used - account.energy_cwh - account.written_off_cwh - open_cwh) % ROLLOVER:
            judge.condemn(f"account {number}: {used} cwh used, {account.energy_cwh} charged, {open_cwh} open")
    for number, account in books.accounts.items():
        paid = sum(amount for key, amount in books.issued.items() if key[0] == number)
        if account.balance_ucu + account.moved_ucu + account.charged_ucu != paid:
            judge.condemn(f"account {number}: {paid} ucu were paid, {account.credits} are booked")
    results, others = reconcile(world.central.db)
    for sentence in others + [sentence for result in results for sentence in result.differences]:
        if not _is_lawful(world, sentence):
            judge.condemn("the head-end finds: " + sentence)
    for result in results:
        ours = books.account(result.account)
        if (result.balance_ucu, result.gateway_balance_ucu) != (ours.balance_ucu, ours.balance_ucu):
            judge.condemn(f"account {result.account}: {result.balance_ucu} at the head-end, {ours.balance_ucu} in the records")


def _is_lawful(world: World, sentence: str) -> bool:
    """True for a difference that the faults of this run make, and no fault of the gateway."""
    if any(words in sentence for words in DISORDERED):
        moved = [house for house in world.houses if house.was_moved and f"account {world.account_of(house)}:" in sentence]
        return bool(moved or world.options.faults & WRONG_CLOCKS)
    return any(words in sentence for words in LAWFUL)
