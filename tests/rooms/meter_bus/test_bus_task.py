"""The bus as it lives: a virtual line at 2400 baud with meters that answer, sleep, and take orders."""

import json

from firmware.base import aio, relay
from firmware.base.limits import Limits
from firmware.meter_bus import counters
from firmware.meter_bus.bus_task import MeterBus
from firmware.meters.dlt645.protocol import Dlt645Protocol
from firmware.meters.model import Meter
from firmware.meters.model_document import load_model
from tests.fake_site import FakeLine, FakeMeter, frame
from tests.kit import eq

NOON_S = 1_790_000_000


def export_model():
    with open("firmware/meters/models/export_1p.json") as file:
        return load_model(json.loads(file.read()))


class Sink:
    """Remembers what the bus learned. Readings are counted, and only the first few kept: a long list of small tuples,
    each from another moment, leaves no room for anything big in a heap that never moves its objects."""

    def __init__(self):
        self.counts = [0] * 8
        self.readings = []
        self.phases = []
        self.silences = []
        self.clocks = []
        self.statuses = []

    def on_reading(self, reading):
        self.counts[reading.meter] += 1
        if len(self.readings) < 8:
            self.readings.append((reading.meter, reading.registers[0]))

    def on_status(self, meter, word, limit_w):
        self.statuses.append((meter, word))

    def on_relay(self, outcome):
        self.phases.append((outcome.meter, outcome.action, outcome.phase, outcome.detail))

    def wants_clock(self, meter):
        return False

    def time_to_set(self):
        return 0

    def wants_count(self, meter):
        return 0

    def wants_freeze(self, reading):
        return 0

    def wants_settlement(self, reading):
        return 0

    def on_meter_clock(self, meter, local_s):
        self.clocks.append((meter, local_s))

    def on_silence(self, meter, turns, malformed):
        self.silences.append((meter, turns, malformed))

    def on_refused(self, meter, error_word):
        self.silences.append((meter, "refused", error_word))


class Known(list):
    def model_of(self, index):
        return self[index].model


def address(number):
    return bytes([number, 0, 0, 0, 0, 0x21])


def run_for(meters, run_ms, script=None, heartbeat=None, **limits):
    """Run a bus over `meters` for `run_ms` of virtual time -> (sink, bus); `script(bus)` is awaited meanwhile."""
    model = export_model()
    sink = Sink()
    kept = []

    async def life():
        line = FakeLine(meters)
        known = Known([Meter(meter.address, model) for meter in meters])
        bus = MeterBus(line, Dlt645Protocol(), known, Limits(**limits), sink, lambda: (1, 2), heartbeat or (lambda: None))
        kept.append(bus)
        task = aio.create_task(bus.run())
        if script:
            await script(bus)
        await aio.sleep_ms(run_ms)
        eq(task.done(), False, "the bus died")
        await aio.cancel(task)

    aio.run_virtual(life)
    return sink, kept[0]


def test_all_meters_are_read_in_turn_with_their_registers():
    meters = [FakeMeter(address(n), register_cwh=n * 1000) for n in (1, 2, 3)]
    sink, bus = run_for(meters, 10_000, poll_period_ms=5_000)
    eq(sink.readings[:3], [(0, 1000), (1, 2000), (2, 3000)])
    eq(bus.counters.total(counters.SILENT), 0)


def test_one_dead_meter_of_eight_costs_the_others_less_than_a_tenth():
    rounds = []
    for dead in (False, True):
        meters = [FakeMeter(address(n)) for n in range(1, 9)]
        meters[3].silent = dead
        sink, _ = run_for(meters, 600_000, poll_period_ms=0)
        rounds.append(sink.counts[0])
    without, beside = rounds
    # seven living meters get the turns of eight: compare the readings of one meter with what seven alone would get
    eq(beside * 10 >= without * 9, True, "%d readings alone, %d beside a dead meter" % (without, beside))


def test_a_meter_that_comes_back_is_read_within_five_minutes():
    meters = [FakeMeter(address(1)), FakeMeter(address(2))]
    meters[1].silent = True

    async def wake(bus):
        await aio.sleep_ms(1_800_000)
        meters[1].silent = False

    sink, _ = run_for(meters, 310_000, wake, poll_period_ms=60_000)
    eq(sink.counts[1] > 0, True)


def test_a_cut_goes_ahead_of_readings_and_is_read_back():
    meters = [FakeMeter(address(n), power_w=1000) for n in (1, 2, 3)]
    for meter in meters:
        meter.clock_s = NOON_S

    async def cut(bus):
        await aio.sleep_ms(2_000)
        bus.order(2, relay.CUT)

    sink, _ = run_for(meters, 8_000, cut, poll_period_ms=1_000)
    eq(meters[2].orders, [0x1A])
    eq([phase for meter, _, phase, _ in sink.phases], [relay.ACKNOWLEDGED, relay.VERIFIED])
    eq(sink.clocks[0][0], 2)
    eq(abs(sink.clocks[0][1] - NOON_S) < 10, True)


def test_a_restore_waits_for_one_probe_of_a_dead_meter_and_not_for_its_retries():
    meters = [FakeMeter(address(1)), FakeMeter(address(2))]
    meters[0].silent = True
    meters[1].clock_s = NOON_S
    meters[1].status = 0x50
    waited = []

    async def pay(bus):
        bus.order(0, relay.STATUS)
        while bus.counters.total(counters.SILENT) < 6:  # the retries of the order and of the first reading
            await aio.sleep_ms(50)
        await aio.sleep_ms(1_200)  # the next probe of the dead meter is on the line
        ordered_ms = aio.now_ms()
        bus.order(1, relay.RESTORE)
        while not meters[1].orders:
            await aio.sleep_ms(50)
        waited.append(aio.now_ms() - ordered_ms)

    run_for(meters, 1_000, pay, poll_period_ms=60_000)
    eq(waited[0] < 3_000, True, "the close was sent after %d ms" % waited[0])


def test_a_lost_answer_to_a_cut_is_never_answered_by_a_second_cut_that_was_not_needed():
    meters = [FakeMeter(address(1))]
    meters[0].clock_s = NOON_S
    meters[0].deaf_to_relay = True

    async def cut(bus):
        bus.order(0, relay.CUT)

    sink, _ = run_for(meters, 60_000, cut)
    eq(meters[0].orders, [0x1A], "the relay had moved; the status word said so")
    eq([phase for _, _, phase, _ in sink.phases], [relay.NO_ANSWER, relay.VERIFIED])


def test_a_relay_that_does_not_move_is_reported_not_hammered():
    meters = [FakeMeter(address(1))]
    meters[0].clock_s = NOON_S
    meters[0].stuck = True

    async def cut(bus):
        bus.order(0, relay.CUT)

    sink, _ = run_for(meters, 1_200_000, cut)
    eq(meters[0].orders, [0x1A])
    eq(sink.phases[-1][2], relay.DISAGREES)


def test_readings_of_others_go_on_while_a_relay_waits_for_its_next_look():
    meters = [FakeMeter(address(1)), FakeMeter(address(2))]
    meters[0].clock_s = NOON_S
    meters[0].stuck = True

    async def cut(bus):
        bus.order(0, relay.CUT)

    sink, _ = run_for(meters, 60_000, cut, poll_period_ms=1_000)
    eq(sink.counts[1] > 30, True)


class WordyMeter(FakeMeter):
    """Says with each answer that more follows."""

    def answer(self, control, data):
        self.requests += 1
        follow_up = bytes(data) if control == 0x12 else bytes(data[:4])
        return frame(self.address, control | 0xA0, follow_up[:4] + b"\x00\x00\x00\x00" + follow_up[4:])


def test_a_meter_of_many_words_is_no_stuck_task():
    beats_ms = []

    def beat():
        beats_ms.append(aio.now_ms())

    meter = WordyMeter(address(1), delay_ms=600)
    run_for([meter], 300_000, heartbeat=beat, poll_period_ms=1_000)
    gaps = [beats_ms[place + 1] - beats_ms[place] for place in range(len(beats_ms) - 1)]
    eq(meter.requests > 100, True, "the meter was asked only %d times" % meter.requests)
    eq(max(gaps) < 10_000, True, "no sign of life for %d ms" % max(gaps))


def test_a_cut_waits_minutes_for_a_silent_meter_and_is_then_dropped():
    meters = [FakeMeter(address(1))]
    meters[0].clock_s = NOON_S
    meters[0].silent = True

    async def cut(bus):
        bus.order(0, relay.CUT)
        await aio.sleep_ms(299_000)
        meters[0].silent = False

    sink, _ = run_for(meters, 300_000, cut, relay_silences_max=100)
    eq((meters[0].orders, sink.phases), ([], [(0, relay.CUT, relay.GIVEN_UP, relay.SILENT)]))
