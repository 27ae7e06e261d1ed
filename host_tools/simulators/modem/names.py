"""The network's name server: A records of the names that it was given, no such name for the others (RFC 1035)."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address

PORT = 53
HEADER_BYTES = 12
TTL_S = 60
NO_SUCH_NAME = 3


def answer(query: bytes, hosts: Mapping[str, IPv4Address]) -> bytes | None:
    """The answer to one question; None for what is no question."""
    if len(query) < HEADER_BYTES + 5 or query[2] & 0x80 or query[4:6] != b"\x00\x01":
        return None
    labels = []
    at = HEADER_BYTES
    while query[at]:
        labels.append(query[at + 1 : at + 1 + query[at]].decode("latin1").lower())
        at += 1 + query[at]
        if at + 5 > len(query):
            return None
    question = query[HEADER_BYTES : at + 5]
    address = hosts.get(".".join(labels))
    if address is None or question[-4:] != b"\x00\x01\x00\x01":
        return query[:2] + bytes((0x81, 0x80 | NO_SUCH_NAME)) + b"\x00\x01" + bytes(6) + question
    record = b"\xc0\x0c\x00\x01\x00\x01" + TTL_S.to_bytes(4, "big") + b"\x00\x04" + address.packed
    return query[:2] + b"\x81\x80\x00\x01\x00\x01" + bytes(4) + question + record
