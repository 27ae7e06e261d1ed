"""The end of a history of many lives: nothing is killed any more, and everybody must come to agree, to the last ucu.

The meters stop counting, the gateway lives on until the head-end holds all its records and every payment has its receipt.
Then four parties that share no arithmetic are compared: the gateway's console, its flash as the witness reads it, the
head-end's own reconciliation, and the meters themselves with the payments as they were issued.
"""

import time
from typing import Any

from host_tools.head_end.reconcile import reconcile
from host_tools.simulators.client import SiteClient
from tests.running_gateway import GATEWAY
from tests.scenarios.many_lives import METERS, Life, Lives, Plan

SETTLED_SECONDS_MAX = 30.0
LOOK_SECONDS = 0.2
QUIET_SECONDS = 1.5  # no record comes in so long: a reading of each meter, a look of each supply, lies in between
# Several lives fit into one second here, and the energy of an hour into it: a reading that was lost with its life, as readings
# may be, and one of the next life then bear the same time and other registers.
_SAME_SECOND = "the reading of that instant says"
_ACCOUNT = ("account", "address", "register_cwh", "balance_ucu", "available_ucu", "age_s", "wish", "seen", "fault", "word")


def settle(lives: Lives) -> None:
    """One last life without a fate; then every disagreement is a fault of the witness."""
    with SiteClient(lives.scene.control) as site:
        for index in range(METERS):
            site.set(lives.scene.address(index), load_w=0)
        process, life, thread = lives.start(Plan(0.0))
        try:
            if _wait(lives, life):
                _compare(lives, life, site)
        finally:
            lives.end(process, life, thread)
    lives.judge_all()
    stored = lives.db.rows("SELECT raw FROM records ORDER BY sequence")
    lives.witness.agrees_with([bytes(row["raw"]) for row in stored])
    results, others = reconcile(lives.db)
    for sentence in others + [sentence for result in results for sentence in result.differences]:
        if _SAME_SECOND not in sentence:
            lives.witness.fault("the head-end finds: " + sentence)
    for result in results:
        ours = lives.books.accounts[result.account]
        if (result.balance_ucu, result.gateway_balance_ucu) != (ours.balance_ucu, ours.balance_ucu):
            lives.witness.fault(f"account {result.account}: {result.balance_ucu} at the head-end, {ours.balance_ucu} in the records")
    for row in lives.db.rows("SELECT what, sentence FROM reports"):
        lives.witness.fault(f"the head-end reported {row['what']}: {row['sentence']}")


def _wait(lives: Lives, life: Life) -> bool:
    """Until all is said, taken and quiet; False, and a fault, when that does not come."""
    deadline = time.monotonic() + SETTLED_SECONDS_MAX
    last, since = -1, time.monotonic()
    while True:
        time.sleep(LOOK_SECONDS)
        held = lives.db.number("SELECT sequence FROM gateways WHERE name = ?", GATEWAY)
        pending = lives.db.number("SELECT count(*) FROM credits WHERE receipt = 'pending'")
        pending += lives.db.number("SELECT count(*) FROM orders WHERE state = 'pending'")
        said = life.now.get("journal", {}).get("sequence", 0)
        known = all(row[4] is not None for row in life.accounts) and bool(life.accounts)
        if said != last or held != said or pending or not known:
            last, since = said, time.monotonic()
        elif time.monotonic() - since > QUIET_SECONDS:
            return True
        if time.monotonic() > deadline:
            lives.witness.fault(f"not settled: {held} of {said} records held, {pending} pending; {life.now} {life.other[-5:]}")
            return False


def _compare(lives: Lives, life: Life, site: SiteClient) -> None:
    """Console against meters and payments, account by account."""
    price = lives.books.prices[max(lives.books.prices)]
    meters = {meter.address: meter.forward_cwh for meter in site.state().meters}
    lives.judge_all()
    for row in life.accounts:
        told: dict[str, Any] = dict(zip(_ACCOUNT, row, strict=True))
        ours = lives.books.accounts[told["account"]]
        paid = sum(amount for key, amount in lives.books.issued.items() if key[0] == told["account"])
        charged = _charged(lives, life, told["account"])
        address = next(lives.scene.address(n) for n in range(METERS) if lives.scene.account(n) == told["account"])
        uncharged_cwh = meters[address] - (ours.bound_at_cwh or 0) - charged[0]
        name = f"account {told['account']}: "
        if told["register_cwh"] != meters[address]:
            lives.witness.fault(f"{name}the meter stands at {meters[address]}, the gateway says {told['register_cwh']}")
        if told["balance_ucu"] != paid - charged[1]:
            lives.witness.fault(f"{name}the gateway says {told['balance_ucu']}, paid and charged are {paid - charged[1]}")
        if uncharged_cwh < 0 or told["balance_ucu"] - told["available_ucu"] != uncharged_cwh * price:
            lives.witness.fault(f"{name}{uncharged_cwh} cwh are uncharged, the gateway says {told}")


def _charged(lives: Lives, life: Life, account: int) -> tuple[int, int]:
    """(energy, money) charged: of all lives before, and of what this one has told on its console."""
    ours = lives.books.accounts[account]
    energy, money = ours.charged_cwh, ours.charged_ucu
    for record in life.records:
        if record["kind"] == 9 and record["values"][0] == account:
            energy += record["values"][4] - record["values"][3]
            money += record["values"][9]
    return energy, money


__all__ = ["settle"]
