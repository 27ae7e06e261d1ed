"""Every way an uplink goes bad, as a context: what the gateway is told to connect to, and what happens once it runs.

Each yields a Link; leaving the block gives sockets, proxies and processes back.
"""

import contextlib
import os
import signal
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.peers.mqtt_world import HOST, Broker, HeadEnd
from tests.peers.slow_proxy import SlowProxy
from tests.running_gateway import Gateway


def _nothing(gateway: Gateway) -> None:
    pass


@dataclass
class Link:
    """`then(gateway)` is called once the gateway runs; after it the link is bad."""

    host: str = HOST
    port: int = 1
    options: dict[str, Any] = field(default_factory=dict)
    then: Callable[[Gateway], None] = _nothing


class Forgetful(HeadEnd):
    """Agrees with the gateway's books and acknowledges nothing, ever: the backlog only grows."""

    def ack(self, challenge: bytes | None, resend: int | None = None) -> dict[int, Any]:
        self.held = self.readings_held = 0
        return super().ack(challenge, resend)


@contextlib.contextmanager
def listener(backlog: int) -> Iterator[socket.socket]:
    """A socket that listens and accepts nothing."""
    with socket.socket() as sock:
        sock.bind((HOST, 0))
        sock.listen(backlog)
        yield sock


@contextlib.contextmanager
def none(folder: Path) -> Iterator[Link]:
    yield Link(options={"no_uplink": True})


@contextlib.contextmanager
def black_hole(folder: Path) -> Iterator[Link]:
    """The kernel completes the connection; nobody ever reads or answers."""
    with listener(100) as sock:
        yield Link(port=sock.getsockname()[1])


@contextlib.contextmanager
def silent_names(folder: Path) -> Iterator[Link]:
    """A host name, and a resolver that says nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as resolver:
        resolver.bind((HOST, 0))
        yield Link(host="broker.example", options={"resolver_port": resolver.getsockname()[1]})


@contextlib.contextmanager
def dropped_syn(folder: Path) -> Iterator[Link]:
    """A listener whose backlog is full answers no further SYN."""
    with listener(0) as sock, contextlib.ExitStack() as fillers:
        port = sock.getsockname()[1]
        for _ in range(4):
            filler = fillers.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex((HOST, port))
        yield Link(port=port)


@contextlib.contextmanager
def broker(folder: Path) -> Iterator[Broker]:
    """A Mosquitto for the block, continued before it is ended."""
    folder.chmod(0o755)
    one = Broker(folder)
    one.start()
    try:
        yield one
    finally:
        if one.process is not None:
            os.kill(one.process.pid, signal.SIGCONT)
        one.stop()


@contextlib.contextmanager
def full_backlog(folder: Path) -> Iterator[Link]:
    """Everything is sent, taken by the broker, and never acknowledged by the head-end."""
    with broker(folder) as one:
        head_end = Forgetful(one.port)
        try:
            yield Link(port=one.port, then=_connected)
        finally:
            head_end.close()


@contextlib.contextmanager
def stopped_broker(folder: Path) -> Iterator[Link]:
    """The broker's process stops in the middle of a good connection: no FIN, no RST, full buffers."""
    with broker(folder) as one:
        head_end = HeadEnd(one.port)

        def stop(gateway: Gateway) -> None:
            _connected(gateway)
            assert one.process is not None
            os.kill(one.process.pid, signal.SIGSTOP)

        try:
            yield Link(port=one.port, then=stop)
        finally:
            assert one.process is not None
            os.kill(one.process.pid, signal.SIGCONT)
            head_end.close()


@contextlib.contextmanager
def three_seconds(folder: Path) -> Iterator[Link]:
    """Each byte takes a second and a half, each way."""
    with broker(folder) as one:
        head_end, proxy = HeadEnd(one.port), SlowProxy(one.port, 1.5)
        try:
            yield Link(port=proxy.port, then=_connected)
        finally:
            proxy.close()
            head_end.close()


def _connected(gateway: Gateway) -> None:
    gateway.wait_for(lambda: gateway.now.get("link", {}).get("gate_open"), "the head-end agrees with the gateway")
