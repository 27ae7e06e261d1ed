"""Decimal text to integers and back. No float ever holds money, energy or a price."""

import re

from host_tools.head_end.errors import BadInput

UCU = 1_000_000
AMOUNT_MAX_UCU = 10_000_000 * UCU  # ten million: no customer pays that; a slipped decimal point does
PRICE_MAX = 10_000 * 10_000
_DECIMAL = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?")


def parse_decimal(text: str, decimals: int, field: str) -> int:
    """Plain decimal text -> integer of 10**-decimals. BadInput names `field`; exponents, NaN, signs `+` are refused."""
    found = _DECIMAL.fullmatch(text)
    if found is None:
        raise BadInput(field, f"must be a plain decimal number such as 12.50, got {text!r}")
    sign, whole, part = found.group(1), found.group(2), found.group(3) or ""
    if len(part) > decimals:
        raise BadInput(field, f"has {len(part)} decimals, at most {decimals} are allowed: {text}")
    if len(whole) > 15:
        raise BadInput(field, "is too large: " + text)
    value: int = int(whole) * 10**decimals + int(part.ljust(decimals, "0") or "0")
    return -value if sign else value


def parse_top_up(text: str) -> int:
    """Amount of a top-up in ucu: more than zero, at most 6 decimals, at most AMOUNT_MAX_UCU."""
    amount_ucu = parse_decimal(text, 6, "amount")
    if amount_ucu <= 0:
        raise BadInput("amount", "must be more than zero, got " + text)
    if amount_ucu > AMOUNT_MAX_UCU:
        raise BadInput("amount", f"is too large: {text}, at most {AMOUNT_MAX_UCU // UCU}")
    return amount_ucu


def parse_limit(text: str) -> int:
    """A level of a policy in ucu, also below zero."""
    limit_ucu = parse_decimal(text, 6, "amount")
    if abs(limit_ucu) > AMOUNT_MAX_UCU:
        raise BadInput("amount", f"is too large: {text}, at most {AMOUNT_MAX_UCU // UCU}")
    return limit_ucu


def parse_price(text: str, field: str) -> int:
    """Price in 0.0001 currency per kWh."""
    price = parse_decimal(text, 4, field)
    if text.startswith("-") or price > PRICE_MAX:
        raise BadInput(field, "must be between 0 and 10000, got " + text)
    return price
