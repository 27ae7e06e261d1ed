"""The door for the bus: questions of base/questions, answered with as many DL/T 645 exchanges as they take.

A question may need several items in sequence (date and time, freeze time and registers) or fall back (a block that was
refused is read item by item, and the meter object remembers it). The bus sees one question, one result.

Traps avoided: a question that this model cannot answer sends nothing (`request_end` 0) and is REFUSED with NOT_OFFERED;
no relay order leaves for a model that must not be cut. Date and time are two items of the base standard, and midnight
may pass between them, so shortly after midnight the date is read again.
"""

from firmware.base import questions, relay
from firmware.base.faults import Broken, require
from firmware.base.port import const
from firmware.base.questions import DONE, REFUSED, SEND
from firmware.meters.dlt645 import relay as relay_words
from firmware.meters.dlt645 import values
from firmware.meters.dlt645.exchange import Exchange
from firmware.meters.model import COMBINED, ENFORCEABLE, RELAY_1C, enforceable

NOT_OFFERED = const(0x8000)  # error_word: this model has no such thing, nothing was sent
NO_BLOCK = const(-1)

DI_COMBINED = const(0x00000000)
DI_FORWARD = const(0x00010000)
DI_ALL_RATES = const(0x0000FF00)
DI_POWER = const(0x02030000)
DI_DATE = const(0x04000101)
DI_TIME = const(0x04000102)
DI_CLOCK = const(0x0400010C)
DI_COVER_OPENED = const(0x03300D00)
DI_TERMINAL_OPENED = const(0x03300E00)
DI_ADDRESS = const(0x04000401)
DI_NUMBER = const(0x04000402)
DI_STATUS_3 = const(0x04000503)
DI_SETTLES = const(0x04000B01)
DI_FREEZE_TIME = const(0x05060000)
DI_FREEZE_FORWARD = const(0x05060100)
ID97_FORWARD = const(0x9010)
ID97_ALL_RATES = const(0x901F)
ID97_NUMBER = const(0xC032)
BLOCK_END_97 = const(0xAA)

REGISTER_BYTES = const(4)
REGISTERS = const(5)  # the total, rate 1 ... 4
AFTER_MIDNIGHT_S = const(60)
BLOCK_ASKED = const(-2)  # part of READ_SETTLEMENT: the day is known, its registers come in one block
SETTLES_DAY_MAX = const(28)


class Dlt645Protocol:
    """One for a bus. Results stay until the next `begin`:

    `registers` [total, rate 1 ... 4] cwh or None; `rates` how many rate registers came; `status_word` or None;
    `clock_s` meter-local seconds or None; `power_w` magnitude or None; `relay_word` 0 when the meter sent none;
    `freeze_s` when the freeze was taken, meter-local, None when there is no such record; `settles` (day, hour) or None:
    settlement registers bear no date, this is when they are taken; `count` or None; `identity` 6 bytes or None;
    `limit_w` or NO_LIMIT or None;
    `error_word` with `error_width` (1 or 2 bytes) after REFUSED.
    """

    def __init__(self):
        self.exchange = Exchange()
        self.request = self.exchange.request
        self.registers = [None] * REGISTERS
        self.error_word = 0
        self._question = 0
        self._meter = None
        self._arg = None
        self._part = 0
        self._offered = False
        self._stamp = bytearray(values.STAMP_BYTES)
        self._clear()

    @property
    def request_end(self):
        """Where the request ends; 0 when there is nothing to send."""
        return self.exchange.request_end

    def begin(self, question, meter, arg=None):
        """Start a question of base/questions; `meter` as model.Meter."""
        self._clear()
        self._question = question
        self._meter = meter
        self._arg = arg
        self._part = 0
        self.exchange.preamble = meter.model.preamble
        self._offered = self._is_offered()
        if not self._offered:
            self.exchange.start_nothing()
            return
        if question == questions.READ_ENERGY and self._wants_block():
            self._part = NO_BLOCK
        self._ask()

    def begin_broadcast(self, local_s, preamble):
        """Encode what sets the clocks of all meters that hear it to `local_s`; nothing comes back."""
        self._clear()
        self.exchange.preamble = preamble
        values.put_stamp(self._stamp, 0, local_s)
        self.exchange.start_time_broadcast(self._stamp)

    def feed(self, buf, start, end):
        """Take what came: at most 256 bytes, then `next_event`."""
        self.exchange.feed(buf, start, end)

    def next_event(self):
        """-> NEED_DATA, SEND, DONE, REFUSED; WireFault as Exchange."""
        return self._on_event(self.exchange.next_event())

    def missing(self):
        """After NEED_DATA: looking again is of no use before so many bytes have come."""
        return self.exchange.reader.missing()

    def on_time_out(self):
        """Nothing more came: as `next_event`."""
        return self._on_event(self.exchange.on_time_out())

    # -- what is offered --------------------------------------------------

    def _is_offered(self):
        model = self._meter.model
        question = self._question
        if question == questions.SEND_RELAY:
            return self._may_order(model)
        if question == questions.READ_LIMIT or question == questions.WRITE_LIMIT:
            return model.limit_di > 0
        if question == questions.READ_ENERGY or question == questions.READ_IDENTITY:  # a tuple of names is made anew each time
            return True
        if model.is_1997:
            return False
        if question == questions.READ_STATUS:
            return model.status_bytes == 2
        if question == questions.READ_LOAD:
            return model.power_read
        if question == questions.READ_FREEZE:
            return 1 <= self._arg <= model.daily_freezes
        if question == questions.READ_SETTLEMENT:
            return 1 <= self._arg <= model.settlements
        if question == questions.READ_COUNT:
            return model.covers & self._arg > 0
        require(question == questions.READ_CLOCK, "unknown question")
        return True

    def _may_order(self, model):
        action = self._arg[0]
        if model.relay_method != RELAY_1C:
            return False
        if action == relay.CUT:
            return enforceable(model, None) == ENFORCEABLE
        if action in (relay.ALARM_ON, relay.ALARM_OFF):
            return model.alarm
        return action == relay.RESTORE

    def _wants_block(self):
        model = self._meter.model
        return model.rates > 0 and model.block_reads and not self._meter.block_refused

    # -- asking -----------------------------------------------------------

    def _ask(self):
        """Encode the request for the present part of the question."""
        if self._question == questions.SEND_RELAY:
            self._order()
        elif self._question == questions.WRITE_LIMIT:
            self._write_limit()
        elif self._meter.model.is_1997:
            self.exchange.start_read_1997(self._meter.serial, self._id_1997())
        else:
            self.exchange.start_read(self._meter.serial, self._di())

    def _di(self):
        part = self._part
        question = self._question
        if question == questions.READ_ENERGY:
            return self._di_energy(part == NO_BLOCK, part)
        if question == questions.READ_STATUS:
            return DI_STATUS_3
        if question == questions.READ_CLOCK:
            if self._meter.model.joined_clock:
                return DI_CLOCK
            return DI_TIME if part == 1 else DI_DATE
        if question == questions.READ_LOAD:
            return DI_POWER
        if question == questions.READ_LIMIT:
            return self._meter.model.limit_di
        if question == questions.READ_FREEZE:
            return (DI_FREEZE_FORWARD if part else DI_FREEZE_TIME) | self._arg
        if question == questions.READ_COUNT:
            return DI_COVER_OPENED if self._arg == questions.COVER else DI_TERMINAL_OPENED
        if question == questions.READ_SETTLEMENT:
            return self._di_energy(part == BLOCK_ASKED, part - 1) | self._arg if part else DI_SETTLES
        return DI_ADDRESS if part else DI_NUMBER

    def _di_energy(self, block, rate):
        di = DI_COMBINED if self._meter.model.billing_register == COMBINED else DI_FORWARD
        return di | (DI_ALL_RATES if block else rate << 8)

    def _id_1997(self):
        if self._question == questions.READ_IDENTITY:
            return ID97_NUMBER
        return ID97_ALL_RATES if self._part == NO_BLOCK else ID97_FORWARD + self._part

    def _order(self):
        action, valid_until_s = self._arg
        meter = self._meter
        code = relay_words.order_code(action, meter.model.close_code_n1)
        values.put_stamp(self._stamp, 0, valid_until_s)
        self.exchange.start_relay(meter.serial, code, meter.password, meter.operator, self._stamp)

    def _write_limit(self):
        meter = self._meter
        model = meter.model
        steps = model.limit_none if self._arg == relay.NO_LIMIT else self._arg // (model.limit_unit_w * meter.ratio)
        self.exchange.start_write(meter.serial, model.limit_di, meter.password, meter.operator, steps, model.limit_bytes)

    def _go_on(self, part):
        self._part = part
        self._ask()
        return SEND

    # -- answers ----------------------------------------------------------

    def _on_event(self, event):
        if not self._offered:
            self.error_word = NOT_OFFERED
            return REFUSED
        if event == DONE:
            return self._on_done()
        if event == REFUSED:
            return self._on_refused()
        return event

    def _on_done(self):
        question = self._question
        if question == questions.READ_ENERGY:
            return self._on_energy()
        if question == questions.READ_STATUS:
            self._expect(2)
            self.status_word = values.word_at(self.exchange.data, 0)
        elif question == questions.READ_CLOCK:
            return self._on_clock()
        elif question == questions.READ_LOAD or question == questions.READ_COUNT:
            self._on_number(question)
        elif question == questions.READ_LIMIT:
            self._on_limit()
        elif question == questions.READ_FREEZE:
            return self._on_freeze()
        elif question == questions.READ_SETTLEMENT:
            return self._on_settlement()
        elif question == questions.READ_IDENTITY:
            self._expect(6)
            if values.is_full_address(self.exchange.data):
                self.identity = bytes(self.exchange.data[0:6])
        elif question == questions.SEND_RELAY or question == questions.WRITE_LIMIT:
            if self.exchange.data_end == 2:
                self.relay_word = self.exchange.data[0] | self.exchange.data[1] << 8
        else:
            raise Broken("answer to no question")
        return DONE

    def _on_refused(self):
        """A refused block is read item by item; a refused rate register is "no value"; the rest is a lawful no."""
        self.error_word = self.exchange.error_word
        self.error_width = self.exchange.error_width
        if self._question == questions.READ_ENERGY and self._part != 0:
            if self._part == NO_BLOCK:
                self._meter.block_refused = True
                return self._go_on(0)
            return self._next_rate()
        if self._question == questions.READ_SETTLEMENT and self._part == BLOCK_ASKED:
            self._meter.block_refused = True
            return self._go_on(1)
        if self._question == questions.READ_IDENTITY and self._part == 0 and not self._meter.model.is_1997:
            return self._go_on(1)
        return REFUSED

    def _on_energy(self):
        if self._part == NO_BLOCK:
            self._take_registers()
            return DONE
        self._expect(REGISTER_BYTES)
        self.registers[self._part] = self._register(0)
        if self._part and self.registers[self._part] is not None:
            self.rates = self._part
        return self._next_rate()

    def _next_rate(self):
        if self._part >= self._meter.model.rates:
            return DONE
        return self._go_on(self._part + 1)

    def _on_clock(self):
        data = self.exchange.data
        if self._meter.model.joined_clock:
            self._expect(7)
            self._date_s = values.date_at(data, 4)
            second = values.time_at(data, 0)
        elif self._part == 1:
            self._expect(3)
            self._second = second = values.time_at(data, 0)
            if second is not None and second < AFTER_MIDNIGHT_S:
                return self._go_on(2)
        else:
            self._expect(4)
            self._date_s = values.date_at(data, 1)
            if self._part == 0:
                return self._go_on(1)
            second = self._second
        if self._date_s is not None and second is not None:
            self.clock_s = self._date_s + second
        return DONE

    def _on_number(self, question):
        """Power, or a count: three bytes both."""
        self._expect(3)
        number = self.exchange.number(0, 3, question == questions.READ_LOAD)
        if question == questions.READ_COUNT:
            self.count = number
        else:
            self.power_w = None if number is None else abs(number) // 10  # it is in 0.1 W

    def _on_limit(self):
        """Of the customer behind transformers; one that is set is never told as none, however high."""
        model = self._meter.model
        self._expect(model.limit_bytes)
        steps = self.exchange.number(0, model.limit_bytes, False)
        if steps is not None:
            limit_w = min(steps * model.limit_unit_w * self._meter.ratio, relay.NO_LIMIT - 1)
            self.limit_w = relay.NO_LIMIT if steps == model.limit_none else limit_w

    def _on_freeze(self):
        if self._part == 0:
            self._expect(5)
            self.freeze_s = values.minute_stamp_at(self.exchange.data, 0)
            return DONE if self.freeze_s is None else self._go_on(1)
        self._take_registers()
        return DONE

    def _on_settlement(self):
        """When the meter settles, then the register of that moment: a block, or one item after the other."""
        part = self._part
        if not part:
            self._expect(2)
            self.settles = values.day_hour_at(self.exchange.data, 0)
            if self.settles is None or self.settles[0] > SETTLES_DAY_MAX:
                self.settles = None
                return DONE
            return self._go_on(BLOCK_ASKED if self._wants_block() else 1)
        if part == BLOCK_ASKED:
            self._take_registers()
            return DONE
        self._expect(REGISTER_BYTES)
        self.registers[part - 1] = self._register(0)
        self.rates = part - 1
        return DONE if part > self._meter.model.rates else self._go_on(part + 1)

    def _take_registers(self):
        """A block: the total, then as many rates as the meter is configured for; the length tells."""
        exchange = self.exchange
        end = exchange.data_end
        if self._meter.model.is_1997 and end % REGISTER_BYTES == 1 and exchange.data[end - 1] == BLOCK_END_97:
            end -= 1
        if end % REGISTER_BYTES or not end:
            exchange.nonsense("a block of registers has a wrong length")
        count = min(end // REGISTER_BYTES, self._meter.model.rates + 1)
        for i in range(count):
            self.registers[i] = self._register(i * REGISTER_BYTES)
        self.rates = count - 1

    def _register(self, offset):
        """A negative combined register cannot be billed: no value, so it is held and reported."""
        combined = self._meter.model.billing_register == COMBINED and self._question != questions.READ_FREEZE
        value = self.exchange.number(offset, REGISTER_BYTES, combined)
        return None if value is None or value < 0 else value

    def _expect(self, width):
        if self.exchange.data_end != width:
            self.exchange.nonsense("an item has a wrong length")

    def _clear(self):
        for i in range(REGISTERS):
            self.registers[i] = None
        self.rates = 0
        self.status_word = None
        self.clock_s = None
        self.power_w = None
        self.relay_word = 0
        self.limit_w = None
        self.freeze_s = None
        self.settles = None
        self.count = None
        self.identity = None
        self.error_word = 0
        self.error_width = 0
        self._date_s = None
        self._second = None
