"""The load limit of a model that has one: read in its steps, written with password and operator."""

from firmware.base import questions, relay
from firmware.base.faults import WireFault
from firmware.base.questions import DONE, REFUSED
from firmware.meters.dlt645.protocol import Dlt645Protocol
from tests.kit import cases, eq, raises
from tests.rooms.meters.test_questions import ask, meter, sent


def test_a_load_limit_is_read_in_the_steps_of_the_model_and_none_is_told_as_none():
    def check(data, ratio, limit_w):
        of = meter("lifeline_1p")
        of.ratio = ratio
        event, protocol = ask(questions.READ_LIMIT, of, None, (0x11, "0101EE04", sent(0x91, "0101EE04" + data)))
        eq((event, protocol.limit_w), (DONE, limit_w))

    cases(
        (
            ("500000", 1, 500),
            ("500000", 40, 20_000),
            ("000000", 1, 0),
            ("999999", 1, relay.NO_LIMIT),
            ("999999", 40, relay.NO_LIMIT),
            ("989999", 1, relay.NO_LIMIT - 1),  # set, however high
            ("FFFFFF", 1, None),
            ("5A0000", 1, None),
        ),
        check,
    )


def test_a_load_limit_is_written_with_password_and_operator():
    def check(limit_w, ratio, data):
        of = meter("lifeline_1p")
        of.ratio = ratio
        event, _ = ask(questions.WRITE_LIMIT, of, limit_w, (0x14, "0101EE04" + "02370602" + "4C000000" + data, sent(0x94, "")))
        eq(event, DONE)

    cases(((500, 1, "500000"), (20_000, 40, "500000"), (relay.NO_LIMIT, 1, "999999"), (relay.NO_LIMIT, 40, "999999")), check)
    event, protocol = ask(
        questions.WRITE_LIMIT, meter("lifeline_1p"), 500, (0x14, "0101EE04023706024C000000500000", sent(0xD4, "04"))
    )
    eq((event, protocol.error_word, protocol.error_width), (REFUSED, 4, 1))


def test_the_bytes_of_a_write_made_by_hand():
    protocol = Dlt645Protocol()
    protocol.begin(questions.WRITE_LIMIT, meter("lifeline_1p"), 500)
    eq(bytes(protocol.request[: protocol.request_end]).hex(), "fefefefe6812907856341268140f34342137356a39357f3333338333337716")
    reply = bytes.fromhex("fefefefe681290785634126894001a16")
    protocol.feed(reply, 0, len(reply))
    eq(protocol.next_event(), DONE)
    protocol.begin(questions.WRITE_LIMIT, meter("lifeline_1p"), 500)
    reply = sent(0x94, "0100")
    protocol.feed(reply, 0, len(reply))
    raises(WireFault, protocol.next_event)
