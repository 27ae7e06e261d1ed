"""What a customer used, as a CSV file: one reading a line, its first line names the columns.

    time,register              local time of the tariff, the meter's total register in kWh
    time,rate1,rate2           the same of a meter with rate registers
    time,kwh                   what was used since the line before; the first line only says when it begins, with 0

Time is 2026-07-01 08:00 or 2026-07-01T08:00:00. Whatever is wrong is said with the number of its line.
"""

import csv
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from host_tools.head_end.amounts import parse_decimal
from host_tools.head_end.errors import BadInput

ROWS_MAX = 200_000
REGISTER_MAX_CWH = 100_000_000
COLUMNS = ("register", "kwh", "rate1", "rate2", "rate3", "rate4")


@dataclass(frozen=True)
class Reading:
    """Registers [total, rate 1 ... 4] in cwh at an instant; `line` of the file."""

    line: int
    at: datetime
    registers: tuple[int, int, int, int, int]


def read_usage(path: Path, zone: timezone) -> tuple[list[Reading], int]:
    """(readings, rates): rates 0 = the total register. BadInput names the line."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _read(file, zone)
    except (OSError, UnicodeDecodeError, csv.Error) as fault:
        raise BadInput("usage", f"{path} cannot be read: {fault}") from fault


def _read(file: object, zone: timezone) -> tuple[list[Reading], int]:
    rows = csv.reader(file, strict=True)  # type: ignore[call-overload]
    names = [name.strip().lower() for name in next(rows, [])]
    _check_names(names)
    rates = len(names) - 1 if "rate1" in names else 0
    readings: list[Reading] = []
    for row in rows:
        line = rows.line_num
        if not any(text.strip() for text in row):
            continue
        if len(row) != len(names):
            raise _wrong(line, f"has {len(row)} values, the first line names {len(names)}")
        if len(readings) >= ROWS_MAX:
            raise _wrong(line, f"is more than {ROWS_MAX} readings")
        readings.append(_reading(line, dict(zip(names, row, strict=True)), zone, readings[-1] if readings else None))
    if len(readings) < 2:
        raise BadInput("usage", f"needs two readings at least, got {len(readings)}")
    return readings, rates


def _check_names(names: list[str]) -> None:
    kinds = set(names) - {"time"}
    rates = {f"rate{number}" for number in range(1, len(kinds) + 1)}
    if "time" not in names or len(set(names)) != len(names) or kinds not in ({"register"}, {"kwh"}, rates):
        raise _wrong(1, f"must name the columns time and register, kwh, or rate1 and so on, got {', '.join(names) or 'nothing'}")


def _reading(line: int, row: dict[str, str], zone: timezone, before: Reading | None) -> Reading:
    at = _time(line, row["time"].strip(), zone)
    if before is not None and at <= before.at:
        raise _wrong(line, f"time {row['time']} is not later than the line before")
    values = {name: _kwh(line, name, text.strip()) for name, text in row.items() if name != "time"}
    registers = [0] * 5
    if "kwh" in values:
        if before is None and values["kwh"]:
            raise _wrong(line, "kwh of the first line must be 0: it only says when the usage begins")
        registers[0] = values["kwh"] + (before.registers[0] if before is not None else 0)
    else:
        for name, value in values.items():
            registers[0 if name == "register" else int(name[4:])] = value
            place = 0 if name == "register" else int(name[4:])
            if before is not None and value < before.registers[place]:
                raise _wrong(line, f"{name} goes back from {before.registers[place] / 100:.2f} to {value / 100:.2f}")
    if max(registers) >= REGISTER_MAX_CWH:
        raise _wrong(line, "comes to a register of a million kWh or more")
    return Reading(line, at, (registers[0], registers[1], registers[2], registers[3], registers[4]))


def _time(line: int, text: str, zone: timezone) -> datetime:
    for form in ("%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"):
        try:
            at = datetime.strptime(text, form).replace(tzinfo=zone)
        except ValueError:
            continue
        if 2000 <= at.year <= 2099:
            return at
    raise _wrong(line, f"time must be such as 2026-07-01 08:00, got {text!r}")


def _kwh(line: int, name: str, text: str) -> int:
    try:
        value = parse_decimal(text, 2, name)
    except BadInput as fault:
        raise _wrong(line, str(fault)) from fault
    if value < 0:
        raise _wrong(line, f"{name}: must not be negative, got {text}")
    return value


def _wrong(line: int, sentence: str) -> BadInput:
    return BadInput("usage", f"line {line}: {sentence}")
