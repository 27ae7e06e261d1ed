"""Command line, part: contracts and meters - held readings, moving out and in, paying back."""

import argparse
from collections.abc import Callable
from time import time

from host_tools.head_end import commands, held, moves, show
from host_tools.head_end.commands import FLAGS
from host_tools.head_end.database import Database
from host_tools.head_end.errors import BadInput

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


COMMANDS = {"held": _held, "move-out": _move_out, "move-in": _move_in, "refund": _refund, "receipt": _receipt}
