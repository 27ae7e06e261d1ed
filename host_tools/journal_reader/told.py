"""A record as the gateway's console tells it unasked (SPEC 7): numbers in the order of SPEC 2, bytes as hex, no chain."""

from typing import Any

from host_tools.journal_reader.kinds import KINDS, LONGER, Value
from host_tools.journal_reader.record import Record


def record_of(told: dict[str, Any]) -> Record:
    """A console record: fields in the order of SPEC 2, bytes as hex."""
    kind = KINDS.get(told["kind"])
    if kind is None:
        return Record(told["kind"], f"KIND_{told['kind']}", told["sequence"], told["at_s"], 0, {}, b"", b"", known=False)
    values = list(told["values"])
    if kind.number in LONGER and len(values) == len(LONGER[kind.number].fields) != len(kind.fields):
        kind = LONGER[kind.number]
    fields: dict[str, Value] = {}
    for name, code in kind.fields:
        if code == "5I" and values and not isinstance(values[0], list):
            fields[name] = [values.pop(0) for _ in range(5)]  # five registers stand one by one, or as a list
            continue
        value = values.pop(0)
        fields[name] = bytes.fromhex(value) if isinstance(value, str) else value
    return Record(kind.number, kind.name, told["sequence"], told["at_s"], 0, fields, b"", b"")
