"""Money, energy, prices, addresses, times and codes as people read them."""

from datetime import datetime, timezone


def money(ucu: int) -> str:
    """Exact decimal text of an amount: at least 2, at most 6 decimals."""
    sign = "-" if ucu < 0 else ""
    whole, part = divmod(abs(ucu), 1_000_000)
    digits = f"{part:06d}".rstrip("0").ljust(2, "0")
    return f"{sign}{whole}.{digits}"


def energy(cwh: int) -> str:
    return f"{'-' if cwh < 0 else ''}{abs(cwh) // 100}.{abs(cwh) % 100:02d} kWh"


def price(value: int) -> str:
    return f"{value // 10_000}.{value % 10_000:04d}"


def address(serial: bytes) -> str:
    """Twelve digits as printed on the meter."""
    return serial[::-1].hex()


def when(at_s: int) -> str:
    if not at_s:
        return "time unknown"
    return datetime.fromtimestamp(at_s, timezone.utc).strftime("%Y-%m-%d %H:%M:%SZ")


def word(table: dict[int, str], code: int) -> str:
    return table.get(code, "code " + str(code))
