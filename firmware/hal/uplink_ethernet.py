"""Uplink over a wired network interface of a board: brought up without waiting, then the sockets of lwIP.

    make_nic() -> network.LAN(...) of the esp32 or stm32 port, network.WIZNET5K(...); made at the first connect, so that a
    board whose Ethernet chip is dead still reads its meters and cuts nobody

Making and activating one takes up to half a second, once; address and name server come by DHCP, which all three start by
themselves. What comes later is only asked: `isconnected()` is cable and address.

Trap avoided: active(True) of the stm32 port waits up to 10 s for a cable (ports/stm32/eth.c, PHY_INIT_TIMEOUT_MS) and would
hold up the meter bus. With `cable_first` it is not called before status() has seen one.

Checked against the source of MicroPython 1.25 (ports/esp32/network_lan.c, ports/stm32/network_lan.c,
extmod/network_wiznet5k.c); run with stand-ins for these, never on hardware.
"""

from firmware.base import aio, ticks
from firmware.base.faults import UplinkFault
from firmware.base.port import const
from firmware.base.wire import dns
from firmware.hal.uplink_socket import SocketUplink, is_numeric

_LOOK_MS = const(200)
_CABLE_SEEN = const(1)  # status() of the stm32 port: 0 no cable, 1 cable, 2 started, 3 address
_NO_ADDRESS = "0.0.0.0"


class EthernetUplink:
    """EthernetUplink(make_nic, cable_first=False): see DESIGN, devices, Uplink."""

    def __init__(self, make_nic, cable_first=False):
        self._make_nic = make_nic
        self._cable_first = cable_first
        self._nic = None
        self._active = False
        self._sockets = SocketUplink(self.name_servers)

    async def connect(self, host, port, timeout_ms):
        """-> stream. UplinkFault says whether it is the chip, the cable, the address or the server."""
        deadline_ms = ticks.add(aio.now_ms(), timeout_ms)
        while not self._is_up():
            left_ms = ticks.diff(deadline_ms, aio.now_ms())
            if left_ms <= 0:
                raise UplinkFault("no address by DHCP" if self._active else "no cable in the Ethernet socket")
            await aio.sleep_ms(min(_LOOK_MS, left_ms))
        return await self._sockets.connect(host, port, max(ticks.diff(deadline_ms, aio.now_ms()), 1))

    def name_servers(self):
        """[(numeric host, port)] that DHCP gave."""
        if self._nic is None:
            return []
        server = self._nic.ifconfig()[3]
        return [(server, dns.PORT)] if is_numeric(server) and server != _NO_ADDRESS else []

    def _is_up(self):
        try:
            if self._nic is None:
                self._nic = self._make_nic()
            if not self._active:
                if self._cable_first and self._nic.status() < _CABLE_SEEN:
                    return False
                self._nic.active(True)
                self._active = True
            return self._nic.isconnected()
        except (OSError, ValueError) as fault:
            raise UplinkFault("the Ethernet interface fails: " + str(fault))
