"""The server's way to a broker that talks TLS: what the command line names becomes a context, checked before anything is begun."""

import ssl

from host_tools.head_end.errors import BadInput


def context(ca: str | None, certificate: str | None, key: str | None) -> ssl.SSLContext | None:
    """None without a CA. BadInput names the option whose file cannot be used."""
    if ca is None:
        for name, given in (("certificate", certificate), ("key", key)):
            if given is not None:
                raise BadInput(name, "needs --ca: without it there is no TLS")
        return None
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        made.load_verify_locations(cafile=ca)
    except OSError as fault:  # ssl.SSLError is one
        raise BadInput("ca", _why(ca, fault, "certificate")) from None
    if (certificate is None) != (key is None):
        raise BadInput("key" if key is None else "certificate", "is missing: a certificate and its key stand together")
    if certificate is not None and key is not None:
        _load_own(made, certificate, key)
    return made


def _load_own(made: ssl.SSLContext, certificate: str, key: str) -> None:
    for name, path in (("certificate", certificate), ("key", key)):
        try:
            with open(path, "rb"):
                pass
        except OSError as fault:
            raise BadInput(name, _why(path, fault, name)) from None
    try:
        made.load_cert_chain(certificate, key, password=_no_password)
    except (ssl.SSLError, ValueError):
        raise BadInput("certificate", f"{certificate} and {key} are no certificate and its key in PEM") from None


def _no_password() -> str:
    """A key with a password would ask at the terminal, and nobody is there."""
    return ""


def _why(path: str, fault: OSError, what: str) -> str:
    if isinstance(fault, ssl.SSLError):
        return f"{path} is no {what} in PEM"
    return f"{path} cannot be read: {fault.strerror}"
