"""Answers on the terminal: rich tables for people, one JSON document with --json.

Traps avoided: rich ends the program by itself when its reader has left, and folds a table to 80 columns when nobody looks at a
terminal; so a table is drawn first, as wide as it needs, and printed like any other line.
"""

import json
import sys

from host_tools.head_end.months import Month
from host_tools.head_end.statement import Line
from host_tools.journal_reader.words import energy, money, when

Row = dict[str, object]
WIDE = 240  # columns when it is not a terminal: a pipe, a file, a pager
HEADINGS = {
    "readings_held": "readings",
    "status_at_s": "status",
    "reading_age_s": "read",
    "at_s": "time",
    "power_w": "W",
    "words": "what happened",
}
NUMBERS = ("account", "number", "sequence", "epoch", "balance", "credits", "pending", "charged", "gateway says", "differences")
MONTH_COLUMNS = ("account", "month", "meter", "energy", "final bill", "pre-settled", "correction", "issued", "not closed")
_STATEMENT_MONEY = ("charges", "of it fees", "of it estimated", "credits", "corrections", "to the debt", "closing")
STATEMENT_COLUMNS = ("period", "opening", "energy", *_STATEMENT_MONEY)
MONEY = (*MONTH_COLUMNS[4:8], "opening", "charges", "of it fees", "of it estimated", "corrections", "to the debt", "closing")
NOTHING = ("", "-", "none")  # a column of nothing else is left out
MAY_FOLD = ("name", "text", "words", "flags", "missing", "documents", "fault", "supply", "not closed", *MONEY[5:8], "energy")


def show_rows(rows: list[Row], columns: tuple[str, ...], as_json: bool, name: str) -> None:
    if as_json:
        print(json.dumps({name: rows}))
        return
    if not rows:
        print(f"no {name}")
        return
    from rich import box  # a twentieth of a second, for who looks at a table alone
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=name, box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    cells = [[_cell(column, row.get(column)) for column in columns] for row in rows]
    shown = [place for place, column in enumerate(columns) if column not in MAY_FOLD or any(line[place] not in NOTHING for line in cells)]
    for column in (columns[place] for place in shown):
        folds = column in MAY_FOLD
        right = column in NUMBERS or column in MONEY or column.endswith(("_cwh", "_w"))
        table.add_column(
            _heading(column), justify="right" if right else "left", no_wrap=not folds, overflow="fold", min_width=8 if folds else None
        )
    for line in cells:
        table.add_row(*(Text(line[place]) for place in shown))
    console = Console() if sys.stdout.isatty() else Console(width=WIDE)
    with console.capture() as drawn:
        console.print(table)
    print("\n".join(line.rstrip() for line in drawn.get().splitlines()))


def month_row(month: Month) -> Row:
    return {
        "account": month.account,
        "month": month.name,
        "meter": month.meter,
        "energy": energy(month.energy_cwh),
        "final bill": money(month.bill_ucu),
        "pre-settled": money(month.presettled_ucu),
        "correction": money(month.correction_ucu),
        "issued": money(month.issued_ucu),
        "not closed": month.open,
    }


def statement_row(line: Line) -> Row:
    parts = sorted(line.energy_cwh.items())
    return {
        "period": line.period,
        "opening": money(line.opening_ucu),
        "energy": ", ".join((f"rate {rate}: " if rate else "") + energy(value) for rate, value in parts),
        "charges": money(line.charges_ucu),
        "of it fees": money(line.fees_ucu) if line.fees_ucu else "",
        "of it estimated": money(line.estimated_ucu) if line.estimated_ucu else "",
        "credits": money(line.credits_ucu),
        "corrections": money(line.corrections_ucu) if line.corrections_ucu else "",
        "to the debt": money(line.debt_ucu) if line.debt_ucu else "",
        "closing": money(line.closing_ucu),
    }


def show_answer(answer: Row, as_json: bool) -> None:
    """`created: account 1001, number 3, ...`"""
    if as_json:
        print(json.dumps(answer))
        return
    words = [
        f"{_heading(name)} {_cell(name, value)}"
        for name, value in answer.items()
        if name not in ("answer", "warnings") and value not in ([], None, "")
    ]
    print(f"{answer['answer']}: {', '.join(words)}")


def show_lines(lines: list[str]) -> None:
    for line in lines:
        print(line)


def _heading(column: str) -> str:
    if column in HEADINGS:
        return HEADINGS[column]
    if column.endswith("_cwh"):
        return column.removesuffix("_cwh").replace("_", " ") + " kWh"
    return column.removesuffix("_at_s").replace("_", " ")


def _cell(column: str, value: object) -> str:
    if value is None:
        return "-"
    if column.endswith("at_s") and isinstance(value, int):
        return when(value)
    if column.endswith("_age_s") and isinstance(value, int):
        return _age(value)
    if column.endswith("_cwh") and isinstance(value, int):
        return f"{value // 100}.{value % 100:02d}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    return str(value)


def _age(seconds: int) -> str:
    for unit, name in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if abs(seconds) >= 2 * unit:
            return f"{seconds // unit} {name} ago"
    return f"{seconds} s ago"
