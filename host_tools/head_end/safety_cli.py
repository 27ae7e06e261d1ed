"""Command line, part: what one person must not do alone - operators, their signatures, the fleet brake."""

import argparse
import json
from collections.abc import Callable
from time import time

from host_tools.head_end import brakes, documents, fleet_brake, show, signers
from host_tools.head_end.database import Database
from host_tools.head_end.errors import BadInput
from host_tools.head_end.tariff_document import Tariff
from host_tools.journal_reader.words import money, when


def add_verbs(verb: Callable[[str, str], argparse.ArgumentParser]) -> None:
    operator = verb("operator", "Add somebody who may sign; from the third on by the signature of one who is there.")
    operator.add_argument("action", choices=["add"])
    operator.add_argument("name")
    operator.add_argument("--public-key", required=True, metavar="HEX")
    add_signature(operator)
    sign = verb("sign", "On an operator's own machine, without a database: make a key, or sign a tariff, a release, a new operator.")
    sign.add_argument("what", choices=["new-key", "tariff", "release", "operator"])
    sign.add_argument("over", nargs="*", help="FILE of the tariff; NONCE that fleet-brake shows; NAME HEX of the operator")
    sign.add_argument("--key-file", required=True, help="64 hex digits; new-key writes it")
    brake = verb("fleet-brake", "Show, set or release the brake that holds the cut orders of all gateways.")
    brake.add_argument("action", choices=["show", "set", "release"], nargs="?", default="show")
    brake.add_argument("--accounts", type=int, metavar="N", help="set: so many accounts may be due within the window")
    brake.add_argument("--share", type=int, metavar="PERCENT", help="set: or so many of all, whichever is more")
    brake.add_argument("--window", type=int, metavar="HOURS", help="set: the window")
    add_signature(brake)
    held = verb("brakes", "List the gateways whose brake is closed, what closed it, and the cuts that it holds.")
    held.add_argument("gateway", nargs="?", help="this one only; `gateway release-brake NAME` releases it")


def add_signature(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--signature", action="append", default=[], metavar="NAME=HEX", help="of an operator, by `sign`; may come twice")


def sign(given: argparse.Namespace) -> int:
    """Without a database."""
    wanted = {"new-key": 0, "tariff": 1, "release": 1, "operator": 2}[given.what]
    if len(given.over) != wanted:
        raise BadInput("over", f"{given.what} takes {wanted} of them, got {len(given.over)}")
    if given.what == "new-key":
        key = signers.new_key(given.key_file)
        show.show_answer({"answer": "created", "key_file": given.key_file, "public_key": key.hex()}, given.json)
        return 0
    if given.what == "tariff":
        value = documents.read_json(given.over[0])
        documents.check(Tariff, value)
        text = signers.tariff_text(value)
    elif given.what == "release":
        text = signers.release_text(given.over[0])
    else:
        text = signers.operator_text(given.over[0], _hex(given.over[1]))
    show.show_answer({"answer": "signed", "signature": signers.sign(given.key_file, text).hex()}, given.json)
    return 0


def _hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise BadInput("over", f"must be hex digits, got {text[:80]!r}") from None


def _operator(db: Database, given: argparse.Namespace) -> int:
    show.show_answer(signers.add_operator(db, given.name, given.public_key, given.signature, int(time())), given.json)
    return 0


def _fleet_brake(db: Database, given: argparse.Namespace) -> int:
    limits = (given.accounts, given.share, given.window)
    if given.action == "set":
        if None in limits:
            raise BadInput("set", "needs --accounts, --share and --window")
        show.show_answer(fleet_brake.set_limits(db, *limits), given.json)
    elif limits != (None, None, None):
        raise BadInput(given.action, "takes none of --accounts, --share and --window")
    elif given.action == "release":
        show.show_answer(fleet_brake.release(db, given.signature, int(time())), given.json)
    else:
        show.show_answer(fleet_brake.state(db, int(time())), given.json)
    return 0


def _brakes(db: Database, given: argparse.Namespace) -> int:
    rows = brakes.closed(db, given.gateway)
    if given.json:
        print(json.dumps({"brakes": rows}))
        return 0
    if not rows:
        show.show_lines(["no brake is closed"])
    for row in rows:
        show.show_lines([f"{row['gateway']}: closed since {when(row['since_s'])} by {row['cause']}"])
        held = [
            {**one, "since": when(one["since_s"]), "available": money(one["available_ucu"]), "also waits for": "; ".join(one["also"])}
            for one in row["held"]
        ]
        show.show_rows(held, ("account", "since", "available", "order", "also waits for"), False, "cuts that it holds")
    return 0


COMMANDS = {"operator": _operator, "fleet-brake": _fleet_brake, "brakes": _brakes}
