"""The proof after the kill: each acknowledgement that is not on flash, or is there twice or changed, is a fault."""

import dataclasses

import pytest

from host_tools.demo.proof import compare
from host_tools.demo.wire_log import WireLog
from host_tools.journal_reader import Record, pack_record, parse_record
from tests.host.demo.worlds import CUSTOMER, DIGEST, image, journal, wire

DOCUMENT, CREDIT, ORDER = 2, 3, 4


def faults(records: list[Record], log: WireLog) -> list[str]:
    return compare(log, image(records)).faults


def test_a_whole_journal_has_no_fault_and_everything_is_counted():
    proof = compare(wire(journal()), image(journal()))
    assert (proof.faults, proof.unkept) == ([], [])
    assert (proof.credits, proof.orders, proof.documents, proof.countersigned, proof.published) == (1, 1, 1, 1, 5)
    assert proof.words() == "4 acknowledgements (1 credits, 1 orders, 1 documents, 1 countersigned), each once"


@pytest.mark.parametrize(("lost", "said"), [
    (DOCUMENT, "the document with digest"), (CREDIT, "credit 1 of account 1001 was acknowledged and is not here"),
    (CREDIT, "countersigned sequence 3"), (ORDER, "order 1 of account 1001 was acknowledged and is here 0 times"),
])
def test_what_was_acknowledged_and_is_lost_is_named(lost, said):
    found = faults(journal(leave_out=lost), wire(journal()))
    assert any(said in fault for fault in found), found


def test_a_credit_that_is_there_twice_is_named():
    records = journal()
    again = dataclasses.replace(records[CREDIT - 1], sequence=6)
    assert "credit 1 of account 1001 is here 2 times" in faults([*records, again], wire(records))


def test_a_credit_with_another_amount_is_named():
    log = wire(journal())
    log.credit_money[(CUSTOMER, 1, 1)] = (10_000_000, 20_000_000)
    assert faults(journal(), log) == ["credit 1 of account 1001 is here with another amount or total"]


def test_a_credit_that_a_later_total_contains_needs_no_record_of_its_own():
    log = wire(journal())
    log.credits_acked[(CUSTOMER, 1, 0)] += 1
    assert faults(journal(), log) == []
    log.credits_acked[(CUSTOMER, 1, 2)] += 1
    assert faults(journal(), log) == ["credit 2 of account 1001 was acknowledged and is not here"]


def test_an_order_that_was_answered_twice_is_named_and_a_repeat_is_not():
    records = journal()
    fields = records[ORDER - 1].fields

    def again(**change: int) -> Record:
        return parse_record(pack_record("ORDER", 6, 0, 3, 1, bytes(8), **(fields | change)))

    assert "order 1 of account 1001 was acknowledged and is here 2 times" in faults([*records, again()], wire(records))
    assert faults([*records, again(reason=3)], wire(records)) == []


def test_a_document_that_was_kept_twice_is_named():
    records = journal()
    again = dataclasses.replace(records[DOCUMENT - 1], sequence=6)
    assert faults([*records, again], wire(records)) == [f"the document with digest {DIGEST.hex()} was acknowledged and is here 2 times"]


def test_a_countersigned_hash_that_is_not_ours_is_named():
    log = wire(journal())
    log.head_end_acks.append((1, 4, b"elsewhen"))
    assert faults(journal(), log) == ["the head-end countersigned sequence 4, which is not here with that hash"]


def test_a_sequence_that_stands_twice_is_named():
    records = journal()
    assert "sequence 5 stands twice" in faults([*records, records[-1]], wire(records))


def test_what_was_published_must_stand_there_byte_for_byte():
    records, log = journal(), wire(journal())
    log.records_sent[5] = b"other bytes"
    log.records_sent[6] = b"never written"
    log.records_changed = [2]
    proof = compare(log, image(records))
    assert [fault.split(" was published")[0] for fault in proof.unkept] == ["sequence 2", "sequence 5", "sequence 6"]
    assert proof.faults == []
