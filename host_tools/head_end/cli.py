"""Command line of the head-end: arguments to commands, answers to the terminal.

Exit status: 0 done (also `exists`), 1 reconcile or verify-journal found something, 2 bad input and nothing changed, 3 done
but the answer could not be written.
"""

import argparse
import json
import os
import signal
import sqlite3
import sys
import time

from host_tools.head_end import (
    commands,
    contract_cli,
    customers_cli,
    evidence_cli,
    lists,
    meter_events,
    months,
    registers,
    safe_mode,
    safety_cli,
    show,
    state,
    tls,
    visits,
)
from host_tools.head_end.arguments import parser
from host_tools.head_end.database import Database
from host_tools.head_end.errors import BadInput
from host_tools.head_end.reconcile import reconcile
from host_tools.head_end.reconcile_gateways import notes
from host_tools.head_end.reconcile_result import Result
from host_tools.head_end.reconcile_tariffs import Tariffs
from host_tools.head_end.statement import statement
from host_tools.head_end.why import why
from host_tools.journal_reader import BadRecord
from host_tools.journal_reader.words import money

BEGINNERS = ("serve", "import")  # and `gateway add`: they may begin a new database
NOT_WRITTEN = 3


def main(arguments: list[str] | None = None) -> int:
    given = parser().parse_args(arguments)
    if sys.stdout is None:  # closed by who started us: there is nobody to answer
        sys.stdout = open(os.devnull, "w")
    try:
        status = _with_database(given)
        sys.stdout.flush()
        return status
    except BadInput as fault:
        sentence = str(fault)
    except BadRecord as fault:
        sentence = f"db: a record cannot be read, reconcile names it: {fault}"
    except sqlite3.Error as fault:
        sentence = f"db: {given.db} cannot be used: {fault}"
    except BrokenPipeError:
        _leave_stdout()
        return 0
    except OSError as fault:
        _leave_stdout()
        print(f"output: the answer cannot be written: {fault.strerror}", file=sys.stderr)
        return NOT_WRITTEN
    print(sentence, file=sys.stderr)
    return 2


def _leave_stdout() -> None:
    """What is still buffered has nowhere to go; the interpreter must not try again at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _with_database(given: argparse.Namespace) -> int:
    if getattr(given, "chain_only", False):
        return evidence_cli.chain_only(given)
    if given.command == "sign":
        return safety_cli.sign(given)
    begins = given.command in BEGINNERS or (given.command == "gateway" and given.action == "add")
    db = Database(given.db, begins)
    try:
        return _run(db, given)
    finally:
        db.close()


def _run(db: Database, given: argparse.Namespace) -> int:
    return _COMMANDS[given.command](db, given)


def _now_s() -> int:
    return int(time.time())


def _gateways(db: Database, given: argparse.Namespace) -> int:
    columns = ("gateway", "online", "mode", "epoch", "sequence", "readings_held", "comparison", "missing", "documents", "status_at_s")
    rows = lists.gateways(db)
    show.show_rows(rows, columns, given.json, "gateways")
    if not given.json:
        for row in rows:
            reports = row["reports"] if isinstance(row["reports"], list) else []
            show.show_lines([f"{row['gateway']}  {sentence}" for sentence in reports])
    return 0


def _accounts(db: Database, given: argparse.Namespace) -> int:
    columns = ("account", "gateway", "name", "meter", "balance", "register_cwh", "reading_age_s", "supply", "flags", "fault")
    show.show_rows(lists.accounts(db), columns, given.json, "accounts")
    return 0


def _readings(db: Database, given: argparse.Namespace) -> int:
    rates = tuple(f"rate{rate}_cwh" for rate in range(1, 5))
    rows = lists.readings(db, _account(db, given.account), given.limit)
    columns = ("number", "account", "at_s", "total_cwh", *(rate for rate in rates if any(row[rate] is not None for row in rows)), "power_w")
    show.show_rows(rows, columns, given.json, "readings")
    return 0


def _journal(db: Database, given: argparse.Namespace) -> int:
    columns = ("gateway", "sequence", "at_s", "kind", "words")
    show.show_rows(lists.journal(db, _account(db, given.account), given.limit), columns, given.json, "journal")
    return 0


def _meter_events(db: Database, given: argparse.Namespace) -> int:
    rows = meter_events.listed(db, _account(db, given.account), given.limit)
    show.show_rows(rows, ("at_s", "gateway", "account", "meter", "words"), given.json, "meter events")
    return 0


def _top_up(db: Database, given: argparse.Namespace) -> int:
    answer = commands.top_up(db, given.account, given.amount, given.reference, _now_s(), given.issuer)
    show.show_answer(answer, given.json)
    return 0


def _order(db: Database, given: argparse.Namespace) -> int:
    show.show_answer(commands.order(db, given.account, given.what, given.expires, _now_s(), given.override), given.json)
    return 0


def _document(db: Database, given: argparse.Namespace) -> int:
    answer = commands.set_document(db, given.command, given.file, _now_s(), getattr(given, "signature", []))
    for warning in answer["warnings"] if isinstance(answer["warnings"], list) else []:
        print("warning: " + warning, file=sys.stderr)
    show.show_answer(answer, given.json)
    return 0


def _visits(db: Database, given: argparse.Namespace) -> int:
    columns = ("account", "gateway", "name", "meter", "visit", "reported", "ordered_at_s", "days_left", "lead_days", "available", "supply")
    show.show_rows(visits.listed(db), columns, given.json, "visits")
    return 0


def _report(db: Database, given: argparse.Namespace) -> int:
    show.show_answer(visits.report(db, given.account, given.what, given.level, given.episode, _now_s()), given.json)
    return 0


def _flags(db: Database, given: argparse.Namespace) -> int:
    flags = sum(bit for name, bit in commands.FLAGS.items() if getattr(given, name))
    show.show_answer(visits.set_flags(db, given.account, flags, given.until, _now_s()), given.json)
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
    named = (given.gateway, account, given.meter, given.tariff, given.policy, given.name, flags, given.rollover, given.ratio)
    show.show_answer(commands.add_account(db, *named), given.json)
    return 0


def _import(db: Database, given: argparse.Namespace) -> int:
    show.show_answer(commands.import_site(db, given.file, given.key_file, given.models), given.json)
    return 0


def _account(db: Database, text: str | None) -> int | None:
    if text is None:
        return None
    account = commands.parse_account(text)
    commands.known_account(db, account)
    return account


def _gateway(db: Database, given: argparse.Namespace) -> int:
    if given.action == "add":
        if given.key_file is None:
            raise BadInput("key-file", "is missing: --key-file names the file with the gateway's 64 hex digits")
        show.show_answer(commands.add_gateway(db, given.name, commands.read_key(given.key_file)), given.json)
        return 0
    if db.row("SELECT 1 FROM gateways WHERE name = ?", given.name) is None:
        raise BadInput("gateway", f"{given.name} is unknown")
    if given.action == "release-brake":
        show.show_answer(commands.release_brake(db, given.name, _now_s()), given.json)
    else:
        show.show_answer({"answer": "created", "epoch": state.give(db, given.name, _now_s())}, given.json)
    return 0


def _settle(db: Database, given: argparse.Namespace) -> int:
    account = _account(db, given.account)
    accounts = [int(row["account"]) for row in db.rows("SELECT account FROM accounts ORDER BY account")] if account is None else [account]
    held = Tariffs(db).held
    found = [month for one in accounts for month in months.correct(db, one, held, _now_s())]
    if given.json:
        print(json.dumps({"months": [month.as_json() for month in found]}))
        return 0
    show.show_rows([show.month_row(month) for month in found], show.MONTH_COLUMNS, False, "months")
    return 0


def _register(db: Database, given: argparse.Namespace) -> int:
    held = Tariffs(db).held
    answer = registers.give(db, given.account, given.meter, given.side, given.register, given.reason, held, _now_s())
    show.show_answer(answer, given.json)
    return 0


def _exchange(db: Database, given: argparse.Namespace) -> int:
    show.show_answer(registers.exchange(db, given.account, given.meter, given.rollover, _now_s(), given.ratio), given.json)
    return 0


def _statement(db: Database, given: argparse.Namespace) -> int:
    answer = statement(db, commands.parse_account(given.account), given.month)
    if given.json:
        print(json.dumps(answer.as_json()))
        return 0
    rows = [show.statement_row(line) for line in [*answer.lines, answer.total]]
    show.show_rows(rows, show.STATEMENT_COLUMNS, False, f"statement of account {answer.account}")
    limit = f", credit limit {money(answer.limit_ucu)}" if answer.limit_ucu else ""
    show.show_lines(["note: " + sentence for sentence in answer.notes] + [f"balance now {money(answer.balance_ucu)}{limit}"])
    show.show_lines([answer.covered.in_words() if answer.covered else "not yet countersigned"])
    return 0


def _reconcile(db: Database, given: argparse.Namespace) -> int:
    results, others = reconcile(db)
    differences = others + [sentence for result in results for sentence in result.differences]
    unchecked = notes(db) + [sentence for result in results for sentence in result.notes]
    totals = {
        name: sum(getattr(result, name) for result in results)
        for name in ("credits_ucu", "pending_ucu", "charged_ucu", "charged_cwh", "balance_ucu", "gateway_balance_ucu")
    }
    try:
        _show_reconciliation(results, totals, differences, unchecked, given.json)
        sys.stdout.flush()
    except BrokenPipeError:  # who reads only the first lines gets the right status all the same
        _leave_stdout()
    return 1 if differences else 0


def _show_reconciliation(
    results: list[Result], totals: dict[str, int], differences: list[str], unchecked: list[str], as_json: bool
) -> None:
    if as_json:
        accounts = [result.as_json() for result in results]
        print(json.dumps({"accounts": accounts, "totals": totals, "differences": differences, "notes": unchecked, "ok": not differences}))
        return
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
    count = "1 account agrees" if len(results) == 1 else f"all {len(results)} accounts agree"
    show.show_lines(differences or [f"{count}, balances together {money(totals['balance_ucu'])}"])


def _serve(db: Database, given: argparse.Namespace) -> int:
    import asyncio  # with its MQTT a tenth of a second, for this command alone

    from host_tools.head_end.server import Server

    broker: str = given.broker
    host, colon, port = broker.rpartition(":")
    if not colon or not host or not port.isascii() or not port.isdigit() or not 1 <= int(port) <= 65535:
        raise BadInput("broker", f"must be HOST:PORT, got {broker!r}")
    context = tls.context(given.ca, given.certificate, given.key)
    db.serve_alone()

    async def serve() -> None:
        task = asyncio.create_task(Server(db, host, int(port), context=context).run())
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
    "visits": _visits,
    "readings": _readings,
    "journal": _journal,
    "meter-events": _meter_events,
    "topup": _top_up,
    "order": _order,
    "report": _report,
    "flags": _flags,
    "tariff": _document,
    "policy": _document,
    "why": _why,
    "reconcile": _reconcile,
    "settle": _settle,
    "register": _register,
    "exchange": _exchange,
    "statement": _statement,
    "gateway": _gateway,
    "account": _add_account,
    "import": _import,
    **evidence_cli.COMMANDS,
    **customers_cli.COMMANDS,
    **safety_cli.COMMANDS,
    **contract_cli.COMMANDS,
    **safe_mode.COMMANDS,
}
