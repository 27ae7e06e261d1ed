"""A status is not authenticated: what it says against the records held neither stops cuts nor makes a state by itself."""

import cbor2
import pytest

from host_tools.head_end import state
from host_tools.head_end.heard import AGREES, BEHIND, FORK
from tests.host.head_end.books import honest_story
from tests.host.head_end.simulated_gateway import SimulatedGateway

FORGERIES = (
    {"_3": 3, "_4": bytes(8)},  # another chain
    {"_3": 1},
    {"_2": 9, "_3": 99},  # another epoch
    {"_2": 0xFFFFFFFF, "_3": 0xFFFFFFFF},
    {"_3": 0},
)


def forged(books, **changed):
    return books.gateway.status_payload(_11=bytes([books.gateway.challenges]) * 8, **changed)


@pytest.fixture
def told(books):
    honest_story(books)
    books.journal(1)
    books.hear("up/status", books.gateway.status_payload())
    return books


@pytest.mark.parametrize("changed", FORGERIES)
def test_a_status_against_the_records_is_doubted_and_the_last_record_asked_for(told, changed):
    ack = told.hear("up/status", forged(told, **changed))
    assert (ack[7], ack[8], ack[9]) == (None, AGREES, told.gateway.sequence)
    assert told.counter("status_doubted") == 1
    assert not state.give_when_behind(told.db, "gw-001", told.now_s, (BEHIND, FORK))


@pytest.mark.parametrize("changed", FORGERIES)
def test_a_forger_who_goes_on_is_contradicted_by_the_gateways_own_records(told, changed):
    for _ in range(5):
        told.hear("up/status", forged(told, **changed), after_s=3)
        ack = told.journal(told.gateway.sequence)  # what the gateway was asked for
        assert ack[8] == AGREES
    assert told.counter("status_contradicted") == 5 and told.counter("behind") + told.counter("fork") == 0
    ack = told.hear("up/status", told.gateway.status_payload())
    assert (ack[7], ack[8]) == (told.gateway.challenge(), AGREES)


def test_a_copy_of_a_doubted_status_does_not_confirm_it(told):
    payload = forged(told, _3=1)
    told.hear("up/status", payload)
    assert told.hear("up/status", payload, after_s=600)[8] == AGREES  # the broker keeps it as retained


def test_old_statuses_that_come_again_seconds_apart_do_not_call_a_sound_gateway_behind(told):
    gateway = told.gateway
    old = []
    for reading in range(3):
        old.append(gateway.status_payload())
        told.hear("up/status", old[-1], after_s=5)
        gateway.charge(100_501 + reading, 100_502 + reading)
        told.journal(gateway.sequence)
    for payload in (old[1], old[0], old[1]):  # a broker hands over again what it has no receipt for
        assert told.hear("up/status", payload, after_s=9)[8] == AGREES
    assert told.counter("status_doubted") + told.counter("behind") == 0
    assert not state.give_when_behind(told.db, "gw-001", told.now_s, (BEHIND, FORK))


def test_a_status_that_agrees_ends_the_doubt(told):
    told.hear("up/status", forged(told, _3=1))
    told.hear("up/status", told.gateway.status_payload(), after_s=60)
    assert told.hear("up/status", forged(told, _3=1), after_s=60)[7] is None


def test_a_gateway_that_really_lost_its_tail_is_believed_at_its_second_status(told):
    old = SimulatedGateway()
    old.challenges = 50
    old.begin()
    told.gateway = old
    assert told.hear("up/status", old.status_payload(standing=1))[7] is None
    assert told.hear("up/status", old.status_payload(standing=1), after_s=1)[7] is None, "too soon"
    ack = told.hear("up/status", old.status_payload(standing=1), after_s=9)
    assert (ack[7], ack[8]) == (old.challenge(), BEHIND) and told.counter("behind") == 1


def test_a_journal_that_continues_another_chain_does_not_clear_a_doubt(told):
    told.hear("up/status", forged(told, _3=1))
    twin = SimulatedGateway()
    twin.begin(from_cwh=7)
    while twin.sequence <= told.gateway.sequence:
        twin.charge(7, 8)
    told.gateway = twin
    assert told.journal(twin.sequence)[8] == FORK and told.counter("status_contradicted") == 0


def test_numbers_of_a_forged_status_do_not_reach_a_signed_state(told):
    for _ in range(2):
        told.hear("up/status", forged(told, _2=0xFFFFFFFF, _3=0xFFFFFFFF), after_s=10)
    state.give(told.db, "gw-001", told.now_s)
    documents = [cbor2.loads(order[7]) for order in told.sent("orders") if order[1] == 8]
    assert documents[0][1] == 2 and documents[0][2] < 10_000


def test_a_last_will_that_somebody_else_sent_is_forgotten_at_the_next_record(told):
    told.hear("up/status", cbor2.dumps({1: False}))
    assert told.db.number("SELECT online FROM gateways") == 0
    told.gateway.charge(100_501, 100_502)
    told.journal(told.gateway.sequence)
    assert told.db.number("SELECT online FROM gateways") == 1
