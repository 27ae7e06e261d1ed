"""Command line of the head-end: arguments to commands, answers to the terminal.

Exit status: 0 done (also `exists`), 1 reconcile found differences, 2 bad input and nothing changed.
"""

import argparse
import asyncio
import json
import os
import signal
import sys
import time
from pathlib import Path

from host_tools.head_end import commands, lists, show, state
from host_tools.head_end.database import Database
from host_tools.head_end.errors import BadInput
from host_tools.head_end.reconcile import reconcile
from host_tools.head_end.reconcile_gateways import notes
from host_tools.head_end.server import Server
from host_tools.head_end.why import why
from host_tools.journal_reader import BadRecord
from host_tools.journal_reader.words import money


def main(arguments: list[str] | None = None) -> int:
    parser = _parser()
    given = parser.parse_args(arguments)
    try:
        db = Database(given.db)
        try:
            return _run(db, given)
        finally:
            db.close()
    except BadInput as fault:
        print(fault, file=sys.stderr)
        return 2
    except BadRecord as fault:
        print(f"db: a record cannot be read, reconcile names it: {fault}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")
        return 0


def _run(db: Database, given: argparse.Namespace) -> int:
    return _COMMANDS[given.command](db, given)


def _now_s() -> int:
    return int(time.time())


def _gateways(db: Database, given: argparse.Namespace) -> int:
    columns = ("gateway", "online", "epoch", "sequence", "readings_held", "comparison", "missing", "status_at_s")
    show.show_rows(lists.gateways(db), columns, given.json, "gateways")
    return 0


def _accounts(db: Database, given: argparse.Namespace) -> int:
    columns = ("account", "gateway", "name", "meter", "balance", "register_cwh", "reading_at_s", "wish", "seen", "flags", "fault")
    show.show_rows(lists.accounts(db), columns, given.json, "accounts")
    return 0


def _readings(db: Database, given: argparse.Namespace) -> int:
    columns = ("number", "account", "at_s", "total_cwh", "rate1_cwh", "rate2_cwh", "rate3_cwh", "rate4_cwh", "power_w")
    show.show_rows(lists.readings(db, _account(db, given.account), given.limit), columns, given.json, "readings")
    return 0


def _journal(db: Database, given: argparse.Namespace) -> int:
    columns = ("gateway", "sequence", "at_s", "kind", "words")
    show.show_rows(lists.journal(db, _account(db, given.account), given.limit), columns, given.json, "journal")
    return 0


def _top_up(db: Database, given: argparse.Namespace) -> int:
    answer = commands.top_up(db, given.account, given.amount, given.reference, _now_s(), given.issuer)
    show.show_answer(answer, given.json)
    return 0


def _order(db: Database, given: argparse.Namespace) -> int:
    show.show_answer(commands.order(db, given.account, given.what, given.expires, _now_s(), given.override), given.json)
    return 0


def _document(db: Database, given: argparse.Namespace) -> int:
    answer = commands.set_document(db, given.command, given.file, _now_s())
    for warning in answer["warnings"] if isinstance(answer["warnings"], list) else []:
        print("warning: " + warning, file=sys.stderr)
    show.show_answer(answer, given.json)
    return 0


def _why(db: Database, given: argparse.Namespace) -> int:
    answer = why(db, commands.parse_account(given.account))
    if given.json:
        show.show_answer(answer, True)
    else:
        show.show_lines(answer["text"] if isinstance(answer["text"], list) else [])
    return 0


def _add_account(db: Database, given: argparse.Namespace) -> int:
    flags = sum(bit for name, bit in commands.FLAGS.items() if getattr(given, name))
    account = commands.parse_account(given.account)
    answer = commands.add_account(db, given.gateway, account, given.meter, given.tariff, given.policy, given.name, flags)
    show.show_answer(answer, given.json)
    return 0


def _import(db: Database, given: argparse.Namespace) -> int:
    show.show_answer(commands.import_site(db, given.file, given.key_file), given.json)
    return 0


def _account(db: Database, text: str | None) -> int | None:
    if text is None:
        return None
    account = commands.parse_account(text)
    commands.known_account(db, account)
    return account


def _gateway(db: Database, given: argparse.Namespace) -> int:
    if given.action == "add":
        show.show_answer(commands.add_gateway(db, given.name, commands.read_key(given.key_file)), given.json)
        return 0
    if db.row("SELECT 1 FROM gateways WHERE name = ?", given.name) is None:
        raise BadInput("gateway", f"{given.name} is unknown")
    if given.action == "release-brake":
        show.show_answer(commands.release_brake(db, given.name, _now_s()), given.json)
    else:
        show.show_answer({"answer": "created", "epoch": state.give(db, given.name, _now_s())}, given.json)
    return 0


def _reconcile(db: Database, given: argparse.Namespace) -> int:
    results, others = reconcile(db)
    differences = others + [sentence for result in results for sentence in result.differences]
    unchecked = notes(db) + [sentence for result in results for sentence in result.notes]
    totals = {
        name: sum(getattr(result, name) for result in results)
        for name in ("credits_ucu", "pending_ucu", "charged_ucu", "charged_cwh", "balance_ucu", "gateway_balance_ucu")
    }
    if given.json:
        accounts = [result.as_json() for result in results]
        print(json.dumps({"accounts": accounts, "totals": totals, "differences": differences, "notes": unchecked, "ok": not differences}))
        return 1 if differences else 0
    rows: list[show.Row] = [
        {
            "account": result.account,
            "credits": money(result.credits_ucu),
            "pending": money(result.pending_ucu),
            "charged": money(result.charged_ucu),
            "balance": money(result.balance_ucu),
            "gateway says": money(result.gateway_balance_ucu),
            "differences": len(result.differences),
        }
        for result in results
    ]
    show.show_rows(rows, ("account", "credits", "pending", "charged", "balance", "gateway says", "differences"), False, "reconciliation")
    show.show_lines(["note: " + sentence for sentence in unchecked])
    show.show_lines(differences or [f"all {len(results)} accounts agree, balances together {money(totals['balance_ucu'])}"])
    return 1 if differences else 0


def _serve(db: Database, given: argparse.Namespace) -> int:
    broker: str = given.broker
    host, colon, port = broker.rpartition(":")
    if not colon or not host or not port.isdigit() or not 1 <= int(port) <= 65535:
        raise BadInput("broker", f"must be HOST:PORT, got {broker!r}")

    async def serve() -> None:
        task = asyncio.create_task(Server(db, host, int(port)).run())
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, task.cancel)
        try:
            await task
        except asyncio.CancelledError:
            pass

    asyncio.run(serve())
    return 0


_COMMANDS = {
    "serve": _serve,
    "gateways": _gateways,
    "accounts": _accounts,
    "readings": _readings,
    "journal": _journal,
    "topup": _top_up,
    "order": _order,
    "tariff": _document,
    "policy": _document,
    "why": _why,
    "reconcile": _reconcile,
    "gateway": _gateway,
    "account": _add_account,
    "import": _import,
}


def _parser() -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="one JSON document")
    shared.add_argument("--db", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    parser = argparse.ArgumentParser(prog="python -m host_tools.head_end", description="The central system and its books.")
    parser.add_argument("--db", default="head_end.db", type=Path, help="SQLite database (default head_end.db)")
    parser.add_argument("--json", action="store_true", default=False, help=argparse.SUPPRESS)
    verbs = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def verb(name: str, text: str) -> argparse.ArgumentParser:
        return verbs.add_parser(name, help=text, description=text, parents=[shared])

    serve = verb("serve", "Keep books with all gateways over MQTT.")
    serve.add_argument("--broker", required=True, metavar="HOST:PORT")
    verb("gateways", "List gateways.")
    verb("accounts", "List accounts as the gateways' records have them.")
    for name, text in (("readings", "List the last readings."), ("journal", "List the last records in plain words.")):
        listing = verb(name, text)
        listing.add_argument("account", nargs="?")
        listing.add_argument("--limit", type=int, default=1000)
    top_up = verb("topup", "Book a payment; the same reference twice answers 'exists'.")
    top_up.add_argument("account")
    top_up.add_argument("amount", help="decimal, at most 6 decimals")
    top_up.add_argument("--reference", required=True)
    top_up.add_argument("--issuer", type=int, default=commands.ISSUER)
    order = verb("order", "Order supply; a gateway obeys only within its conditions.")
    order.add_argument("account")
    order.add_argument("what", choices=sorted(commands.ORDER_CODES))
    order.add_argument("--expires", type=int, metavar="MINUTES")
    order.add_argument("--override", action="append", metavar="CONDITION", help=", ".join(commands.OVERRIDES))
    for name in ("tariff", "policy"):
        document = verb(name, f"Keep a new version of a {name} and send it to the gateways that use it.")
        document.add_argument("action", choices=["set"])
        document.add_argument("file")
    verb("why", "The evidence of the last decision or refusal.").add_argument("account")
    verb("reconcile", "Compute every balance again and name every difference.")
    gateway = verb("gateway", "Add a gateway, give it a signed state, release its brake.")
    gateway.add_argument("action", choices=["add", "give-state", "release-brake"])
    gateway.add_argument("name")
    gateway.add_argument("--key-file", default="", help="64 hex digits")
    account = verb("account", "Add an account.")
    account.add_argument("action", choices=["add"])
    account.add_argument("account")
    account.add_argument("--gateway", required=True)
    account.add_argument("--meter", required=True, help="12 digits")
    account.add_argument("--tariff", type=int, required=True)
    account.add_argument("--policy", type=int, required=True)
    account.add_argument("--name", default="")
    for name in commands.FLAGS:
        account.add_argument("--" + name, action="store_true")
    site = verb("import", "Add gateway and accounts of a gateway's settings file.")
    site.add_argument("file")
    site.add_argument("--key-file", required=True)
    return parser
