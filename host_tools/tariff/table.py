"""The bill as a table for people and as JSON for programs."""

from collections.abc import Iterable

from rich.table import Table

from host_tools.head_end.tariff_document import Tariff
from host_tools.tariff.bill import Item


def money(amount_ucu: int) -> str:
    """Six decimals at most, two at least; never a float."""
    whole, part = divmod(abs(amount_ucu), 1_000_000)
    text = f"{part:06d}".rstrip("0").ljust(2, "0")
    return f"{'-' if amount_ucu < 0 else ''}{whole}.{text}"


def energy(cwh: int) -> str:
    return f"{cwh // 100}.{cwh % 100:02d}"


def bill_table(tariff: Tariff, items: list[Item]) -> Table:
    """One row a line, the day named once, a sum behind each day and month is left to the eye: the total stands at the end."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    banded, stepped, rated = tariff.bands is not None, tariff.steps is not None, tariff.form == "rates"
    table.add_column("day")
    for shown, name in ((rated, "register"), (banded, "band"), (stepped, "step")):
        if shown:
            table.add_column(name, justify="left" if name == "band" else "right")
    for name in ("kWh", f"{tariff.currency}/kWh", tariff.currency):
        table.add_column(name, justify="right")
    table.add_column("")
    day = None
    for item in items:
        cells = ["" if item.day == day else item.day.isoformat()]
        day = item.day
        of_energy = item.what == "energy"
        cells += [str(item.rate) if of_energy else ""] * rated + [item.band] * banded
        cells += [str(item.step) if of_energy else ""] * stepped
        cells += [energy(item.energy_cwh), money(item.price * 100)] if of_energy else ["", ""]
        table.add_row(*cells, money(item.amount_ucu), "estimated" if item.estimated else "" if of_energy else item.what)
    table.add_section()
    blank = [""] * (rated + banded + stepped)
    table.add_row("total", *blank, energy(sum(item.energy_cwh for item in items)), "", money(sum(item.amount_ucu for item in items)), "")
    return table


def as_json(tariff: Tariff, items: Iterable[Item]) -> dict[str, object]:
    """Energy in cwh, price in 0.0001 currency, money in ucu."""
    rows = [{**vars(item), "day": item.day.isoformat()} for item in items]
    return {
        "tariff": tariff.tariff,
        "version": tariff.version,
        "currency": tariff.currency,
        "items": rows,
        "energy_cwh": sum(item.energy_cwh for item in items),
        "amount_ucu": sum(item.amount_ucu for item in items),
    }
