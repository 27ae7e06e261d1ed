"""The server ends when it is told to, whatever the broker does in that moment."""

import asyncio
import random
import time
from collections.abc import AsyncIterator

import aiomqtt
import pytest

from host_tools.head_end.database import Database
from host_tools.head_end.server import Server, end

END_S = 5  # the client gives a broker that says nothing 10 s


class SpoilingClient:
    """A client whose connection is lost in the moment in which it is told to leave."""

    def __init__(self, *place: object, **options: object) -> None:
        self.messages = self._messages()

    async def _messages(self) -> AsyncIterator[aiomqtt.Message]:
        await asyncio.sleep(60)
        yield aiomqtt.Message("pg1/x/up/status", b"", 1, False, 1, None)

    async def __aenter__(self) -> "SpoilingClient":
        return self

    async def subscribe(self, topic: str, qos: int) -> None:
        await asyncio.sleep(60)

    async def publish(self, topic: str, payload: bytes, qos: int) -> None:
        pass

    async def __aexit__(self, *fault: object) -> None:
        raise aiomqtt.MqttError("lost")


class LosingClient(SpoilingClient):
    """A client that loses the cancellation, as `wait_for` does when its result has just come."""

    async def subscribe(self, topic: str, qos: int) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            pass

    async def __aexit__(self, *fault: object) -> None:
        pass


async def ends_within(server: Server, after_s: float, end_s: float) -> bool:
    task = asyncio.create_task(server.run())
    await asyncio.sleep(after_s)
    task.cancel()
    await asyncio.wait([task], timeout=end_s)
    ended = task.done()
    while not task.done():  # so that the test ends
        task.cancel()
        await asyncio.wait([task], timeout=1)
    return ended


@pytest.mark.parametrize("client", (SpoilingClient, LosingClient))
def test_one_cancellation_ends_the_server_although_the_client_loses_it(books, monkeypatch, client):
    monkeypatch.setattr(aiomqtt, "Client", client)
    server = Server(books.db, "127.0.0.1", 1, lambda sentence: None)
    assert asyncio.run(ends_within(server, 0.1, 2))


def test_a_task_that_loses_its_first_cancellation_is_ended():
    lost = []

    async def deaf() -> None:
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                if lost:
                    raise
                lost.append(1)

    async def story() -> None:
        tasks = [asyncio.create_task(deaf())]
        await asyncio.sleep(0)
        await asyncio.wait_for(end(tasks), 10)

    asyncio.run(story())
    assert lost == [1]


@pytest.mark.slow
def test_the_server_ends_in_any_moment_of_connecting_to_a_real_broker(site, tmp_path):
    db = Database(tmp_path / "head_end.db")

    async def stubborn() -> list[int]:
        found = []
        for seed in range(200):
            draw = random.Random(seed)
            if not await ends_within(Server(db, "127.0.0.1", site.port, lambda sentence: None), draw.random() * 0.006, END_S):
                found.append(seed)
                break
        return found

    assert asyncio.run(stubborn()) == []
    db.close()


@pytest.mark.slow
@pytest.mark.parametrize("stopped", ("before", "with", "after"))
def test_sigterm_ends_the_process_while_its_broker_stops(site, stopped):
    for round in range(3):
        if site.broker is None or site.broker.poll() is not None:
            site.start_broker()
        site.start_server()
        _until_connected(site, round + 1)
        assert site.broker is not None and site.server is not None
        if stopped != "after":
            site.broker.terminate()
        if stopped == "before":
            time.sleep(0.1 * round)
        site.server.terminate()
        if stopped == "after":
            site.broker.terminate()
        assert site.server.wait(END_S) == 0
        site.broker.wait(END_S)


def _until_connected(site, times: int) -> None:
    until = time.monotonic() + 15
    while (site.folder / "server.log").read_text().count("connected to") < times:
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_broker_that_is_gone_is_said_once_whatever_reason_the_attempts_give(books, monkeypatch):
    class GoneClient(SpoilingClient):
        attempts = 0

        async def __aenter__(self) -> "SpoilingClient":
            GoneClient.attempts += 1
            raise aiomqtt.MqttError(("timed out", "refused")[GoneClient.attempts % 2])

    monkeypatch.setattr(aiomqtt, "Client", GoneClient)
    monkeypatch.setattr("host_tools.head_end.server.RECONNECT_MAX_S", 0.01)
    said: list[str] = []
    assert asyncio.run(ends_within(Server(books.db, "127.0.0.1", 1, said.append), 0.5, 2))
    assert GoneClient.attempts > 3 and len(said) == 1
