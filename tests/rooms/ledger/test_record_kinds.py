"""Kinds of records: what each is called, what it is made of and which space it may use stand in three tables that must agree."""

from firmware.ledger import record_kinds as kinds
from tests.kit import eq

WORDS = kinds.WORDS.split("\n")


def test_each_kind_has_a_name_for_each_of_its_fields():
    eq(len(WORDS), kinds.KINDS)
    for kind in range(1, kinds.KINDS):
        eq(kinds.layout_of(kind).names(), WORDS[kind].split(" ")[1:])  # Broken when they do not fit the code


def test_what_is_no_kind_has_no_code():
    for kind in (-1, 0, kinds.KINDS, 255):
        eq((kinds.code_of(kind), kinds.layout_of(kind)), (None, None))


def test_each_kind_is_named_as_its_constant():
    for kind in range(1, kinds.KINDS):
        eq(getattr(kinds, WORDS[kind].split(":")[0]), kind)


def test_only_what_gives_supply_back_is_above_the_ordinary_decision():
    verdicts = [verdict for verdict in range(8) if kinds.class_of(kinds.DECISION, (1001, verdict)) == kinds.CREDIT_CLASS]
    eq(verdicts, [2, 5])


def test_books_and_credits_keep_their_classes():
    ordinary = "SEGMENT CHARGE HELD EPISODE NOTICE DECISION DOCUMENT CLOCK EVENT LEVEL MONTH EMERGENCY REASON".split(" ")
    books = "EPOCH SNAPSHOT_BEGIN SNAPSHOT_ROW SNAPSHOT_END BRAKE ACKED SUSPECT".split(" ")
    for kind in range(1, kinds.KINDS):
        name = WORDS[kind].split(":")[0]
        klass = kinds.BOOKS if name in books else kinds.ORDINARY if name in ordinary else kinds.CREDIT_CLASS
        eq(kinds.class_of(kind, (0, 0)), klass, name)
