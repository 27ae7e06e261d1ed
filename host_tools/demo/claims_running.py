"""What counts as true in steps 1 to 3: plain facts in, (holds, what was measured) out. Nothing here waits or asks.

Kept apart from the story so that each claim can be shown a broken world and must say no.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from host_tools.demo.checks import Verdict
from host_tools.journal_reader.words import energy, money

REGISTER_WRAPS_CWH = 100_000_000
HEAD_END, GIVEN, DELIVERED = 1, 1, 2
REPLIES_OF_A_READING = 2  # registers, status word

Prices = Mapping[int, Mapping[int, int]]  # tariff -> rate -> price


def every_account(counts: Mapping[int, int], accounts: Collection[int], owners: str, things: str) -> Verdict:
    """Each account has at least one."""
    there = sum(counts.get(account, 0) > 0 for account in accounts)
    return bool(accounts) and there == len(accounts), f"{there} of {len(accounts)} {owners}, {sum(counts.values())} {things}"


def credits_applied(receipts: Sequence[str], wanted: int) -> Verdict:
    """Each credit was applied; one that the gateway refused has a receipt too and is not good."""
    applied = sum(receipt == "applied" for receipt in receipts)
    return wanted > 0 and applied == len(receipts) == wanted, f"{applied} of {wanted} credits applied"


def charges_exact(charges: Sequence[Mapping[str, Any]], prices: Prices, accounts: Collection[int]) -> Verdict:
    """In the order of the journal: each begins where the last one of its register ended, costs energy x price of its tariff,
    and the running total is the sum."""
    ends: dict[tuple[int, int], int] = {}
    totals: dict[int, int] = {}
    used_cwh, wrong = 0, 0
    for charge in charges:
        account, rate = charge["account"], charge["rate"]
        used = (charge["to_cwh"] - charge["from_cwh"]) % REGISTER_WRAPS_CWH
        totals[account] = totals.get(account, 0) + charge["amount_ucu"]
        good = (charge["from_cwh"] == ends.get((account, rate), charge["from_cwh"]) and used > 0
                and charge["price"] == prices.get(charge["tariff"], {}).get(rate)
                and charge["amount_ucu"] == used * charge["price"] and charge["total_charged_ucu"] == totals[account])
        ends[(account, rate)] = charge["to_cwh"]
        used_cwh += used
        wrong += not good
    complete = bool(accounts) and all(account in totals for account in accounts)
    words = f"{len(charges)} charges, {money(sum(totals.values()))} for {energy(used_cwh)}, {wrong} wrong"
    return complete and not wrong, words


def registers_between(before: Mapping[int, int], held: Mapping[int, int], now: Mapping[int, int]) -> Verdict:
    """What the database holds lies between what each meter showed before and what it shows now."""
    good = [account for account, cwh in before.items() if account in held and cwh <= held[account] <= now[account]]
    behind = max((now[account] - held[account] for account in good), default=0)
    words = f"{len(good)} of {len(before)} registers, at most {energy(behind)} behind the meter"
    return bool(before) and len(good) == len(before), words


def notice_given(notices: Sequence[Mapping[str, Any]], level_ucu: int) -> Verdict:
    """One notice through the head-end, given while the balance was low and not yet gone."""
    given = [one for one in notices if (one["channel"], one["outcome"]) == (HEAD_END, GIVEN)]
    at = ", ".join(money(one["available_ucu"]) for one in given)
    good = len(given) == 1 and 0 < given[0]["available_ucu"] <= level_ucu
    return good, f"{len(given)} notice" + (f" at {at} left" if at else "")


def notice_delivered(notices: Sequence[Mapping[str, Any]]) -> Verdict:
    """The journal says so, once."""
    count = sum((one["channel"], one["outcome"]) == (HEAD_END, DELIVERED) for one in notices)
    return count == 1, f"{count} journalled as delivered"


def nobody_else(notices: Sequence[Mapping[str, Any]], account: int) -> Verdict:
    """All notices so far are of this account, and there is one."""
    others = sum(one["account"] != account for one in notices)
    return bool(notices) and not others, f"{others} notices to others"


def payment_in_broker(answer: str, memory: bytes, topic: str) -> Verdict:
    """Booked now, and a message to that topic waits in what the broker has written down."""
    waits = topic.encode() in memory
    words = f"{answer or 'not booked'}; {len(memory)} bytes of memory, the payment " + ("among them" if waits else "NOT among them")
    return answer == "created" and waits, words


def broker_gone(status: int | None, reachable: bool) -> Verdict:
    """It has ended, and nobody answers at its port."""
    words = "still runs" if status is None else f"ended with status {status}"
    return status is not None and not reachable, words + (", its port still answers" if reachable else ", its port is closed")


def outage_noticed(told_since: bool, connected: object) -> Verdict:
    """Told by the gateway after the broker was stopped."""
    return told_since and connected is False, "link down" if told_since and connected is False else "link still up"


def reads_go_on(numbered: int, before: Mapping[str, int], now: Mapping[str, int]) -> Verdict:
    """By the gateway's count and, independently, by the meters' own count of replies."""
    turns = [(now.get(address, 0) - count) // REPLIES_OF_A_READING for address, count in before.items()]
    full = bool(turns) and min(turns) >= 1 and numbered >= len(turns)
    return full, f"{numbered} readings since, each meter answered {min(turns, default=0)} to {max(turns, default=0)} times"
