"""The firmware as its installer starts it: a wrong file is one sentence that names the field, exit code 2, nothing changed."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from host_tools.set_up import paths
from tests import compiled

CHECKOUT = Path(__file__).resolve().parents[3]

METER = {
    "account": 1001,
    "address": "210000000001",
    "model": "export_1p",
    "password_level": 2,
    "password": "000000",
    "tariff": 1,
    "policy": 1,
    "protected": False,
    "care": False,
    "exempt": False,
}
UPLINK = {"host": "127.0.0.1", "port": 1883, "keep_alive_s": 60}
SETTINGS = {
    "gateway": "gw-001",
    "uplink": UPLINK,
    "line": {"baud": 2400},
    "poll_period_s": 900,
    "utc_offset_min": 480,
    "meters": [METER],
}


def start(root: Path, settings: object) -> subprocess.CompletedProcess[str]:
    text = settings if isinstance(settings, str) else json.dumps(settings)
    (root / "settings.json").write_text(text)
    if not (root / "key").exists():
        (root / "key").write_text("11" * 32)
    environment = dict(os.environ, LAMPLIGHTER_ROOT=str(root), LAMPLIGHTER_LINE=str(root / "line"))
    environment["MICROPYPATH"] = compiled.path()
    command = [str(paths.micropython()), "-X", "heapsize=2M", "-m", "firmware.main", "unix"]
    return subprocess.run(
        command, cwd=compiled.folder(), env=environment, capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL
    )


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"gateway": "a b"}, "gateway"),
        ({"line": {"baud": 2401}}, "line.baud"),
        ({"poll_period_s": 0}, "poll_period_s"),
        ({"utc_offset_min": "east"}, "utc_offset_min"),
        ({"limits": {"no_such": 1}}, "limits.no_such"),
        ({"meters": [dict(METER, address="21")]}, "meters[0].address"),
        ({"meters": [dict(METER, model="unheard_of")]}, "meters[0].model"),
        ({"meters": [METER, dict(METER, address="210000000002")]}, "meters[1].account"),
        ({"surprise": True}, "surprise"),
        ({"uplink": UPLINK | {"modem": {"apn": "internet"}}}, "uplink.modem"),  # this board has none
        ({"uplink": UPLINK | {"tls": {"ca": "ca.der", "name": "broker"}}}, "uplink.tls.ca"),  # there is no such file
    ],
)
def test_a_wrong_setting_is_one_sentence_with_its_field_and_exit_code_2(tmp_path: Path, change: dict[str, object], field: str) -> None:
    result = start(tmp_path, {**SETTINGS, **change})
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(field + ": "), result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "region.bin").exists(), "a journal was begun although the settings are wrong"


def test_a_file_that_is_not_json_and_a_missing_key_are_named(tmp_path: Path) -> None:
    result = start(tmp_path, "{")
    assert result.returncode == 2 and len(result.stderr.splitlines()) == 1, result.stderr
    (tmp_path / "key").write_text("12")
    result = start(tmp_path, SETTINGS)
    assert result.returncode == 2 and result.stderr.startswith("key: "), result.stderr


def test_a_missing_serial_line_says_which(tmp_path: Path) -> None:
    result = start(tmp_path, SETTINGS)
    assert result.returncode == 2 and result.stderr.startswith("line: ") and "cannot be used" in result.stderr, result.stderr


def test_wrong_settings_never_count_as_lives_that_ended_early(tmp_path: Path) -> None:
    for _ in range(5):
        start(tmp_path, "{")
    assert not (tmp_path / "boot_count").exists()
