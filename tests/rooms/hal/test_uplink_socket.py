"""The socket uplink against sockets of this process: outcomes of connect, names, streams, and no descriptor left
behind.
"""

import gc
import os
import socket

from firmware.base import aio
from firmware.base.faults import UplinkFault
from firmware.hal.uplink_socket import SocketUplink, is_numeric, read_resolvers
from tests.kit import eq

HOST = "127.0.0.1"


def bound(kind, port_from):
    """A non-blocking socket on a free loopback port -> (socket, port)."""
    for port in range(port_from, port_from + 200):
        sock = socket.socket(socket.AF_INET, kind)
        try:
            sock.bind(socket.getaddrinfo(HOST, port)[0][-1])
            sock.setblocking(False)
            return sock, port
        except OSError:
            sock.close()
    raise AssertionError("no free port")


def unused_port():
    sock, port = bound(socket.SOCK_STREAM, 21_000)
    sock.close()
    return port


def open_descriptors():
    """How many sockets this process holds; pipes to children that others started beside this test are none of ours."""
    gc.collect()  # what an earlier test left to the collector is not ours to count
    count = 0
    for name in os.listdir("/proc/self/fd"):
        try:
            count += os.stat("/proc/self/fd/" + name)[0] & 0o170000 == 0o140000
        except OSError:
            pass  # the listing itself, and what was closed meanwhile
    return count


async def failure(coroutine):
    """The text of its UplinkFault."""
    try:
        await coroutine
    except UplinkFault as fault:
        return str(fault)
    raise AssertionError("no fault")


async def pair():
    """A connected (stream, its other end as plain socket, listener)."""
    listener, port = bound(socket.SOCK_STREAM, 21_200)
    listener.listen(1)
    stream = await SocketUplink([]).connect(HOST, port, 1_000)
    await aio.wait_readable(listener, 1_000)
    peer = listener.accept()[0]
    peer.setblocking(False)
    return stream, peer, listener


class FullBacklog:
    """A listener that drops every further SYN."""

    def __init__(self):
        self.listener, self.port = bound(socket.SOCK_STREAM, 21_400)
        self.listener.listen(0)
        self.fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            self.fillers.append(filler)
            try:
                filler.connect(socket.getaddrinfo(HOST, self.port)[0][-1])
            except OSError:
                pass  # in progress, for ever

    def close(self):
        for sock in self.fillers + [self.listener]:
            sock.close()


def test_numeric_hosts_are_recognised():
    eq([is_numeric(host) for host in ("127.0.0.1", "10.0.0.255", "::1")], [True] * 3)
    eq(
        [is_numeric(host) for host in ("a.b.c.d", "1.2.3", "1.2.3.4.5", "localhost", "1.2.3.", "1.2.3.\u0664", "")],
        [False] * 7,
    )


def test_bytes_go_both_ways_and_the_end_is_minus_one():
    async def story():
        stream, peer, listener = await pair()
        await stream.send(b"..hello..", 2, 7, 1_000)
        await aio.wait_readable(peer, 1_000)
        eq(peer.recv(100), b"hello")
        buf = bytearray(100)
        eq(await stream.receive_into(buf, 1), 0)
        peer.send(b"answer")
        eq(await stream.receive_into(buf, 1_000), 6)
        eq(bytes(buf[:6]), b"answer")
        peer.close()
        eq(await stream.receive_into(buf, 1_000), -1)
        stream.close()
        stream.close()
        await failure(stream.receive_into(buf, 1))
        listener.close()

    aio.run(story())


def test_a_peer_that_reads_nothing_is_a_fault_and_no_wait_for_ever():
    async def story():
        stream, peer, listener = await pair()
        big = bytes(1_000_000)
        why = ""
        for _ in range(30):
            try:
                await stream.send(big, 0, len(big), 50)
            except UplinkFault as fault:
                why = str(fault)
                break
        eq(why, "the link takes no bytes")
        stream.close()
        peer.close()
        listener.close()

    aio.run(story())


def test_large_sends_arrive_whole_although_the_socket_takes_them_in_parts():
    pieces, piece = 30, bytes(300_000)  # more than the buffers of both ends take

    async def drain(peer, got):
        await aio.sleep_ms(50)
        while got[0] < pieces * len(piece):
            if await aio.wait_readable(peer, 1_000):
                got[0] += len(peer.recv(100_000))

    async def story():
        stream, peer, listener = await pair()
        got = [0]
        reader = aio.create_task(drain(peer, got))
        for _ in range(pieces):
            await stream.send(piece, 0, len(piece), 20_000)
        await reader
        eq(got[0], pieces * len(piece))
        stream.close()
        peer.close()
        listener.close()

    aio.run(story())


def test_a_thousand_refused_connections_leave_no_descriptor():
    async def story():
        uplink = SocketUplink([])
        port = unused_port()
        await failure(uplink.connect(HOST, port, 1_000))
        before = open_descriptors()
        for _ in range(1_000):
            await failure(uplink.connect(HOST, port, 1_000))
        eq(open_descriptors(), before)

    aio.run(story())


def test_dropped_syn_times_out_and_leaves_no_descriptor_cancelled_or_not():
    async def story():
        silent = FullBacklog()
        uplink = SocketUplink([])
        before = open_descriptors()
        eq(await failure(uplink.connect(HOST, silent.port, 60)), "no answer from 127.0.0.1")
        for _ in range(20):
            task = aio.create_task(uplink.connect(HOST, silent.port, 60_000))
            await aio.sleep_ms(2)
            await aio.cancel(task)
        eq(open_descriptors(), before)
        silent.close()

    aio.run(story())


def test_silent_resolver_times_out_and_an_absent_one_is_a_fault_without_descriptors():
    async def story():
        silent, port = bound(socket.SOCK_DGRAM, 21_600)
        before = open_descriptors()
        why = await failure(SocketUplink([(HOST, port)]).connect("broker.example", 1_883, 60))
        eq("broker.example was not resolved" in why, True)
        await failure(SocketUplink([(HOST, unused_port())]).connect("broker.example", 1_883, 200))
        await failure(SocketUplink([]).connect("broker.example", 1_883, 200))
        await failure(SocketUplink([]).connect("no such host", 1_883, 200))
        eq(open_descriptors(), before)
        silent.close()

    aio.run(story())


def test_a_name_is_resolved_past_stray_answers_and_connected():
    async def serve(resolver):
        await aio.wait_readable(resolver, 1_000)
        query, client = resolver.recvfrom(512)
        head = query[:2] + b"\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00" + query[12:]
        answer = head + b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x7f\x00\x00\x01"
        resolver.sendto(b"\xff\xff" + answer[2:], client)
        resolver.sendto(answer, client)

    async def story():
        listener, port = bound(socket.SOCK_STREAM, 21_800)
        listener.listen(1)
        resolver, resolver_port = bound(socket.SOCK_DGRAM, 22_000)
        server = aio.create_task(serve(resolver))
        stream = await SocketUplink([(HOST, resolver_port)]).connect("broker.example", port, 2_000)
        await server
        stream.close()
        listener.close()
        resolver.close()

    aio.run(story())


def test_resolvers_come_from_the_file_and_a_missing_file_is_none():
    path = "resolv-test.tmp"
    with open(path, "w") as out:
        out.write(
            "# comment\nnameserver 192.0.2.1\nsearch x\nnameserver not-numeric\nnameserver\n nameserver 192.0.2.2 \n"
        )
    try:
        eq(read_resolvers(path), [("192.0.2.1", 53), ("192.0.2.2", 53)])
    finally:
        os.remove(path)
    eq(read_resolvers(path), [])
