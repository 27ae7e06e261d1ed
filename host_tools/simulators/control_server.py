"""A control socket of a simulator: JSON lines in, JSON lines out, any number of clients; closing it ends their talks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

LINE_MAX = 64 * 1024
CLOSE_TIMEOUT_S = 1  # then what a client did not read is dropped

Obey = Callable[[Any], dict[str, object]]


class ControlServer:
    """ControlServer(obey, path): `obey(document)` carries out one order -> its answer; it never raises for what a document says."""

    def __init__(self, obey: Obey, path: Path) -> None:
        self._obey = obey
        self._path = path
        self._server: asyncio.Server | None = None
        self._talks: dict[asyncio.StreamWriter, asyncio.Task[None]] = {}

    async def open(self) -> None:
        if self._path.exists() and not self._path.is_socket():
            raise FileExistsError(17, "exists and is not a socket", str(self._path))
        self._path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._talk, str(self._path), limit=LINE_MAX)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        await self._end_talks()
        self._path.unlink(missing_ok=True)

    async def _end_talks(self) -> None:
        """Every talk is over before the loop is: one that the loop cancelled would be reported as a fault."""
        talks = list(self._talks.items())
        for writer, _ in talks:
            writer.close()
        if talks:
            await asyncio.wait([task for _, task in talks], timeout=CLOSE_TIMEOUT_S)
        unread = [(writer, task) for writer, task in talks if not task.done()]
        for writer, _ in unread:
            writer.transport.abort()
        if unread:
            await asyncio.wait([task for _, task in unread], timeout=CLOSE_TIMEOUT_S)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._talks[writer] = task
        try:
            while line := await reader.readline():
                try:
                    answer = self._obey(json.loads(line))
                except ValueError as error:
                    answer = {"ok": False, "error": f"not JSON: {error}"}
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError):  # gone, or a line over LINE_MAX
            pass
        finally:
            self._talks.pop(writer, None)
            writer.close()
