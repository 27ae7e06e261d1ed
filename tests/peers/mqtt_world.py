"""What stands around a gateway's uplink in a test: a real Mosquitto, a made-up head-end, and the device as a process.

The head-end shares no code with the firmware: paho, cbor2 and the standard library's hmac.
"""

import hashlib
import hmac
import json
import os
import queue
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import cbor2
import paho.mqtt.client as paho

from host_tools.set_up import paths
from tests import compiled

HOST = "127.0.0.1"
KEY = bytes(range(32))
GATEWAY = "gw1"
WAIT_SECONDS = 20.0
INTERPRETERS = ("micropython", "cpython")
CONFIG = """listener {port} {host}
allow_anonymous true
persistence true
persistence_location {folder}/
autosave_interval 1
set_tcp_nodelay true
"""


def free_port() -> int:
    """A TCP port that nobody has right now."""
    with socket.socket() as sock:
        sock.bind((HOST, 0))
        return sock.getsockname()[1]


TLS_CONFIG = """listener {port} {host}
allow_anonymous true
cafile {certificates}/ca.pem
certfile {certificates}/{server}.pem
keyfile {certificates}/{server}.key.pem
require_certificate {demands}
"""


class Broker:
    """Mosquitto on one port, with its persistence in a folder that can be wiped; further ports by `more` configuration."""

    def __init__(self, folder: Path, more: str = "") -> None:
        self.port = free_port()
        self.folder = folder
        self.more = more
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        data = self.folder / "broker"
        data.mkdir(parents=True, exist_ok=True)
        data.chmod(0o777)  # started as root, Mosquitto becomes another user
        config = self.folder / "mosquitto.conf"
        config.write_text(CONFIG.format(port=self.port, host=HOST, folder=data) + self.more)
        command = [str(paths.mosquitto()), "-c", str(config)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(lambda: self.answers(), "the broker listens")

    def answers(self) -> bool:
        try:
            socket.create_connection((HOST, self.port), 0.2).close()
            return True
        except OSError:
            return False

    def stop(self, wipe: bool = False) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(10)
            self.process = None
        if wipe:
            shutil.rmtree(self.folder / "broker")


class Device:
    """tests/peers/sync_device.py as a process of one interpreter; its lines are kept as they come."""

    def __init__(self, interpreter: str, **options: Any) -> None:
        environment = dict(os.environ, OPTIONS=json.dumps(options))
        if interpreter == "micropython":
            program = str(paths.micropython())
            environment["MICROPYPATH"] = compiled.path()
        else:
            program = sys.executable
            environment["PYTHONPATH"] = f"{paths.checkout()}{os.pathsep}{paths.micropython_library()}"
        script = str(paths.checkout() / "tests" / "peers" / "sync_device.py")
        command = [program, script]
        self.process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.lines: list[dict[str, Any]] = []
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(json.loads(line))

    def having(self, key: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if key in line]

    def reports(self, code: int) -> list[dict[str, Any]]:
        return [line for line in self.having("report") if line["report"] == code]

    def end(self) -> dict[str, Any]:
        """Wait until it is done -> its last line."""
        self.process.wait(120)
        self._thread.join(10)
        assert self.process.stderr is not None
        trouble = self.process.stderr.read()
        assert self.process.returncode == 0 and not trouble, trouble
        return self.having("end")[0]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)


class HeadEnd:
    """Acknowledges what it gets; remembers every message as (topic, payload bytes, retained, seconds)."""

    def __init__(self, port: int) -> None:
        self.received: list[tuple[str, bytes, bool, float]] = []
        self.held = 0
        self.readings_held = 0
        self.answers = True
        self.problems: queue.Queue[str] = queue.Queue()
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id="head-end")
        self.client.on_connect = lambda client, *_: client.subscribe("pg1/+/up/#", 1)
        self.client.on_message = self._on_message
        self.client.reconnect_delay_set(1, 1)
        self.client.connect(HOST, port)
        self.client.loop_start()

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def of(self, topic: str) -> list[bytes]:
        return [payload for name, payload, retained, _ in self.received if name.endswith(topic) and not retained]

    def send(self, kind: str, message: Any, key: bytes = KEY, kid: bytes = b"gw1") -> None:
        topic = f"pg1/{GATEWAY}/down/{kind}"
        self.client.publish(topic, message if isinstance(message, bytes) else sealed(topic, message, key, kid), 1)

    def credit(self, number: int) -> None:
        self.send("credits", {1: 7, 2: 1, 3: number, 4: 5_000_000, 5: 5_000_000 * number, 6: 1_700_000_000})

    def _on_message(self, client: paho.Client, userdata: Any, message: paho.MQTTMessage) -> None:
        self.received.append((message.topic, message.payload, message.retain, time.time()))
        challenge = None
        if message.topic.endswith("/journal"):
            batch = cbor2.loads(opened(message.topic, message.payload))
            if batch[2] <= self.held + 1:
                self.held = max(self.held, batch[2] + len(batch[4]) - 1)
        elif message.topic.endswith("/readings"):
            batch = cbor2.loads(message.payload)
            if not batch[1] and batch[2][0][0] <= self.readings_held + 1:
                self.readings_held = max(self.readings_held, batch[2][-1][0])
        else:
            status = cbor2.loads(message.payload)
            if message.retain or not status[1]:
                return
            challenge = status[11]
        if self.answers:
            self.send("acks", self.ack(challenge))

    def ack(self, challenge: bytes | None, resend: int | None = None) -> dict[int, Any]:
        now_s = int(time.time())
        return {
            1: 1,
            2: self.held,
            3: bytes(8),
            4: bytes(8),
            5: self.readings_held,
            6: now_s,
            7: challenge,
            8: 0,
            9: resend,
            10: None,
        }


def sealed(topic: str, message: Any, key: bytes = KEY, kid: bytes = b"gw1") -> bytes:
    """COSE_Mac0 by RFC 9052, from scratch."""
    protected = cbor2.dumps({1: 5})
    payload = cbor2.dumps(message, canonical=True)
    tag = hmac.digest(key, cbor2.dumps(["MAC0", protected, topic.encode(), payload]), hashlib.sha256)
    return cbor2.dumps(cbor2.CBORTag(17, [protected, {4: kid}, payload, tag]))


def opened(topic: str, data: bytes) -> bytes:
    """The payload; AssertionError when its MAC does not verify."""
    value = cbor2.loads(data)
    protected, headers, payload, tag = value.value
    want = hmac.digest(KEY, cbor2.dumps(["MAC0", protected, topic.encode(), payload]), hashlib.sha256)
    assert value.tag == 17 and headers[4] == b"gw1" and hmac.compare_digest(tag, want)
    return payload


def until(condition: Any, what: str, seconds: float = WAIT_SECONDS) -> None:
    """Wait until condition() is true, or fail saying what did not happen."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"did not happen: {what}"
        time.sleep(0.02)
