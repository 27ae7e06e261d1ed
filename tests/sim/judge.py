"""The judges: what became durable, what was promised and what the relays were told, against the truth of the simulated world.

They hear of records from the flash itself (flash.py), of promises from the link, of relay commands from the meters. They know the
payments, the load of each house, the true time. They share no arithmetic with the firmware, and ask it nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import cbor2

from host_tools.journal_reader import JournalImage, Record, kinds
from tests.sim.books import CUT, ROLLOVER, Account, Books, notice_counts
from tests.sim.place import FIXED_FEE, MINIMUM
from tests.sim.rich import date_text
from tests.sim.street import House

if TYPE_CHECKING:
    from tests.sim.world import World

CHANGED_MIND_MS = 2_500  # a relay frame that is on the wire when the mind changes still arrives
LIGHT_MS = 150_000  # from a payment on flash to a closed relay, in calm: stated bound
DAY_S = 86_400
BALANCE_AT_FLOOR = 1
QUALITY_RTC = 2
FOUND_OFF = 3
CLOCK_RIGHT_S = 120
PROTECTED, CARE, EXEMPT, HOLD, READING_HELD, ORDERED_ON = 1, 2, 4, 8, 16, 32
ESTIMATED = 1
MONTHS_TOLD_MAX = 2  # the day of its closing and the one behind it; and again in each life
WRONG_CLOCKS = {"rtc_lost", "rtc_wrong", "central_clock", "meter_clock", "meter_clock_lost"}
OVERRIDE_BIT = {"care": 4, "fresh": 16, "hours": 17, "notice": 18, "offline": 20, "throttle": 21}


class Condemned(BaseException):
    """The firmware did wrong; no handler in it may catch this."""


class Judge:
    """`books` is the fold; every method raises Condemned with one sentence."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.books = Books(offset_s=world.offset_s)
        self.cuts_ms: list[int] = []
        self.cut_accounts: dict[int, int] = {}  # account -> true time of its last cut
        self.due_ms: dict[int, int] = {}  # account -> when it was first found due, of those that are
        self.forgiven: set[int] = set()  # due when somebody released the brake: they count when they are due anew
        self.checks = 0
        self.months: Counter[tuple[int, int]] = Counter()
        self._obliged: dict[int, int] = {}  # account -> since when light is owed

    def condemn(self, sentence: str) -> None:
        raise Condemned(sentence)

    # records

    def on_durable(self, records: Iterable[Record]) -> None:
        """A step was synced."""
        now_ms = self.world.loop.now_ms
        for record in records:
            self.checks += 1
            self.world.note(lambda record=record: _told(record))
            self.world.lives.on_record(record)
            for sentence in self.books.fold(record, now_ms):
                self.condemn(sentence)
            if record.kind == kinds.DECISION and record.number("reason") == BALANCE_AT_FLOOR and self._is_due(record.number("account")):
                self.due_ms.setdefault(record.number("account"), now_ms)
            if record.kind == kinds.DECISION and record.number("verdict") == CUT:
                self._cut_decided(record, now_ms)
            elif record.kind in (kinds.CREDIT, kinds.CREDIT_LIMIT):
                self._owe_light(record.number("account"))
                if not self._is_due(record.number("account")):
                    self.forgiven.discard(record.number("account"))
                    self.due_ms.pop(record.number("account"), None)
            elif record.kind == kinds.CHARGE:
                self._charged(record)
            elif record.kind == kinds.FAULT and record.number("fault") == FOUND_OFF and self.books.account(record.number("account")).off:
                self.condemn(f"account {record.account}: its supply is called found off, and we cut it")
            elif record.kind == kinds.NOTICE:
                self._notice(record)
            elif record.kind == kinds.MONTH:
                self._month(record)
            elif record.kind == kinds.BRAKE and not record.number("closed"):
                self.cut_accounts = {}
                self.forgiven = {number for number in self.books.accounts if self._is_due(number)}

    def on_boot(self, image: JournalImage) -> None:
        """What the flash holds when a life begins: all that was ever durable and not pruned by right, and perhaps a little more."""
        self.checks += 1
        here = {record.sequence: record for record in image.records}
        if not image.needed_sound or image.unknown_kinds:
            self.condemn(f"the journal is not sound: gaps {image.chain.gaps}, breaks {image.chain.breaks}, corrupt {image.corrupt}")
        for sequence, record in here.items():
            known = self.books.history.get(sequence)
            if known is not None and known != record.raw:
                self.condemn(f"sequence {sequence} has other bytes than when it became durable")
        last, oldest = max(here, default=0), min(here, default=0)
        if last < self.books.sequence:
            self.condemn(f"the journal ends at {last}, and {self.books.sequence} was durable")
        needed = image.snapshot_sequence or 1
        missing = [one for one in self.books.history if needed <= one and one not in here]
        if missing:
            self.condemn(f"sequences {missing[:5]} were durable and are missing")
        if oldest > 1 and image.snapshot_sequence is None:
            self.condemn(f"records before {oldest} are pruned without a snapshot")
        if oldest > 1 and oldest - 1 > self.books.acked:
            self.condemn(f"records up to {oldest - 1} are pruned, and the head-end is known to hold only {self.books.acked}")
        self.on_durable([record for record in image.records if record.sequence > self.books.sequence])

    # money

    def _charged(self, record: Record) -> None:
        """Nobody pays for energy that has not flowed, and at no price that was not in force between."""
        house = self.world.meters.get(record.octets("serial"))  # perhaps one that is no more: its last charge
        account = self.books.account(record.number("account"))
        if house is None or record.octets("serial") != account.serial or record.number("cause") in (FIXED_FEE, MINIMUM):
            return
        if house in self.world.houses:
            house.advance(self.world.loop.now_ms)
        shown, start = house.shown_by_energy(), account.bound_cwh
        rate = record.number("rate")
        used = (record.number("to_cwh") - start[rate]) % ROLLOVER
        flowed = (shown[rate] - start[rate]) % ROLLOVER
        if used > flowed and (house in self.world.houses or not house.was_moved):  # of a meter that is gone nobody let go where it stood
            self.condemn(f"account {record.account}: {used} cwh of rate {rate} are charged since its binding, {flowed} have flowed")
        if record.fields.get("band") and not record.number("marks") & ESTIMATED:
            self._flowed_in_band(record, house)

    def _flowed_in_band(self, record: Record, house: House) -> None:
        """What is charged by one band, and as no estimate, did flow while it held: by the load curve, where all clocks are right."""
        start, end = record.number("from_cwh"), record.number("to_cwh")
        if (end - start) % ROLLOVER < 2 or house.was_moved or self.world.options.faults & WRONG_CLOCKS:
            return
        rich = self.books.tariffs[record.number("tariff"), record.number("version")].rich
        slack_s = rich.late_s + CLOCK_RIGHT_S
        begun, ended = (
            self.world.options.start_s + self.world.offset_s + house.flowed_at_ms(cwh) // 1000 for cwh in ((start + 1) % ROLLOVER, end)
        )
        held = rich.held(begun + slack_s, ended - slack_s) if begun + slack_s < ended - slack_s else []
        if [band for band in held if band != record.number("band")]:
            self.condemn(f"account {record.account}: {start} to {end} are charged by band {record.number('band')}, bands {held} held")

    def _month(self, record: Record) -> None:
        """The register of a settlement day is one that the meter keeps, of that day, and told at most a few times."""
        house, at_s = self.world.meters.get(record.octets("serial")), record.number("settled_at_s")
        if house is None or self.world.account_of(house) != record.number("account"):
            self.condemn(f"account {record.account}: a month of a meter that is not its own")
        told = record.fields["from_cwh"]
        assert isinstance(told, list)
        if not any(told) and not house.history.settlements and (house.energy.forward.rates or not house.start_cwh):
            return  # it never closed a month, and the registers that bill stood there then
        kept = [shot for shot in house.history.settlements if list(shot.forward) == told[: len(shot.forward)]]
        right = any(shot.local_ms // 1000 - self.world.offset_s == at_s for shot in kept)
        if not kept or not right and not self.world.options.faults & WRONG_CLOCKS:
            kept = list(house.history.settlements)
            self.condemn(f"account {record.account}: {told} are told of the settlement at {at_s}, the meter keeps {kept}")
        self.months[record.number("account"), at_s] += 1
        if self.months[record.number("account"), at_s] > MONTHS_TOLD_MAX + self.world.boots:
            self.condemn(f"account {record.account}: its month is told again and again")

    def due_ucu(self, number: int) -> int | None:
        """The true available balance: credits that are durable, minus all energy that has flowed, at the dearest price in question. It is
        held against the amounts of the policy, so a credit limit stands for as much."""
        account, house = self.books.account(number), self.world.house_of(number)
        if house is None or account.serial != house.wire_address:
            return None
        house.advance(self.world.loop.now_ms)
        shown = house.energy.forward.shown()
        today = self.local_day(self.world.true_s)
        days = {today, min(today, self.local_day(account.charged_at_s) if account.charged_at_s else today)}
        worth = 0
        for rate in account.billed:
            span = (shown[rate] - account.charged_cwh[rate]) % ROLLOVER
            prices = [price for day in days if (price := self.books.dearest(2 if account.rates else 1, day, rate)) is not None]
            worth += span * max(prices, default=0)
        return account.balance_ucu + account.limit_ucu - worth

    def _is_due(self, number: int) -> bool:
        available = self.due_ucu(number)
        return available is not None and available <= self.world.policy_in_force()["floor"]

    def local_day(self, at_s: int) -> int:
        return self.books.local_day(at_s)

    # supply

    def _cut_decided(self, record: Record, now_ms: int) -> None:
        """Every condition of design section 5, from the truth of this instant."""
        number, order = record.number("account"), record.number("order")
        account, house, policy = self.books.account(number), self.world.house_of(number), self.world.policy_in_force()
        assert house is not None
        overridden = self.world.overrides.get((number, order), frozenset()) if order else frozenset()
        who = f"account {number} is cut"
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
            self.cut_accounts[number] = now_ms  # who is cut by order alone is not due

    def _cut_timing(self, record: Record, account: Account, house: House, policy: dict[str, Any], overridden: frozenset[str]) -> None:
        now_ms, world = self.world.loop.now_ms, self.world
        who = f"account {record.account} is cut"
        error_s = policy["clock_error_max_s"]
        if abs(record.at_s - world.true_s) > error_s + 1:
            self.condemn(f"{who} at {record.at_s} by its clock, and it is {world.true_s}")
        if "fresh" not in overridden and (house.answered_ms < 0 or now_ms - house.answered_ms > (policy["reading_fresh_s"] + 5) * 1000):
            self.condemn(f"{who} by a reading of {(now_ms - house.answered_ms) // 1000} s ago")
        if "hours" not in overridden and not self.inside_hours(policy, world.true_s, world.true_s + world.relay_valid_s):
            self.condemn(f"{who} outside allowed hours")
        if "notice" not in overridden:
            self._cut_notice(who, account, policy)
        recent = [at for at in self.cuts_ms if now_ms - at < 3_600_000 - 2_000 * error_s]
        if "throttle" not in overridden and len(recent) >= policy["throttle_per_hour"]:
            self.condemn(f"{who}, the {len(recent) + 1}th within an hour")
        if self.books.brake:
            self.condemn(f"{who} with the brake closed")
        window_ms = (policy["brake"]["window_s"] - 2 * error_s) * 1000
        since_ms = {number: min(at, self.due_ms.get(number, at)) for number, at in self.cut_accounts.items()}  # it became due, and was cut
        due = {number for number, at in since_ms.items() if now_ms - at < window_ms} - {record.account}
        share = policy["brake"]["share_percent"] * len(world.houses) // 100
        most = max(policy["brake"]["accounts_max"], share)
        if record.number("reason") == BALANCE_AT_FLOOR and record.account not in self.forgiven and len(due) + 1 > most:
            self.condemn(f"{who}, the {len(due) + 1}th account in the brake's window, and the brake is open")
        if "offline" not in overridden and now_ms - world.word_ms > (policy["offline_right_s"] + error_s) * 1000:
            self.condemn(f"{who} {(now_ms - world.word_ms) // 1000} s after the head-end's last word")
        if record.number("order"):
            said = self.books.orders.get((record.number("account"), record.number("order")))
            if said is None or said.number("verdict") != 1 or said.number("order") != 1:
                self.condemn(f"{who} by order {record.number('order')}, which was not accepted")
            elif world.true_s > said.number("expires_at_s") + error_s + 1:
                self.condemn(f"{who} by order {record.number('order')}, which has expired")

    def _cut_notice(self, who: str, account: Account, policy: dict[str, Any]) -> None:
        steps = policy["notices"]
        if not account.episode_open or max(account.notices_ms, default=0) < len(steps):
            self.condemn(f"{who} without the notices of this episode: {sorted(account.notices_ms)} of {len(steps)}")
        waited_ms = self.world.loop.now_ms - max(account.notices_ms.values())
        if waited_ms < (steps[-1]["period_s"] - policy["clock_error_max_s"] - 2) * 1000:
            self.condemn(f"{who} {waited_ms // 1000} s after its last notice")

    def _notice(self, record: Record) -> None:
        """A notice counts when it arrived: the alarm is lit, or the head-end holds the record. None is given outside its hours."""
        number, policy = record.number("account"), self.world.policy_in_force()
        house, account = self.world.house_of(number), self.books.account(number)
        if notice_counts(record):
            if record.number("channel") == 2 and (house is None or house.relay is None or not house.relay.alarm):
                self.condemn(f"account {number}: the notice counts by its alarm, which is not lit")
            if record.number("channel") == 1 and not 0 < account.notice_given <= self.world.held_by_central_max:
                self.condemn(f"account {number}: the notice {account.notice_given} counts, and the head-end never held it")
        windows = policy.get("notice_hours")
        clock_right = record.quality >= QUALITY_RTC and abs(record.at_s - self.world.true_s) < CLOCK_RIGHT_S
        if windows and record.number("outcome") == 1 and clock_right:
            near = [self.world.true_s + apart_s for apart_s in (-CLOCK_RIGHT_S, 0, CLOCK_RIGHT_S)]
            if not any(self.allowed(windows, at_s) for at_s in near):
                self.condemn(f"account {number}: a notice is given outside its hours")

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

    def on_command(self, house: House, command: str, accepted: bool) -> None:
        """A relay command reached a meter."""
        world = self.world
        if world.dead or not accepted or command not in ("trip", "close", "permit close"):
            return
        self.checks += 1
        number = world.account_of(house)
        account = self.books.account(number)
        world.note(lambda: f"meter of {number}: {command}")
        if world.loop.now_ms - account.wish_ms < CHANGED_MIND_MS:
            return
        if (command == "trip") != account.off and not (command != "trip" and world.may_be_full()):
            self.condemn(f"account {number}: the relay is told to {command}, and the last wish is {'off' if account.off else 'on'}")
        policies = [world.policy_in_force(), world.policies.get(account.cut_policy, world.policy_in_force())]  # of now, or of its decision
        order = account.cut_order
        if command == "trip" and "hours" not in (world.overrides.get((number, order), frozenset()) if order else frozenset()):
            end_s = world.true_s + 60 * house.cfg.relay.trip_delay_min + 1
            if not any(self.inside_hours(policy, world.true_s, end_s) for policy in policies):
                self.condemn(f"account {number}: the relay is told to trip outside allowed hours")

    # light

    def _owe_light(self, number: int) -> None:
        """A payment is on flash: whoever has enough now sees light within a stated time."""
        if number in self._obliged:
            return
        available = self.due_ucu(number)
        if available is not None and available >= self.world.policy_in_force()["restore"]:
            self._obliged[number] = self.world.loop.now_ms
            self.world.loop.after(LIGHT_MS, lambda: self._light(number))

    def _light(self, number: int) -> None:
        world = self.world
        since_ms, account, house = self._obliged.pop(number), self.books.account(number), world.house_of(number)
        if house is None or account.off and account.wish_ms > since_ms:
            return  # cut anew: that is judged there
        available = self.due_ucu(number)
        if available is None or available < world.policy_in_force()["restore"]:
            return
        if world.disturbed_since(house, since_ms):
            self._obliged[number] = world.loop.now_ms
            world.loop.after(LIGHT_MS, lambda: self._light(number))
            return
        relay = house.relay
        if relay is not None and relay.open and not relay.armed:
            self.condemn(f"account {number} has paid, {available} are available, and after {LIGHT_MS // 1000} s it is dark")

    # promises on the wire

    def on_delivered(self, topic: str, payload: bytes) -> None:
        """The gateway may act by it before its PUBACK leaves. A word is as old as it is, however long the broker kept it."""
        if topic.endswith("/acks"):
            self.world.word_ms = max(self.world.word_ms, self.world.central.said_ms[payload])

    def on_puback(self, topic: str, payload: bytes) -> None:
        """The PUBACK of a message of the head-end has left: its verdict must be durable."""
        world = self.world
        kind = topic.rpartition("/")[2]
        if kind == "acks":
            return
        self.checks += 1
        body = _said(payload)
        if kind == "credits":
            number = self.books.newest_credit.get((body[1], body[2]), 0)
            refused = (body[1], body[2], body[3]) in self.books.refused
            if number < body[3] and not refused and not world.may_be_full():
                self.condemn(f"credit {body[3]} of issuer {body[2]} for account {body[1]} is acknowledged, and {number} is on flash")
        elif body[1] in (5, 6):
            pass  # their number is a version; the record of a document tells
        elif body[2] and self.books.account(body[2]).order < body[3] and not world.may_be_full():
            self.condemn(f"order {body[3]} for account {body[2]} is acknowledged and has no verdict")

    def on_publish(self, topic: str, payload: bytes) -> None:
        """What the gateway says of its journal is durable."""
        if not topic.endswith("/journal"):
            return
        self.checks += 1
        body = _said(payload)
        for index, raw in enumerate(body[4]):
            if self.books.history.get(body[2] + index) != raw:
                self.condemn(f"sequence {body[2] + index} is published and does not stand on flash with those bytes")


def _said(payload: bytes) -> Any:
    """The body of a COSE_Mac0; whether it is authentic is judged by those to whom it goes."""
    return cbor2.loads(cbor2.loads(payload).value[2])


def _told(record: Record) -> str:
    fields = {name: value.hex() if isinstance(value, bytes) else value for name, value in record.fields.items()}
    return f"{record.sequence} {record.name} at {record.at_s} q{record.quality} {fields}"


def _minutes(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])


__all__ = ["Condemned", "Judge"]
