"""Asks the meters at the edges of bands, where the price of energy changes (part of the hall; design 4.7 and 6).

A register read there splits the energy exactly; what the bus cannot manage within the tariff's `late_read_s` is estimated by the
tariff's rule. Each second costs one comparison; who is to be asked is found out at an edge, and once an hour, since
tariffs change and clocks are set.
"""

from firmware.base import days
from firmware.base.port import const

LOOK_AGAIN_S = const(3_600)


class EdgeWatch:
    """`ask(meter)` brings the next reading of a meter forward."""

    def __init__(self, tariffs, slots, ask):
        self._tariffs = tariffs
        self._slots = slots
        self._ask = ask
        self._looked_s = 0
        self._next_s = 0

    def on_tick(self, now_s):
        """`now_s` = 0 while the time is not known: then nobody is asked for the sake of a price."""
        if not now_s or self._looked_s <= now_s < self._next_s:
            return
        before_s, self._looked_s, self._next_s = self._looked_s, now_s, now_s + LOOK_AGAIN_S
        passed = {}
        for slot in self._slots:
            if slot.tariff not in passed:
                passed[slot.tariff] = self._passed_edge(slot, before_s, now_s)
            if passed[slot.tariff]:
                self._ask(slot.index)

    def _passed_edge(self, slot, before_s, now_s):
        """True when the tariff of this slot had an edge since `before_s`; its next one is waited for."""
        tariff = self._tariffs.in_force(slot.tariff, days.day_number(now_s, slot.utc_offset_min))
        if tariff is None or tariff.bands is None:
            return False
        edge_s = tariff.bands.next_edge_s(now_s)
        if edge_s is not None:
            self._next_s = min(self._next_s, edge_s)
        edge_s = tariff.bands.next_edge_s(before_s) if before_s else None
        return edge_s is not None and edge_s <= now_s
