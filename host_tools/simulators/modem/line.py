"""The modem as a line for pty_port.PtyPort: bytes of the board come in, bytes for it go out when its UART would give them.

In command mode the AT commands answer; after a dial the PPP peer does, and IP packets pass the radio to the net and back. `+++`
between two seconds of silence leads back to commands, a dropped carrier too, and "dead" is the carrier that is gone without a
word: the modem stays in data mode and nothing comes through.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from ipaddress import IPv4Address

from host_tools.simulators.modem import hdlc
from host_tools.simulators.modem.commands import PIN_TRIES, Card, Commands
from host_tools.simulators.modem.net import Net
from host_tools.simulators.modem.peer import Addresses, Frame, Peer
from host_tools.simulators.modem.radio import MS, NS, Radio

UART_QUEUE_MAX = 64 * 1024
BITS_PER_BYTE = 10
CHUNK_NS = 4 * MS  # the board is given bytes about this often while they flow
GUARD_NS = NS
ESCAPE_SIGNS = 3
BOOT_NS = 2 * NS
TICK_NS = NS // 5


class ModemLine:
    """`woken` is called when something became due by itself: a host socket spoke."""

    def __init__(
        self,
        hosts: Mapping[str, IPv4Address],
        mono_ns: Callable[[], int],
        login: tuple[str, str] | None = None,
        seed: int = 0,
        card: Card = "ready",
    ) -> None:
        self.baud = 115_200
        self.silent = False
        self.dead = False
        self.garbage_rate = 0.0  # share of command answers that noise comes before
        self.woken: Callable[[], None] = lambda: None
        self.commands = Commands(card=card)
        self.rng = random.Random(seed)
        self.up, self.down = Radio(self.rng), Radio(self.rng)
        self.calls = 0
        self.resets = 0
        self.uart_dropped = 0
        self.addresses = Addresses()
        self._login = login
        self._card_at_start: Card = card
        self._mono_ns = mono_ns
        self._decoder = hdlc.Decoder()
        self._peer: Peer | None = None  # there is a call
        self._data_mode = False
        self._uart = bytearray()
        self._uart_ns = 0  # until then the last byte is on the wire
        self._heard_ns = -GUARD_NS
        self._running = False
        self._pluses = 0
        self._plus_ns: int | None = None  # +++ came, its second of silence runs
        self._booted_ns = 0
        self._tick_ns = 0
        self.net = Net(self.addresses, hosts, self._from_net, mono_ns)

    # what PtyPort calls

    def send(self, data: bytes, now_ns: int) -> None:
        """The board writes."""
        if self.silent or now_ns < self._booted_ns:
            return
        if not self._data_mode:
            self._on_command(data, now_ns)
        elif not self._is_escape(data, now_ns):
            self._on_frames(self._decoder.feed(data), now_ns)
        self._heard_ns = now_ns

    def _is_escape(self, data: bytes, now_ns: int) -> bool:
        """Three plus signs after a second of silence; that a second follows is seen in run()."""
        begins = self._pluses or now_ns - self._heard_ns >= GUARD_NS
        if data.strip(b"+") or not begins or self._pluses + len(data) > ESCAPE_SIGNS:
            self._pluses, self._plus_ns = 0, None
            return False
        self._pluses += len(data)
        self._plus_ns = now_ns if self._pluses == ESCAPE_SIGNS else None
        return True

    def run(self, now_ns: int) -> bytes:
        """What the board has received by `now_ns`."""
        self._running = True
        try:
            self._catch_up(now_ns)
        finally:
            self._running = False
        return self._shift_out(now_ns)

    def _catch_up(self, now_ns: int) -> None:
        if self._plus_ns is not None and now_ns - self._plus_ns >= GUARD_NS:
            self._pluses, self._plus_ns = 0, None
            self._data_mode = False
            self._say(b"\r\nOK\r\n")
            if self._peer is not None:
                self._hang_up()
        for packet in self.up.due(now_ns):
            self.net.take(packet)
        for packet in self.down.due(now_ns):
            self._say(hdlc.encode(hdlc.IP, packet))
        if now_ns >= self._tick_ns:
            self._tick_ns = now_ns + TICK_NS
            self.net.tick(now_ns)
            if self._peer is not None and not self.dead:
                self._answer(self._peer.tick(now_ns))

    def next_due(self) -> int | None:
        due = [self.up.next_due(), self.down.next_due()]
        if self._uart:
            due.append(self._uart_ns)
        if self._plus_ns is not None:
            due.append(self._plus_ns + GUARD_NS)
        if self._peer is not None:
            due.append(self._tick_ns)
        return min((moment for moment in due if moment is not None), default=None)

    # orders

    def drop_carrier(self) -> None:
        """The network ends the call, and the modem says so."""
        if self._peer is not None:
            self._hang_up()
            self._say(b"\r\nNO CARRIER\r\n")

    def reset(self) -> None:
        """Power away and back: nothing is remembered but the card."""
        self._hang_up()
        self.resets += 1
        self._uart.clear()
        self.silent = self.dead = False
        self._booted_ns = self._mono_ns() + BOOT_NS
        old = self.commands
        card: Card = "puk" if old.card == "puk" else self._card_at_start
        self.commands = Commands(registration=old.registration, card=card, pin=old.pin, lte=old.lte, heard=old.heard)
        self.commands.pin_tries = old.pin_tries if card == "pin" else PIN_TRIES

    def spit(self, count: int) -> None:
        """Noise from a loose cable."""
        self._say(bytes(self.rng.randrange(256) for _ in range(count)))

    def close(self) -> None:
        self._hang_up()

    def state(self) -> dict[str, object]:
        peer = self._peer
        return {
            "registration": self.commands.registration, "card": self.commands.card, "pin_tries": self.commands.pin_tries,
            "apn": self.commands.apn, "silent": self.silent, "dead": self.dead, "data_mode": self._data_mode,
            "ppp_up": peer is not None and peer.is_up, "calls": self.calls, "resets": self.resets, "heard": self.commands.heard,
            "bad_frames": self._decoder.bad_frames, "packets_up": self.up.passed, "packets_down": self.down.passed,
            "packets_lost": self.up.lost + self.down.lost, "overflowed": self.up.overflowed + self.down.overflowed,
            "uart_dropped": self.uart_dropped, **self.net.state(),
        }  # fmt: skip

    # command mode

    def _on_command(self, data: bytes, now_ns: int) -> None:
        answer = self.commands.feed(data)
        if answer and self.garbage_rate and self.rng.random() < self.garbage_rate:
            self.spit(self.rng.randrange(1, 40))
        self._say(answer)
        if self.commands.dialled:
            self.commands.dialled = False
            self.calls += 1
            self._data_mode = True
            self._decoder = hdlc.Decoder()
            self._peer = Peer(self.addresses, self._login)
            self._tick_ns = now_ns

    # data mode

    def _on_frames(self, frames: list[Frame], now_ns: int) -> None:
        if self._peer is None or self.dead:
            return
        for frame in frames:
            self._answer(self._peer.receive(frame))
        for packet in self._peer.packets:
            self.up.put(packet, now_ns)
        self._peer.packets.clear()
        if self._peer.ended:
            self.drop_carrier()

    def _answer(self, frames: list[Frame]) -> None:
        for protocol, payload in frames:
            self._say(hdlc.encode(protocol, payload))

    def _from_net(self, packet: bytes) -> None:
        if self._peer is not None and not self.dead:
            self.down.put(packet, self._mono_ns())
            if not self._running:
                self.woken()

    def _hang_up(self) -> None:
        self._peer = None
        self._data_mode = False
        self._pluses, self._plus_ns = 0, None
        self.commands.forget_line()
        self.up.clear()
        self.down.clear()
        self.net.close()

    # the UART towards the board

    def _say(self, data: bytes) -> None:
        if self.silent:
            return
        if len(self._uart) + len(data) > UART_QUEUE_MAX:
            self.uart_dropped += len(data)
            return
        if not self._uart:
            self._uart_ns = max(self._uart_ns, self._mono_ns())
        self._uart += data

    def _shift_out(self, now_ns: int) -> bytes:
        """A few bytes at a time, at the pace of the wire."""
        out = b""
        byte_ns = BITS_PER_BYTE * NS // self.baud
        while self._uart and self._uart_ns <= now_ns:
            count = max(1, min(CHUNK_NS // byte_ns, len(self._uart)))
            out += bytes(self._uart[:count])
            del self._uart[:count]
            self._uart_ns += count * byte_ns
        return out
