"""What the reconciliation of one account found, for people and for programs."""

from dataclasses import dataclass, field


@dataclass
class Result:
    """One account. `balance_ucu` is ours, `gateway_balance_ucu` is what the gateway's records say."""

    account: int
    credits_ucu: int = 0
    pending_ucu: int = 0
    charged_ucu: int = 0
    debt_ucu: int = 0  # moved from the balance to a debt
    charged_cwh: int = 0
    gateway_balance_ucu: int = 0
    charges: int = 0
    charges_seen_in_readings: int = 0
    differences: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # what could not be checked, and why
    segments: list[dict[str, object]] = field(default_factory=list)  # registers from and to, charged, written off, uncharged

    @property
    def balance_ucu(self) -> int:
        return self.credits_ucu - self.charged_ucu - self.debt_ucu

    def as_json(self) -> dict[str, object]:
        return {
            "account": self.account,
            "credits_ucu": self.credits_ucu,
            "pending_ucu": self.pending_ucu,
            "charged_ucu": self.charged_ucu,
            "debt_ucu": self.debt_ucu,
            "charged_cwh": self.charged_cwh,
            "balance_ucu": self.balance_ucu,
            "gateway_balance_ucu": self.gateway_balance_ucu,
            "charges": self.charges,
            "charges_seen_in_readings": self.charges_seen_in_readings,
            "differences": self.differences,
            "notes": self.notes,
            "segments": self.segments,
        }
