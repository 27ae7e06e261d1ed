"""What the command line takes. A wrong argument gets one sentence that names it, exit status 2."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from host_tools.head_end import commands, contract_cli, customers_cli, evidence_cli, safe_mode, safety_cli, visits
from host_tools.head_end.registers import SIDES
from host_tools.head_end.segments import MODELS

DESCRIPTION = "The central system and its books: keeps what gateways record, books payments, sends orders, answers why."
EPILOG = """\
begin with `gateway add` or `import`, then `serve`; the other commands talk to the same database while it runs.
exit status: 0 done (also "exists"), 1 reconcile or verify-journal found something, 2 bad input and nothing changed,
3 done, but the answer could not be written."""


Verb = Callable[[str, str], argparse.ArgumentParser]


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        print(f"{message} (see `{self.prog} --help`)", file=sys.stderr)
        sys.exit(2)


def whole(text: str) -> int:
    """A whole number in plain digits: no sign but minus, no underscores, no digits of other scripts."""
    digits = text.removeprefix("-")
    if not digits.isascii() or not digits.isdigit() or len(digits) > 15:
        raise argparse.ArgumentTypeError(f"must be a whole number, got {text!r}")
    return int(text)


def _rows(text: str) -> int:
    value = whole(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be 1 or more, got {text}")
    return value


def printable(text: str) -> str:
    """Text that can be stored, printed and typed again."""
    if not text.isprintable():
        raise argparse.ArgumentTypeError(f"must be printable text, got {text!r}")
    return text


def parser() -> argparse.ArgumentParser:
    shared = _Parser(add_help=False)
    shared.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="answer with one JSON document")
    shared.add_argument("--db", default=argparse.SUPPRESS, type=Path, help=argparse.SUPPRESS)
    top = _Parser(
        prog="python -m host_tools.head_end",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--db", default="head_end.db", type=Path, help="SQLite database (default head_end.db)")
    top.add_argument("--json", action="store_true", default=False, help="answer with one JSON document")
    verbs = top.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)

    def verb(name: str, text: str) -> argparse.ArgumentParser:
        return verbs.add_parser(name, help=text, description=text, parents=[shared])

    serve = verb("serve", "Keep books with all gateways over MQTT.")
    serve.add_argument("--broker", required=True, metavar="HOST:PORT")
    serve.add_argument("--ca", metavar="FILE", help="PEM: talk TLS, to a broker that this CA has signed")
    serve.add_argument("--certificate", metavar="FILE", help="PEM, with --ca: shown to the broker")
    serve.add_argument("--key", metavar="FILE", help="PEM: of that certificate")
    verb("gateways", "List gateways, how far their books are held, and what is missing.")
    verb("accounts", "List accounts as the gateways' records have them.")
    verb("visits", "List who is to be visited before a cut, the most urgent first.")
    for name, text in (
        ("readings", "List the last readings."),
        ("journal", "List the last records in plain words."),
        ("meter-events", "List covers that were opened, and clocks of meters that are off or were set, the newest first."),
    ):
        listing = verb(name, text)
        listing.add_argument("account", nargs="?", help="of this account only")
        listing.add_argument("--limit", type=_rows, default=1000, help="at most so many (default 1000)")
    _payments_and_orders(verb)
    _documents_and_answers(verb)
    evidence_cli.add_verbs(verb)
    customers_cli.add_verbs(verb)
    safety_cli.add_verbs(verb)
    contract_cli.add_verbs(verb)
    safe_mode.add_verbs(verb)
    _set_up(verb)
    return top


def _payments_and_orders(verb: Verb) -> None:
    top_up = verb("topup", "Book a payment; the same reference twice answers 'exists', and sends it again where its gateway refused it.")
    top_up.add_argument("account")
    top_up.add_argument("amount", help="more than zero, at most 6 decimals, such as 12.50")
    top_up.add_argument("--reference", required=True, type=printable, help="the payment's own number, 1 to 200 characters")
    top_up.add_argument("--issuer", type=whole, default=commands.ISSUER, help="who gave the credit (default 1, this head-end)")
    order = verb("order", "Order supply; a gateway obeys only within its conditions.")
    order.add_argument("account")
    order.add_argument("what", choices=sorted(commands.ORDER_CODES))
    order.add_argument("--expires", type=whole, metavar="MINUTES", help="60 for a cut, 7 days for a release, never for hold and restore")
    order.add_argument("--override", action="append", metavar="CONDITION", help=", ".join(commands.OVERRIDES))

    report = verb("report", "Report a visit, or that a text message arrived; counts in the episode that is open.")
    report.add_argument("account")
    report.add_argument("what", choices=sorted(visits.REPORTS))
    report.add_argument("--level", type=whole, help="of the warning that arrived; for delivered")
    report.add_argument("--episode", type=whole, help="default: the one that the records show open")
    flags = verb("flags", "Protect an account, mark it for care, or exempt it, on its gateway.")
    flags.add_argument("account")
    for name in commands.FLAGS:
        flags.add_argument("--" + name, action="store_true", help="left out: ended")
    flags.add_argument("--until", metavar="DATE", help="last day of the exemption, in the policy's time; left out: without end")


def _documents_and_answers(verb: Verb) -> None:
    for name in ("tariff", "policy"):
        document = verb(name, f"Keep a new version of a {name} and send it to the gateways that use it.")
        document.add_argument("action", choices=["set"])
        document.add_argument("file", help="JSON")
        if name == "tariff":
            safety_cli.add_signature(document)
    verb("why", "The evidence of the last decision or refusal.").add_argument("account")
    verb("reconcile", "Compute every balance again and name every difference.")
    settle = verb("settle", "Close months on the meters' settlement registers: one signed correction each. Again changes nothing.")
    settle.add_argument("account", nargs="?", help="this account only")
    exchange = verb("exchange", "Another meter at an account, as the gateway's settings have it; the old one's books stay.")
    exchange.add_argument("account")
    exchange.add_argument("meter", help="12 digits of the new one")
    exchange.add_argument("--rollover", type=whole, metavar="KWH", help="where its register starts again, as its model says")
    exchange.add_argument("--ratio", type=whole, default=1, help="of the transformers before it, current times voltage (default 1)")
    register = verb("register", "Tell the closing or opening register of a meter that was exchanged, of who moved out or in.")
    register.add_argument("account")
    register.add_argument("meter", help="12 digits")
    register.add_argument("side", choices=SIDES)
    register.add_argument("register", help="kWh as the display shows it, such as 1234.56; four by commas for a meter with rates")
    register.add_argument("--reason", required=True, type=printable)
    statement = verb("statement", "Opening, energy, charges, credits and closing of each month, or of each day of one.")
    statement.add_argument("account")
    statement.add_argument("--month", metavar="YYYY-MM", help="each day of this month")


def _set_up(verb: Verb) -> None:
    gateway = verb("gateway", "Add a gateway, give it a signed state, release its brake.")
    gateway.add_argument("action", choices=["add", "give-state", "release-brake"])
    gateway.add_argument("name")
    gateway.add_argument("--key-file", default=None, help="64 hex digits; for add")
    account = verb("account", "Add an account, or change its tariff, policy, flags and name.")
    account.add_argument("action", choices=["add"])
    account.add_argument("account")
    account.add_argument("--gateway", required=True)
    account.add_argument("--meter", required=True, help="12 digits")
    account.add_argument("--tariff", type=whole, required=True)
    account.add_argument("--policy", type=whole, required=True)
    account.add_argument("--name", default="", type=printable)
    account.add_argument("--rollover", type=whole, metavar="KWH", help="where the meter's register starts again, as its model says")
    account.add_argument("--ratio", type=whole, help="of the transformers before the meter, current times voltage (at first 1)")
    for name in commands.FLAGS:
        account.add_argument("--" + name, action="store_true")
    site = verb("import", "Add gateway and accounts of a gateway's settings file.")
    site.add_argument("file")
    site.add_argument("--key-file", required=True, help="64 hex digits")
    site.add_argument("--models", type=Path, default=MODELS, help="folder of the meter models (default those of the firmware)")
