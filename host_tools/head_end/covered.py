"""The countersignature that covers a record: the first acknowledgement at or behind it, made again from the chain held now.

Whoever has a receipt or a statement on paper can later be shown that the books were not changed since: epoch, sequence and chain say
which books, and only this head-end's own key makes the countersignature over them.
"""

from dataclasses import dataclass

from host_tools.head_end.database import Database
from host_tools.head_end.messages import countersign
from host_tools.journal_reader.words import when


@dataclass(frozen=True)
class Covered:
    """`valid` False: the books were changed after it was given."""

    epoch: int
    sequence: int
    chain: bytes
    countersign: bytes
    at_s: int
    valid: bool

    @property
    def code(self) -> str:
        """For paper: epoch, sequence, chain, countersignature."""
        return f"{self.epoch}-{self.sequence}-{self.chain.hex()}-{self.countersign.hex()}"

    def in_words(self) -> str:
        agrees = "signature agrees" if self.valid else "SIGNATURE DOES NOT AGREE: the books were changed afterwards"
        where = f"epoch {self.epoch}, record {self.sequence}, chain {self.chain.hex()}"
        return f"countersigned at {when(self.at_s)} over {where}: {self.countersign.hex()}, {agrees}"

    def as_json(self) -> dict[str, object]:
        return {
            "epoch": self.epoch,
            "sequence": self.sequence,
            "chain": self.chain.hex(),
            "countersign": self.countersign.hex(),
            "at_s": self.at_s,
            "valid": self.valid,
        }


def covering(db: Database, gateway_id: int, sequence: int) -> Covered | None:
    """None while nothing at or behind this record was countersigned."""
    ack = db.row("SELECT * FROM acknowledgements WHERE gateway_id = ? AND sequence >= ? ORDER BY sequence LIMIT 1", gateway_id, sequence)
    secret = db.row("SELECT countersign_key FROM head_end")
    gateway = db.row("SELECT name FROM gateways WHERE id = ?", gateway_id)
    if ack is None or secret is None or gateway is None:
        return None
    held = db.row("SELECT chain FROM records WHERE gateway_id = ? AND sequence = ?", gateway_id, ack["sequence"])
    chain = bytes(held["chain"]) if held else b""
    again = countersign(bytes(secret[0]), str(gateway["name"]), ack["epoch"], ack["sequence"], chain)
    valid = again == bytes(ack["countersign"])
    return Covered(int(ack["epoch"]), int(ack["sequence"]), bytes(ack["chain"]), bytes(ack["countersign"]), int(ack["at_s"]), valid)
