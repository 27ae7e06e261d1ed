"""One line of the bench: a number, and the limit or the peer of the same run that it stands against."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """`ratio` is value / against; `note` says how the limit is computed. Never a verdict: the bench asserts nothing."""

    what: str
    value: float
    unit: str
    against: float
    limit: str
    note: str = ""

    @property
    def ratio(self) -> float:
        return round(self.value / self.against, 3) if self.against else 0.0
