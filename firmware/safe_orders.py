"""What safe mode takes, refuses and keeps: a signed restore works, a cut never (design section 8; SPEC 8). Pure.

A stay in safe mode has a nonce, told to the head-end under the gateway's key, and each order that may do something bears it. So an
order that was recorded in a normal life or in an earlier stay does nothing here, though the journal with the numbers that it
consumed is not read. In one stay a repeated restore is harmless: nobody is cut in it. Numbers tell a repeat from something new.

What was taken stands in one small file before its PUBACK leaves: the next normal life takes it through the books before it
decides anything, refused cuts included, for a refused order consumes its number. What could only be said from the books -
credits, flags, documents in the usual way - gets no verdict: the head-end sends it again.

Traps avoided: a full file system must not keep the light off, so the relay is ordered all the same and the head-end hears no
verdict; a relay whose answers were lost is ordered again after a while, since nobody else will before the books are read.
"""

from firmware.base import relay
from firmware.base.faults import BadInput, Refused, StorageFault, WireFault
from firmware.base.port import const
from firmware.base.wire import cbor
from firmware.sync import messages

CUT = const(1)  # orders of SPEC 5.6
RESTORE = const(2)
RESTORE_PAID = const(20)
LEAVE = const(21)
SWAP = const(22)

ACCEPTED = const(1)  # verdicts and reasons of SPEC kind 16
REFUSED = const(2)
UNKNOWN_ACCOUNT = const(5)
BAD_DOCUMENT = const(6)
NOT_SUPPORTED = const(7)
IN_SAFE_MODE = const(11)

NO_METER = const(-1)
NO_MODEL = const(-2)
NONCE_BYTES = const(8)
FAULT_CHARS = const(160)
REFUSED_KEPT = const(32)
OWN_KEPT = const(8)
TOLD_AT_ONCE = const(16)
PIECES = const(16)  # of a stay: each is written down, so that power cuts do not make it longer
SPAN_FIRST_S = const(900)
DOUBLINGS_MAX = const(4)  # to four hours
LAST_WORDS_S = const(3)
LEAVES_AT_LAST_S = const(60)
FIELDS = const(12)


class Kept:
    """One order and what came of it, until the books have it. `issuer` of the credit that order 20 knows; `serial` of the meter."""

    def __init__(self, order, account, number, credit_number, issuer, verdict, reason, phase=0, word=0, detail=0, at_s=0, serial=b""):
        self.order = order
        self.account = account
        self.number = number
        self.credit_number = credit_number
        self.issuer = issuer
        self.verdict = verdict
        self.reason = reason
        self.phase = phase
        self.word = word
        self.detail = detail
        self.at_s = at_s
        self.serial = serial

    def fields(self):
        """In the order in which file and report have them."""
        told = [self.order, self.account, self.number, self.credit_number, self.issuer, self.verdict, self.reason]
        return told + [self.phase, self.word, self.detail, self.at_s]

    def is_restore(self):
        """A relay has to be closed for it."""
        return self.verdict == ACCEPTED and self.order in (RESTORE, RESTORE_PAID)


class Stay:
    """`open`: it lasts; `tries`: how many ended by themselves and in vain; `pieces` of this one are over."""

    def __init__(self):
        self.open = False
        self.tries = 0
        self.pieces = 0
        self.nonce = b""
        self.fault = ""
        self.kept = []

    def piece_s(self):
        """Seconds of one piece."""
        return (SPAN_FIRST_S << min(self.tries, DOUBLINGS_MAX)) // PIECES

    def encoded(self):
        """The bytes of the file."""
        kept = [one.fields() + [one.serial] for one in self.kept]
        return cbor.encode({1: self.open, 2: self.tries, 3: self.pieces, 4: self.nonce, 5: self.fault, 6: kept})


def read_stay(raw):
    """The stay that a file tells of; a new one where there is none or it is damaged: then nothing was taken."""
    stay = Stay()
    if raw is None:
        return stay
    try:
        told = cbor.decode(raw, 0, len(raw))
    except WireFault:
        return stay
    if type(told) is not dict or [type(told.get(key)) for key in range(1, 7)] != [bool, int, int, bytes, str, list]:
        return stay
    stay.open, stay.tries, stay.pieces, stay.nonce, stay.fault = [told[key] for key in range(1, 6)]
    stay.kept = [Kept(*fields) for fields in told[6] if _is_whole(fields)]
    return stay


def _is_whole(fields):
    return type(fields) is list and [type(value) for value in fields] == [int] * (FIELDS - 1) + [bytes]


def kept_orders(raw):
    """For the next normal life: (order, account, number, credit number, issuer, verdict, reason, when its relay was proven or 0)."""
    found = []
    for one in read_stay(raw).kept:
        if one.account:
            proven_at_s = one.at_s if one.is_restore() and one.phase == relay.VERIFIED else 0
            found.append(tuple(one.fields()[:7]) + (proven_at_s,))
    return sorted(found, key=lambda one: (one[1], one[2]))


def without_orders(raw):
    """The file when the books have them; None when it says nothing else."""
    stay = read_stay(raw)
    stay.kept = []
    stay.open = False
    return stay.encoded() if stay.tries else None


def _with(kept, one):
    """The list with a new order: of each account the newest that was taken and the newest refused, of the gateway's own the last few."""
    own = [before for before in kept if not before.account][-OWN_KEPT:]
    others = [before for before in kept if before.account and (before.account != one.account or before.verdict != one.verdict)]
    refused = [before for before in others if before.verdict == REFUSED]
    if one.account and one.verdict == REFUSED and len(refused) >= REFUSED_KEPT:
        others.remove(refused[0])
    return own + others + [one]


class SafeDesk:
    """The handler of the uplink. `doors` has save(bytes), swap(what, id, away, put, text), meter_of(serial) -> its index, NO_METER
    or NO_MODEL, send(meter) to the bus, news() when the head-end should hear something, now_s(), at_rest(), note(code, account, value)."""

    def __init__(self, stay, doors, limits):
        self.stay = stay
        self._doors = doors
        self._limits = limits
        self._again_s = {}  # account -> second at which its relay is ordered again
        self._tried = {}
        self._fresh = []  # to be told before the others
        self._next = 0
        self._seconds = 0
        self._leaving_s = 0
        self._saved = True
        self.strange = 0  # orders of another stay
        self.done = False  # try a normal life now

    def begin(self, nonce, fault):
        """A new life in safe mode; a stay that lasts over a reset keeps its nonce. What was not proven is ordered again."""
        stay = self.stay
        if not stay.open:
            stay.kept = [one for one in stay.kept if one.account]
            stay.open, stay.pieces, stay.nonce, stay.fault = True, 0, nonce, fault[:FAULT_CHARS]
            self._save()
        for one in stay.kept:
            if one.is_restore() and one.phase != relay.VERIFIED:
                self._send(one)

    # from the head-end

    def on_credit(self, account, issuer, number, amount_ucu, total_ucu, at_s):
        """Nothing durable can be said of money without the books."""
        raise Refused("safe_mode", "credits wait for the books")

    def on_acks(self, ack):
        """Nothing was sent that it could be about."""

    def on_order(self, order, account, number, expires_at_s, credit_number, overridden, document):
        """One authentic order; on return its verdict is durable."""
        if order == CUT:
            self._take(Kept(order, account, number, credit_number, 0, REFUSED, IN_SAFE_MODE))
        elif order in (RESTORE, RESTORE_PAID):
            told = self._decoded(messages.decode_stay_meter, document)
            if told is not None:  # by its meter: who moved in since has another account than the settings say
                reason = {NO_METER: UNKNOWN_ACCOUNT, NO_MODEL: NOT_SUPPORTED}.get(self._doors.meter_of(told[1]), 0)
                verdict = REFUSED if reason else ACCEPTED
                self._take(Kept(order, account, number, credit_number, overridden & 0xFFFF, verdict, reason, serial=told[1]))
        elif order == LEAVE:
            if self._decoded(messages.decode_stay, document) is not None:
                if self._take(Kept(order, 0, number, 0, 0, ACCEPTED, 0)):
                    self.stay.tries = 0
                    self.leave()
        elif order == SWAP:
            swap = self._decoded(messages.decode_swap, document)
            if swap is not None and not self._is_known(0, number, ACCEPTED):
                self._take(Kept(order, 0, number, 0, 0, *self._swap(swap)))
        else:
            raise Refused("safe_mode", "this order waits for the books")

    def _decoded(self, decode, document):
        """What the document says, None when it is not of this stay: then the order does nothing and leaves no trace but a count."""
        try:
            told = decode(document or b"")
        except WireFault:
            told = (None,)
        if told[0] == self.stay.nonce:
            return told
        self.strange += 1
        self._doors.news()
        return None

    def _swap(self, swap):
        _, what, identity, away, put, text = swap
        try:
            self._doors.swap(what, identity, away, put, text)
        except (BadInput, StorageFault):
            return REFUSED, BAD_DOCUMENT
        return ACCEPTED, 0

    def _is_known(self, account, number, verdict):
        """A repeat is told again; an older one than the newest of its sort changes nothing."""
        for one in self.stay.kept:
            if one.account == account and (one.number == number or one.number > number and one.verdict == verdict):
                self._tell(one)
                return True
        return False

    def _take(self, one):
        """Keep it, and do it -> False when it is known already. Refused: it could not be kept."""
        if self._is_known(one.account, one.number, one.verdict):
            return False
        before = self.stay.kept
        self.stay.kept = _with(before, one)
        saved = self._save()
        if one.is_restore():
            self._send(one)  # light does not wait for a file system
        elif not saved:
            self.stay.kept = before
        if not saved:
            raise Refused("files", "the order cannot be kept")
        self._tell(one)
        return True

    def _save(self):
        try:
            self._doors.save(self.stay.encoded())
            self._saved = True
        except StorageFault:
            self._saved = False  # and nothing is told of orders until it can be kept
        return self._saved

    def _tell(self, one):
        if one not in self._fresh:
            self._fresh.append(one)
        self._doors.news()

    # relays

    def _send(self, one):
        one.phase = relay.ORDERED
        self._again_s.pop(one.account, None)
        self._doors.send(self._doors.meter_of(one.serial))

    def unproven(self):
        """Meters whose relay was ordered and has no proof or end yet."""
        waiting = (relay.ORDERED, relay.ACKNOWLEDGED, relay.NO_ANSWER)
        return [self._doors.meter_of(one.serial) for one in self.stay.kept if one.is_restore() and one.phase in waiting]

    def on_outcome(self, outcome):
        """A phase of a relay order."""
        if outcome.action != relay.RESTORE or outcome.detail == relay.SUPERSEDED:
            return
        for one in self.stay.kept:
            if one.is_restore() and self._doors.meter_of(one.serial) == outcome.meter:
                self._note_outcome(one, outcome)
                return

    def _note_outcome(self, one, outcome):
        one.phase, one.word, one.detail = outcome.phase, outcome.word & 0xFFFF, outcome.detail
        if outcome.phase == relay.VERIFIED or outcome.phase in relay.FAILED_PHASES:
            one.at_s = self._doors.now_s()
            self._save()  # a lost proof costs another look at the relay
        if outcome.phase in (relay.DISAGREES, relay.GIVEN_UP):
            tried = self._tried[one.account] = self._tried.get(one.account, -1) + 1
            wait_s = min(self._limits.supply_retry_s << min(tried, 10), self._limits.supply_retry_slow_s)
            self._again_s[one.account] = self._seconds + wait_s
        self._tell(one)

    # time

    def on_second(self):
        """Relays that are tried again, and the end of the stay."""
        self._seconds += 1
        for one in self.stay.kept:
            if self._again_s.get(one.account, self._seconds + 1) <= self._seconds and one.is_restore():
                self._send(one)
        if self._fresh:
            self._doors.news()
        if self._leaving_s:
            self._leaving_s += 1
            quiet = self._doors.at_rest() and not self._fresh
            if self._leaving_s > LEAVES_AT_LAST_S or quiet and self._leaving_s > LAST_WORDS_S:
                self._end()
        elif self._seconds % self.stay.piece_s() == 0:
            self.stay.pieces += 1  # and what could not be kept is tried again
            if self.stay.pieces >= PIECES:
                self.stay.tries += 1
                self.leave()
            self._save()

    def leave(self):
        """End the stay when what is under way has its proof and is told."""
        self._leaving_s = max(self._leaving_s, 1)

    def _end(self):
        self.stay.open = False
        self._save()
        self.done = True

    def left_s(self):
        """Until a normal life is tried, at most."""
        return (PIECES - self.stay.pieces) * self.stay.piece_s() if not self._leaving_s else 0

    # for the head-end

    def outcomes(self):
        """The next orders to be told of: those with news, then the others in turn."""
        if not self._saved:
            return []
        kept = self.stay.kept
        fresh = [one for one in self._fresh if one in kept]  # another may have taken its place
        chosen, self._fresh = fresh[:TOLD_AT_ONCE], fresh[TOLD_AT_ONCE:]
        for _ in range(min(TOLD_AT_ONCE - len(chosen), len(kept))):
            one = kept[self._next % len(kept)]
            self._next += 1
            if one not in chosen:
                chosen.append(one)
        return [one.fields() for one in chosen]

    def report(self, boot_count, firmware, broken):
        """What is sealed into the status (SPEC 5.3)."""
        told = {1: boot_count, 2: self.stay.nonce, 3: firmware, 4: self._doors.now_s(), 5: broken, 6: self.stay.fault}
        told.update({7: self.left_s(), 8: self.stay.tries, 9: self.strange, 10: self.outcomes()})
        return cbor.encode(told)
