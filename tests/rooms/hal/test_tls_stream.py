"""TLS before and around the handshake: files that cannot be used, and what a certificate that is not valid yet says of the clock.

The handshake itself is proven against Mosquitto in tests/peers/test_peer_tls.py and on the emulated board.
"""

import os

from firmware.base import aio
from firmware.base.faults import BadInput, TlsFault
from firmware.hal.tls_stream import NOT_YET, TlsUplink, with_tls
from tests.kit import eq, raises

MADE_S = 1_790_000_000


class Named:
    """An object with these attributes."""

    def __init__(self, **values):
        for name in values:
            setattr(self, name, values[name])


def refused(content, **names):
    """BadInput of with_tls when every file named has this content, None = is not there."""
    tls = Named(ca="tls-test-ca.der", name="broker.test", certificate=None, key=None)
    for name in names:
        setattr(tls, name, names[name])
    files = [name for name in (tls.ca, tls.certificate, tls.key) if name is not None and content is not None]
    for name in files:
        with open(name, "wb") as file:
            file.write(content)
    try:
        return raises(BadInput, with_tls, None, Named(tls=tls), ".", None)
    finally:
        for name in files:
            os.remove(name)


def test_without_tls_the_uplink_is_what_it_was():
    uplink = object()
    eq(with_tls(uplink, Named(tls=None), ".", None) is uplink, True)


def test_a_file_that_cannot_be_used_is_named():
    eq(str(refused(None)), "uplink.tls.ca: the file tls-test-ca.der is missing")
    eq(refused(b"").field, "uplink.tls.ca")
    eq(refused(bytes(9_000)).field, "uplink.tls.ca")
    eq(str(refused(b"-----BEGIN CERTIFICATE-----\nAA==\n")), "uplink.tls.ca: tls-test-ca.der is no certificate in DER")


class Slow:
    """A clock that can be told, and what it was told."""

    def __init__(self, can=True):
        self.can = can
        self.hints = []

    def set_hint(self, at_s):
        self.hints.append(at_s)
        return self.can


class Story(TlsUplink):
    """Its connections end as `ends` says: a sentence, or "" for a stream. Each sees a certificate made at MADE_S."""

    def __init__(self, clock, *ends):
        super().__init__(None, None, "broker.test", clock)
        self.ends = list(ends)

    async def _connect_once(self, host, port, timeout_ms):
        self._not_before_s = MADE_S
        end = self.ends.pop(0)
        if end:
            raise TlsFault(end)
        return "stream"


def outcome(story):
    try:
        return aio.run(story.connect("h", 1, 1_000))
    except TlsFault as fault:
        return str(fault)


def test_a_certificate_that_is_not_valid_yet_moves_the_hint_and_is_tried_again():
    clock = Slow()
    eq(outcome(Story(clock, "TLS with broker.test " + NOT_YET, "")), "stream")
    eq(clock.hints, [MADE_S])


def test_the_hint_is_given_once_and_only_for_that_reason():
    clock = Slow()
    eq(outcome(Story(clock, NOT_YET, NOT_YET)), NOT_YET)
    eq(clock.hints, [MADE_S])
    eq(outcome(Story(clock, "the certificate validity has expired")), "the certificate validity has expired")
    for both in (NOT_YET + "; it is not signed", "failed: it is not signed; " + NOT_YET[len("failed: ") :]):
        eq(outcome(Story(clock, both)), both)
    eq(clock.hints, [MADE_S])


def test_a_port_whose_time_is_not_ours_refuses():
    eq(outcome(Story(Slow(False), NOT_YET)), NOT_YET)
