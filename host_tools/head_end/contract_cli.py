"""Command line, part: contracts and meters - held readings, moving out and in, paying back."""

import argparse
from collections.abc import Callable
from time import time

from host_tools.head_end import commands, held, moves, show, transfers
from host_tools.head_end.commands import FLAGS
from host_tools.head_end.database import Database
from host_tools.head_end.errors import BadInput

TRANSFER_COLUMNS = ("account", "from", "to", "at_s", "state", "reason")
HELD_COLUMNS = ("account", "gateway", "meter", "why", "held_at_s", "register", "charged to", "shows", "ratio", "state")


def add_verbs(verb: Callable[[str, str], argparse.ArgumentParser]) -> None:
    about = "List readings that gateways hold; release one (believed from now on, the way to it written off), reject or charge it."
    hold = verb("held", about)
    hold.add_argument("action", choices=["list", "release", "reject", "charge"])
    hold.add_argument("account", nargs="?")
    hold.add_argument("--reason", help="why, 1 to 64 bytes; it stands in the journal")
    out = verb("move-out", "Close an account at its meter's register; its balance stays, and nobody is charged until somebody moves in.")
    out.add_argument("account")
    out.add_argument("--reason", required=True, help="1 to 64 bytes; it stands in the journal")
    into = verb("move-in", "Give the meter of an account to a new one, from its closing register on.")
    into.add_argument("account", help="who has, or had, the meter")
    into.add_argument("new", help="number of the new account")
    into.add_argument("--name", default="", type=str)
    for name in FLAGS:
        into.add_argument("--" + name, action="store_true")
    into.add_argument("--reason", required=True, help="1 to 64 bytes; it stands in the journal")
    carry = verb("transfer", "Have an account carried to another gateway, with its meter: its settings must have the meter there already.")
    carry.add_argument("account")
    carry.add_argument("gateway", help="where it is to live")
    carry.add_argument("--reason", required=True, help="1 to 64 bytes; it stands in both journals")
    carry.add_argument("--from-books", action="store_true", help="the gateway that has it is not heard: go on from its records held here")
    verb("transfers", "List accounts that were to go to another gateway, and how that stands.")
    back = verb("refund", "Pay back from the balance of an account; the same reference twice answers 'exists'.")
    back.add_argument("account")
    back.add_argument("amount", help="at most the balance, or: all")
    back.add_argument("--reference", required=True, help="the payment's own number, 1 to 200 characters")
    verb("receipt", "A payment or refund as it stands, with the countersignature over its booking.").add_argument("reference")


def _receipt(db: Database, given: argparse.Namespace) -> int:
    show.show_answer(commands.receipt(db, given.reference), given.json)
    return 0


def _move_out(db: Database, given: argparse.Namespace) -> int:
    show.show_answer(moves.move_out(db, given.account, given.reason, int(time())), given.json)
    return 0


def _move_in(db: Database, given: argparse.Namespace) -> int:
    if not given.name.isprintable():
        raise BadInput("name", "must be printable text")
    flags = sum(bit for name, bit in FLAGS.items() if getattr(given, name))
    show.show_answer(moves.move_in(db, given.account, given.new, given.name, flags, given.reason, int(time())), given.json)
    return 0


def _transfer(db: Database, given: argparse.Namespace) -> int:
    answer = transfers.transfer(db, given.account, given.gateway, given.reason, given.from_books, int(time()))
    show.show_answer(answer, given.json)
    return 0


def _transfers(db: Database, given: argparse.Namespace) -> int:
    show.show_rows(transfers.listed(db), TRANSFER_COLUMNS, given.json, "transfers")
    return 0


def _refund(db: Database, given: argparse.Namespace) -> int:
    show.show_answer(moves.refund(db, given.account, given.amount, given.reference, int(time())), given.json)
    return 0


def _held(db: Database, given: argparse.Namespace) -> int:
    if given.action == "list":
        if given.account is not None or given.reason is not None:
            raise BadInput("list", "takes neither account nor --reason")
        show.show_rows(held.listed(db), HELD_COLUMNS, given.json, "held readings")
        return 0
    for name in ("account", "reason"):
        if getattr(given, name) is None:
            raise BadInput(name, f"is missing: {given.action} needs ACCOUNT and --reason")
    show.show_answer(held.say(db, given.account, given.action, given.reason, int(time())), given.json)
    return 0


COMMANDS = {
    "held": _held,
    "move-out": _move_out,
    "move-in": _move_in,
    "transfer": _transfer,
    "transfers": _transfers,
    "refund": _refund,
    "receipt": _receipt,
}
