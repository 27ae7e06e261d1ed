"""The modem as a process on a real pty, and a board from scratch at it: echo over a lossy radio, a dropped carrier, no spinning."""

import contextlib
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from host_tools.simulators.client import SiteError
from host_tools.simulators.modem.control import ModemClient
from host_tools.simulators.modem.running import main, spawned
from tests.host.simulators.ppp_client import ACK, FIN, Board

pytestmark = pytest.mark.slow


@contextlib.contextmanager
def echo_server():
    """Gives back what it gets; its port."""

    def talk(peer):
        with peer:
            while data := peer.recv(4_096):
                peer.sendall(data)

    def serve():
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=talk, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]


@pytest.fixture
def modem(tmp_path):
    with spawned(tmp_path / "modem", tmp_path / "control", "--host", "broker.test=10.0.2.2") as process:
        client = ModemClient(tmp_path / "control")
        board = Board(tmp_path / "modem")
        client.process, client.board = process, board
        yield client
        board.close()
        client.close()


def test_bytes_go_to_the_host_s_loopback_and_back_and_the_end_too(modem):
    board = modem.board
    with echo_server() as port:
        board.dial()
        board.negotiate()
        assert board.address == bytes((10, 0, 2, 15)) and board.name_server == bytes((10, 0, 2, 3))
        assert board.ask_name("broker.test").endswith(bytes((10, 0, 2, 2)))
        assert board.connect(port)
        text = bytes(range(256)) * 20
        for at in range(0, len(text), 500):
            board.transmit(text[at : at + 500])
        assert board.receive(len(text)) == text
        board.transmit(b"", FIN | ACK)
        board.receive(len(text) + 1)
        assert board.ended
        state = modem.state()
        assert state["ppp_up"] and state["connections_opened"] == 1
        board.gateway = bytes((10, 0, 2, 2))
        assert not board.connect(1)  # nobody listens there


def test_nothing_is_lost_over_a_radio_that_loses(modem):
    board = modem.board
    modem.set(loss=0.2, latency_ms=5)
    with echo_server() as port:
        board.dial()
        board.negotiate()
        assert board.connect(port)
        text = bytes(range(256)) * 8
        for at in range(0, len(text), 256):
            board.transmit(text[at : at + 256])
        assert board.receive(len(text)) == text
    assert modem.state()["packets_lost"] > 0


def test_a_dropped_carrier_ends_the_host_s_connections_and_the_next_call_works(modem):
    board = modem.board
    with socket.create_server(("127.0.0.1", 0)) as listener:
        board.dial()
        board.negotiate()
        assert board.connect(listener.getsockname()[1])
        with listener.accept()[0] as peer:
            modem.drop()
            peer.settimeout(5)
            assert peer.recv(1) == b""
        assert "NO CARRIER" in board.read_until("NO CARRIER")
        board.address = bytes(4)
        board.dial()
        board.negotiate()
        assert board.connect(listener.getsockname()[1])
    assert modem.state()["calls"] == 2


def test_a_wrong_order_is_named_and_the_modem_lives_on(modem):
    with pytest.raises(SiteError, match="colour"):
        modem.set(colour="red")
    assert "OK" in modem.board.command("AT")


def cpu_ticks(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def test_a_call_that_nobody_uses_costs_next_to_nothing(modem):
    board = modem.board
    with echo_server() as port:
        board.dial()
        board.negotiate()
        board.connect(port)
        before = cpu_ticks(modem.process.pid)
        time.sleep(1)
        assert cpu_ticks(modem.process.pid) - before <= 10


def test_it_ends_when_it_is_told_and_leaves_nothing(tmp_path):
    with spawned(tmp_path / "modem", tmp_path / "control") as process:
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0 and process.stderr is not None and process.stderr.read() == ""
    assert not (tmp_path / "modem").is_symlink() and not (tmp_path / "control").exists()


def test_login_is_demanded_when_it_was_given(tmp_path):
    with spawned(tmp_path / "modem", tmp_path / "control", "--login", "me:secret"):
        board = Board(tmp_path / "modem")
        board.dial()
        board.negotiate(("me", "secret"))
        assert board.address == bytes((10, 0, 2, 15))
        board.close()


@pytest.mark.parametrize("where", ["--port", "--control"])
def test_a_path_that_cannot_be_made_is_one_sentence(where, tmp_path, capsys):
    given = {"--port": str(tmp_path / "modem"), "--control": str(tmp_path / "control")} | {where: str(tmp_path / "none" / "x")}
    assert main([word for pair in given.items() for word in pair]) == 2
    assert capsys.readouterr().err == f"{tmp_path / 'none' / 'x'}: No such file or directory\n"
    assert not (tmp_path / "modem").is_symlink()


def test_a_wrong_argument_is_exit_code_2(tmp_path):
    command = [sys.executable, "-m", "host_tools.simulators.modem", "--port", str(tmp_path / "modem"), "--host", "broker"]
    done = subprocess.run(command, cwd=Path(__file__).parents[3], capture_output=True, text=True, timeout=20)
    assert done.returncode == 2 and "must be NAME=ADDRESS, got 'broker'" in done.stderr
