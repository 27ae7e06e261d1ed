"""TLS over any uplink: the server's certificate and name are checked, our own is shown when it is asked for (DESIGN: TLS).

The handshake never holds the loop for longer than the arithmetic of one message, and its time counts in the time-out of
connect. Every way out closes the socket.

Dates: a server's certificate that is not valid yet means that our clock is slow, because the CA whom we trust made it before
now. So its first date becomes the port's time, as a hint that is no time for anything else, and the handshake is done again - if
that date is all that is wrong with it.
A certificate that has expired is refused; while the clock is lost, it cannot be known to have.
"""

import sys

from firmware.base import aio, ticks
from firmware.base.faults import BadInput, TlsFault, UplinkFault
from firmware.base.wire import der

if sys.implementation.name == "micropython":
    from firmware.hal import tls_micropython as engine
else:
    from firmware.hal import tls_cpython as engine

NOT_YET = "failed: the certificate validity starts in the future"  # mbedTLS's words, and its only complaint
FILE_BYTES_MAX = 8_192


def with_tls(uplink, settings, root, clock):
    """`uplink`, or a TlsUplink around it when the settings want TLS. BadInput names the file that cannot be used."""
    if settings.tls is None:
        return uplink
    return TlsUplink(uplink, _context(settings.tls, root), settings.tls.name, clock)


def _context(tls, root):
    certificate = key = None
    ca = _read(root, tls.ca, "uplink.tls.ca")
    if tls.certificate is not None:
        certificate = _read(root, tls.certificate, "uplink.tls.certificate")
        key = _read(root, tls.key, "uplink.tls.key")
    try:
        return engine.new_context(ca, certificate, key)
    except ValueError as fault:
        field, what = fault.args
        raise BadInput("uplink.tls." + field, getattr(tls, field) + " " + what)


def _read(root, name, field):
    try:
        with open(root + "/" + name, "rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
    except OSError:
        raise BadInput(field, "the file " + name + " is missing")
    if not data or len(data) > FILE_BYTES_MAX:
        raise BadInput(field, "the file " + name + " is empty or longer than " + str(FILE_BYTES_MAX) + " bytes")
    return data


class TlsUplink:
    """See DESIGN, devices. `clock.set_hint(s) -> bool`: False when this port's time is not ours to set."""

    def __init__(self, uplink, context, name, clock):
        self._uplink = uplink
        self._context = context
        self._name = name
        self._clock = clock
        self._not_before_s = 0

    async def connect(self, host, port, timeout_ms):
        """-> TlsStream. UplinkFault when there is no way to the server in time, TlsFault when TLS is refused."""
        deadline_ms = ticks.add(aio.now_ms(), timeout_ms)
        try:
            return await self._connect_once(host, port, timeout_ms)
        except TlsFault as fault:
            if not str(fault).endswith(NOT_YET) or not self._not_before_s or not self._clock.set_hint(self._not_before_s):
                raise
        return await self._connect_once(host, port, max(ticks.diff(deadline_ms, aio.now_ms()), 1))

    async def _connect_once(self, host, port, timeout_ms):
        deadline_ms = ticks.add(aio.now_ms(), timeout_ms)
        self._not_before_s = 0
        stream = await self._uplink.connect(host, port, timeout_ms)
        session = None
        kept = False
        try:
            session = engine.Session(self._context, stream.detach(), self._name, self._on_certificate)
            await _shake_hands(session, deadline_ms)
            kept = True
            return TlsStream(session)
        except (OSError, ValueError) as fault:
            raise TlsFault("TLS with " + self._name + " failed: " + engine.sentence(fault))
        except MemoryError:
            raise TlsFault("TLS with " + self._name + " failed: no memory is left for it")
        finally:
            if session is not None and not kept:
                session.close()

    def _on_certificate(self, certificate, depth):
        """Called inside mbedTLS for each certificate of the chain: nothing may be raised here."""
        try:
            self._not_before_s = max(self._not_before_s, der.not_before_s(certificate) or 0)
        except (IndexError, MemoryError):
            self._not_before_s = 0
        return 0


async def _shake_hands(session, deadline_ms):
    while True:
        want = session.step()
        if want == engine.DONE:
            return
        left_ms = ticks.diff(deadline_ms, aio.now_ms())
        if left_ms <= 0:
            raise UplinkFault("the server does not finish the TLS handshake")
        if want == engine.AGAIN:
            await aio.sleep_ms(0)
        elif want == engine.WANT_WRITE:
            await aio.wait_writable(session.sock, left_ms)
        else:
            await aio.wait_readable(session.sock, left_ms)


class TlsStream:
    """A connection that is through its handshake; see DESIGN, devices."""

    def __init__(self, session):
        self._session = session

    async def receive_into(self, buf, timeout_ms):
        """-> bytes put into `buf`, 0 when none came in time, -1 when the other side closed. UplinkFault when it broke."""
        count = self._try_read(buf)
        if count is not None:
            return count
        if not await aio.wait_readable(self._session_now().sock, timeout_ms):
            return 0
        count = self._try_read(buf)  # None: a record that is not whole yet
        return 0 if count is None else count

    async def send(self, buf, start, end, timeout_ms):
        """Hand buf[start:end] to the network. UplinkFault when it does not take it in time."""
        deadline_ms = ticks.add(aio.now_ms(), timeout_ms)
        view = memoryview(buf)
        while start < end:
            start += self._try_write(view[start:end])
            if start < end:
                left_ms = ticks.diff(deadline_ms, aio.now_ms())
                if not await aio.wait_writable(self._session_now().sock, max(left_ms, 0)):
                    raise UplinkFault("the link takes no bytes")

    def close(self):
        """Give session and socket back; safe to repeat."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def _session_now(self):
        if self._session is None:
            raise UplinkFault("the stream is closed")
        return self._session

    def _try_read(self, buf):
        try:
            return self._session_now().read_into(buf)
        except (OSError, ValueError) as fault:
            raise UplinkFault("receiving failed: " + engine.sentence(fault))

    def _try_write(self, view):
        try:
            return self._session_now().write(view)
        except (OSError, ValueError) as fault:
            raise UplinkFault("sending failed: " + engine.sentence(fault))
