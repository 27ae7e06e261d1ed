"""What a message of a gateway asks of us, and what we think of its books (SPEC 5.5 field 8)."""

from dataclasses import dataclass

AGREES, BEHIND, FORK, UNKNOWN = 0, 1, 2, 3


@dataclass
class Heard:
    """An acknowledgement with these fields beside the cumulative ones."""

    gateway: str
    what: str
    resend_from: int | None = None
    resend_readings_from: int | None = None
    challenge: bytes | None = None
    came_online: bool = False
    stored: int = 0
