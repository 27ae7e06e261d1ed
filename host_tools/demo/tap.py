"""A tap in the uplink: gateway and broker talk through it, it writes down what they say and may keep one message back.

It passes bytes on after a fixed delay each way, as a mobile network does, and whole packets only. When the broker is away the
gateway finds its connection closed. One kind of message can be held and let go later: a network may be late with one
topic and not with another, and MQTT promises order only within a topic. `thin` makes the way up narrow for a while,
`cut` takes the gateway's network away altogether.
"""

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable

from host_tools.demo.mqtt_packets import PUBLISH, NotMqtt, Packet, PacketReader, Publish, parse_publish
from host_tools.demo.wire_log import WireLog

READ_BYTES = 4096
QUEUE_MAX = 2_000
DELAY_S = 0.04

Wanted = Callable[[Publish], bool]
Pass = Callable[[Packet], bool]  # False: kept back


class Tap:
    """Listens on `port`, passes on to `broker_port`. `hold(wanted)` and `release()` are for messages to the gateway."""

    def __init__(self, port: int, broker_port: int, log: WireLog, tls: ssl.SSLContext | None = None) -> None:
        self.port = port
        self.log = log
        self._broker_port = broker_port
        self._tls = tls  # a gateway that comes by TLS finds its end here
        self._server: asyncio.Server | None = None
        self._talks: set[asyncio.Task[None]] = set()
        self._to_gateway: asyncio.Queue[tuple[float, Packet]] | None = None
        self._wanted: Wanted | None = None
        self._held: Packet | None = None
        self._up_bytes_per_s = 0.0  # 0 = as fast as it comes
        self._is_cut = False

    @property
    def holds(self) -> bool:
        """A message is being kept back now."""
        return self._held is not None

    @property
    def listens_on(self) -> int:
        """The port, also when any was asked for."""
        assert self._server is not None
        port = self._server.sockets[0].getsockname()[1]
        assert isinstance(port, int)
        return port

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port, ssl=self._tls)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for talk in list(self._talks):
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    def hold(self, wanted: Wanted) -> None:
        """From now on keep back messages to the gateway for which `wanted` is true; of copies the last is kept."""
        self._wanted = wanted

    def release(self) -> None:
        """Hand the held message over, late, and hold nothing any more."""
        if self._held is not None and self._to_gateway is not None:
            self._to_gateway.put_nowait((time.monotonic(), self._held))
        self._wanted = self._held = None

    def thin(self, up_bytes_per_s: float) -> None:
        """From now on the way up passes no more than this; 0 makes it wide again."""
        self._up_bytes_per_s = up_bytes_per_s

    def cut(self) -> None:
        """The gateway's connection breaks, and no other comes about until `mend`."""
        self._is_cut = True
        for talk in list(self._talks):
            talk.cancel()

    def mend(self) -> None:
        """The gateway may connect again."""
        self._is_cut = False

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        if self._is_cut:
            writer.close()
            return
        self._talks.add(task)
        try:
            await self._talk(reader, writer)
        except (OSError, NotMqtt, asyncio.QueueFull):
            pass  # one side is gone, or says what is no MQTT: the connection ends, as a network would end it
        except asyncio.CancelledError:
            pass  # by `cut` or `close`; the task is this talk's own
        finally:
            self._talks.discard(task)
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._broker_port)
        upwards: asyncio.Queue[tuple[float, Packet]] = asyncio.Queue(QUEUE_MAX)
        downwards: asyncio.Queue[tuple[float, Packet]] = asyncio.Queue(QUEUE_MAX)
        self._to_gateway = downwards
        self._held = None
        parts = [
            asyncio.create_task(_listen(reader, upwards, self._said)),
            asyncio.create_task(_speak(upwards, far_writer, self._squeeze)),
            asyncio.create_task(_listen(far_reader, downwards, self._passes)),
            asyncio.create_task(_speak(downwards, writer, self._note)),
        ]
        try:
            done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
            for part in done:
                part.result()
        finally:
            for part in parts:
                part.cancel()
            await asyncio.gather(*parts, return_exceptions=True)
            far_writer.close()
            if self._to_gateway is downwards:
                self._to_gateway = None

    def _said(self, packet: Packet) -> bool:
        self.log.up(packet)  # before the delay: what the gateway said it has said, also when it dies in this moment
        return True

    async def _squeeze(self, packet: Packet) -> None:
        if self._up_bytes_per_s:
            await asyncio.sleep(len(packet.raw) / self._up_bytes_per_s)

    async def _note(self, packet: Packet) -> None:
        self.log.down(packet)

    def _passes(self, packet: Packet) -> bool:
        if packet.kind != PUBLISH or self._wanted is None or not self._wanted(parse_publish(packet)):
            return True
        self._held = packet
        return False


async def _listen(reader: asyncio.StreamReader, queue: asyncio.Queue[tuple[float, Packet]], passes: Pass) -> None:
    packets = PacketReader()
    while data := await reader.read(READ_BYTES):
        due = time.monotonic() + DELAY_S
        for packet in packets.feed(data):
            if passes(packet):
                queue.put_nowait((due, packet))


async def _speak(
    queue: asyncio.Queue[tuple[float, Packet]], writer: asyncio.StreamWriter, before: Callable[[Packet], Awaitable[None]]
) -> None:
    while True:
        due, packet = await queue.get()
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        await before(packet)
        writer.write(packet.raw)
        await writer.drain()
