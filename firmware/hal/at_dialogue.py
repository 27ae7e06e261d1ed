"""The talk with a cellular modem until it gives a data connection (3GPP TS 27.007; ITU-T V.250). Pure: bytes and ticks come in.

    step(event, argument, now_ms) -> [(action, argument), ...]      events BEGIN, LINE, TICK

One row a command: what is sent, how long its answer may take, how often it is tried, and where OK and ERROR lead. Lines that
answer nothing - echoes, unsolicited codes, noise - change nothing; what the modem says between command and OK is kept until the
OK comes. A modem that does not answer may still be in data mode, so it is called out of it (ESCAPE); one that stays silent is
switched off and on (RESET), once a dialogue.

Traps avoided: a wrong PIN must not be sent twice, the third time locks the card; after a start a card is busy for seconds, which
is no fault; a modem that knows no LTE answers +CEREG with ERROR, so +CREG is asked in turn.
"""

from firmware.base import ticks
from firmware.base.port import const

BEGIN = const(0)
LINE = const(1)
TICK = const(2)

SEND = const(0)  # argument: bytes
ESCAPE = const(1)  # a second of silence, +++, a second of silence; then TICK
RESET = const(2)  # power off and on; then TICK
ONLINE = const(3)
FAILED = const(4)  # argument: one sentence
PIN_REFUSED = const(5)  # never send this PIN again

_WAKE = const(0)
_ECHO = const(1)
_CODES = const(2)
_SIM = const(3)
_PIN = const(4)
_LTE = const(5)
_NETWORK = const(6)
_CONTEXT = const(7)
_DIAL = const(8)
_IDLE = const(9)

# state: (command, answer within ms, tries, state after OK, what is said when it never answers)
_ROWS = {
    _WAKE: (b"AT", 500, 3, _ECHO, "the modem does not answer"),
    _ECHO: (b"ATE0", 3_000, 3, _CODES, "the modem stops answering"),
    _CODES: (b"AT+CMEE=1", 3_000, 3, _SIM, "the modem stops answering"),
    _SIM: (b"AT+CPIN?", 5_000, 20, _LTE, "the SIM card does not answer"),
    _PIN: (None, 10_000, 1, _SIM, "the SIM card does not answer to its PIN"),
    _LTE: (b"AT+CEREG?", 3_000, 40, _CONTEXT, "the modem stops answering"),
    _NETWORK: (b"AT+CREG?", 3_000, 40, _CONTEXT, "the modem stops answering"),
    _CONTEXT: (None, 5_000, 3, _DIAL, "the modem does not take the access point"),
    _DIAL: (b"ATD*99***1#", 60_000, 1, _IDLE, "the network gives no data connection in time"),
}
_AGAIN_MS = const(1_000)  # between two looks at the card or the network
_NETWORK_MS = const(90_000)  # a cold start far from a mast takes a minute
_BOOT_TRIES = const(30)
_SIM_BUSY = (14, 515)  # +CME ERROR: SIM busy; please wait
_SIM_ABSENT = (10, 13, 15)
_REGISTERED = (1, 5)  # home, roaming
_SEARCH_WORDS = {0: "it does not search", 2: "it searches", 3: "registration is denied", 4: "no coverage"}


class AtDialogue:
    """AtDialogue(apn, pin, pin_refused): `pin` None or text; `pin_refused` True when this PIN failed before."""

    def __init__(self, apn, pin, pin_refused):
        self._context = b'AT+CGDCONT=1,"IP","' + apn.encode() + b'"'
        self._pin = pin
        self._pin_refused = pin_refused
        self._state = _IDLE
        self._deadline_ms = 0
        self._network_deadline_ms = 0
        self._tries = 0
        self._escaped = False
        self._was_reset = False
        self._pin_sent = False
        self._waits = False  # the deadline ends a pause, not a wait for an answer
        self._card = b""
        self._registration = None

    def step(self, event, argument, now_ms):
        """What happened -> what to do. LINE: one line without its end, as bytes. After FAILED or ONLINE begin again with BEGIN."""
        if event == BEGIN:
            self._escaped = self._was_reset = self._pin_sent = False
            return self._enter(_WAKE, now_ms)
        if self._state == _IDLE:
            return []
        if event == LINE:
            return self._on_line(argument.strip(), now_ms)
        if not ticks.reached(now_ms, self._deadline_ms):
            return []
        if self._waits:
            return self._send(now_ms)
        return self._on_silence(now_ms)

    # states

    def _enter(self, state, now_ms, tries=0):
        self._state = state
        self._tries = tries or _ROWS[state][2]
        if state == _LTE:
            self._network_deadline_ms = ticks.add(now_ms, _NETWORK_MS)
        return self._send(now_ms)

    def _send(self, now_ms):
        command, answer_ms, _, _, _ = _ROWS[self._state]
        if self._state == _PIN:
            command = b"AT+CPIN=" + self._pin.encode()
        elif self._state == _CONTEXT:
            command = self._context
        self._tries -= 1
        self._waits = False
        self._card = b""
        self._registration = None
        self._deadline_ms = ticks.add(now_ms, answer_ms)
        return [(SEND, command + b"\r")]

    def _pause(self, now_ms):
        """The same question again, a moment later."""
        self._waits = True
        self._deadline_ms = ticks.add(now_ms, _AGAIN_MS)
        return []

    def _fail(self, sentence):
        self._state = _IDLE
        return [(FAILED, sentence)]

    # silence

    def _on_silence(self, now_ms):
        if self._tries > 0 and self._state != _PIN:
            return self._send(now_ms)
        if self._state == _WAKE and not self._escaped:
            self._escaped = True
            return self._call_out(ESCAPE, _ROWS[_WAKE][2], now_ms)
        if self._state == _WAKE and not self._was_reset:
            self._was_reset = True
            return self._call_out(RESET, _BOOT_TRIES, now_ms)
        return self._fail(_ROWS[self._state][4])

    def _call_out(self, action, tries, now_ms):
        self._tries = tries
        self._waits = True
        self._deadline_ms = now_ms  # the next TICK asks
        return [(action, None)]

    # lines

    def _on_line(self, line, now_ms):
        if self._waits or not line or line[:2] == b"AT":
            return []
        if line == b"OK":
            return self._on_ok(now_ms)
        if line[:7] == b"CONNECT":
            return self._on_connect()
        if line == b"ERROR" or line[:11] == b"+CME ERROR:":
            return self._on_error(_number(line[11:]), now_ms)
        if line in (b"NO CARRIER", b"BUSY", b"NO ANSWER", b"NO DIALTONE"):
            return self._fail("the network gives no data connection: " + line.decode().lower()) if self._state == _DIAL else []
        if line[:6] == b"+CPIN:":
            self._card = line[6:].strip()
        elif line[:7] == b"+CEREG:" or line[:6] == b"+CREG:":
            parts = line.split(b":")[1].split(b",")
            self._registration = _number(parts[1] if len(parts) > 1 else parts[0])
        return []

    def _on_connect(self):
        if self._state != _DIAL:
            return []
        self._state = _IDLE
        return [(ONLINE, None)]

    def _on_ok(self, now_ms):
        if self._state == _SIM:
            return self._on_card(now_ms)
        if self._state in (_LTE, _NETWORK):
            return self._on_registration(now_ms)
        if self._state == _DIAL:
            return []  # of an earlier command
        return self._enter(_ROWS[self._state][3], now_ms)

    def _on_card(self, now_ms):
        if self._card == b"READY":
            return self._enter(_LTE, now_ms)
        if self._card == b"SIM PIN":
            if self._pin is None:
                return self._fail("the SIM card wants a PIN, and uplink.modem.pin is missing")
            if self._pin_refused:
                return self._fail("the SIM card refused this PIN before: it is not tried again")
            if not self._pin_sent:
                self._pin_sent = True
                return self._enter(_PIN, now_ms)
        elif self._card:
            return self._fail("the SIM card is locked: " + str(self._card, "ascii") if _is_plain(self._card) else "the SIM card is locked")
        return self._pause(now_ms) if self._tries else self._fail("the SIM card says nothing")

    def _on_registration(self, now_ms):
        if self._registration in _REGISTERED:
            return self._enter(_CONTEXT, now_ms)
        if ticks.reached(now_ms, self._network_deadline_ms):
            return self._fail("no network: " + _SEARCH_WORDS.get(self._registration, "its state is not known"))
        self._state = _LTE if self._state == _NETWORK else _NETWORK
        self._tries = _ROWS[self._state][2]
        if self._state == _NETWORK:
            return self._send(now_ms)
        return self._pause(now_ms)

    def _on_error(self, code, now_ms):
        if self._state in (_WAKE, _ECHO, _CODES):
            return self._enter(_ROWS[self._state][3], now_ms)  # it answers, and that is all that counts
        if self._state in (_LTE, _NETWORK):
            return self._on_registration(now_ms)
        if self._state == _PIN:
            self._pin_refused = True
            return [(PIN_REFUSED, None)] + self._fail("the SIM card refuses its PIN")
        if self._state == _SIM:
            if code in _SIM_ABSENT:
                return self._fail("there is no SIM card" if code == 10 else "the SIM card fails")
            if self._tries and (code is None or code in _SIM_BUSY):
                return self._pause(now_ms)
            return self._fail("there is no SIM card, or it is not ready")
        if self._state == _CONTEXT:
            return self._fail("the modem refuses the access point")
        return self._fail("the network gives no data connection")


def _number(text):
    """The whole number in some bytes, None when there is none."""
    value = None
    for byte in text.strip():
        if not 0x30 <= byte <= 0x39 or (value or 0) > 9_999:
            return None
        value = (value or 0) * 10 + byte - 0x30
    return value


def _is_plain(text):
    return all(0x20 <= byte < 0x7F for byte in text)


class LineReader:
    """Bytes -> lines; what is longer than a line can be is dropped up to its end."""

    LINE_BYTES_MAX = 120

    def __init__(self):
        self._line = bytearray()
        self._too_long = False

    def feed(self, byte):
        """-> a line without its end, or None."""
        if byte not in (0x0D, 0x0A):
            if len(self._line) < self.LINE_BYTES_MAX:
                self._line.append(byte)
            else:
                self._too_long = True
            return None
        line = bytes(self._line)
        dropped = self._too_long or not line
        self._line = bytearray()
        self._too_long = False
        return None if dropped else line
