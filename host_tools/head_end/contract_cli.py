"""Command line, part: contracts and meters - held readings."""

import argparse
from collections.abc import Callable
from time import time

from host_tools.head_end import held, show
from host_tools.head_end.database import Database
from host_tools.head_end.errors import BadInput

HELD_COLUMNS = ("account", "gateway", "meter", "why", "since_s", "register", "charged to", "shows", "ratio", "state")


def add_verbs(verb: Callable[[str, str], argparse.ArgumentParser]) -> None:
    hold = verb("held", "List readings that gateways hold; release one (believed from here on, the way to it written off) or reject it.")
    hold.add_argument("action", choices=["list", "release", "reject"])
    hold.add_argument("account", nargs="?")
    hold.add_argument("--reason", help="why, 1 to 64 bytes; it stands in the journal")


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


COMMANDS = {"held": _held}
