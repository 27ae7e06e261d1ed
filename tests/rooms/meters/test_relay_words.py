"""Words about the relay: orders, refusals, status word 3."""

from firmware.base import relay as orders
from firmware.meters.dlt645 import relay
from tests.kit import cases, eq


def test_an_error_byte_and_an_error_word_are_read_with_their_own_lists():
    def check(word, width, want):
        eq(relay.reasons(word, width), want)

    cases(
        (
            (0x04, 1, [relay.NOT_AUTHORISED]),
            (0x06, 1, [relay.NO_SUCH_DATA, relay.NOT_AUTHORISED]),
            (0x01, 1, [relay.OTHER]),
            (0x01, 2, [relay.SUSPENDED]),
            (0x02, 2, [relay.BAD_MAC]),
            (0x04, 2, [relay.NOT_AUTHORISED]),
            (0x08, 2, [relay.AUTHENTICATION_EXPIRED]),
            (0x10, 2, [relay.VALID_UNTIL_PAST]),
            (0x20, 2, [relay.KEEP_POWER_ACTIVE]),
            (0x1C0, 2, [relay.TIMED_CLOSE]),
            (0x8000, 2, [relay.UNKNOWN]),
            (0, 1, []),
        ),
        check,
    )


def test_every_reason_has_a_name():
    for bit in range(16):
        for width in (1, 2):
            for reason in relay.reasons(1 << bit, width):
                eq(len(relay.REASON_NAMES[reason]) > 3, True)


def test_status_word_3_keeps_relay_command_alarm_purse_and_keep_power_apart():
    def check(word, relay_open, command_open, alarm, purse, keep_power):
        eq(relay.relay_open(word), relay_open)
        eq(relay.command_open(word), command_open)
        eq(relay.alarm(word), alarm)
        eq(relay.purse(word), purse)
        eq(relay.keep_power(word), keep_power)

    cases(
        (
            (0x0000, False, False, False, 0, False),
            (0x0050, True, True, False, 0, False),
            (0x0010, True, False, False, 0, False),
            (0x0040, False, True, False, 0, False),
            (0x0080, False, False, True, 0, False),
            (0x0100, False, False, False, 1, False),
            (0x0200, False, False, False, 2, False),
            (0x1000, False, False, False, 0, True),
            (0xEC2F, False, False, False, 0, False),
        ),
        check,
    )


def test_each_order_has_its_code_and_a_status_read_has_none():
    eq(relay.order_code(orders.CUT, relay.CLOSE), 0x1A)
    eq(relay.order_code(orders.RESTORE, relay.CLOSE), 0x1C)
    eq(relay.order_code(orders.RESTORE, relay.CLOSE_PERMITTED), 0x1B)
    eq(relay.order_code(orders.ALARM_ON, relay.CLOSE), 0x2A)
    eq(relay.order_code(orders.ALARM_OFF, relay.CLOSE), 0x2B)
    eq(relay.order_code(orders.STATUS, relay.CLOSE), 0)
    for code in (0x1D, 0x1E, 0x3A, 0x3B):
        eq(code in relay.CODES, False)
