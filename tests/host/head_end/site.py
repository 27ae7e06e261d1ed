"""Broker, head-end process and command line in one folder, for the tests of this folder that need real processes."""

import json
import os
import pwd
import queue
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.host.head_end.simulated_gateway import TIMEOUT_S, SimulatedGateway

ROOT = Path(__file__).resolve().parents[3]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Site:
    """Broker, head-end process and command line in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.broker: subprocess.Popen[bytes] | None = None
        self.server: subprocess.Popen[bytes] | None = None
        self.gateways: list[SimulatedGateway] = []

    def start_broker(self) -> None:
        store = self.folder / "broker"
        store.mkdir(exist_ok=True)
        store.chmod(0o777)
        config = self.folder / "mosquitto.conf"
        config.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence true\n"
            f"persistence_location {store}/\nautosave_interval 1\nlog_dest none\nuser {_user()}\n"
        )
        program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        self.broker = subprocess.Popen([program, "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + TIMEOUT_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                assert time.monotonic() < until and self.broker.poll() is None, "mosquitto did not start"
                time.sleep(0.05)

    def wipe_broker(self) -> None:
        """Kill it and lose everything it kept."""
        assert self.broker is not None
        self.broker.kill()
        self.broker.wait()
        shutil.rmtree(self.folder / "broker")

    def start_server(self) -> None:
        with open(self.folder / "server.log", "ab") as log:
            self.server = subprocess.Popen([*self.command(), "serve", "--broker", f"127.0.0.1:{self.port}"], cwd=ROOT, stderr=log)

    def stop_server(self, how: int = signal.SIGTERM) -> None:
        assert self.server is not None
        self.server.send_signal(how)
        self.server.wait(TIMEOUT_S)

    def command(self) -> list[str]:
        return [sys.executable, "-m", "host_tools.head_end", "--db", str(self.folder / "head_end.db")]

    def run(self, *arguments: str) -> Any:
        """A command with --json -> (exit status, answer)."""
        done = subprocess.run([*self.command(), *arguments, "--json"], cwd=ROOT, capture_output=True, text=True, timeout=60)
        return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr

    def gateway(self, name: str = "gw-001", account: int = 1001, meter: str = "000000000001") -> SimulatedGateway:
        gateway = SimulatedGateway(name)
        key = self.folder / "key"
        key.write_text(gateway.key.hex())
        assert self.run("gateway", "add", name, "--key-file", str(key))[0] == 0
        assert self.run("account", "add", str(account), "--gateway", name, "--meter", meter, "--tariff", "1", "--policy", "1")[0] == 0
        self.gateways.append(gateway)
        return gateway

    def close(self) -> None:
        for gateway in self.gateways:
            gateway.disconnect()
        for process in (self.server, self.broker):
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()


def _user() -> str:
    return pwd.getpwuid(os.getuid()).pw_name


def greet(gateway: SimulatedGateway, port: int, clean: bool = False) -> dict[int, Any]:
    """Connect and say status until it is answered, as a gateway does."""
    gateway.connect(port, clean)
    until = time.monotonic() + TIMEOUT_S
    while True:
        gateway.say_status(standing=1)
        try:
            return gateway.wait("acks", lambda ack: ack[7] == gateway.challenge(), timeout_s=3)
        except queue.Empty:
            assert time.monotonic() < until, "no status was answered"
