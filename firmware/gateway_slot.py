"""What the gateway knows of its supply points beside their journalled account rows: last readings and supply processes.

All of it is found again after a restart by asking the meters; nothing here is money. What every meter has stands in columns
that are made once, what few have at a time in maps; `slots[index]` makes the object that the desks work with, and writes through.

Trap avoided: two hundred objects of thirty fields each take a quarter of a board's heap, and each of them grows as it is
used. What counts seconds is kept as the second at which it began: nothing is touched each second.
"""

from array import array

from firmware.base.port import const
from firmware.base.reading import Reading
from firmware.base.records import Layout
from firmware.cutoff import supply
from firmware.ledger.account_row import FLAG_ELSEWHERE
from firmware.meters.model import power_max_w

BLOCK = const(32)  # readings that lie together: no large hole is needed
NO_VALUE = const(0xFFFFFFFF)
_READING = Layout("kept reading: at_s serial quality rates marks power_w word r0 r1 r2 r3 r4", b"<I6sBBBIIIIIII")

# columns
_ROW = const(0)
_SILENT = const(1)
_ENFORCEABLE = const(2)
_STATE = const(3)
_FORWARD = const(4)
_CLOCK_READ = const(5)
_READ = const(6)  # this one and those behind are void when the head-end's state takes the place of ours
_HEARD = const(7)
_UNCHARGED = const(8)
_HELD = const(9)
_HELD_SEQUENCE = const(10)
_JUMPED = const(11)
_REFUSED = const(12)
_SINCE = const(13)
_JUDGED = const(14)
_ASKED = const(15)
_NOTICE = const(16)
_NOTICE_AGAIN = const(17)
_LOST = const(18)
_PAUSE = const(19)
_CUT_ORDER = const(20)
_CUT_UNTIL = const(21)
_OVERRIDE = const(22)
_WAITS = const(23)
_OVER = const(24)
COLUMNS = const(25)
_FALSE = const(1)  # of what is None, False or True
_TRUE = const(2)

# how each is kept: B, H, h an array of so many bits, whose values are sure to fit (rows stay below 2 ** 15, the bus counts turns up to
# 65535); N, Z a list, n, z a map of those that differ from their beginning, which is 0, or None for N and n
_KEPT = b"hHBBzNNnNzznnZZBZzzzzzznz"


class _Column:
    """An attribute of every slot. A property would be six objects more, and there are seventeen of these."""

    def __init__(self, number):
        self.number = number

    def __get__(self, slot, owner):
        return slot._columns[self.number][slot.index]

    def __set__(self, slot, value):
        slot._columns[self.number][slot.index] = value


class _Rare:
    """An attribute that few slots have at a time; `initial` is that of all others."""

    def __init__(self, number, initial):
        self.number = number
        self.initial = initial

    def __get__(self, slot, owner):
        return slot._columns[self.number].get(slot.index, self.initial)

    def __set__(self, slot, value):
        _put_rare(slot._columns[self.number], slot.index, value, self.initial)


def _new_column(number, count):
    kept = chr(_KEPT[number])
    if kept in "BHh":
        return array(kept, bytes(count if kept == "B" else 2 * count))
    return {} if kept in "nz" else [_initial(number)] * count


def _initial(number):
    return None if _KEPT[number] in b"Nn" else 0


def _put_rare(column, index, value, initial):
    if value != initial:
        column[index] = value
    elif index in column:
        del column[index]


class Slot:
    """`index` is the meter's place on this gateway; `row` the account's row in the ledger's table."""

    def __init__(self, slots, index):
        self.index = index
        self._slots = slots
        self._columns = slots.columns
        self.account, self.serial, self.tariff, self.policy, self.flags, self.ratio = slots.meters.facts(index)
        self.arrives = self.flags & FLAG_ELSEWHERE  # said of a row that is yet to come
        self.flags &= ~FLAG_ELSEWHERE
        if index in slots.moved:  # what the settings say of the account is said of the one before
            self.account, self.flags, self.arrives = slots.moved[index], 0, 0
        self.model = slots.models[slots.meters.model_of(index)]  # flags: protected, care, exempt; they hold beside those of the account row

    row = _Column(_ROW)
    silent_turns = _Column(_SILENT)
    state = _Column(_STATE)
    notice_forward_s = _Rare(_FORWARD, 0)  # how far the clock was set forward since the notice: its period is not shorter for it
    uncharged_ucu = _Column(_UNCHARGED)  # worth of the energy since the last charge, None without reading or tariff
    held = _Rare(_HELD, 0)  # HELD reason while the present readings are not believed
    held_sequence = _Rare(_HELD_SEQUENCE, 0)  # journal sequence of the HELD record, 0 = not written in this life
    jumped = _Rare(_JUMPED, None)  # (rate, register) of the reading that was held for a jump
    read_refused = _Rare(_REFUSED, None)  # error word while the meter refuses to tell its register
    judged = _Column(_JUDGED)  # verdict and failed bits last journalled, so that only changes are
    notice_asked = _Column(_ASKED)  # policy channel bits asked in this episode since the start
    notice_sequence = _Column(_NOTICE)  # journal sequence of the notice that the head-end has yet to confirm
    orders_lost = _Rare(_LOST, 0)  # relay orders in a row that were never answered
    cut_order = _Rare(_CUT_ORDER, 0)  # number of an accepted cut order
    cut_order_until_s = _Rare(_CUT_UNTIL, 0)
    override = _Rare(_OVERRIDE, 0)
    over_limit = _Rare(_OVER, 0)  # readings in a row with more power than its load limit

    @property
    def enforceable(self):
        """None until a status word was read."""
        kept = self._columns[_ENFORCEABLE][self.index]
        return kept == _TRUE if kept else None

    @enforceable.setter
    def enforceable(self, value):
        self._columns[_ENFORCEABLE][self.index] = _TRUE if value else _FALSE

    @property
    def address(self):
        """The 12 digits on the meter's plate."""
        return self._slots.meters[self.index].address

    @property
    def max_power_w(self):
        """The most that this meter can pass."""
        return power_max_w(self.model)

    @property
    def utc_offset_min(self):
        """Of the whole gateway."""
        return self._slots.utc_offset_min

    # seconds by ticks, whatever happens to the clock

    @property
    def reading_age_s(self):
        """Seconds since the last believed reading."""
        return self._slots.second - self._columns[_READ][self.index]

    @property
    def clock_age_s(self):
        """Seconds since the meter's clock was asked for; None = not in this life."""
        at = self._columns[_CLOCK_READ][self.index]
        return None if at is None else self._slots.second - at

    def clock_was_read(self):
        """The meter's clock was asked for just now."""
        self._columns[_CLOCK_READ][self.index] = self._slots.second

    def clock_is_asked_again(self):
        """What is known of the meter's clock is old: its next turn asks."""
        self._columns[_CLOCK_READ][self.index] = None

    @property
    def ticks_in_state(self):
        """Seconds in `state`."""
        return self._slots.second - self._columns[_SINCE][self.index]

    @ticks_in_state.setter
    def ticks_in_state(self, seconds):
        self._columns[_SINCE][self.index] = self._slots.second - seconds

    @property
    def lost_pause_s(self):
        """Seconds until the next relay order of a meter that answers none."""
        return max(0, self._columns[_PAUSE].get(self.index, 0) - self._slots.second)

    @lost_pause_s.setter
    def lost_pause_s(self, seconds):
        _put_rare(self._columns[_PAUSE], self.index, self._slots.second + seconds if seconds else 0, 0)

    def notice_again_in(self, seconds):
        """A failed alarm is tried again then."""
        self._columns[_NOTICE_AGAIN][self.index] = self._slots.second + seconds

    def notice_is_due_again(self):
        """True once, when the time for that has come."""
        due = self._columns[_NOTICE_AGAIN].get(self.index, 0)
        if not due or due > self._slots.second:
            return False
        del self._columns[_NOTICE_AGAIN][self.index]
        return True

    def waited_s(self):
        """Seconds since readings began to wait for a freeze: since the first of these calls."""
        return self._slots.second - self._columns[_WAITS].setdefault(self.index, self._slots.second)

    def wait_ends(self):
        """No reading waits."""
        _put_rare(self._columns[_WAITS], self.index, None, None)

    # readings

    @property
    def reading(self):
        """The last believed one, or None."""
        return self._slots.reading_of(self.index) if self._columns[_READ][self.index] is not None else None

    @reading.setter
    def reading(self, reading):
        self._slots.keep_reading(self.index, reading)
        _put_rare(self._columns[_HEARD], self.index, None, None)
        if self._columns[_READ][self.index] is None:
            self._columns[_READ][self.index] = 0

    def believe(self, reading):
        """It is of this very second."""
        self.reading = reading
        self._columns[_READ][self.index] = self._slots.second

    @property
    def last_heard(self):
        """The last one with registers, believed or not."""
        heard = self._columns[_HEARD].get(self.index)
        return self.reading if heard is None else _unpacked(self.index, heard, 0)

    def was_heard(self, reading):
        """One that is not believed; the next believed one takes its place."""
        heard = bytearray(_READING.size)
        _pack(heard, 0, reading)
        self._columns[_HEARD][self.index] = heard

    def forget(self):
        """What the account row said before is void: after a start, and when the head-end's state took its place."""
        for number in range(_READ, COLUMNS):
            if type(self._columns[number]) is dict:
                _put_rare(self._columns[number], self.index, None, None)
            else:
                self._columns[number][self.index] = _initial(number)
        self.ticks_in_state = 0


class Slots:
    """One for each of `settings.meters`. `second` counts the ticks of the gateway."""

    def __init__(self, settings, models):
        self.meters = settings.meters
        count = len(self.meters)
        self.models = models  # by their names
        self.utc_offset_min = settings.utc_offset_min
        self.second = 1
        self.columns = [_new_column(number, count) for number in range(COLUMNS)]
        self.columns[_SINCE] = [self.second] * count
        self.moved = {}  # index -> account that moved in by an order, where the settings name the one before
        self._readings = [bytearray(BLOCK * _READING.size) for _ in range((count + BLOCK - 1) // BLOCK)]
        self._sort()
        self._shown = None  # the reading made last

    def __len__(self):
        return len(self.meters)

    def __getitem__(self, index):
        if self._last is None or self._last.index != index:
            if not 0 <= index < len(self.meters):
                raise IndexError("no such slot")
            self._last = Slot(self, index)
        return self._last

    def follow(self, followers):
        """After a replay: `followers` = {account: the one that moved in behind it}."""
        self.moved = {}
        self._sort()
        for index in range(len(self.meters)) if followers else ():
            account = self._account(index)
            for _ in range(len(followers)):
                account = followers.get(account, account)
            if self.of_account(account) is None:  # else the settings have another meter for it
                self.move(index, account)

    def move(self, index, account):
        """The meter is this account's from now on."""
        self.moved[index] = account
        self._sort()

    def _sort(self):
        self._by_account = array("H")  # indexes in the order of account numbers
        for index in range(len(self.meters)):
            self._by_account.append(index)
            self._put_in_order(index)
        self._last = None  # the slot asked for last: it is asked for several times in a row

    def _put_in_order(self, last):
        """Bring the index at place `last` to its own. A sort by key asks MicroPython n * n times when all is in order already."""
        order, account = self._by_account, self._account(last)
        if not last or self._account(order[last - 1]) < account:
            return
        place = self._place_of(account, last)
        for at in range(last, place, -1):
            order[at] = order[at - 1]
        order[place] = last

    def _place_of(self, account, high):
        """The first of `high` places whose account is not below."""
        low = 0
        while low < high:
            middle = (low + high) // 2
            if self._account(self._by_account[middle]) < account:
                low = middle + 1
            else:
                high = middle
        return low

    def of_account(self, account):
        """The slot of an account, or None."""
        low = self._place_of(account, len(self))
        if low < len(self) and self._account(self._by_account[low]) == account:
            return self[self._by_account[low]]
        return None

    def _account(self, index):
        return self.moved[index] if index in self.moved else self.meters.get(index, "account")

    def busy(self):
        """Those that somebody has to look at each second: not the many where supply is on and nothing waits."""
        states, again, orders = self.columns[_STATE], self.columns[_NOTICE_AGAIN], self.columns[_CUT_ORDER]
        for index in range(len(states)):
            if states[index] != supply.ON or index in again or index in orders:
                yield self[index]

    def jumped(self):
        """Those whose register is held for a jump."""
        for index in sorted(self.columns[_JUMPED]):
            yield self[index]

    def noticed(self):
        """Those with a notice that the head-end has yet to confirm."""
        column = self.columns[_NOTICE]
        for index in range(len(column)):
            if column[index]:
                yield self[index]

    def reading_of(self, index):
        """The believed reading of a slot that has one."""
        if self._shown is None or self._shown.meter != index:
            self._shown = _unpacked(index, self._readings[index // BLOCK], index % BLOCK * _READING.size)
        return self._shown

    def keep_reading(self, index, reading):
        """It takes the place of the one before."""
        _pack(self._readings[index // BLOCK], index % BLOCK * _READING.size, reading)
        self._shown = reading


def _pack(buf, start, reading):
    values = (reading.at_s, reading.serial, reading.quality, reading.rates, reading.marks, _number(reading.power_w))
    values += (_number(reading.status_word),) + tuple([_number(value) for value in reading.registers])
    _READING.pack_into(buf, start, values)


def _number(value):
    return NO_VALUE if value is None else value


def _unpacked(index, buf, start):
    values = _READING.unpack(buf, start)
    reading = Reading(index, values[1])
    reading.at_s, _, reading.quality, reading.rates, reading.marks = values[:5]
    reading.power_w, reading.status_word = _value(values[5]), _value(values[6])
    reading.registers = [_value(value) for value in values[7:]]
    return reading


def _value(number):
    return None if number == NO_VALUE else number
