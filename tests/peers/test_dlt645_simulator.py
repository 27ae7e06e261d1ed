"""The questions of the bus against the simulated meters, which share no code with the firmware."""

from __future__ import annotations

from typing import Any

import pytest

from firmware.base import questions, relay
from firmware.meters.dlt645 import relay as words
from firmware.meters.dlt645.exchange import Exchange
from firmware.meters.dlt645.protocol import Dlt645Protocol
from firmware.meters.model import ENFORCEABLE, OWN_PURSE, Meter, enforceable
from host_tools.simulators.virtual import VirtualBench
from tests.peers.meter_models import model

ADDRESS = "210000000009"
SERIAL = bytes.fromhex(ADDRESS)[::-1]
WAIT_MS = 1500


class Line:
    """One simulated meter and our protocol on virtual time."""

    def __init__(self, sim_model: str | None, our_model: str, **sim: Any) -> None:
        site = {"address": ADDRESS, "load": 0, "forward_cwh": 123456, "energy_speed": 0, "history_days": 10, **sim}
        if sim_model:
            site["model"] = sim_model
        baud = 1200 if our_model == "legacy_1997" else 2400
        self.bench = VirtualBench({"line": {"baud": baud}, "meters": [site]})
        self.meter = Meter(SERIAL, model(our_model))
        self.protocol = Dlt645Protocol()

    def ask(self, question: int, arg: Any = None) -> int:
        self.protocol.begin(question, self.meter, arg)
        return self.run(self.protocol)

    def run(self, machine: Dlt645Protocol | Exchange) -> int:
        for _ in range(20):
            self.bench.send(bytes(machine.request[: machine.request_end]))
            raw = self.bench.listen(WAIT_MS).raw
            machine.feed(raw, 0, len(raw))
            event = machine.next_event()
            if event != questions.SEND:
                return event
        raise AssertionError("no end")

    def order(self, action: int) -> int:
        assert self.ask(questions.READ_CLOCK) == questions.DONE
        return self.ask(questions.SEND_RELAY, (action, self.protocol.clock_s + 300))

    def status(self) -> int:
        assert self.ask(questions.READ_STATUS) == questions.DONE
        return self.protocol.status_word


def test_total_clock_load_identity_and_freeze_of_a_plain_meter():
    line = Line("export_single", "export_1p", load=2345)
    assert line.ask(questions.READ_ENERGY) == questions.DONE
    assert line.protocol.registers == [123456, None, None, None, None]
    assert line.ask(questions.READ_LOAD) == questions.DONE
    assert line.protocol.power_w == 2345
    assert line.ask(questions.READ_IDENTITY) == questions.DONE
    assert line.protocol.identity is not None
    assert line.ask(questions.READ_CLOCK) == questions.DONE
    now_s = line.protocol.clock_s
    assert line.ask(questions.READ_FREEZE, 1) == questions.DONE
    assert line.protocol.freeze_s % 86400 == 0 and 0 <= now_s - line.protocol.freeze_s < 86400
    newest = line.protocol.registers[0]
    assert line.ask(questions.READ_FREEZE, 2) == questions.DONE
    assert line.protocol.registers[0] <= newest <= 123456
    assert line.ask(questions.READ_FREEZE, 60) == questions.DONE
    assert line.protocol.freeze_s is None


@pytest.mark.parametrize("sim", [{}, {"refuse_blocks": True}, {"max_data": 16}])
def test_freezes_and_settlement_registers_are_those_of_the_meters_own_midnights(sim):
    start = {"forward_rates_cwh": [100, 200, 300, 400], "forward_cwh": 1000, "load": 6000}
    line = Line("three_phase_4rate", "three_phase_tou", energy_speed=1, **start, **sim)
    line.bench.pass_ms(70 * 86_400_000)
    history = line.bench.meter().history
    for number, shot in enumerate(history.daily, start=1):
        assert line.ask(questions.READ_FREEZE, number) == questions.DONE
        assert line.protocol.freeze_s == shot.local_ms // 1000
        assert line.protocol.registers == list(shot.forward)
    assert number == 62
    assert len(history.settlements) > 1
    for number, shot in enumerate(history.settlements, start=1):
        assert line.ask(questions.READ_SETTLEMENT, number) == questions.DONE
        assert line.protocol.settles == (1, 0)
        assert line.protocol.registers == list(shot.forward)


def test_a_meter_without_freezes_still_keeps_its_settlement_register():
    line = Line("base_standard", "base_2007", energy_speed=1, load=3000, settlement_day="1512")
    line.bench.pass_ms(40 * 86_400_000)
    assert line.ask(questions.READ_SETTLEMENT, 1) == questions.DONE
    assert line.protocol.settles == (15, 12)
    assert line.protocol.registers[0] == line.bench.meter().history.settlements[0].forward[0] > 123456
    assert Line("base_standard", "base_2007", settlement_day="9999").ask(questions.READ_SETTLEMENT, 1) == questions.DONE


@pytest.mark.parametrize("item", ["0000310215", "000031AA15", "FFFFFFFFFF", "6000010126", "0024010126"])
def test_a_freeze_with_no_date_is_no_freeze(item):
    line = Line("export_single", "export_1p", extra_items={"05060001": item})
    assert line.ask(questions.READ_FREEZE, 1) == questions.DONE
    assert line.protocol.freeze_s is None and line.protocol.registers[0] is None


@pytest.mark.parametrize("sim", [{}, {"refuse_blocks": True}, {"max_data": 16}])
def test_rates_come_however_the_meter_hands_them_out(sim):
    line = Line("three_phase_4rate", "three_phase_tou", forward_rates_cwh=[11, 22, 33, 44], forward_cwh=110, **sim)
    assert line.ask(questions.READ_ENERGY) == questions.DONE
    assert line.protocol.registers == [110, 11, 22, 33, 44]
    assert line.meter.block_refused == bool(sim.get("refuse_blocks"))


@pytest.mark.parametrize(("sim_model", "our_model"), [("export_single", "export_1p"), ("newer_words", "export_1p")])
def test_cut_and_restore_are_acknowledged_and_read_back(sim_model, our_model):
    line = Line(sim_model, our_model)
    assert enforceable(line.meter.model, line.status()) == ENFORCEABLE
    assert line.order(relay.CUT) == questions.DONE
    line.bench.pass_ms(5000)
    assert words.relay_open(line.status()) and words.command_open(line.status())
    assert line.order(relay.RESTORE) == questions.DONE
    line.bench.pass_ms(5000)
    assert not words.relay_open(line.status())
    assert line.order(relay.ALARM_ON) == questions.DONE
    assert words.alarm(line.status())


def test_a_meter_with_a_button_stays_armed_until_it_is_pressed():
    line = Line("export_button", "button_1p")
    assert line.order(relay.CUT) == questions.DONE
    line.bench.pass_ms(5000)
    assert line.order(relay.RESTORE) == questions.DONE
    line.bench.pass_ms(5000)
    assert words.relay_open(line.status()) and not words.command_open(line.status())


def test_an_expired_order_and_a_wrong_password_are_refused_with_their_reason():
    line = Line("newer_words", "export_1p")
    assert line.ask(questions.READ_CLOCK) == questions.DONE
    late_s = line.protocol.clock_s - 60
    assert line.ask(questions.SEND_RELAY, (relay.CUT, late_s)) == questions.REFUSED
    assert words.reasons(line.protocol.error_word, line.protocol.error_width) == [words.VALID_UNTIL_PAST]
    line.meter.password = b"\x02\x99\x99\x99"
    assert line.order(relay.CUT) == questions.REFUSED
    assert words.reasons(line.protocol.error_word, line.protocol.error_width) == [words.NOT_AUTHORISED]
    assert not words.relay_open(line.status())


def test_a_meter_with_its_own_purse_is_recognised_whatever_the_model_says():
    line = Line("purse_money", "export_1p")
    assert enforceable(line.meter.model, line.status()) == OWN_PURSE


def test_an_old_meter_is_read_in_its_own_edition():
    line = Line("meter_1997", "legacy_1997")
    assert line.ask(questions.READ_ENERGY) == questions.DONE
    assert line.protocol.registers[0] == 123456


def test_the_only_meter_on_the_line_tells_its_address():
    line = Line(None, "export_1p")
    exchange = Exchange()
    exchange.start_read_address()
    assert line.run(exchange) == questions.DONE
    assert bytes(exchange.data[:6]) == SERIAL
