"""TLS of CPython's `ssl` in the shape that tls_stream.py steps; firmware/hal/tls_micropython.py is the other half.

Trap avoided: `ssl` takes certificate and key from named files in PEM only; they go through a file in memory, so that no key
is ever written to a disk.
"""

import binascii
import os
import ssl

DONE = 0
AGAIN = 1  # step again after the others had their turn
WANT_READ = 2
WANT_WRITE = 3

_KEY_LABELS = ("PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY")


def new_context(ca, certificate, key):
    """Context that demands a server certificate by `ca`, all DER. ValueError(word, what) names "ca", "certificate" or "key"."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_verify_locations(cadata=ca)
    except ssl.SSLError:
        raise ValueError("ca", "is no certificate in DER")
    if certificate is not None:
        _load_own(context, certificate, key)
    return context


def _load_own(context, certificate, key):
    try:
        ssl.create_default_context().load_verify_locations(cadata=certificate)
    except ssl.SSLError:
        raise ValueError("certificate", "is no certificate in DER")
    for label in _KEY_LABELS:
        text = ssl.DER_cert_to_PEM_cert(certificate) + _pem(key, label)
        number = os.memfd_create("tls")
        try:
            os.write(number, text.encode())
            context.load_cert_chain("/proc/self/fd/" + str(number))
            return
        except ssl.SSLError as fault:
            mismatch = fault.reason == "KEY_VALUES_MISMATCH"
        finally:
            os.close(number)
        if mismatch:
            raise ValueError("key", "does not belong to the certificate")
    raise ValueError("key", "is no private key in DER")


def _pem(der, label):
    lines = binascii.b2a_base64(der).decode()
    return "-----BEGIN " + label + "-----\n" + lines + "-----END " + label + "-----\n"


class Session:
    """One connection: Session(context, sock, name, on_certificate) owns `sock`, a connected non-blocking socket."""

    def __init__(self, context, sock, name, on_certificate):
        self._tls = None
        try:
            self._tls = context.wrap_socket(sock, do_handshake_on_connect=False, server_hostname=name)
        finally:
            if self._tls is None:
                sock.close()
        self.sock = self._tls  # what is waited for

    def step(self):
        """Go on with the handshake -> DONE, AGAIN, WANT_READ or WANT_WRITE. OSError or ValueError when it fails."""
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return WANT_READ
        except ssl.SSLWantWriteError:
            return WANT_WRITE
        return DONE

    def read_into(self, buf):
        """-> bytes put into `buf`, None when nothing is there, -1 when the other side closed."""
        try:
            return self._tls.recv_into(buf) or -1
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return None
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            return -1

    def write(self, view):
        """-> bytes taken; 0 means: the same bytes again, later."""
        try:
            return self._tls.send(view)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return 0
        except (BrokenPipeError, ConnectionResetError):
            self.read_into(bytearray(1))  # in TLS 1.3 a server refuses after our handshake: its alert says why
            raise

    def close(self):
        """Safe to repeat."""
        self._tls.close()


def sentence(fault):
    """What people are told of a failed step."""
    text = getattr(fault, "verify_message", "") or getattr(fault, "reason", "") or str(fault)
    return str(text).lower().replace("_", " ")
