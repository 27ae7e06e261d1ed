"""The emulated board's way out: AT dialogue and PPP on UART 2 with the simulated modem, TLS with client certificates to Mosquitto.

One board and one modem serve all these tests; each is a new life of the board over the same flash.
"""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from firmware.sync import counters as count
from host_tools.emulator.machine import MODEM
from host_tools.flash import files_image
from host_tools.flash.board_folder import find_board
from host_tools.set_up import paths
from host_tools.simulators.modem.control import ModemClient
from host_tools.simulators.modem.running import spawned
from tests.boards.board_kit import BoardAtPrompt, image_with_tests
from tests.peers import certificates
from tests.peers.mqtt_world import HOST, TLS_CONFIG, Broker, HeadEnd, free_port, until

pytestmark = pytest.mark.slow

GATEWAY_NAME = certificates.NAME  # the network's name server knows it as 10.0.2.2, which is this machine
MUTUAL = {"ca": "ca.der", "name": GATEWAY_NAME, "certificate": "client.der", "key": "client.key.der"}
LIMITS = {"reconnect_first_ms": 100, "reconnect_max_ms": 500, "uplink_connect_timeout_ms": 5_000, "mqtt_keep_alive_s": 5}
LIFE_S = 60
STALL_MS_MAX = 2_000  # of the loop; about 100 in an idle machine, and a link that is waited for takes longer than this
HEAP_KB = 256
TLS_HEAP_MAX = 48 * 1024  # bytes that modem, PPP and one TLS connection may take of it


class Life:
    """One life of the board; `lines` are what it told so far."""

    def __init__(self, board: BoardAtPrompt, options: dict[str, Any], program: str = "run") -> None:
        self._board = board
        self.lines: list[dict[str, Any]] = []
        self._prompt = board.start(heap_kb=HEAP_KB)
        code = f"from tests.boards.on_board import uplink_program\nuplink_program.{program}({json.dumps(options)!r})"
        self._prompt.begin(code)

    def having(self, key: str, seconds: float = LIFE_S) -> dict[str, Any]:
        """The first line with this key that comes from now on, or came and was not asked for."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            line = json.loads(self._prompt.until(b"\n", end - time.monotonic()))
            self.lines.append(line)
            if key in line:
                return line
        raise AssertionError(f"no line with {key}: {self.lines}")

    def report(self, code: int) -> dict[str, Any]:
        while (line := self.having("report"))["report"] != code:
            pass
        return line

    def stop(self) -> None:
        self._board.stop()


class World:
    def __init__(self, folder: Path, control: Path, board: BoardAtPrompt, ports: dict[str, int], plain: int) -> None:
        self.folder = folder
        self.modem = ModemClient(control)
        self.board = board
        self.ports = ports
        self.plain = plain

    def life(self, server: str = "broker", seconds: int = 30, **options: Any) -> Life:
        whole: dict[str, Any] = {"host": GATEWAY_NAME, "port": self.ports[server], "seconds": seconds, "limits": LIMITS}
        whole |= {"modem": {"apn": "internet"}, "tls": MUTUAL, "records": 50}
        return Life(self.board, whole | options)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("uplink")
    made = certificates.make(folder)
    ports = {server: free_port() for server in ("broker", "other_name", "expired", "early")}
    more = ["user root\n"]
    more += [TLS_CONFIG.format(port=port, host=HOST, certificates=folder, server=name, demands="true") for name, port in ports.items()]
    broker = Broker(folder, "".join(more))
    broker.start()
    names = ("ca", "stranger", "client", "client.key")
    files = {f"{name}.der": (made / f"{name}.der").read_bytes() for name in names}
    files["boot.py"] = (paths.checkout() / "firmware" / "boot.py").read_bytes()
    facts = find_board("qemu_mps2")
    board = BoardAtPrompt(folder / "board", image_with_tests())
    board.flash.write("files", files_image.build_littlefs(files, facts.parts["files"].size, facts.erase_size, 32))
    port, control = folder / "modem", folder / "control"
    with spawned(port, control, "--host", f"{GATEWAY_NAME}=10.0.2.2"):
        board.machine.ways[MODEM] = str(port)
        world = World(folder, control, board, ports, broker.port)
        try:
            yield world
        finally:
            world.modem.close()
            board.stop()
            broker.stop()


@pytest.fixture
def life(world: World) -> Iterator[Any]:
    lives: list[Life] = []

    def begin(server: str = "broker", **options: Any) -> Life:
        lives.append(world.life(server, **options))
        return lives[-1]

    world.modem.drop()  # of the life before, which was killed in the middle of a call
    world.modem.set(dead=False)
    yield begin
    for one in lives:
        one.stop()


def test_records_flow_over_ppp_and_tls_and_the_heap_of_a_real_part_is_enough(world, life, capsys):
    head_end = HeadEnd(world.plain)
    try:
        one = life(credits=1)
        one.report(count.CONNECTED)
        head_end.send("credits", b"x" * 20_000)  # more than any record of TLS holds, and than the board takes
        head_end.credit(1)
        one.having("credit")
        until(lambda: head_end.held == 50, "the records are held")
        end = one.having("end")
        one.having("rtc")
    finally:
        head_end.close()
    heap = {line["when"]: line["heap"] for line in one.lines if "when" in line}
    with capsys.disabled():
        (connect_ms,) = [line["connect_ms"] for line in one.lines if "connect_ms" in line]
        print(f"\n  dialled and connected in {connect_ms} ms; longest loop gap {end['gap_ms']} ms; heap in use {heap}")
    assert end["gap_ms"] < STALL_MS_MAX and end["counters"][str(count.POISON_TOO_LARGE)] == 1
    assert heap["connected"] - heap["before"] < TLS_HEAP_MAX
    assert world.modem.state()["apn"] == "internet"


def test_who_is_refused_is_told_and_a_lost_clock_is_no_reason(world):
    cases = [
        ("broker", MUTUAL, ""),
        ("broker", MUTUAL | {"ca": "stranger.der"}, "not correctly signed by the trusted ca"),
        ("other_name", MUTUAL, "does not match"),
        ("expired", MUTUAL, "has expired"),
        ("broker", {"ca": "ca.der", "name": GATEWAY_NAME}, "client certificate"),
        ("broker", MUTUAL, "lost"),
        ("early", MUTUAL, ""),
    ]
    asked = [[world.ports[server], tls, words] for server, tls, words in cases]
    world.modem.drop()  # of the life before
    one = Life(world.board, {"host": GATEWAY_NAME, "modem": {"apn": "internet"}, "cases": asked}, "judge")
    try:
        end = one.having("end")
    finally:
        one.stop()
    told = [line for line in one.lines if "sentence" in line]
    for (_, _, words), line in zip(cases, told, strict=True):
        if words in ("", "lost"):
            assert line["sentence"] is None, line
        else:
            assert words in line["sentence"], line
    assert [line["rtc"] is None for line in told] == [False] * 5 + [True] * 2  # a hint is no time
    steps_us = told[0]["steps_us"]
    assert max(steps_us) < sum(steps_us) // 2, steps_us  # four messages cost arithmetic, and each is a step of its own
    assert end["dialled"] == 1  # lwIP has few sockets: none was left behind


def test_a_carrier_that_dies_without_a_word_is_dialled_anew(world, life):
    calls = world.modem.state()["calls"]
    one = life(seconds=40, limits=LIMITS | {"mqtt_keep_alive_s": 2, "uplink_connect_timeout_ms": 1_000})
    one.report(count.CONNECTED)
    world.modem.set(dead=True)
    until(lambda: not world.modem.state()["data_mode"], "the modem is called back to commands", 30)
    world.modem.set(dead=False)
    one.report(count.CONNECTED)
    assert world.modem.state()["calls"] == calls + 2
