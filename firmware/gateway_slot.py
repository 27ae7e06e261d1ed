"""What the gateway knows of one supply point beside its journalled account row: the last reading and the supply process.

All of it is found again after a restart by asking the meter; nothing here is money.
"""

from firmware.cutoff import supply
from firmware.meters.model import power_max_w


class Slot:
    """`index` is the meter's place on this gateway; `row` the account's row in the ledger's table."""

    def __init__(self, index, settings, model, row, utc_offset_min):
        self.index = index
        self.account = settings.account
        self.serial = settings.serial
        self.address = settings.address
        self.model = model
        self.max_power_w = power_max_w(model)
        self.row = row
        self.flags = settings.flags  # protected, care, exempt: they hold beside those of the account row
        self.tariff = settings.tariff
        self.policy = settings.policy
        self.utc_offset_min = utc_offset_min
        self.silent_turns = 0
        self.enforceable = None  # None until a status word was read
        self.state = supply.ON_UNKNOWN
        self.notice_forward_s = 0  # how far the clock was set forward since the notice: its period is not shorter for it
        self.clock_age_s = None  # seconds since the meter's clock was asked for; None = not in this life
        self.forget()

    def forget(self):
        """What the account row said before is void: after a start, and when the head-end's state took its place."""
        self.reading = None  # the last believed one
        self.reading_age_s = 0  # seconds since then, by ticks: whatever happens to the clock
        self.last_heard = None  # the last one with registers, believed or not
        self.uncharged_ucu = None  # worth of the energy since the last charge, None without reading or tariff
        self.held = 0  # HELD reason while the present readings are not believed
        self.held_sequence = 0  # journal sequence of the HELD record, 0 = not written in this life
        self.jumped = None  # (rate, register) of the reading that was held for a jump
        self.read_refused = None  # error word while the meter refuses to tell its register
        self.ticks_in_state = 0  # seconds in `state`, by ticks: the wall clock may step or be unknown
        self.judged = 0  # verdict and failed bits last journalled, so that only changes are
        self.notice_asked = 0  # policy channel bits asked in this episode since the start
        self.notice_sequence = 0  # journal sequence of the notice that the head-end has yet to confirm
        self.notice_again_ticks = 0  # until a failed alarm is tried again, 0 = nothing waits
        self.orders_lost = 0  # relay orders in a row that were never answered
        self.lost_pause_s = 0  # seconds until the next one
        self.cut_order = 0  # number of an accepted cut order
        self.cut_order_until_s = 0
        self.override = 0
