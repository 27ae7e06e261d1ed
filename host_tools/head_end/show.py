"""Answers on the terminal: rich tables for people, one JSON document with --json."""

import json

from rich.console import Console
from rich.table import Table
from rich.text import Text

from host_tools.journal_reader.words import when

Row = dict[str, object]


def show_rows(rows: list[Row], columns: tuple[str, ...], as_json: bool, name: str) -> None:
    if as_json:
        print(json.dumps({name: rows}))
        return
    table = Table(title=name)
    for column in columns:
        table.add_column(column.removesuffix("_at_s").replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(Text(_cell(column, row.get(column))) for column in columns))
    Console().print(table)


def show_answer(answer: Row, as_json: bool) -> None:
    if as_json:
        print(json.dumps(answer))
        return
    print(", ".join(f"{name} {value}" for name, value in answer.items() if name != "warnings"))


def show_lines(lines: list[str]) -> None:
    for line in lines:
        print(line)


def _cell(column: str, value: object) -> str:
    if value is None:
        return "-"
    if column.endswith("at_s") and isinstance(value, int):
        return when(value)
    if column.endswith("_cwh") and isinstance(value, int):
        return f"{value // 100}.{value % 100:02d}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    return str(value)
