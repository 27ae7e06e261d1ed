"""Energy of one meter at an account, and where its registers start again (SPEC, `_cwh`).

The model of the meter says where: `rollover_kwh` of its file, else 800,000 kWh for combined energy, else 1,000,000 kWh. The
account keeps it. For a meter whose model is not known here it is inferred, from a charge that wraps and whose amount leaves
no other choice, before anything of the segment is judged by it.

Trap avoided: energy is written off as it stands in the record, signed, and reduced only when the segment is added up; a value
reduced by one rollover and added up by another would be a difference that nobody made.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from host_tools.head_end.documents import read_json
from host_tools.head_end.errors import BadInput
from host_tools.journal_reader import Record, kinds, parse_row
from host_tools.journal_reader.words import address, energy

ROLLOVER = 100_000_000  # 999999.99 kWh, then 0
COMBINED = 80_000_000
INFERRED = (ROLLOVER, COMBINED, 10_000_000, 1_000_000)  # the last two: registers of five and four whole digits
ROLLOVER_KWH_MIN, ROLLOVER_KWH_MAX = 10_000, 1_000_000
MODELS = Path(__file__).resolve().parents[2] / "firmware" / "meters" / "models"
FIXED_FEE = 6


@dataclass
class Segment:
    """Per register: start, charged, written off, where charging stands."""

    serial: bytes
    since_s: int
    start: dict[int, int]
    rollover: int = ROLLOVER
    ratio: int = 1  # energy is what a register passed times this
    until_s: int | None = None  # readings from then on are of another meter; None = it is the last one
    charged: dict[int, int] = field(default_factory=dict)
    written_off: dict[int, int] = field(default_factory=dict)
    reached: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.reached = dict(self.start)

    def passed(self, start: int, end: int) -> int:
        return (end - start) % self.rollover

    def off(self, start: int, end: int) -> int:
        """The way between two registers, negative where it goes back."""
        passed = self.passed(start, end)
        return passed - self.rollover if passed >= self.rollover // 2 else passed

    def as_json(self) -> dict[str, object]:
        """Energy of each register that is charged, with the ratio: from, to, charged, written off; nothing uncharged."""
        registers: dict[str, object] = {}
        for rate, start in self.start.items():
            charged = self.charged.get(rate, 0) * self.ratio
            written_off = self.off(0, self.written_off.get(rate, 0) % self.rollover) * self.ratio
            told = {"from_cwh": start, "to_cwh": self.reached[rate], "charged_cwh": charged}
            registers[str(rate)] = told | {"written_off_cwh": written_off, "uncharged_cwh": 0}
        return {"meter": address(self.serial), "since_s": self.since_s, "ratio": self.ratio, "registers": registers}

    def goes_back(self, before: int, after: int) -> bool:
        return self.passed(before, after) >= self.rollover // 2

    def beyond(self, registers: Iterable[int]) -> list[str]:
        """Registers that a meter with this rollover never shows."""
        return [
            f"register stands at {energy(value)}, its meter starts again at {energy(self.rollover)}"
            for value in dict.fromkeys(registers)
            if value >= self.rollover
        ]

    def wrong_step(self, charge: Record) -> str | None:
        """What is wrong with a charge that wraps or goes back; None when it does neither, or wraps where its meter does."""
        start, end = charge.number("from_cwh"), charge.number("to_cwh")
        step = f"from {energy(start)} to {energy(end)}"
        wraps = f"register {charge.number('rate')} wraps {step}"
        misfit = end < start and not fits(charge, self.rollover, self.ratio)
        others = [rollover for rollover in INFERRED if fits(charge, rollover, self.ratio)] if misfit else []
        if others:
            return f"{wraps} at {energy(others[0])}, its meter starts again at {energy(self.rollover)}"
        if self.goes_back(start, end):
            return f"register {charge.number('rate')} goes backwards {step}"
        return f"{wraps}, no rollover fits the amount" if misfit else None

    def unbalanced(self) -> list[str]:
        """Where charging stands = start + charged + written off (modulo rollover)."""
        found = []
        for rate, start in self.start.items():
            moved = self.passed(start, self.reached[rate])
            accounted = (self.charged.get(rate, 0) + self.written_off.get(rate, 0)) % self.rollover
            if moved != accounted:
                found.append(f"register {rate}: moved by {energy(moved)}, charged and written off are {energy(accounted)}")
        return found


def ratio_behind(record: Record, before: int) -> int:
    """The ratio of the account's segment after this record of the account, `before` it was another or the same."""
    if record.kind == kinds.SEGMENT:
        return record.number("ratio") if "ratio" in record.fields else 1
    return parse_row(record.octets("row")).ratio if record.kind in (kinds.SNAPSHOT_ROW, kinds.CARRIED) else before


def ended_s(records: Iterable[Record], serial: bytes, behind: int) -> int | None:
    """When the account's meter became another one, or another account's, by its records behind that sequence."""
    for record in records:
        other = record.kind == kinds.MOVED or record.kind == kinds.SEGMENT and record.octets("serial") != serial
        if other and record.sequence > behind:
            return record.at_s
    return None


def fits(charge: Record, rollover: int, ratio: int) -> bool:
    """True when the amount of this charge is that of a register that starts again at `rollover`."""
    start, end = charge.number("from_cwh"), charge.number("to_cwh")
    span = (end - start) % rollover
    return max(start, end) < rollover and span < rollover // 2 and span * ratio * charge.number("price") == charge.number("amount_ucu")


def infer(serial: bytes, ratio: int, records: Iterable[Record]) -> tuple[int, str | None]:
    """(rollover, how it was found) from the records of one segment; the widest, and None, when no charge wraps."""
    unclear: str | None = None
    for record in records:
        if record.kind == kinds.SEGMENT:
            break
        if record.kind != kinds.CHARGE or record.octets("serial") != serial or record.number("cause") == FIXED_FEE:
            continue
        if record.number("to_cwh") >= record.number("from_cwh"):
            continue
        which = [rollover for rollover in INFERRED if fits(record, rollover, ratio)]
        if not which:
            continue
        said = f"sequence {record.sequence}: the model of the meter is not known here, its register wraps"
        if len(which) == 1:
            return which[0], f"{said}: inferred is that it starts again at {energy(which[0])}"
        unclear = unclear or f"{said} and the amount does not say where: {energy(ROLLOVER)} is taken"
    return ROLLOVER, unclear


def rollover_of_model(folder: Path, name: str) -> int | None:
    """What the file of this model says, in kWh; None when there is no such file."""
    path = folder / f"{name}.json"
    if not name or "/" in name or not path.is_file():
        return None
    document: Any = read_json(str(path))
    if not isinstance(document, dict):
        raise BadInput("models", f"{path} must be a JSON object with named fields")
    widest_kwh = (COMBINED if document.get("billing_register") == "combined" else ROLLOVER) // 100
    value = document.get("rollover_kwh", widest_kwh)
    if type(value) is not int or not ROLLOVER_KWH_MIN <= value <= widest_kwh:
        raise BadInput("models", f"rollover_kwh of {path} must be from {ROLLOVER_KWH_MIN} to {widest_kwh}, got {value!r}")
    return value
