"""`python -m host_tools.board status|meters|accounts|visits|brake|events|journal|why|statement|logs|watch [--port PORT] [--json]`."""

import argparse
import json
import os
import sys

from host_tools.board import answers, tables
from host_tools.board.arguments import ROWS_MAX, parser
from host_tools.board.console_client import ConsoleClient
from host_tools.board.errors import BadInput, BoardTrouble
from host_tools.board.journal import Books, read_journal
from host_tools.board.port import find_port
from host_tools.board.watching import watch
from host_tools.board.why import read_why

INTERRUPTED = 130
IN_SAFE_MODE = ("status", "logs", "events")
SAFE_SENTENCE = "the board is in safe mode and reads no books: it cannot answer {command}; see status and logs"


def main(arguments: list[str] | None = None) -> int:
    given = parser().parse_args(arguments)
    try:
        port = given.port or find_port()
        with ConsoleClient(port, given.baud) as board:
            board.hello()
            if board.is_safe and given.command not in IN_SAFE_MODE:
                raise BoardTrouble("safe_mode", SAFE_SENTENCE.format(command=given.command))
            status = _COMMANDS[given.command](board, given)
        sys.stdout.flush()
        return status
    except BadInput as fault:
        print(fault, file=sys.stderr)
        return 2
    except BoardTrouble as trouble:
        print(trouble, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # nobody reads any more: what is buffered has nowhere to go
        return 0


def _print_json(value: object) -> None:
    print(json.dumps(value, indent=2))


def _status(board: ConsoleClient, given: argparse.Namespace) -> int:
    status = answers.status(board)
    _print_json(status) if given.json else tables.show_status(tables.terminal(), status)
    return 0


def _meters(board: ConsoleClient, given: argparse.Namespace) -> int:
    meters = answers.meters(board)
    _print_json(meters) if given.json else tables.show_meters(tables.terminal(), meters)
    return 0


def _accounts(board: ConsoleClient, given: argparse.Namespace) -> int:
    accounts = answers.accounts(board)
    _print_json(accounts) if given.json else tables.show_accounts(tables.terminal(), accounts)
    return 0


def _visits(board: ConsoleClient, given: argparse.Namespace) -> int:
    visits = answers.visits(board)
    _print_json(visits) if given.json else tables.show_visits(tables.terminal(), visits)
    return 0


def _brake(board: ConsoleClient, given: argparse.Namespace) -> int:
    brake = answers.brake(board)
    _print_json(brake) if given.json else tables.show_brake(tables.terminal(), brake)
    return 0


def _events(board: ConsoleClient, given: argparse.Namespace) -> int:
    events = answers.events(board, given.first)
    _print_json(events) if given.json else tables.show_events(tables.terminal(), events)
    return 0


def _logs(board: ConsoleClient, given: argparse.Namespace) -> int:
    logs = answers.logs(board)
    _print_json(logs) if given.json else tables.show_logs(tables.terminal(), logs)
    return 0


def _statement(board: ConsoleClient, given: argparse.Namespace) -> int:
    statement = answers.statement(board, given.account, given.days)
    _print_json(statement) if given.json else tables.show_statement(tables.terminal(), statement)
    return 0


def _why(board: ConsoleClient, given: argparse.Namespace) -> int:
    evidence = read_why(board, given.account)
    if given.json:
        _print_json(evidence.as_json())
        return 0
    print("\n".join(evidence.text()))
    return 0


def _journal(board: ConsoleClient, given: argparse.Namespace) -> int:
    """Exit status 1 when the chain is broken or records are missing."""
    first = 1 if given.all else given.first
    books = read_journal(board, first, ROWS_MAX if given.all else given.count, _progress if sys.stderr.isatty() else None)
    if given.out is not None:
        _keep(books, given)
    summary = tables.journal_summary(books)
    if given.json:
        shown = [one.as_json() for one in books.in_order() if given.account in (None, one.account)]
        _print_json({"records": shown, "summary": summary})
    else:
        tables.show_journal(tables.terminal(), books, given.account)
    return 0 if summary["sound"] else 1


def _progress(count: int) -> None:
    if count % 50 == 0:
        print(f"\r{count} records", end="", file=sys.stderr, flush=True)


def _keep(books: Books, given: argparse.Namespace) -> None:
    try:
        given.out.write_bytes(b"".join(one.raw for one in books.in_order()))
    except OSError as fault:
        raise BadInput("out", f"{given.out} cannot be written: {fault.strerror}") from fault


def _watch(board: ConsoleClient, given: argparse.Namespace) -> int:
    watch(board, given.seconds, given.json)
    return 0


_COMMANDS = {
    "status": _status,
    "meters": _meters,
    "accounts": _accounts,
    "visits": _visits,
    "brake": _brake,
    "events": _events,
    "journal": _journal,
    "why": _why,
    "statement": _statement,
    "logs": _logs,
    "watch": _watch,
}

if __name__ == "__main__":
    sys.exit(main())
