"""The DNS question and its answer from memory: matched by id and question, malformed ones named, pointers never
followed.
"""

from firmware.base.faults import BadInput, Refused, WireFault
from firmware.base.wire import dns
from tests.kit import eq, raises

# RFC 1035 4.1: example.com, id 1234H
QUERY = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07example\x03com\x00\x00\x01\x00\x01"
HEAD = b"\x12\x34\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00"
QUESTION = QUERY[12:]
A_RECORD = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02\x07"


def answered(answer):
    return dns.decode_answer(answer, len(answer), QUERY)


def test_query_is_that_of_the_rfc():
    eq(dns.encode_query(0x1234, "example.com"), QUERY)
    eq(dns.encode_query(0x1234, "example.com."), QUERY)


def test_name_that_cannot_be_a_host_is_bad_input():
    for name in ("", ".", "a..b", "x" * 64, "a." * 127 + "a", "stra\u00dfe.de"):
        raises(BadInput, dns.encode_query, 1, name)


def test_address_behind_a_pointer_and_behind_an_alias_is_found():
    eq(answered(HEAD + QUESTION + A_RECORD), ["192.0.2.7"])
    alias = b"\xc0\x0c\x00\x05\x00\x01\x00\x00\x00\x3c\x00\x06\x03www\xc0\x0c"
    two = b"\x12\x34\x81\x80\x00\x01\x00\x03\x00\x00\x00\x00" + QUESTION + alias + A_RECORD + A_RECORD
    eq(answered(two), ["192.0.2.7", "192.0.2.7"])


def test_resolver_may_change_the_case_of_the_question():
    eq(answered(HEAD + b"\x07eXAMPle\x03CoM\x00\x00\x01\x00\x01" + A_RECORD), ["192.0.2.7"])


def test_answer_to_another_question_is_passed_over():
    good = HEAD + QUESTION + A_RECORD
    eq(answered(b"\x12\x35" + good[2:]), None)
    eq(answered(good[:2] + b"\x01" + good[3:]), None)  # a query, no answer
    eq(answered(HEAD + b"\x07exemple\x03com\x00\x00\x01\x00\x01" + A_RECORD), None)
    eq(answered(b"\x12\x34\x81\x80\x00\x02" + good[6:]), None)
    eq(answered(b""), None)
    eq(answered(good[:11]), None)


def test_refusals_and_names_without_address_say_so():
    eq(raises(Refused, answered, b"\x12\x34\x81\x83\x00\x01\x00\x00\x00\x00\x00\x00" + QUESTION).reason, 3)
    raises(Refused, answered, b"\x12\x34\x81\x80\x00\x01\x00\x00\x00\x00\x00\x00" + QUESTION)


def test_answer_cut_at_every_byte_is_malformed_never_an_index_error():
    good = HEAD + QUESTION + A_RECORD
    for end in range(len(HEAD + QUESTION), len(good)):
        raises(WireFault, dns.decode_answer, good, end, QUERY)


def test_names_without_end_and_loops_of_pointers_are_bounded():
    raises(WireFault, answered, HEAD + QUESTION + b"\x01a" * 300)
    raises(WireFault, answered, HEAD + QUESTION + b"\x40" + A_RECORD)
    loop = b"\xc0" + bytes((len(HEAD + QUESTION),))
    eq(answered(HEAD + QUESTION + loop + A_RECORD[2:]), ["192.0.2.7"])
    huge = HEAD + QUESTION + b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\xff\xff\xc0\x00\x02\x07"
    raises(WireFault, answered, huge)
