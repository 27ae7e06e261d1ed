"""More deliberate bugs: of rich tariffs, months, exchanged meters, media that fail, and of a gateway that never cuts."""

from __future__ import annotations

from typing import Any

from firmware.cutoff import conditions, decide
from firmware.gateway_billing import Billing
from firmware.gateway_charges import RichCharges
from firmware.ledger import record_kinds as kinds
from firmware.ledger.ledger_store import Ledger
from firmware.ledger.positions import Positions
from firmware.ledger.readings_store import Readings
from firmware.tariff.bands import Bands
from tests.sim.patching import Swap, mutant


@mutant("what was used in the step period is forgotten")
def step_position_forgotten(swap: Swap) -> None:
    plain = Positions.get

    def get(positions: Any, row: int) -> Any:
        day, month_day, period_day, _, month_ucu = plain(positions, row)
        return (day, month_day, period_day, 0, month_ucu)

    swap(Positions, "get", get)


@mutant("the band at the beginning of a span has all of its energy, and that is called exact")
def band_edge_ignored(swap: Swap) -> None:
    plain = Bands.shares
    swap(Bands, "shares", lambda bands, from_s, to_s: [(plain(bands, from_s, to_s)[0][0], to_s - from_s)])


@mutant("the fee of a day is charged with the day and behind it")
def fee_of_a_day_twice(swap: Swap) -> None:
    plain = RichCharges._close_day

    def close_day(charges: Any, *args: Any) -> Any:
        return plain(charges, *args) and plain(charges, *args)

    swap(RichCharges, "_close_day", close_day)


@mutant("no fee is charged for a day that passed while the board was off")
def fee_of_a_day_left_out(swap: Swap) -> None:
    swap(RichCharges, "close_days", lambda charges, slot, serial, until_s: 0)


@mutant("a month is told for the day before its closing")
def month_of_another_day(swap: Swap) -> None:
    plain = Ledger.record

    def record(ledger: Any, kind: int, values: Any, klass: Any = None) -> Any:
        values = (*values[:3], values[3] - 86_400, *values[4:]) if kind == kinds.MONTH else values
        return plain(ledger, kind, values, klass)

    swap(Ledger, "record", record)


@mutant("a new meter is charged from zero on")
def segment_from_zero(swap: Swap) -> None:
    plain = Ledger.record

    def record(ledger: Any, kind: int, values: Any, klass: Any = None) -> Any:
        values = (*values[:3], *[0] * 5, *values[8:]) if kind == kinds.SEGMENT and any(values[3:8]) else values
        return plain(ledger, kind, values, klass)

    swap(Ledger, "record", record)


@mutant("the energy up to the closing register of a meter is charged twice")
def closing_register_forgotten(swap: Swap) -> None:
    plain = Billing.closing

    def closing(billing: Any, row: int, slot: Any) -> Any:
        lines, marks, at_s = plain(billing, row, slot)
        accounts = billing._ledger.accounts
        return [(rate, accounts.get(row, f"from_{rate}"), end) for rate, _, end in lines], marks, at_s

    swap(Billing, "closing", closing)


@mutant("a unit at which the medium failed is programmed again (a fault that this simulation found)")
def unit_tried_again(swap: Swap) -> None:
    for name in ("_program_pending", "append"):
        plain = Readings.__dict__[name]

        def again(readings: Any, *args: Any, plain: Any = plain) -> Any:
            readings.failed = False
            return plain(readings, *args)

        swap(Readings, name, again)


@mutant("nobody is ever cut")
def nobody_is_cut(swap: Swap) -> None:
    plain = decide.failed_conditions
    swap(decide, "failed_conditions", lambda facts, policy: plain(facts, policy) | conditions.HOURS)
