"""A whole gateway as processes: simulated meters on a pty and the firmware on MicroPython, heard on its console.

    scene = Scene(folder, meters=8, port=broker.port)
    with meters(scene), Gateway(scene) as gateway:
        gateway.wait_for(lambda: gateway.now, "the first line")

Everything that is started is ended by its own id, whatever happens in between.
"""

import contextlib
import json
import os
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from host_tools.journal_reader.kinds import KINDS
from host_tools.set_up import paths
from tests import compiled, timed_site

HEAP = "2M"
GATEWAY = "gw1"
KEY = bytes(range(32))  # of tests/peers/mqtt_world too
FIRST_ACCOUNT = 1001
WAIT_SECONDS = 30.0
STOP_SECONDS = 5
CLOSED, OPEN = 1, 2
# Nobody comes near this floor, so that a scene has relay orders only when it asks for them with PREPAID.
POLICY: dict[str, Any] = {
    "policy": 1, "version": 1, "utc_offset_min": 0, "notice": {"level": "-900.00", "period_s": 1, "channels": ["alarm"]},
    "floor": "-1000.00", "restore": "-899.00", "hours": [{"days": [1, 2, 3, 4, 5, 6, 7], "from": "00:00", "to": "24:00"}],
    "reading_fresh_s": 120, "clock_error_max_s": 60, "throttle_per_hour": 60,
    "brake": {"accounts_max": 60, "share_percent": 100, "window_s": 86_400}, "offline_right_s": 259_200, "alarm": True,
}  # fmt: skip
TARIFF: dict[str, Any] = {
    "tariff": 1, "version": 1, "effective": "2026-01-01", "currency": "CNY", "utc_offset_min": 0,
    "prices": {"total": "0.5500"},
}  # fmt: skip
PREPAID = {"notice": {"level": "5.00", "period_s": 1, "channels": ["alarm"]}, "floor": "0.00", "restore": "1.00"}
LIMITS = {"plausible_slack_s": 600_000}  # the energy of a day may flow in seconds here


@dataclass
class Scene:
    """What lies in `folder` before the gateway starts; made when the object is."""

    folder: Path
    meters: int = 8
    baud: int = 2400
    reply_delay_ms: int = 100
    host: str = "127.0.0.1"
    port: int = 1
    keep_alive_s: int = 10
    load_w: int = 600
    energy_speed: int = 1
    limits: dict[str, int] = field(default_factory=dict)
    policy: dict[str, Any] = field(default_factory=dict)
    model: str = "export_1p"
    meter: dict[str, Any] = field(default_factory=dict)  # what else is said of the simulated ones

    def __post_init__(self) -> None:
        self.root = self.folder / "gateway"
        self.root.mkdir(parents=True)
        self.line, self.control, self.log = self.folder / "line", self.folder / "site.sock", self.folder / "requests"
        (self.root / "key").write_text(KEY.hex())
        _write(self.root / "settings.json", self._settings())
        _write(self.root / "tariff_1_1.json", TARIFF)
        _write(self.root / "policy_1_1.json", {**POLICY, **self.policy})
        _write(self.folder / "site.json", self._site())
        self.models = self.folder / "models"
        self.models.mkdir()
        model = json.loads((paths.checkout() / f"firmware/meters/models/{self.model}.json").read_text())
        _write(self.models / f"{self.model}.json", {**model, "baud": self.baud})  # the model's rate is the one that the bus speaks

    @staticmethod
    def address(index: int) -> str:
        return f"21{index + 1:010d}"

    @staticmethod
    def account(index: int) -> int:
        return FIRST_ACCOUNT + index

    def _settings(self) -> dict[str, Any]:
        rows = [
            {
                "account": self.account(index), "address": self.address(index), "model": self.model, "password_level": 2,
                "password": "000000", "tariff": 1, "policy": 1, "protected": False, "care": False, "exempt": False,
            }
            for index in range(self.meters)
        ]  # fmt: skip
        uplink = {"host": self.host, "port": self.port, "keep_alive_s": self.keep_alive_s}
        return {
            "gateway": GATEWAY, "uplink": uplink, "line": {"baud": self.baud}, "poll_period_s": 1, "utc_offset_min": 0,
            "meters": rows, "limits": {**LIMITS, **self.limits},
        }  # fmt: skip

    def _site(self) -> dict[str, Any]:
        one = {"load": self.load_w, "forward_cwh": 100_000, "reply_delay_ms": self.reply_delay_ms, "reply_jitter_ms": 0, **self.meter}
        meters = [{"address": self.address(index), **one} for index in range(self.meters)]
        return {"line": {"baud": self.baud}, "energy_speed": self.energy_speed, "meters": meters}


def meters(scene: Scene) -> AbstractContextManager[None]:
    """The line of the scene, standing while the block lasts; its requests are in scene.log."""
    return timed_site.spawned(scene.folder / "site.json", scene.line, scene.control, scene.log)


class Gateway:
    """The firmware on MicroPython; what its console says is kept: `now`, `accounts`, `records` of all its lives, `boot` of the last.

    `checkout`: where its files are, when not in ours; a copy may have a bug."""

    def __init__(self, scene: Scene, checkout: Path | None = None, **options: Any) -> None:
        self._scene = scene
        self._checkout = checkout
        self._options = options
        self._process: subprocess.Popen[str] | None = None
        self._thread = threading.Thread()
        self.lives = 0
        self.boot: dict[str, Any] = {}
        self.now: dict[str, Any] = {}
        self.accounts: dict[int, dict[str, Any]] = {}
        self.records: list[dict[str, Any]] = []
        self.other: deque[str] = deque(maxlen=20)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        """Begin a life."""
        options = {"model_root": str(self._scene.models), **self._options}
        program = ["-m", "tests.gateway_program", json.dumps(options)]
        environment = {**os.environ, "LAMPLIGHTER_ROOT": str(self._scene.root), "LAMPLIGHTER_LINE": str(self._scene.line)}
        environment["MICROPYPATH"] = compiled.path() if self._checkout is None else paths.micropython_path(self._checkout)
        self._process = subprocess.Popen(
            [str(paths.micropython()), "-X", f"heapsize={HEAP}", *program], cwd=self._checkout or compiled.folder(), env=environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True, text=True,
        )  # fmt: skip
        self._thread = threading.Thread(target=self._listen, args=(self._process,), daemon=True)
        self._thread.start()

    def strike(self) -> None:
        """SIGKILL and nothing else, from any thread; kill() must follow."""
        if self._process is not None:
            self._process.kill()

    def ended(self, seconds: float = WAIT_SECONDS) -> int:
        """Wait until this life ends by itself -> its exit code."""
        assert self._process is not None
        code = self._process.wait(seconds)
        self.kill()
        return code

    def kill(self) -> None:
        """End this life as a power cut would: SIGKILL."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait(STOP_SECONDS)
        self._thread.join(STOP_SECONDS)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process = None

    def _listen(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            said: Any = None
            with contextlib.suppress(ValueError):
                said = json.loads(line)
            if not isinstance(said, dict):
                self.other.append(line.rstrip())
            elif "record" in said:
                self.records.append({"heard_s": time.monotonic(), **_named(said["record"])})
            elif "accounts" in said:
                names = ("account", "address", "register_cwh", "balance_ucu", "available_ucu", "age_s", "wish", "seen", "fault", "word")
                self.accounts = {row[0]: dict(zip(names, row, strict=True)) for row in said["accounts"]}
            elif "now" in said:
                self.now = said["now"]
            elif "boot" in said:
                self.lives, self.boot = self.lives + 1, said["boot"]

    def records_of(self, name: str, **fields: Any) -> list[dict[str, Any]]:
        """Durable records of a kind with these values, as the console told them."""
        return [one for one in list(self.records) if one["name"] == name and all(one.get(key) == fields[key] for key in fields)]

    def counter(self, code: int) -> int:
        """One counter of the uplink, as of the last line."""
        return int(self.now.get("link", {}).get("counters", {}).get(str(code), 0))

    def wait_for(self, condition: Callable[[], Any], what: str, seconds: float = WAIT_SECONDS) -> None:
        """Until condition() holds; AssertionError says what did not happen and what the gateway last complained of."""
        deadline = time.monotonic() + seconds
        while not condition():
            ended = self._process is None or self._process.poll() is not None
            said = "\n".join(self.other)
            assert not ended, f"the gateway ended while waiting: {what}\n{said}"
            assert time.monotonic() < deadline, f"did not happen in {seconds:.0f} s: {what}\n{self.now}\n{said}"
            time.sleep(0.02)


def _named(record: dict[str, Any]) -> dict[str, Any]:
    kind = KINDS[record["kind"]]
    names = [name for name, code in kind.fields if code != "5I"]
    values = [value for value in record["values"] if not isinstance(value, list)]
    fields = dict(zip(names, values, strict=True)) if len(names) == len(values) else {}
    return {**fields, "name": kind.name, "sequence": record["sequence"], "at_s": record["at_s"]}


def _write(path: Path, document: object) -> None:
    path.write_text(json.dumps(document))
