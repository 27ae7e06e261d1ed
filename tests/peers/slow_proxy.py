"""A TCP proxy that holds every byte back for a while, each way, without limiting the rate: a long link on loopback."""

import asyncio
import threading

HOST = "127.0.0.1"


class SlowProxy:
    """SlowProxy(target_port, delay_seconds): `port` is where to connect; the delay applies once in each direction."""

    def __init__(self, target_port: int, delay_seconds: float) -> None:
        self.port = 0
        self._target_port = target_port
        self._delay_seconds = delay_seconds
        self._loop = asyncio.new_event_loop()
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),), daemon=True)
        self._thread.start()
        self._listening.wait(10)

    def close(self) -> None:
        """Stop listening and drop all connections."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._connected, HOST, 0)
        self.port = server.sockets[0].getsockname()[1]
        self._listening.set()
        await self._stop.wait()
        server.close()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(HOST, self._target_port)
        except OSError:
            writer.close()
            return
        ways = (self._carry(reader, far_writer), self._carry(far_reader, writer))
        try:
            await asyncio.gather(*ways, return_exceptions=True)
        except asyncio.CancelledError:
            pass  # close(): the server of Python 3.11 would report it as an error of ours

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pieces in the order they came, each after its delay; the end of the stream is such a piece too."""
        pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        sender = asyncio.create_task(self._deliver(pieces, writer))
        data = b"."
        while data:
            try:
                data = await reader.read(65_536)
            except OSError:
                data = b""
            pieces.put_nowait((self._loop.time() + self._delay_seconds, data))
        await sender

    async def _deliver(self, pieces: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter) -> None:
        while True:
            due, data = await pieces.get()
            await asyncio.sleep(max(0.0, due - self._loop.time()))
            if not data:
                writer.close()
                return
            try:
                writer.write(data)
                await writer.drain()
            except ConnectionError:
                return  # that side has gone; what was on its way is lost
