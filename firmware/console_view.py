"""Gathers what the console shows, as plain numbers (part of the hall: it may look into every room)."""

import gc

from firmware.base import ticks
from firmware.cutoff import view as supply_view
from firmware.ledger import record
from firmware.meter_bus import counters


class ConsoleView:
    """Looks at gateway, bus and uplink; changes nothing."""

    def __init__(self, gateway, bus, sync, boot, now_ms):
        self._gateway = gateway
        self._bus = bus
        self._sync = sync
        self._boot = boot
        self._now_ms = now_ms

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
        rows = []
        now_s = self._gateway.clock_view.stamp()[0]
        for slot in self._gateway.slots:
            facts, policy = self._gateway.supply.facts_of(slot)
            word = supply_view.word(supply_view.money_of(facts, policy), facts.wish, facts.seen, facts.fault)
            reading = slot.reading
            register = None if reading is None else reading.registers[0]
            age_s = now_s - reading.at_s if reading is not None and reading.at_s and now_s else None
            row = [slot.account, slot.address, register, facts.balance_ucu, facts.available_ucu, age_s]
            rows.append(row + [facts.wish, facts.seen, facts.fault, word])
        return rows

    def now(self):
        """Bus, link, journal, readings, clock, heap."""
        ledger = self._gateway.ledger
        positions = ledger.outbox.positions()
        now_s, quality, error_s, _ = self._gateway.clock_view.state()
        journal = {"epoch": ledger.epoch, "sequence": ledger.sequence, "acked": positions[0], "sound": ledger.sound}
        journal["free_blocks"] = ledger.journal.free_blocks
        journal["mended"] = ledger.journal.mended
        return {
            "bus": self._bus_numbers(),
            "link": self._link(),
            "journal": journal,
            "readings": {"last": positions[3], "acked": positions[2], "dropped": ledger.readings.dropped},
            "clock": {"now_s": now_s, "quality": quality, "error_s": error_s},
            "heap": _heap(),
        }

    def _bus_numbers(self):
        bus = self._bus
        numbers = {"cycle_ms": bus.cycle_ms, "orders": len(bus.lane)}
        for cause in range(len(counters.CAUSES)):
            numbers[counters.CAUSES[cause]] = bus.counters.total(cause)
        return numbers

    def _link(self):
        sync = self._sync
        link = {"connected": sync.connected, "gate_open": sync.gate_open, "standing": self._gateway.head_end.standing}
        link["counters"] = sync.counters.as_map()
        link["ack_age_ms"] = None if sync.last_ack_ms is None else ticks.diff(self._now_ms(), sync.last_ack_ms)
        return link


def _shown(value):
    if isinstance(value, (bytes, bytearray)):
        return "".join(["%02x" % byte for byte in value])
    return value


def _heap():
    """Bytes allocated, or None where the interpreter cannot tell."""
    return gc.mem_alloc() if hasattr(gc, "mem_alloc") else None
