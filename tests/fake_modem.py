"""A cellular modem of a few lines that can be in every state a real one is found in, and the UART and PPP of a board at it."""



class FakeModem:
    """Answers commands; its attributes are its troubles."""

    def __init__(self, **traits):
        self.echo = True
        self.silent = False
        self.data_mode = False
        self.resets = 0
        self.wakes_on_reset = False
        self.card = ["READY"]
        self.pin = "1234"
        self.lte = "2"
        self.old = "1"
        self.dial = "CONNECT 115200"
        self.noise = False
        self.sent = []
        for name in traits:
            setattr(self, name, traits[name])

    def answer(self, command):
        """Bytes of a command -> lines."""
        if self.silent or self.data_mode:
            return []
        text = command.decode().strip()
        self.sent.append(text)
        lines = [text] if self.echo else []
        if self.noise:
            lines += ["\xff\x00~", "", "+CSQ: 1", "RING", "+CEREG: nonsense", "+CPIN", "CONNECT" if "CPIN" in text else "+CREG"]
        return lines + self.plain(text)

    def plain(self, text):
        if text == "ATE0":
            self.echo = False
        if text == "AT+CPIN?":
            card = self.card[0]
            self.card = self.card[1:] or self.card
            return [card] if "ERROR" in card else ["+CPIN: " + card, "OK"]
        if text[:8] == "AT+CPIN=":
            if text[8:] != self.pin:
                return ["+CME ERROR: 16"]
            self.card = ["+CME ERROR: 14", "READY"]
            return ["OK"]
        if text == "AT+CEREG?":
            return [self.lte] if self.lte == "ERROR" else ["+CEREG: 0," + self.lte, "OK"]
        if text == "AT+CREG?":
            return ["+CREG: 0," + self.old, "OK"]
        if text[:3] == "ATD":
            return [self.dial] if self.dial else []
        if text[:10] == "AT+CGDCONT" and self.dial == "no context":
            return ["ERROR"]
        return ["OK"]


class FakeUart:
    """machine.UART with timeout=0, as far as the uplink uses it, with a FakeModem at its other end."""

    def __init__(self, modem):
        self.modem = modem
        self.handler = None
        self._heard = b""
        self._waiting = bytearray()

    def write(self, data):
        self._heard += bytes(data)
        if self._heard == b"+++":
            self.modem.data_mode = False
            self._heard = b""
        while b"\r" in self._heard:
            at = self._heard.index(b"\r")
            command, self._heard = self._heard[:at], self._heard[at + 1 :]
            for line in self.modem.answer(command):
                self._waiting.extend(b"\r\n" + line.encode() + b"\r\n")
                if line[:7] == "CONNECT" and command[:3] == b"ATD":
                    self.modem.data_mode = True
        return len(data)

    def any(self):
        return len(self._waiting)

    def readinto(self, buf):
        buf[0] = self._waiting[0]
        self._waiting = self._waiting[1:]
        return 1

    def irq(self, handler):
        self.handler = handler


class FakePpp:
    """network.PPP: stays "connected" when the carrier is gone, as the real one does."""

    SEC_PAP = 1
    name_server = "10.0.2.3"

    def __init__(self, uart, comes_up=True):
        self.uart = uart
        self.comes_up = comes_up
        self.state = 0
        self.login = None

    def connect(self, **login):
        self.login = login
        self.state = 4 if self.comes_up else 3

    def isconnected(self):
        return self.state == 4

    def status(self):
        return self.state

    def ifconfig(self):
        return ("10.0.2.15", "255.255.255.255", "10.0.2.2", self.name_server)

    def __del__(self):
        self.state = 0
