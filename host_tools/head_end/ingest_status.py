"""up/status: who says where it stands, compared with the records held (SPEC 5.3, 5.5 field 8)."""

import json
from dataclasses import asdict

from host_tools.head_end import doubts
from host_tools.head_end.database import Database
from host_tools.head_end.heard import AGREES, BEHIND, FORK, Heard
from host_tools.head_end.messages import Status

CHALLENGES_KEPT = 16  # a broker may hand over again what it handed over long ago
CHALLENGE_BYTES = 8
OWED_S = 60  # a status bears no MAC: it can delay a payment, not stop it


def take_status(db: Database, gateway_id: int, name: str, status: Status, now_s: int) -> Heard | None:
    gateway = db.row("SELECT * FROM gateways WHERE id = ?", gateway_id)
    assert gateway is not None
    if not status.online:
        db.run("UPDATE gateways SET online = 0 WHERE id = ?", gateway_id)
        return None
    answered = _pieces(bytes(gateway["challenges_answered"]))
    if status.challenge in answered or gateway["challenge"] is not None and bytes(gateway["challenge"]) == status.challenge:
        # a repeat, however old, or the retained copy of what was answered: comparing it now would call a sound gateway behind
        db.run("UPDATE gateways SET online = 1 WHERE id = ?", gateway_id)
        return Heard(name, "status", came_online=not gateway["online"])
    comparison = _compare(db, gateway_id, status)
    if comparison == AGREES and gateway["comparison"] == FORK and status.epoch <= int(gateway["epoch"]):
        comparison = FORK  # only a new epoch ends a fork
    news = comparison != int(gateway["comparison"]) and comparison != AGREES
    if news and not doubts.believed(db, gateway_id, name, status, now_s):
        db.run("UPDATE gateways SET online = 1 WHERE id = ?", gateway_id)
        return Heard(name, "status", resend_from=int(gateway["sequence"]), came_online=not gateway["online"])
    doubts.forget(db, gateway_id)
    if news:
        word = {BEHIND: "behind", FORK: "fork"}[comparison]
        db.report(
            name,
            now_s,
            word,
            f"gateway says epoch {status.epoch} sequence {status.sequence}, held are epoch "
            f"{gateway['epoch']} sequence {gateway['sequence']}",
        )
    told = asdict(status) | {"chain": status.chain.hex(), "challenge": status.challenge.hex()}
    heard = Heard(name, "status", challenge=status.challenge, came_online=True)
    before = json.loads(gateway["status"]) if gateway["status"] else None
    if comparison == AGREES and before and before.get("held") == gateway["sequence"] and before["sequence"] > gateway["sequence"]:
        heard.resend_from = int(gateway["sequence"]) + 1  # nothing came since the last status: something was lost
    told["held"] = gateway["sequence"]
    _owed(db, gateway_id, name, int(gateway["sequence"]), status, now_s)
    db.run(
        "UPDATE gateways SET online = 1, status = ?, status_at_s = ?, challenge = ?, comparison = ?, challenges_answered = ? WHERE id = ?",
        json.dumps(told),
        now_s,
        status.challenge,
        comparison,
        b"".join([*answered, status.challenge][-CHALLENGES_KEPT:]),
        gateway_id,
    )
    return heard


def _pieces(kept: bytes) -> list[bytes]:
    return [kept[at : at + CHALLENGE_BYTES] for at in range(0, len(kept), CHALLENGE_BYTES)]


def _owed(db: Database, gateway_id: int, name: str, held: int, status: Status, now_s: int) -> None:
    """More was acknowledged to the gateway than is held: this database was restored. Its next payments would bear numbers and totals
    that the gateway has had already, and a higher number with a lower total takes money away: they wait until its records are here.
    """
    acknowledged = max(0, status.sequence - status.records_waiting)
    if acknowledged > held:
        db.run("UPDATE gateways SET owed = ?, owed_until_s = ? WHERE id = ?", acknowledged, now_s + OWED_S, gateway_id)
        db.report(name, now_s, "restored", f"{acknowledged} records were acknowledged to it, {held} are held: this database is older")
    else:
        db.run("UPDATE gateways SET owed = 0 WHERE id = ?", gateway_id)


def _compare(db: Database, gateway_id: int, status: Status) -> int:
    """SPEC 5.5 field 8 for what the gateway says of itself."""
    gateway = db.row("SELECT * FROM gateways WHERE id = ?", gateway_id)
    assert gateway is not None
    held, epoch, given = int(gateway["sequence"]), int(gateway["epoch"]), int(gateway["given_epoch"])
    if given > epoch and status.epoch == given:
        return AGREES  # it took the state; its records will follow
    if given > epoch and gateway["comparison"] in (BEHIND, FORK):
        return int(gateway["comparison"])  # a state was given and is not taken yet
    if held == 0:
        return AGREES
    if status.sequence == 0:
        return BEHIND
    if status.sequence <= held:
        stored = db.row("SELECT chain FROM records WHERE gateway_id = ? AND sequence = ?", gateway_id, status.sequence)
        if stored is None or bytes(stored["chain"]) != status.chain:
            return FORK
        return AGREES if status.sequence == held else BEHIND
    return AGREES if status.epoch == epoch else FORK
