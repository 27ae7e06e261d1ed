"""Who carries a notice: a file, or an HTTP hook of whoever sends text messages. A sender takes a Notice and answers an Outcome.

Each notice has a name that is the same in every try, so a carrier can tell a repeat: the file is searched for it, the hook gets it as
`Idempotency-Key` (and as `name`), because after a lost answer nobody here can know whether the message went out.

hook: POST, JSON `{"name", "account", "to", "language", "what", "text", "event_s", "try"}`. 2xx: taken; with `{"delivered": true}`
in the answer also delivered. 408, 425, 429, 5xx or no answer: tried again. Anything else: refused, and not tried again.
"""

import http.client
import json
import os
import ssl
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from host_tools.head_end.errors import BadInput

TAKEN, DELIVERED, AGAIN, REFUSED = "taken", "delivered", "again", "refused"
ANSWER_MAX = 4_096
TIMEOUT_S = 10
TRY_AGAIN = (408, 425, 429)


@dataclass(frozen=True)
class Notice:
    name: str
    account: int
    to: str
    language: str
    what: str
    text: str
    event_s: int
    number: int  # of the try, from 1


@dataclass(frozen=True)
class Outcome:
    what: str
    sentence: str = ""


class Sender(Protocol):
    def send(self, notice: Notice) -> Outcome: ...


class FileSender:
    """One JSON object a line, synced before it counts as sent."""

    def __init__(self, path: str) -> None:
        self.path = Path(path)
        self.names: set[str] = set()
        try:
            data = self.path.read_bytes() if self.path.exists() else b""
        except OSError as fault:
            raise BadInput("to-file", f"{path} cannot be read: {fault.strerror}") from fault
        self.torn = bool(data) and not data.endswith(b"\n")  # a power cut: what stands there counts for nothing
        for line in data.splitlines():
            try:
                self.names.add(str(json.loads(line)["name"]))
            except (ValueError, TypeError, KeyError):
                continue

    def send(self, notice: Notice) -> Outcome:
        if notice.name in self.names:
            return Outcome(TAKEN)
        line = json.dumps(_body(notice), ensure_ascii=False) + "\n"
        try:
            with open(self.path, "ab") as file:
                file.write((("\n" if self.torn else "") + line).encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as fault:
            self.torn = True  # half a line may stand there
            return Outcome(AGAIN, f"{self.path} cannot be written: {fault.strerror}")
        self.torn = False
        self.names.add(notice.name)
        return Outcome(TAKEN)


class HttpSender:
    """A hook; the token goes as `Authorization: Bearer`."""

    def __init__(self, url: str, token: str | None = None) -> None:
        try:
            parts = urlsplit(url)
            self.port, self.host = parts.port, parts.hostname or ""
        except ValueError:
            raise BadInput("to-url", f"must be http://HOST[:PORT]/PATH or https://..., got {url!r}") from None
        good = url.isascii() and url.isprintable() and " " not in url and parts.username is None
        if parts.scheme not in ("http", "https") or not self.host or not good:
            raise BadInput("to-url", f"must be http://HOST[:PORT]/PATH or https://..., without a user name, got {url!r}")
        self.secure = parts.scheme == "https"
        self.path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self.headers = {"Content-Type": "application/json; charset=utf-8"}
        if token is not None:
            self.headers["Authorization"] = f"Bearer {token}"

    def send(self, notice: Notice) -> Outcome:
        link = self._link()
        try:
            link.request("POST", self.path, json.dumps(_body(notice)).encode(), {**self.headers, "Idempotency-Key": notice.name})
            answer = link.getresponse()
            body = answer.read(ANSWER_MAX)
        except (OSError, http.client.HTTPException) as fault:
            return Outcome(AGAIN, f"{self.host} does not answer: {fault or type(fault).__name__}")
        finally:
            link.close()
        if 200 <= answer.status < 300:
            return Outcome(DELIVERED if _delivered(body) else TAKEN)
        sentence = f"{self.host} answers {answer.status} {answer.reason}"[:200]
        return Outcome(AGAIN if answer.status in TRY_AGAIN or answer.status >= 500 else REFUSED, sentence)

    def _link(self) -> http.client.HTTPConnection:
        if self.secure:
            return http.client.HTTPSConnection(self.host, self.port, timeout=TIMEOUT_S, context=ssl.create_default_context())
        return http.client.HTTPConnection(self.host, self.port, timeout=TIMEOUT_S)


def _body(notice: Notice) -> dict[str, Any]:
    body = asdict(notice)
    body["try"] = body.pop("number")
    return body


def _delivered(body: bytes) -> bool:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(answer, dict) and answer.get("delivered") is True
