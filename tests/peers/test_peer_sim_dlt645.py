"""A client nobody here wrote reads our simulated meter: PyPI `dlt645`, where it keeps to the standard.

It has no blocks, freezes, relay or wildcard (and sends time and baud wrongly), so only single reads, the password
refusal and the freeze acknowledgement are compared.
"""

import json

import pytest
from dlt645 import MeterClientService

from host_tools.simulators.client import SiteClient
from host_tools.simulators.running import spawned

ADDRESS = "123456789012"
WIRE_ORDER = bytes.fromhex(ADDRESS)[::-1].hex()  # the peer puts the text on the wire as it is
METER = {
    "address": ADDRESS,
    "model": "three_phase_4rate",
    "load": -4600,
    "forward_cwh": 12345678,
    "forward_rates_cwh": [11, 22, 33, 44],
    "reverse_cwh": 987654,
    "combined_mode": 9,
    "energy_speed": 0,
}


@pytest.fixture(scope="module")
def peer(tmp_path_factory):
    folder = tmp_path_factory.mktemp("peer")
    config = folder / "site.json"
    config.write_text(json.dumps({"line": {"baud": 9600}, "meters": [METER]}))
    with spawned(config, folder / "line", folder / "ctl"):
        # No parity: a pty carries none, and glibc answers EINVAL to a second tcsetattr that asks for it.
        client = MeterClientService.new_rtu_client(str(folder / "line"), 9600, 8, 1, "N", 3.0)
        assert client.connect()
        assert client.set_address(WIRE_ORDER)
        yield client, folder / "ctl"
        client.disconnect()


READS = [
    ("read_00", 0x00010000, 123456.78),
    ("read_00", 0x00010300, 0.33),
    ("read_00", 0x00020000, 9876.54),
    ("read_00", 0x00000000, 113580.24),
    ("read_02", 0x02010100, 230.0),
    ("read_02", 0x02030000, -4.6),
    ("read_02", 0x02020200, -6.665),
    ("read_04", 0x04000401, ADDRESS),
]


@pytest.mark.parametrize(("method", "di", "want"), READS)
def test_the_peer_reads_what_the_meter_shows(peer, method, di, want):
    item = getattr(peer[0], method)(di)
    assert item is not None
    assert item.value == (pytest.approx(want) if isinstance(want, float) else want)


def test_the_peer_sees_a_refused_write_and_nothing_changes(peer):
    client, control = peer
    client.enable_message_capture()
    with SiteClient(control) as site:
        before = site.meter(ADDRESS).meter_number
        assert client.write_04(0x04000402, "000000000042", "00000000") is None
        heard = client.get_captured_rx_messages()[-1].data.hex()
        assert "68d40137" in heard
        assert site.meter(ADDRESS).meter_number == before


def test_the_peer_reads_the_same_address_by_13h(peer):
    item = peer[0].read_address()
    assert item is not None and item.value == WIRE_ORDER
