"""The tariff versions that a gateway holds, bounded and immutable (DESIGN: tariff; design clause 4.10).

In force on a day is, of one tariff, the version with the latest effective day not after it; of two with the same
effective day the higher version. A future version waits in the book. A late one applies from the first unsettled day,
simply because settled days are not asked for again.

Trap avoided: a version is never replaced; the same number with other content is a conflict and changes nothing.
"""

from firmware.base.faults import require
from firmware.base.port import const

CREATED = const(1)
EXISTS = const(2)
CONFLICT = const(3)
FULL = const(4)


class TariffBook:
    """TariffBook(capacity): at most `capacity` versions, of all tariffs together."""

    def __init__(self, capacity):
        require(capacity > 0, "tariff book without room")
        self._capacity = capacity
        self._versions = []

    def __len__(self):
        return len(self._versions)

    def verdict(self, tariff):
        """What `add` would answer; changes nothing."""
        known = self.get(tariff.tariff, tariff.version)
        if known is not None:
            return EXISTS if known.same_as(tariff) else CONFLICT
        if len(self._versions) >= self._capacity:
            return FULL
        return CREATED

    def add(self, tariff):
        """CREATED, EXISTS (same content), CONFLICT (same number, other content) or FULL; only CREATED changes the book."""
        verdict = self.verdict(tariff)
        if verdict == CREATED:
            self._versions.append(tariff)
        return verdict

    def get(self, tariff_id, version):
        """That version, or None."""
        for held in self._versions:
            if held.tariff == tariff_id and held.version == version:
                return held
        return None

    def in_force(self, tariff_id, local_day):
        """The version valid on `local_day`, or None: then energy stays unpriced and nothing is cut."""
        best = None
        for held in self._versions:
            if held.tariff != tariff_id or held.effective_day > local_day:
                continue
            if best is None or _key(held) > _key(best):
                best = held
        return best

    def prune(self, first_unsettled_day):
        """Drop versions that no day from `first_unsettled_day` on can need -> [(tariff id, version)] dropped."""
        kept = []
        dropped = []
        for held in self._versions:
            ruling = self.in_force(held.tariff, first_unsettled_day)
            if ruling is None or _key(held) >= _key(ruling):
                kept.append(held)
            else:
                dropped.append((held.tariff, held.version))
        self._versions = kept
        return dropped


def _key(tariff):
    return (tariff.effective_day, tariff.version)
