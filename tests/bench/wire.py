"""What the wire itself costs: every byte takes 11 bits (start, 8 data, even parity, stop), every answer its delay.

Frame lengths are those of DL/T 645-2007: 12 bytes around the data, 4 wake-up bytes FE before them.
"""

from collections.abc import Iterable

BITS = 11
AROUND = 4 + 12
ITEM = 4

# (data bytes of the request, data bytes of the reply)
ENERGY = (ITEM, ITEM + 4)
STATUS = (ITEM, ITEM + 2)
DATE = (ITEM, ITEM + 4)
TIME = (ITEM, ITEM + 3)
FREEZE_TIME = (ITEM, ITEM + 5)
FREEZE_REGISTER = (ITEM, ITEM + 20)  # total and four rates
RELAY = (16, 0)  # password 4, operator 4, N1, N2, valid-until 6


def exchange_bytes(exchange: tuple[int, int]) -> int:
    """Bytes of a request and its reply on the wire."""
    return 2 * AROUND + sum(exchange)


def limit_ms(exchanges: Iterable[tuple[int, int]], baud: int, answer_ms: int) -> float:
    """Sum over exchanges of bytes x 11 bits / baud + the answer's delay."""
    return sum(exchange_bytes(one) * BITS * 1_000 / baud + answer_ms for one in exchanges)
