"""What the uplink may send: the ledger's outbox, and the gateway's status (SPEC 5.3)."""

from firmware.base.port import const

STANDING_CORRUPT = const(3)


class Source:
    """The `source` of firmware.sync: positions, journal_from, readings_from, status."""

    def __init__(self, gateway, boot_count, firmware_version):
        outbox = gateway.ledger.outbox
        self.positions = outbox.positions
        self.readings_from = outbox.readings_from
        self._outbox = outbox
        self._gateway = gateway
        self._boot_count = boot_count
        self._firmware_version = firmware_version

    def journal_from(self, sequence, max_bytes):
        """What is asked for, but nothing of a fork that a given state ended."""
        return self._outbox.journal_from(max(sequence, self._outbox.passed_over() + 1), max_bytes)

    def status(self):
        """Fields 2 ... 15; 1, 11 and 13 are the uplink's own."""
        gateway = self._gateway
        ledger = gateway.ledger
        _, last, acked_reading, last_reading = self.positions()
        at_s, quality = gateway.clock_view.stamp()
        return {
            2: ledger.epoch,
            3: ledger.sequence,
            4: ledger.chain,
            5: self._boot_count,
            6: self._firmware_version,
            7: at_s,
            8: quality,
            9: last - self._outbox.acked_sequence,  # what a state replaced was acknowledged by nobody
            10: last_reading - acked_reading,
            12: gateway.head_end.standing if ledger.sound else STANDING_CORRUPT,
            14: ledger.readings.dropped,
            15: gateway.supply.brake.closed,
        }
