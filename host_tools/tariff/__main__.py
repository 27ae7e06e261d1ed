"""`python -m host_tools.tariff check FILE` and `... price FILE --usage CSV`.

Exit code 0: good; 1: a bug of ours, gateway and head-end disagree; 2: the file, the usage or the command line is wrong.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from rich.console import Console

from firmware.base.faults import BadInput as GatewayBadInput
from firmware.tariff.tariff import parse_tariff
from host_tools.head_end import tariff_document
from host_tools.head_end.amounts import parse_decimal
from host_tools.head_end.documents import compact, read_json
from host_tools.head_end.errors import BadInput
from host_tools.head_end.pricing import Rules
from host_tools.tariff.bill import Terms, TwoMinds, bill
from host_tools.tariff.table import as_json, bill_table
from host_tools.tariff.usage import read_usage

WIDTH_OF_FILES = 120
RATIO_MAX = 65_535
CHECK_EXAMPLE = """\
example:
  python -m host_tools.tariff check host_tools/tariff/examples/hunan_residential.json
  hunan_residential.json: tariff 430001 version 1, valid from 2012-07-01, CNY, 3 steps a month, is good

One sentence for each fault, with the field: steps.thresholds[1].kwh[1]: must be more than the one before it ..."""
PRICE_EXAMPLE = """\
example:
  python -m host_tools.tariff price host_tools/tariff/examples/delhi_domestic_slabs.json --usage july.csv

july.csv, local time of the tariff and the meter's register in kWh:
  time,register
  2026-07-01 00:00,1200.00
  2026-07-02 00:00,1211.50
or time,kwh with what was used since the line before (0 in the first line), or time,rate1,rate2 for a meter with rate registers."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m host_tools.tariff",
        description="Check tariff files, and see what customers would pay by them.",
        epilog="example: python -m host_tools.tariff check --help",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    raw = argparse.RawDescriptionHelpFormatter
    one = commands.add_parser("check", help="name everything that is wrong with a tariff file", epilog=CHECK_EXAMPLE, formatter_class=raw)
    one.add_argument("file", type=Path, metavar="FILE", help="a tariff, JSON")
    two = commands.add_parser("price", help="a bill by day, band and step", epilog=PRICE_EXAMPLE, formatter_class=raw)
    two.add_argument("file", type=Path, metavar="FILE", help="a tariff, JSON")
    two.add_argument("--usage", type=Path, required=True, metavar="CSV", help="readings, one a line")
    two.add_argument("--ratio", default="1", metavar="N", help="CT ratio x PT ratio of the meter (1)")
    two.add_argument("--used", default="0", metavar="KWH", help="energy used in the step period before the first line (0)")
    two.add_argument("--json", action="store_true", help="for programs: cwh, 0.0001 currency and ucu")
    return parser


def main(argv: list[str] | None = None) -> int:
    given = _parser().parse_args(argv)
    try:
        return _check(given) if given.command == "check" else _price(given)
    except (BadInput, GatewayBadInput) as fault:
        print(fault, file=sys.stderr)
        return 2
    except TwoMinds as fault:
        print(f"bug: {fault}", file=sys.stderr)
        return 1


def _read(path: Path) -> tuple[object, list[tuple[str, str]]]:
    """(the document, its faults). BadInput when there is no document."""
    document = read_json(str(path))
    found = tariff_document.faults(document)
    if not found:
        compact(document)
        parse_tariff(path.read_bytes())  # what the gateway itself says; the tests hold both together
    return document, found


def _check(given: argparse.Namespace) -> int:
    document, found = _read(given.file)
    for field, sentence in found:
        print(f"{field}: {sentence}", file=sys.stderr)
    if found:
        return 2
    tariff = tariff_document.read(document)
    what = f"tariff {tariff.tariff} version {tariff.version}, valid from {tariff.effective}, {tariff.currency}"
    print(f"{given.file.name}: {what}{_words(tariff)}, is good")
    return 0


def _words(tariff: tariff_document.Tariff) -> str:
    """What it has beside a price."""
    found = []
    if tariff.bands is not None:
        found.append(f"{len(tariff.prices.bands or [])} bands")
    if tariff.prices.rates is not None:
        found.append(f"{len(tariff.prices.rates)} rate registers")
    if tariff.steps is not None:
        found.append(f"{len(tariff.prices.steps or tariff.steps.surcharges or [])} steps a {tariff.steps.over}")
    for name in ("fee_per_day", "fee_per_month", "minimum_per_month"):
        if getattr(tariff, name) is not None:
            found.append(name.replace("_", " "))
    return "".join(f", {part}" for part in found)


def _price(given: argparse.Namespace) -> int:
    document, found = _read(given.file)
    if found:
        raise BadInput(*found[0])
    tariff = tariff_document.read(document)
    rules = Rules(tariff)
    if not given.ratio.isascii() or not given.ratio.isdigit() or not 1 <= int(given.ratio[:9]) <= RATIO_MAX:
        raise BadInput("ratio", f"must be a whole number from 1 to {RATIO_MAX}, got {given.ratio}")
    used_cwh = parse_decimal(given.used, 2, "used")
    if not 0 <= used_cwh <= tariff_document.THRESHOLD_MAX_CWH:
        raise BadInput("used", f"must be from 0 to ten million kWh, got {given.used}")
    readings, rates = read_usage(given.usage, rules.zone)
    terms = Terms(parse_tariff(given.file.read_bytes()), rules, int(given.ratio), used_cwh)
    items = bill(terms, readings, rates)
    if given.json:
        print(json.dumps(as_json(tariff, items)))
    else:
        Console(width=None if sys.stdout.isatty() else WIDTH_OF_FILES).print(bill_table(tariff, items))
    return 0


if __name__ == "__main__":
    sys.exit(main())
