"""Uplink through a cellular modem on a UART: the AT dialogue, PPP (network.PPP, lwIP), then the sockets of uplink_socket.py.

The connection is dialled at the first connect and kept; the time-out of connect counts from the moment when it stands, since a
modem may search its network for a minute. Nothing here waits but in asyncio, so the meter bus does not notice.

Traps avoided: network.PPP does not notice that the carrier is gone, its status stays "connected". So when the server is not
reached, a name server is asked, and when that is silent too the modem is called back to commands and dialled anew; after some
failures its power is switched. network.PPP must read its UART without waiting (timeout=0). A refused PIN is remembered in a
file over restarts, and here where that cannot be written: the third wrong one locks the card.
"""

import os

from firmware.base import aio, ticks
from firmware.base.faults import UplinkFault
from firmware.base.port import const
from firmware.base.rare import Rare
from firmware.base.wire import dns
from firmware.hal.uplink_socket import SocketUplink, is_numeric

_LOOK_MS = const(20)
_PPP_MS = const(20_000)
_ALIVE_MS = const(3_000)
_RESET_AFTER = const(3)  # failed dialogues in a row
_UNREACHED_MAX = const(3)  # connects in a row, where the network gave no name server
_NO_ADDRESS = "0.0.0.0"
_PIN_FILE = "/pin_refused"
_call = Rare("firmware.hal.modem_call", "call")


class ModemUplink:
    """ModemUplink(uart, make_ppp, modem, root, power_cycle=None)

    `uart` of the modem with timeout=0; `make_ppp(uart)` -> network.PPP; `modem` the settings; `root` a folder for one small file;
    `power_cycle()` a coroutine function that takes the modem's power away and gives it back, None when the board cannot.
    """

    def __init__(self, uart, make_ppp, modem, root, power_cycle=None):
        self.dialled = 0
        self.hang_ups = 0
        self._uart = uart
        self._make_ppp = make_ppp
        self._modem = modem
        self._pin_file = root + _PIN_FILE
        self._power_cycle = power_cycle
        self._ppp = None
        self._failures = 0
        self._unreached = 0  # in a row
        self._sockets = SocketUplink(self.name_servers)
        self._pin_refused = self._was_refused()

    async def connect(self, host, port, timeout_ms):
        """-> stream. UplinkFault says whether it is modem, card, network or server."""
        if not self._is_up():
            await self._dial()
        try:
            stream = await self._sockets.connect(host, port, timeout_ms)
        except UplinkFault:
            self._unreached += 1
            if not self._is_up() or not await self._is_alive():
                self._hang_up()
            raise
        self._unreached = 0
        return stream

    def name_servers(self):
        """[(numeric host, port)] that the network gave."""
        server = self._ppp.ifconfig()[3] if self._is_up() else _NO_ADDRESS
        return [(server, dns.PORT)] if is_numeric(server) and server != _NO_ADDRESS else []

    async def _is_alive(self):
        if self.name_servers():
            return await self._sockets.is_alive(_ALIVE_MS)
        return self._unreached % _UNREACHED_MAX != 0  # there is nobody to ask

    def _is_up(self):
        return self._ppp is not None and self._ppp.isconnected()

    async def _dial(self):
        self._hang_up()
        if self._failures >= _RESET_AFTER and self._power_cycle is not None:
            self._failures = 0
            await self._power_cycle()
        self._failures += 1
        await _call(self._uart, self._modem, self._pin_refused, self._power_cycle, self._remember_refusal)
        await self._begin_ppp()
        self._failures = 0
        self.dialled += 1

    def _hang_up(self):
        """Take the UART from PPP, whatever state it is in, and free what lwIP holds; the next dialogue calls the modem out."""
        if self._ppp is not None:
            self.hang_ups += 1
            self._ppp.__del__()  # disconnect() would wait for the other side, which is gone
            self._ppp = None
            self._uart.irq(None)

    async def _begin_ppp(self):
        self._ppp = self._make_ppp(self._uart)
        kept = False
        try:
            if self._modem.user is None:
                self._ppp.connect()
            else:
                self._ppp.connect(security=self._ppp.SEC_PAP, user=self._modem.user, key=self._modem.password)
            deadline_ms = ticks.add(aio.now_ms(), _PPP_MS)
            while not self._ppp.isconnected():
                if self._ppp.status() < 0 or ticks.reached(aio.now_ms(), deadline_ms):
                    raise UplinkFault("modem: the network gives no address")
                await aio.sleep_ms(_LOOK_MS)
            kept = True
        except OSError as fault:
            raise UplinkFault("modem: PPP cannot begin: " + str(fault))
        finally:
            if not kept:
                self._hang_up()

    # the PIN that must not be sent again

    def _was_refused(self):
        try:
            with open(self._pin_file) as file:
                return file.read() == self._modem.pin
        except OSError:
            return False

    def _remember_refusal(self):
        self._pin_refused = True
        try:
            with open(self._pin_file, "w") as file:
                file.write(self._modem.pin)
            if hasattr(os, "sync"):
                os.sync()
        except OSError as fault:
            raise UplinkFault("modem: the SIM card refuses its PIN, and that cannot be remembered: " + str(fault))
