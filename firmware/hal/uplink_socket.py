"""Uplink over sockets (the unix ports, CPython, and lwIP on a board), wholly non-blocking: names, SYN, reads and writes.

A dead, slow or silent link never delays the meter bus (design section 7): every socket is non-blocking from its first
moment and every wait has a deadline. A numeric host is connected directly; a name is asked of the resolvers by our own
UDP query, because `getaddrinfo` of a name blocks (of a numeric address it does not).

Traps avoided: MicroPython's sockets have no getsockopt, so the outcome of a connect is learned by calling connect
again: EISCONN is success, anything but EALREADY the error of the first (lwIP then says EBADF, whatever it was). Options of
sockets have other numbers on lwIP. Sockets are closed on every way out, cancellation included: lwIP has five.
"""

import errno
import os
import socket

from firmware.base import aio, ticks
from firmware.base.faults import BadInput, Refused, UplinkFault, WireFault
from firmware.base.port import const
from firmware.base.wire import dns

_EALREADY = errno.EALREADY  # Linux numbers but on the esp32 port, which has those of its C library
_EINPROGRESS = errno.EINPROGRESS
_EISCONN = 127 if _EINPROGRESS == 119 else 106  # MicroPython's errno module does not know it
_IPPROTO_TCP = const(6)
_EBADF = const(9)  # what lwIP says of a socket whose connect failed
_DNS_TRY_MS = const(2_000)  # one question to one resolver
_DNS_BYTES_MAX = const(512)
_DNS_ROUNDS = const(3)
_RESOLVERS_MAX = const(3)
_PROBE_NAME = "probe.invalid"  # RFC 2606: there is no such name, and a resolver says so
_STRAY_ANSWERS_MAX = const(16)
_RESOLV_CONF = "/etc/resolv.conf"
_TCP_NODELAY = getattr(socket, "TCP_NODELAY", 1)


class SocketUplink:
    """SocketUplink(resolvers): [(numeric host, port), ...], or a function that gives it; None reads /etc/resolv.conf at each use."""

    def __init__(self, resolvers=None):
        self._resolvers = resolvers

    async def connect(self, host, port, timeout_ms):
        """-> SocketStream. UplinkFault when it did not come about within `timeout_ms`; no socket is left then."""
        deadline_ms = ticks.add(aio.now_ms(), timeout_ms)
        addresses = await self._addresses(host, deadline_ms)
        fault = None
        for index, address in enumerate(addresses):
            share_ms = _left_ms(deadline_ms) // (len(addresses) - index)
            try:
                return await _open_stream(address, port, share_ms)
            except UplinkFault as this_fault:
                fault = this_fault
        raise fault

    def resolvers(self):
        """Those that are asked now."""
        if self._resolvers is None:
            return read_resolvers(_RESOLV_CONF)
        return self._resolvers() if callable(self._resolvers) else self._resolvers

    async def is_alive(self, timeout_ms):
        """True when a resolver answers anything at all: the way out is there, whatever the server does."""
        query = dns.encode_query(os.urandom(1)[0] << 8 | os.urandom(1)[0], _PROBE_NAME)
        for resolver in self.resolvers()[:_RESOLVERS_MAX]:
            try:
                await _ask(resolver, query, timeout_ms)
                return True
            except (Refused, WireFault):
                return True
            except OSError:
                continue
            except UplinkFault:
                return False
        return False

    async def _addresses(self, host, deadline_ms):
        if is_numeric(host):
            return [host]
        if host == "localhost":
            return ["127.0.0.1"]  # RFC 6761: never asked of the net
        try:
            query = dns.encode_query(os.urandom(1)[0] << 8 | os.urandom(1)[0], host)
        except BadInput as fault:
            raise UplinkFault(str(fault))
        resolvers = self.resolvers()
        fault = "no name server is configured"
        for _ in range(_DNS_ROUNDS):
            for resolver in resolvers[:_RESOLVERS_MAX]:
                wait_ms = min(_DNS_TRY_MS, _left_ms(deadline_ms))
                if wait_ms <= 0:
                    break
                try:
                    return await _ask(resolver, query, wait_ms)
                except Refused as refusal:
                    raise UplinkFault("name " + host + ": " + str(refusal))
                except (WireFault, OSError) as this_fault:
                    fault = str(this_fault)
        raise UplinkFault("name " + host + " was not resolved: " + fault)


class SocketStream:
    """A connected TCP socket; see DESIGN, devices."""

    def __init__(self, sock):
        self._sock = sock
        self._read_into = sock.recv_into if hasattr(sock, "recv_into") else sock.readinto

    async def receive_into(self, buf, timeout_ms):
        """-> bytes put into `buf`, 0 when none came in time, -1 when the other side closed. UplinkFault on a reset."""
        count = self._try_read(buf)
        if count is not None:
            return count
        if not await aio.wait_readable(self._sock, timeout_ms):
            return 0
        count = self._try_read(buf)
        return 0 if count is None else count

    async def send(self, buf, start, end, timeout_ms):
        """Hand buf[start:end] to the network, in as few pieces as it takes. UplinkFault when it does not take it in
        time.
        """
        deadline_ms = ticks.add(aio.now_ms(), timeout_ms)
        view = memoryview(buf)
        while start < end:
            start += self._try_send(view[start:end])
            if start < end and not await aio.wait_writable(self._sock, max(_left_ms(deadline_ms), 0)):
                raise UplinkFault("the link takes no bytes")

    def detach(self):
        """-> the socket, which is the caller's from now on."""
        sock, self._sock, self._read_into = self._sock, None, None
        return sock

    def close(self):
        """Give the socket back; safe to repeat."""
        if self._sock is not None:
            self._sock.close()
            self._sock = None
            self._read_into = None

    def _try_read(self, buf):
        """None when nothing is there, -1 when closed."""
        if self._sock is None:
            raise UplinkFault("the stream is closed")
        try:
            count = self._read_into(buf)
        except OSError as fault:
            if fault.args[0] == errno.EAGAIN:
                return None
            raise UplinkFault("receiving failed: " + str(fault))
        return -1 if count == 0 else count

    def _try_send(self, view):
        if self._sock is None:
            raise UplinkFault("the stream is closed")
        try:
            return self._sock.send(view)
        except OSError as fault:
            if fault.args[0] == errno.EAGAIN:
                return 0
            raise UplinkFault("sending failed: " + str(fault))


def is_numeric(host):
    """True for an IPv4 or IPv6 address in digits."""
    if ":" in host:
        return True
    parts = host.split(".")
    return len(parts) == 4 and all(part and len(part) <= 3 and all("0" <= c <= "9" for c in part) for part in parts)


def read_resolvers(path):
    """[(numeric host, port)] of the `nameserver` lines; empty when there is no such file."""
    resolvers = []
    try:
        with open(path) as lines:
            for line in lines:
                words = line.split()
                if len(words) >= 2 and words[0] == "nameserver" and is_numeric(words[1]):
                    resolvers.append((words[1], dns.PORT))
    except OSError:
        return []
    return resolvers


async def _open_stream(address, port, timeout_ms):
    sock, where = _new_socket(address, port, socket.SOCK_STREAM)
    kept = False
    try:
        if _connect_state(sock, where) == _EINPROGRESS:
            deadline_ms = ticks.add(aio.now_ms(), timeout_ms)
            while True:
                if not await aio.wait_writable(sock, max(_left_ms(deadline_ms), 0)):
                    raise UplinkFault("no answer from " + address)
                if _connect_state(sock, where) == 0:
                    break
        sock.setsockopt(_IPPROTO_TCP, _TCP_NODELAY, 1)
        kept = True
        return SocketStream(sock)
    except OSError as fault:
        why = "refused or not reachable" if fault.args[0] == _EBADF else str(fault)
        raise UplinkFault("connecting to " + address + " failed: " + why)
    finally:
        if not kept:
            sock.close()


def _new_socket(address, port, kind):
    try:
        info = socket.getaddrinfo(address, port)[0]  # numeric: answers at once
        sock = socket.socket(info[0], kind)
    except OSError as fault:
        raise UplinkFault("no socket to " + address + ": " + str(fault))
    sock.setblocking(False)
    return sock, info[-1]


def _connect_state(sock, where):
    """Begin or continue to connect -> 0 when connected, EINPROGRESS while it goes on; OSError when it failed."""
    try:
        sock.connect(where)
    except OSError as fault:
        if fault.args[0] == _EISCONN:
            return 0
        if fault.args[0] in (_EINPROGRESS, _EALREADY):
            return _EINPROGRESS
        raise
    return 0


async def _ask(resolver, query, timeout_ms):
    """One question to one resolver -> addresses. OSError when it did not answer."""
    sock, where = _new_socket(resolver[0], resolver[1], socket.SOCK_DGRAM)
    try:
        sock.connect(where)  # only its datagrams are received then
        sock.send(query)
        deadline_ms = ticks.add(aio.now_ms(), timeout_ms)
        for _ in range(_STRAY_ANSWERS_MAX):
            if not await aio.wait_readable(sock, max(_left_ms(deadline_ms), 0)):
                break
            answer = sock.recv(_DNS_BYTES_MAX)
            addresses = dns.decode_answer(answer, len(answer), query)
            if addresses is not None:
                return addresses
        raise OSError(errno.ETIMEDOUT)
    finally:
        sock.close()


def _left_ms(deadline_ms):
    return ticks.diff(deadline_ms, aio.now_ms())
