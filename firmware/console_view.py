"""Gathers what the console shows, as plain numbers (part of the hall: it may look into every room)."""

import gc

from firmware import console_evidence
from firmware.base import ticks
from firmware.base.rare import Rare
from firmware.cutoff import conditions, decide
from firmware.cutoff import view as supply_view
from firmware.ledger import record
from firmware.meter_bus import counters

MODE_RUNNING = "running"
statement_of = Rare("firmware.gateway_statement", "statement")


class ConsoleView:
    """Looks at gateway, bus and uplink; changes nothing. `site` and `decisions` are main's."""

    PARTS = ("journal", "readings", "link", "bus", "clock", "memory")

    def __init__(self, gateway, bus, sync, boot, now_ms, site, decisions):
        self._gateway = gateway
        self._meter_bus = bus
        self._sync = sync
        self._boot = boot
        self._now_ms = now_ms
        self._site = site
        self._decisions = decisions

    def boot(self):
        """Fields of the first line."""
        ledger = self._gateway.ledger
        return dict(self._boot, epoch=ledger.epoch, sequence=ledger.sequence, sound=ledger.sound)

    def last_sequence(self):
        """Records up to here are old news."""
        return self._gateway.ledger.sequence

    def records_after(self, sequence, max_bytes):
        """Durable records behind `sequence`, decoded; bytes as hex."""
        if self._gateway.ledger.sequence <= sequence:
            return []
        found = self._gateway.ledger.outbox.journal_from(sequence + 1, max_bytes)
        if found is None:
            return []
        told = []
        for raw in found[3]:
            _, kind, number, at_s, _ = record.HEAD.unpack(raw, 0)
            if number > sequence:
                shown = [_shown(value) for value in record.values_of(raw, 0, len(raw)) or ()]
                told.append({"sequence": number, "kind": kind, "at_s": at_s, "values": shown})
        return told

    def accounts(self):
        """One row for each supply point, as the SPEC names them."""
        return [self._supply_row(slot) for slot in self._gateway.slots]

    def _supply_row(self, slot):
        facts, policy = self._gateway.supply.facts_of(slot)
        word = supply_view.word(supply_view.money_of(facts, policy), facts.wish, facts.seen, facts.fault)
        register = None if slot.reading is None else slot.reading.registers[0]
        row = [slot.account, slot.address, register, facts.balance_ucu, facts.available_ucu, self._age_s(slot.reading)]
        return row + [facts.wish, facts.seen, facts.fault, word]

    def _age_s(self, reading):
        now_s = self._gateway.clock_view.stamp()[0]
        return now_s - reading.at_s if reading is not None and reading.at_s and now_s else None

    def count(self):
        """How many supply points there are."""
        return len(self._gateway.slots)

    def index_of(self, account):
        """Which of them is this account's; -1 = none."""
        slot = self._gateway.slot_of(account)
        return -1 if slot is None else slot.index

    def account(self, index):
        """A row of accounts(), and what the account row says besides."""
        slot = self._gateway.slots[index]
        get = self._gateway.ledger.accounts.get
        accounts = self._gateway.ledger.accounts
        more = [get(slot.row, name) for name in _MORE] + [accounts.debt_ucu(slot.account), accounts.credit_limits.get(slot.account, 0)]
        return self._supply_row(slot) + [get(slot.row, "flags") | slot.flags, slot.held] + more

    def visit(self, index):
        """One who is to be visited, or was in this episode; None for everybody else."""
        slot = self._gateway.slots[index]
        get = self._gateway.ledger.accounts.get
        flags = get(slot.row, "flags") | slot.flags
        ordered = flags & conditions.FLAG_VISIT_ORDERED
        if not ordered and not (flags & conditions.FLAG_CARE and get(slot.row, "episode_open")):
            return None
        facts, policy = self._gateway.supply.facts_of(slot)
        row = [slot.account, slot.address, facts.available_ucu, facts.days_left, 0 if policy is None else policy.care_lead_days]
        return row + [facts.visit_ordered, facts.visited, get(slot.row, "episode"), facts.notice_level, facts.wish]

    def brake(self):
        """What closed the brake: [closed, what, id, version], what 0 = accounts due at once."""
        supply = self._gateway.supply
        return [supply.brake.closed] + list(supply.causes.closed_by or (0, 0, 0))

    def held_cut(self, index):
        """One whose cut the brake holds, with what else holds it; None for everybody else."""
        slot = self._gateway.slots[index]
        facts, policy = self._gateway.supply.facts_of(slot)
        if not facts.brake_closed or facts.wish or not (facts.ordered or decide.is_due(facts, policy)):
            return None
        failed = decide.failed_conditions(facts, policy)
        return [slot.account, slot.address, facts.available_ucu, decide.floor_ucu(facts, policy) if policy else None, facts.ordered, failed]

    def meter(self, index):
        """One meter as the bus and its last answers have it."""
        slot = self._gateway.slots[index]
        heard = slot.last_heard
        row = [index, slot.address, slot.account, slot.model.name, slot.model.baud, slot.silent_turns, slot.read_refused]
        row += [self._meter_bus.counters.of(index, cause) for cause in range(len(counters.CAUSES))]
        row += [None if heard is None else heard.registers[0], self._age_s(heard), None if heard is None else heard.power_w]
        return row + [slot.held, slot.enforceable, self._gateway.clock_view.meter_error_s(index), slot.ratio]

    def about(self):
        """What and who this gateway is."""
        ledger = self._gateway.ledger
        boot = self._boot
        about = {"mode": MODE_RUNNING, "gateway": self._site.settings.gateway, "board": boot["board"], "firmware": boot["firmware"]}
        about.update({"boot_count": boot["boot_count"], "in_a_row": boot["in_a_row"], "meters": self.count()})
        about["reset_cause"] = boot["reset_cause"]
        about.update({"accounts": ledger.accounts.count, "accounts_max": ledger.accounts.capacity})
        about.update({"troubles": len(self.troubles()), "brake": self._gateway.supply.brake.closed})
        return about

    def troubles(self):
        """Sentences and words about what is wrong here and does not go away by itself."""
        found = list(self._site.troubles)
        found += ["journal: " + word for word in self._gateway.ledger.troubles]
        if getattr(self._site.line, "parity_refused", False):
            found.append("line: the serial device takes no parity")
        return found

    def last_fault(self):
        """What ended an earlier life, "" when nothing did."""
        return self._site.last_fault()

    def facts(self, account):
        """What a decision would be taken from now, in parts; None for an account that is not here."""
        slot = self._gateway.slot_of(account)
        return None if slot is None else console_evidence.facts_in_parts(self._gateway.supply, slot)

    def statement(self, account, count):
        """Rows of its last days, one by one; None for an account that is not in the books."""
        offset_min = self._gateway.slots.utc_offset_min
        return statement_of(self._gateway.ledger, account, self._gateway.clock_view.stamp()[0], offset_min, count)

    def last_decision(self, account):
        """Sequence of its record, 0 = none is held."""
        sequence = self._decisions.last(account)
        return sequence if sequence >= self._gateway.ledger.journal.first_sequence else 0

    def follows(self, raw, account):
        """True when this record tells what came of a decision for `account`."""
        return console_evidence.follows(raw, account)

    def held(self):
        """(oldest sequence, last durable one)."""
        ledger = self._gateway.ledger
        return ledger.journal.first_sequence, ledger.sequence

    def piece(self, sequence, max_bytes):
        """(epoch, first sequence, chain before it, [record bytes]), None when nothing durable is there."""
        return self._gateway.ledger.outbox.journal_from(sequence, max_bytes)

    def now(self):
        """Bus, link, journal, readings, clock, heap."""
        shown = {name: self.part(name) for name in ("bus", "link", "journal", "readings", "clock")}
        shown["heap"] = _heap()
        return shown

    def part(self, name):
        """One of PARTS, or of now()."""
        return getattr(self, "_" + name)()

    def _journal(self):
        ledger = self._gateway.ledger
        acked = ledger.outbox.positions()[0]
        journal = {"epoch": ledger.epoch, "sequence": ledger.sequence, "acked": acked, "sound": ledger.sound}
        journal["free_blocks"] = ledger.journal.free_blocks
        journal["mended"] = ledger.journal.mended
        return journal

    def _readings(self):
        _, _, acked, last = self._gateway.ledger.outbox.positions()
        return {"last": last, "acked": acked, "dropped": self._gateway.ledger.readings.dropped}

    def _clock(self):
        now_s, quality, error_s, _ = self._gateway.clock_view.state()
        return {"now_s": now_s, "quality": quality, "error_s": error_s}

    def _memory(self):
        return {"heap": _heap(), "free": gc.mem_free() if hasattr(gc, "mem_free") else None}

    def _bus(self):
        bus = self._meter_bus
        numbers = {"cycle_ms": bus.cycle_ms, "orders": len(bus.lane)}
        for cause in range(len(counters.CAUSES)):
            numbers[counters.CAUSES[cause]] = bus.counters.total(cause)
        return numbers

    def _link(self):
        sync = self._sync
        link = {"connected": sync.connected, "gate_open": sync.gate_open, "standing": self._gateway.head_end.standing}
        link["counters"] = sync.counters.as_map()
        link["trouble"] = sync.trouble
        link["ack_age_ms"] = None if sync.last_ack_ms is None else ticks.diff(self._now_ms(), sync.last_ack_ms)
        return link


_MORE = ("episode_open", "notice_level", "notice_at_s", "wish_reason", "wish_at_s", "total_charged_ucu", "charged_at_s")


def _shown(value):
    if isinstance(value, (bytes, bytearray)):
        return "".join(["%02x" % byte for byte in value])
    return value


def _heap():
    """Bytes allocated, or None where the interpreter cannot tell."""
    return gc.mem_alloc() if hasattr(gc, "mem_alloc") else None
