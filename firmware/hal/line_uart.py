"""RS-485 line on machine.UART (MicroPython on a board), with a driver-enable pin or a transceiver that switches by itself.

`send` writes, waits as long as the characters take on the wire (11 bits at 8E1, dlt645.md 1.1), then until the UART says that
the last stop bit has left, and gives the driver back. A meter answers 20 ms later at the earliest, so the pin may be released
a few milliseconds late, but never before the last bit.

Traps avoided: txdone() of a UART that is given no clock stays False; the wait for it is bounded and its end is a WireFault. A
garbage collection takes tens of milliseconds on a big heap: one that came while the driver is on would keep it on into the
meter's answer, so it is done before. An erase of flash or a step of TLS in another task still may; then the answer is asked again.
"""

import gc

from firmware.base import aio
from firmware.base.faults import BadInput, WireFault
from firmware.base.port import const

BITS_PER_CHARACTER = const(11)  # start, 8 data, even parity, stop
BAUDS = (600, 1200, 2400, 4800, 9600, 19200)
_PARITY_EVEN = const(0)
_RX_BYTES = const(512)  # two of the longest frames
_TX_BYTES = const(256)  # the longest frame: writing it does not wait
_TXDONE_TRIES = const(50)
_WRITE_TRIES = const(200)


class UartLine:
    """UartLine(make_uart, baud, enable=None): `make_uart(**settings)` -> UART; `enable` a Pin that is high while we drive the line."""

    def __init__(self, make_uart, baud, enable=None):
        self.bytes_in = 0
        self.bytes_out = 0
        self._make_uart = make_uart
        self._enable = enable
        self._scratch = bytearray(256)
        self._baud = 0
        self._uart = None
        if enable is not None:
            enable(0)
        self.set_rate(baud)

    def set_rate(self, baud):
        """8 data bits, even parity, 1 stop bit at `baud`; BadInput for a rate the protocol does not know."""
        if baud == self._baud:
            return
        if baud not in BAUDS:
            raise BadInput("baud", "must be one of " + str(BAUDS) + ", got " + str(baud))
        settings = {"baudrate": baud, "bits": 8, "parity": _PARITY_EVEN, "stop": 1, "timeout": 0, "timeout_char": 0}
        if self._uart is None:
            self._uart = self._make_uart(rxbuf=_RX_BYTES, txbuf=_TX_BYTES, **settings)
        else:
            self._uart.init(**settings)
        self._baud = baud

    def wire_ms(self, count):
        """Milliseconds that `count` characters take on the wire, rounded up."""
        return (count * BITS_PER_CHARACTER * 1000 + self._baud - 1) // self._baud

    def discard_input(self):
        """Throw away what was received -> number of bytes."""
        dropped = 0
        for _ in range(64):
            count = self._read(self._scratch)
            if not count:
                break
            dropped += count
        return dropped

    async def send(self, buf, start, end):
        """Put buf[start:end] on the wire; back when the last stop bit has left. WireFault when the UART takes no bytes."""
        if self._enable is not None:
            gc.collect()
            self._enable(1)
        try:
            await self._write_all(memoryview(buf), start, end)
            await aio.sleep_ms(self.wire_ms(end - start))
            for _ in range(_TXDONE_TRIES):
                if self._uart.txdone():
                    break
                await aio.sleep_ms(1)
            else:
                raise WireFault("the UART does not finish sending")
        finally:
            if self._enable is not None:
                self._enable(0)
        self.bytes_out += end - start

    async def _write_all(self, view, at, end):
        for _ in range(_WRITE_TRIES):
            at += self._uart.write(view[at:end]) or 0
            if at >= end:
                return
            await aio.sleep_ms(5)
        raise WireFault("the UART takes no bytes")

    async def receive_into(self, buf, timeout_ms):
        """-> number of bytes put into `buf`, 0 when none came within `timeout_ms`."""
        count = self._read(buf)
        if count or not await aio.wait_readable(self._uart, timeout_ms):
            return count
        return self._read(buf)

    def close(self):
        """Give the UART back."""
        self._uart.deinit()

    def _read(self, buf):
        count = self._uart.readinto(buf) or 0
        self.bytes_in += count
        return count
