"""The doors of the house hold over what is there, and each rule flags a bad example."""

import pytest

from tests.house.doors import ORACLES, reachable, wrong_doors
from tests.house.sources import python_files

BAD = [
    ("firmware/base/x.py", "from firmware.ledger import accounts", "base imports nothing of ours"),
    ("firmware/base/wire/x.py", "import firmware.sync.session as s", "base imports nothing of ours"),
    ("firmware/base/x.py", "from firmware.gateway import Gateway", "base imports nothing of ours"),
    ("firmware/tariff/x.py", "from firmware.ledger import accounts", "no room imports another room"),
    ("firmware/tariff/x.py", "from firmware import ledger", "no room imports another room"),
    ("firmware/tariff/x.py", "def f():\n    import firmware.ledger.accounts", "no room imports another room"),
    ("firmware/tariff/x.py", "from firmware.gateway import Gateway", "no room imports another room"),
    ("firmware/tariff/x.py", "from ..ledger import accounts", "absolute"),
    ("firmware/tariff/x.py", "from ..ledger import accounts", "no room imports another room"),
    ("firmware/tariff/x.py", "from . import book", "absolute"),
    ("firmware/tariff/x.py", "__import__('firmware.ledger.accounts')", "no room imports another room"),
    ("firmware/tariff/x.py", "import importlib\nimportlib.import_module('firmware.ledger')", "no room imports another"),
    ("firmware/tariff/x.py", "import importlib", "not on every board"),
    ("firmware/tariff/x.py", "__import__(name)", "computed"),
    ("firmware/tariff/x.py", "Rare('firmware.ledger.outbox', 'Outbox')", "no room imports another"),
    ("firmware/tariff/x.py", "Rare(name, 'f')", "computed"),
    ("firmware/tariff/x.py", "import firmware", "name the room"),
    ("firmware/tariff/x.py", "from firmware.tariff.book import _HIDDEN", "underscore"),
    ("firmware/tariff/x.py", "from firmware.hal import clock_unix", "hal is imported only by"),
    ("firmware/main.py", "from firmware.hal import clock_unix", "hal is imported only by"),
    ("firmware/safe_mode.py", "from firmware.hal import clock_unix", "hal is imported only by"),
    ("firmware/gateway.py", "from firmware.hal.clock_unix import UnixClock", "hal is imported only by"),
    ("firmware/gateway.py", "from firmware.sync.sync_task import Sync", "no tasks"),
    ("firmware/gateway_supply.py", "from firmware.main import run", "the hall imports base"),
    ("firmware/gateway.py", "from firmware.base import aio", "wait"),
    ("firmware/supervisor.py", "from firmware.ledger import accounts", "supervisor knows base only"),
    ("firmware/boot.py", "from firmware.base import crc", "boot.py imports nothing of ours"),
    ("firmware/hal/x.py", "from firmware.ledger import accounts", "no room imports another room"),
    ("firmware/sync/session.py", "from firmware.base import aio", "wait"),
    ("firmware/sync/session.py", "from firmware.base.aio import sleep_ms", "wait"),
    ("firmware/sync/sync_task.py", "import asyncio", "comes through firmware.base.aio"),
    ("firmware/main.py", "import asyncio", "comes through firmware.base.aio"),
    ("firmware/sync/sync_task.py", "import socket", "street"),
    ("firmware/main.py", "import machine", "street"),
    ("firmware/base/ticks.py", "import ffi", "street"),
    ("firmware/safe_mode.py", "from machine import Pin", "street"),
    ("firmware/base/aio.py", "import machine", "aio needs only"),
    ("firmware/cutoff/x.py", "import time", "no clock"),
    ("firmware/settings/settings.py", "import os", "no I/O"),
    ("firmware/ledger/x.py", "import struct", "only base/records packs"),
    ("firmware/ledger/x.py", "from struct import pack_into", "only base/records packs"),
    ("firmware/clock/x.py", "import umqtt.simple", "only sync speaks MQTT"),
    ("firmware/base/x.py", "from typing import Any", "not on every board"),
    ("firmware/base/x.py", "import dataclasses", "not on every board"),
    ("firmware/ledger/x.py", "import board_configs.unix.board", "only main.py takes a board"),
    ("firmware/ledger/x.py", "from tests.kit import eq", "nothing of the host"),
    ("firmware/ledger/x.py", "import host_tools.decode", "nothing of the host"),
    ("host_tools/head_end/x.py", "from firmware.base import crc", "second implementation"),
    ("host_tools/head_end/x.py", "import importlib\nimportlib.import_module('firmware.base.crc')", "second implementation"),
    ("host_tools/simulators/x.py", "import firmware.meters.dlt645.frame", "second implementation"),
    ("host_tools/journal_reader/x.py", "from firmware import base", "second implementation"),
    ("host_tools/demo/x.py", "from firmware.hal import nor_file", "hal is imported only by"),
    ("board_configs/unix/wiring.py", "from firmware.hal import nor_file", "hal is imported only by"),
    ("board_configs/unix/board.py", "from firmware.ledger import accounts", "a board knows hal and base"),
    ("tests/rooms/base/test_x.py", "import pytest", "both interpreters"),
    ("tests/rooms/base/test_x.py", "from hypothesis import given", "both interpreters"),
    ("tests/rooms/base/test_x.py", "from host_tools.simulators import frames", "both interpreters"),
]
GOOD = [
    ("firmware/base/x.py", "from firmware.base import faults\nfrom firmware.base.wire import cbor"),
    ("firmware/base/records.py", "import struct"),
    ("firmware/base/aio_micropython.py", "import asyncio, select, time"),
    ("firmware/tariff/x.py", "from firmware.base.faults import Broken\nfrom firmware.tariff import book\nimport json"),
    ("firmware/tariff/x.py", '"""Use: from firmware.ledger import accounts"""'),
    ("firmware/meters/dlt645/x.py", "from firmware.meters.model import enforceable"),
    ("firmware/gateway.py", "from firmware.ledger import accounts\nfrom firmware.gateway_supply import SupplyDesk"),
    ("firmware/sync/sync_task.py", "from firmware.base import aio"),
    ("firmware/settings/settings_store.py", "import os"),
    ("firmware/hal/x.py", "import machine, socket\nfrom firmware.base import aio"),
    ("firmware/main.py", "from firmware.sync.sync_task import Sync\nfrom firmware.gateway import Gateway\n__import__(name)"),
    ("firmware/boot.py", "import machine"),
    ("board_configs/unix/board.py", "from firmware.hal.nor_file import FileRegion\nfrom firmware.base import faults"),
    ("host_tools/head_end/x.py", "from host_tools.head_end import books\nimport cbor2"),
    ("host_tools/provision/x.py", "from firmware.settings.settings import parse_settings"),
    ("tests/rooms/base/test_x.py", "from firmware.base import crc\nfrom tests.kit import eq"),
]


def test_every_import_goes_through_a_door():
    wrong = [line for path, text in python_files() for line in wrong_doors(path, text)]
    assert not wrong, "\n".join(wrong)


def test_the_second_implementations_reach_no_firmware_through_others():
    texts = dict(python_files())
    for start in (path for path in texts if path.startswith(ORACLES)):
        for path, through in reachable(start, texts).items():
            assert not path.startswith(("firmware/", "board_configs/")), f"{start} reaches {path} through {through}"


def test_what_is_reached_through_others_is_found():
    texts = {"a/x.py": "from b import y", "b/y.py": "import c.z", "c/z.py": "", "c/__init__.py": "", "d.py": ""}
    assert set(reachable("a/x.py", texts)) == {"b/y.py", "c/z.py", "c/__init__.py"}


@pytest.mark.parametrize(("path", "text", "why"), BAD)
def test_a_wrong_door_is_flagged(path, text, why):
    assert any(why in line for line in wrong_doors(path, text)), wrong_doors(path, text)


@pytest.mark.parametrize(("path", "text"), GOOD)
def test_a_right_door_is_not_flagged(path, text):
    assert wrong_doors(path, text) == []
