"""What safe mode does with orders: restores of this stay, never a cut, nothing recorded; kept, repeated, told. Both interpreters."""

from firmware.base import relay
from firmware.base.faults import BadInput, Refused, StorageFault
from firmware.base.limits import Limits
from firmware.base.wire import cbor
from firmware.safe_orders import (
    ACCEPTED,
    BAD_DOCUMENT,
    CUT,
    IN_SAFE_MODE,
    LEAVE,
    NO_METER,
    NO_MODEL,
    NOT_SUPPORTED,
    PIECES,
    REFUSED,
    RESTORE,
    RESTORE_PAID,
    SPAN_FIRST_S,
    SWAP,
    UNKNOWN_ACCOUNT,
    SafeDesk,
    kept_orders,
    read_stay,
    without_orders,
)
from tests.kit import cases, eq, raises

NONCE, OTHER = b"12345678", b"87654321"
ANN, BOB, STRANGER, ODD = 1001, 1002, 1009, 1003  # ODD: the model of its meter cannot be read
METERS = {b"meter1": 0, b"meter2": 1, b"meter3": NO_MODEL}
SERIALS = {ANN: b"meter1", BOB: b"meter2", ODD: b"meter3"}


class Doors:
    """The mode around the desk; `file` is what would be found after a power cut."""

    def __init__(self):
        self.file = None
        self.full = False
        self.saves = 0
        self.sent = []
        self.swaps = []
        self.told = 0
        self.resting = True
        self.at_s = 500

    def save(self, data):
        if self.full:
            raise StorageFault("no space")
        self.saves += 1
        self.file = data

    def swap(self, *swap):
        if swap[0] == 3:
            raise BadInput("what", "must be 1 or 2")
        self.swaps.append(swap)

    def meter_of(self, serial):
        return METERS.get(serial, NO_METER)

    def send(self, meter):
        self.sent.append(meter)

    def news(self):
        self.told += 1

    def now_s(self):
        return self.at_s

    def at_rest(self):
        return self.resting


def begun(doors=None, nonce=NONCE):
    """A desk after the start of a life in safe mode."""
    doors = doors or Doors()
    desk = SafeDesk(read_stay(doors.file), doors, Limits())
    desk.begin(nonce, "ValueError: a bug")
    return desk, doors


def stay(nonce=NONCE, **more):
    fields = {1: nonce}
    fields.update({int(key[1:]): value for key, value in more.items()})
    return cbor.encode(fields)


def order(desk, kind, account, number, document=None, credit=0, issuer=0):
    if document is not None and kind in (RESTORE, RESTORE_PAID) and document in (stay(), stay(OTHER)):
        document = cbor.encode({1: document[-8:], 2: SERIALS.get(account, b"nobody")})
    desk.on_order(kind, account, number, 0, credit, issuer, document)


def told(desk):
    """{(account, number): (order, verdict, reason, phase)} of all that the head-end is told now."""
    return {(row[1], row[2]): (row[0], row[5], row[6], row[7]) for row in desk.outcomes()}


def seen(phase, word=0, detail=0, meter=0, action=relay.RESTORE):
    return relay.Outcome(meter, action, phase, word, detail)


def test_a_restore_of_this_stay_is_kept_before_the_relay_and_both_are_told():
    desk, doors = begun()
    order(desk, RESTORE_PAID, ANN, 5, stay(), 3, 1)
    eq((doors.sent, told(desk)), ([0], {(ANN, 5): (RESTORE_PAID, ACCEPTED, 0, relay.ORDERED)}))
    eq(kept_orders(doors.file), [(RESTORE_PAID, ANN, 5, 3, 1, ACCEPTED, 0, 0)])
    desk.on_outcome(seen(relay.VERIFIED, 0x40))
    eq(kept_orders(doors.file)[0][7], 500, "when it was proven")
    eq(told(desk)[(ANN, 5)], (RESTORE_PAID, ACCEPTED, 0, relay.VERIFIED))


def test_a_cut_never():
    desk, doors = begun()
    for document in (None, stay()):
        order(desk, CUT, ANN, 6 if document else 5, document)
    eq((doors.sent, told(desk)), ([], {(ANN, 6): (CUT, REFUSED, IN_SAFE_MODE, 0)}))
    eq(kept_orders(doors.file), [(CUT, ANN, 6, 0, 0, REFUSED, IN_SAFE_MODE, 0)])


def test_what_is_not_of_this_stay_does_nothing():
    def refused(document):
        desk, doors = begun()
        saves = doors.saves
        for kind in (RESTORE, RESTORE_PAID, LEAVE, SWAP):
            order(desk, kind, ANN, 5, document)
        for _ in range(100):
            desk.on_second()
        eq((doors.sent, doors.swaps, doors.saves - saves, desk.done, desk.strange), ([], [], 1, False, 4), "one piece was written down")
        eq(told(desk), {})

    cases(((None,), (b"",), (stay(OTHER),), (b"\xff",), (cbor.encode({1: NONCE, 2: 5}),), (cbor.encode({2: NONCE}),)), refused)


def test_an_old_nonce_is_void_in_the_next_stay_and_lives_over_a_reset_in_this_one():
    desk, doors = begun()
    order(desk, RESTORE, ANN, 5, stay())
    desk, doors = begun(doors, OTHER)
    eq((desk.stay.nonce, doors.sent), (NONCE, [0, 0]), "the relay was not proven: it is ordered again")
    desk.on_outcome(seen(relay.VERIFIED))
    desk, doors = begun(doors, OTHER)
    eq(doors.sent, [0, 0], "proven")
    desk._end()
    desk, doors = begun(doors, OTHER)
    order(desk, RESTORE, BOB, 9, stay())
    eq((desk.stay.nonce, desk.strange, doors.sent), (OTHER, 1, [0, 0]))


def test_a_repeat_is_told_again_and_writes_nothing():
    desk, doors = begun()
    order(desk, RESTORE, ANN, 5, stay())
    order(desk, CUT, BOB, 7)
    desk.outcomes()
    saves, news = doors.saves, doors.told
    order(desk, RESTORE, ANN, 5, stay())
    order(desk, RESTORE, ANN, 4, stay())
    order(desk, CUT, BOB, 7)
    order(desk, CUT, BOB, 6)
    eq((doors.saves, doors.sent, doors.told > news), (saves, [0], True))


def test_a_restore_works_between_refused_cuts_and_the_books_get_all_in_their_order():
    desk, doors = begun()
    order(desk, CUT, ANN, 6)
    order(desk, RESTORE, ANN, 7, stay())
    order(desk, CUT, ANN, 8)
    order(desk, RESTORE, BOB, 1, stay())
    eq([row[:3] + row[5:6] for row in kept_orders(doors.file)], [(RESTORE, ANN, 7, 1), (CUT, ANN, 8, 2), (RESTORE, BOB, 1, 1)])
    eq(doors.sent, [0, 1])


def test_who_is_not_here_and_whose_meter_is_not_known_get_their_verdict():
    desk, doors = begun()
    order(desk, RESTORE, STRANGER, 1, stay())
    order(desk, RESTORE, ODD, 1, stay())
    want = {(STRANGER, 1): (RESTORE, REFUSED, UNKNOWN_ACCOUNT, 0), (ODD, 1): (RESTORE, REFUSED, NOT_SUPPORTED, 0)}
    eq((told(desk), doors.sent), (want, []))


def test_what_needs_the_books_gets_no_verdict():
    desk, doors = begun()
    for kind in (3, 4, 5, 6, 7, 8, 9, 10, 11, 200):
        raises(Refused, order, desk, kind, ANN, 5, stay())
    raises(Refused, desk.on_credit, ANN, 1, 1, 5, 5, 0)
    eq((told(desk), doors.sent, kept_orders(doors.file)), ({}, [], []))


def test_a_full_file_system_keeps_the_verdict_back_but_not_the_light():
    desk, doors = begun()
    doors.full = True
    raises(Refused, order, desk, RESTORE, ANN, 5, stay())
    raises(Refused, order, desk, CUT, BOB, 5)
    eq((doors.sent, told(desk)), ([0], {}), "nothing is told that is not durable")
    doors.full = False
    order(desk, CUT, BOB, 5)
    eq(told(desk), {(ANN, 5): (RESTORE, ACCEPTED, 0, 1), (BOB, 5): (CUT, REFUSED, IN_SAFE_MODE, 0)})


def test_a_relay_that_is_not_heard_is_ordered_again_after_longer_and_longer_and_a_refused_one_is_not():
    desk, doors = begun()
    order(desk, RESTORE, ANN, 5, stay())
    order(desk, RESTORE, BOB, 5, stay())
    desk.on_outcome(seen(relay.REFUSED, meter=1))
    waits = []
    for _ in range(3):
        desk.on_outcome(seen(relay.GIVEN_UP, detail=relay.SUPERSEDED))
        desk.on_outcome(seen(relay.GIVEN_UP, detail=relay.SILENT))
        doors.sent = []
        seconds = 0
        while not doors.sent:
            desk.on_second()
            seconds += 1
        waits.append((seconds, doors.sent))
    eq(waits, [(60, [0]), (120, [0]), (240, [0])])


def test_outcomes_are_told_in_slices_those_with_news_first():
    desk, doors = begun()
    for number in range(40):
        SERIALS[2000 + number] = b"new%3d" % number
        METERS[SERIALS[2000 + number]] = 10 + number
        order(desk, RESTORE, 2000 + number, 1, stay())
    first, second, third = set(told(desk)), set(told(desk)), set(told(desk))
    eq((len(first), len(second), len(third), len(first | second | third)), (16, 16, 16, 40))
    desk.on_outcome(seen(relay.VERIFIED, meter=49))
    eq((2039, 1) in told(desk), True)
    eq(len(doors.file) < 2_000, True, len(doors.file))
    for number in range(40):
        del METERS[SERIALS[2000 + number]]


def test_the_end_by_order_waits_for_the_proof_and_says_so_first():
    desk, doors = begun()
    order(desk, RESTORE, ANN, 5, stay())
    doors.resting = False
    order(desk, LEAVE, 0, 1, stay())
    for _ in range(30):
        desk.on_second()
    eq(desk.done, False)
    doors.resting = True
    desk.on_second()
    eq(desk.done, False, "its last words are not out")
    eq((0, 1) in told(desk), True)
    desk.on_second()
    eq((desk.done, read_stay(doors.file).open, desk.stay.tries), (True, False, 0))


def test_a_meter_that_never_answers_does_not_hold_the_end_up():
    desk, doors = begun()
    doors.resting = False
    order(desk, LEAVE, 0, 1, stay())
    for _ in range(61):
        desk.on_second()
    eq(desk.done, True)


def seconds_of_a_stay(doors, cut_every_s=None):
    """How long it lasts; with power cuts so often, and how many there were."""
    desk, doors = begun(doors)
    seconds = cuts = 0
    while not desk.done:
        desk.outcomes()
        desk.on_second()
        seconds += 1
        if cut_every_s and seconds % cut_every_s == 0 and not desk.done:
            desk, doors = begun(doors)
            cuts += 1
    return seconds, cuts


def test_it_ends_by_itself_after_a_time_that_doubles_to_four_hours():
    doors = Doors()
    found = [seconds_of_a_stay(doors)[0] for _ in range(6)]
    eq([(seconds + 30) // 60 for seconds in found], [15, 30, 60, 120, 240, 240])
    eq(read_stay(without_orders(doors.file)).tries, 6)


def test_brown_outs_make_a_stay_little_longer():
    seconds, cuts = seconds_of_a_stay(Doors(), 100)
    eq((cuts > 10, seconds < 2 * SPAN_FIRST_S + SPAN_FIRST_S // PIECES * 2), (True, True), (seconds, cuts))


def test_a_document_is_swapped_once_and_only_by_its_whole_order():
    desk, doors = begun()
    order(desk, SWAP, 0, 3, stay(k2=1, k3=7, k4=2, k5=3, k6=b"text"))
    order(desk, SWAP, 0, 3, stay(k2=1, k3=7, k4=2, k5=3, k6=b"text"))
    order(desk, SWAP, 0, 2, stay(k2=1, k3=7, k4=3, k5=2, k6=b"old"))
    order(desk, SWAP, 0, 4, stay(k2=2, k3=8, k4=1, k5=0, k6=None))
    eq(doors.swaps, [(1, 7, 2, 3, b"text"), (2, 8, 1, 0, None)])
    order(desk, SWAP, 0, 5, stay(k2=3, k3=8, k4=1, k5=0, k6=None))
    eq(told(desk)[(0, 5)], (SWAP, REFUSED, BAD_DOCUMENT, 0))
    for bad in (stay(k2=1, k3=7, k4=2, k5=3, k6=None), stay(k2=1, k3=7, k4=2, k5=0, k6=b"x"), stay(k2=1, k3=7, k4=2)):
        order(desk, SWAP, 0, 9, bad)
    eq((len(doors.swaps), desk.strange), (2, 3))


def test_a_damaged_file_is_no_stay():
    whole = begun()[1].file
    eq(read_stay(whole).open, True)
    for at in range(0, len(whole), 3):
        read_stay(whole[:at])
    bad = [b"", b"\xff", whole[:-1], cbor.encode({1: True}), cbor.encode([1]), cbor.encode({n: 5 for n in range(1, 7)})]
    bad.append(cbor.encode({1: True, 2: 0, 3: 0, 4: NONCE, 5: "", 6: [[1] * 12, 5, [None] * 12]}))
    for raw in bad:
        eq((read_stay(raw).kept, kept_orders(raw), without_orders(raw)), ([], [], None), raw)
