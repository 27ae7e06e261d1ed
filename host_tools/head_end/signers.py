"""Operators who sign what one person must not do alone: Ed25519, the private key in a file of the operator's own, never here.

Signed is a text that says whole what is agreed to: a tariff (its compact JSON), a release of the fleet brake (its nonce), a new operator.
The first two operators are added freely, each further one by the signature of one who is there.

Trap avoided: one person with two names is one signer, so a public key stands in the books once.
"""

import os
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from host_tools.head_end.amounts import parse_decimal
from host_tools.head_end.database import Database
from host_tools.head_end.documents import compact
from host_tools.head_end.errors import BadInput

FREE_OPERATORS = 2
_PRICES = ("prices", "fee_per_day", "fee_per_month", "minimum_per_month", "steps")
_NO_PRICE = ("name", "thresholds", "over", "season")


def tariff_text(value: Any) -> bytes:
    return b"lamplighter-tariff-1\n" + compact(value)


def release_text(nonce: str) -> bytes:
    return f"lamplighter-release-fleet-brake-1\n{nonce}".encode()


def operator_text(name: str, public_key: bytes) -> bytes:
    return f"lamplighter-operator-1\n{name}\n{public_key.hex()}".encode()


def new_key(path: str) -> bytes:
    """A private key into a new file that only its owner may read -> the public key."""
    key = Ed25519PrivateKey.generate()
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(key.private_bytes_raw().hex() + "\n")
    except OSError as fault:
        raise BadInput("key-file", f"{path} cannot be written: {fault.strerror}") from fault
    return key.public_key().public_bytes_raw()


def sign(path: str, text: bytes) -> bytes:
    try:
        key = bytes.fromhex(Path(path).read_text(encoding="ascii").strip())
    except (OSError, ValueError) as fault:
        raise BadInput("key-file", f"{path} cannot be read as hex digits: {fault}") from fault
    if len(key) != 32:
        raise BadInput("key-file", f"{path} must hold 64 hex digits")
    return Ed25519PrivateKey.from_private_bytes(key).sign(text)


def add_operator(db: Database, name: str, public_key_text: str, signatures: list[str], now_s: int) -> dict[str, object]:
    if not name.isascii() or not name.replace("-", "").replace("_", "").isalnum() or len(name) > 32:
        raise BadInput("operator", f"must be 1 to 32 letters, digits, '-' or '_', got {name!r}")
    public_key = _octets("public-key", public_key_text, 32)
    with db.transaction():
        old = db.row("SELECT * FROM operators WHERE name = ? OR public_key = ?", name, public_key)
        if old is not None:
            if (old["name"], bytes(old["public_key"])) != (name, public_key):
                raise BadInput("operator", f"{old['name']} has this name or this key already")
            return {"answer": "exists", "operator": name}
        if db.number("SELECT count(*) FROM operators") >= FREE_OPERATORS:
            require(db, operator_text(name, public_key), signatures, 1, "adding an operator", now_s)
        db.run("INSERT INTO operators VALUES (?, ?, ?)", name, public_key, now_s)
    return {"answer": "created", "operator": name, "public_key": public_key.hex()}


def require(db: Database, text: bytes, signatures: list[str], count: int, what: str, now_s: int) -> list[str]:
    """Names of `count` or more operators who signed `text`, each given as NAME=HEX; kept as evidence. BadInput when there are fewer, or
    one is wrong."""
    good: dict[str, bytes] = {}
    for given in signatures:
        name, equals, digits = given.partition("=")
        row = db.row("SELECT public_key FROM operators WHERE name = ?", name)
        if not equals or row is None:
            raise BadInput("signature", f"must be NAME=HEX of a known operator, got {given[:40]!r}")
        signature = _octets("signature", digits, 64)
        try:
            Ed25519PublicKey.from_public_bytes(bytes(row["public_key"])).verify(signature, text)
        except InvalidSignature:
            raise BadInput("signature", f"of {name} is not over this") from None
        good[name] = signature
    if len(good) < count:
        raise BadInput("signature", f"{what} needs {count} signature{'s' if count > 1 else ''} of operators, {len(good)} given")
    for name, signature in good.items():
        db.run("INSERT OR REPLACE INTO signatures VALUES (?, ?, ?, ?)", name, text, signature, now_s)
    return sorted(good)


def _octets(field: str, text: str, size: int) -> bytes:
    try:
        value = bytes.fromhex(text)
    except ValueError:
        value = b""
    if len(value) != size or len(text) != 2 * size:
        raise BadInput(field, f"must be {2 * size} hex digits")
    return value


def large_change(old: Any, new: Any) -> str | None:
    """Where a price of a tariff changes by more than half of what it is; None where none does. A price that has no counterpart is
    held against the lowest and the highest of its kind before."""
    if old["currency"] != new["currency"]:
        return "currency"
    before, after = dict(_prices(old)), dict(_prices(new))
    for place, price in sorted(after.items()):
        if place in before:
            changed = 2 * abs(price - before[place]) > abs(before[place])
        else:
            same = [was for where, was in before.items() if _kind(where) == _kind(place)] or [0]
            changed = 2 * price > 3 * max(same) or 2 * price < min(same)
        if changed:
            return place
    kinds = {_kind(place) for place in after}
    return next((_kind(place) for place, was in sorted(before.items()) if was and _kind(place) not in kinds), None)


def _kind(place: str) -> str:
    return place.partition(".")[0]


def _prices(value: Any) -> list[tuple[str, int]]:
    """(place, price in millionths) of every price and fee of a tariff document that was checked."""
    found: list[tuple[str, int]] = []

    def walk(place: str, item: Any) -> None:
        if isinstance(item, dict):
            label = str(item["name"]) if "name" in item else ""
            for name in sorted(item):
                if name not in _NO_PRICE:
                    walk(f"{place}.{label + '.' if label else ''}{name}", item[name])
        elif isinstance(item, list):
            for number, one in enumerate(item):
                named = isinstance(one, dict) and "name" in one
                walk(place if named else f"{place}.{number}", one)
        elif isinstance(item, str):
            found.append((place, parse_decimal(item, 6, place)))

    for name in _PRICES:
        if name in value:
            walk(name, value[name])
    return found
