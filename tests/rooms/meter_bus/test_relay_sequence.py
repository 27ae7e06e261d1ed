"""A relay order from clock to proof: every reply that a meter can give, and every silence."""

from firmware.base import questions, relay
from firmware.base.limits import Limits
from firmware.meter_bus import relay_sequence as sequence_of
from firmware.meter_bus.lane import RelayLane
from firmware.meter_bus.relay_sequence import RelaySequence
from tests.kit import eq

CLOSED = 0x0000
OPEN = 0x0050
PENDING_TRIP = 0x0040
WAITING_BUTTON = 0x0010
ALARM = 0x0080
CLOCK_S = 1_790_000_000


class Model:
    limit_di = 0

    def __init__(self, needs_button=False, trip_delay_max_min=0, command_bit=True):
        self.needs_button = needs_button
        self.trip_delay_max_min = trip_delay_max_min
        self.command_bit = command_bit


class Told:
    def __init__(self):
        self.phases = []

    def __call__(self, outcome):
        self.phases.append((outcome.phase, outcome.word, outcome.detail))


def begin(action, model=None):
    told = Told()
    return RelaySequence(0, action, model or Model(), Limits(), told, 0), told


def to_command(sequence, word):
    sequence.on_clock(CLOCK_S, 0)
    sequence.on_status(word, 0)


def test_cut_is_proved_by_the_status_word_and_the_load():
    cut, told = begin(relay.CUT)
    eq(cut.question(), questions.READ_CLOCK)
    to_command(cut, CLOSED)
    eq(cut.question(), questions.SEND_RELAY)
    eq(cut.argument(), (relay.CUT, CLOCK_S + 300))
    cut.on_relay_word(0, 0)
    eq(cut.question(), questions.READ_STATUS)
    eq(told.phases, [(relay.ACKNOWLEDGED, 0, 0)], "the acknowledgement alone proves nothing")
    cut.on_status(OPEN, 400)
    eq(cut.question(), questions.READ_LOAD)
    cut.on_load(0, 2_000)
    eq(cut.state, sequence_of.FINISHED)
    eq(told.phases[1:], [(relay.VERIFIED, OPEN, 0)])


def test_load_after_a_cut_is_reported():
    cut, told = begin(relay.CUT)
    to_command(cut, CLOSED)
    cut.on_relay_word(0, 0)
    cut.on_status(OPEN, 400)
    cut.on_load(1_200, 2_000)
    eq(told.phases[-1], (relay.DISAGREES, 1_200, relay.LOAD_AFTER_CUT))


def test_cut_stops_at_keep_power_own_purse_and_a_clock_that_is_no_date():
    for word, detail in ((0x1000, relay.KEEP_POWER), (0x0100, relay.OWN_PURSE), (0x0200, relay.OWN_PURSE)):
        cut, told = begin(relay.CUT)
        to_command(cut, word)
        eq(told.phases, [(relay.GIVEN_UP, word, detail)])
        eq(cut.state, sequence_of.FINISHED)
    cut, told = begin(relay.CUT)
    cut.on_clock(None, 0)
    eq(told.phases, [(relay.GIVEN_UP, 0, relay.BAD_METER_CLOCK)])


def test_restore_goes_on_with_a_bad_meter_clock():
    restore, _ = begin(relay.RESTORE)
    restore.on_clock(None, 0)
    restore.on_status(OPEN, 0)
    eq(restore.argument(), (relay.RESTORE, sequence_of.END_OF_CLOCK_S))


def test_no_answer_to_the_command_looks_before_it_repeats():
    cut, told = begin(relay.CUT)
    to_command(cut, CLOSED)
    cut.on_silence(0)
    eq(told.phases, [(relay.NO_ANSWER, 0, 0)])
    eq(cut.question(), questions.READ_CLOCK)
    cut.on_clock(CLOCK_S, 1)
    eq(cut.question(), questions.READ_STATUS)
    cut.on_status(OPEN, 2)
    eq(cut.question(), questions.READ_LOAD, "it had worked: nothing is sent twice")


def test_a_pending_trip_after_a_lost_answer_is_not_repeated():
    cut, _ = begin(relay.CUT, Model(trip_delay_max_min=5))
    to_command(cut, CLOSED)
    cut.on_silence(0)
    cut.on_clock(CLOCK_S, 1)
    cut.on_status(PENDING_TRIP, 2)
    eq(cut.question(), questions.READ_STATUS)


def test_a_command_is_repeated_only_while_both_bits_show_the_old_state_and_not_for_ever():
    cut, told = begin(relay.CUT)
    to_command(cut, CLOSED)
    sends = 1
    for _ in range(10):
        if cut.state == sequence_of.FINISHED:
            break
        cut.on_silence(0)
        cut.on_clock(CLOCK_S, 1)
        cut.on_status(CLOSED, 2)
        if cut.state == sequence_of.COMMAND:
            sends += 1
    eq(sends, 1 + Limits().relay_resends_max)
    eq(told.phases[-1], (relay.GIVEN_UP, CLOSED, relay.SILENT))


def test_a_refused_command_is_final():
    cut, told = begin(relay.CUT)
    to_command(cut, CLOSED)
    cut.on_refused(0x04, 0)
    eq(told.phases, [(relay.REFUSED, 0x04, 0)])
    eq(cut.state, sequence_of.FINISHED)


def test_a_relay_that_does_not_obey_is_reported_after_bounded_looks():
    cut, told = begin(relay.CUT)
    to_command(cut, CLOSED)
    cut.on_relay_word(0, 0)
    looks = 0
    while cut.state != sequence_of.FINISHED and looks < 100:
        cut.on_status(CLOSED, 0)
        looks += 1
    eq(looks, Limits().relay_polls_max + 1)
    eq(told.phases[-1], (relay.DISAGREES, CLOSED, 0))


def test_a_meter_with_a_button_waits_for_its_customer():
    restore, told = begin(relay.RESTORE, Model(needs_button=True))
    to_command(restore, OPEN)
    restore.on_relay_word(0, 0)
    restore.on_status(WAITING_BUTTON, 400)
    eq(told.phases[-1], (relay.VERIFIED, WAITING_BUTTON, relay.WAITS_FOR_BUTTON))


def test_restore_sends_the_close_while_a_trip_is_still_pending():
    restore, _ = begin(relay.RESTORE)
    to_command(restore, PENDING_TRIP)
    eq(restore.question(), questions.SEND_RELAY)


def test_the_valid_until_of_a_cut_never_lies_beyond_what_was_judged():
    cut, _ = begin(relay.CUT)
    cut.on_silence(0)
    cut.on_clock(CLOCK_S, 200_000)
    cut.on_status(CLOSED, 201_000)
    eq(cut.argument(), (relay.CUT, CLOCK_S + 100), "judged for 300 s, and 200 have passed")
    restore, _ = begin(relay.RESTORE)
    restore.on_clock(CLOCK_S, 200_000)
    restore.on_status(OPEN, 201_000)
    eq(restore.argument(), (relay.RESTORE, CLOCK_S + 300))


def test_a_meter_whose_clock_stands_at_its_last_minute_breaks_nothing():
    for action in (relay.RESTORE, relay.CUT):
        sequence, _ = begin(action)
        sequence.on_clock(sequence_of.END_OF_CLOCK_S - 60, 0)
        eq(sequence.argument(), (action, sequence_of.END_OF_CLOCK_S), "its year 2100 has no digits")


def test_a_cut_that_did_not_leave_in_time_leaves_no_more():
    for sent in (False, True):
        cut, told = begin(relay.CUT)
        to_command(cut, CLOSED)
        if sent:
            cut.on_silence(1_000)
            cut.on_clock(CLOCK_S, 294_000)
            cut.on_status(CLOSED, 294_500)
        eq(cut.state, sequence_of.COMMAND)
        cut.leave_in_time(280_000)
        eq(cut.state, sequence_of.COMMAND)
        cut.leave_in_time(295_000)
        eq((cut.state, told.phases[-1]), (sequence_of.FINISHED, (relay.GIVEN_UP, 0, relay.SILENT)))
    restore, _ = begin(relay.RESTORE)
    to_command(restore, OPEN)
    restore.leave_in_time(3_000_000)
    eq(restore.state, sequence_of.COMMAND, "late light harms nobody")


def test_a_cut_that_has_left_is_looked_after_whatever_the_time():
    cut, _ = begin(relay.CUT)
    to_command(cut, CLOSED)
    cut.on_silence(1_000)
    cut.leave_in_time(400_000)
    eq(cut.question(), questions.READ_CLOCK)


def test_a_silence_before_the_command_reads_the_clock_anew():
    restore, _ = begin(relay.RESTORE)
    restore.on_clock(CLOCK_S, 0)
    restore.on_silence(1_000)
    eq(restore.question(), questions.READ_CLOCK, "the valid-until would be past")


def test_restore_sends_the_close_where_a_pending_trip_cannot_be_seen():
    restore, told = begin(relay.RESTORE, Model(trip_delay_max_min=5, command_bit=False))
    to_command(restore, CLOSED)
    eq(restore.question(), questions.SEND_RELAY)
    restore.on_relay_word(0, 0)
    restore.on_status(CLOSED, 400)
    eq(told.phases[-1], (relay.VERIFIED, CLOSED, 0))


def test_what_is_so_already_is_not_ordered_again():
    for action, word in ((relay.CUT, OPEN), (relay.RESTORE, CLOSED), (relay.ALARM_ON, ALARM), (relay.ALARM_OFF, CLOSED)):
        order, told = begin(action)
        to_command(order, word)
        eq(told.phases, [(relay.VERIFIED, word, relay.ALREADY_SO)])


def test_a_silent_meter_is_given_up_after_bounded_tries():
    cut, told = begin(relay.CUT)
    tries = 0
    while cut.state != sequence_of.FINISHED and tries < 100:
        cut.on_silence(0)
        tries += 1
    eq(tries, Limits().relay_silences_max + 1)
    eq(told.phases, [(relay.GIVEN_UP, 0, relay.SILENT)])


def test_a_mere_look_at_a_silent_meter_is_not_pressed():
    look, told = begin(relay.STATUS)
    look.on_silence(0)
    eq((look.state, told.phases), (sequence_of.FINISHED, [(relay.GIVEN_UP, 0, relay.SILENT)]))


def test_a_payment_overtakes_a_cut_and_goes_before_other_orders():
    told = Told()
    lane = RelayLane(lambda meter: Model(), Limits(), told)
    lane.put(0, relay.CUT, 0)
    lane.put(1, relay.CUT, 0)
    lane.put(1, relay.RESTORE, 5)
    eq(told.phases, [(relay.GIVEN_UP, 0, relay.SUPERSEDED)])
    due = lane.next_due(10)
    eq((due.meter, due.action), (1, relay.RESTORE))
    eq(lane.busy(1, relay.CUT), False)
    eq(lane.busy(0, relay.CUT), True)


def test_an_alarm_does_not_overtake_a_cut_and_a_full_lane_says_so():
    lane = RelayLane(lambda meter: Model(), Limits(relay_orders_max=2), Told())
    eq(lane.put(0, relay.CUT, 0), True)
    eq(lane.put(0, relay.ALARM_ON, 0), True)
    eq(len(lane), 2)
    eq(lane.put(1, relay.CUT, 0), False)
    eq(len(lane), 2)
