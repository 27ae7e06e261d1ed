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
from tests.sim import lifeline
from tests.sim.account import CUT, ROLLOVER, UNBOUND, notice_counts
from tests.sim.books import Books
from tests.sim.judge_cuts import BALANCE_AT_FLOOR, Condemned, CutJudge
from tests.sim.moving import GIVEN
from tests.sim.place import FIXED_FEE, MINIMUM
from tests.sim.street import House

if TYPE_CHECKING:
    from tests.sim.world import World

CHANGED_MIND_MS = 2_500  # a relay frame that is on the wire when the mind changes still arrives
LIGHT_MS = 150_000  # from a payment on flash to a closed relay, in calm: stated bound
QUALITY_RTC = 2
FOUND_OFF = 3
CLOCK_RIGHT_S = 120
HOUR_QUIET_S = 595
ESTIMATED = 1
MONTHS_TOLD_MAX = 2  # the day of its closing and the one behind it; and again in each life
WRONG_CLOCKS = {"rtc_lost", "rtc_wrong", "central_clock", "meter_clock", "meter_clock_lost", "time_told"}


class Judge(CutJudge):
    """`books` is the fold; every method raises Condemned with one sentence."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.books = Books(offset_s=world.offset_s)
        self.late_ms = 0  # by which a record was written before it is judged
        self.cuts_ms: list[int] = []
        self.cut_accounts: dict[int, int] = {}
        self.due_ms: dict[int, int] = {}
        self.forgiven: set[int] = set()
        self.checks = 0
        self.days_told: set[int] = set()  # local days on which meters were told the time
        self.months: Counter[tuple[int, int]] = Counter()
        self._obliged: dict[int, int] = {}  # account -> since when light is owed

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
            act = _LOOKS.get(record.kind)
            if act is not None:
                act(self, record)

    def _decided(self, record: Record) -> None:
        now_ms, number = self.world.loop.now_ms, record.number("account")
        if record.number("reason") == BALANCE_AT_FLOOR and self._is_due(number):
            self.due_ms.setdefault(number, now_ms)
        if record.number("verdict") == CUT:
            self._cut_decided(record, now_ms)

    def _has_more(self, record: Record) -> None:
        """By a credit, or a credit limit."""
        number = record.number("account")
        self._owe_light(number)
        if self.due_ucu(number) is not None and not self._is_due(number):
            self.forgiven.discard(number)
            self.due_ms.pop(number, None)

    def _fault(self, record: Record) -> None:
        if record.number("fault") == FOUND_OFF and self.books.account(record.number("account")).off:
            self.condemn(f"account {record.account}: its supply is called found off, and we cut it")

    def _brake(self, record: Record) -> None:
        if not record.number("closed"):
            self.cut_accounts = {}
            self.forgiven = {number for number in self.books.accounts if self._is_due(number)}

    def _moved_in(self, record: Record) -> None:
        self.world.moved_in(record.number("account"), record.number("to_account"))

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
        self.late_ms = self.world.loop.now_ms - self.world.dark_ms  # nothing was written without power
        self.on_durable([record for record in image.records if record.sequence > self.books.sequence])
        self.late_ms = 0
        for number in filter(self._is_due, self.books.accounts):  # the gateway counts it from its first look, a full journal does not tell
            self.due_ms.setdefault(number, self.world.loop.now_ms)

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

    def _recovered(self, record: Record) -> None:
        """What is called available was true a short while ago, and the restore amount is that of the policy, less the credit limit."""
        number, policy = record.number("account"), self.world.policy_in_force()
        account, house, due = self.books.account(number), self.world.house_of(number), self.due_ucu(number)
        restore, told, took = policy["restore"] - account.limit_ucu, record.number("available_ucu"), record.number("amount_ucu")
        if record.number("restore_ucu") != restore:
            self.condemn(f"account {number}: a debt is recovered above {record.number('restore_ucu')}, the restore amount is {restore}")
        least = told if due is None else due - account.limit_ucu + took  # not known: its meter was exchanged, or it has moved out
        if not least <= told <= account.balance_ucu + took:
            self.condemn(f"account {number}: {told} are called available, {least} are, without energy {account.balance_ucu + took}")
            return
        fresh_ms = (policy["reading_fresh_s"] + CLOCK_RIGHT_S) * 1000
        if took and house is not None and due is not None and self.world.loop.now_ms - house.answered_ms > fresh_ms:
            self.condemn(f"account {number}: a debt is recovered by a reading of {house.answered_ms}")

    def _carried(self, record: Record) -> None:
        """It left, or is here again: whoever paid meanwhile sees light."""
        self.world.disturb()
        self.due_ms.pop(record.number("account"), None)
        self.cut_accounts.pop(record.number("account"), None)
        if record.number("what") != GIVEN:
            self._owe_light(record.number("account"))

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
        """Durable credits and the credit limit, minus all energy that has flowed, at the dearest price in question."""
        account, house = self.books.account(number), self.world.house_of(number)
        if house is None or account.serial != house.wire_address or not account.lives_here:
            return None
        house.advance(self.world.loop.now_ms)
        shown = house.energy.forward.shown()
        today = self.local_day(self.world.true_s)
        days = {today, min(today, self.local_day(account.charged_at_s) if account.charged_at_s else today)}
        worth = 0
        for rate in account.billed:
            span = (shown[rate] - account.charged_cwh[rate]) % ROLLOVER
            prices = [price for day in days if (price := self.books.dearest(2 if account.rates else 1, day, rate)) is not None]
            worth += span * account.ratio * max(prices, default=0)
        return account.balance_ucu + account.limit_ucu - worth

    def _is_due(self, number: int) -> bool:
        account, available = self.books.account(number), self.due_ucu(number)
        if available is None and account.lives_here and account.serial != UNBOUND:  # another meter by now: what the old one passed
            available = account.balance_ucu + account.limit_ucu
        return available is not None and available <= self.world.policy_in_force()["floor"]

    # supply

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

    def on_command(self, house: House, command: str, accepted: bool) -> None:
        """A relay command or a load limit reached a meter."""
        world = self.world
        if world.dead or not accepted or command not in ("trip", "close", "permit close", "limit"):
            return
        self.checks += 1
        number = world.account_of(house)
        account = self.books.account(number)
        world.note(lambda: f"meter of {number}: {command}")
        mind_changed = world.loop.now_ms - account.wish_ms < CHANGED_MIND_MS
        if command == "limit":
            lifeline.told(self, house, mind_changed)
        if command == "limit" or mind_changed:
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
        if lifeline.in_force(house):
            self.condemn(f"account {number} has paid, {available} are available, and after {LIGHT_MS // 1000} s it is limited")

    # promises on the wire

    def on_delivered(self, topic: str, payload: bytes) -> None:
        """The gateway may act by it before its PUBACK leaves. A word is as old as it is, however long the broker kept it."""
        if topic.endswith("/acks"):
            self.world.word_ms = max(self.world.word_ms, self.world.central.said_ms[payload])

    def on_time(self, local_ms: int) -> None:
        """The meters are told the time: once a day, far from every full hour. Books that were lost know of no day."""
        self.checks += 1
        day, second = divmod(local_ms // 1000, 86_400)
        if not HOUR_QUIET_S <= second % 3_600 <= 3_600 - HOUR_QUIET_S:
            self.condemn(f"the meters are told the time {second % 3_600} s behind a full hour")
        if day in self.days_told and not self.world.options.faults & {"old_backup", "central_clock"}:
            self.condemn(f"the meters are told the time twice on day {day}")
        self.days_told.add(day)
        self.world.note(f"the meters are told the time, {local_ms // 1000}")

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
        elif body[1] in (5, 6, 14, 15):
            pass  # their number is a version, the record of a document tells; who is carried perhaps not yet
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


_LOOKS = {
    kinds.DECISION: Judge._decided, kinds.CREDIT: Judge._has_more, kinds.CREDIT_LIMIT: Judge._has_more, kinds.CHARGE: Judge._charged,
    kinds.FAULT: Judge._fault, kinds.NOTICE: Judge._notice, kinds.MONTH: Judge._month, kinds.BRAKE: Judge._brake,
    kinds.RECOVERY: Judge._recovered, kinds.MOVED: Judge._moved_in, kinds.CARRIED: Judge._carried,
}  # fmt: skip


def _said(payload: bytes) -> Any:
    """The body of a COSE_Mac0; whether it is authentic is judged by those to whom it goes."""
    return cbor2.loads(cbor2.loads(payload).value[2])


def _told(record: Record) -> str:
    fields = {name: value.hex() if isinstance(value, bytes) else value for name, value in record.fields.items()}
    return f"{record.sequence} {record.name} at {record.at_s} q{record.quality} {fields}"


__all__ = ["Condemned", "Judge"]
