"""Orders for a gateway in safe mode: restores for who paid, the end of the stay, a document taken away (SPEC 8).

Such a gateway takes no credit, so its customers' payments wait here; who would be restored by them gets order 20, which names the
newest of them: supply returns now, and in the next normal life nobody is cut before that payment is in the books.
"""

import argparse
import json
from collections.abc import Callable
from time import time

import cbor2

from host_tools.head_end import openings, safe_reports, show
from host_tools.head_end.amounts import parse_decimal
from host_tools.head_end.database import Database
from host_tools.head_end.errors import BadInput
from host_tools.head_end.folding import fold, records_of
from host_tools.head_end.messages import NEVER_S
from host_tools.journal_reader.words import when

CUT, RESTORE, RESTORE_PAID, LEAVE, SWAP = 1, 2, 20, 21, 22
TAKEN = (CUT, RESTORE, RESTORE_PAID, LEAVE, SWAP)  # order codes that safe mode answers
STAY_ONLY = (LEAVE, SWAP)
STAY_EXPIRES_S = 86_400
WHAT = {"tariff": 1, "policy": 2}
OUTCOMES_SHOWN = 20
Row = dict[str, object]


def document_for(code: int, document: bytes | None, nonce: bytes | None, meter: str | None) -> bytes | None:
    """What an order bears when it leaves: in safe mode the nonce of the stay and the meter, too."""
    if nonce is None or code == CUT:
        return document if code not in STAY_ONLY else None
    fields = cbor2.loads(document) if document else {}
    if code in (RESTORE, RESTORE_PAID):
        fields = {2: bytes.fromhex(meter or "")[::-1]}
    return cbor2.dumps({1: nonce, **fields}, canonical=True)


def restore_paid(db: Database, now_s: int) -> None:
    """Order supply for who paid enough at a gateway that cannot book it."""
    if db.row("SELECT 1 FROM safe_modes WHERE ended_s IS NULL") is None:
        return
    newest: dict[int, tuple[int, int, int, int, int]] = {}  # account -> gateway, issuer, number, policy, sum of what waits
    for row in db.rows(
        "SELECT c.account, c.issuer, c.number, c.amount_ucu, a.policy, a.gateway_id FROM credits c JOIN accounts a USING (account)"
        " JOIN safe_modes s USING (gateway_id) WHERE s.ended_s IS NULL AND c.receipt = 'pending' ORDER BY c.at_s, c.number"
    ):
        waits = newest[row["account"]][4] if row["account"] in newest else 0
        newest[row["account"]] = (row["gateway_id"], row["issuer"], row["number"], row["policy"], waits + row["amount_ucu"])
    for account, (gateway_id, issuer, number, policy, waits_ucu) in newest.items():
        known = db.row(
            "SELECT 1 FROM orders WHERE account = ? AND code = ? AND credit_number = ? AND overridden = ?",
            *(account, RESTORE_PAID, number, issuer),
        )
        if known is None and _is_enough(db, account, policy, waits_ucu):
            _add(db, gateway_id, account, RESTORE_PAID, now_s, NEVER_S - now_s, credit=number, issuer=issuer)


def _is_enough(db: Database, account: int, policy: int, waits_ucu: int) -> bool:
    """As the gateway counts where no reading is fresh: the plain balance."""
    if waits_ucu <= 0:
        return False
    row = db.row("SELECT text FROM documents WHERE what = 2 AND id = ? ORDER BY version DESC LIMIT 1", policy)
    if row is None:
        return True  # nobody is cut without a policy
    restore_ucu = parse_decimal(json.loads(bytes(row["text"]))["restore"], 6, "restore")
    row = fold(account, records_of(db, account))
    return row.balance_ucu + waits_ucu >= restore_ucu - row.limit_ucu


def leave(db: Database, gateway: str, now_s: int) -> Row:
    """Order 21: try a normal life now."""
    with db.transaction():
        stay = _stay(db, gateway)
        number = _add(db, int(stay["gateway_id"]), 0, LEAVE, now_s, STAY_EXPIRES_S)
    return {"answer": "created", "gateway": gateway, "order": "leave safe mode", "number": number}


def take_away(db: Database, gateway: str, kind: str, identity: int, version: int, instead: int | None, now_s: int) -> Row:
    """Order 22: a version that breaks the gateway goes; another one that is kept here may take its place."""
    with db.transaction():
        stay = _stay(db, gateway)
        text = None
        for field, wanted in (("version", version), ("instead", instead)):
            row = db.row("SELECT text FROM documents WHERE what = ? AND id = ? AND version = ?", WHAT[kind], identity, wanted)
            if wanted is not None and row is None:
                raise BadInput(field, f"{kind} {identity} version {wanted} is not kept here: `{kind} set` keeps one")
            text = bytes(row["text"]) if row is not None and field == "instead" else text
        if instead == version:
            raise BadInput("instead", "must be another version")
        document = cbor2.dumps({2: WHAT[kind], 3: identity, 4: version, 5: instead or 0, 6: text}, canonical=True)
        number = _add(db, int(stay["gateway_id"]), 0, SWAP, now_s, STAY_EXPIRES_S, document)
    answer: Row = {"answer": "created", "gateway": gateway, "order": "take away", kind: identity, "version": version}
    return answer | {"instead": instead, "number": number}


def _stay(db: Database, gateway: str) -> Row:
    if db.row("SELECT 1 FROM gateways WHERE name = ?", gateway) is None:
        raise BadInput("gateway", f"{gateway} is unknown")
    row = db.row(
        "SELECT s.* FROM safe_modes s JOIN gateways g ON g.id = s.gateway_id WHERE g.name = ? AND s.ended_s IS NULL", gateway
    )
    if row is None:
        raise BadInput("gateway", f"{gateway} is not in safe mode")
    return {name: row[name] for name in row.keys()}


def _add(
    db: Database, gateway_id: int, account: int, code: int, now_s: int, expires_s: int, document: bytes | None = None,
    credit: int = 0, issuer: int = 0,
) -> int:  # fmt: skip
    with db.transaction():
        number = 1 + (openings.last_order(db, account) if account else openings.last_gateway_order(db, gateway_id))
        db.run(
            "INSERT INTO orders (gateway_id, account, number, code, expires_at_s, credit_number, overridden, document, at_s)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            *(gateway_id, account, number, code, now_s + expires_s, credit, issuer, document, now_s),
        )
    return number


def shown(db: Database, gateway: str) -> Row:
    """The stay, and what was done in it."""
    row = _stay(db, gateway)
    outcomes = db.rows(
        "SELECT * FROM safe_outcomes WHERE gateway_id = ? AND heard_s >= ? ORDER BY heard_s DESC LIMIT ?",
        *(row["gateway_id"], row["since_s"], OUTCOMES_SHOWN),
    )
    told: Row = {"answer": "SAFE MODE", "gateway": gateway}
    told |= {name: row[name] for name in ("fault", "broken", "tries", "left_s", "strange", "boot_count")}
    told |= {"since": when(int(str(row["since_s"]))), "heard": when(int(str(row["heard_s"])))}
    return told | {"orders": [safe_reports.outcome_in_words(one) for one in reversed(outcomes)]}


def add_verbs(verb: Callable[[str, str], argparse.ArgumentParser]) -> None:
    stay = verb("safe-mode", "Show a gateway that broke again and again, end its safe mode, or take away the document that breaks it.")
    stay.add_argument("gateway")
    stay.add_argument("action", choices=["show", "leave", "take-away"], nargs="?", default="show")
    stay.add_argument("kind", choices=sorted(WHAT), nargs="?", help="take-away: of which kind")
    stay.add_argument("id", type=int, nargs="?", help="take-away: number of the tariff or policy")
    stay.add_argument("version", type=int, nargs="?", help="take-away: the version that goes")
    stay.add_argument("--instead", type=int, metavar="VERSION", help="take-away: the version that is put there, kept here by `set`")


def _safe_mode(db: Database, given: argparse.Namespace) -> int:
    place = (given.kind, given.id, given.version)
    if given.action != "take-away" and (place != (None, None, None) or given.instead is not None):
        raise BadInput(given.action, "takes no document")
    if given.action == "show":
        show.show_answer(shown(db, given.gateway), given.json)
    elif given.action == "leave":
        show.show_answer(leave(db, given.gateway, int(time())), given.json)
    elif None in place:
        raise BadInput("take-away", "needs kind, number and version, such as: take-away tariff 1 2")
    else:
        show.show_answer(take_away(db, given.gateway, *place, given.instead, int(time())), given.json)
    return 0


COMMANDS = {"safe-mode": _safe_mode}
