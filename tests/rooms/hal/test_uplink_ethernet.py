"""A wired uplink comes up without holding the loop, says what is missing, and survives a dead Ethernet chip."""

from firmware.base import aio
from firmware.base.faults import UplinkFault
from firmware.hal.uplink_ethernet import EthernetUplink
from tests.kit import cases, eq


class Nic:
    """network.LAN and network.WIZNET5K as far as the uplink uses them; cable and lease come at a virtual time."""

    def __init__(self, cable_ms=0, lease_ms=0, waits_for_cable=False):
        self.cable_ms = cable_ms
        self.lease_ms = lease_ms
        self.waits_for_cable = waits_for_cable  # the stm32 port
        self.started = 0
        self.dns = "192.168.1.1"

    def _cable(self):
        return aio.now_ms() >= self.cable_ms

    def active(self, on):
        if self.waits_for_cable and not self._cable():
            raise AssertionError("this call would have held the loop for ten seconds")
        self.started += 1

    def status(self):
        return 1 if self._cable() else 0

    def isconnected(self):
        return self.started > 0 and self._cable() and aio.now_ms() >= self.lease_ms

    def ifconfig(self):
        return ("192.168.1.9", "255.255.255.0", "192.168.1.1", self.dns) if self.isconnected() else ("0.0.0.0",) * 4


class Sockets:
    """Stands for the uplink over sockets; remembers what it was asked."""

    def __init__(self):
        self.asked = []

    async def connect(self, host, port, timeout_ms):
        self.asked.append((host, port, timeout_ms))
        return "stream"


def uplink_with(nic, cable_first=False):
    uplink = EthernetUplink(lambda: nic, cable_first)
    uplink._sockets = Sockets()
    return uplink


def connect(uplink, timeout_ms):
    """-> (what came of it, virtual milliseconds it took)."""

    async def run():
        begun_ms = aio.now_ms()
        try:
            outcome = await uplink.connect("head-end", 8883, timeout_ms)
        except UplinkFault as fault:
            outcome = str(fault)
        return outcome, aio.now_ms() - begun_ms

    return aio.run_virtual(run)


def test_it_connects_as_soon_as_there_is_an_address_with_the_time_that_is_left():
    uplink = uplink_with(Nic(lease_ms=3_000))
    outcome, took_ms = connect(uplink, 15_000)
    eq(outcome, "stream")
    eq(3_000 <= took_ms <= 3_200, True, took_ms)
    eq(uplink._sockets.asked, [("head-end", 8883, 15_000 - took_ms)])


def test_it_says_whether_cable_or_address_is_missing():
    def check(nic, cable_first, said):
        outcome, took_ms = connect(uplink_with(nic, cable_first), 1_000)
        eq((outcome, took_ms), (said, 1_000))

    never = 10_000_000
    cases(
        [
            (Nic(cable_ms=never, waits_for_cable=True), True, "no cable in the Ethernet socket"),
            (Nic(lease_ms=never), False, "no address by DHCP"),
            (Nic(lease_ms=never, waits_for_cable=True), True, "no address by DHCP"),
        ],
        check,
    )


def test_an_interface_that_waits_for_its_cable_is_started_when_the_cable_is_there():
    nic = Nic(cable_ms=2_000, lease_ms=2_500, waits_for_cable=True)
    outcome, took_ms = connect(uplink_with(nic, True), 15_000)
    eq((outcome, nic.started), ("stream", 1))
    eq(2_500 <= took_ms <= 2_800, True, took_ms)


def test_the_interface_is_made_once_and_a_second_connect_finds_it():
    made = []

    def make_nic():
        made.append(1)
        return Nic()

    uplink = EthernetUplink(make_nic)
    uplink._sockets = Sockets()
    for _ in range(3):
        eq(connect(uplink, 1_000)[0], "stream")
    eq((len(made), uplink._nic.started), (1, 1))


def test_a_dead_chip_is_a_fault_of_the_uplink_and_is_tried_again():
    answers = [OSError("no answer"), ValueError("invalid phy type"), Nic()]

    def make_nic():
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    uplink = EthernetUplink(make_nic)
    uplink._sockets = Sockets()
    eq(connect(uplink, 1_000)[0], "the Ethernet interface fails: no answer")
    eq(connect(uplink, 1_000)[0], "the Ethernet interface fails: invalid phy type")
    eq(connect(uplink, 1_000)[0], "stream")


def test_the_name_server_is_the_one_that_dhcp_gave():
    nic = Nic()
    uplink = uplink_with(nic)
    eq(uplink.name_servers(), [])
    connect(uplink, 1_000)
    eq(uplink.name_servers(), [("192.168.1.1", 53)])
    for nothing in ("0.0.0.0", ""):
        nic.dns = nothing
        eq(uplink.name_servers(), [])
