"""Code that is loaded for one call: its answer, its faults, and that nothing of it stays on MicroPython."""

import sys

import firmware.base
from firmware.base.faults import BadInput
from firmware.base.rare import Rare
from tests.kit import eq, raises

MODULE = "firmware.base.decimal_text"
KEEPS = sys.implementation.name == "cpython"


def loaded():
    return MODULE in sys.modules, hasattr(firmware.base, "decimal_text")


def let_go():
    if MODULE in sys.modules:
        del sys.modules[MODULE]
        delattr(firmware.base, "decimal_text")


def test_the_answer_comes_and_the_module_goes():
    let_go()
    parse = Rare(MODULE, "parse_decimal")
    for _ in range(2):
        eq(parse("1.25", 2, "price"), 125)
        eq(loaded(), (KEEPS, KEEPS))


def test_a_fault_goes_up_and_is_of_the_class_that_everybody_knows():
    let_go()
    raises(BadInput, Rare(MODULE, "parse_decimal"), "x", 2, "price")
    eq(loaded(), (KEEPS, KEEPS))


def test_what_was_loaded_before_stays():
    let_go()
    __import__(MODULE)
    eq(Rare(MODULE, "format_decimal")(125, 2), "1.25")
    eq(loaded(), (True, True))


def test_a_name_that_does_not_exist_is_our_own_bug():
    let_go()
    raises(AttributeError, Rare(MODULE, "no_such_function"))
