"""What counts as true in steps 6 to 8: the backlog, the books, the payment, and the last count."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from host_tools.demo.checks import Verdict
from host_tools.demo.console import Noted
from host_tools.demo.wire_log import WireLog
from host_tools.journal_reader.words import money
from host_tools.simulators.client import RelayState

FRESH_WANTED = 3
OVERTAKEN = 2


@dataclass(frozen=True)
class Backlog:
    """What the head-end's database lacks of the outage, and how many readings taken after it are there; one moment."""

    records_missing: int
    readings_missing: int
    fresh: int

    @property
    def missing(self) -> int:
        return self.records_missing + self.readings_missing


def broker_forgot(size: int, left: int, sessions: Sequence[bool]) -> Verdict:
    """There was a memory, it is gone, and the first connection after that found no session."""
    first = "none yet" if not sessions else "kept" if sessions[0] else "gone"
    return size > left == 0 and bool(sessions) and not sessions[0], f"{size - left} of {size} bytes wiped, session {first}"


def live_passes_backlog(moments: Sequence[Backlog]) -> Verdict:
    """At one moment the database held fresh readings while old records or readings were still missing."""
    best = max((moment for moment in moments if moment.missing), key=lambda one: one.fresh, default=Backlog(0, 0, 0))
    words = f"{best.fresh} fresh readings arrived while {best.records_missing} records and {best.readings_missing} readings were missing"
    return best.fresh >= FRESH_WANTED, words


def backlog_drained(now: Backlog, records: int, readings: int, seconds: float) -> Verdict:
    """Nothing of the outage is missing, and there was something to miss."""
    words = f"{records - now.records_missing} of {records} records, {readings - now.readings_missing} of {readings} readings"
    return records > 0 and readings > 0 and not now.missing, f"{words} in {seconds:.1f} s"


def queued_arrived(
    receipts: Sequence[str], queued: Sequence[tuple[int, int]], booked: Mapping[int, int], seconds: float
) -> Verdict:
    """Each payment of the outage, named (account, number), was applied, and the gateway's own record is here: of this number
    or, as a higher number's total contains it, of a later one. `booked` is the highest number of each account."""
    good = (len(receipts) == len(queued) == 3 and all(receipt == "applied" for receipt in receipts)
            and all(booked.get(account, 0) >= number > 0 for account, number in queued))
    return good, f"{sum(receipt == 'applied' for receipt in receipts)} of 3 payments applied, {seconds:.1f} s after its return"


def books_agree(
    status: int, answer: Mapping[str, Any], before: Mapping[int, int], theirs: Mapping[int, int], after: Mapping[int, int]
) -> Verdict:
    """`reconcile` names no difference, and balances that did not change meanwhile are equal on both sides."""
    if status or not answer.get("ok"):
        faults = list(answer.get("differences") or []) or [answer.get("error")]
        return False, f"{len(faults)} differences, first: {faults[0]}"
    compared = [account for account in before if before[account] == after.get(account)]
    apart = [account for account in compared if theirs.get(account) != before[account]]
    recomputed = len(answer["accounts"])
    good = not apart and recomputed == len(before) > 0 and len(compared) * 2 >= len(before)
    return good, (f"{recomputed} accounts recomputed, together {money(answer['totals']['balance_ucu'])}; "
                  f"{len(apart)} of {len(compared)} differ from the gateway's")


def late_cut_refused(
    records: Sequence[Noted], state: tuple[str, int], handed_at: float | None, paid_at: float | None
) -> Verdict:
    """The order reached the gateway after the payment did, and both the gateway and the head-end say why it was refused."""
    if handed_at is None or paid_at is None:
        return False, "the order or the payment has not reached the gateway"
    good = len(records) == 1 and state == ("refused", OVERTAKEN) and handed_at > paid_at
    why = "overtaken by the credit" if state[1] == OVERTAKEN else f"reason {state[1]}"
    return good, f"{state[0] or 'no answer'}: {why}; it came {handed_at - paid_at:.1f} s after the payment"


def moved_twice(movements: Mapping[int, int], relay: RelayState | None, customer: int) -> Verdict:
    """Off and on again at one meter; no other ever moved."""
    moved = {account: count for account, count in movements.items() if count}
    good = moved == {customer: 2} and relay is not None and not relay.open
    return good, "contacts moved: " + (", ".join(f"account {account}, {count} times" for account, count in moved.items()) or "none")


def flash_equals_database(flash: Mapping[int, bytes], database: Mapping[int, bytes]) -> Verdict:
    """Byte for byte, and the database holds something."""
    same = sum(flash.get(sequence) == raw for sequence, raw in database.items())
    return bool(database) and same == len(database), f"{same} of {len(database)} records"


def balances_equal(flash: Mapping[int, int], theirs: Mapping[int, int]) -> Verdict:
    """To the last 0.000001, for every account."""
    same = sum(theirs.get(account) == ucu for account, ucu in flash.items())
    good = len(flash) > 0 and same == len(flash) == len(theirs)
    return good, f"{same} of {len(flash)} accounts, together {money(sum(theirs.values()))}"


def wire_understood(log: WireLog) -> Verdict:
    """Everything on the wire was read, and there was something to read in both directions."""
    good = log.unreadable == 0 and log.packets_up > 0 and log.packets_down > 0
    return good, f"{log.packets_up + log.packets_down} packets, {log.connections} connections, {log.unreadable} unreadable"


def nobody_complained(complaints: Mapping[str, Sequence[str]]) -> Verdict:
    """No process said anything that it says only when it stumbled."""
    found = [f"{name}: {line}" for name, lines in complaints.items() for line in lines]
    words = f"{len(found)} complaints" + (f", first: {found[0]}" if found else f" from {len(complaints)} processes")
    return bool(complaints) and not found, words
