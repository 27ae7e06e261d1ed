"""The judge of cuts: every condition of design section 5, from the truth of the instant at which one is decided (a part of judge.py)."""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING, Any

from host_tools.journal_reader import Record
from tests.sim.account import Account
from tests.sim.books import Books
from tests.sim.rich import date_text
from tests.sim.street import House

if TYPE_CHECKING:
    from tests.sim.world import World

DAY_S = 86_400
BALANCE_AT_FLOOR = 1
PROTECTED, CARE, EXEMPT, HOLD, READING_HELD, ORDERED_ON = 1, 2, 4, 8, 16, 32
OVERRIDE_BIT = {"care": 4, "fresh": 16, "hours": 17, "notice": 18, "offline": 20, "throttle": 21}


class Condemned(BaseException):
    """The firmware did wrong; no handler in it may catch this."""


class CutJudge(abc.ABC):
    """What Judge is besides."""

    world: World
    books: Books
    late_ms: int  # by which a record was written before it is judged
    cuts_ms: list[int]
    cut_accounts: dict[int, int]  # account -> when it became due, of those that were cut
    due_ms: dict[int, int]  # account -> when it was first found due, of those that are
    forgiven: set[int]  # due when somebody released the brake: they count when they are due anew

    def condemn(self, sentence: str) -> None:
        raise Condemned(sentence)

    @abc.abstractmethod
    def due_ucu(self, number: int) -> int | None:
        """The available balance as it truly is, None when nobody can say."""

    def local_day(self, at_s: int) -> int:
        return self.books.local_day(at_s)

    def _cut_decided(self, record: Record, now_ms: int) -> None:
        """Every condition of design section 5, from the truth of this instant."""
        number, order = record.number("account"), record.number("order")
        account, house, policy = self.books.account(number), self.world.house_of(number), self.world.policy_in_force()
        overridden = self.world.overrides.get((number, order), frozenset()) if order else frozenset()
        who = f"account {number} is cut"
        if house is None or not account.lives_here:
            self.condemn(f"{who}, and it has no meter here")
            return
        if self.world.lives.behind:
            self.condemn(f"{who} by the books of a backup, before the head-end has said anything to them")
        flags = account.flags | self.world.flags_of(number)
        if flags & PROTECTED:
            self.condemn(f"{who}, and it is protected")
        if flags & EXEMPT:
            self.condemn(f"{who}, and it is exempt")
        if flags & (HOLD | ORDERED_ON):
            self.condemn(f"{who}, and it is on hold")
        if flags & CARE and "care" not in overridden:
            self.condemn(f"{who}, a care customer whom nobody visited")
        available = self.due_ucu(number)
        if available is None or available > policy["floor"]:
            self.condemn(f"{who} with {available} available, the floor is {policy['floor']}")
        if account.serial != house.wire_address:
            self.condemn(f"{who} by a meter that is not its own")
        if house.held:
            self.condemn(f"{who}, and its register stands where no energy brought it")
        self._cut_timing(record, account, house, policy, overridden)
        self.cuts_ms.append(now_ms)
        if record.number("reason") == BALANCE_AT_FLOOR and number not in self.forgiven:
            self.cut_accounts[number] = self.due_ms.get(number, now_ms)  # who is cut by order alone is not due

    def _cut_timing(self, record: Record, account: Account, house: House, policy: dict[str, Any], overridden: frozenset[str]) -> None:
        now_ms, world = self.world.loop.now_ms - self.late_ms, self.world
        true_s = world.true_s - self.late_ms // 1000
        who = f"account {record.account} is cut"
        error_s = policy["clock_error_max_s"]
        if abs(record.at_s - true_s) > error_s + 1:
            self.condemn(f"{who} at {record.at_s} by its clock, and it is {true_s}")
        if "fresh" not in overridden and (house.answered_ms < 0 or now_ms - house.answered_ms > (policy["reading_fresh_s"] + 5) * 1000):
            self.condemn(f"{who} by a reading of {(now_ms - house.answered_ms) // 1000} s ago")
        if "hours" not in overridden and not self.inside_hours(policy, true_s, true_s + world.relay_valid_s):
            self.condemn(f"{who} outside allowed hours")
        if "notice" not in overridden:
            self._cut_notice(who, account, policy)
        recent = [at for at in self.cuts_ms if now_ms - at < 3_600_000 - 2_000 * error_s]
        if "throttle" not in overridden and len(recent) >= policy["throttle_per_hour"]:
            self.condemn(f"{who}, the {len(recent) + 1}th within an hour")
        if self.books.brake:
            self.condemn(f"{who} with the brake closed")
        window_ms = (policy["brake"]["window_s"] - 2 * error_s) * 1000
        since_ms = self.cut_accounts | {record.number("account"): self.due_ms.get(record.number("account"), now_ms)}
        due = [number for number, at in since_ms.items() if now_ms - at < window_ms]
        share = policy["brake"]["share_percent"] * len(world.houses) // 100
        most = max(policy["brake"]["accounts_max"], share)
        if record.number("reason") == BALANCE_AT_FLOOR and record.account not in self.forgiven and len(due) > most:
            self.condemn(f"{who}, the {len(due)}th account in the brake's window, and the brake is open")
        if "offline" not in overridden and now_ms - world.word_ms > (policy["offline_right_s"] + error_s) * 1000:
            self.condemn(f"{who} {(now_ms - world.word_ms) // 1000} s after the head-end's last word")
        if record.number("order"):
            said = self.books.orders.get((record.number("account"), record.number("order")))
            if said is None or said.number("verdict") != 1 or said.number("order") != 1:
                self.condemn(f"{who} by order {record.number('order')}, which was not accepted")
            elif true_s > said.number("expires_at_s") + error_s + 1:
                self.condemn(f"{who} by order {record.number('order')}, which has expired")

    def _cut_notice(self, who: str, account: Account, policy: dict[str, Any]) -> None:
        steps = policy["notices"]
        if not account.episode_open or max(account.notices_ms, default=0) < len(steps):
            self.condemn(f"{who} without the notices of this episode: {sorted(account.notices_ms)} of {len(steps)}")
        waited_ms = self.world.loop.now_ms - max(account.notices_ms.values())
        if waited_ms < (steps[-1]["period_s"] - policy["clock_error_max_s"] - 2) * 1000:
            self.condemn(f"{who} {waited_ms // 1000} s after its last notice")

    def inside_hours(self, policy: dict[str, Any], start_s: int, end_s: int) -> bool:
        """Minute by minute, so that no formula is shared."""
        seconds = [*range(start_s, end_s, 60), end_s - 1]
        return all(self.allowed(policy["hours"], at_s) and not self._closed(policy, at_s) for at_s in seconds)

    def _closed(self, policy: dict[str, Any], at_s: int) -> bool:
        """A listed day, or one behind the end of the calendar."""
        calendar, day = policy.get("calendar"), date_text(self.local_day(at_s))
        if calendar is None:
            return False
        return day > calendar["until"] or any(day in calendar[name] for name in ("holidays", "hot_days", "cold_days"))

    def allowed(self, windows: list[dict[str, Any]], at_s: int) -> bool:
        local = at_s + self.world.offset_s
        day, minute = local // DAY_S, local % DAY_S // 60
        weekday = (day + 3) % 7 + 1
        before = (weekday - 2) % 7 + 1
        for window in windows:
            start, end = _minutes(window["from"]), _minutes(window["to"])
            if start < end and weekday in window["days"] and start <= minute < end:
                return True
            if start > end and (weekday in window["days"] and minute >= start or before in window["days"] and minute < end):
                return True
        return False


def _minutes(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])
