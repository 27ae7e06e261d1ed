"""Maintenance is ordered by the key's holder only, once for each challenge, and only after relay work that had begun."""

from firmware.base import ticks
from firmware.base.faults import Refused, StorageFault
from firmware.base.limits import Limits
from firmware.base.wire.hmac import hmac_sha256
from firmware.diagnostics.maintenance import FAILED, HELD, NONE, PURPOSE, READY, Maintenance
from tests.kit import cases, eq, raises

KEY = bytes(range(32))
# HMAC-SHA-256 of "lamplighter-maintenance-1", sixteen bytes 01H and 0000012CH, from Python's own hmac module
MAC_OF_300 = "de3509b170f6440dc7373e2b5872cbe883c8f38dceb9849fe6a9565faccae437"


class Door:
    """The hall as maintenance sees it."""

    def __init__(self, resting=True, flag_fault=None):
        self.calls = []
        self.resting = resting
        self.flag_fault = flag_fault

    def hold(self):
        self.calls.append("hold")

    def at_rest(self):
        return self.resting

    def go_on(self):
        self.calls.append("go_on")

    def leave(self, seconds):
        self.calls.append(seconds)
        if self.flag_fault:
            raise self.flag_fault
        return True


class Dice:
    def __init__(self):
        self.thrown = 0

    def __call__(self, count):
        self.thrown += 1
        return bytes([self.thrown] * count)


def order_of(door=None, key=KEY, **limits):
    return Maintenance(key, Dice(), door or Door(), Limits(**limits))


def mac_of(nonce, seconds, key=KEY):
    raw = bytes([int(nonce[at : at + 2], 16) for at in range(0, len(nonce), 2)])
    tag = hmac_sha256(key, (PURPOSE, raw, bytes([0, 0, seconds >> 8, seconds & 0xFF])))
    return "".join(["%02x" % byte for byte in tag])


def refused(order, seconds, mac, now_ms):
    return raises(Refused, order.order, seconds, mac, now_ms).reason


def test_the_right_mac_holds_relay_work_and_leaves_when_it_is_done():
    door = Door(resting=False)
    order = order_of(door)
    order.order(300, mac_of(order.challenge(0), 300), 10)
    eq((order.state, door.calls), (HELD, ["hold"]))
    eq(order.step(5_000), HELD)
    door.resting = True
    eq(order.step(6_000), READY)
    eq(door.calls, ["hold", 300])
    eq((order.synced, order.resting, order.seconds), (True, True, 300))
    eq(order.step(7_000), READY)
    eq(door.calls, ["hold", 300])  # once


def test_the_mac_is_the_one_that_any_library_makes():
    order = order_of()
    eq(mac_of(order.challenge(0), 300), MAC_OF_300)
    order.order(300, MAC_OF_300, 0)
    eq(order.state, HELD)


def test_relay_work_that_does_not_end_is_waited_for_so_long_and_no_longer():
    order = order_of(Door(resting=False), maintenance_wait_ms_max=60_000)
    order.order(10, mac_of(order.challenge(0), 10), 0)
    eq(order.step(59_999), HELD)
    eq(order.step(60_000), READY)
    eq(order.resting, False)


def test_a_flag_that_cannot_be_written_lets_the_gateway_live_on_and_it_may_be_asked_again():
    door = Door(flag_fault=StorageFault("full"))
    order = order_of(door)
    order.order(300, mac_of(order.challenge(0), 300), 0)
    eq(order.step(1), FAILED)
    eq(door.calls, ["hold", 300, "go_on"])
    door.flag_fault = None
    order.order(300, mac_of(order.challenge(2), 300), 3)
    eq(order.step(4), READY)


def test_a_wrong_mac_uses_the_challenge_up_and_begins_a_pause_that_doubles():
    order = order_of(maintenance_wrong_pause_ms=2_000, maintenance_wrong_pause_max_ms=5_000)
    nonce = order.challenge(0)
    good = mac_of(nonce, 300)
    eq(refused(order, 300, "0" * 64, 0), "mac")
    eq(refused(order, 300, good, 1_999), "wait")
    eq(raises(Refused, order.challenge, 1_999).reason, "wait")
    eq(refused(order, 300, good, 2_000), "challenge")
    now_ms = 2_000
    for pause_ms in (4_000, 5_000, 5_000):
        order.challenge(now_ms)
        eq(refused(order, 300, "0" * 64, now_ms), "mac")
        eq(order.pause_ms(now_ms), pause_ms)
        now_ms += pause_ms
    eq((order.wrong, order.state), (4, NONE))
    order.order(300, mac_of(order.challenge(now_ms), 300), now_ms)
    eq(order.state, HELD)


def test_what_does_not_verify():
    def check(name, seconds, change):
        door = Door()
        order = order_of(door)
        mac = change(mac_of(order.challenge(0), 300))
        eq(refused(order, seconds, mac, 0), "mac", name)
        eq((order.state, order.wrong, door.calls), (NONE, 1, []))

    cases(
        [
            ("other seconds", 301, lambda mac: mac),
            ("one bit", 300, lambda mac: ("0" if mac[0] != "0" else "1") + mac[1:]),
            ("last digit", 300, lambda mac: mac[:-1] + ("0" if mac[-1] != "0" else "1")),
            ("short", 300, lambda mac: mac[:-2]),
            ("empty", 300, lambda mac: ""),
            ("long", 300, lambda mac: mac + "00"),
            ("capitals", 300, lambda mac: "A" + mac[1:]),
            ("no hex", 300, lambda mac: "zz" + mac[2:]),
            ("another key", 300, lambda mac: mac_of("01" * 16, 300, bytes(32))),
            ("another nonce", 300, lambda mac: mac_of("02" * 16, 300)),
            ("no text", 300, lambda mac: None),
        ],
        check,
    )


def test_a_challenge_counts_once():
    door = Door(flag_fault=StorageFault("full"))
    order = order_of(door)
    mac = mac_of(order.challenge(0), 300)
    order.order(300, mac, 0)
    eq(refused(order, 300, mac, 0), "busy")
    order.step(1)
    eq(refused(order, 300, mac, 2), "challenge")


def test_a_challenge_is_void_when_another_is_given_or_its_time_is_over():
    order = order_of(maintenance_challenge_ms=30_000)
    first = mac_of(order.challenge(0), 300)
    second = mac_of(order.challenge(0), 300)
    eq(first == second, False)
    eq(refused(order, 300, second, 30_000), "challenge")
    eq(refused(order, 300, first, 30_000), "challenge")
    mac = mac_of(order.challenge(40_000), 300)
    order.order(300, mac, 69_999)
    eq(order.state, HELD)


def test_seconds_out_of_range_do_not_use_the_challenge_up():
    order = order_of()
    nonce = order.challenge(0)
    for seconds in (0, 9, 3_601, -300, True, "300", None, 1 << 40):
        eq(refused(order, seconds, mac_of(nonce, 300), 0), "argument", str(seconds))
    order.order(3_600, mac_of(nonce, 3_600), 0)
    eq(order.state, HELD)


def test_ticks_wrap_under_a_challenge_a_pause_and_a_wait():
    start_ms = ticks.add(0, -1_000)
    order = order_of(Door(resting=False))
    order.challenge(start_ms)
    eq(refused(order, 300, "0" * 64, start_ms), "mac")
    eq(order.pause_ms(ticks.add(start_ms, 1_500)), 500)
    now_ms = ticks.add(start_ms, 2_500)
    order.order(300, mac_of(order.challenge(now_ms), 300), ticks.add(now_ms, 29_999))
    eq(order.step(ticks.add(now_ms, 60_000)), HELD)
    eq(order.step(ticks.add(now_ms, 90_000)), READY)
