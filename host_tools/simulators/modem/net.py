"""The way out: IP packets of the board become connections of this process to the host's loopback, and answers come back.

The gateway's address is the host's 127.0.0.1; names are those that were given; every other address is silent, as a dead server
is. Bounded: so many connections, so many bytes in each, the next one is refused.
"""

from __future__ import annotations

import asyncio
import random
import socket
import time
from collections.abc import Callable, Mapping
from ipaddress import IPv4Address

from host_tools.simulators.modem import names, packets
from host_tools.simulators.modem.packets import Packet
from host_tools.simulators.modem.peer import Addresses
from host_tools.simulators.modem.tcp import SYN, Connection, Segment, refusal

LOOPBACK = "127.0.0.1"
CONNECTIONS_MAX = 16
READ_MAX = 4_096
NTP_PORT = 123
NTP_EPOCH_S = 2_208_988_800

Key = tuple[IPv4Address, int, int]  # target, source port, target port


class Net:
    """`take(packet)` what the board sent; `send` is called with each packet for it. Its sockets live in the running loop."""

    def __init__(
        self, addresses: Addresses, hosts: Mapping[str, IPv4Address], send: Callable[[bytes], None], mono_ns: Callable[[], int]
    ) -> None:
        self.names_silent = False
        self.refused = 0
        self.opened = 0
        self._addresses = addresses
        self._hosts = hosts
        self._send_bytes = send
        self._mono_ns = mono_ns
        self._number = 0
        self._links: dict[Key, Link] = {}

    def state(self) -> dict[str, int]:
        return {"connections": len(self._links), "connections_opened": self.opened, "connections_refused": self.refused}

    def close(self) -> None:
        """The carrier is gone: the host sees every connection end, the board nothing."""
        for link in list(self._links.values()):
            link.close()
        self._links.clear()

    def tick(self, now_ns: int) -> None:
        for key, link in list(self._links.items()):
            link.connection.tick(now_ns)
            self._settle(key, link)

    def next_due(self) -> int | None:
        return min((due for link in self._links.values() if (due := link.connection.deadline_ns) is not None), default=None)

    def take(self, data: bytes) -> None:
        packet = Packet.parse(data)
        if packet is None:
            return
        if packet.protocol == packets.TCP:
            self._on_tcp(packet)
        elif packet.protocol == packets.UDP:
            self._on_udp(packet)
        elif packet.target in (self._addresses.gateway, self._addresses.name_server):
            answer = packets.echo_reply(packet)
            if answer is not None:
                self._send(answer)

    def _send(self, packet: Packet) -> None:
        self._number += 1
        self._send_bytes(packet.build(self._number))

    def _on_udp(self, packet: Packet) -> None:
        parts = packets.datagram(packet)
        if parts is None:
            return
        source, target, data = parts
        reply = None
        if target == names.PORT and packet.target == self._addresses.name_server and not self.names_silent:
            reply = names.answer(data, self._hosts)
        elif target == NTP_PORT and packet.target == self._addresses.gateway:
            reply = b"\x24\x01\x00\x00" + bytes(36) + (int(time.time()) + NTP_EPOCH_S).to_bytes(4, "big") + bytes(4)
        if reply is not None:
            self._send(packets.udp_answer(packet, target, source, reply))

    def _on_tcp(self, packet: Packet) -> None:
        segment = Segment.parse(packet.payload)
        if segment is None or packet.target != self._addresses.gateway or packets.checksum(packet.pseudo_header() + packet.payload):
            return
        key = (packet.target, segment.source, segment.target)
        link = self._links.get(key)
        if link is None:
            if not segment.flags & SYN or len(self._links) >= CONNECTIONS_MAX:
                self.refused += 1
                self._send_segment(refusal(segment))
                return
            link = self._links[key] = Link(Connection(segment, random.getrandbits(32)), lambda: self._on_host(key))
            self.opened += 1
            link.open(segment.target)
        else:
            link.connection.receive(segment, self._mono_ns())
        self._settle(key, link)

    def _on_host(self, key: Key) -> None:
        link = self._links.get(key)
        if link is not None:
            link.serve(self._mono_ns())
            self._settle(key, link)

    def _settle(self, key: Key, link: Link) -> None:
        """Everything that a step may have left to do."""
        link.give_to_host()
        for segment in link.connection.out:
            self._send_segment(segment)
        link.connection.out.clear()
        if link.connection.over and (not link.connection.to_host or link.failed):
            link.close()
            self._links.pop(key, None)
        else:
            link.listen()

    def _send_segment(self, segment: Segment) -> None:
        blank = Packet(self._addresses.gateway, self._addresses.board, packets.TCP, segment.build())
        sum_ = packets.checksum(blank.pseudo_header() + blank.payload).to_bytes(2, "big")
        self._send(Packet(blank.source, blank.target, packets.TCP, blank.payload[:16] + sum_ + blank.payload[18:]))


class Link:
    """A connection and its socket on the host."""

    def __init__(self, connection: Connection, wake: Callable[[], None]) -> None:
        self.connection = connection
        self.failed = False
        self._wake = wake
        self._socket = socket.socket()
        self._socket.setblocking(False)
        self._loop = asyncio.get_running_loop()
        self._connecting = True
        self._shut = False

    def open(self, port: int) -> None:
        self._socket.connect_ex((LOOPBACK, port))
        self._loop.add_writer(self._socket, self._wake)

    def serve(self, now_ns: int) -> None:
        """The socket is ready for something."""
        if self._connecting:
            self._connecting = False
            if self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                self._fail()
            else:
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.connection.host_opened(now_ns)
            return
        if self.connection.wants_host_data:
            try:
                data = self._socket.recv(READ_MAX)
            except BlockingIOError:
                return
            except OSError:
                self._fail()
                return
            if data:
                self.connection.host_sent(data, now_ns)
            else:
                self.connection.host_closed(now_ns)

    def give_to_host(self) -> None:
        if self._connecting or self.failed:
            return
        waiting = self.connection.to_host
        try:
            if waiting:
                self.connection.host_took(self._socket.send(waiting))
            if self.connection.board_ended and not waiting and not self._shut:
                self._shut = True
                self._socket.shutdown(socket.SHUT_WR)
        except BlockingIOError:
            return
        except OSError:
            self._fail()

    def listen(self) -> None:
        """Be woken only for what there is room for."""
        if self._connecting:
            return
        for wanted, add, remove in (
            (self.connection.wants_host_data, self._loop.add_reader, self._loop.remove_reader),
            (bool(self.connection.to_host) and not self.failed, self._loop.add_writer, self._loop.remove_writer),
        ):
            if wanted and not self.failed:
                add(self._socket, self._wake)
            else:
                remove(self._socket)

    def close(self) -> None:
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
            self._socket.close()

    def _fail(self) -> None:
        self.failed = True
        self.connection.abort()
