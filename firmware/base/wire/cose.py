"""COSE_Mac0 (RFC 9052 section 6.2): a payload with the proof that a holder of the key made it for this topic.

Tag 17, [protected, unprotected, payload, tag]; one algorithm, HMAC 256/256 (RFC 9053: 5). What we make carries the
algorithm in the protected header and the key's id (4) in the unprotected one; the MQTT topic is the external data, so a
message moved to another topic does not verify. What we take may carry either in either header, as the standard lets it,
but not the same label twice, and no `crit` (2): we understand no extension.

Traps avoided: the key, not the message, decides the algorithm: with one algorithm nothing can be talked down. Nothing of
the payload is looked at before the tag has been compared.
"""

from firmware.base.faults import Refused, WireFault
from firmware.base.port import const
from firmware.base.wire import cbor
from firmware.base.wire.hmac import TAG_BYTES, hmac_sha256, same_tag

MAC0_TAG = const(17)
LABEL_ALG = const(1)
LABEL_CRIT = const(2)
LABEL_KID = const(4)
ALG_HMAC_256_256 = const(5)

UNKNOWN_KID = "kid"
WRONG_ALG = "alg"
BAD_MAC = "mac"

_PROTECTED = b"\xa1\x01\x05"  # {1: 5}


def mac0_encode(key, kid, payload, external_aad):
    """COSE_Mac0 of `payload` (bytes) under `key`, naming it `kid` (bytes), bound to `external_aad` (bytes)."""
    tag = hmac_sha256(key, _to_be_maced(_PROTECTED, external_aad, payload))
    size = 2 + len(_PROTECTED) + 3 + len(kid) + len(payload) + TAG_BYTES + 4 * 9
    writer = cbor.Writer(bytearray(size))
    writer.tag(MAC0_TAG)
    writer.array(4)
    writer.bytes(_PROTECTED)
    writer.map(1)
    writer.int(LABEL_KID)
    writer.bytes(kid)
    writer.bytes(payload)
    writer.bytes(tag)
    return bytes(memoryview(writer.buf)[: writer.pos])


def mac0_decode(buf, start, end, key_of_kid, external_aad):
    """Payload (bytes) of the COSE_Mac0 in buf[start:end], verified.

    key_of_kid(kid) -> key or None; `kid` is bytes, or None when the message names none. WireFault when the structure is
    wrong; Refused with reason UNKNOWN_KID, WRONG_ALG or BAD_MAC otherwise.
    """
    message = cbor.decode(buf, start, end, tag=MAC0_TAG)
    if type(message) is not list or len(message) != 4:
        raise WireFault("cose: not an array of 4")
    protected, unprotected, payload, tag = message
    if type(protected) is not bytes or type(payload) is not bytes or type(tag) is not bytes:
        raise WireFault("cose: protected header, payload and tag are byte strings")
    headers = _headers(protected, unprotected)
    kid = headers.get(LABEL_KID)
    if kid is not None and type(kid) is not bytes:
        raise WireFault("cose: kid is a byte string")
    key = key_of_kid(kid)
    if key is None:
        raise Refused(UNKNOWN_KID)
    alg = headers.get(LABEL_ALG)
    if type(alg) is not int or alg != ALG_HMAC_256_256:
        raise Refused(WRONG_ALG)
    if protected == b"\xa0":
        protected = b""  # an empty header is authenticated as an empty string, however it was sent
    if not same_tag(tag, hmac_sha256(key, _to_be_maced(protected, external_aad, payload))):
        raise Refused(BAD_MAC)
    return payload


def _headers(protected, unprotected):
    """Both headers as one dict; WireFault when malformed, when a label stands in both, or when `crit` asks for more."""
    headers = cbor.decode(protected, 0, len(protected)) if protected else {}
    if type(headers) is not dict or type(unprotected) is not dict:
        raise WireFault("cose: headers are maps")
    if LABEL_CRIT in headers or LABEL_CRIT in unprotected:
        raise WireFault("cose: critical header")
    for label in unprotected:
        if label in headers:
            raise WireFault("cose: label in both headers")
        headers[label] = unprotected[label]
    return headers


def _to_be_maced(protected, external_aad, payload):
    """MAC_structure ["MAC0", protected, external_aad, payload] in pieces, without copying the payload."""
    return (
        b"\x84\x64MAC0",
        _string_head(protected),
        protected,
        _string_head(external_aad),
        external_aad,
        _string_head(payload),
        payload,
    )


def _string_head(value):
    writer = cbor.Writer(bytearray(9))
    writer.head(cbor.BYTES, len(value))
    return memoryview(writer.buf)[: writer.pos]
