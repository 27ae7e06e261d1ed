"""Everything that lies in the demo's folder before the curtain: settings, key, documents, site file, broker's file.

Local time is put near noon by the choice of the offset: a midnight in the middle of the story would settle a day. The
limits that differ from a real site are listed in LIMITS: they shorten waiting, no check is weakened by them.
"""

import json
import os
import random
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

from host_tools.demo import cast, certificates
from host_tools.demo.cast import Household

GATEWAY = "lamp-1"
BY_MODEM = "qemu_mps2"  # the board whose way out is a modem
MODEM_NAME = "broker.demo"  # known to the modem's network only: this machine's loopback
FULL_DAY = [{"days": [1, 2, 3, 4, 5, 6, 7], "from": "00:00", "to": "24:00"}]
NOTICE_LEVEL, FLOOR, RESTORE = "5.00", "0.00", "1.00"
PRICE = 5_500  # 0.0001 currency per kWh, of the total register
RATE_PRICES = (10_000, 8_000, 5_500, 3_000)  # of four rate registers
PRICES = {cast.TARIFF_TOTAL: {0: PRICE}, cast.TARIFF_RATES: dict(enumerate(RATE_PRICES, 1))}
NOTICE_PERIOD_S = 4
SILENT_PERIOD_S = 21  # the meter that falls silent has its notice behind it only when its reading is stale
SILENT_FRESH_S = 5
ENERGY_SPEED = 60  # a minute of consumption in each second
LIMITS = {
    "plausible_slack_s": 600_000,  # the energy of an evening flows in seconds here
    "uncharged_max_ucu": 30_000,
    "back_off_first_ms": 4_000,
    "back_off_max_ms": 4_000,
    "reconnect_first_ms": 500,
    "reconnect_max_ms": 2_000,
    "sync_batch_max_bytes": 400,  # a thin link: the backlog takes long enough to be watched
    "mqtt_in_flight_max": 2,
    "sync_status_period_ms": 20_000,
    "sync_answer_timeout_ms": 4_000,
    "sync_resend_min_ms": 500,
    "supply_retry_s": 10,
}


@dataclass(frozen=True)
class Scenery:
    """Paths and facts that the stage needs."""

    folder: Path
    households: list[Household]
    broker_port: int
    tap_port: int
    key: bytes
    utc_offset_min: int
    board: str

    @property
    def root(self) -> Path:
        """The firmware's files."""
        return self.folder / "gateway"

    @property
    def line(self) -> Path:
        """The pty of the meters."""
        return self.folder / "line"

    @property
    def certificates(self) -> Path | None:
        """What the tap shows to a board that comes by TLS; None when it comes without."""
        return self.folder / "certificates" if self.board == BY_MODEM else None

    @property
    def documents(self) -> Path:
        """Tariffs and policies; the gateway gets them from the head-end, signed."""
        return self.folder / "documents"

    @property
    def database(self) -> Path:
        return self.folder / "head_end.db"

    @property
    def persistence(self) -> Path:
        """What the broker remembers, and loses in the story."""
        return self.folder / "mosquitto" / "mosquitto.db"

    def of(self, role: str) -> Household:
        return next(one for one in self.households if one.role == role)


def noon_offset_min(now: datetime) -> int:
    """Offset in whole hours that puts local time between 11:30 and 12:30; between -12 and +12 hours."""
    hours = 12 - round(now.hour + now.minute / 60)
    return 60 * hours


def build(folder: Path, count: int, seed: int, broker_port: int, tap_port: int, stretch: float, board: str) -> Scenery:
    """Write everything; `stretch` lengthens the one period that the pace of the story depends on."""
    now = datetime.now(timezone.utc)
    key = random.Random(seed).randbytes(32)
    scenery = Scenery(folder, cast.households(count), broker_port, tap_port, key, noon_offset_min(now), board)
    scenery.root.mkdir(parents=True)
    scenery.documents.mkdir()
    scenery.persistence.parent.mkdir()
    local = now + timedelta(minutes=scenery.utc_offset_min)
    _write(scenery.root / "settings.json", _settings(scenery))
    if scenery.certificates is not None:
        (scenery.root / "ca.der").write_bytes(certificates.make(scenery.certificates, MODEM_NAME))
    (scenery.root / "key").write_text(key.hex() + "\n")
    for tariff in _tariffs(local.date(), scenery.utc_offset_min):
        _write(scenery.documents / f"tariff_{tariff['tariff']}_1.json", tariff)
    for policy in _policies(local, scenery.utc_offset_min, stretch):
        _write(scenery.documents / f"policy_{policy['policy']}_1.json", policy)
    _write(folder / "site.json", _site(scenery, seed))
    (folder / "mosquitto.conf").write_text(
        f"listener {broker_port} 127.0.0.1\nallow_anonymous true\npersistence true\nautosave_interval 1\n"
        + ("user root\n" if os.geteuid() == 0 else "")  # else the broker gives up the right to write its memory
        + "set_tcp_nodelay true\n"
        + f"autosave_on_changes false\npersistence_location {scenery.persistence.parent}/\nmax_queued_messages 5000\n"
        "log_dest stderr\nlog_type error\nlog_type warning\nlog_type notice\n"
    )
    return scenery


def _write(path: Path, document: object) -> None:
    path.write_text(json.dumps(document, indent=1) + "\n")


def _settings(scenery: Scenery) -> dict[str, object]:
    return {
        "gateway": GATEWAY,
        "uplink": _uplink(scenery),
        "line": {"baud": 2400},
        "poll_period_s": 1,
        "utc_offset_min": scenery.utc_offset_min,
        "meters": [
            {
                "account": one.account, "address": one.address, "model": one.model, "password_level": 2,
                "password": "000000", "tariff": one.tariff, "policy": one.policy, "protected": one.protected,
                "care": False, "exempt": False,
            }
            for one in scenery.households
        ],
        "limits": LIMITS,
    }


def _uplink(scenery: Scenery) -> dict[str, object]:
    way: dict[str, object] = {"host": "127.0.0.1", "port": scenery.tap_port, "keep_alive_s": 10}
    if scenery.certificates is not None:
        way |= {"host": MODEM_NAME, "tls": {"ca": "ca.der", "name": MODEM_NAME}, "modem": {"apn": "demo"}}
    return way


def _tariffs(today: date, offset_min: int) -> list[dict[str, object]]:
    head = {"version": 1, "effective": (today - timedelta(days=30)).isoformat(), "currency": "CNY",
            "utc_offset_min": offset_min}
    price, *rates = [f"{value // 10_000}.{value % 10_000:04d}" for value in (PRICE, *RATE_PRICES)]
    return [
        {"tariff": cast.TARIFF_TOTAL, **head, "prices": {"total": price}},
        {"tariff": cast.TARIFF_RATES, **head, "prices": {"rates": rates}},
    ]


def _policies(local: datetime, offset_min: int, stretch: float) -> list[dict[str, object]]:
    start = (local.hour + 6) % 24
    later = [{"days": [1, 2, 3, 4, 5, 6, 7], "from": f"{start:02d}:00", "to": f"{start + 1:02d}:00"}]
    silent_s = round(SILENT_PERIOD_S * stretch)

    def policy(number: int, hours: object, period_s: int, channels: list[str], fresh_s: int, alarm: bool) -> dict[str, object]:
        return {
            "policy": number, "version": 1, "utc_offset_min": offset_min,
            "notice": {"level": NOTICE_LEVEL, "period_s": period_s, "channels": channels},
            "floor": FLOOR, "restore": RESTORE, "hours": hours, "reading_fresh_s": fresh_s, "clock_error_max_s": 60,
            "throttle_per_hour": 10, "brake": {"accounts_max": 20, "share_percent": 50, "window_s": 86_400},
            "offline_right_s": 259_200, "alarm": alarm,
        }

    return [
        policy(cast.POLICY_NORMAL, FULL_DAY, NOTICE_PERIOD_S, ["alarm"], 120, True),
        policy(cast.POLICY_HOURS, later, NOTICE_PERIOD_S, ["alarm"], 120, True),
        policy(cast.POLICY_SILENT, FULL_DAY, silent_s, ["alarm"], SILENT_FRESH_S, True),
        policy(cast.POLICY_UNWARNED, FULL_DAY, 3_600, ["head_end"], 120, False),
        policy(cast.POLICY_LOW, FULL_DAY, 3_600, ["head_end"], 120, True),
    ]


def _site(scenery: Scenery, seed: int) -> dict[str, object]:
    meters = []
    for one in scenery.households:
        meter: dict[str, object] = {
            "address": one.address, "model": one.site_model, "load": one.load_w, "history_days": 5,
            "forward_cwh": one.start_cwh, **one.extra,
        }
        if one.site_model == "three_phase_4rate":
            quarter = one.start_cwh // 4
            meter["forward_rates_cwh"] = [quarter, quarter, quarter, one.start_cwh - 3 * quarter]
        if one.site_model == "purse_money":
            meter["purse"] = {"balance": 5_000}
        meters.append(meter)
    return {
        "line": {"baud": 2400, "seed": seed}, "utc_offset_s": 60 * scenery.utc_offset_min,
        "energy_speed": ENERGY_SPEED, "meters": meters,
    }
