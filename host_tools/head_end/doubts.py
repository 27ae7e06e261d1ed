"""A status is not authenticated (SPEC 5.3): what it says against the records held here is doubted before it is believed.

Anybody who may publish on a gateway's status topic could call it behind or forked, and so stop its cuts and have it take an old state.
So such a status gets no answer to its challenge; the gateway is asked for the last record held. A sound gateway sends it, authenticated:
the status was not its own. One that really lost its tail is not let past its gate, sends nothing, and says the same again in
its next status, after at least DOUBT_S.
"""

import json

from host_tools.head_end.database import Database
from host_tools.head_end.messages import Status

DOUBT_S = 5  # shorter than a gateway waits before it says its status again, longer than its answer takes


def believed(db: Database, gateway_id: int, gateway: str, status: Status, now_s: int) -> bool:
    """True when a status said so before, long enough ago, and no record spoke against it since; else it is noted."""
    row = db.row("SELECT doubted, doubted_at_s FROM gateways WHERE id = ?", gateway_id)
    if row is not None and row["doubted"] is not None:
        before = json.loads(row["doubted"])
        if before["challenge"] != status.challenge.hex() and now_s >= int(row["doubted_at_s"]) + DOUBT_S:
            return True
    else:
        db.count(gateway, "status_doubted")
        told = json.dumps({"epoch": status.epoch, "sequence": status.sequence, "challenge": status.challenge.hex()})
        db.run("UPDATE gateways SET doubted = ?, doubted_at_s = ? WHERE id = ?", told, now_s, gateway_id)
    return False


def forget(db: Database, gateway_id: int) -> None:
    db.run("UPDATE gateways SET doubted = NULL, doubted_at_s = NULL WHERE id = ?", gateway_id)


def answer(db: Database, gateway_id: int, gateway: str, now_s: int) -> None:
    """An authenticated message agrees with the records held: whatever a status said against them was not true."""
    db.run("UPDATE gateways SET online = 1 WHERE id = ?", gateway_id)
    row = db.row("SELECT doubted FROM gateways WHERE id = ?", gateway_id)
    if row is None or row["doubted"] is None:
        return
    told = json.loads(row["doubted"])
    sentence = f"a status said epoch {told['epoch']} sequence {told['sequence']}, the gateway's own records say otherwise"
    db.report(gateway, now_s, "status_contradicted", sentence)
    forget(db, gateway_id)
