"""How a gateway is left in order before its board is served (part of the hall; SPEC 7, maintenance).

Nobody's supply changes: relay work that has begun is finished, nothing new is asked, and the next life finds in the journal
what was wished, and from the meters what came of it.
"""

from firmware.gateway_books import settle


class Leaving:
    """The `door` of diagnostics/maintenance.py: `write_flag(seconds)` makes boot.py's flag durable."""

    def __init__(self, bus, ledger, write_flag):
        self._bus = bus
        self._ledger = ledger
        self._write_flag = write_flag

    def hold(self):
        """No relay work begins any more, and no reading."""
        self._bus.held = True

    def at_rest(self):
        """True when the line is quiet and no relay order is half done."""
        return self._bus.at_rest()

    def go_on(self):
        """Nobody comes: live on."""
        self._bus.held = False

    def leave(self, seconds):
        """Make the books and the flag durable -> False when the flash of the books failed; StorageFault: no flag."""
        synced = settle(self._ledger)
        self._write_flag(seconds)
        return synced
