"""What the console shows of a gateway in safe mode, in the shapes of console_view.py: no accounts, no journal, only that and why."""

import gc

from firmware.base.faults import Refused
from firmware.base.port import const
from firmware.meter_bus import counters

MODE_SAFE = "safe"
ORDERS_SHOWN = const(20)


class SafeView:
    """`parts` are the mode's own: about (a map), desk, bus and sync (None where they could not be made), troubles."""

    PARTS = ("safe_mode", "link", "bus", "clock", "memory")

    def __init__(self, mode):
        self._mode = mode

    def boot(self):
        """Fields of the first line."""
        return dict(self._mode.about, epoch=0, sequence=0, sound=None, mode=MODE_SAFE, fault=self._mode.desk.stay.fault)

    def about(self):
        """What and who this gateway is."""
        mode = self._mode
        about = {"mode": MODE_SAFE, "gateway": mode.name, "troubles": len(mode.troubles), "meters": mode.meters, "brake": True}
        for name in ("board", "firmware", "boot_count", "in_a_row", "reset_cause"):
            about[name] = mode.about[name]
        return about

    def last_sequence(self):
        """The journal is not read."""
        return 0

    def records_after(self, sequence, max_bytes):
        """None are read."""
        return []

    def accounts(self):
        """None are known."""
        return []

    def count(self):
        """None are known."""
        return 0

    def held(self):
        """What belongs to the books is not answered."""
        raise Refused("safe_mode")

    def facts(self, account):
        """What belongs to the books is not answered."""
        raise Refused("safe_mode")

    def troubles(self):
        """Sentences about what is wrong."""
        desk = self._mode.desk
        why = "safe mode: " + str(self._mode.about["broken"]) + " lives in a row broke; the last by: " + desk.stay.fault
        return [why] + list(self._mode.troubles)

    def last_fault(self):
        """What ended an earlier life, whole."""
        return self._mode.last_fault()

    def now(self):
        """All parts."""
        return {name: self.part(name) for name in self.PARTS}

    def part(self, name):
        """One of PARTS."""
        return getattr(self, "_" + name)()

    def _safe_mode(self):
        desk = self._mode.desk
        stay = desk.stay
        told = {"fault": stay.fault, "broken": self._mode.about["broken"], "tries": stay.tries, "left_s": desk.left_s()}
        told["strange"] = desk.strange
        told["orders"] = [one.fields() for one in stay.kept[-ORDERS_SHOWN:]]
        return told

    def _link(self):
        sync = self._mode.sync
        if sync is None:
            return {"connected": False, "trouble": "there is no uplink"}
        return {"connected": sync.connected, "counters": sync.counters.as_map(), "trouble": sync.trouble}

    def _bus(self):
        bus = self._mode.bus
        if bus is None:
            return {"orders": 0}
        numbers = {"cycle_ms": 0, "orders": len(bus.lane)}
        for cause in range(len(counters.CAUSES)):
            numbers[counters.CAUSES[cause]] = bus.counters.total(cause)
        return numbers

    def _clock(self):
        return {"now_s": self._mode.now_s(), "quality": 0, "error_s": None}

    def _memory(self):
        alloc = gc.mem_alloc() if hasattr(gc, "mem_alloc") else None
        return {"heap": alloc, "free": gc.mem_free() if hasattr(gc, "mem_free") else None}
