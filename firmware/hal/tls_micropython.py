"""TLS of MicroPython's `tls` (mbedTLS) in the shape that tls_stream.py steps; firmware/hal/tls_cpython.py is the other half.

mbedTLS reads and writes through `_Wire`, which looks at the heads of the records that pass (RFC 5246 section 6.2.1). During
the handshake it lets through one record or one write a step, so that the loop waits for one message's arithmetic and not for
that of the whole handshake; it sees the server's Finished go by, which `tls` does not tell; and it reads the alert that says
why the server refused.

Traps avoided: `tls` has no do_handshake: a read of one byte drives it. A failed handshake leaves the socket open. mbedTLS
needs a piece of up to 17 KB, which a heap that never moves its objects may not have after some days: it is kept free between
connections by an object of that size. Its arithmetic takes and frees thousands of small pieces: a threshold of the collector
would make it collect dozens of times in one message, and the search for each piece begins at the lowest free block, so many
small holes double the time. What mbedTLS frees itself is no garbage, so a step goes without the threshold; and during the
handshake the holes are plugged.
"""

import errno
import gc
import io
import sys

import tls

from firmware.base.port import const

DONE = const(0)
AGAIN = const(1)
WANT_READ = const(2)
WANT_WRITE = const(3)

_CLOSED = const(-0x7280)  # MBEDTLS_ERR_SSL_CONN_EOF: closed without a good-bye
_IOCTL_CLOSE = const(4)
_HEAD_BYTES = const(5)
_CHANGE_CIPHER_SPEC = const(20)
_ALERT = const(21)
_APPLICATION_DATA = const(23)
_PLUGS_MAX = const(3_000)
_BLOCK_BYTES = 16 if sys.maxsize <= 0x7FFFFFFF else 32  # four words
_IN_A_ROW = const(50)  # then it is no small hole any more
# RFC 5246 section 7.2.2, RFC 8446 section 6.2: what a server may hold against us
_ALERTS = """
40 handshake failure (does it demand a client certificate?)
42 bad certificate
43 unsupported certificate
44 certificate revoked
45 certificate expired
46 certificate unknown
48 unknown CA
49 access denied
70 protocol version
71 insufficient security
80 internal error
112 unknown name
116 certificate required
"""
_NO_MEMORY = "no memory is left for it"
_BROKEN = "the connection broke"
# EBUSY is how MicroPython shows mbedTLS's MPI_ALLOC_FAILED
_WORDS = {errno.ENOMEM: _NO_MEMORY, 16: _NO_MEMORY, errno.ECONNRESET: _BROKEN, 32: _BROKEN, 103: _BROKEN, _CLOSED: _BROKEN}


class _Context:
    """The tls context and the room that a connection will need."""

    def __init__(self):
        self.tls = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
        self.tls.verify_mode = tls.CERT_REQUIRED
        self.plugging = True  # not after a handshake that failed: it may have been for want of memory
        self.room = None
        self._room_bytes = 0

    def measure(self):
        """How much a connection takes before its first byte depends on the port; on some it is none of this heap."""
        gc.collect()
        before = gc.mem_alloc()
        try:
            probe = self.tls.wrap_socket(_Wire(None), server_hostname="probe", do_handshake_on_connect=False)
            self._room_bytes = gc.mem_alloc() - before + _IN_A_ROW * _BLOCK_BYTES
            probe.close()
        except OSError:
            self._room_bytes = 0  # there is no such room now; TLS may find it later
        self.keep_room()

    def keep_room(self):
        """Hold the place; without it, try again after the next connection."""
        try:
            self.room = bytearray(self._room_bytes)
        except MemoryError:
            self.room = None

    def give_room(self):
        """Free the place -> a chain of plugs, of a block each, in the small holes; to be dropped after the handshake."""
        self.room = None
        gc.collect()
        chain = None
        in_a_row = 0
        for _ in range(_PLUGS_MAX if self.plugging else 0):
            before = id(chain)
            chain = (chain,)
            in_a_row = in_a_row + 1 if id(chain) - before == _BLOCK_BYTES else 0
            if in_a_row == _IN_A_ROW:
                break
        self.plugging = False
        return chain


def new_context(ca, certificate, key):
    """Context that demands a server certificate by `ca`, all DER. ValueError(word, what) names "ca", "certificate" or "key"."""
    context = _Context()
    try:
        context.tls.load_verify_locations(ca)
    except (ValueError, OSError):
        raise ValueError("ca", "is no certificate in DER")
    if certificate is not None:
        try:
            context.tls.load_cert_chain(certificate, key)
        except (ValueError, OSError) as fault:
            if "cert" in str(fault):
                raise ValueError("certificate", "is no certificate in DER")
            raise ValueError("key", "is no private key in DER")
    context.measure()
    return context


class _Wire(io.IOBase):
    """The stream below mbedTLS. None means: not now."""

    def __init__(self, sock):
        self._sock = sock
        self._head = bytearray(_HEAD_BYTES)
        self._ahead = bytearray(_HEAD_BYTES + 2)
        self._ahead_bytes = 0
        self._head_at = 0
        self._body_left = 0
        self._changed = False  # the server's ChangeCipherSpec went by
        self.stepping = True
        self.allowance = 1
        self.paused = False  # it was we who said "not now"
        self.blocked_writing = False
        self.finished = False  # so did its Finished, or in TLS 1.3 something as far on
        self.alert = 0

    def in_record(self):
        """A record began to go by: its rest is the same step's."""
        return self._head_at or self._body_left

    def readinto(self, buf):
        if self.stepping and not self.in_record():
            if not self.allowance:
                self.paused = True
                return None
            self.allowance -= 1
        try:
            count = self._take_ahead(buf) if self._ahead_bytes else self._sock.readinto(buf)
        except OSError as fault:
            return -fault.args[0]
        if count is None:
            return None
        if self.stepping:
            self._follow(buf, count)
        return count

    def write(self, buf):
        if self.stepping:
            if not self.allowance:
                self.paused = True
                return None
            self.allowance -= 1
        try:
            if self.stepping and self._is_refused():
                return -errno.ECONNREFUSED
            count = self._sock.write(buf)
        except OSError as fault:
            return -fault.args[0]
        self.blocked_writing = count is None
        return count

    def ioctl(self, request, argument):
        return 0 if request == _IOCTL_CLOSE else -errno.EINVAL  # the session closes the socket, whatever happened before

    def _is_refused(self):
        """A server that refuses closes at once, and once it did a write would lose its reason: so look before each write."""
        if not self._ahead_bytes and not self.in_record():
            self._ahead_bytes = self._sock.readinto(self._ahead) or 0
        if self._ahead_bytes == len(self._ahead) and self._ahead[0] == _ALERT and not self._changed:
            self.alert = self._ahead[-1]
        return self.alert != 0

    def _take_ahead(self, buf):
        """What was looked at is mbedTLS's all the same."""
        count = min(self._ahead_bytes, len(buf))
        for at in range(count):
            buf[at] = self._ahead[at]
        self._ahead_bytes -= count
        for at in range(self._ahead_bytes):
            self._ahead[at] = self._ahead[at + count]
        return count

    def _follow(self, buf, count):
        """mbedTLS asks for the head of a record, then for its body."""
        at = 0
        while at < count:
            if not self._body_left:
                self._head[self._head_at] = buf[at]
                self._head_at += 1
                at += 1
                if self._head_at == _HEAD_BYTES:
                    self._body_left = self._head[3] << 8 | self._head[4]
                    self._head_at = 0
                continue
            if self._head[0] == _ALERT and not self._changed and self._body_left == 2 and at + 2 <= count:
                self.alert = buf[at + 1]
            taken = min(count - at, self._body_left)
            self._body_left -= taken
            at += taken
            if not self._body_left:
                self._passed(self._head[0])

    def _passed(self, kind):
        if self._changed or kind == _APPLICATION_DATA:
            self.finished = True
        if kind == _CHANGE_CIPHER_SPEC:
            self._changed = True


class Session:
    """One connection: Session(context, sock, name, on_certificate) owns `sock`, a connected non-blocking socket."""

    def __init__(self, context, sock, name, on_certificate):
        self.sock = sock  # what is waited for
        self._context = context
        self._wire = _Wire(sock)
        self._one = bytearray(1)
        self._tls = None
        self._plugs = context.give_room()
        context.tls.verify_callback = on_certificate
        try:
            self._tls = context.tls.wrap_socket(self._wire, server_hostname=name, do_handshake_on_connect=False)
        finally:
            if self._tls is None:
                sock.close()
                context.keep_room()

    def step(self):
        """Go on with the handshake -> DONE, AGAIN, WANT_READ or WANT_WRITE. OSError or ValueError when it fails."""
        wire = self._wire
        wire.allowance = 0 if wire.in_record() else 1
        wire.paused = wire.blocked_writing = False
        threshold = gc.threshold()
        gc.threshold(-1)
        self._plugs = (self._plugs,)  # after a collection the search begins at the bottom; one block more leads it past the plugs
        try:
            early = self._tls.readinto(self._one)
        except (OSError, ValueError) as fault:
            raise _explained(fault, wire.alert)
        finally:
            gc.threshold(threshold)
        if early is not None:
            raise OSError(errno.ECONNRESET, "the server closes during the handshake" if early == 0 else "the server speaks first")
        if wire.finished:
            wire.stepping = False
            self._plugs = None
            self._context.plugging = True
            return DONE
        if wire.paused:
            return AGAIN
        return WANT_WRITE if wire.blocked_writing else WANT_READ

    def read_into(self, buf):
        """-> bytes put into `buf`, None when nothing is there, -1 when the other side closed."""
        try:
            count = self._tls.readinto(buf)
        except OSError as fault:
            if fault.args[0] == _CLOSED:
                return -1
            raise
        return -1 if count == 0 else count

    def write(self, view):
        """-> bytes taken; 0 means: the same bytes again, later."""
        return self._tls.write(view) or 0

    def close(self):
        """Safe to repeat."""
        if self._tls is not None:
            self._tls.close()
            self._tls = None
            self.sock.close()
            self._context.keep_room()


def _explained(fault, alert):
    if alert:
        return OSError(errno.ECONNREFUSED, "the server refuses: " + _alert_words(alert))
    return fault


def _alert_words(alert):
    """What an alert of the server means."""
    mark = "\n" + str(alert) + " "
    at = _ALERTS.find(mark)
    if at < 0:
        return "alert " + str(alert)
    at += len(mark)
    return _ALERTS[at : _ALERTS.find("\n", at)]


def sentence(fault):
    """What people are told of a failed step."""
    what = fault.args[-1] if fault.args else ""
    return _WORDS.get(what) or str(what).strip().replace("\n", "; ").lower()
