"""A load limit from order to proof, and what a restore and a look have to do with it: every reply, every silence."""

from firmware.base import questions as q
from firmware.base import relay
from firmware.base.limits import Limits
from firmware.meter_bus.lane import RelayLane
from firmware.meter_bus.limit_sequence import LimitSequence
from firmware.meter_bus.relay_sequence import FINISHED
from tests.kit import eq

CLOSED = 0x0000
OPEN = 0x0050
CLOCK_S = 1_790_000_000
NONE = relay.NO_LIMIT


class Model:
    limit_di = 1
    needs_button = False
    trip_delay_max_min = 0
    command_bit = True


class Plain(Model):
    limit_di = 0


class Told:
    def __init__(self):
        self.phases = []

    def __call__(self, outcome):
        self.phases.append((outcome.action, outcome.phase, outcome.word, outcome.detail))


def begin(action, limit_w=0):
    told = Told()
    return LimitSequence(0, action, Model(), Limits(), told, 0, limit_w), told


def written(sequence, found_w=NONE):
    """The limit is read, another one is found, and the write is acknowledged."""
    eq(sequence.question(), q.READ_LIMIT)
    sequence.on_limit(found_w, 0)
    eq(sequence.question(), q.WRITE_LIMIT)
    sequence.on_written(0)
    eq(sequence.question(), q.READ_LIMIT)


def closes(sequence):
    """The rest of a restore whose relay is closed already."""
    sequence.on_clock(CLOCK_S, 0)
    eq(sequence.question(), q.READ_STATUS)
    sequence.on_status(CLOSED, 0)


def test_a_limit_is_proved_by_the_register_and_by_nothing_else():
    limit, told = begin(relay.LIMIT, 500)
    written(limit)
    eq((limit.argument() == 500, told.phases), (False, [(relay.LIMIT, relay.ACKNOWLEDGED, 500, 0)]), "an acknowledgement is no proof")
    limit.on_limit(500, 400)
    eq((limit.state, told.phases[1:]), (FINISHED, [(relay.LIMIT, relay.VERIFIED, 500, 0)]))


def test_a_limit_that_is_there_already_is_not_written():
    limit, told = begin(relay.LIMIT, 500)
    limit.on_limit(500, 0)
    eq((limit.state, told.phases), (FINISHED, [(relay.LIMIT, relay.VERIFIED, 500, relay.ALREADY_SO)]))


def test_a_register_that_does_not_take_it_is_reported_after_bounded_looks():
    limit, told = begin(relay.LIMIT, 500)
    written(limit)
    looks = 0
    while limit.state != FINISHED and looks < 100:
        limit.on_limit(NONE, 0)
        looks += 1
    eq(looks, Limits().relay_polls_max + 1)
    eq(told.phases[-1], (relay.LIMIT, relay.DISAGREES, NONE, 0))


def test_a_write_that_nobody_answered_is_looked_at_before_it_is_repeated_and_not_for_ever():
    limit, told = begin(relay.LIMIT, 500)
    limit.on_limit(NONE, 0)
    limit.on_silence(0)
    eq((limit.question(), told.phases), (q.READ_LIMIT, [(relay.LIMIT, relay.NO_ANSWER, 0, 0)]))
    limit.on_limit(500, 400)
    eq((limit.state, told.phases[1:]), (FINISHED, [(relay.LIMIT, relay.VERIFIED, 500, 0)]), "it had worked")
    limit, told = begin(relay.LIMIT, 500)
    writes = 0
    for _ in range(20):
        if limit.state == FINISHED:
            break
        limit.on_limit(NONE, 0)
        if limit.question() == q.WRITE_LIMIT:
            writes += 1
            limit.on_silence(0)
    eq((writes, told.phases[-1]), (1 + Limits().relay_resends_max, (relay.LIMIT, relay.GIVEN_UP, NONE, relay.SILENT)))


def test_a_lift_of_which_no_write_was_acknowledged_is_lost_and_not_disobeyed():
    restore, told = begin(relay.RESTORE)
    for _ in range(1 + Limits().relay_resends_max):
        restore.on_limit(500, 0)
        eq(restore.question(), q.WRITE_LIMIT)
        restore.on_silence(0)
    restore.on_limit(500, 0)
    closes(restore)
    eq(told.phases[-1], (relay.RESTORE, relay.GIVEN_UP, 500, relay.SILENT), "who paid waits a minute for the next try, not an hour")


def test_a_refused_write_is_final_and_so_is_a_register_that_cannot_be_read():
    limit, told = begin(relay.LIMIT, 500)
    limit.on_limit(NONE, 0)
    limit.on_refused(4, 0)
    eq((limit.state, told.phases), (FINISHED, [(relay.LIMIT, relay.REFUSED, 4, 0)]))
    limit, told = begin(relay.LIMIT, 500)
    limit.on_refused(2, 0)
    eq((limit.state, told.phases), (FINISHED, [(relay.LIMIT, relay.GIVEN_UP, 2, relay.MALFORMED)]))


def test_a_silent_meter_is_given_up_and_a_limit_leaves_in_its_time_or_not_at_all():
    limit, told = begin(relay.LIMIT, 500)
    for _ in range(Limits().relay_silences_max + 1):
        eq(limit.question(), q.READ_LIMIT)
        limit.on_silence(0)
    eq((limit.state, told.phases), (FINISHED, [(relay.LIMIT, relay.GIVEN_UP, 0, relay.SILENT)]))
    for steps in (0, 1):
        limit, told = begin(relay.LIMIT, 500)
        for _ in range(steps):
            limit.on_limit(NONE, 0)
        limit.leave_in_time(289_000)
        eq(limit.state == FINISHED, False)
        limit.leave_in_time(291_000)
        eq(told.phases, [(relay.LIMIT, relay.GIVEN_UP, 0, relay.SILENT)], "steps %d" % steps)


def test_a_restore_lifts_the_limit_and_then_looks_at_the_relay():
    restore, told = begin(relay.RESTORE)
    written(restore, 500)
    restore.on_limit(NONE, 400)
    eq(restore.question(), q.READ_CLOCK)
    closes(restore)
    lift = [(relay.LIFT, relay.ACKNOWLEDGED, NONE, 0), (relay.LIFT, relay.VERIFIED, NONE, 0)]
    eq((restore.state, told.phases), (FINISHED, lift + [(relay.RESTORE, relay.VERIFIED, CLOSED, relay.ALREADY_SO)]))


def test_a_restore_that_finds_no_limit_writes_none():
    restore, told = begin(relay.RESTORE)
    restore.on_limit(NONE, 0)
    closes(restore)
    eq(told.phases, [(relay.RESTORE, relay.VERIFIED, CLOSED, relay.ALREADY_SO)])


def test_a_lift_that_is_refused_keeps_no_relay_open_and_is_no_restore():
    for open_before in (False, True):
        restore, told = begin(relay.RESTORE)
        restore.on_limit(500, 0)
        restore.on_refused(4, 0)
        eq(restore.question(), q.READ_CLOCK)
        restore.on_clock(CLOCK_S, 0)
        restore.on_status(OPEN if open_before else CLOSED, 0)
        if open_before:
            eq((restore.question(), restore.argument()[0]), (q.SEND_RELAY, relay.RESTORE))
            restore.on_relay_word(0, 0)
            restore.on_status(CLOSED, 400)
        eq((restore.state, told.phases[0]), (FINISHED, (relay.LIFT, relay.REFUSED, 4, 0)))
        eq(told.phases[-1], (relay.RESTORE, relay.REFUSED, 4, 0))


def test_a_lift_that_does_not_take_is_no_restore():
    restore, told = begin(relay.RESTORE)
    written(restore, 500)
    for _ in range(Limits().relay_polls_max + 1):
        restore.on_limit(500, 0)
    closes(restore)
    eq(told.phases[-1], (relay.RESTORE, relay.DISAGREES, 500, 0))


def test_a_look_is_of_both_or_of_nothing():
    look, told = begin(relay.STATUS)
    eq(look.question(), q.READ_STATUS)
    look.on_status(OPEN, 0)
    eq((look.question(), look.word), (q.READ_LIMIT, OPEN))
    look.on_limit(None, 0)
    eq((look.state, told.phases), (FINISHED, []))
    look, told = begin(relay.STATUS)
    look.on_status(CLOSED, 0)
    look.on_silence(0)
    eq((look.state, told.phases), (FINISHED, [(relay.STATUS, relay.GIVEN_UP, 0, relay.SILENT)]))


def test_a_register_without_a_value_is_as_good_as_silence():
    limit, _ = begin(relay.LIMIT, 500)
    limit.on_limit(None, 0)
    eq((limit.question(), limit.failing()), (q.READ_LIMIT, True))


def test_the_lane_knows_which_meters_have_a_limit_and_a_restore_overtakes_it():
    told = Told()
    lane = RelayLane(lambda meter: Model() if meter else Plain(), Limits(), told)
    for meter in (0, 1):
        lane.put(meter, relay.RESTORE, 0)
        eq(lane.next_due(0).question(), q.READ_LIMIT if meter else q.READ_CLOCK)
        lane.put(meter, relay.STATUS, 0)
        lane.next_due(0).cancel()
        lane.sweep()
        lane.next_due(0).cancel()
        lane.sweep()
    lane.put(1, relay.LIMIT, 0, 500)
    lane.put(1, relay.RESTORE, 0)
    eq(told.phases[-1], (relay.LIMIT, relay.GIVEN_UP, 0, relay.SUPERSEDED))
    eq((len(lane), lane.next_due(0).action), (1, relay.RESTORE))
    lane.put(1, relay.CUT, 0)
    eq(lane.next_due(0).question(), q.READ_CLOCK, "a cut by the relay asks for no limit")
