"""The whole head-end as a process against a real Mosquitto and a simulated gateway: the broker is not storage."""

import json
import signal
import time

import cbor2
import pytest

from tests.host.head_end.simulated_gateway import SimulatedGateway
from tests.host.head_end.site import greet

pytestmark = pytest.mark.slow  # real processes, real back-off
TARIFF = {"tariff": 1, "version": 3, "effective": "2026-01-01", "currency": "CNY", "utc_offset_min": 480, "prices": {"total": "0.5500"}}


def test_payment_reaches_the_gateway_and_is_resent_until_its_record_arrives(site):
    gateway = site.gateway()
    site.start_server()
    assert greet(gateway, site.port)[8] == 0
    gateway.begin()
    gateway.send_journal(1)
    assert gateway.wait("acks", lambda ack: ack[2] == 2)[3] == gateway.chain
    assert site.run("topup", "1001", "12.50", "--reference", "r-1")[1]["answer"] == "created"
    first = gateway.wait("credits")
    assert gateway.wait("credits") == first, "sent again without a receipt"
    number = gateway.credit(first)
    gateway.send_journal(number)
    gateway.wait("acks", lambda ack: ack[2] == number)
    status, answer = site.run("topup", "1001", "12.5", "--reference", "r-1")
    assert (status, answer["answer"], answer["number"], answer["receipt"]) == (0, "exists", 1, "applied")
    status, sentence = site.run("topup", "1001", "13", "--reference", "r-1")
    assert status == 2 and sentence.startswith("reference: ")


def test_credits_survive_a_broker_that_forgets_everything(site):
    gateway = site.gateway()
    site.start_server()
    greet(gateway, site.port)
    gateway.begin()
    gateway.send_journal(1)
    gateway.wait("acks", lambda ack: ack[2] == 2)
    gateway.disconnect()
    for number in (1, 2, 3):
        site.run("topup", "1001", "1.00", "--reference", f"r-{number}")
    time.sleep(0.5)  # so that the broker has them, and loses them
    site.wipe_broker()
    site.run("topup", "1001", "1.00", "--reference", "r-4")
    site.start_broker()
    greet(gateway, site.port, clean=True)
    got: dict[int, int] = {}
    while set(got) != {1, 2, 3, 4}:
        body = gateway.wait("credits")
        got[body[3]] = body[5]
    assert got == {1: 1_000_000, 2: 2_000_000, 3: 3_000_000, 4: 4_000_000}


def test_a_killed_head_end_goes_on_where_its_database_stands(site):
    gateway = site.gateway()
    site.start_server()
    greet(gateway, site.port)
    gateway.begin()
    gateway.send_journal(1)
    gateway.wait("acks", lambda ack: ack[2] == 2)
    site.stop_server(signal.SIGKILL)
    gateway.charge(100_000, 100_010)
    gateway.charge(100_010, 100_020)
    gateway.send_journal(3, 3)  # waits in the broker
    site.start_server()
    gateway.wait("acks", lambda ack: ack[2] == 3)
    gateway.say_status()
    assert gateway.wait("acks", lambda ack: ack[7] == gateway.challenge())[8] == 0
    gateway.send_journal(1)  # everything once more
    assert gateway.wait("acks", lambda ack: ack[2] == 4)[8] == 0


def test_gap_bad_mac_and_fork_over_the_wire(site):
    gateway = site.gateway()
    site.start_server()
    greet(gateway, site.port)
    gateway.begin()
    gateway.charge(100_000, 100_010)
    gateway.charge(100_010, 100_020)
    gateway.send_journal(3)
    assert gateway.wait("acks", lambda ack: ack[9] is not None)[9] == 1
    payload = bytearray(gateway.journal_payload(1))
    payload[-3] ^= 4
    gateway.send("up/journal", bytes(payload))
    gateway.send("up/journal", b"\xff" * 100)
    gateway.send_journal(1)
    assert gateway.wait("acks", lambda ack: ack[2] == 4)[8] == 0
    twin = SimulatedGateway()
    twin.begin()
    twin.charge(100_000, 100_011)
    gateway.send("up/journal", twin.journal_payload(3))
    assert gateway.wait("acks", lambda ack: ack[8] == 2)[2] == 4
    (told,) = site.run("gateways")[1]["gateways"]
    assert told["comparison"] == "fork" and told["counters"]["bad_mac"] == 1 and told["counters"]["bad_cose"] == 1


def test_orders_reach_only_their_own_gateway_until_it_has_answered(site):
    gateway, other = site.gateway(), site.gateway("gw-002", 2002, "000000000002")
    site.start_server()
    greet(gateway, site.port)
    greet(other, site.port)
    gateway.begin()
    gateway.send_journal(1)
    site.run("order", "1001", "cut", "--expires", "30")
    order = gateway.wait("orders")
    assert (order[1], order[2], order[3]) == (1, 1001, 1) and 1700 < order[4] - time.time() <= 1800
    assert gateway.wait("orders") == order
    number = gateway.append("ORDER", account=1001, number=1, order=1, verdict=2, reason=4, failed=2, credit_number=0, expires_at_s=order[4])
    gateway.send_journal(number)
    gateway.wait("acks", lambda ack: ack[2] == number)
    status, answer = site.run("why", "1001")
    assert status == 0 and answer["record"]["kind"] == "ORDER" and answer["countersignature"]["valid"]
    assert all(topic.startswith("pg1/gw-002/down/acks") for topic, _ in list(other.inbox.queue))


def test_reconcile_finds_one_planted_ucu_in_what_came_over_the_wire(site):
    gateway = site.gateway()
    tariff = site.folder / "tariff.json"
    tariff.write_text(json.dumps(TARIFF))
    assert site.run("tariff", "set", str(tariff))[0] == 0
    site.start_server()
    greet(gateway, site.port)
    document = gateway.wait("orders", lambda order: order[1] == 5)
    assert json.loads(document[7]) == TARIFF
    site.run("topup", "1001", "2.00", "--reference", "r")
    gateway.begin()
    gateway.send_journal(1)
    gateway.credit(gateway.wait("credits"))
    gateway.charge(100_000, 100_123)
    gateway.send_journal(1)
    gateway.wait("acks", lambda ack: ack[2] == 4)
    status, answer = site.run("reconcile")
    assert status == 0 and answer["totals"]["balance_ucu"] == 2_000_000 - 123 * 5500
    gateway.charge(100_123, 100_124, error_ucu=1)
    gateway.send_journal(5)
    gateway.wait("acks", lambda ack: ack[2] == 5)
    status, answer = site.run("reconcile")
    assert status == 1 and any("difference 1 ucu" in said for said in answer["differences"])


def test_a_replaced_gateway_gets_state_and_a_new_epoch(site):
    gateway = site.gateway()
    site.start_server()
    greet(gateway, site.port)
    gateway.begin()
    gateway.charge(100_000, 100_123)
    gateway.send_journal(1)
    gateway.wait("acks", lambda ack: ack[2] == 3)
    gateway.disconnect()
    fresh = SimulatedGateway()
    fresh.challenges = 1000
    site.gateways.append(fresh)
    assert greet(fresh, site.port)[8] == 1
    order = fresh.wait("orders", lambda order: order[1] == 8)
    fresh.take_state([cbor2.loads(order[7])])
    fresh.say_status(standing=0)
    assert fresh.wait("acks", lambda ack: ack[7] == fresh.challenge())[8] == 0
    fresh.send_journal(fresh.sequence)
    ack = fresh.wait("acks", lambda ack: ack[2] == fresh.sequence)
    assert (ack[1], ack[8]) == (2, 0)
