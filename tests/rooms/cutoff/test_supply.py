"""The supply process: its table, every pair outside it, and the ways of a cut and of a restore."""

from firmware.base import relay
from firmware.base.limits import Limits
from firmware.cutoff import facts as f
from firmware.cutoff import supply as s
from firmware.cutoff import view
from tests.kit import cases, eq


class Model:
    def __init__(self, needs_button=False, command_bit=True):
        self.needs_button = needs_button
        self.command_bit = command_bit


PLAIN = Model()
BUTTON = Model(needs_button=True)

WISHED_ON = (s.ON_UNKNOWN, s.ON, s.FOUND_OFF, s.RESTORING, s.RESTORE_LOST, s.ARMED, s.NOT_ON, s.FOUND_LIMITED)
BY_LIMIT = (s.LIMITING, s.LIMITED, s.LIMIT_UNKNOWN, s.NOT_LIMITED)

# what is legal, written down a second time: state -> events
LEGAL = (
    (s.ON_UNKNOWN, (s.SAW_CLOSED, s.SAW_PENDING, s.SAW_OPEN, s.SAW_ARMED, s.RESTORE_DECIDED, s.RETRY, s.SAW_LIMITED)),
    (s.ON, (s.CUT_DECIDED, s.RESTORE_DECIDED, s.LIMIT_DECIDED, s.SAW_PENDING, s.SAW_OPEN, s.SAW_ARMED, s.SAW_LIMITED)),
    (s.FOUND_OFF, (s.SAW_CLOSED, s.SAW_PENDING, s.SAW_ARMED, s.RESTORE_DECIDED, s.SAW_LIMITED)),
    (s.CUTTING, (s.SAW_OPEN, s.SAW_ARMED, s.ORDER_LOST, s.ORDER_REFUSED, s.ORDER_DISAGREES, s.RESTORE_DECIDED, s.RETRY, s.TRIP_HANGS)),
    (s.OFF_UNKNOWN, (s.SAW_OPEN, s.SAW_ARMED, s.SAW_CLOSED, s.SAW_PENDING, s.RESTORE_DECIDED, s.RETRY)),
    (s.OFF, (s.SAW_CLOSED, s.SAW_PENDING, s.LOAD_AFTER_CUT, s.RESTORE_DECIDED)),
    (s.NOT_OFF, (s.SAW_OPEN, s.SAW_ARMED, s.RESTORE_DECIDED)),
    (s.RESTORING, (s.SAW_CLOSED, s.SAW_ARMED, s.ORDER_LOST, s.ORDER_REFUSED, s.ORDER_DISAGREES, s.RETRY)),
    (s.RESTORE_LOST, (s.SAW_CLOSED, s.SAW_PENDING, s.SAW_OPEN, s.SAW_ARMED, s.RESTORE_DECIDED, s.RETRY, s.SAW_LIMITED)),
    (s.ARMED, (s.SAW_CLOSED, s.SAW_PENDING, s.SAW_OPEN, s.SAW_LIMITED)),
    (s.NOT_ON, (s.SAW_CLOSED, s.SAW_PENDING, s.SAW_ARMED, s.RESTORE_DECIDED, s.RETRY)),
    (s.LIMITING, (s.SAW_LIMITED, s.ORDER_LOST, s.ORDER_REFUSED, s.ORDER_DISAGREES, s.RESTORE_DECIDED, s.RETRY)),
    (s.LIMITED, (s.SAW_UNLIMITED, s.LOAD_AFTER_CUT, s.RESTORE_DECIDED)),
    (s.LIMIT_UNKNOWN, (s.SAW_LIMITED, s.SAW_UNLIMITED, s.RESTORE_DECIDED, s.RETRY)),
    (s.NOT_LIMITED, (s.SAW_LIMITED, s.RESTORE_DECIDED)),
    (
        s.FOUND_LIMITED,
        (s.SAW_CLOSED, s.SAW_PENDING, s.SAW_ARMED, s.ORDER_REFUSED, s.ORDER_DISAGREES, s.RESTORE_DECIDED, s.RETRY),
    ),
)


# the pairs that change anything: (state, event) -> (state, actions)
TABLE = {}
for _state in range(s.STATES):
    for _event in range(s.EVENTS):
        if s.step(_state, _event) != (_state, ()):
            TABLE[_state, _event] = s.step(_state, _event)


def test_every_illegal_pair_changes_nothing():
    legal = {}
    for state, events in LEGAL:
        legal[state] = events
    illegal = 0
    for state in range(s.STATES):
        for event in range(s.EVENTS):
            if event in legal[state]:
                eq((state, event) in TABLE, True, "missing %d %d" % (state, event))
            else:
                eq(s.step(state, event), (state, ()), "pair %d %d" % (state, event))
                illegal += 1
    eq(illegal + len(TABLE), s.STATES * s.EVENTS)


def test_states_and_actions_of_the_table_are_known_ones():
    for after, actions in TABLE.values():
        eq(0 <= after < s.STATES, True)
        for action in actions:
            eq(s.WISH_OFF <= action <= s.FAULT_TRIP_HANGS, True)
    eq(len(s.FAULT_CODES), s.FAULT_TRIP_HANGS + 1)


def test_a_cut_is_ordered_only_from_a_relay_seen_closed():
    for (state, event), (_, actions) in TABLE.items():
        if s.ORDER_CUT in actions:
            eq((state, event), (s.ON, s.CUT_DECIDED))


def test_an_unknown_relay_permits_no_cut_and_a_lost_cut_is_never_repeated():
    for state in (s.ON_UNKNOWN, s.OFF_UNKNOWN, s.CUTTING, s.RESTORE_LOST):
        for event in range(s.EVENTS):
            eq(s.ORDER_CUT in s.step(state, event)[1], False)


def test_the_wish_changes_only_with_a_record():
    for (state, _), (after, actions) in TABLE.items():
        before_on, after_on = state in WISHED_ON, after in WISHED_ON
        offs = s.WISH_OFF in actions or s.WISH_LIMIT in actions
        recorded = s.WISH_ON in actions or s.WITHDRAW in actions or offs
        if before_on != after_on:
            eq(recorded, True, str((state, after)))
        if offs:
            eq((before_on, after_on), (True, False))


def test_records_come_before_orders():
    for _, actions in TABLE.values():
        ordered = False
        for action in actions:
            record = action not in (s.ORDER_CUT, s.ORDER_RESTORE, s.READ_STATUS, s.ORDER_LIMIT)
            eq(record and ordered, False, str(actions))
            ordered = ordered or not record


def test_a_limit_is_set_only_from_a_sound_state_and_the_means_never_changes_without_a_decision():
    for (state, event), (after, actions) in TABLE.items():
        if s.ORDER_LIMIT in actions:
            eq((state, event) in ((s.ON, s.LIMIT_DECIDED), (s.LIMITED, s.SAW_UNLIMITED)), True, str((state, event)))
        if state not in WISHED_ON and after not in WISHED_ON:
            eq(state in BY_LIMIT, after in BY_LIMIT, str((state, event)))
        if state in BY_LIMIT and after in WISHED_ON:
            eq(s.ORDER_RESTORE in actions or s.WITHDRAW in actions and s.READ_STATUS in actions, True, "who lifts it?")


def run(state, *events):
    done = []
    for event in events:
        state, actions = s.step(state, event)
        done += list(actions)
    return state, done


def test_a_cut_and_a_restore_that_go_well():
    state, done = run(s.ON, s.CUT_DECIDED, s.SAW_PENDING, s.SAW_OPEN, s.SAW_OPEN)
    eq((state, done), (s.OFF, [s.WISH_OFF, s.ORDER_CUT]))
    state, done = run(state, s.RESTORE_DECIDED, s.SAW_OPEN, s.SAW_CLOSED)
    eq((state, done), (s.ON, [s.WISH_ON, s.ORDER_RESTORE]))


def test_a_payment_during_a_cut_sends_the_close():
    eq(run(s.ON, s.CUT_DECIDED, s.RESTORE_DECIDED), (s.RESTORING, [s.WISH_OFF, s.ORDER_CUT, s.WISH_ON, s.ORDER_RESTORE]))


def test_a_lost_cut_found_closed_is_withdrawn_and_judged_anew():
    state, done = run(s.CUTTING, s.ORDER_LOST, s.RETRY, s.SAW_CLOSED, s.SAW_CLOSED)
    eq((state, done), (s.ON, [s.READ_STATUS, s.WITHDRAW, s.ORDER_RESTORE]))


def test_a_refused_cut_leaves_supply_on():
    eq(run(s.CUTTING, s.ORDER_REFUSED, s.SAW_CLOSED), (s.ON, [s.FAULT_OF_OUTCOME, s.WITHDRAW, s.READ_STATUS]))


def test_a_lost_restore_found_open_is_sent_again():
    state, done = run(s.RESTORING, s.ORDER_LOST, s.RETRY, s.SAW_OPEN, s.SAW_CLOSED)
    eq((state, done), (s.ON, [s.READ_STATUS, s.ORDER_RESTORE]))


def test_a_limit_and_its_end():
    state, done = run(s.ON, s.LIMIT_DECIDED, s.SAW_LIMITED, s.SAW_LIMITED, s.SAW_OPEN, s.SAW_CLOSED)
    eq((state, done), (s.LIMITED, [s.WISH_LIMIT, s.ORDER_LIMIT]))
    eq(run(state, s.RESTORE_DECIDED, s.SAW_CLOSED), (s.ON, [s.WISH_ON, s.ORDER_RESTORE]))
    eq(run(state, s.SAW_UNLIMITED, s.SAW_LIMITED), (s.LIMITED, [s.LIMIT_LOST, s.ORDER_LIMIT]))


def test_a_lost_limit_is_withdrawn_and_a_refused_one_leaves_supply_on():
    state, done = run(s.LIMITING, s.ORDER_LOST, s.RETRY, s.SAW_UNLIMITED, s.SAW_CLOSED)
    eq((state, done), (s.ON, [s.READ_STATUS, s.WITHDRAW, s.ORDER_RESTORE]))
    eq(run(s.LIMITING, s.ORDER_REFUSED, s.SAW_CLOSED), (s.ON, [s.FAULT_OF_OUTCOME, s.WITHDRAW, s.READ_STATUS]))
    eq(run(s.LIMITING, s.ORDER_REFUSED, s.SAW_LIMITED), (s.RESTORING, [s.FAULT_OF_OUTCOME, s.WITHDRAW, s.READ_STATUS, s.ORDER_RESTORE]))


def test_a_limit_of_others_is_reported_and_lifted_and_pressed_slowly():
    eq(run(s.ON, s.SAW_LIMITED, s.SAW_LIMITED, s.SAW_CLOSED), (s.ON, [s.FAULT_FOUND_LIMITED, s.ORDER_RESTORE, s.CLEAR_FAULT]))
    eq(run(s.FOUND_LIMITED, s.RETRY), (s.FOUND_LIMITED, [s.ORDER_RESTORE]))
    eq(s.retry_after_s(s.FOUND_LIMITED, Limits()), 3600)


def test_a_restart_knows_by_what_means_supply_is_off():
    eq(s.initial(f.OFF, 5, f.LIMITED, 6, 0, True), s.LIMIT_UNKNOWN)
    eq(s.initial(f.OFF, 5, f.LIMITED, 6, s.NOT_OBEYED, True), s.NOT_LIMITED)
    eq(s.initial(f.ON, 5, f.LIMITED, 4, 0), s.RESTORE_LOST)
    eq(s.initial(f.ON, 5, f.LIMITED, 6, 0), s.RESTORE_LOST, "our own limit, that a restore has not lifted yet")
    eq(s.initial(f.ON, 5, f.LIMITED, 6, s.FOUND_LIMITED_FAULT), s.ON_UNKNOWN)


def test_a_relay_found_off_is_reported_once_and_not_hammered():
    eq(run(s.ON, s.SAW_OPEN, s.SAW_OPEN, s.RETRY, s.SAW_OPEN), (s.FOUND_OFF, [s.FAULT_FOUND_OFF]))
    eq(run(s.FOUND_OFF, s.SAW_CLOSED), (s.ON, [s.CLEAR_FAULT]))


def test_a_restore_that_does_not_take_is_a_fault_and_only_a_slow_retry():
    eq(run(s.RESTORING, s.ORDER_DISAGREES, s.SAW_OPEN, s.SAW_OPEN), (s.NOT_ON, [s.FAULT_NOT_OBEYED]))
    eq(run(s.NOT_ON, s.RETRY), (s.RESTORING, [s.ORDER_RESTORE]))
    eq(s.retry_after_s(s.NOT_ON, Limits()), 3600)
    eq(s.retry_after_s(s.FOUND_OFF, Limits()), 0)


def test_a_dead_meter_is_pressed_only_where_somebody_waits_for_light():
    for state in (s.ON_UNKNOWN, s.OFF_UNKNOWN):
        eq((s.retry_after_s(state, Limits()), s.retry_after_s(state, Limits(), silent=True)), (60, 3600))
    eq(s.retry_after_s(s.RESTORE_LOST, Limits(), silent=True), 60)


def test_a_trip_pending_against_the_wish_is_cancelled():
    for state in (s.ON, s.ON_UNKNOWN, s.FOUND_OFF, s.RESTORE_LOST, s.ARMED, s.NOT_ON):
        eq(s.ORDER_RESTORE in s.step(state, s.SAW_PENDING)[1], True, str(state))


def test_a_trip_that_may_come_at_an_hour_that_nobody_judged_is_called_off():
    eq(run(s.CUTTING, s.SAW_PENDING), (s.CUTTING, []), "within its delay it is as it should be")
    withdrawn = [s.WITHDRAW, s.ORDER_RESTORE]
    eq(run(s.CUTTING, s.TRIP_HANGS, s.SAW_CLOSED), (s.ON, [s.FAULT_TRIP_HANGS] + withdrawn))
    eq(run(s.OFF_UNKNOWN, s.SAW_PENDING, s.SAW_CLOSED), (s.ON, withdrawn), "found so after a restart")
    outcome = relay.Outcome(0, relay.CUT, relay.DISAGREES, 0, 0)
    eq(s.event_of(outcome, Model(command_bit=False)), s.TRIP_HANGS, "where it cannot be seen")


def test_the_customer_presses_the_button():
    eq(run(s.OFF, s.RESTORE_DECIDED, s.SAW_ARMED, s.SAW_ARMED, s.SAW_CLOSED), (s.ON, [s.WISH_ON, s.ORDER_RESTORE]))
    eq(run(s.ARMED, s.SAW_OPEN), (s.NOT_ON, [s.FAULT_FOUND_OFF]))


def test_status_words_are_read_by_model():
    def check(word, model, seen, event):
        eq((s.seen_of(word, model), s.saw(word, model)), (seen, event))

    cases(
        (
            (None, PLAIN, f.UNKNOWN, None),
            (0x0000, PLAIN, f.CLOSED, s.SAW_CLOSED),
            (0x0040, PLAIN, f.CLOSED, s.SAW_PENDING),
            (0x0040, Model(command_bit=False), f.CLOSED, s.SAW_CLOSED),
            (0x0050, PLAIN, f.OPEN, s.SAW_OPEN),
            (0x0010, PLAIN, f.OPEN, s.SAW_OPEN),
            (0x0010, BUTTON, f.ARMED, s.SAW_ARMED),
            (0x0050, BUTTON, f.OPEN, s.SAW_OPEN),
            (0x0010, Model(True, False), f.OPEN, s.SAW_OPEN),
            (0xFFAF, PLAIN, f.CLOSED, s.SAW_CLOSED),
        ),
        check,
    )


def test_outcomes_become_events():
    def check(action, phase, word, detail, event, fault):
        outcome = relay.Outcome(0, action, phase, word, detail)
        eq((s.event_of(outcome, PLAIN), s.fault_of(outcome)), (event, fault))

    cases(
        (
            (relay.CUT, relay.ORDERED, 0, 0, None, 0),
            (relay.CUT, relay.ACKNOWLEDGED, 0, 0, None, 0),
            (relay.CUT, relay.NO_ANSWER, 0, 0, None, 0),
            (relay.CUT, relay.VERIFIED, 0x50, 0, s.SAW_OPEN, 0),
            (relay.CUT, relay.REFUSED, 4, 0, s.ORDER_REFUSED, 6),
            (relay.CUT, relay.DISAGREES, 0, 0, s.ORDER_DISAGREES, 1),
            (relay.CUT, relay.DISAGREES, 0xC0, 0, s.TRIP_HANGS, 1),
            (relay.RESTORE, relay.DISAGREES, 0x40, 0, s.ORDER_DISAGREES, 1),
            (relay.CUT, relay.DISAGREES, 900, relay.LOAD_AFTER_CUT, s.LOAD_AFTER_CUT, 2),
            (relay.CUT, relay.GIVEN_UP, 0, relay.SILENT, s.ORDER_LOST, 0),
            (relay.CUT, relay.GIVEN_UP, 0, relay.MALFORMED, s.ORDER_LOST, 0),
            (relay.CUT, relay.GIVEN_UP, 0, relay.SUPERSEDED, None, 0),
            (relay.CUT, relay.GIVEN_UP, 0, relay.KEEP_POWER, s.ORDER_REFUSED, 4),
            (relay.CUT, relay.GIVEN_UP, 0, relay.OWN_PURSE, s.ORDER_REFUSED, 8),
            (relay.CUT, relay.GIVEN_UP, 0, relay.BAD_METER_CLOCK, s.ORDER_REFUSED, 5),
            (relay.RESTORE, relay.VERIFIED, 0, relay.ALREADY_SO, s.SAW_CLOSED, 0),
            (relay.RESTORE, relay.VERIFIED, 0x10, relay.WAITS_FOR_BUTTON, s.SAW_ARMED, 0),
            (relay.STATUS, relay.VERIFIED, 0, 0, s.SAW_CLOSED, 0),
            (relay.STATUS, relay.GIVEN_UP, 0, relay.SILENT, None, 0),
            (relay.ALARM_ON, relay.REFUSED, 4, 0, None, 6),
        ),
        check,
    )


def test_a_restart_finds_its_place_in_the_account_row():
    def check(wish, wish_at_s, seen, seen_at_s, fault, want):
        eq(s.initial(wish, wish_at_s, seen, seen_at_s, fault), want)

    cases(
        (
            (f.ON, 0, f.UNKNOWN, 0, 0, s.ON_UNKNOWN),
            (f.ON, 0, f.CLOSED, 50, 0, s.ON_UNKNOWN),
            (f.ON, 100, f.CLOSED, 150, 0, s.ON_UNKNOWN),
            (f.ON, 100, f.OPEN, 50, 0, s.RESTORE_LOST),
            (f.ON, 100, f.CLOSED, 50, 0, s.RESTORE_LOST),
            (f.ON, 100, f.ARMED, 150, 0, s.RESTORE_LOST),
            (f.ON, 0, f.OPEN, 150, 3, s.ON_UNKNOWN),
            (f.OFF, 100, f.CLOSED, 50, 0, s.OFF_UNKNOWN),
            (f.OFF, 100, f.OPEN, 150, 0, s.OFF_UNKNOWN),
            (f.OFF, 100, f.CLOSED, 150, 1, s.NOT_OFF),
        ),
        check,
    )


def test_people_see_one_word():
    def check(money, wish, seen, fault, want):
        eq(view.word(money, wish, seen, fault), want)

    cases(
        (
            (view.OK, f.ON, f.CLOSED, 0, "ON"),
            (view.LOW, f.ON, f.CLOSED, 0, "LOW"),
            (view.DUE, f.ON, f.CLOSED, 0, "DUE"),
            (view.DUE, f.OFF, f.CLOSED, 0, "WAITING"),
            (view.DUE, f.OFF, f.OPEN, 0, "OFF"),
            (view.DUE, f.OFF, f.ARMED, 0, "OFF"),
            (view.OK, f.ON, f.OPEN, 0, "WAITING"),
            (view.OK, f.ON, f.ARMED, 0, "PRESS BUTTON"),
            (view.OK, f.ON, f.UNKNOWN, 0, "UNKNOWN"),
            (view.OK, f.ON, f.OPEN, 3, "FAULT"),
        ),
        check,
    )
