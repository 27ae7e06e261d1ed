"""The server: one MQTT client, one connection to the database, no thread.

Messages are handled in the order they come; after a batch each gateway that said something gets one cumulative
acknowledgement. New rows made by the command line are noticed within POLL_S, so a payment is on its way at once.
"""

import asyncio
import random
import sqlite3
import ssl
import sys
import time
from collections.abc import Callable

import aiomqtt

from host_tools.head_end import safe_reports, state
from host_tools.head_end.database import Database
from host_tools.head_end.garbage import Garbage
from host_tools.head_end.heard import BEHIND, Heard
from host_tools.head_end.ingest import ingest
from host_tools.head_end.outgoing import Outgoing, Parcel

POLL_S = 0.05
LOOK_MS = 500  # also without new rows: resends fall due
QUEUE_MAX = 5_000  # what a flood pushes out is asked for again, like any gap
BATCH_MAX = 50  # messages between two acknowledgements
SETTLE_S = 1  # what the broker kept for us is heard before anything is sent
PUBLISH_TIMEOUT_S = 10
RECONNECT_FIRST_S = 0.2
RECONNECT_MAX_S = 5.0
KEEP_ALIVE_S = 30
CANCEL_AGAIN_S = 0.5

Say = Callable[[str], None]


def say_on_stderr(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


class Server:
    """`run()` never returns; it reconnects for ever. Cancel it to stop."""

    def __init__(
        self, db: Database, host: str, port: int, say: Say = say_on_stderr, context: ssl.SSLContext | None = None
    ) -> None:
        self.db = db
        self.host = host
        self.port = port
        self.say = say
        self.context = context  # None: no TLS
        self.said = ""
        self.outgoing = Outgoing(db)
        self.garbage = Garbage(db)
        self.version = -1  # of the data last looked at; -1 looks again at the next poll
        self.lock = asyncio.Lock()  # one publisher at a time keeps each topic in order
        row = db.row("SELECT name FROM head_end")
        assert row is not None
        self.identifier = str(row["name"])

    async def run(self) -> None:
        """A cancellation that the client lost, or replaced by a fault of its own, counts all the same."""
        pause_s = RECONNECT_FIRST_S
        while True:
            try:
                async with aiomqtt.Client(
                    self.host,
                    self.port,
                    identifier=self.identifier,
                    clean_session=False,
                    keepalive=KEEP_ALIVE_S,
                    timeout=PUBLISH_TIMEOUT_S,
                    max_queued_incoming_messages=QUEUE_MAX,
                    tls_context=self.context,
                ) as client:
                    await client.subscribe("pg1/+/up/#", qos=1)
                    _heed_cancellation()
                    self._say_once("connected", f"head-end: connected to {self.host}:{self.port}")
                    pause_s = RECONNECT_FIRST_S
                    await self._serve(client)
            except (aiomqtt.MqttError, OSError) as fault:
                self._say_once("no broker", f"head-end: no broker at {self.host}:{self.port} ({fault}); trying again")
            except sqlite3.OperationalError as fault:  # held by somebody, or a full disk: nothing was acknowledged
                self._say_once("no database", f"head-end: the database cannot be used ({fault}); trying again")
            _heed_cancellation()
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))
            pause_s = min(2 * pause_s, RECONNECT_MAX_S)

    def _say_once(self, state: str, sentence: str) -> None:
        """Not again for each attempt while the state is the same, whatever reason the next attempt gives."""
        if state != self.said:
            self.said = state
            self.say(sentence)

    async def _serve(self, client: aiomqtt.Client) -> None:
        tasks = [asyncio.create_task(self._listen(client)), asyncio.create_task(self._send(client))]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                task.result()
        finally:
            await end(tasks)

    async def _listen(self, client: aiomqtt.Client) -> None:
        waiting: dict[str, Heard] = {}
        handled = 0
        async for message in client.messages:
            payload = message.payload if isinstance(message.payload, bytes) else b""
            heard = self._take(str(message.topic), payload)
            if heard is not None:
                self._merge(waiting, heard)
            handled += 1
            if len(client.messages) == 0 or handled >= BATCH_MAX:
                self.garbage.write()
                await self._acknowledge(client, waiting)
                waiting, handled = {}, 0

    def _take(self, topic: str, payload: bytes) -> Heard | None:
        """One message. A fault of our own in it is said and counted; the messages behind it are not held up."""
        try:
            return ingest(self.db, topic, payload, int(time.time()), self.garbage)
        except sqlite3.Error:
            raise  # no message can be stored: nothing may be acknowledged
        except Exception as fault:
            self.say(f"head-end: a message on {topic} was not understood: {fault!r}")
            with self.db.transaction():
                self.db.report(topic.split("/")[1], int(time.time()), "not_understood", f"{topic}: {fault!r}")
            return None

    def _merge(self, waiting: dict[str, Heard], heard: Heard) -> None:
        if heard.came_online:
            self.outgoing.hurry(heard.gateway, _now_ms())
            self.version = -1
        before = waiting.get(heard.gateway)
        if before is not None:
            heard.challenge = heard.challenge or before.challenge
            if not heard.stored:  # what was asked for before the gap closed is not asked for again
                heard.resend_from = heard.resend_from or before.resend_from
                heard.resend_readings_from = heard.resend_readings_from or before.resend_readings_from
        waiting[heard.gateway] = heard

    async def _acknowledge(self, client: aiomqtt.Client, waiting: dict[str, Heard]) -> None:
        for heard in waiting.values():
            if heard.what == safe_reports.SAFE:
                continue  # it reads no books that could be acknowledged
            parcel = self.outgoing.acknowledge(heard, _now_ms(), int(time.time()))
            await self._publish(client, parcel)
            # a state that arrives before this answer would be unasked for, and ignored
            if heard.challenge is not None:
                state.give_when_behind(self.db, heard.gateway, int(time.time()), (BEHIND,))

    async def _send(self, client: aiomqtt.Client) -> None:
        looked_ms = 0
        self.version = -1
        await asyncio.sleep(SETTLE_S)
        while True:
            now_ms = _now_ms()
            if self.db.data_version() != self.version or now_ms - looked_ms >= LOOK_MS:
                self.version, looked_ms = self.db.data_version(), now_ms
                for parcel in self.outgoing.due(now_ms, int(time.time())):
                    await self._publish(client, parcel)
            await asyncio.sleep(POLL_S)

    async def _publish(self, client: aiomqtt.Client, parcel: Parcel) -> None:
        async with self.lock:
            await client.publish(parcel.topic, parcel.payload, qos=1)


async def end(tasks: list[asyncio.Task[None]]) -> None:
    """Cancel until all are over: `wait_for` of Python 3.11 loses a cancellation that meets its result."""
    while pending := [task for task in tasks if not task.done()]:
        for task in pending:
            task.cancel()
        await asyncio.wait(pending, timeout=CANCEL_AGAIN_S)
    for task in tasks:
        if not task.cancelled():
            task.exception()  # the first one was raised already


def _heed_cancellation() -> None:
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000
