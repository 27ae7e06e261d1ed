"""The independent judge of a gateway that is killed again and again: what it acknowledged against what its flash holds.

It knows the credits that were issued, the prices, and every acknowledgement in the order in which it left the gateway. It
reads region images with host_tools.journal_reader, which shares no code with the firmware, and keeps the whole history of
records, pruned ones too, as they were once seen: what a sequence says it must say for ever.

judge() after a kill proves: nothing acknowledged is lost, nothing is there twice, no sequence is used for other bytes, the
chain is one chain, only what a snapshot and the head-end cover is pruned, and money adds up in every record (Books).
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from host_tools.journal_reader import JournalImage, Record, kinds, parse_record
from tests.scenarios.uplink_tap import Heard
from tests.scenarios.witness_books import Books

FAULTS_MAX = 5


@dataclass
class Witness:
    """`faults` are sentences; one is enough to condemn the firmware."""

    books: Books
    faults: list[str] = field(default_factory=list)
    history: dict[int, Record] = field(default_factory=dict)
    judged: Counter[str] = field(default_factory=Counter)  # acknowledgements by what they were
    images: int = 0
    first_held: int = 1  # oldest sequence of the last image
    _told: dict[int, list[Any]] = field(default_factory=dict)  # on the console
    _sent: dict[int, bytes] = field(default_factory=dict)  # on the wire
    _readings: dict[int, Any] = field(default_factory=dict)
    _acked_credits: dict[tuple[int, int], int] = field(default_factory=dict)  # (account, issuer) -> highest number
    _acked_orders: dict[int, int] = field(default_factory=dict)  # account -> highest number
    _head_end: dict[int, bytes] = field(default_factory=dict)  # sequence -> chain, acknowledgements that the gateway took
    _promised: int = 0  # highest sequence that anybody was shown

    def fault(self, sentence: str) -> None:
        if len(self.faults) < FAULTS_MAX:
            self.faults.append(sentence)

    # what was seen

    def hear(self, events: Iterable[Heard]) -> None:
        """From the wire, in order."""
        for event in events:
            self.judged[event.what] += 1
            if event.what == "record":
                self._on_record(*event.body)
            elif event.what == "reading":
                number, values = event.body
                if self._readings.setdefault(number, values) != values:
                    self.fault(f"reading {number} was {self._readings[number]} and is {values}")
            elif event.what == "credit":
                key, number = (event.body[1], event.body[2]), event.body[3]
                self._acked_credits[key] = max(number, self._acked_credits.get(key, 0))
            elif event.what == "order" and event.body[2]:
                self._acked_orders[event.body[2]] = max(event.body[3], self._acked_orders.get(event.body[2], 0))
            elif event.what == "ack" and event.body[2]:
                self._head_end[event.body[2]] = event.body[3]
            elif event.what == "trouble":
                self.fault(event.body)

    def _on_record(self, sequence: int, raw: bytes) -> None:
        self._promised = max(self._promised, sequence)
        if self._sent.setdefault(sequence, raw) != raw:
            self.fault(f"sequence {sequence} was published with two contents")

    def hear_console(self, records: Iterable[dict[str, Any]]) -> None:
        """Records that the console showed as durable."""
        for record in records:
            self.judged["console"] += 1
            sequence = record["sequence"]
            values = [record["kind"], record["at_s"], record["values"]]
            self._promised = max(self._promised, sequence)
            if self._told.setdefault(sequence, values) != values:
                self.fault(f"sequence {sequence} was told with two contents")

    # what the flash holds

    def judge(self, image: JournalImage, life: int) -> None:
        """The flash after this life's end against all that was heard until then."""
        self.images += 1
        before = len(self.faults)
        self._whole(image)
        here = {record.sequence for record in image.records}
        self.first_held = next((one for one in range(max(here, default=0), 0, -1) if one - 1 not in here), 1)
        news = [record for record in [*self._pruned_meanwhile(), *image.records] if record.sequence not in self.history]
        for record in [*news, *image.records]:
            known = self.history.setdefault(record.sequence, record)
            if known.raw != record.raw:
                self.fault(f"sequence {record.sequence} was a {known.name} and is now another {record.name}")
        self._kept(image)
        for sentence in self.books.fold(news):
            self.fault(sentence)
        self._acknowledged()
        if len(self.faults) > before:
            self.faults[before:] = [f"life {life}: {sentence}" for sentence in self.faults[before:]]

    def _whole(self, image: JournalImage) -> None:
        if not image.needed_sound or image.unknown_kinds or image.epoch not in (None, 1):
            gaps, breaks = image.chain.gaps, image.chain.breaks
            self.fault(f"the journal is not one chain: epoch {image.epoch}, gaps {gaps}, breaks {breaks}, corrupt {image.corrupt}")
        for sequence, count in Counter(record.sequence for record in image.records).items():
            if count > 1:
                self.fault(f"sequence {sequence} stands {count} times")

    def _pruned_meanwhile(self) -> list[Record]:
        """A long life may prune what it wrote itself: then the wire alone has seen it, and _kept() asks whether it had the right."""
        gone = [sequence for sequence in self._sent if sequence < self.first_held and sequence not in self.history]
        return [parse_record(self._sent[sequence]) for sequence in sorted(gone)]

    def _kept(self, image: JournalImage) -> None:
        """All that was ever on flash or shown is there, but for what was pruned by right."""
        here = {record.sequence for record in image.records}
        last = max(here, default=0)
        highest = max(self._promised, max(self.history, default=0))
        if last < highest:
            self.fault(f"the journal ends at sequence {last}, and {highest} was there or was shown")
        needed = image.snapshot_sequence or 1
        missing = [sequence for sequence in range(needed, last + 1) if sequence not in here]
        if missing:
            self.fault(f"sequences {missing[:5]} are missing")
        acked = max((_acked_in(record) for record in image.records), default=0)
        if self.first_held > 1 and self.first_held - 1 > acked:
            self.fault(f"records up to {self.first_held - 1} are pruned, and the head-end is known to hold only {acked}")

    def _acknowledged(self) -> None:
        for sequence, raw in self._sent.items():
            found = self.history.get(sequence)
            if found is None or found.raw != raw:
                self.fault(f"sequence {sequence} was published and never stood on flash with those bytes")
        for sequence, values in self._told.items():
            found = self.history.get(sequence)
            if found is None or [found.kind, found.at_s, _as_told(found)] != values:
                self.fault(f"sequence {sequence} was told on the console and never stood on flash with those values")
        for key, number in self._acked_credits.items():
            if self.books.newest_credit.get(key, 0) < number:
                self.fault(f"credit {number} of issuer {key[1]} for account {key[0]} was acknowledged and is not booked")
        for account, number in self._acked_orders.items():
            if self.books.newest_order.get(account, 0) < number:
                self.fault(f"order {number} for account {account} was acknowledged and has no verdict")
        for sequence, chain in self._head_end.items():
            found = self.history.get(sequence)
            if found is None or found.chain != chain:
                self.fault(f"the head-end holds sequence {sequence}, which never stood on flash with that chain")
        for heard in (self._sent, self._told, self._head_end):
            heard.clear()  # proven; the history goes on watching their sequences

    def agrees_with(self, stored: Sequence[bytes]) -> None:
        """A head-end that took everything holds exactly the history."""
        ours = [self.history[sequence].raw for sequence in sorted(self.history)]
        if sorted(self.history) != list(range(1, len(ours) + 1)):
            self.fault("the history has gaps")
        if list(stored) != ours:
            self.fault(f"the head-end holds {len(stored)} records, the history has {len(ours)}, and they are not the same")


def _acked_in(record: Record) -> int:
    if record.kind == kinds.ACKED:
        return record.number("sequence")
    return record.number("acked_sequence") if record.kind == kinds.SNAPSHOT_BEGIN else 0


def _as_told(record: Record) -> list[Any]:
    """Values as the console shows them: flat, bytes in hex."""
    flat: list[Any] = []
    for value in record.fields.values():
        flat.extend(value if isinstance(value, list) else [value.hex() if isinstance(value, bytes) else value])
    return flat
