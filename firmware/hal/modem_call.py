"""One call of the modem, from the first AT to the data connection: what at_dialogue.py says is done on the UART.

Loaded when it is needed (base/rare.py): a gateway calls a few times a day, and while TLS computes the heap has better uses.

Trap avoided: the byte behind the line CONNECT is PPP's, so one byte is read at a time.
"""

from firmware.base import aio, ticks
from firmware.base.faults import UplinkFault
from firmware.base.port import const
from firmware.hal import at_dialogue as at

_LOOK_MS = const(20)
_GUARD_MS = const(1_100)  # V.250: silence around +++
_DIALOGUE_MS_MAX = const(300_000)
_READ_BYTES_MAX = const(512)  # of garbage in one turn


class _Call:
    def __init__(self, uart, modem, pin_refused, power_cycle):
        self._uart = uart
        self._power_cycle = power_cycle
        self._one = bytearray(1)
        self._lines = at.LineReader()
        self._dialogue = at.AtDialogue(modem.apn, modem.pin, pin_refused)
        self.pin_refused = False

    async def run(self):
        deadline_ms = ticks.add(aio.now_ms(), _DIALOGUE_MS_MAX)
        actions = self._dialogue.step(at.BEGIN, None, aio.now_ms())
        while not ticks.reached(aio.now_ms(), deadline_ms):
            for action, argument in actions:
                if action == at.ONLINE:
                    return None
                if action == at.FAILED:
                    return argument
                await self._do(action, argument)
            actions = self._listen()
            if not actions:
                await aio.sleep_ms(_LOOK_MS)
                actions = self._dialogue.step(at.TICK, None, aio.now_ms())
        return "the dialogue does not end"

    async def _do(self, action, argument):
        if action == at.SEND:
            self._uart.write(argument)
        elif action == at.ESCAPE:
            await aio.sleep_ms(_GUARD_MS)
            self._uart.write(b"+++")
            await aio.sleep_ms(_GUARD_MS)
        elif action == at.RESET and self._power_cycle is not None:
            await self._power_cycle()
        elif action == at.PIN_REFUSED:
            self.pin_refused = True

    def _listen(self):
        """Actions of the next line that calls for any."""
        for _ in range(_READ_BYTES_MAX):
            if not self._uart.any() or not self._uart.readinto(self._one):
                break
            line = self._lines.feed(self._one[0])
            if line is not None:
                actions = self._dialogue.step(at.LINE, line, aio.now_ms())
                if actions:
                    return actions
        return []


async def call(uart, modem, pin_refused, power_cycle, on_pin_refused):
    """Until the modem carries data. UplinkFault says why it does not; `on_pin_refused()` when the card just refused the PIN."""
    talk = _Call(uart, modem, pin_refused, power_cycle)
    sentence = await talk.run()
    if talk.pin_refused:
        on_pin_refused()
    if sentence is not None:
        raise UplinkFault("modem: " + sentence)
