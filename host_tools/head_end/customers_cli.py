"""Command line, part: customers - notices, where they go, receipts, and what a customer asks."""

import argparse
import json
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from host_tools.head_end import debts, enquiry, limits, outbox, outbox_sending, show
from host_tools.head_end.commands import known_account, parse_account
from host_tools.head_end.database import Database
from host_tools.head_end.errors import BadInput
from host_tools.head_end.notice_text import LANGUAGES, TEMPLATES
from host_tools.head_end.senders import FileSender, HttpSender, Sender

LOOK_S = 1.0
SHOWN = 200
COLUMNS = ("number", "account", "what", "event_at_s", "state", "tries", "sent_at_s", "receipt_at_s", "address", "fault", "text")
LIMIT_COLUMNS = ("account", "gateway", "name", "limit", "balance", "cut at", "restored from", "set_at_s", "reason", "order")


def add_verbs(verb: Callable[[str, str], argparse.ArgumentParser]) -> None:
    verb("notices", f"List the notices to customers, the newest {SHOWN}: what of, where it stands, its text.")
    send = verb("send-notices", "Make notices from what gateways record, and send them; runs beside `serve`.")
    where = send.add_mutually_exclusive_group(required=True)
    where.add_argument("--to-file", metavar="FILE", help="one JSON object a line")
    where.add_argument("--to-url", metavar="URL", help="HTTP hook of whoever sends text messages: POST, JSON")
    send.add_argument("--token-file", metavar="FILE", help="with --to-url: sent as a bearer token")
    send.add_argument(
        "--quiet", default="21:00-08:00", metavar="FROM-TO", help="local hours in which notices wait, or none (default %(default)s)"
    )
    send.add_argument("--templates", type=Path, default=TEMPLATES, metavar="FOLDER", help="zh.json and en.json (default those shipped)")
    send.add_argument("--once", action="store_true", help="one round, not for ever")
    receipt = verb("delivered", "Report that a notice arrived, or that it cannot be delivered; the same twice answers 'exists'.")
    receipt.add_argument("notice", help="number, as `notices` lists it, or the name that the carrier got")
    receipt.add_argument("--failed", metavar="REASON", help="it did not arrive")
    recipient = verb("recipient", "Where the notices of an account go, and in which language.")
    recipient.add_argument("account")
    recipient.add_argument("--to", help="telephone number, or what the hook understands; left out: nowhere any more")
    recipient.add_argument("--language", choices=LANGUAGES, default=LANGUAGES[0])
    debt = verb("debt", "Put a debt of old days beside an account's balance: credits pay it off bit by bit. Without an amount it is shown.")
    debt.epilog = "example: python -m host_tools.head_end debt 1001 120.00 --share 25 --most 20.00"
    debt.add_argument("account")
    debt.add_argument("amount", nargs="?", help="so much more is owed; less than zero: so much is forgiven")
    debt.add_argument("--share", type=int, metavar="PERCENT", help="of what a credit brings above the restore amount")
    debt.add_argument("--most", metavar="AMOUNT", help="at most so much of one credit; left out: no bound")
    limit = verb("credit-limit", "Let an account go below its policy's floor, or list who may. 0 takes the limit away.")
    limit.epilog = "example: python -m host_tools.head_end credit-limit 1001 100.00 --reason 'post-paid contract'"
    limit.add_argument("account", nargs="?", help="left out: all that have one, or an order about one")
    limit.add_argument("amount", nargs="?", help="floor, restore amount and warnings lie so much lower")
    limit.add_argument("--reason", help="why, 1 to 64 bytes; it stands in the journal")
    enquire = verb("enquire", "Balance, use of the last seven days and days left, in words.")
    enquire.add_argument("account")
    enquire.add_argument("--language", choices=LANGUAGES, help="left out: that of its notices")


def _notices(db: Database, given: argparse.Namespace) -> int:
    show.show_rows(outbox.listed(db, SHOWN), COLUMNS, given.json, "notices")
    return 0


def _send(db: Database, given: argparse.Namespace) -> int:
    sending = outbox_sending.Sending(db, _sender(given), outbox_sending.parse_quiet(given.quiet), given.templates)
    sending.alone()
    stop = threading.Event()
    if not given.once:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
    if given.once:
        show.show_answer({"answer": "done", "sent": sending.round(int(time.time()))}, given.json)
        return 0
    while not stop.wait(LOOK_S):
        try:
            sent = sending.round(int(time.time()))
        except sqlite3.OperationalError as fault:  # held by somebody, or a full disk: a try that was written down comes again
            print(f"notices: the database cannot be used ({fault}); trying again", file=sys.stderr, flush=True)
            continue
        if sent:
            print(f"notices: {sent} handed over", file=sys.stderr, flush=True)
    return 0


def _sender(given: argparse.Namespace) -> Sender:
    if given.to_file is not None:
        if given.token_file is not None:
            raise BadInput("token-file", "goes with --to-url")
        return FileSender(given.to_file)
    token = None
    if given.token_file is not None:
        try:
            token = Path(given.token_file).read_text(encoding="ascii").strip()
        except (OSError, ValueError) as fault:
            raise BadInput("token-file", f"{given.token_file} cannot be read") from fault
        if not token or not token.isprintable() or " " in token:
            raise BadInput("token-file", f"{given.token_file} must hold one word")
    return HttpSender(given.to_url, token)


def _delivered(db: Database, given: argparse.Namespace) -> int:
    if given.failed is not None and not (given.failed.strip() and given.failed.isprintable() and len(given.failed) <= 200):
        raise BadInput("failed", "must be a reason of 1 to 200 printable characters")
    show.show_answer(outbox_sending.receipt(db, outbox.number_of(db, given.notice), given.failed, int(time.time())), given.json)
    return 0


def _recipient(db: Database, given: argparse.Namespace) -> int:
    show.show_answer(outbox_sending.set_recipient(db, given.account, given.to, given.language), given.json)
    return 0


def _debt(db: Database, given: argparse.Namespace) -> int:
    if given.amount is None:
        if given.share is not None or given.most is not None:
            raise BadInput("amount", "is missing: --share and --most go with one")
        show.show_answer(debts.standing(db, parse_account(given.account)), given.json)
    else:
        show.show_answer(debts.put(db, given.account, given.amount, given.share, given.most, int(time.time())), given.json)
    return 0


def _credit_limit(db: Database, given: argparse.Namespace) -> int:
    if given.amount is not None:
        if given.reason is None:
            raise BadInput("reason", "is missing: --reason says why, it stands in the journal")
        show.show_answer(limits.put(db, given.account, given.amount, given.reason, int(time.time())), given.json)
        return 0
    if given.reason is not None:
        raise BadInput("amount", "is missing: --reason goes with one")
    account = None if given.account is None else parse_account(given.account)
    if account is not None:
        known_account(db, account)
    show.show_rows(limits.listed(db, account), LIMIT_COLUMNS, given.json, "credit limits")
    return 0


def _enquire(db: Database, given: argparse.Namespace) -> int:
    answer = enquiry.enquire(db, parse_account(given.account), given.language, int(time.time()))
    if given.json:
        print(json.dumps(answer.as_json(), ensure_ascii=False))
    else:
        show.show_lines(answer.text)
    return 0


COMMANDS = {
    "notices": _notices,
    "send-notices": _send,
    "delivered": _delivered,
    "recipient": _recipient,
    "debt": _debt,
    "credit-limit": _credit_limit,
    "enquire": _enquire,
}
