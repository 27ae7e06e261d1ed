"""Kinds of journal records and their fields, transcribed from SPEC section 2 (names, order, sizes).

A field's code is one of struct's letters; `r` is an account row of section 4, `R` one with its position, `RR` one
with its ratio too, `RRR` one with its credit limit too, `5I` a list of five registers. Some kinds have longer forms, told by their length.
"""

import struct
from dataclasses import dataclass

from host_tools.journal_reader.account_row import BONDED_ROW_SIZE, LONGER_ROW_SIZE, LONGEST_ROW_SIZE, ROW_SIZE

EPOCH, BOOT, SNAPSHOT_BEGIN, SNAPSHOT_ROW, SNAPSHOT_END, SEGMENT = 1, 2, 3, 4, 5, 6
CREDIT, CREDIT_REFUSED, CHARGE, HELD, EPISODE, NOTICE, DECISION = 7, 8, 9, 10, 11, 12, 13
RELAY, SEEN, ORDER, DOCUMENT, FLAGS, BRAKE, CLOCK = 14, 15, 16, 17, 18, 19, 20
READINGS_GAP, EVENT, ACKED, FAULT = 21, 22, 23, 24
EXEMPT, VISIT, LEVEL, MONTH, EMERGENCY, REASON = 25, 26, 27, 28, 29, 30
SUSPECT, THROUGH, MOVED, DEBT, RECOVERY, CARRIED, CREDIT_LIMIT, LIMIT = 31, 32, 33, 34, 35, 36, 37, 38

Value = int | bytes | list[int]


@dataclass(frozen=True)
class Kind:
    """Name and fields of one kind; `size` is the length of the fields in bytes."""

    number: int
    name: str
    fields: tuple[tuple[str, str], ...]
    code: str
    size: int

    def unpack(self, data: bytes) -> dict[str, Value]:
        flat = list(struct.unpack(self.code, data))
        values: dict[str, Value] = {}
        for name, code in self.fields:
            if code == "5I":
                values[name] = [flat.pop(0) for _ in range(5)]
            else:
                values[name] = flat.pop(0)
        return values

    def pack(self, values: dict[str, Value]) -> bytes:
        """Bytes of the fields; struct.error on a value out of range, KeyError on a missing one."""
        flat: list[int | bytes] = []
        for name, _ in self.fields:
            value = values[name]
            if isinstance(value, list):
                flat.extend(value)
            else:
                flat.append(value)
        return struct.pack(self.code, *flat)


_ROWS = {"r": f"{ROW_SIZE}s", "R": f"{LONGER_ROW_SIZE}s", "RR": f"{BONDED_ROW_SIZE}s", "RRR": f"{LONGEST_ROW_SIZE}s"}


def _kind(number: int, name: str, text: str) -> Kind:
    fields = []
    for part in text.split():
        field, code = part.split(":")
        fields.append((field, _ROWS.get(code, code)))
    code = "<" + "".join(code for _, code in fields)
    return Kind(number, name, tuple(fields), code, struct.calcsize(code))


_CHARGE = (
    "account:I serial:6s rate:B from_cwh:I to_cwh:I reading_at_s:I tariff:I version:I price:I amount_ucu:q"
    " total_charged_ucu:q cause:B marks:B"
)
_CARRIED = "account:I what:B order:I until_s:I owed_ucu:q share:B most_ucu:q"
_SEGMENT = "account:I serial:6s rates:B from_cwh:5I"
KINDS: dict[int, Kind] = {
    kind.number: kind
    for kind in (
        _kind(EPOCH, "EPOCH", "epoch:I reason:B boot_count:I firmware:I"),
        _kind(BOOT, "BOOT", "boot_count:I reset_cause:B firmware:I"),
        _kind(SNAPSHOT_BEGIN, "SNAPSHOT_BEGIN", "rows:H acked_epoch:I acked_sequence:I acked_readings:I brake:B"),
        _kind(SNAPSHOT_ROW, "SNAPSHOT_ROW", "row:r"),
        _kind(SNAPSHOT_END, "SNAPSHOT_END", "rows:H rows_crc:I"),
        _kind(SEGMENT, "SEGMENT", _SEGMENT),
        _kind(CREDIT, "CREDIT", "account:I issuer:H number:I amount_ucu:q total_ucu:q"),
        _kind(CREDIT_REFUSED, "CREDIT_REFUSED", "account:I issuer:H number:I amount_ucu:q total_ucu:q reason:B"),
        _kind(CHARGE, "CHARGE", _CHARGE),
        _kind(HELD, "HELD", "account:I serial:6s why:B rate:B register_cwh:I last_cwh:I"),
        _kind(EPISODE, "EPISODE", "account:I episode:H open:B available_ucu:q"),
        _kind(NOTICE, "NOTICE", "account:I episode:H level:B channel:B outcome:B available_ucu:q restore_ucu:q"),
        _kind(
            DECISION,
            "DECISION",
            "account:I verdict:B reason:B failed:I available_ucu:q floor_ucu:q register_cwh:I reading_at_s:I policy:I"
            " policy_version:I tariff:I tariff_version:I order:I episode:H notice_at_s:I",
        ),
        _kind(RELAY, "RELAY", "account:I serial:6s action:B phase:B word:H detail:B"),
        _kind(SEEN, "SEEN", "account:I seen:B status_word:H"),
        _kind(ORDER, "ORDER", "account:I number:I order:B verdict:B reason:B failed:I credit_number:I expires_at_s:I"),
        _kind(DOCUMENT, "DOCUMENT", "what:B id:I version:I digest:8s"),
        _kind(FLAGS, "FLAGS", "account:I flags:H order:I"),
        _kind(BRAKE, "BRAKE", "closed:B due:H accounts:H order:I"),
        _kind(CLOCK, "CLOCK", "before_s:I after_s:I source:B"),
        _kind(READINGS_GAP, "READINGS_GAP", "first:I last:I"),
        _kind(EVENT, "EVENT", "code:H account:I value:q"),
        _kind(ACKED, "ACKED", "epoch:I sequence:I chain:8s countersign:8s readings:I"),
        _kind(FAULT, "FAULT", "account:I fault:B value:I"),
        _kind(EXEMPT, "EXEMPT", "account:I until_s:I order:I"),
        _kind(VISIT, "VISIT", "account:I episode:H what:B days_left:H lead_days:H available_ucu:q visited_at_s:I order:I"),
        _kind(LEVEL, "LEVEL", "account:I episode:H level:B available_ucu:q"),
        _kind(EMERGENCY, "EMERGENCY", "account:I episode:H what:B amount_ucu:q available_ucu:q"),
        _kind(REASON, "REASON", "account:I number:I order:B what:B text:64s"),
        _kind(SUSPECT, "SUSPECT", "what:B id:I version:I state:B share:H floor_ucu:q restore_ucu:q emergency_ucu:q due:H"),
        _kind(THROUGH, "THROUGH", "account:I what:B id:I version:I relief_ucu:q available_ucu:q counted:B"),
        _kind(MOVED, "MOVED", "account:I to_account:I serial:6s order:I"),
        _kind(DEBT, "DEBT", "account:I owed_ucu:q share:B most_ucu:q order:I"),
        _kind(
            RECOVERY,
            "RECOVERY",
            "account:I move:I issuer:H number:I amount_ucu:q moved_ucu:q left_ucu:q available_ucu:q restore_ucu:q",
        ),
        _kind(CARRIED, "CARRIED", _CARRIED + " row:RR"),
        _kind(CREDIT_LIMIT, "CREDIT_LIMIT", "account:I limit_ucu:q before_ucu:q order:I"),
        _kind(LIMIT, "LIMIT", "account:I what:B limit_w:I found_w:I"),
        _kind(MONTH, "MONTH", "account:I serial:6s rates:B settled_at_s:I from_cwh:5I"),
    )
}
LONGER: dict[int, Kind] = {
    kind.number: kind
    for kind in (
        _kind(CHARGE, "CHARGE", _CHARGE + " day:H month_day:H period_day:H used_cwh:I band:B step:B"),
        _kind(SNAPSHOT_ROW, "SNAPSHOT_ROW", "row:R"),
        _kind(SEGMENT, "SEGMENT", _SEGMENT + " ratio:H since_s:I"),
        _kind(CARRIED, "CARRIED", _CARRIED + " row:RRR"),
    )
}
BONDED: dict[int, Kind] = {SNAPSHOT_ROW: _kind(SNAPSHOT_ROW, "SNAPSHOT_ROW", "row:RR")}
LONGEST: dict[int, Kind] = {SNAPSHOT_ROW: _kind(SNAPSHOT_ROW, "SNAPSHOT_ROW", "row:RRR")}
FORMS = (KINDS, LONGER, BONDED, LONGEST)
BY_NAME: dict[str, Kind] = {kind.name: kind for kind in KINDS.values()}


def of_values(name: str, values: dict[str, Value]) -> Kind:
    """The form of a kind in which these values are written."""
    kind = BY_NAME[name]
    row = values.get("row")
    if isinstance(row, bytes) and kind.number == SNAPSHOT_ROW:
        return of_size(SNAPSHOT_ROW, len(row)) or kind
    if isinstance(row, bytes) and kind.number == CARRIED:
        return LONGER[CARRIED] if len(row) > BONDED_ROW_SIZE else kind
    longer = {CHARGE: "day", SEGMENT: "ratio"}.get(kind.number)
    return LONGER[kind.number] if longer is not None and longer in values else kind


def of_size(number: int, size: int) -> Kind | None:
    """The form of a known kind that has so many bytes of fields; None when it has none."""
    for forms in FORMS:
        if number in forms and forms[number].size == size:
            return forms[number]
    return None
